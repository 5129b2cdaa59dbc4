/// A message of the alert lane: kept in the ledger before it is sent, and sent until it is acknowledged.
public struct OutgoingMessage: Sendable, Hashable {
  /// `alert`, or the subject's pseudonym; the lane in which `sequence` counts.
  public var stream: String
  /// From 1, without a gap within the stream. Nil for a second form of a message, such as its CAP.
  public var sequence: UInt64?
  /// Stable through the alert's life.
  public var id: String
  public var revision: Int
  public var topic: String
  /// The message as it reads when it is not late. Whether it was is decided when it is frozen at the first hand-over.
  public var draft: [UInt8]
  /// When it was detected on the boot's monotonic clock, in nanoseconds.
  public var detectedNanoseconds: Int64

  public init(
    stream: String, sequence: UInt64?, id: String, revision: Int, topic: String, draft: [UInt8],
    detectedNanoseconds: Int64
  ) {
    self.stream = stream
    self.sequence = sequence
    self.id = id
    self.revision = revision
    self.topic = topic
    self.draft = draft
    self.detectedNanoseconds = detectedNanoseconds
  }
}

extension OutgoingMessage {
  /// The stream of alerts; every other is a person's, named by the pseudonym.
  public static let alertStream = "alert"
}

/// A state that is published retained: only the newest of each topic counts, so it is kept in memory.
public struct RetainedState: Sendable, Hashable {
  /// When it is sent after a connect: at once, or spread over the first minute.
  public enum Urgency: Int, Sendable {
    /// Directly after `status`: the list of active alerts.
    case atOnce
    /// Spread over 60 s: info, outputs, places, observations.
    case spread
  }

  public var topic: String
  /// Empty clears the retained message.
  public var payload: [UInt8]
  public var urgency: Urgency
  /// MQTT 5 message expiry in seconds, for observations and health.
  public var expirySeconds: UInt32?

  public init(topic: String, payload: [UInt8], urgency: Urgency, expirySeconds: UInt32? = nil) {
    self.topic = topic
    self.payload = payload
    self.urgency = urgency
    self.expirySeconds = expirySeconds
  }
}

/// One record of the station's memory; nil deletes it.
public struct StateRecord: Sendable, Hashable {
  public var key: String
  public var value: [UInt8]?

  public init(key: String, value: [UInt8]?) {
    self.key = key
    self.value = value
  }
}

/// What one input caused: committed in one transaction.
public struct DeliveryBatch: Sendable {
  public var messages: [OutgoingMessage] = []
  public var records: [StateRecord] = []
  public var retained: [RetainedState] = []

  public init() {}
}
