import Observations

/// Says when the next step of the ladder will be reached, as an estimate, and takes it back when it no longer holds.
///
/// A forecast is the straight line of the last minutes, nothing more: no rain, no upstream gauge. It is made only when
/// nine slopes of ten rise. Its earliest and latest come from the spread of the slopes, from how the rate itself changed
/// meanwhile, and from how few readings there are. What was said is said anew only when the newest estimate lies outside
/// it, and taken back only when nothing has spoken for it for five minutes; neither more often than every five minutes.
struct LevelForecast: Sendable {
  /// Between two messages about one forecast.
  static let spacing = TimeSpan.minutes(5)
  /// A shift smaller than this is no news.
  static let leastShift = TimeSpan.minutes(5)
  /// Nobody can tell to the second.
  private static let leastSpread = TimeSpan.minutes(1)
  /// `latest` goes no further than this.
  private static let farthest = TimeSpan.hours(24)

  enum Change: Sendable, Hashable {
    case revised, withdrawn
  }

  /// What a restart must know.
  struct Memory: Sendable, Hashable, Codable {
    var said: Alert.Next?
    var saidAt: MonotonicTime?
    var doubtedSince: MonotonicTime?
  }

  let horizon: TimeSpan
  /// What people were told last.
  private(set) var said: Alert.Next?
  private var saidAt: MonotonicTime?
  /// Since when nothing speaks for what was said.
  private var doubtedSince: MonotonicTime?

  init(horizon: TimeSpan) {
    self.horizon = horizon
  }

  /// How far the readings reach back that a forecast is made from.
  static func window(for horizon: TimeSpan?) -> TimeSpan {
    let quarter = TimeSpan(nanoseconds: (horizon ?? .hours(1)).nanoseconds / 4)
    return min(max(quarter, .minutes(10)), .hours(1))
  }

  /// The estimate by this slope, if the water will be at `threshold` within `limit`.
  private func estimate(
    _ slope: TrendWindow.Slope?, _ next: FloodRule.Level?, within limit: TimeSpan, mustBeSure: Bool, at now: WallTime
  ) -> Alert.Next? {
    guard let slope, let next, slope.median > 0, !mustBeSure || slope.low > 0 else { return nil }
    let missing = next.threshold.value - slope.level
    guard missing > 0 else { return nil }
    func time(_ perSecond: Double) -> WallTime {
      let seconds = perSecond > 0 ? min(missing / perSecond, Self.farthest.seconds) : Self.farthest.seconds
      return now + .milliseconds(Int64(seconds.rounded()) * 1000)
    }
    let at = time(slope.median)
    guard at - now <= limit else { return nil }
    // The rate goes on changing as it did, for twice as long as it was seen to at most.
    let ahead = (at - now).seconds
    let change = slope.bend * (1 + min(ahead / slope.seconds, 2))
    let fastest = max(slope.high, slope.median + max(change, 0))
    let slowest = min(slope.low, slope.median + min(change, 0))
    // However even the last minutes were, the next ones need not be; and a few readings may lie on a line by chance.
    let share = TimeSpan.milliseconds(Int64(ahead * 1000 * (0.1 + 1.2 / Double(slope.slots))))
    let least = max(share, Self.leastSpread)
    let latest = max(time(slowest), at + least)
    guard !mustBeSure || isWithinReach(latest, from: now) else { return nil }
    return Alert.Next(step: next.step, at: at, earliest: max(min(time(fastest), at - least), now), latest: latest)
  }

  /// Beyond three horizons an estimate says nothing that helps anybody.
  private func isWithinReach(_ latest: WallTime, from now: WallTime) -> Bool {
    (latest - now).nanoseconds / 3 <= horizon.nanoseconds
  }

  /// What was said holds as long as the water may still come by and by.
  private var longest: TimeSpan { TimeSpan(nanoseconds: horizon.nanoseconds / 2 * 3) }

  /// A message about the level is made in any case: it carries the newest estimate, or what was said if that may hold.
  mutating func restate(_ slope: TrendWindow.Slope?, next: FloodRule.Level?, at moment: Moment) {
    let now = moment.wall.wholeSeconds
    var fresh = estimate(slope, next, within: horizon, mustBeSure: true, at: now)
    if fresh == nil, let said, said.step == next?.step, said.at >= now,
      estimate(slope, next, within: longest, mustBeSure: false, at: now) != nil
    {
      fresh = said
    }
    guard fresh != nil || said != nil else { return }
    (said, saidAt, doubtedSince) = (fresh, moment.monotonic, nil)
  }

  /// The slope changed. Returns what there is to be said about it.
  mutating func judge(_ slope: TrendWindow.Slope?, next: FloodRule.Level?, at moment: Moment) -> Change? {
    if let saidAt, moment.monotonic - saidAt < Self.spacing { return nil }
    let now = moment.wall.wholeSeconds
    guard let last = said else {
      guard let fresh = estimate(slope, next, within: horizon, mustBeSure: true, at: now) else { return nil }
      return revise(to: fresh, at: moment)
    }
    let isOver = last.latest < now
    // It has come true, and only waits to be confirmed.
    if !isOver, let slope, let next, next.step == last.step, slope.level >= next.threshold.value { return nil }
    guard let fresh = estimate(slope, next, within: longest, mustBeSure: false, at: now),
      !isOver || isWithinReach(fresh.latest, from: now)
    else {
      let since = doubtedSince ?? moment.monotonic
      doubtedSince = since
      return isOver || moment.monotonic - since >= Self.spacing ? withdraw(at: moment) : nil
    }
    doubtedSince = nil
    guard isWithinReach(fresh.latest, from: now) else { return nil }
    let isOutside = fresh.at < last.earliest || fresh.at > last.latest
    let shift = TimeSpan(nanoseconds: Int64((fresh.at - last.at).nanoseconds.magnitude))
    guard isOver || fresh.step != last.step || isOutside && shift >= Self.leastShift else { return nil }
    return revise(to: fresh, at: moment)
  }

  private mutating func revise(to fresh: Alert.Next, at moment: Moment) -> Change {
    (said, saidAt, doubtedSince) = (fresh, moment.monotonic, nil)
    return .revised
  }

  /// It no longer holds. Returns what there is to be said about that.
  mutating func withdraw(at moment: Moment) -> Change? {
    guard said != nil else { return nil }
    (said, saidAt, doubtedSince) = (nil, moment.monotonic, nil)
    return .withdrawn
  }

  /// When it is over without another reading: its latest time has passed, on a clock that was last read at `now`.
  func deadline(readAt now: Moment) -> MonotonicTime? {
    guard let said, let saidAt else { return nil }
    return max(now.monotonic + (said.latest - now.wall), saidAt) + Self.spacing
  }

  var memory: Memory { Memory(said: said, saidAt: saidAt, doubtedSince: doubtedSince) }

  mutating func restore(_ remembered: Memory, shift: (MonotonicTime) -> MonotonicTime) {
    said = remembered.said
    saidAt = remembered.saidAt.map(shift)
    doubtedSince = remembered.doubtedSince.map(shift)
  }
}

extension WallTime {
  /// Cut to whole seconds: an estimate claims no more.
  fileprivate var wholeSeconds: WallTime {
    let rest = milliseconds % 1000
    return WallTime(milliseconds: milliseconds - (rest < 0 ? rest + 1000 : rest))
  }
}
