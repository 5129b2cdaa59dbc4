internal import Logging

/// The ledger thread: writes what was decided, hands it to the broker in the right order, and keeps it until it is
/// acknowledged. Everything here belongs to that thread.
///
/// One turn: take what arrived, choose what can be sent and freeze its bytes, write all of it in one transaction, and
/// only then send.
final class LedgerLoop {
  /// What was handed over and not acknowledged yet.
  struct Flight {
    enum Content {
      case message(row: Int64, root: Int64, lane: Lane, stream: String, sequence: UInt64?)
      case retained(topic: String, version: UInt64)
      case status
      case answer(Answer)
      /// One of the backlog of observations.
      case observation(ObservationLane.Item)
      /// A message that was given up meanwhile.
      case abandoned(root: Int64, lane: Lane)
    }

    var content: Content
    var at: Int64
    /// Counts hand-overs, so that they can be repeated in order.
    var order: UInt64
    /// Bytes of it.
    var size: Int
  }

  /// The present connection.
  struct Connection {
    var terms: ConnectionTerms
    var acceptedAt: Int64
    /// How many messages may be in flight.
    var window: Int
    /// The window from then on; nil while it is that.
    var wider: (window: Int, at: Int64)?
    /// Whether the last that the broker answered was a refusal.
    var hasJustRefused = false
    var needsStatus = true
    /// Found ended; its farewell has not arrived yet.
    var isBroken = false
  }

  let settings: DeliverySettings
  let closures: DeliveryClosures
  let logger: Logger
  let inbox: Inbox
  let link: BrokerLink
  let board: StatisticsBoard
  var ledger: Ledger
  let status: StatusPayload

  var streams: StreamTable
  var statistics: DeliveryStatistics
  var nextRow: Int64
  var rows: Int
  var outboxRows: Int
  var outboxBytes: Int

  // What the ledger has yet to write: for a moment, or for as long as it fails.
  var unwritten = Unwritten()
  var unwrittenRecords: [String: StateRecord] = [:]
  var pendingFreezes: [Int64: [UInt8]] = [:]
  var pendingAcknowledgments: [Int64: Int64] = [:]
  var retryLedgerAt: Int64?
  /// When and how often SQLite said that the file is damaged, and what then takes its place.
  var damageAt: Int64?
  var damageTimes = 0
  var replacement: LedgerReplacement?
  /// Nothing could be opened at the start, and the disk is not well yet.
  var isBegunInMemory: Bool
  var isReplacementFailureLogged = false
  /// For open data, and when they and the present run are written at the latest.
  var unwrittenObservations: [ObservationRecord] = []
  /// What outputs did and is yet to be written.
  var unwrittenActions: [OutputAction] = []
  var historyDueAt: Int64
  /// What an earlier run sent from memory, to be written.
  var unstored: [UnstoredNumbers]
  var memoryMark: MemoryMark
  var isMarkFailureLogged = false
  let startedAt: Int64

  // What is to be sent, and in which order: first what was in flight, then what is new, then the backlog.
  var connection: Connection?
  var inFlight: [Int32: Flight] = [:]
  var inFlightRows: Set<Int64> = []
  var handOvers: UInt64 = 0
  var resend: [Int64] = []
  var live: [Int64] = []
  var liveRows: Set<Int64> = []
  var backlog: [StoredMessage] = []
  var mayHaveBacklog = false
  /// Ids that the broker refused, by root, and when they are tried again.
  var refused: [Int64: Int64] = [:]
  /// Those of them that are longer than the broker said it takes.
  var tooLong: Set<Int64> = []
  /// Ids, by root, of which a revision waits for the acknowledgment of an earlier one: at most those in the outbox.
  var waiting: Set<Int64> = []
  var suspects = Suspects()
  var pace: Pace

  /// Observations that the broker did not get in time.
  var lane: ObservationLane
  var reserveDueAt: Int64
  var retained: RetainedTable
  /// Streams of persons whose head changed, and when it is to be published.
  var heads: [String: Int64] = [:]
  /// Heads to be published after a connect, each at its time.
  var headRefresh: [(at: Int64, stream: String)] = []
  var hadConnection = false

  /// For whoever waits for them, oldest first, and when each came.
  var answers: [(answer: Answer, at: Int64)] = []

  var stopBy: Int64?
  private(set) var stopCause = "stop"
  var stopHalfway: Int64 = 0
  var offlineSent = false
  var offlineAcknowledged = false
  var nextPruneAt: Int64
  /// When housekeeping that failed is tried again.
  var keepHouseAt: Int64?
  /// What was said of refusals on this connection.
  var saidRefusals: Set<String> = []
  var dropsLoggedAt: Int64?
  var dropsLogged: UInt64 = 0

