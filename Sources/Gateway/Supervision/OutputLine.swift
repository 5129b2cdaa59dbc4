package import Observations

/// The wire of an output: a GPIO line, or a coil or register behind a serial line. It holds what it was last set to, tries
/// again by itself while that fails, and never makes its caller wait.
package protocol OutputLine: AnyObject {
  /// Why it cannot be switched at the moment, if it cannot.
  var fault: FaultCause? { get }

  /// Told whenever it becomes known, or changes, why it cannot be switched; nil: it can.
  var tellsState: ((FaultCause?) -> Void)? { get set }

  /// Whether something is under way that tells within moments how the output stands.
  var isWaiting: Bool { get }

  /// Whether it goes to its safe state even if the program is killed; nil: nobody could see to that, or it is not held.
  var isGuarded: Bool? { get }

  /// When `wake` is due at the latest, if ever.
  var nextDeadline: MonotonicTime? { get }

  /// Switches it, now or as soon as it can be reached.
  func set(_ on: Bool, at time: MonotonicTime)

  /// A deadline was reached.
  func wake(at time: MonotonicTime)
}
