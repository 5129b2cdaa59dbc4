public import Observations

/// How often a value must be seen before it counts.
public enum Confirmation: Sendable, Hashable {
  /// So many consecutive readings, at least 1.
  case readings(Int)
  /// Every reading for this long, counted from the first.
  case duration(TimeSpan)
}

/// A `[[flood]]`: the level ladder of one gauge.
public struct FloodRule: Sendable, Hashable {
  /// One configured threshold.
  public struct Level: Sendable, Hashable {
    public let step: LadderStep
    public let threshold: Measure

    public init(step: LadderStep, threshold: Measure) {
      self.step = step
      self.threshold = threshold
    }
  }

  /// A rate of rise that is an alert of its own.
  public struct Rise: Sendable, Hashable {
    public let by: Measure
    public let within: TimeSpan
    public let severity: Severity

    public init(by: Measure, within: TimeSpan, severity: Severity) {
      self.by = by
      self.within = within
      self.severity = severity
    }
  }

  public let sensor: SensorID
  /// Rising by step and by threshold; at least one.
  public let levels: [Level]
  public let confirm: Confirmation
  /// A step is left when the level stays below its threshold minus this margin…
  public let releaseMargin: Measure
  /// …for this long. Zero: at once.
  public let releaseHold: TimeSpan
  public let rise: Rise?
  /// Say when the next step will be reached if within this time.
  public let forecast: TimeSpan?

  public init(
    sensor: SensorID, levels: [Level], confirm: Confirmation, releaseMargin: Measure, releaseHold: TimeSpan,
    rise: Rise? = nil, forecast: TimeSpan? = nil
  ) {
    self.sensor = sensor
    self.levels = levels
    self.confirm = confirm
    self.releaseMargin = releaseMargin
    self.releaseHold = releaseHold
    self.rise = rise
    self.forecast = forecast
  }
}

/// A `[[contact]]`: a flood contact with its dwell times.
public struct ContactRule: Sendable, Hashable {
  public let sensor: SensorID
  public let severity: Severity
  /// Wet for this long without a break raises.
  public let wetAfter: TimeSpan
  /// Dry for this long without a break clears.
  public let dryAfter: TimeSpan
  /// The alert level (1 to 5) that the city says this contact is equivalent to, if it says so.
  public let levelEquivalent: Int?

  public init(
    sensor: SensorID, severity: Severity, wetAfter: TimeSpan, dryAfter: TimeSpan, levelEquivalent: Int? = nil
  ) {
    self.sensor = sensor
    self.severity = severity
    self.wetAfter = wetAfter
    self.dryAfter = dryAfter
    self.levelEquivalent = levelEquivalent
  }
}

/// A `[[place]]` where people are watched over.
public struct PlaceRule: Sendable, Hashable {
  public let id: PlaceID
  public let name: String
  /// One receiver or more.
  public let sensors: [SensorID]
  /// Heard at least this strongly counts towards an arrival, in dBm.
  public let enter: Int8
  /// Heard more strongly than this keeps a person here, in dBm; below `enter`.
  public let leave: Int8
  /// So many of the last `sightingsOf` sightings must reach `enter`.
  public let sightingsCount: Int
  public let sightingsOf: Int
  /// …and go on for this long before it is an arrival.
  public let dwell: TimeSpan
  /// Not heard above `leave` for this long is a departure.
  public let goneAfter: TimeSpan

  public init(
    id: PlaceID, name: String, sensors: [SensorID], enter: Int8, leave: Int8, sightingsCount: Int, sightingsOf: Int,
    dwell: TimeSpan, goneAfter: TimeSpan
  ) {
    self.id = id
    self.name = name
    self.sensors = sensors
    self.enter = enter
    self.leave = leave
    self.sightingsCount = sightingsCount
    self.sightingsOf = sightingsOf
    self.dwell = dwell
    self.goneAfter = goneAfter
  }
}

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

  public init(severity: Severity, allOf: [SensorID], whenOneIsFaulty: WhenOneIsFaulty) {
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
  /// Not switched on again before this long after it was switched off by `maxOn`.
  public let coolDown: TimeSpan
  public let soundAt: SirenRule?

  public init(id: OutputID, maxOn: TimeSpan, coolDown: TimeSpan, soundAt: SirenRule?) {
    self.id = id
    self.maxOn = maxOn
    self.coolDown = coolDown
    self.soundAt = soundAt
  }
}
