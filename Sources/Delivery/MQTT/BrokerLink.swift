internal import Locks

/// What the ledger thread and the MQTT thread share: the present connection, and wishes.
package final class BrokerLink: Sendable {
  /// Why a message was not handed over.
  package enum PublishError: Error, Sendable, Hashable {
    /// The connection has ended, or is another one.
    case notConnected
    /// This message cannot be sent on this connection: with libmosquitto's words.
    case impossible(String)
    /// Longer than the broker takes.
    case tooLong
  }

  private struct State: Sendable {
    var client: (any BrokerClient)?
    /// The number of the connection of `client`, or of the one before it.
    var openNumber: UInt64
    /// The number of the newest attempt.
    var number: UInt64
    var reservedNumber: UInt64
    var wishesReconnect: BrokerProblem?
    var wishesStop = false
    var wishesGoodbye = false
    var subscriptions: [Subscription] = []
    /// Counts the changes of `subscriptions`.
    var subscriptionsVersion = 0
  }

  /// Numbers of connections that are set aside in the ledger at once.
  private static let reservation: UInt64 = 100

  package let wake: Wake
  private let state: Locked<State>

  /// - Parameter lastNumber: the highest number that an earlier process may have used in this boot.
  package init(lastNumber: UInt64) throws(DeliveryError) {
    wake = try Wake()
    state = Locked(State(client: nil, openNumber: lastNumber, number: lastNumber, reservedNumber: lastNumber))
  }

  // MARK: From the ledger thread

  /// The number up to which numbers must be set aside now; nil while there are enough.
  package func reservationToSave() -> UInt64? {
    state.withLock { state in
      guard state.number + BrokerLink.reservation / 2 > state.reservedNumber else { return nil }
      return state.number + BrokerLink.reservation
    }
  }

  /// The numbers up to this one are set aside.
  package func reserved(through number: UInt64) {
    state.withLock { $0.reservedNumber = max($0.reservedNumber, number) }
  }

  /// Up to which number they are set aside.
  package var reservedThrough: UInt64 { state.withLock { $0.reservedNumber } }

  /// Hands over one message on the connection of that number. `flush` sends what was handed over.
  package func publish(connection number: UInt64, _ message: WireMessage) throws(PublishError) -> Int32 {
    let client = state.withLock { $0.openNumber == number ? $0.client : nil }
    guard let client else { throw .notConnected }
    do {
      return try client.publish(message)
    } catch {
      if error.isTooLong { throw .tooLong }
      throw error.concernsMessage ? .impossible(error.text) : .notConnected
    }
  }

  package func flush() {
    wake.signal()
  }

  /// Gives up the connection of that number and makes a fresh one. One that has ended already is left alone.
  package func reconnect(connection number: UInt64, _ problem: BrokerProblem) {
    state.withLock { if $0.openNumber == number, $0.client != nil { $0.wishesReconnect = problem } }
    wake.signal()
  }

  /// - Parameter withGoodbye: whether the broker is told, so that it publishes no will.
  package func stop(withGoodbye: Bool) {
    state.withLock {
      $0.wishesStop = true
      $0.wishesGoodbye = withGoodbye
    }
    wake.signal()
  }

  /// What is listened to, on this connection and those that follow.
  package func listen(to subscriptions: [Subscription]) {
    state.withLock { state in
      state.subscriptions = subscriptions
      state.subscriptionsVersion += 1
    }
    wake.signal()
  }

  // MARK: From the MQTT thread

  /// What is to be listened to; nil when that is what it was in version `known`.
  package func subscriptions(since known: Int?) -> (version: Int, subscriptions: [Subscription])? {
    state.withLock { $0.subscriptionsVersion == known ? nil : ($0.subscriptionsVersion, $0.subscriptions) }
  }

  package func nextNumber() -> UInt64 {
    state.withLock { state in
      state.number += 1
      return state.number
    }
  }

  /// Names the client that messages go to, and its connection's number.
  package func open(_ client: any BrokerClient, number: UInt64) {
    state.withLock { state in
      state.client = client
      state.openNumber = number
      state.wishesReconnect = nil
    }
  }

  /// Nothing goes to a client any more.
  package func close() {
    state.withLock { $0.client = nil }
  }

  package var wishesStop: Bool { state.withLock { $0.wishesStop } }

  package var wishesGoodbye: Bool { state.withLock { $0.wishesGoodbye } }

  package func takeReconnectWish() -> BrokerProblem? {
    state.withLock { state in
      defer { state.wishesReconnect = nil }
      return state.wishesReconnect
    }
  }
}
