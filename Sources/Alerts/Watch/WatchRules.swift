public import Observations

/// What is expected of a person at one place, in the gateway's time zone.
public struct WatchRules: Sendable, Hashable {
  /// Minutes after midnight, 0 to 1439.
  public struct TimeOfDay: Sendable, Hashable {
    public let minutes: Int

    /// - Parameter minutes: after midnight; beyond a day they are cut to 0 to 1439.
    public init(minutes: Int) {
      self.minutes = min(max(minutes, 0), 1439)
    }
  }

  /// A day of the week, by the word that watch lists have for it.
  public enum Weekday: String, Sendable, Hashable, CaseIterable {
    case monday = "mon"
    case tuesday = "tue"
    case wednesday = "wed"
    case thursday = "thu"
    case friday = "fri"
    case saturday = "sat"
    case sunday = "sun"
  }

  /// A day of the calendar.
  public struct Day: Sendable, Hashable {
    public let year: Int
    /// 1 to 12.
    public let month: Int
    /// 1 to 31.
    public let day: Int

    public init(year: Int, month: Int, day: Int) {
      self.year = year
      self.month = month
      self.day = day
    }
  }

  /// Leaving between two times of day is worth a notice, unless the carer has paused it.
  public struct NightExit: Sendable, Hashable {
    public let from: TimeOfDay
    /// Before `from` it is on the next day; the same as `from`: all day long.
    public let to: TimeOfDay
    /// Who leaves before this leaves as on any day.
    public let pausedUntil: WallTime?

    public init(from: TimeOfDay, to: TimeOfDay, pausedUntil: WallTime? = nil) {
      self.from = from
      self.to = to
      self.pausedUntil = pausedUntil
    }
  }

  /// Not arrived by this time is worth a notice.
  public let notArrivedBy: TimeOfDay?
  /// The days on which `notArrivedBy` holds.
  public let days: Set<Weekday>
  /// Days on which it does not hold, such as holidays; at most 400.
  public let except: Set<Day>
  public let nightExit: NightExit?
  /// Not seen for this long is worth a notice.
  public let notSeenFor: TimeSpan?

  public init(
    notArrivedBy: TimeOfDay? = nil, days: Set<Weekday> = Set(Weekday.allCases), except: Set<Day> = [],
    nightExit: NightExit? = nil, notSeenFor: TimeSpan? = nil
  ) {
    self.notArrivedBy = notArrivedBy
    self.days = days
    self.except = except
    self.nightExit = nightExit
    self.notSeenFor = notSeenFor
  }
}

extension WatchRules {
  /// Whether somebody is expected by `notArrivedBy` on a local day, counted from 1970-01-01.
  func expects(onDay day: Int) -> Bool {
    guard notArrivedBy != nil else { return false }
    let weekday = Weekday.allCases[((day + 3) % 7 + 7) % 7]
    guard days.contains(weekday) else { return false }
    let date = CivilTime(WallTime(milliseconds: Int64(day) * 86_400_000), in: .fixed(seconds: 0))
    return !except.contains(Day(year: date.year, month: date.month, day: date.day))
  }
}

extension WatchRules.NightExit {
  /// Whether leaving is worth a notice, if the tag was last heard at one time and missed by the other. Where nobody
  /// knows when it was heard, it may have been at night.
  func concerns(lastSeen: WallTime?, detected: WallTime, in zone: TimeZoneOffsets) -> Bool {
    if let pausedUntil, lastSeen ?? detected < pausedUntil { return false }
    guard let lastSeen else { return true }
    return [lastSeen, detected].contains { time in
      let civil = CivilTime(time, in: zone)
      let minutes = civil.hour * 60 + civil.minute
      if from.minutes < to.minutes { return minutes >= from.minutes && minutes < to.minutes }
      return minutes >= from.minutes || minutes < to.minutes
    }
  }
}

extension TimeZoneOffsets {
  private static let dayMilliseconds: Int64 = 86_400_000

  /// The local day at `time`, counted from 1970-01-01.
  func day(at time: WallTime) -> Int {
    let local = time.milliseconds + Int64(seconds(at: time)) * 1000
    let day = local / Self.dayMilliseconds
    return Int(local % Self.dayMilliseconds < 0 ? day - 1 : day)
  }

  /// When it is this time of day on a local day. A time that comes twice is the first of them; one that is left out is
  /// as long after midnight as if it were not.
  func time(ofDay day: Int, _ timeOfDay: WatchRules.TimeOfDay) -> WallTime {
    let local = Int64(day) * Self.dayMilliseconds + Int64(timeOfDay.minutes) * 60_000
    let before = seconds(at: WallTime(milliseconds: local - Self.dayMilliseconds))
    let after = seconds(at: WallTime(milliseconds: local + Self.dayMilliseconds))
    let early = WallTime(milliseconds: local - Int64(before) * 1000)
    let late = WallTime(milliseconds: local - Int64(after) * 1000)
    return seconds(at: early) != before && seconds(at: late) == after ? late : early
  }
}
