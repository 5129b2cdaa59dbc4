public import Observations

/// Names one line of a chip, as the configuration does: by its number or by the name that the board gives it.
public enum GPIOLine: Sendable, Hashable, CustomStringConvertible {
  /// The line's number on its chip, from 0.
  case number(UInt32)
  /// The line's name, such as "GPIO17": at most 31 characters.
  case name(String)

  public var description: String {
    switch self {
    case .number(let number): "\(number)"
    case .name(let name): "\"\(name)\""
    }
  }
}

/// What holds a line's level when nothing drives it.
public enum GPIOBias: String, Sendable, CaseIterable {
  /// Whatever the board's start left.
  case asIs = "as-is"
  /// Nothing: a resistor on the board does it.
  case disabled
  case pullUp = "pull-up"
  case pullDown = "pull-down"
}

/// How one input line is requested.
public struct GPIOInputSettings: Sendable, Hashable {
  public let line: GPIOLine
  public let bias: GPIOBias
  /// True: the line is active while its voltage is low.
  public let isActiveLow: Bool
  /// How long a level must last to count; zero for no debouncing. Up to 71 minutes, in steps of 1 µs.
  public let debounce: TimeSpan

  public init(line: GPIOLine, bias: GPIOBias, isActiveLow: Bool, debounce: TimeSpan) {
    self.line = line
    self.bias = bias
    self.isActiveLow = isActiveLow
    self.debounce = debounce
  }
}

/// One change of one input line, as the kernel recorded it.
public struct GPIOEdge: Sendable, Hashable {
  /// The line's number on its chip.
  public let offset: UInt32
  /// True: the line became active. Active low is taken into account.
  public let isRising: Bool
  /// When the kernel saw the change (CLOCK_MONOTONIC).
  public let time: MonotonicTime
  /// Counts the changes of this line since it was requested, from 1: a gap shows edges that were dropped. It wraps.
  public let lineSequence: UInt32

  public init(offset: UInt32, isRising: Bool, time: MonotonicTime, lineSequence: UInt32) {
    self.offset = offset
    self.isRising = isRising
    self.time = time
    self.lineSequence = lineSequence
  }
}

/// Gives out GPIO lines: the kernel's, or a simulated board's.
public protocol GPIOAccess: Sendable {
  /// Requests input lines of one chip, 1 to 64, with both edges. They are held until the returned value goes away.
  ///
  /// `chip` is a device's path (`/dev/gpiochip0`), its name (`gpiochip0`) or the chip's label.
  func inputs(chip: String, lines: [GPIOInputSettings]) throws(SensorDriversError) -> any GPIOInputs

  /// Requests an output line which from the first moment is active or not as `initial` says, without a pulse.
  ///
  /// `initial` is the output's safe level: it is set again when the returned value goes away.
  func output(chip: String, line: GPIOLine, isActiveHigh: Bool, initial: Bool) throws(SensorDriversError)
    -> any GPIOOutput
}

/// Input lines that are held: a descriptor to poll and what it brings.
public protocol GPIOInputs: Sendable {
  /// Readable when edges wait. It belongs to this value; do not close it.
  var fileDescriptor: Int32 { get }

  /// The lines' numbers on their chip, in the order of the request.
  var offsets: [UInt32] { get }

  /// Whether the settings' debounce is done already. If not, the driver does it.
  var isDebounced: Bool { get }

  /// Whether each line is active now, in the order of the request. Fails when the chip has gone away.
  func levels() throws(SensorDriversError) -> [Bool]

  /// Appends the edges that wait, the oldest first, at most 256, and returns without waiting.
  func readEdges(into edges: inout [GPIOEdge]) throws(SensorDriversError)
}

/// An output line that is held.
public protocol GPIOOutput: Sendable {
  /// Makes the line active or inactive.
  func set(_ isActive: Bool) throws(SensorDriversError)

  /// Whether the line is active now, read back from the chip.
  func isActive() throws(SensorDriversError) -> Bool

  /// Whether the line is set to its safe level even if the program is killed; nil: there is nothing to guard.
  var isGuarded: Bool? { get }
}

extension GPIOOutput {
  public var isGuarded: Bool? { nil }
}
