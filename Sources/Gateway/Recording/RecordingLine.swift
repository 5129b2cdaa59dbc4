public import Alerts
public import Observations
public import SensorDrivers

/// A tag as a recording names it.
public enum RecordedTag: Sendable, Hashable {
  /// The tag's keyed hash: 64 lower-case hexadecimal digits.
  case hash(String)
  /// The tag's identifier in the clear, as tests and `--clear-ids` have it.
  case clear(TagIdentifier)
}

/// Why a recording cannot be read on.
public struct RecordingError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The line's number, from 1.
  public let line: Int
  /// What is wrong and what is allowed.
  public let reason: String

  public init(line: Int, reason: String) {
    self.line = line
    self.reason = reason
  }

  public var description: String { "\(line): \(reason)" }
}

/// One line of a recording (`mimamori.recording/1`): what was said, and when.
public struct RecordingLine: Sendable, Hashable {
  /// What a line can say.
  public enum Content: Sendable, Hashable {
    /// The first line: which gateway and configuration it comes from.
    case header(gateway: String?, configurationSHA256: String?)
    /// A value in the sensor's unit, not yet rounded to its quantity.
    case reading(SensorID, DecimalNumber)
    case fault(SensorID, FaultCause)
    case contact(SensorID, active: Bool)
    case tips(SensorID, count: UInt64)
    /// `signal` is -127 to 20 dBm, `battery` 0 to 100 percent.
    case sighting(SensorID, RecordedTag, signal: Int8, battery: UInt8?, button: Bool?)
    /// Where the board is.
    case position(SensorID, PositionFix)
    /// A receiver works.
    case alive(SensorID)
    /// Why an output cannot be switched; nil: it can.
    case output(OutputID, FaultCause?)
    /// What is wrong with the gateway's ledger; nil: it can be written.
    case ledger(FaultCause?)
    /// How long a certificate of the gateway lasts; nil: long enough.
    case certificate(BoardCertificate, FaultCause?)
    /// Bytes as they came over a port, in hexadecimal.
    case rawBytes(PortID, hex: String)
    /// Bytes that the gateway sent over a port, in hexadecimal.
    case sentBytes(PortID, hex: String)
    /// What is said of a port whose bytes are not recorded: the lengths of the frames that were found, in bytes, and how
    /// often there was none where one should have begun.
    case frames(PortID, lengths: [Int], errors: Int)
    /// `sequence` is the kernel's count of the line's edges; `line` the line's number on its chip; `stamp` the kernel's
    /// time of the edge, where that is not the line's own.
    case rawEdge(
      SensorID, rising: Bool, sequence: UInt64?, line: UInt32? = nil, stamp: MonotonicTime? = nil)
    /// What else a driver was told.
    case call(DriverSource, Call)
    /// `start`, `stop`, `clock_step`, `reload`, `command`, `watchlist`.
    case event(String, boot: String?)
    /// What an authority asked for; `tag` of a search: the keyed hash of the tag.
    case command(Command, tag: String?)
    /// So many lines are missing here, because the disk did not take them.
    case gap(lines: Int)
    /// Nothing but time: deadlines fire.
    case timePasses
  }

  /// What a driver can be told beside bytes and edges.
  public enum Call: Sendable, Hashable {
    /// The port was opened.
    case opened
    /// The port or the line cannot be used.
    case failed(FaultCause)
    /// A deadline was reached.
    case woken
    /// An output behind the port was to be switched.
    case commanded(OutputID, on: Bool)
    /// The GPIO lines were requested: their numbers, whether each is active, and whether the kernel debounces them.
    case linesOpened(GPIOLinesOpened)
    /// The GPIO lines' levels were read: whether each is active.
    case levels([Bool])
  }

  /// On the boot's monotonic clock; it orders where it is given.
  public var monotonic: MonotonicTime?
  public var wall: WallTime?
  /// How far the wall clock can be trusted from this line on; a recording that never says so is trusted.
  public var clock: ClockQuality?
  /// The time that the driver was told, where the line has a later one because time never goes back in a recording.
  public var called: MonotonicTime?
  public var content: Content

  public init(
    monotonic: MonotonicTime?, wall: WallTime?, clock: ClockQuality? = nil, called: MonotonicTime? = nil,
    content: Content
  ) {
    self.monotonic = monotonic
    self.wall = wall
    self.clock = clock
    self.called = called
    self.content = content
  }
}
