import Delivery
import Locks

/// A connection to the simulated broker. The gateway has one end of it, the life the other.
final class VirtualClient: BrokerClient {
  /// What goes over the wire to the broker.
  enum Packet: Sendable {
    case publish(number: Int32, WireMessage)
    case subscribe(number: Int32)
  }

  private struct State {
    var isOpen = true
    var isCut = false
    var hasArrived = false
    /// Come from the broker, not read yet.
    var arrived: [BrokerNotice] = []
    /// Read, not taken yet.
    var notices: [BrokerNotice] = []
    /// Handed over, not written yet.
    var handedOver: [Packet] = []
    /// Written, on its way to the broker, and how many of them the life knows of.
    var written: [Packet] = []
    var noticed = 0
    var packets: Int32 = 0
  }

  private static let connectionLost = MosquittoFailure(code: 7, systemCode: 0)
  private static let notConnected = MosquittoFailure(code: 4, systemCode: 0)
  private static let oversize = MosquittoFailure(code: 25, systemCode: 0)

  let terms: ConnectionTerms
  private let state = Locked(State())

  init(_ terms: ConnectionTerms, reason: Int32) {
    self.terms = terms
    state.withLock { $0.notices = [.answered(reason: reason, terms)] }
  }

  // MARK: The life's end

  /// Whether the gateway has something to read here.
  var isReadable: Bool { state.withLock { $0.isOpen && ($0.hasArrived || $0.isCut) } }

  /// Whether anything of it goes on.
  var isAlive: Bool { state.withLock { $0.isOpen && !$0.isCut } }

  /// The broker sends these; nothing: a sign of life.
  func arrive(_ notices: [BrokerNotice]) {
    state.withLock { state in
      guard !state.isCut else { return }
      state.hasArrived = true
      state.arrived += notices
    }
  }

  /// The connection breaks: what came before that can still be read.
  func cut() {
    state.withLock { state in
      state.isCut = true
      (state.written, state.noticed) = ([], 0)
    }
  }

  /// How many packets the gateway has written since the last call.
  func newlyWritten() -> Int {
    state.withLock { state in
      let count = state.written.count - state.noticed
      state.noticed = state.written.count
      return count
    }
  }

  /// The next packet comes to the broker; nil: it was lost with the connection.
  func nextWritten() -> Packet? {
    state.withLock { state in
      guard !state.written.isEmpty else { return nil }
      state.noticed -= 1
      return state.written.removeFirst()
    }
  }

  // MARK: The gateway's end

  var isOpen: Bool { state.withLock { $0.isOpen } }

  var isAccepted: Bool {
    state.withLock { state in
      state.notices.contains { if case .answered(0, _) = $0 { true } else { false } }
    }
  }

  var refusal: BrokerProblem? { nil }

  func work(isConnected: Bool, isReadable: Bool) throws(MosquittoFailure) {
    let isLost = state.withLock { state in
      if isReadable {
        state.notices += state.arrived
        state.arrived = []
        state.hasArrived = false
        if state.isCut { state.isOpen = false }
      }
      if !state.isCut { state.written += state.handedOver }
      state.handedOver = []
      return !state.isOpen
    }
    if isLost { throw Self.connectionLost }
  }

  func takeNotices() -> [BrokerNotice] {
    state.withLock { state in
      guard !state.notices.isEmpty else { return [] }
      defer { state.notices = [] }
      return state.notices
    }
  }

  func disconnect() { state.withLock { $0.isOpen = false } }

  func expect(_ subscriptions: [String: Subscription]) {
    // The simulated broker sends nothing.
  }

  func subscribe(_ topic: String) throws(MosquittoFailure) -> Int32 {
    try handOver { .subscribe(number: $0) }
  }

  func unsubscribe(_ topic: String) throws(MosquittoFailure) {
    guard isOpen else { throw Self.notConnected }
  }

  func publish(_ message: WireMessage) throws(MosquittoFailure) -> Int32 {
    if let most = terms.maximumPacketBytes, message.payload.count + message.topic.utf8.count > most {
      throw Self.oversize
    }
    return try handOver { .publish(number: $0, message) }
  }

  private func handOver(_ packet: @Sendable (Int32) -> Packet) throws(MosquittoFailure) -> Int32 {
    let number: Int32? = state.withLock { state in
      guard state.isOpen else { return nil }
      state.packets += 1
      state.handedOver.append(packet(state.packets))
      return state.packets
    }
    guard let number else { throw Self.notConnected }
    return number
  }
}

/// An attempt to reach the simulated broker.
final class VirtualAttempt: BrokerAttempt {
  private enum State: Sendable {
    case running
    case done(BrokerOutcome)
    case over
  }

  let terms: ConnectionTerms
  private let state = Locked(State.running)

  init(_ terms: ConnectionTerms) { self.terms = terms }

  var isOver: Bool { state.withLock { if case .running = $0 { false } else { true } } }

  func take() -> BrokerOutcome? {
    state.withLock { state in
      guard case .done(let outcome) = state else { return nil }
      state = .over
      return outcome
    }
  }

  func abandon() { state.withLock { $0 = .over } }

  func finish(_ outcome: BrokerOutcome) {
    state.withLock { if case .running = $0 { $0 = .done(outcome) } }
  }
}

/// The network of a life: whoever sleeps in it lets the life go on.
@safe final class VirtualNetwork: BrokerNetwork {
  // SAFETY: the life outlives it, and all of a life happens on one thread.
  private nonisolated(unsafe) unowned let life: Life

  init(_ life: Life) { unsafe self.life = life }

  func begin(_ terms: ConnectionTerms, mayAbbreviate: Bool) -> any BrokerAttempt { unsafe life.begin(terms) }

  func longestSleep(keepAliveSeconds: Int) -> Int64 { Int64(keepAliveSeconds) * .second }

  func wait(for client: any BrokerClient, nanoseconds: Int64) -> Bool {
    guard let client = client as? VirtualClient else { return false }
    return unsafe life.sleep(with: client, nanoseconds: nanoseconds)
  }

  func rest(nanoseconds: Int64) { _ = unsafe life.sleep(with: nil, nanoseconds: nanoseconds) }
}
