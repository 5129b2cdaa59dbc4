internal import Glibc
internal import Locks
public import Logging

/// Keeps messages until the broker has them.
///
/// Two threads of its own: one writes the ledger and decides what is sent when, one speaks MQTT. The calls here only
/// leave work for them; none waits for the disk or the network, except `init` and `stop`.
public final class DeliveryService: Sendable {
  /// The random id of this ledger, and of the one before it, if this one was begun in its place.
  public struct Epoch: Sendable, Hashable {
    public var current: String
    public var previous: String?
  }

  /// The epoch in which this gateway's sequences count.
  public let epoch: Epoch
  /// The boot in which the ledger was last used; nil when it is new.
  public let savedBoot: String?
  /// Whether a damaged ledger was set aside and this one begun in its place.
  public let wasSetAside: Bool
  /// What the broker passes on of the topics that are listened to.
  public let incoming: IncomingQueue
  /// Whether the ledger could not even be read, so that what earlier runs knew is not known.
  public let isWithoutPast: Bool
  /// The newest sequence of each stream when the ledger was opened.
  public let lastSequences: [String: UInt64]

  /// How many messages of the stream of alerts an earlier run numbered, perhaps sent, and could not store.
  public let unstoredAlerts: Int
  /// The same of the stream of answers: each may stand for a command that was done and that the ledger does not know.
  public let unstoredCommands: Int

  private let settings: DeliverySettings
  private let closures: DeliveryClosures
  private let logger: Logger
  let shared: DeliveryShared
  private let random: @Sendable () -> Double
  /// Locked by the ledger thread for as long as it runs; nil once it has ended.
  let loop: Locked<LedgerLoop?>
  private let threads = Locked<[WorkerThread]?>(nil)
  private let records: Locked<[StateRecord]>

  /// Opens the ledger. A damaged one is set aside and a new one begun; the log says so.
  ///
  /// - Parameters:
  ///   - freeze: makes a message's final bytes at its first hand-over. Called on the ledger thread.
  ///   - correct: makes the bytes of a state at each hand-over, told its bytes and when it was made, as `RetainedState`
  ///     says it. Called on the ledger thread.
  ///   - mayFreezeAhead: whether what is late may be frozen some seconds ahead of its hand-over, because no clock will be
  ///     set meanwhile. Called on the ledger thread.
  ///   - head: makes the retained message of a person's stream, or nil for none. Called on the ledger thread.
  ///   - digest: SHA-256, for the ledger's chain. Called on the ledger thread.
  ///   - now: the monotonic clock in which `OutgoingMessage.detectedNanoseconds` counts, in nanoseconds.
  ///   - wallMilliseconds: the wall clock, in milliseconds since 1970.
  ///   - random: from 0 up to 1, for the jitter of reconnects.
  public convenience init(
    settings: DeliverySettings,
    freeze: @escaping @Sendable (HandedOver) -> [UInt8],
    correct: @escaping @Sendable (_ payload: [UInt8], _ madeNanoseconds: Int64?) -> [UInt8],
    mayFreezeAhead: @escaping @Sendable () -> Bool,
    head: @escaping @Sendable (StreamHead) -> RetainedState?,
    digest: @escaping LedgerDigest,
    logger: Logger,
    now: @escaping @Sendable () -> Int64,
    wallMilliseconds: @escaping @Sendable () -> Int64 = { systemWallMilliseconds() },
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
  ) throws(DeliveryError) {
    let closures = DeliveryClosures(
      freeze: freeze, correct: correct, mayFreezeAhead: mayFreezeAhead, head: head, digest: digest, now: now,
      wallMilliseconds: wallMilliseconds)
    try self.init(settings: settings, closures: closures, logger: logger, random: random)
  }

