public import Observations

/// One call of a driver, as a recording keeps it so that a replay can make the same call again.
public struct DriverCall: Sendable, Hashable {
  /// What the driver was told, and what it sent in answer.
  public enum Event: Sendable, Hashable {
    /// The serial port was opened.
    case opened
    /// The port or the line cannot be used.
    case failed(FaultCause)
    /// These bytes arrived, at least one.
    case received([UInt8])
    /// In the call before, the driver asked for these bytes to be sent.
    case sent([UInt8])
    /// Instead of what arrived: the lengths of the frames that were found, in bytes, and how often there was none where
    /// one should have begun. Holds nobody's identifier.
    case heard(lengths: [Int], errors: Int)
    /// A deadline was reached.
    case woken
    /// An output behind the port was to be switched.
    case commanded(OutputID, on: Bool)
    /// The GPIO lines were requested.
    case linesOpened(GPIOLinesOpened)
    case edge(GPIOEdge)
    /// The GPIO lines' levels were read, in the order of the driver's lines.
    case levels([Bool])
  }

  /// The time that the driver was told.
  public let time: MonotonicTime
  public let event: Event

  public init(time: MonotonicTime, event: Event) {
    self.time = time
    self.event = event
  }
}

/// Whose call it was: the serial port of a driver, or the sensor on GPIO lines.
public enum DriverSource: Sendable, Hashable {
  case port(PortID)
  case line(SensorID)
}
