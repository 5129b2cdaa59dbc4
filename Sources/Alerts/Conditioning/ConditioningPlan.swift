public import Observations

/// What is done to a measuring sensor's readings before anything is decided by them: `filters`, `max_rate`,
/// `max_noise` and `stuck_after` of a `[[sensor]]`. Its `range` belongs to the same and is older.
public struct ConditioningPlan: Sendable, Hashable {
  /// A change that is too fast to be water.
  public struct MaxRate: Sendable, Hashable {
    /// So much, in the sensor's unit, above zero…
    public let by: Measure
    /// …for each of these spans begun since the last plausible reading.
    public let within: TimeSpan
    /// Readings that went too far but agree with each other for this long are a real step after all.
    public let confirm: TimeSpan

    public init(by: Measure, within: TimeSpan, confirm: TimeSpan = MaxRate.usualConfirm) {
      self.by = by
      self.within = within
      self.confirm = confirm
    }

    /// Longer than a wave or a passing branch, shorter than a usual `stale_after`.
    public static let usualConfirm = TimeSpan.seconds(30)
  }

  /// A scatter of the readings that is too wide to be water.
  public struct MaxNoise: Sendable, Hashable {
    /// The typical distance of a reading from the middle of its neighbours, in the sensor's unit, above zero…
    public let spread: Measure
    /// …over this time.
    public let within: TimeSpan

    public init(spread: Measure, within: TimeSpan) {
      self.spread = spread
      self.within = within
    }
  }

  /// Applied in this order.
  public let filters: [ReadingFilter]
  public let maxRate: MaxRate?
  public let maxNoise: MaxNoise?
  /// The same value for this long, where it cannot be, is a fault.
  public let stuckAfter: TimeSpan?
  /// Whether that is only looked for at or above the lowest level of the sensor's flood: what is not configured must not
  /// call a quiet river a fault.
  public let isStuckOnlyAboveLevels: Bool

  /// For a level sensor with a flood that says nothing else: longer than a flood's crest stands still.
  public static let usualStuckAfter = TimeSpan.hours(12)

  public init(
    filters: [ReadingFilter] = [], maxRate: MaxRate? = nil, maxNoise: MaxNoise? = nil, stuckAfter: TimeSpan? = nil,
    isStuckOnlyAboveLevels: Bool = false
  ) {
    self.isStuckOnlyAboveLevels = isStuckOnlyAboveLevels
    self.filters = filters
    self.maxRate = maxRate
    self.maxNoise = maxNoise
    self.stuckAfter = stuckAfter
  }

  /// Readings are taken as they come.
  public static let none = ConditioningPlan()
}

/// One entry of `filters`, in ESPHome's words.
///
/// A filter either shapes the value, or decides which values are published. What is held back from publishing is still
/// judged: no filter may make a flood wait because nobody wanted to read about it.
public enum ReadingFilter: Sendable, Hashable {
  /// How much a window holds and how often its result is published.
  public struct Window: Sendable, Hashable {
    /// How many readings, 1 to 500.
    public let size: Int
    /// Every so-manieth result is published, 1 to 500…
    public let sendEvery: Int
    /// …the first after so many readings, 1 to `sendEvery`.
    public let sendFirstAt: Int

    public init(size: Int, sendEvery: Int, sendFirstAt: Int = 1) {
      self.size = size
      self.sendEvery = sendEvery
      self.sendFirstAt = sendFirstAt
    }
  }

  /// How far a value must be from the last published one.
  public enum Difference: Sendable, Hashable {
    /// In the sensor's unit.
    case absolute(Double)
    /// As a part of the last published value: 0.05 is 5 %.
    case fraction(Double)
  }

  case median(Window)
  case slidingWindowMovingAverage(Window)
  /// `alpha`: the weight of the newest reading, above 0 and at most 1. The window's size has no meaning here.
  case exponentialMovingAverage(alpha: Double, Window)
  case delta(Difference)
  /// What lies outside is brought to the nearer bound, or rejected as out of range.
  case clamp(lowest: Double?, highest: Double?, ignoresOutOfRange: Bool)
  case calibrate(CalibrationCurve)
  /// Values that mean something else than a measurement, compared in the quantity's decimals.
  case filterOut([Measure])
  /// After so long without a plausible reading no value is published any more.
  case timeout(TimeSpan)
  /// The last value is published again at this interval; unless `isOptimistic`, only then.
  case heartbeat(TimeSpan, isOptimistic: Bool)
  /// At most one value in this time is published.
  case throttle(TimeSpan)

  /// By how many readings its result can lag behind a step.
  public var lagInReadings: Int {
    switch self {
    case .median(let window): return window.size / 2
    case .slidingWindowMovingAverage(let window): return window.size - 1
    case .exponentialMovingAverage(let alpha, _):
      // Until nineteen parts of twenty of a step are seen.
      var rest = 1.0
      var readings = 0
      while rest > 0.05, readings < 10_000 {
        rest *= 1 - alpha
        readings += 1
      }
      return readings - 1
    default: return 0
    }
  }

  /// Whether it looks at one reading alone and tells what was measured: readings are judged behind it.
  var isCalibration: Bool {
    switch self {
    case .calibrate, .filterOut: true
    default: false
    }
  }
}

/// An `[[agreement]]`: two sensors that measure the same water.
public struct AgreementRule: Sendable, Hashable {
  /// Whose word counts while they disagree.
  public enum SafeSide: String, Sendable, CaseIterable {
    case higher, lower
  }

  public let first: SensorID
  public let second: SensorID
  /// Further apart than this they contradict each other.
  public let within: Measure
  public let safeSide: SafeSide
  /// A contradiction is a fault of both after so long.
  public let after: TimeSpan

  public init(first: SensorID, second: SensorID, within: Measure, safeSide: SafeSide, after: TimeSpan = .minutes(1)) {
    self.first = first
    self.second = second
    self.within = within
    self.safeSide = safeSide
    self.after = after
  }
}

extension FaultCause {
  /// The same value for longer than `stuck_after`, where it cannot be.
  public static let stuck = FaultCause(rawValue: "stuck")
  /// Another sensor of the same water says something else.
  public static let contradicting = FaultCause(rawValue: "contradicting")
  /// The readings jump about more than water does.
  public static let noisy = FaultCause(rawValue: "noisy")
  /// Only values come that `filter_out` names.
  public static let filteredOut = FaultCause(rawValue: "filtered_out")

  /// The sensor speaks and is doubted: it is a fault, and its word still counts.
  var isDoubt: Bool { self == .contradicting || self == .noisy }
}
