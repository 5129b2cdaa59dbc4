import Alerts
import Delivery
import FaultyDisk
import Gateway
import Observations

/// One run of the gateway, from its start to its end by a stop, a kill or a power cut.
final class GatewayProcess {
  static let folder = "/state"

  let service: DeliveryService
  let watchkeeper: Watchkeeper
  let output: OutputSwitch
  let line: SirenLine
  /// The next turn of the ledger's loop on the monotonic clock, and until when it waits for the disk in the life's time.
  var turnDue: Int64? = .min
  var isTurnDue = true
  var busyUntil: Int64 = 0
  var hasStopped = false
  /// It was told to stop: nothing is observed any more.
  var isStopping = false
  private let clock: VirtualClock

  init(service: DeliveryService, watchkeeper: Watchkeeper, output: OutputSwitch, line: SirenLine, clock: VirtualClock) {
    self.service = service
    self.watchkeeper = watchkeeper
    self.output = output
    self.line = line
    self.clock = clock
  }

  /// When the ledger's loop has its next turn, in the life's time.
  func nextTurn(at now: Int64) -> Int64 {
    guard !hasStopped else { return .max }
    if isTurnDue { return max(now, busyUntil) }
    guard let turnDue else { return .max }
    // A thread sleeps for whole milliseconds.
    let due = clock.lifeTime(of: turnDue)
    let rounded = due > now && due < .max - 1_000_000 ? now + (due - now + 999_999) / 1_000_000 * 1_000_000 : due
    return max(rounded, busyUntil, now)
  }

  /// When the sensing thread is woken by a deadline.
  func nextWatch(_ clock: VirtualClock) -> Int64 {
    var next = Int64.max
    for due in [watchkeeper.nextDeadline, output.nextDeadline] {
      if let due { next = min(next, clock.lifeTime(of: due.nanoseconds)) }
    }
    return max(next, clock.now)
  }

  func wakeWatch(at time: MonotonicTime, _ clock: VirtualClock) {
    if let due = output.nextDeadline, due <= time { output.wake(at: time) }
    if let due = watchkeeper.nextDeadline, due <= time { watchkeeper.wake(at: time) }
  }
}

// MARK: Beginning and end

extension Life {
  /// Schedules what happens by itself.
  func begin() {
    schedule.add(.everythingHeals, at: Int64(hours) * .hour)
    schedule.add(.hour, at: .hour)
    schedule.add(.fault, at: chance.between(.minute, .hour))
    beginSensors()
  }

  private var settings: DeliverySettings {
    var settings = DeliverySettings(
      stateFolder: GatewayProcess.folder, brokerHost: "first", brokerPort: 1, clientID: Site.gateway,
      statusTopic: Site.topics.status, bootID: bootID)
    if world.hasFallback { settings.fallback = .init(host: "second", port: 1) }
    settings.keepAliveSeconds = world.keepAliveSeconds
    settings.limits.observationRows = 2_000
    settings.limits.historyRows = 400
    settings.limits.observationBytes = 1 << 20
    settings.timing.reserveNanoseconds = 5 * .minute
    settings.timing.ledgerRetryNanoseconds = 15 * .second
    settings.timing.observationBatchNanoseconds = world.observationBatch
    return settings
  }

  /// Starts the gateway on the disk as it is.
  ///
  /// - Returns: whether it runs.
  func boot() -> Bool {
    boots += 1
    if isNewBoot {
      isNewBoot = false
      bootID = "boot-\(boots)"
      clock.reboot()
    }
    let service: DeliveryService
    do {
      service = try openDelivery()
    } catch {
      _ = disk.takeDelay()
      if world.trouble == nil { breaks(.kept, "the ledger cannot be opened: \(error)") }
      tell("the gateway does not start: \(error)")
      return false
    }
    if service.isWithoutPast {
      bootsWithoutPast += 1
      // What it tells then is in an epoch that nobody here follows: it is tried again as if it had not begun.
      if world.trouble == nil { breaks(.kept, "the ledger cannot be read") }
      tell("nothing of the ledger can be read")
      return false
    }
    if service.wasSetAside {
      // What cannot be read time after time is set aside: this life knows nothing of what is told then.
      guard case .fails(.read, _, _, _)? = world.trouble else {
        breaks(.kept, "the ledger is taken for damaged at the start")
        return false
      }
      tell("the ledger cannot be read and is set aside: the life ends here")
      isOver = true
      return false
    }
    if service.statistics.ledger != .working { bootsReadingOnly += 1 }
    let isForgetful = notes.isForgetful
    judged { () throws(Breach) in
      try judge.begins(lastSequences: service.lastSequences, isForgetful: isForgetful)
    }
    process = watch(with: service)
    tell("the gateway runs, \(service.lastSequences["alert"] ?? 0) is the last number")
    return breach == nil
  }