  init(
    settings: DeliverySettings, closures: DeliveryClosures, logger: Logger, shared: DeliveryShared, ledger: Ledger,
    opening: Ledger.Opening
  ) {
    self.settings = settings
    self.closures = closures
    self.logger = logger
    inbox = shared.inbox
    link = shared.link
    board = shared.board
    self.ledger = ledger
    isBegunInMemory = ledger.isInMemory
    status = StatusPayload(boot: settings.bootID)
    streams = StreamTable(epoch: opening.epoch, openings: opening.streams)
    statistics = board.read()
    nextRow = opening.lastRow + 1
    rows = opening.rows
    outboxRows = opening.outboxRows
    outboxBytes = opening.outboxBytes
    unstored = opening.unstored
    memoryMark = LedgerLoop.mark(ledger, opening.epoch, settings, closures)
    let now = closures.now()
    pace = Pace(perSecond: settings.limits.backlogPerSecond, burst: settings.limits.inFlight, now: now)
    retained = RetainedTable(limit: settings.limits.retainedTopics, mostBytes: settings.limits.retainedBytes)
    lane = ObservationLane(limits: settings.limits, now: now, wallMilliseconds: closures.wallMilliseconds())
    reserveDueAt = now
    nextPruneAt = now + LedgerLoop.firstPruneNanoseconds
    startedAt = now
    historyDueAt = now + settings.timing.observationBatchNanoseconds
    statistics.sinceNanoseconds = now
    if let trouble = opening.trouble {
      statistics.ledger = .failing(trouble)
      retryLedgerAt = now + settings.timing.ledgerRetryNanoseconds
    }
    publishStatistics()
  }

  /// Where it is noted what was sent from memory. An epoch that is in memory alone ends with the process: none of its
  /// numbers can be given again, and the note of another is not to be written over.
  static func mark(
    _ ledger: Ledger, _ epoch: String, _ settings: DeliverySettings, _ closures: DeliveryClosures
  ) -> MemoryMark {
    ledger.isInMemory ? MemoryMark() : MemoryMark(folder: settings.stateFolder, epoch: epoch, disk: closures.disk)
  }

  /// What follows a turn.
  enum Step {
    /// The next turn is due then without being woken; nil: nothing is scheduled.
    case goesOn(nextNanoseconds: Int64?)
    /// The work is done, and the MQTT thread is told to end.
    case done
  }

  /// Runs until it is asked to stop.
  func run() {
    while case .goesOn(let next) = step() {
      let now = closures.now()
      inbox.wake.wait(nanoseconds: next.map { $0 <= now ? 0 : $0 - now })
    }
  }

  /// One turn, and what follows it.
  func step() -> Step {
    board.beginTurn(at: closures.now())
    let isDone = turn()
    publishStatistics()
    guard isDone else { return .goesOn(nextNanoseconds: nextDeadline()) }
    link.stop(withGoodbye: offlineAcknowledged)
    return .done
  }

  /// One turn.
  ///
  /// - Returns: whether the thread's work is done.
  private func turn() -> Bool {
    let arrival = inbox.take()
    let now = closures.now()
    if stopBy == nil, let deadline = arrival.stopBy {
      stopBy = deadline
      stopCause = arrival.stopCause
      stopHalfway = now + max(0, deadline - now) / 2
    }
    for event in arrival.events { handle(event, now: now) }
    lookUpStreams()
    followWallClock()
    take(arrival, now: now)
    checkReserve(now: now)
    reserveConnectionNumbers()
    widenWindow(now: now)
    trySuspect(now: now)
    let chosen = choose(now: now)
    persist(now: now)
    if connection != nil {
      markSentFromMemory(chosen)
      sendUrgent(now: now)
      send(chosen, now: now)
      sendAnswers(now: now)
      sendStates(now: now)
      sendObservations(now: now)
      link.flush()
      checkForStuck(now: now)
    }
    keepHouse(now: now)
    logDrops(now: now)
    return stopIfDone(now: now)
  }

  /// When the next turn is due without being woken; nil when nothing is scheduled.
  private func nextDeadline() -> Int64? {
    var deadlines: [Int64] = []
    if retryLedgerAt == nil, stopBy == nil {
      deadlines.append(max(min(nextPruneAt, nextTidyNanoseconds), keepHouseAt ?? .min))
      deadlines.append(historyDueAt)
      let hasObservations = !statistics.isYielding && !lane.buffer.waiting.isEmpty
      if hasObservations || !lane.sent.isEmpty { deadlines.append(lane.writeAt) }
    }
    if let retryLedgerAt { deadlines.append(retryLedgerAt) }
    if stopBy == nil { deadlines.append(reserveDueAt) }
    if let stopBy { deadlines.append(min(stopBy, offlineSent ? stopBy : stopHalfway)) }
    guard let connection, !connection.isBroken else { return deadlines.min() }
    if let oldest = inFlight.values.map(\.at).min() {
      deadlines.append(oldest + settings.timing.acknowledgmentNanoseconds)
    }
    let hasRoom = inFlight.count < connection.window
    if hasRoom, stopBy == nil {
      if inFlight.count < backlogWindow, mayHaveBacklog || !backlog.isEmpty { deadlines.append(pace.nextNanoseconds()) }
      if let next = retained.nextNanoseconds, inFlight.count < stateWindow { deadlines.append(next) }
      if let next = nextObservationNanoseconds() { deadlines.append(next) }
      if let next = heads.values.min() { deadlines.append(next) }
      if let next = headRefresh.last?.at { deadlines.append(next) }
    }
    if !offlineSent, let next = refused.values.min(), next < .max { deadlines.append(next) }
    if let next = nextSuspectNanoseconds { deadlines.append(next) }
    if let wider = connection.wider { deadlines.append(wider.at) }
    return deadlines.min()
  }

