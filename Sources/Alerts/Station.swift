public import Observations

/// Everything the gateway ever decides.
///
/// A value without clock, input or output: `run`, `replay`, `simulate` and the tests all drive the same one, so that a
/// replay equals what happened.
public struct Station: Sendable {
  /// Decides by `plan`; each new alert and notice gets its id from `identify`.
  public init(plan: StationPlan, identify: @escaping @Sendable (AlertOrigin) -> String) {
  }

  /// Takes up what an earlier run left behind, before the first input.
  ///
  /// - Parameters:
  ///   - sequences: the last number of each stream, from the ledger.
  ///   - sameBoot: whether `states` were saved in this boot, so that their monotonic times still hold.
  public mutating func restore(
    _ states: [SavedState], sequences: [String: UInt64], at moment: Moment, sameBoot: Bool
  ) {
  }

  /// Starts watching: reports what is known at once, such as the places' states. Called once, after `restore`.
  public mutating func start(at moment: Moment, into effects: inout Effects) {
  }

  /// Takes one input at one moment and appends what it causes. Deadlines at or before `moment` fire first.
  public mutating func handle(_ input: StationInput, at moment: Moment, into effects: inout Effects) {
  }

  /// When `timePasses` is due at the latest, if ever.
  public var nextDeadline: MonotonicTime? { nil }

  /// The latest message of each active alert of mode actual, in the order of raising.
  public var activeAlerts: [Alert] { [] }

  /// The last number given in the stream `alert`.
  public var lastAlertSequence: UInt64 { 0 }
}
