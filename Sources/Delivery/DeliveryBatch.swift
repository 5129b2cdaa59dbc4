/// A message of the alert lane: kept in the ledger before it is sent, and sent until it is acknowledged.
public struct OutgoingMessage: Sendable, Hashable {
  /// Which form of one and the same message this is. Kept by number in the ledger.
  public enum Form: Int64, Sendable, Hashable {
    /// The one that counts in its stream.
    case counted = 0
    /// The same as CAP.
    case cap = 1
    /// The same as a measure for a context broker.
    case measure = 2
  }

  /// `alert`, or the subject's pseudonym; the lane in which `sequence` counts.
  public var stream: String
  /// From 1, without a gap within the stream. Nil for another form of a message, such as its CAP.
  public var sequence: UInt64?
  public var form: Form
  /// Stable through the alert's life.
  public var id: String
  public var revision: Int
  /// Where it goes. `DeliverySettings.secretTopicMark` in it becomes the secret as it is handed over.
  public var topic: String
  /// The message as it reads when it is not late. Whether it was is decided when it is frozen at the first hand-over.
  public var draft: [UInt8]
  /// When it was detected on the boot's monotonic clock, in nanoseconds.
  public var detectedNanoseconds: Int64
  /// What is kept beside it in the ledger and never sent, such as who sent the command that it answers.
  public var note: String?

  public init(
    stream: String, sequence: UInt64?, form: Form? = nil, id: String, revision: Int, topic: String, draft: [UInt8],
    detectedNanoseconds: Int64, note: String? = nil
  ) {
    self.note = note
    self.stream = stream
    self.sequence = sequence
    self.form = form ?? (sequence == nil ? .cap : .counted)
    self.id = id
    self.revision = revision
    self.topic = topic
    self.draft = draft
    self.detectedNanoseconds = detectedNanoseconds
  }
}

extension OutgoingMessage {
  /// The stream of alerts.
  public static let alertStream = "alert"
  /// The stream of answers to commands: who commanded what, and what came of it. Every other stream is a person's, named
  /// by the pseudonym.
  public static let commandStream = "command"

  /// Whether a stream is a person's.
  static func isPersonal(_ stream: String) -> Bool { stream != alertStream && stream != commandStream }

  /// What it counts against `DeliverySettings.Limits.waitingBytes`.
  var waitingBytes: Int { draft.count + topic.utf8.count + id.utf8.count }
}

/// A state that is published: only the newest of each topic counts, so it is kept in memory.
public struct RetainedState: Sendable, Hashable {
  /// When it is sent after a connect: at once, or spread over the first minute.
  public enum Urgency: Int, Sendable {
    /// Directly after `status`: the list of active alerts.
    case atOnce
    /// Spread over 60 s: info, outputs, places, observations.
    case spread
  }

  /// As of an `OutgoingMessage`.
  public var topic: String
  /// Empty clears the retained message.
  public var payload: [UInt8]
  public var urgency: Urgency
  /// MQTT 5 message expiry in seconds, for observations and health.
  public var expirySeconds: UInt32?
  /// Whether the broker keeps it, and it is sent again after every connect. If not, it is forgotten once acknowledged.
  public var isRetained: Bool
  /// Where it goes, marked as delayed, when a newer one takes its place before the broker has it; nil: nowhere.
  public var backlogTopic: String?
  /// When it was made on the boot's monotonic clock, in nanoseconds, where the payload itself does not say it.
  public var madeNanoseconds: Int64?

  public init(
    topic: String, payload: [UInt8], urgency: Urgency, expirySeconds: UInt32? = nil, isRetained: Bool = true,
    backlogTopic: String? = nil, madeNanoseconds: Int64? = nil
  ) {
    self.madeNanoseconds = madeNanoseconds
    self.backlogTopic = backlogTopic
    self.isRetained = isRetained
    self.topic = topic
    self.payload = payload
    self.urgency = urgency
    self.expirySeconds = expirySeconds
  }
}

/// A message for whoever waits for it at this moment: sent once, soon, and not kept in the ledger.
public struct Answer: Sendable, Hashable {
  /// Where it goes. `DeliverySettings.secretTopicMark` in it becomes the secret as it is handed over.
  public var topic: String
  public var payload: [UInt8]
  /// As the request had it (MQTT 5, section 3.3.2.3.6).
  public var correlationData: [UInt8]?

  public init(topic: String, payload: [UInt8], correlationData: [UInt8]? = nil) {
    self.topic = topic
    self.payload = payload
    self.correlationData = correlationData
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

  /// Whether it is the gateway's own and not of the station's memory: its key begins with `gateway/`.
  public var isOfGateway: Bool { key.hasPrefix("gateway/") }
}

/// What one input caused: committed in one transaction.
public struct DeliveryBatch: Sendable {
  public var messages: [OutgoingMessage] = []
  public var records: [StateRecord] = []
  public var retained: [RetainedState] = []
  /// For open data, kept in the ledger for as long as the settings say.
  public var observations: [ObservationRecord] = []
  /// Sent after all else of the batch is on the disk.
  public var answers: [Answer] = []
  /// What outputs did, in its order.
  public var actions: [OutputAction] = []

  public init() {}
}
