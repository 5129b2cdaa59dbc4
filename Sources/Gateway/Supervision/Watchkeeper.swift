package import Alerts
import Delivery
package import Logging
package import Observations
package import SensorDrivers

/// Stands between the drivers and the world on the sensing thread: hands observations to the station, switches outputs
/// at once, and gives everything else to the delivery, which never makes it wait.
package final class Watchkeeper: ObservationSink, EventSource {
  private var station: Station
  private var matcher = TagMatcher()
  private var clock: SystemClock
  private var writer: BatchWriter
  private let outputs: [OutputID: OutputSwitch]
  private let delivery: any DeliveryDesk
  private let recorder: Recorder?
  private let satellites: SatelliteClock?
  private let logger: Logger
  private let boot: String
  private let isReload: Bool
  private var effects = Effects()
  private var lastTime = MonotonicTime(nanoseconds: .min)
  private var forgetAt: MonotonicTime
  private var isLedgerDue = false
  /// How often it was told that a ledger in use was found damaged.
  private var ledgersSetAside = 0

  private var liveness: [SensorID: SensorLiveness]
  /// What outputs told of themselves and the station is yet to hear: the newest of each.
  private var outputStates: [(output: OutputID, fault: FaultCause?)] = []

  /// When a sensor was last heard, and why it is not believed.
  struct SensorLiveness {
    var lastHeard: MonotonicTime?
    var fault: FaultCause?
  }

  init(
    station: Station, clock: SystemClock, formats: Formats, latest: [String: [UInt8]], outputs: [OutputSwitch],
    delivery: any DeliveryDesk, recorder: Recorder? = nil, satellites: SatelliteClock? = nil, logger: Logger,
    boot: String, isReload: Bool
  ) {
    self.logger = logger
    self.boot = boot
    self.isReload = isReload
    self.station = station
    self.clock = clock
    self.writer = BatchWriter(formats: formats, latest: latest)
    self.outputs = Dictionary(uniqueKeysWithValues: outputs.map { ($0.id, $0) })
    self.delivery = delivery
    self.recorder = recorder
    self.satellites = satellites
    liveness = Dictionary(uniqueKeysWithValues: formats.context.plan.sensors.map { ($0.id, SensorLiveness()) })
    forgetAt = clock.moment(at: MonotonicTime(nanoseconds: 0)).monotonic
  }

  /// The same without a recording and without satellites.
  package convenience init(
    station: Station, clock: SystemClock, formats: Formats, latest: [String: [UInt8]], outputs: [OutputSwitch],
    delivery: any DeliveryDesk, logger: Logger, boot: String
  ) {
    self.init(
      station: station, clock: clock, formats: formats, latest: latest, outputs: outputs, delivery: delivery,
      recorder: nil, logger: logger, boot: boot, isReload: false)
  }

  /// Starts watching, over the persons of `list` too: publishes what is known, and what an earlier run left active.
  package func start(watching list: WatchList?) {
    let now = advance()
    recorder?.record(event: isReload ? "reload" : "start", boot: boot, at: now)
    station.start(at: now, into: &effects)
    if list != nil { recorder?.record(event: "watchlist", at: now) }
    matcher.use(list)
    station.handle(.watch(list?.plan ?? .empty), at: now, into: &effects)
    delivery.retain(writer.activeState(station.activeAlerts, through: station.lastAlertSequence, at: now))
    settle(at: now)
    // By its id: a line that kept its own switch would never be let go.
    for (id, output) in outputs { output.line.tellsState = { [unowned self] in note(id, $0) } }
    takeOutputStates()
    if delivery.wasSetAside { tellLedger(.ledgerDamaged) } else { followLedger() }
  }

  /// An output told whether it can be switched: within a call, so that the station hears of it after that.
  private func note(_ output: OutputID, _ fault: FaultCause?) {
    outputStates.removeAll { $0.output == output }
    outputStates.append((output, fault))
  }

  private func takeOutputStates() {
    while !outputStates.isEmpty {
      let now = advance()
      let (output, fault) = outputStates.removeFirst()
      recorder?.record(output, cannotBeSwitched: fault, at: now)
      station.handle(.output(output, fault), at: now, into: &effects)
      settle(at: now)
    }
  }

  /// Saves what must not be lost by an orderly stop.
  package func stop(isReload: Bool) {
    let now = advance()
    if !isReload { recorder?.record(event: "stop", boot: boot, at: now) }
    effects.saves += station.snapshot(at: now)
    settle(at: now)
  }

  package var interest: EventInterest? { nil }

  package var nextDeadline: MonotonicTime? {
    if !outputStates.isEmpty { return lastTime }
    guard let due = station.nextDeadline else { return forgetAt }
    return min(due, forgetAt)
  }

  package func ready(at time: MonotonicTime) {
    // It has no descriptor.
  }

  package func wake(at time: MonotonicTime) {
    let now = advance()
    if now.monotonic >= forgetAt {
      matcher.forget(at: now.monotonic)
      forgetAt = now.monotonic + .minutes(1)
      isLedgerDue = true
    }
    station.handle(.timePasses, at: now, into: &effects)
    settle(at: now)
    takeOutputStates()
    if isLedgerDue { followLedger() }
  }

  /// Once a minute: whether the ledger can be written. One that is full for a moment is no alert.
  private func followLedger() {
    isLedgerDue = false
    let statistics = delivery.statistics
    if statistics.timesSetAside > ledgersSetAside {
      ledgersSetAside = statistics.timesSetAside
      return tellLedger(.ledgerDamaged)
    }
    var cause: FaultCause? = statistics.isYielding ? .storageReserve : nil
    if case .failing = statistics.ledger { cause = .ledgerUnwritable }
    // That it can be written ends what was said of it, but for the trial after a damage, which the station ends itself.
    let told = station.ledgerFault
    if cause != told, cause != nil || told != .ledgerDamaged { tellLedger(cause) }
  }

  private func tellLedger(_ cause: FaultCause?) {
    let now = advance()
    recorder?.record(ledger: cause, at: now)
    station.handle(.ledger(cause), at: now, into: &effects)
    settle(at: now)
  }

  /// How long a certificate lasts was looked at; nil: long enough. What is told already is not told again.
  func take(_ certificate: BoardCertificate, _ cause: FaultCause?) {
    guard station.fault(of: certificate) != cause else { return }
    let now = advance()
    recorder?.record(certificate, cause, at: now)
    station.handle(.certificate(certificate, cause), at: now, into: &effects)
    settle(at: now)
  }

  package func take(_ observations: [TimedObservation]) {
    readClock()
    handle(observations)
  }

  func take(_ actions: DriverActions, from source: DriverSource) {
    guard !actions.observations.isEmpty || !actions.calls.isEmpty else { return }
    readClock()
    for call in actions.calls {
      // What a recorded call leads to counts from the moment at which the recording has the call, so that a replay,
      // which knows no other, gives the same times.
      lastTime = max(lastTime, call.time)
      recorder?.record(call, of: source, at: clock.moment(at: lastTime))
    }
    handle(actions.observations)
  }

  /// Carries out a command of an authority, of which everything has been looked at.
  ///
  /// - Parameters:
  ///   - tag: of a search: the keyed hash of the tag.
  ///   - adding: told what became of it; what it adds to the batch, such as the answer, is committed together with what
  ///     the command caused.
  func carryOut(
    _ command: Command, tag: SHA256Hash? = nil,
    adding: (CommandAnswer.Result, Moment, inout DeliveryBatch) -> Void
  ) {
    let now = advance()
    station.handle(.timePasses, at: now, into: &effects)
    // The station knows persons alone: how many tags can be known is decided here.
    if let tag, !matcher.hasRoom(toSearchFor: tag) {
      return settle(at: now, always: true) { adding(.refused(.tooMany), now, &$0) }
    }
    recorder?.record(station.recorded(command), tag: tag?.hex, at: now)
    station.handle(.command(command), at: now, into: &effects)
    let answer = effects.answers.last
    if answer?.result == .done, case .search(let search) = command.action, let tag {
      // That there is a list, without which no tag is known, was looked at before.
      _ = matcher.search(for: tag, as: search.subject, until: search.end(at: now))
    }
    settle(at: now) { batch in
      if let answer { adding(answer.result, now, &batch) }
    }
  }

  /// The time now, on the clock by which everything is decided.
  func present() -> Moment { advance() }

  /// The revision of the list in use; nil: there is none.
  var watchlistRevision: Int? { matcher.revision }

  /// The name of the key under which the watch list's tags are hashed; nil: there is no list.
  var tagKeyIdentifier: String? { matcher.tagKeyIdentifier }

  /// Whether the watch list gives this person a tag here.
  func watches(_ subject: SubjectID) -> Bool { matcher.watches(subject) }

  /// Goes on with a search that an earlier run began. Without a list, whose key makes tags known, it waits for one.
  func goOnSearching(for tag: SHA256Hash, as subject: SubjectID, until end: TagSearchEnd) {
    _ = matcher.search(for: tag, as: subject, until: end)
  }

  private func handle(_ observations: [TimedObservation]) {
    for timed in observations {
      // A kernel's time stamp may be a little older than what was seen meanwhile; the station's time never goes back.
      lastTime = max(lastTime, timed.time)
      let moment = clock.moment(at: lastTime)
      note(timed.observation, at: lastTime)
      if case .position(_, let fix) = timed.observation, let time = fix.time { satellites?.take(time, at: timed.time) }
      // Before it is recorded: a rotating tag is resolved by this, and the recording names it by what came of it.
      let input = input(for: timed.observation, at: lastTime)
      recorder?.record(timed.observation, at: moment, matcher: matcher)
      guard let input else { continue }
      station.handle(input, at: moment, into: &effects)
      switchOutputs(at: moment)
    }
    settle(at: clock.moment(at: lastTime))
  }

  /// The time now, not before anything that was handled.
  private func advance() -> Moment {
    lastTime = max(lastTime, readClock())
    return clock.moment(at: lastTime)
  }

  /// Reads the clocks; a step of the wall clock, and that it is trusted more or less, is told to the station and to the
  /// recording at once, so that a replay sees it where it happened.
  @discardableResult
  private func readClock() -> MonotonicTime {
    let (steps, quality) = (clock.steps, clock.quality)
    let now = clock.now()
    matcher.follow(now.wall)
    matcher.endSearches(at: now)
    if clock.hasChanged(since: steps, quality) {
      lastTime = max(lastTime, now.monotonic)
      let moment = clock.moment(at: lastTime)
      recorder?.record(event: "clock_step", boot: nil, at: moment)
      station.handle(.timePasses, at: moment, into: &effects)
    }
    return now.monotonic
  }

  private func input(for observation: Observation, at time: MonotonicTime) -> StationInput? {
    StationInput(observation) { sensor, sighting in matcher.input(for: sighting, from: sensor, at: time) }
  }

  private func note(_ observation: Observation, at time: MonotonicTime) {
    switch observation {
    case .reading(let sensor, _), .contact(let sensor, _), .tips(let sensor, _), .position(let sensor, _),
      .alive(let sensor):
      liveness[sensor] = SensorLiveness(lastHeard: time, fault: nil)
    case .fault(let sensor, let cause): liveness[sensor]?.fault = cause
    case .sighting: break
    }
  }

  /// What the heartbeat tells of a sensor. One whose fault is an alert is faulty until that is cleared.
  func liveness(of sensor: SensorID) -> SensorLiveness {
    var known = liveness[sensor] ?? SensorLiveness()
    known.fault = station.declaredFault(of: sensor) ?? known.fault
    return known
  }

  /// The readings of a sensor that were not believed, for the heartbeat.
  func rejectedReadings(of sensor: SensorID) -> [HealthReport.Counter] {
    station.rejectedReadings(of: sensor).map { HealthReport.Counter(name: $0.cause.rawValue, count: $0.count) }
  }

  /// The soil water index of a rain gauge, for the heartbeat.
  func soilWaterIndex(of sensor: SensorID, at moment: Moment) -> Measure? {
    station.rainSums(of: sensor, at: moment)?.soilWaterIndex
  }

  /// What the tag matcher had to give up, for the heartbeat.
  var matcherDrops: (postponedAddresses: UInt64, earlyForgets: UInt64) {
    (matcher.postponedAddresses, matcher.earlyForgets)
  }

  /// The siren first: it waits neither for the ledger nor for the rest of a batch.
  private func switchOutputs(at moment: Moment) {
    for change in effects.outputs {
      outputs[change.output]?.set(on: change.on, at: moment.monotonic)
    }
    switched += effects.outputs
    effects.outputs.removeAll(keepingCapacity: true)
  }

  /// Changes of outputs that were carried out and are yet to be published.
  private var switched: [Effects.OutputChange] = []

  /// Watches over the persons of another list from now on; `record` is committed together with what that changes.
  func use(_ list: WatchList, record: StateRecord) {
    let now = advance()
    recorder?.record(event: "watchlist", at: now)
    matcher.use(list)
    station.handle(.watch(list.plan), at: now, into: &effects)
    settle(at: now, always: true) { $0.records.append(record) }
  }

  private func settle(at moment: Moment, always: Bool = false, adding: (inout DeliveryBatch) -> Void = { _ in }) {
    switchOutputs(at: moment)
    effects.outputs = switched
    switched.removeAll(keepingCapacity: true)
    guard !effects.isEmpty || always else { return }
    for alert in effects.alerts { tell(alert) }
    var batch = writer.batch(
      for: effects, active: station.activeAlerts, through: station.lastAlertSequence, at: moment)
    adding(&batch)
    delivery.commit(batch)
    effects.removeAll()
  }

  /// A faulty sensor is told in the log as well: who stands before the board with a screwdriver has no broker.
  private func tell(_ alert: Alert) {
    let isFault = alert.kind == .sensorFault || alert.kind == .blind || alert.kind == .outputFault
    guard isFault, let fault = alert.fault else { return }
    let name = alert.sensor.bare
    switch (alert.message, alert.reason) {
    case (.raise, _), (.update, "cause"):
      logger.warning("\(name) is faulty: \(fault). Its page in docs/sensors says what to do.")
    case (.update, _): break
    case (.clear, _): logger.notice("\(name) is not faulty any more: \(fault) is over.")
    }
  }
}