  /// The same on any disk.
  package init(
    settings: DeliverySettings, closures: DeliveryClosures, logger: Logger, random: @escaping @Sendable () -> Double
  ) throws(DeliveryError) {
    let opener = LedgerOpener(
      folder: settings.stateFolder, boot: settings.bootID, wallMilliseconds: closures.wallMilliseconds(),
      digest: closures.digest, disk: closures.disk, identify: closures.identify)
    var (ledger, opening) = try opener.open()
    if let trouble = opening.trouble {
      logger.critical("\(trouble)")
      // What an earlier run of this boot used may not be known: it had fewer connections than seconds.
      opening.connectionNumber = max(opening.connectionNumber, UInt64(clamping: closures.now() / 1_000_000_000))
    }
    if let what = opening.setAside { logger.error("\(what): numbers begin again at 1 in a new epoch") }
    for numbers in opening.unstored { logger.error("\(numbers)") }
    epoch = Epoch(current: opening.epoch, previous: opening.previousEpoch)
    savedBoot = opening.savedBoot
    wasSetAside = opening.setAside != nil
    isWithoutPast = ledger.isInMemory
    records = Locked(opening.records)
    unstoredAlerts = opening.unstored.count(of: OutgoingMessage.alertStream)
    unstoredCommands = opening.unstored.count(of: OutgoingMessage.commandStream)
    lastSequences = Dictionary(uniqueKeysWithValues: opening.streams.map { ($0.stream, $0.last) })
    self.settings = settings
    self.closures = closures
    self.logger = logger
    self.random = random
    shared = try DeliveryShared(settings: settings, opening: opening)
    incoming = shared.incoming
    loop = Locked(
      LedgerLoop(
        settings: settings, closures: closures, logger: logger, shared: shared, ledger: ledger, opening: opening))
  }

  /// Starts both threads. Called once.
  public func start() throws(DeliveryError) {
    let broker = brokerLoop(
      over: SystemNetwork(settings: settings, incoming: shared.incoming, wake: shared.link.wake, now: closures.now))
    let ledgerThread = try WorkerThread(name: "ledger") { [self] in
      loop.withLock { loop in
        loop?.run()
        loop = nil
      }
    }
    let brokerThread = try WorkerThread(name: "mqtt") { broker.run() }
    threads.withLock { $0 = [ledgerThread, brokerThread] }
  }

  /// The MQTT thread's work, over a network.
  func brokerLoop(over network: any BrokerNetwork) -> BrokerLoop {
    BrokerLoop(
      settings: settings, link: shared.link, inbox: shared.inbox, network: network, logger: logger, now: closures.now,
      random: random)
  }

  /// The station's memory as it was saved. Handed out once, because it may be megabytes that nobody needs twice.
  public func takeSavedRecords() -> [StateRecord] {
    records.withLock { records in
      defer { records = [] }
      return records
    }
  }

  /// Takes what one input caused. Never blocks on disk or network; when a queue is full, it drops and counts.
  public func commit(_ batch: DeliveryBatch) {
    shared.inbox.commit(batch)
  }

  /// Takes a retained state in place of the earlier one of its topic.
  public func retain(_ state: RetainedState) {
    var batch = DeliveryBatch()
    batch.retained = [state]
    shared.inbox.commit(batch)
  }

  /// Sends every retained state once more, spread as after a connect.
  public func refresh() {
    shared.inbox.askForRefresh()
  }

  /// Listens to these topics from now on, and to no others.
  public func listen(to subscriptions: [Subscription]) {
    shared.link.listen(to: subscriptions)
  }

  /// The limits that it keeps.
  public var limits: DeliverySettings.Limits { settings.limits }

  /// What was done and what waits.
  public var statistics: DeliveryStatistics {
    var snapshot = shared.board.read()
    snapshot.waiting = shared.inbox.waiting
    return snapshot
  }

  /// Writes what was committed, tells the broker that this gateway goes, and ends both threads.
  ///
  /// After a call that returned false, another waits until the ledger is closed, however long that takes.
  ///
  /// - Parameters:
  ///   - nanoseconds: how long it may take.
  ///   - cause: the word for it in the status: `stop`, `reload`.
  /// - Returns: whether all ended in time. A thread that the operating system holds in a connect is left behind.
  @discardableResult
  public func stop(within nanoseconds: Int64, cause: String = "stop") -> Bool {
    let threads = threads.withLock { threads in
      defer { threads = nil }
      return threads
    }
    guard let threads else {
      loop.withLock { $0 = nil }
      return true
    }
    let end = closures.now() + nanoseconds
    // The last part is for joining.
    shared.inbox.askToStop(by: end - nanoseconds / 5, cause: cause)
    return threads.reduce(true) { allEnded, thread in
      thread.join(nanoseconds: max(0, end - closures.now())) && allEnded
    }
  }
}