  private func openDelivery() throws(DeliveryError) -> DeliveryService {
    let clock = clock
    let formats = Site.formats(boot: bootID, epoch: "", previousEpoch: nil, withCAP: world.withCAP)
    let random = RandomSource(seed: chance.next())
    let handOver = HandOver(formats: formats) { clock.moment }
    let closures = DeliveryClosures(
      freeze: { handOver.freeze($0) }, correct: { handOver.correct($0, madeNanoseconds: $1) },
      mayFreezeAhead: { handOver.mayFreezeAhead },
      head: { head in
        RetainedState(
          topic: Site.topics.head(SubjectID(head.stream)),
          payload: formats.head(
            Alerts.StreamHead(
              stream: head.stream, epoch: head.epoch, previousEpoch: nil, last: head.last,
              deliveredThrough: head.deliveredThrough), at: clock.moment), urgency: .spread)
      }, digest: quickDigest, now: { clock.monotonic }, wallMilliseconds: { clock.wallMilliseconds }, disk: disk,
      identify: { random.identifier() })
    return try DeliveryService(
      settings: settings, closures: closures, logger: notes.logger, random: { random.fraction() })
  }

  private func watch(with service: DeliveryService) -> GatewayProcess {
    let clock = clock
    let formats = Site.formats(
      boot: bootID, epoch: service.epoch.current, previousEpoch: service.epoch.previous, withCAP: world.withCAP)
    let names = RandomSource(seed: chance.next())
    var station = Station(plan: Site.plan, identify: { "\($0.gateway)/\(names.identifier())" })
    let records = service.takeSavedRecords()
    station.restore(
      BatchWriter.decode(records), sequences: service.lastSequences, at: clock.moment,
      sameBoot: service.savedBoot == bootID, boot: bootID,
      lostMessages: plant == .forgottenRevisions ? 0 : service.unstoredAlerts)
    var latest: [String: [UInt8]] = [:]
    if !station.activeAlerts.isEmpty,
      let reader = try? LedgerReader(path: LedgerOpener.path(in: GatewayProcess.folder), disk: disk)
    {
      for alert in station.activeAlerts {
        latest[alert.id] = (try? reader.bytes(id: alert.id, revision: alert.revision)) ?? nil
      }
    }
    let line = SirenLine(clock: clock, waits: plant == .waitingSiren)
    let output = OutputSwitch(id: Site.siren, line: line, isSafeOn: false)
    let watchkeeper = Watchkeeper(
      station: station, clock: SystemClock(read: { clock.read() }, quality: { clock.quality }), formats: formats,
      latest: latest, outputs: [output], delivery: Witness(service, self), logger: notes.logger, boot: bootID)
    let process = GatewayProcess(
      service: service, watchkeeper: watchkeeper, output: output, line: line, clock: clock)
    self.process = process
    sensors.startedAt = clock.now
    beginInput()
    watchkeeper.start(watching: watchList)
    service.retain(RetainedState(topic: Site.topics.info, payload: formats.info(), urgency: .spread))
    endInput()
    return process
  }

  /// The gateway has ended: nothing of it is left but its disk.
  func bury() {
    for client in world.clients { cut(client) }
    process?.service.stop(within: 0)
    process = nil
    judge.ends()
    guard breach == nil, !isOver else { return }
    pass(until: clock.now + chance.between(.second, isNewBoot ? 2 * .minute : 10 * .second))
  }

  /// The process is killed, or the power is cut: in the middle of whatever it does.
  func kill(_ cut: FaultyDisk.PowerCut?) {
    guard let process else { return }
    flushSome()
    disk.end()
    let left = cut.map { disk.afterPowerCut($0) } ?? disk.copy()
    if plant == .lyingDisk { left.become(.ignoresSyncs) }
    disk = left
    apply(world.trouble)
    isNewBoot = cut != nil
    judge.ends()
    process.service.link.stop(withGoodbye: false)
    isLoopWoken = true
  }

  /// An orderly stop, after which it is started again.
  func restart() {
    guard let process else { return }
    process.isStopping = true
    process.watchkeeper.stop(isReload: false)
    process.service.inbox.askToStop(by: clock.monotonic + 2_400_000_000, cause: "stop")
    isLedgerWoken = true
  }

  /// What one batch holds, told by the gateway.
  func commits(_ batch: DeliveryBatch) {
    isLedgerWoken = true
    judged { () throws(Breach) in try judge.commits(batch.messages) }
    guard let process else { return }
    // Of several switchings the last one holds; what is off when a process begins need not be switched off.
    if let action = batch.actions.last(where: { $0.output == Site.siren.text }),
      process.line.isOn != action.isOn || action.isOn && process.line.setAt != clock.now
    {
      breaks(
        .sirenFirst,
        "its switching \(action.isOn ? "on" : "off") (\(action.cause)) is handed to the ledger before it is switched")
    }
    for action in batch.actions {
      tell("siren \(action.isOn ? "on" : "off"): \(action.cause)\(action.by.isEmpty ? "" : " by \(action.by)")")
    }
    for message in batch.messages where message.sequence != nil {
      tell("raised \(message.stream) \(message.sequence ?? 0): \(message.id) revision \(message.revision)")
    }
  }
}
