internal import Synchronization

/// What the ledger thread and the MQTT thread share: the present connection, and wishes.
package final class BrokerLink: Sendable {
  /// Why a message was not handed over.
  package enum PublishError: Error, Sendable, Hashable {
    /// The connection has ended, or is another one.
    case notConnected
    /// This message cannot be sent on this connection: with libmosquitto's words.
    case impossible(String)
  }

  private struct State: Sendable {
    var client: MosquittoClient?
    var number: UInt64
    var reservedNumber: UInt64
    var wishesReconnect: BrokerProblem?
    var wishesStop = false
    var wishesGoodbye = false
  }

  /// Numbers of connections that are set aside in the ledger at once.
  private static let reservation: UInt64 = 100

  package let wake: Wake
  private let state: Mutex<State>

  /// - Parameter lastNumber: the highest number that an earlier process may have used in this boot.
  package init(lastNumber: UInt64) throws(DeliveryError) {
    wake = try Wake()
    state = Mutex(State(client: nil, number: lastNumber, reservedNumber: lastNumber))
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

  /// Hands over one message of QoS 1 on the connection of that number. `flush` sends what was handed over.
  package func publish(
    connection number: UInt64, topic: String, payload: [UInt8], isRetained: Bool, expirySeconds: UInt32?
  ) throws(PublishError) -> Int32 {
    let client = state.withLock { $0.number == number ? $0.client : nil }
    guard let client else { throw .notConnected }
    do {
      return try client.publish(
        topic: topic, payload: payload, isRetained: isRetained, expirySeconds: expirySeconds)
    } catch {
      throw error.concernsMessage ? .impossible(error.text) : .notConnected
    }
  }

  package func flush() {
    wake.signal()
  }

  /// Gives up the connection of that number and makes a fresh one. One that has ended already is left alone.
  package func reconnect(connection number: UInt64, _ problem: BrokerProblem) {
    state.withLock { if $0.number == number { $0.wishesReconnect = problem } }
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

  // MARK: From the MQTT thread

  package func nextNumber() -> UInt64 {
    state.withLock { state in
      state.wishesReconnect = nil
      state.number += 1
      return state.number
    }
  }

  /// Names the client that messages go to; nil when there is none.
  package func open(_ client: MosquittoClient?) {
    state.withLock { $0.client = client }
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
