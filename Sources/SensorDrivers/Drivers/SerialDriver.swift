public import Observations

/// What became of an output that a serial driver switches.
public struct OutputReport: Sendable, Hashable {
  public enum State: Sendable, Hashable {
    /// It was written and read back.
    case standing(on: Bool)
    /// It cannot be switched for now, and is tried again.
    case failed(FaultCause)
  }

  public let output: OutputID
  public let state: State

  public init(output: OutputID, state: State) {
    self.output = output
    self.state = state
  }
}

/// What a driver asks for and says after one event. Reused from event to event, so that nothing is allocated in calm.
public struct DriverActions: Sendable {
  /// What was observed, in order.
  public var observations: [TimedObservation] = []
  /// What became of outputs, in order.
  public var outputs: [OutputReport] = []
  /// Bytes to write to the port now.
  public var transmit: [UInt8] = []
  /// The line is to be held at spacing from now on, or let go: before anything is transmitted.
  public var lineBreak: LineBreak?
  /// True: the port is to be closed and opened again, because nothing else has helped.
  public var reopen = false
  /// The calls that led to all this, where a recording wants them; otherwise empty.
  public var calls: [DriverCall] = []

  public init() {}

  /// Empties it and keeps its memory.
  public mutating func removeAll() {
    observations.removeAll(keepingCapacity: true)
    outputs.removeAll(keepingCapacity: true)
    transmit.removeAll(keepingCapacity: true)
    lineBreak = nil
    calls.removeAll(keepingCapacity: true)
    reopen = false
  }

  /// Whether nothing is asked for or said.
  public var isEmpty: Bool {
    observations.isEmpty && outputs.isEmpty && transmit.isEmpty && lineBreak == nil && calls.isEmpty && !reopen
  }
}

/// Where a break begins and ends. A driver asks for both ends; whoever owns the port never waits between them.
public enum LineBreak: Sendable, Hashable {
  case begin, end
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
  /// What was given up for want of room, such as a part of a long advertisement.
  public var dropped: UInt64 = 0

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

  /// An output of this port is to be switched, now or as soon as its device can be reached. A driver without outputs
  /// does nothing.
  mutating func command(_ output: OutputID, on: Bool, at time: MonotonicTime, into actions: inout DriverActions)
}

extension SerialDriver {
  public mutating func command(
    _ output: OutputID, on: Bool, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    // It has no outputs.
  }
}