/// A message at its first hand-over: what its bytes are decided by, for ever.
public struct HandedOver: Sendable, Hashable {
  public var draft: [UInt8]
  /// Whether it comes late, or nobody can tell how late.
  public var isDelayed: Bool
  /// When it was detected on the boot's monotonic clock, in nanoseconds; nil: in another boot.
  public var detectedNanoseconds: Int64?
  /// Of a form that names the earlier messages of its id: how the bytes of those begin, by revision, as they went out.
  public var earlier: [Int: [UInt8]]

  public init(
    draft: [UInt8], isDelayed: Bool, detectedNanoseconds: Int64? = nil, earlier: [Int: [UInt8]] = [:]
  ) {
    self.draft = draft
    self.isDelayed = isDelayed
    self.detectedNanoseconds = detectedNanoseconds
    self.earlier = earlier
  }
}

/// What the delivery asks of its owner.
package struct DeliveryClosures: Sendable {
  package let freeze: @Sendable (HandedOver) -> [UInt8]
  package let correct: @Sendable (_ payload: [UInt8], _ madeNanoseconds: Int64?) -> [UInt8]
  package let mayFreezeAhead: @Sendable () -> Bool
  package let head: @Sendable (StreamHead) -> RetainedState?
  package let digest: LedgerDigest
  package let now: @Sendable () -> Int64
  package let wallMilliseconds: @Sendable () -> Int64
  /// What the state folder lies on.
  package let disk: any StateDisk
  /// Makes the epoch of a new ledger.
  package let identify: @Sendable () -> String

  package init(
    freeze: @escaping @Sendable (HandedOver) -> [UInt8],
    correct: @escaping @Sendable (_ payload: [UInt8], _ madeNanoseconds: Int64?) -> [UInt8] = { payload, _ in payload },
    mayFreezeAhead: @escaping @Sendable () -> Bool = { true },
    head: @escaping @Sendable (StreamHead) -> RetainedState?, digest: @escaping LedgerDigest,
    now: @escaping @Sendable () -> Int64, wallMilliseconds: @escaping @Sendable () -> Int64,
    disk: any StateDisk = SystemDisk(), identify: @escaping @Sendable () -> String = LedgerOpener.randomIdentifier
  ) {
    self.identify = identify
    self.freeze = freeze
    self.correct = correct
    self.mayFreezeAhead = mayFreezeAhead
    self.head = head
    self.digest = digest
    self.now = now
    self.wallMilliseconds = wallMilliseconds
    self.disk = disk
  }
}

/// What the threads share.
struct DeliveryShared: Sendable {
  let inbox: Inbox
  let link: BrokerLink
  let incoming: IncomingQueue
  let board: StatisticsBoard

  init(settings: DeliverySettings, opening: Ledger.Opening) throws(DeliveryError) {
    inbox = try Inbox(limits: settings.limits)
    link = try BrokerLink(lastNumber: opening.connectionNumber)
    link.listen(to: settings.subscriptions)
    incoming = try IncomingQueue()
    let stream = OutgoingMessage.alertStream
    board = StatisticsBoard(
      DeliveryStatistics(alertStream: StreamHead(stream: stream, epoch: opening.epoch, last: 0, deliveredThrough: 0)))
  }
}

/// The newest statistics, written by the ledger thread, read by any.
final class StatisticsBoard: Sendable {
  private let statistics: Locked<DeliveryStatistics>

  init(_ statistics: DeliveryStatistics) {
    self.statistics = Locked(statistics)
  }

  func read() -> DeliveryStatistics { statistics.withLock { $0 } }

  func write(_ newer: DeliveryStatistics) { statistics.withLock { $0 = newer } }

  /// A turn of the ledger's thread begins; it ends with the next `write`.
  func beginTurn(at nanoseconds: Int64) { statistics.withLock { $0.turnSinceNanoseconds = nanoseconds } }
}

/// The system's wall clock in milliseconds since 1970-01-01T00:00:00Z.
public func systemWallMilliseconds() -> Int64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}