  /// Reconnects when the broker stops acknowledging: mosquitto 2.0.11 can hold messages back until then.
  private func checkForStuck(now: Int64) {
    guard let connection, !connection.isBroken, let oldest = inFlight.values.map(\.at).min(),
      now - oldest >= settings.timing.acknowledgmentNanoseconds
    else { return }
    breakConnection(
      BrokerProblem(
        "stuck",
        "the broker has not acknowledged for \(settings.timing.acknowledgmentNanoseconds / 1_000_000_000) s:"
          + " a fresh connection is made and the messages are sent again"))
  }

  /// Says that the connection is of no more use. Its end arrives as an event.
  func breakConnection(_ problem: BrokerProblem) {
    guard let number = connection?.terms.number else { return }
    connection?.isBroken = true
    link.reconnect(connection: number, problem)
  }

  // MARK: The stop

  /// Says goodbye in half of the time at the latest, and ends when the broker has heard it or the time is over.
  private func stopIfDone(now: Int64) -> Bool {
    guard let stopBy else { return false }
    guard let connection, !connection.isBroken, now < stopBy else { return finish() }
    let hasMessages = !resend.isEmpty || !live.isEmpty || !answers.isEmpty || inFlight.values.contains { $0.isMessage }
    if !offlineSent, !hasMessages || now >= stopHalfway {
      sendStatus(status.offline(cause: stopCause, connection: connection.terms.number), now: now)
      offlineSent = true
      link.flush()
    }
    return offlineAcknowledged ? finish() : false
  }

  private func finish() -> Bool {
    retryLedgerAt = retryLedgerAt.map { _ in .min }
    keepUndeliveredObservations(now: closures.now())
    persist(now: closures.now())
    if unwritten.count > 0 {
      logger.critical(
        "Failed to write messages before the stop: they are lost if they were not delivered",
        metadata: ["messages": "\(unwritten.count)"])
    }
    try? ledger.checkpoint()
    return true
  }

  // MARK: Statistics

  func publishStatistics() {
    statistics.unwritten = unwritten.count
    statistics.outbox = outboxRows
    statistics.outboxBytes = outboxBytes
    statistics.retainedBytes = retained.bytes
    statistics.waitingObservations = ledger.waitingRows - lane.sent.count + lane.buffer.waiting.count
    statistics.waitingObservationBytes = ledger.waitingBytes + lane.buffer.bytes
    statistics.thinnedObservations = lane.thinned + lane.buffer.thinned
    statistics.droppedObservations = lane.dropped + lane.buffer.dropped
    statistics.observationIntervalMilliseconds = max(lane.intervalMilliseconds, lane.buffer.intervalMilliseconds)
    statistics.inFlight = inFlight.count
    statistics.retainedTopics = retained.count
    statistics.commits = ledger.commits
    statistics.syncs = ledger.syncs
    statistics.alertStream = streams.head(of: OutgoingMessage.alertStream)
    statistics.personStreams = streams.names.count { OutgoingMessage.isPersonal($0) }
    board.write(statistics)
  }

  /// At most one line a minute about what was dropped.
  private func logDrops(now: Int64) {
    let drops = statistics.droppedAlerts + statistics.droppedNotices + statistics.droppedStates
    guard drops > dropsLogged, dropsLoggedAt.map({ now - $0 >= 60_000_000_000 }) ?? true else { return }
    dropsLogged = drops
    dropsLoggedAt = now
    logger.error(
      "Dropped messages because a queue is full: see why the broker or the disk does not take them",
      metadata: [
        "alerts": "\(statistics.droppedAlerts)", "notices": "\(statistics.droppedNotices)",
        "states": "\(statistics.droppedStates)",
      ])
  }
}

extension LedgerLoop.Flight.Content {
  /// For the log, where no person may be named.
  var lane: String {
    switch self {
    case .message(_, _, let lane, _, _): "\(lane)"
    case .retained, .status: "state"
    case .answer: "answer"
    case .observation: "observation"
    case .abandoned: "abandoned"
    }
  }
}

extension LedgerLoop.Flight {
  var isMessage: Bool {
    if case .message = content { true } else { false }
  }
}
