import Delivery
import FaultyDisk
import Gateway
import Observations

/// One gateway's life of some hundred hours, with all that fails in it: the same for the same seed.
///
/// All of it happens on one thread. The gateway's own MQTT loop is what runs; whenever it sleeps, the life goes on until
/// something wakes it: ledger turns, sensors, the broker's end of the connection, faults. Hours in which nothing is due
/// cost nothing.
final class Life {
  /// What is scheduled.
  enum Event {
    case sensor(SensorEvent)
    case attemptEnds(VirtualAttempt)
    case packetArrives(VirtualClient)
    case answer(VirtualClient, BrokerNotice)
    /// A sign of life from the broker.
    case sign(VirtualClient)
    case fault
    case faultEnds(WorldFault, number: Int)
    case hour
    case everythingHeals
    case drainCheck
  }

  let hours: Int
  let plant: PlantedFault?
  let isTracing: Bool
  let watchList: WatchList
  var chance: Chance
  let clock = VirtualClock()
  let notes: LogNotes
  var schedule = Schedule<Event>()
  var judge: Judge
  var disk = FaultyDisk()
  var world: World
  var sensors = Sensors()
  var process: GatewayProcess?
  var breach: Breach?
  /// Whether the ledger's inbox may hold something, and whether the MQTT loop may be wanted.
  var isLedgerWoken = true
  var isLoopWoken = true
  /// Everything has healed: what waits must drain until then.
  var drainsBy: Int64?
  var isOver = false
  var boots = 0
  /// Of these, with a ledger that could only be read, and without any.
  var bootsReadingOnly = 0
  var bootsWithoutPast = 0
  var isNewBoot = true
  var bootID = ""
  private(set) var trace: [String] = []
  /// The planted memory that is never given back.
  var leak: [[UInt8]] = []
  private let heapAtBirth: Int
  /// Turns of the ledger's loop in the present hour.
  var turns = 0

  init(seed: UInt64, hours: Int, plant: PlantedFault?, watchList: WatchList, isTracing: Bool = false) {
    self.hours = hours
    self.plant = plant
    self.isTracing = isTracing
    self.watchList = watchList
    var chance = Chance(seed: seed)
    world = World(&chance)
    self.chance = chance
    notes = LogNotes(isTracing: isTracing)
    judge = Judge(clock: clock)
    heapAtBirth = FaultyDisk.processHeapBytes
    if plant == .lyingDisk { disk.become(.ignoresSyncs) }
  }

  /// Lives it.
  ///
  /// - Returns: the first broken invariant; nil: all held.
  func live() -> Breach? {
    let network = VirtualNetwork(self)
    begin()
    while !isOver, breach == nil {
      if boot(), let service = process?.service {
        service.runBroker(over: network)
        bury()
      } else {
        // systemd would try ten times a second: between two tries nothing changes.
        pass(until: clock.now + chance.between(10 * .second, 15 * .minute))
      }
    }
    return breach
  }

  // MARK: Telling

  /// Keeps the last lines for who has to find out what happened.
  func tell(_ text: @autoclosure () -> String) {
    guard isTracing else { return }
    for line in notes.takeLines() { keep("  log \(line)") }
    keep(text())
  }

  private func keep(_ line: String) {
    if trace.count > 400 { trace.removeFirst(200) }
    trace.append("\(LifeTime(clock.now)) \(line)")
  }

  /// Ends the life with the first broken invariant.
  func judged(_ body: () throws(Breach) -> Void) {
    guard breach == nil else { return }
    do {
      try body()
    } catch {
      breach = error
      tell("\(error)")
      process?.service.link.stop(withGoodbye: false)
      isLoopWoken = true
    }
  }

  func breaks(_ invariant: Invariant, _ what: String) {
    judged { () throws(Breach) in throw Breach(invariant: invariant, what: what, at: clock.now) }
  }

  // MARK: Time

  /// Lets the life go on until the MQTT loop is wanted, or its sleep is over.
  ///
  /// - Returns: whether the connection has something to read.
  func sleep(with client: VirtualClient?, nanoseconds: Int64) -> Bool {
    if let client { pickUp(client) }
    let (sum, isEndless) = clock.now.addingReportingOverflow(max(0, nanoseconds))
    let limit = isEndless ? Int64.max : sum
    isLoopWoken = true
    isLedgerWoken = true
    var stillness = 0
    while breach == nil, let process {
      if isLoopWoken {
        isLoopWoken = false
        let wake = process.service.link.wake
        if wake.wait(nanoseconds: 0) {
          wake.clear()
          return client?.isReadable ?? false
        }
      }
      if let client, client.isReadable { return true }
      let next = min(schedule.next, nextOfProcess(process))
      guard next <= limit else {
        clock.now = limit
        return false
      }
      stillness = next > clock.now ? 0 : stillness + 1
      if stillness > Life.mostAtOnce { breaks(.drains, "time stands still: something is due again and again") }
      clock.now = next
      happen(process)
    }
    return false
  }

