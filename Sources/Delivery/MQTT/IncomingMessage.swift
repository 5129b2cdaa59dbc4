internal import Locks

/// One topic that this gateway listens to.
public struct Subscription: Sendable, Hashable {
  /// Without wildcards. `DeliverySettings.secretTopicMark` in it stands for the secret.
  public var topic: String
  /// A longer message is counted and dropped before it is copied.
  public var maximumBytes: Int

  public init(topic: String, maximumBytes: Int) {
    self.topic = topic
    self.maximumBytes = maximumBytes
  }
}

/// A message that the broker passed on: bytes that nobody has looked at yet.
public struct IncomingMessage: Sendable, Hashable {
  /// As it was subscribed: with the mark where a secret stands.
  public var topic: String
  public var payload: [UInt8]
  /// Published as a retained message. By MQTT 3.1.1 that is seen only in what the broker had kept.
  public var isRetained: Bool
  /// Where the sender wants its answer (MQTT 5, section 3.3.2.3.5), at most 1,000 bytes.
  public var responseTopic: String?
  /// To be sent back with the answer (MQTT 5, section 3.3.2.3.6), at most 1,000 bytes.
  public var correlationData: [UInt8]?

  public init(
    topic: String, payload: [UInt8], isRetained: Bool, responseTopic: String? = nil, correlationData: [UInt8]? = nil
  ) {
    self.topic = topic
    self.payload = payload
    self.isRetained = isRetained
    self.responseTopic = responseTopic
    self.correlationData = correlationData
  }
}

/// Where the MQTT thread leaves what the broker sends, for another thread to take. Bounded, also for each topic, so that a
/// flood on one leaves room for the others; nobody waits here longer than for a copy.
public final class IncomingQueue: Sendable {
  /// What was dropped since the start.
  public struct Drops: Sendable, Hashable {
    /// Messages longer than their topic allows.
    public var tooLong: UInt64 = 0
    /// Messages for which there was no room, because they came faster than they were taken.
    public var overflow: UInt64 = 0
  }

  private struct State: Sendable {
    var messages: [IncomingMessage] = []
    var bytes = 0
    var drops = Drops()
  }

  /// What is longer is no topic and no correlation that an honest requester sends.
  static let longestProperty = 1_000
  /// One topic's share of the room.
  private static let share = 4

  private let mostMessages: Int
  private let mostBytes: Int
  private let wake: Wake
  private let state = Locked(State())

  package init(mostMessages: Int = 64, mostBytes: Int = 262_144) throws(DeliveryError) {
    self.mostMessages = mostMessages
    self.mostBytes = mostBytes
    wake = try Wake()
  }

  /// Can be read while there may be messages.
  public var descriptor: Int32 { wake.descriptor }

  /// Takes the oldest messages. What is left makes the descriptor readable again.
  ///
  /// - Parameter most: how many at most.
  public func take(_ most: Int) -> [IncomingMessage] {
    wake.clear()
    let (taken, isRest) = state.withLock { state in
      let taken = Array(state.messages.prefix(most))
      state.messages.removeFirst(taken.count)
      state.bytes -= taken.reduce(0) { $0 + $1.payload.count }
      return (taken, !state.messages.isEmpty)
    }
    if isRest { wake.signal() }
    return taken
  }

  /// What was dropped.
  public var drops: Drops { state.withLock { $0.drops } }

  package func append(_ message: IncomingMessage) {
    let (mostMessages, mostBytes) = (mostMessages, mostBytes)
    state.withLock { state in
      let own = state.messages.filter { $0.topic == message.topic }
      let ownBytes = own.reduce(message.payload.count) { $0 + $1.payload.count }
      guard state.messages.count < mostMessages, state.bytes + message.payload.count <= mostBytes,
        own.count < mostMessages / Self.share, ownBytes <= mostBytes / Self.share
      else {
        state.drops.overflow += 1
        return
      }
      state.bytes += message.payload.count
      state.messages.append(message)
    }
    wake.signal()
  }

  package func countTooLong() { state.withLock { $0.drops.tooLong += 1 } }
}
