/// Why a sensor says nothing that can be believed. An open list: receivers show a word they do not know as it is.
public struct FaultCause: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
  /// The word as published: lower case, words joined by underscores.
  public let rawValue: String

  public init(rawValue: String) {
    self.rawValue = rawValue
  }

  public var description: String { rawValue }
}

extension FaultCause {
  /// Asked, and no answer came in time.
  public static let timeout = FaultCause(rawValue: "timeout")
  /// The answer came after its time was over.
  public static let lateReply = FaultCause(rawValue: "late_reply")
  /// An answer came that no rule of the protocol allows: a wrong checksum, length or function.
  public static let garbledReply = FaultCause(rawValue: "garbled_reply")
  /// The device answered that it cannot: a Modbus exception.
  public static let deviceException = FaultCause(rawValue: "device_exception")
  /// Nothing to be believed was heard for longer than `stale_after`.
  public static let silent = FaultCause(rawValue: "silent")
  /// The value lies outside the configured `range`, or is no number.
  public static let outOfRange = FaultCause(rawValue: "out_of_range")
  /// A distance sensor's target is nearer than it can measure.
  public static let blindZone = FaultCause(rawValue: "blind_zone")
  /// A distance sensor heard no echo.
  public static let noTarget = FaultCause(rawValue: "no_target")
  /// The port's device file is not there.
  public static let portMissing = FaultCause(rawValue: "port_missing")
  /// Another program holds the port or the line.
  public static let portBusy = FaultCause(rawValue: "port_busy")
  /// The port was there and went away.
  public static let portLost = FaultCause(rawValue: "port_lost")
  /// The port cannot be opened or set for another reason, such as missing rights.
  public static let portError = FaultCause(rawValue: "port_error")
  /// The kernel dropped edges before they were read.
  public static let edgesLost = FaultCause(rawValue: "edges_lost")
  /// A supervised contact's cable is broken: neither wet nor dry is known.
  public static let cableBreak = FaultCause(rawValue: "cable_break")
  /// The wires of a supervised contact touch each other: neither wet nor dry is known.
  public static let shortCircuit = FaultCause(rawValue: "short_circuit")
  /// Values change faster than the thing can: a rain gauge tips too fast, because its contact bounces longer than the
  /// debounce time or its wire is hurt, or readings jump by more than `max_rate` and do not agree with each other either.
  public static let implausibleRate = FaultCause(rawValue: "implausible_rate")
  /// A receiver that answers nothing, or hears nothing where there was always something.
  public static let deaf = FaultCause(rawValue: "deaf")
}
