import Observations

/// The sums that go by the clock on the wall: of ten minutes from :00, :10, …, of the day, and of the rain since it began.
struct RainClock: Sendable {
  static let period: Int64 = 600_000
  private static let day: Int64 = 86_400_000
  /// The wall clock was set, rather than slewed, when it differs by this from what it should read.
  private static let clockStep = TimeSpan.seconds(1)

  /// Ten minutes of the clock.
  struct Period: Sendable, Hashable, Codable {
    /// Counts the periods since 1970.
    var number: Int64
    var tips: UInt64
    /// Whether the clock went through all of it without being set.
    var isWhole: Bool
  }

  struct Memory: Sendable, Hashable, Codable {
    var current: Period?
    var last: Period?
    /// The end of `last`.
    var lastEnd: WallTime?
    /// Days of the local clock since 1970, and the tips of this one.
    var dayNumber: Int64?
    var dayTips: UInt64 = 0
    var daySince: WallTime?
    /// Since when the day's sum is counted, if not since the day began.
    var isDayWhole = false
    /// The rain that goes on, or the last one.
    var rainBegan: WallTime?
    var rainTips: UInt64 = 0
    var lastTip: MonotonicTime?
    /// The newest moment that was seen, by which a set clock is noticed.
    var seen: Moment?
  }

  private let zone: TimeZoneOffsets
  private let dryGap: TimeSpan
  private let dayStarts: Int64
  private(set) var memory = Memory()

  init(zone: TimeZoneOffsets, dryGap: TimeSpan, dayStarts: TimeSpan) {
    self.zone = zone
    self.dryGap = dryGap
    self.dayStarts = dayStarts.milliseconds
  }

  private func local(_ wall: WallTime) -> Int64 {
    wall.milliseconds + Int64(zone.seconds(at: wall)) * 1000
  }

  /// Lets the clock go on to `moment`. Called before anything is read or added.
  mutating func advance(to moment: Moment) {
    var isSet = memory.seen == nil
    if let seen = memory.seen {
      let expected = seen.wall + (moment.monotonic - seen.monotonic)
      isSet = (moment.wall - expected).nanoseconds.magnitude >= Self.clockStep.nanoseconds.magnitude
    }
    memory.seen = moment
    advancePeriod(to: moment.wall, isSet: isSet)
    advanceDay(to: moment.wall, isSet: isSet)
  }

  /// The same as in UTC but for zones that are a quarter of an hour off, so that summer time cuts no period.
  private func periods(_ wall: WallTime) -> Int64 {
    wall.milliseconds + Int64(zone.seconds(at: wall)) * 1000 % Self.period
  }

  private mutating func advancePeriod(to wall: WallTime, isSet: Bool) {
    let local = periods(wall)
    let number = local.flooredQuotient(Self.period)
    guard var current = memory.current else {
      memory.current = Period(number: number, tips: 0, isWhole: false)
      return
    }
    if isSet { current.isWhole = false }
    guard number != current.number else {
      memory.current = current
      return
    }
    // More than one period on without rain: the last one that is over had none. After a set clock nobody knows.
    let isNext = number == current.number + 1
    memory.last = isNext || isSet ? current : Period(number: number - 1, tips: 0, isWhole: true)
    memory.lastEnd = isSet && !isNext ? wall : wall - .milliseconds(local - number * Self.period)
    memory.current = Period(number: number, tips: 0, isWhole: !isSet)
  }

  /// A day begins once: a clock that is set back by less than a day, as at the end of summer time, goes on with the sum.
  private mutating func advanceDay(to wall: WallTime, isSet: Bool) {
    let local = local(wall) - dayStarts
    let number = local.flooredQuotient(Self.day)
    if let known = memory.dayNumber, number == known || number == known - 1 {
      if isSet { memory.isDayWhole = false }
      return
    }
    memory.isDayWhole = memory.dayNumber != nil && !isSet
    memory.dayNumber = number
    memory.dayTips = 0
    memory.daySince = memory.isDayWhole ? wall - .milliseconds(local - number * Self.day) : wall
  }

  /// Adds tips of the moment that `advance` was called with.
  mutating func add(_ tips: UInt64, at moment: Moment) {
    guard tips > 0 else { return }
    memory.current?.tips &+= tips
    memory.dayTips &+= tips
    if let last = memory.lastTip, moment.monotonic - last < dryGap {
      memory.rainTips &+= tips
    } else {
      memory.rainBegan = moment.wall
      memory.rainTips = tips
    }
    memory.lastTip = moment.monotonic
  }

  /// Tips since the rain began, and when it did; nil while it does not rain.
  func rain(at time: MonotonicTime) -> (tips: UInt64, began: WallTime)? {
    guard let last = memory.lastTip, time - last < dryGap, let began = memory.rainBegan else { return nil }
    return (memory.rainTips, began)
  }

  /// When the period that it rained in, or the one after it, is over: there is something new to say then.
  var boundary: MonotonicTime? {
    guard let seen = memory.seen, let current = memory.current, current.tips > 0 || (memory.last?.tips ?? 0) > 0
    else { return nil }
    let local = periods(seen.wall)
    let rest = Self.period - (local - local.flooredQuotient(Self.period) * Self.period)
    return seen.monotonic + .milliseconds(rest)
  }

  mutating func restore(_ remembered: Memory, shift: (MonotonicTime) -> MonotonicTime) {
    memory = remembered
    memory.lastTip = remembered.lastTip.map(shift)
    memory.seen = remembered.seen.map {
      Moment(monotonic: shift($0.monotonic), wall: $0.wall, clock: $0.clock)
    }
  }
}

extension Int64 {
  /// The quotient rounded down, also below zero; `divisor` is above zero.
  fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}
