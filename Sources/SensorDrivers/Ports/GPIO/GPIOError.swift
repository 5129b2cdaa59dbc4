public import Observations

/// Why a GPIO chip or line cannot be used, and what to do.
public struct GPIOError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: Sendable, Hashable {
    case chipMissing
    case lineMissing
    /// Another program or the kernel holds the line.
    case busy
    case notPermitted
    /// The kernel or the chip cannot do what was asked.
    case unsupported
    /// It was there and went away.
    case lost
    case failed
  }

  public let kind: Kind
  /// What failed: "Failed to open GPIO chip /dev/gpiochip0".
  public let action: String
  /// Why, in the system's words where it gave any.
  public let reason: String
  /// What to do about it.
  public let advice: String

  public init(_ kind: Kind, _ action: String, reason: String, advice: String) {
    self.kind = kind
    self.action = action
    self.reason = reason
    self.advice = advice
  }

  public var description: String { "\(action): \(reason): \(advice)" }

  /// The fault that a sensor on this line has.
  public var faultCause: FaultCause {
    switch kind {
    case .chipMissing: .portMissing
    case .busy: .portBusy
    case .lost: .portLost
    case .lineMissing, .notPermitted, .unsupported, .failed: .portError
    }
  }
}
