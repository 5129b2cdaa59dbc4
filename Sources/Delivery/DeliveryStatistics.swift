/// How far a stream was counted and delivered: what a receiver proves completeness with.
public struct StreamHead: Sendable, Hashable {
  /// `alert`, or a subject's pseudonym.
  public var stream: String
  /// The ledger's random id.
  public var epoch: String
  /// The newest sequence number.
  public var last: UInt64
  /// All of 1 to this are acknowledged by the broker or lost for good.
  public var deliveredThrough: UInt64

  public init(stream: String, epoch: String, last: UInt64, deliveredThrough: UInt64) {
    self.stream = stream
    self.epoch = epoch
    self.last = last
    self.deliveredThrough = deliveredThrough
  }
}

/// What the delivery did and holds, for the health message. Counters count from the start of the process.
public struct DeliveryStatistics: Sendable, Hashable {
  /// Whether the ledger can be written.
  public enum LedgerState: Sendable, Hashable {
    case working
    /// With the reason, such as "database or disk is full".
    case failing(String)
  }

  public var ledger = LedgerState.working
  /// Since when the ledger's thread has been at its present turn, on the monotonic clock; nil while it waits for work. A
  /// turn is over in milliseconds unless the disk takes longer.
  public var turnSinceNanoseconds: Int64?
  /// Messages that could not be written yet and are held in memory.
  public var unwritten = 0
  /// Messages handed over by the sensing thread and not looked at yet.
  public var waiting = 0
  /// Unacknowledged messages in ledger and memory.
  public var outbox = 0
  /// Bytes of them, about.
  public var outboxBytes = 0
  /// Bytes of the retained states.
  public var retainedBytes = 0
  /// Observations that wait for the broker, in ledger and memory, and their bytes.
  public var waitingObservations = 0
  public var waitingObservationBytes = 0
  /// How far apart those of one sensor are kept, in milliseconds: longer while there is no room.
  public var observationIntervalMilliseconds: Int64 = 0
  /// Observations that a newer one replaced before the broker had them.
  public var supersededObservations: UInt64 = 0
  /// Of those, what was left out because a newer one lay in its interval, and what was given up for want of room.
  public var thinnedObservations: UInt64 = 0
  public var droppedObservations: UInt64 = 0
  /// What is free of the state folder's file system, in bytes; nil while that is not known.
  public var freeBytes: Int64?
  /// Less is free than the reserve: no observation is written.
  public var isYielding = false
  /// How often a ledger that was found damaged while it was used was set aside.
  public var timesSetAside = 0
  /// Handed to the broker, not acknowledged yet.
  public var inFlight = 0
  /// Retained states, sent or not.
  public var retainedTopics = 0
  public var published: UInt64 = 0
  public var acknowledged: UInt64 = 0
  /// Sent once more because a connection ended before the acknowledgment.
  public var resent: UInt64 = 0
  /// Acknowledgments with which the broker refused a message.
  public var refusedByBroker: UInt64 = 0
  /// Messages that did not continue their stream or named an id and revision twice: not stored, not sent.
  public var refusedSequence: UInt64 = 0
  public var droppedAlerts: UInt64 = 0
  public var droppedNotices: UInt64 = 0
  public var droppedStates: UInt64 = 0
  /// Connections after the first.
  public var reconnects: UInt64 = 0
  /// The number of the newest attempt to connect, as in the status message.
  public var connection: UInt64 = 0
  public var isConnected = false
  /// Since when it is connected or not, on the monotonic clock.
  public var sinceNanoseconds: Int64 = 0
  /// The broker in use, or the one that was: 0 the first, 1 the fallback.
  public var broker = 0
  /// The protocol spoken: "5" or "3.1.1"; nil before the first connection.
  public var protocolVersion: String?
  /// Why the broker last refused a message or a topic: `not_authorized`, `quota`, … Nil while this connection saw none.
  public var lastRefusal: String?
  /// Why the last connection failed or ended: `unreachable`, `login_refused`, … Nil before the first trouble.
  public var lastError: String?
  /// Transactions committed, and how often the disk was asked to make them durable.
  public var commits: UInt64 = 0
  public var syncs: UInt64 = 0
  /// The stream of alerts.
  public var alertStream: StreamHead
  /// How many persons' streams there are.
  public var personStreams = 0

  public init(alertStream: StreamHead) {
    self.alertStream = alertStream
  }
}
