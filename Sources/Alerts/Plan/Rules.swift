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

  /// Where two sensors of one station measure the same water: how their values become one level.
  public struct Pair: Sendable, Hashable {
    /// What the level is while both are sound. A faulty one falls out, and the other decides alone.
    public enum Combination: String, Sendable, CaseIterable {
      /// The higher of the two: the safe side.
      case higher
      case lower
      case mean
      /// The sensor named first; the other stands by.
      case first
    }

    public let second: SensorID
    public let combination: Combination

    public init(second: SensorID, combination: Combination) {
      self.second = second
      self.combination = combination
    }
  }

  /// How often the level is published, by the rule of the crisis-management gauge (MLIT, 2018).
  public struct Reporting: Sendable, Hashable {
    /// The river's class.
    public enum RiverClass: String, Sendable, CaseIterable {
      case large, medium, fast

      /// Between two reports at or above the observation start.
      public var interval: TimeSpan {
        switch self {
        case .large: .minutes(10)
        case .medium: .minutes(5)
        case .fast: .minutes(2)
        }
      }
    }

    /// While the water rises fast.
    public static let whileRisingFast = TimeSpan.minutes(1)

    /// The observation start.
    public let from: Measure
    /// Between two reports at or above it.
    public let above: TimeSpan
    /// Between two reports below it; at most a day.
    public let below: TimeSpan

    public init(from: Measure, above: TimeSpan, below: TimeSpan) {
      self.from = from
      self.above = above
      self.below = below
    }
  }

  /// Three rises to the same step are no chance.
  public static let usualUnstableAfter = FlapWatch.usualRises

  /// The gauge; of two the one that is named first, whose name the alerts bear.
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
  /// The other sensor of the station.
  public let pair: Pair?
  /// Nil: on change, every ten minutes, and every minute while something is raised.
  public let reporting: Reporting?
  /// So many rises to the same step within two hours make the sensor unstable; nil: it is never said to be.
  public let unstableAfter: Int?
  /// A step below danger that is reached again within this time after the alert's end is told when it is over.
  public let realertAfter: TimeSpan
  /// What was raised by a sensor that hangs since is ended after this time: nobody knows of a flood any more.
  public let unprovenFor: TimeSpan

  public init(
    sensor: SensorID, levels: [Level], confirm: Confirmation, releaseMargin: Measure, releaseHold: TimeSpan,
    rise: Rise? = nil, forecast: TimeSpan? = nil, pair: Pair? = nil, reporting: Reporting? = nil,
    realertAfter: TimeSpan = .zero, unprovenFor: TimeSpan = FloodRule.usualUnprovenFor,
    unstableAfter: Int? = FloodRule.usualUnstableAfter
  ) {
    self.realertAfter = realertAfter
    self.unprovenFor = unprovenFor
    self.unstableAfter = unstableAfter
    self.pair = pair
    self.reporting = reporting
    self.sensor = sensor
    self.levels = levels
    self.confirm = confirm
    self.releaseMargin = releaseMargin
    self.releaseHold = releaseHold
    self.rise = rise
    self.forecast = forecast
  }
}

extension FloodRule {
  /// A week: long enough for somebody to have gone and looked.
  public static let usualUnprovenFor = TimeSpan.hours(168)
}

/// A `[[contact]]`: what a contact means, with its dwell times.
public struct ContactRule: Sendable, Hashable {
  /// What an active contact is.
  public enum Use: String, Sendable, CaseIterable {
    /// Water is here: `flood_contact`.
    case flood
    /// The enclosure is open: `tamper`.
    case tamper
    /// The mains are gone: `power`.
    case mains
    /// Somebody wants the sirens to be silent: no alert.
    case silence

    /// The alert that it raises.
    public var alertKind: AlertKind? {
      switch self {
      case .silence: nil
      case .flood: .floodContact
      case .tamper: .tamper
      case .mains: .power
      }
    }
  }

  public let sensor: SensorID
  public let use: Use
  public let severity: Severity
  /// Active (wet, open, gone) for this long without a break raises.
  public let wetAfter: TimeSpan
  /// Not active for this long without a break clears.
  public let dryAfter: TimeSpan
  /// Below severe: what is raised again within this time after its end is told when it is over.
  public let realertAfter: TimeSpan
  /// Of a button: how long it silences, and what; nil: every output.
  public let silenceFor: TimeSpan
  public let silenced: OutputID?
  /// The alert level (1 to 5) that the city says this contact is equivalent to, if it says so.
  public let levelEquivalent: Int?
  /// So many times wet within two hours make the sensor unstable; nil: it is never said to be.
  public let unstableAfter: Int?

  public init(
    sensor: SensorID, use: Use = .flood, severity: Severity, wetAfter: TimeSpan, dryAfter: TimeSpan,
    levelEquivalent: Int? = nil, realertAfter: TimeSpan = .zero, silenceFor: TimeSpan = .minutes(30),
    silenced: OutputID? = nil, unstableAfter: Int? = FloodRule.usualUnstableAfter
  ) {
    self.silenceFor = silenceFor
    self.silenced = silenced
    self.unstableAfter = unstableAfter
    self.sensor = sensor
    self.use = use
    self.realertAfter = realertAfter
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
  /// The satellite receiver of a place that moves, such as a postal motorbike: who is heard there is passed, not met.
  public let positionSensor: SensorID?
  /// Whether who was near and did not stay is worth a notice.
  public let passages: Bool
  /// Places of this gateway so far away that one tag cannot be heard above `enter` at both within two seconds.
  public let apartFrom: [PlaceID]

  public init(
    id: PlaceID, name: String, sensors: [SensorID], enter: Int8, leave: Int8, sightingsCount: Int, sightingsOf: Int,
    dwell: TimeSpan, goneAfter: TimeSpan, positionSensor: SensorID? = nil, passages: Bool = false,
    apartFrom: [PlaceID] = []
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
    self.positionSensor = positionSensor
    self.passages = passages
    self.apartFrom = apartFrom
  }
}

/// A `[[limit]]`: a value of the board's own, such as its supply voltage, that is an alert beyond it.
public struct LimitRule: Sendable, Hashable {
  /// On which side of the threshold it is too far.
  public enum Side: Sendable, Hashable {
    /// At the threshold or below it.
    case below
    /// At the threshold or above it.
    case above
  }

  public let sensor: SensorID
  public let side: Side
  public let threshold: Measure
  /// It is over when the value is so far on the good side again.
  public let margin: Measure
  /// Every reading beyond it for this long, counted from the first.
  public let confirm: TimeSpan
  public let severity: Severity

  public init(
    sensor: SensorID, side: Side, threshold: Measure, margin: Measure, confirm: TimeSpan, severity: Severity
  ) {
    self.sensor = sensor
    self.side = side
    self.threshold = threshold
    self.margin = margin
    self.confirm = confirm
    self.severity = severity
  }
}
