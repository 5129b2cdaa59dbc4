import Delivery
import FaultyDisk
import Foundation
import Locks
import Testing

/// A broker that acknowledges what it is told to, for a delivery whose ledger has its turns by hand: `SteppedDelivery`.
final class HandBroker: BrokerNetwork {
  private let client = Locked<Client?>(nil)
  private let received = Locked<[(packet: Int32, message: WireMessage)]>([])

  /// What messages of alerts said, in the order of their arrival.
  var texts: [String] {
    received.withLock { $0.filter { $0.message.topic == DeliveryHarness.alertTopic } }.map {
      words(String(decoding: $0.message.payload, as: UTF8.self))
    }
  }

  /// Acknowledges the newest arrival of a message.
  func acknowledge(_ text: String) throws {
    let packet = received.withLock { received in
      received.last { words(String(decoding: $0.message.payload, as: UTF8.self)) == text }?.packet
    }
    client.withLock { $0 }?.tell(.acknowledged(packet: try #require(packet), reason: 0))
  }

  func begin(_ terms: ConnectionTerms, mayAbbreviate: Bool) -> any BrokerAttempt {
    let made = Client(terms, self)
    client.withLock { $0 = made }
    return Attempt(terms, made)
  }

  func longestSleep(keepAliveSeconds: Int) -> Int64 { 1_000_000 }

  func wait(for client: any BrokerClient, nanoseconds: Int64) -> Bool {
    usleep(1_000)
    return (client as? Client)?.hasNotices ?? false
  }

  func rest(nanoseconds: Int64) { usleep(1_000) }

  private final class Attempt: BrokerAttempt {
    let terms: ConnectionTerms
    private let client: Client
    private let isTaken = Locked(false)

    init(_ terms: ConnectionTerms, _ client: Client) {
      self.terms = terms
      self.client = client
    }

    var isOver: Bool { isTaken.withLock { $0 } }
    func abandon() { isTaken.withLock { $0 = true } }

    func take() -> BrokerOutcome? {
      isTaken.withLock { $0 = true }
      return .answered(client)
    }
  }

  private final class Client: BrokerClient {
    private let notices: Locked<[BrokerNotice]>
    private let packets = Locked<Int32>(0)
    private let broker: HandBroker

    init(_ terms: ConnectionTerms, _ broker: HandBroker) {
      self.broker = broker
      notices = Locked([.answered(reason: 0, terms)])
    }

    var hasNotices: Bool { notices.withLock { !$0.isEmpty } }
    var isOpen: Bool { true }
    var isAccepted: Bool { false }
    var refusal: BrokerProblem? { nil }
    func work(isConnected: Bool, isReadable: Bool) {}
    func disconnect() {}
    func expect(_ subscriptions: [String: Subscription]) {}
    func unsubscribe(_ topic: String) {}
    func subscribe(_ topic: String) -> Int32 { number() }

    func takeNotices() -> [BrokerNotice] {
      notices.withLock { notices in
        defer { notices = [] }
        return notices
      }
    }

    func tell(_ notice: BrokerNotice) { notices.withLock { $0.append(notice) } }

    func publish(_ message: WireMessage) -> Int32 {
      let number = number()
      broker.received.withLock { $0.append((number, message)) }
      return number
    }

    private func number() -> Int32 {
      packets.withLock { packets in
        packets += 1
        return packets
      }
    }
  }
}

/// A delivery on a disk that fails as it is told, whose ledger has its turns by hand.
final class SteppedDelivery {
  /// How often a failing ledger is tried again.
  private static let retrySeconds: Int64 = 10
  static let path = LedgerOpener.path(in: DeliveryHarness.stateFolder)

  let disk: FaultyDisk
  let broker = HandBroker()
  let harness: DeliveryHarness
  private let clock = ShiftedClock()
  private var hasBroker = false

  init(
    disk: FaultyDisk = FaultyDisk(), adjust: (inout DeliverySettings) -> Void = { _ in },
    digest: @escaping LedgerDigest = testDigest
  ) throws {
    self.disk = disk
    harness = try DeliveryHarness(
      port: 1, clock: clock, disk: disk,
      adjust: {
        $0.timing.ledgerRetryNanoseconds = Self.retrySeconds * 1_000_000_000
        $0.timing.acknowledgmentNanoseconds = 86_400 * 1_000_000_000
        adjust(&$0)
      }, digest: digest)
  }

  deinit { harness.service.link.stop(withGoodbye: false) }

  var statistics: DeliveryStatistics { harness.service.statistics }

  func turn() { _ = harness.service.stepLedger() }

  func commit(_ messages: OutgoingMessage...) {
    harness.commit(messages)
    turn()
  }

  /// A failing ledger is tried once more.
  func retry() {
    clock.advance(seconds: Self.retrySeconds)
    turn()
  }

  /// Takes turns until something is so.
  func turns(until isDone: () -> Bool) -> Bool {
    eventually {
      turn()
      return isDone()
    }
  }

  /// Lets the broker be there.
  func connect() {
    if !hasBroker {
      hasBroker = true
      let (service, broker) = (harness.service, broker)
      Thread.detachNewThread { service.runBroker(over: broker) }
    }
    #expect(turns { statistics.isConnected })
  }

  /// As if another program had changed the ledger: what is in the cache is read anew.
  ///
  /// - Returns: on which page a table or an index begins.
  @discardableResult
  func touch(_ name: String = "messages") throws -> Int64 {
    let database = try SQLiteDatabase(path: Self.path, mode: .readWrite, disk: disk)
    try database.execute(
      "INSERT OR REPLACE INTO meta(key, value) VALUES('touched', 1); PRAGMA wal_checkpoint(TRUNCATE)")
    let find = try database.prepare("SELECT rootpage FROM sqlite_master WHERE name = ?")
    return try #require(try find.first([.text(name)]) { $0.integer(0) })
  }

  /// Destroys the page on which a table or an index of a small ledger begins.
  func damage(_ name: String) throws {
    let page = Int(try touch(name))
    disk.damage(Self.path, at: (page - 1) * 4_096, with: [UInt8](repeating: 0xa5, count: 4_096))
  }

  /// The roots of the stored messages of an id, by revision.
  func roots(_ id: String) throws -> [Int64] {
    let find = try SQLiteDatabase(path: Self.path, mode: .readOnly, disk: disk)
      .prepare("SELECT root FROM messages WHERE id = ? ORDER BY revision")
    try find.start([.text("\(DeliveryHarness.gateway)/\(id)")])
    var roots: [Int64] = []
    while try find.step() { roots.append(find.integer(0)) }
    return roots
  }
}
