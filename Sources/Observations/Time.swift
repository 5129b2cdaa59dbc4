/// A length of time in nanoseconds: what a threshold of time is compared with. Up to 292 years.
public struct TimeSpan: Hashable, Comparable, Sendable, Codable {
  public let nanoseconds: Int64

  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  public static func milliseconds(_ count: Int64) -> TimeSpan { TimeSpan(nanoseconds: count * 1_000_000) }
  public static func seconds(_ count: Int64) -> TimeSpan { TimeSpan(nanoseconds: count * 1_000_000_000) }
  public static func minutes(_ count: Int64) -> TimeSpan { .seconds(count * 60) }
  public static func hours(_ count: Int64) -> TimeSpan { .minutes(count * 60) }
  public static let zero = TimeSpan(nanoseconds: 0)

  public static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.nanoseconds < right.nanoseconds }
  public static func + (left: TimeSpan, right: TimeSpan) -> TimeSpan {
    TimeSpan(nanoseconds: left.nanoseconds + right.nanoseconds)
  }
  public static func - (left: TimeSpan, right: TimeSpan) -> TimeSpan {
    TimeSpan(nanoseconds: left.nanoseconds - right.nanoseconds)
  }
  public static func * (left: TimeSpan, right: Int64) -> TimeSpan {
    TimeSpan(nanoseconds: left.nanoseconds * right)
  }

  /// Whole milliseconds, rounded down.
  public var milliseconds: Int64 { nanoseconds / 1_000_000 }
  /// Seconds, for people and for rates.
  public var seconds: Double { Double(nanoseconds) / 1e9 }
}

/// A moment of the boot's monotonic clock, in nanoseconds: all waiting and dwelling is counted in it.
public struct MonotonicTime: Hashable, Comparable, Sendable, Codable {
  public let nanoseconds: Int64

  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }
  public static func + (left: MonotonicTime, right: TimeSpan) -> MonotonicTime {
    MonotonicTime(nanoseconds: left.nanoseconds + right.nanoseconds)
  }
  public static func - (left: MonotonicTime, right: TimeSpan) -> MonotonicTime {
    MonotonicTime(nanoseconds: left.nanoseconds - right.nanoseconds)
  }
  public static func - (left: MonotonicTime, right: MonotonicTime) -> TimeSpan {
    TimeSpan(nanoseconds: left.nanoseconds - right.nanoseconds)
  }
}

/// A moment of civil time: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
public struct WallTime: Hashable, Comparable, Sendable, Codable {
  public let milliseconds: Int64

  public init(milliseconds: Int64) {
    self.milliseconds = milliseconds
  }

  public static func < (left: WallTime, right: WallTime) -> Bool { left.milliseconds < right.milliseconds }
  public static func + (left: WallTime, right: TimeSpan) -> WallTime {
    WallTime(milliseconds: left.milliseconds + right.milliseconds)
  }
  public static func - (left: WallTime, right: TimeSpan) -> WallTime {
    WallTime(milliseconds: left.milliseconds - right.milliseconds)
  }
  /// More than 146 years, which only a text from outside can be away, count as so many.
  public static func - (left: WallTime, right: WallTime) -> TimeSpan {
    let (milliseconds, isTooMuch) = left.milliseconds.subtractingReportingOverflow(right.milliseconds)
    let most = Int64.max / 2_000_000
    guard !isTooMuch else { return .milliseconds(left < right ? -most : most) }
    return .milliseconds(min(max(milliseconds, -most), most))
  }
}

/// How far the wall clock can be trusted.
public enum ClockQuality: String, Sendable, Codable {
  /// Set by NTP or GNSS.
  case synchronized
  /// Set from the board's own clock chip, not confirmed since.
  case rtc
  /// Set by nothing that deserves trust.
  case unsynchronized
}

extension ClockQuality: Comparable {
  private var rank: Int {
    switch self {
    case .unsynchronized: 0
    case .rtc: 1
    case .synchronized: 2
    }
  }

  /// Whether it deserves less trust.
  public static func < (left: ClockQuality, right: ClockQuality) -> Bool { left.rank < right.rank }
}

/// When something happened: on the clock that orders and on the clock that people read, with the latter's quality.
public struct Moment: Hashable, Sendable, Codable {
  public let monotonic: MonotonicTime
  public let wall: WallTime
  public let clock: ClockQuality

  public init(monotonic: MonotonicTime, wall: WallTime, clock: ClockQuality) {
    self.monotonic = monotonic
    self.wall = wall
    self.clock = clock
  }

  /// The moment `span` later, if neither clock is touched.
  public func advanced(by span: TimeSpan) -> Moment {
    Moment(monotonic: monotonic + span, wall: wall + span, clock: clock)
  }
}
