import Delivery
import FaultyDisk
import Locks
import Testing

/// The delivery's two loops on one thread, as the simulation in virtual time has them.
@Suite struct SteppingTests {
  /// Accepts every connection and acknowledges at once; lets the ledger have its turn whenever the MQTT loop sleeps.
  private final class Network: BrokerNetwork {
    let published = Locked<[WireMessage]>([])
    let turn: @Sendable () -> Void

    init(turn: @escaping @Sendable () -> Void) { self.turn = turn }

    func begin(_ terms: ConnectionTerms, mayAbbreviate: Bool) -> any BrokerAttempt { Attempt(terms, self) }

    func longestSleep(keepAliveSeconds: Int) -> Int64 { Int64(keepAliveSeconds) * 1_000_000_000 }

    func wait(for client: any BrokerClient, nanoseconds: Int64) -> Bool {
      turn()
      return (client as? Client)?.hasNotices ?? false
    }

    func rest(nanoseconds: Int64) { turn() }
  }

  private final class Attempt: BrokerAttempt {
    let terms: ConnectionTerms
    private let client: Client
    private let isTaken = Locked(false)

    init(_ terms: ConnectionTerms, _ network: Network) {
      self.terms = terms
      client = Client(terms, network)
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
    private let network: Network

    init(_ terms: ConnectionTerms, _ network: Network) {
      self.network = network
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

    func publish(_ message: WireMessage) -> Int32 {
      let number = number()
      network.published.withLock { $0.append(message) }
      notices.withLock { $0.append(.acknowledged(packet: number, reason: 0)) }
      return number
    }

    private func number() -> Int32 {
      packets.withLock { packets in
        packets += 1
        return packets
      }
    }
  }

  @Test func `what is committed is delivered and stopped in order, on one thread without a broker or a disk`() throws {
    let harness = try DeliveryHarness(port: 1, disk: FaultyDisk())
    let service = harness.service
    harness.commit([harness.message("A"), harness.message("B")])
    let turns = Locked(0)
    let steps = Locked<[DeliveryService.LedgerStep]>([])
    let network = Network {
      let count = turns.withLock { turns in
        turns += 1
        return turns
      }
      if count == 20 { service.inbox.askToStop(by: .max, cause: "stop") }
      steps.withLock { $0.append(service.stepLedger()) }
    }
    service.runBroker(over: network)
    let topics = network.published.withLock { $0.map(\.topic) }
    #expect(topics.filter { $0 == DeliveryHarness.alertTopic }.count == 2)
    #expect(topics.first == DeliveryHarness.statusTopic && topics.last == DeliveryHarness.statusTopic)
    #expect(steps.withLock { $0.last } == .done && steps.withLock { $0.count } < 40)
    #expect(service.stepLedger() == .done, "the ledger is closed")
    #expect(service.statistics.outbox == 0)
  }
}
