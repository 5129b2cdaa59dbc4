public import Observations

/// What a driver asks for and says after one event. Reused from event to event, so that nothing is allocated in calm.
public struct DriverActions: Sendable {
  /// What was observed, in order.
  public var observations: [TimedObservation] = []
  /// Bytes to write to the port now.
  public var transmit: [UInt8] = []
  /// True: the port is to be closed and opened again, because nothing else has helped.
  public var reopen = false

  public init() {}

  /// Empties it and keeps its memory.
  public mutating func removeAll() {
    observations.removeAll(keepingCapacity: true)
    transmit.removeAll(keepingCapacity: true)
    reopen = false
  }
}

/// What went over one port since the start; only ever rises. Published in `health`.
public struct PortCounters: Sendable, Hashable {
  public var bytesReceived: UInt64 = 0
  public var bytesSent: UInt64 = 0
  /// Whole frames with a right checksum.
  public var frames: UInt64 = 0
  /// Frames that were spoilt, by their checksum or by their form.
  public var checksumErrors: UInt64 = 0
  /// How often a frame was found behind bytes that belonged to none.
  public var resynchronisations: UInt64 = 0
  /// Questions without an answer in time.
  public var timeouts: UInt64 = 0
  /// Answers that came after their time was over.
  public var lateReplies: UInt64 = 0
  /// Answers by which a device said that it cannot.
  public var exceptions: UInt64 = 0

  public init() {}
}

/// The life of one serial port's protocol: a value that is told what happens and says what to do.
///
/// It has no descriptor, no clock and no task; whoever owns the port calls it, also in a replay. It never traps on any
/// bytes, holds a bounded buffer and finds back to the next frame after noise.
public protocol SerialDriver: Sendable {
  /// The sensors that speak through this port.
  var sensors: [SensorID] { get }

  var counters: PortCounters { get }

  /// When `wake` is due at the latest, if ever.
  var nextDeadline: MonotonicTime? { get }

  /// The port was opened, for the first time or again: whatever was under way is void.
  mutating func opened(at time: MonotonicTime, into actions: inout DriverActions)

  /// The port cannot be used: each of the sensors becomes a fault of this cause.
  mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions)

  /// These bytes arrived. Where bytes and a deadline come together, the bytes go first: what waited in the kernel must
  /// not be taken for the answer to a request that the deadline sends.
  mutating func received(_ bytes: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions)

  /// A deadline was reached.
  mutating func wake(at time: MonotonicTime, into actions: inout DriverActions)
}
