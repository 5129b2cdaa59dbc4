public import Observations

/// When an `[[output]]` sounds on the board's own decision.
public struct SirenRule: Sendable, Hashable {
  /// What happens while one of several required inputs is faulty.
  public enum WhenOneIsFaulty: String, Sendable, CaseIterable {
    /// The inputs that are not faulty decide.
    case otherDecides = "other_decides"
    /// It stays silent.
    case silent
  }

  public let severity: Severity
  /// Each of these sensors must have an active hazard of at least `severity`.
  public let allOf: [SensorID]
  public let whenOneIsFaulty: WhenOneIsFaulty
  /// With `silent`: after a fault of so long the inputs that are not faulty decide. Nil: however long it lasts.
  public let silentAtMost: TimeSpan?

  public init(
    severity: Severity, allOf: [SensorID], whenOneIsFaulty: WhenOneIsFaulty, silentAtMost: TimeSpan? = nil
  ) {
    self.silentAtMost = silentAtMost
    self.severity = severity
    self.allOf = allOf
    self.whenOneIsFaulty = whenOneIsFaulty
  }
}

/// An `[[output]]` as the station sees it; wiring and safe state belong to the driver.
public struct OutputRule: Sendable, Hashable {
  public let id: OutputID
  /// Switched off after this long, whatever goes on.
  public let maxOn: TimeSpan
  /// Once on, it stays on for this long, also when its reason is over sooner; at most `maxOn`.
  public let minOn: TimeSpan
  /// Not switched on again before this long after it was switched off by `maxOn`.
  public let coolDown: TimeSpan
  public let soundAt: SirenRule?

  public init(
    id: OutputID, maxOn: TimeSpan, minOn: TimeSpan = .zero, coolDown: TimeSpan, soundAt: SirenRule?
  ) {
    self.id = id
    self.maxOn = maxOn
    self.minOn = minOn
    self.coolDown = coolDown
    self.soundAt = soundAt
  }
}