  /// Time passes while no gateway runs.
  func pass(until time: Int64) {
    while breach == nil, !isOver, schedule.next <= time {
      clock.now = schedule.next
      if let event = schedule.take() { take(event) }
    }
    clock.now = time
  }

  private func nextOfProcess(_ process: GatewayProcess) -> Int64 {
    if isLedgerWoken {
      isLedgerWoken = false
      process.isTurnDue = process.service.inbox.wake.wait(nanoseconds: 0) || process.isTurnDue
    }
    return min(process.nextTurn(at: clock.now), process.nextWatch(clock))
  }

  private func happen(_ process: GatewayProcess) {
    let now = clock.now
    if schedule.next <= now, let event = schedule.take() {
      take(event)
    } else if process.nextTurn(at: now) <= now {
      turn(process)
    } else {
      beginInput()
      process.wakeWatch(at: clock.moment.monotonic, clock)
      endInput()
    }
  }

  /// One turn of the ledger's loop. What its disk takes, it waits for; nobody else does.
  private func turn(_ process: GatewayProcess) {
    turns += 1
    process.line.carryOut()
    process.isTurnDue = false
    let step = process.service.stepLedger()
    process.busyUntil = clock.now + disk.takeDelay() + 20_000
    isLoopWoken = true
    isLedgerWoken = true
    switch step {
    case .goesOn(let next): process.turnDue = next
    case .done:
      process.turnDue = nil
      process.hasStopped = true
    }
    let statistics = process.service.statistics
    judge.isLedgerFailing = statistics.ledger != .working
    if statistics.unwritten == 0, statistics.waiting == 0 {
      judge.allIsWritten()
      if !judge.isLedgerFailing, statistics.syncs > 0 { notes.noteDiskWorks() }
    }
    if statistics.timesSetAside > 0 { breaks(.kept, "the ledger is taken for damaged while it is used") }
    if statistics.refusedSequence > 0 { breaks(.gapless, "the ledger refuses a number") }
  }

  private func take(_ event: Event) {
    switch event {
    case .sensor(let event): take(event)
    case .attemptEnds(let attempt): end(attempt)
    case .packetArrives(let client): if let packet = client.nextWritten() { hear(packet, from: client) }
    case .answer(let client, let notice): client.arrive([notice])
    case .sign(let client): sign(client)
    case .fault: strike()
    case .faultEnds(let fault, let number): heal(fault, number)
    case .hour: lookAfterBudgets()
    case .everythingHeals: healEverything()
    case .drainCheck: checkDrain()
    }
  }

  // MARK: Budgets and the end

  private static let heapBudget = 24 << 20
  private static let diskBudget = 40 << 20
  private static let mostAtOnce = 100_000
  private static let turnsBudget = 300_000

  private func lookAfterBudgets() {
    schedule.add(.hour, at: clock.now + .hour)
    if plant == .growingMemory { leak.append([UInt8](repeating: 1, count: 2 << 20)) }
    if plant == .growingDisk {
      _ = disk.reserve(GatewayProcess.folder + "/growing.log", bytes: Int(clock.now / .hour) << 20)
    }
    let used = disk.usedBytes
    if used > Life.diskBudget { breaks(.disk, "\(used) bytes are used, \(Life.diskBudget) are allowed") }
    // The disk itself lies in memory.
    let heap = FaultyDisk.processHeapBytes - heapAtBirth - disk.heldBytes
    if heap > Life.heapBudget { breaks(.memory, "\(heap) bytes are used, \(Life.heapBudget) are allowed") }
    if turns > Life.turnsBudget { breaks(.drains, "the ledger's thread makes \(turns) turns in an hour") }
    turns = 0
  }

  private func healEverything() {
    tell("everything heals")
    world.heal()
    healDisk()
    clock.setRight()
    for client in world.clients { cut(client) }
    sensors.isCalm = true
    sensors.isSilent = false
    sensors.isWrong = false
    drainsBy = clock.now + 4 * .hour
    schedule.add(.drainCheck, at: clock.now + 2 * .minute)
  }

  private func checkDrain() {
    guard let drainsBy else { return }
    let isTooLate = clock.now >= drainsBy
    if let statistics = process?.service.statistics {
      let isEmpty =
        statistics.outbox == 0 && statistics.unwritten == 0 && statistics.waiting == 0 && statistics.inFlight == 0
        && statistics.waitingObservations == 0
      if isEmpty {
        judged { () throws(Breach) in try judge.closes() }
        judge.note(UInt64(judge.raisedCount), UInt64(judge.arrivals))
        isOver = true
        process?.service.link.stop(withGoodbye: false)
        isLoopWoken = true
        return
      }
      if isTooLate {
        breaks(
          .drains,
          "\(statistics.outbox) messages, \(statistics.unwritten) unwritten, \(statistics.waitingObservations)"
            + " observations wait and \(statistics.inFlight) are under way four hours after everything has healed")
      }
    } else if isTooLate {
      breaks(.drains, "no gateway runs four hours after everything has healed")
    }
    schedule.add(.drainCheck, at: clock.now + .minute)
  }
}
