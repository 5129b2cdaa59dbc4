internal import Glibc
public import Observations

/// What keeps a port from working: what failed, why, and what to do about it.
public struct SensorDriversError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was attempted: `open the serial port /dev/ttyS1`.
  public let action: String
  /// The system's reason, such as `No such file or directory`, or our own.
  public let reason: String
  /// What to do about it; a whole sentence, or empty.
  public let advice: String
  /// What the port's sensors are reported with.
  public let cause: FaultCause

  public init(action: String, reason: String, advice: String, cause: FaultCause) {
    self.action = action
    self.reason = reason
    self.advice = advice
    self.cause = cause
  }

  /// Takes the reason from an `errno`.
  public init(action: String, errorNumber: Int32, advice: String, cause: FaultCause) {
    self.init(action: action, reason: Self.message(errorNumber), advice: advice, cause: cause)
  }

  /// `Failed to <action>: <reason>. <advice>`
  public var description: String {
    "Failed to \(action): \(reason)." + (advice.isEmpty ? "" : " \(advice)")
  }

  /// The system's words for an `errno`.
  static func message(_ errorNumber: Int32) -> String {
    // SAFETY: strerror returns a C string that lasts until this thread calls it again; it is copied at once.
    guard let text = unsafe strerror(errorNumber) else { return "Error \(errorNumber)" }
    return unsafe String(cString: text)
  }
}
