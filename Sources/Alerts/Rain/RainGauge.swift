import Observations

/// All that is made of one gauge's tips: the count, the sums, the soil water index and the amounts in force.
struct RainGauge: Sendable {
  /// A pause shorter than this between two runs costs no tip that matters: a reload of the configuration.
  private static let shortestGap = TimeSpan.seconds(1)

  /// What a restart must know beside the count.
  struct Memory: Sendable, Hashable, Codable {
    var history: RainHistory.Memory
    var clock: RainClock.Memory
    var soil: SoilWater.Memory
    var amounts: [RainAmounts.Memory]
    var isCounting: Bool
    var countedSince: Moment?
    var isInterrupted: Bool
  }

  private(set) var total: RainTotal
  private(set) var history: RainHistory
  private(set) var clock: RainClock
  private(set) var soil = SoilWater()
  var amounts: RainAmounts?
  private let tip: Measure
  /// Whether a count was heard: the first one is where counting begins.
  private var isCounting = false
  /// Since when no tip can have been missed.
  private var countedSince: Moment?
  /// A fault said that tips may be missed at this time.
  private var isInterrupted = false

  init(tip: Measure?, rule: RainRule?, zone: TimeZoneOffsets) {
    total = RainTotal(tip: tip)
    self.tip = tip ?? RainTotal.usualTip
    let longest = max(rule?.amounts.map(\.within).max() ?? .zero, .hours(24))
    history = RainHistory(longest: longest)
    clock = RainClock(zone: zone, dryGap: rule?.dryGap ?? RainRule.usualDryGap, dayStarts: rule?.dayStarts ?? .zero)
    if let rule, !rule.amounts.isEmpty { amounts = RainAmounts(rule.amounts, tip: self.tip) }
  }

  /// Takes the driver's count. Returns whether the total rose.
  mutating func take(_ count: UInt64, at moment: Moment) -> Bool {
    let before = total.tips
    let isReset = isCounting && count < total.count
    let rose = total.take(count, at: moment.monotonic)
    sound(at: moment)
    if isReset { countedSince = moment }
    clock.advance(to: moment)
    // A gauge that counts for itself begins anywhere; one tip is the first one.
    if isCounting || count <= 1 {
      let tips = total.tips - before
      history.add(tips, at: moment.monotonic)
      clock.add(tips, at: moment)
      soil.add(millimetres: tip.value * Double(tips), at: moment.monotonic)
    }
    isCounting = true
    return rose
  }

  /// The line works: what is counted from now on is whole.
  mutating func sound(at moment: Moment) {
    if isInterrupted || countedSince == nil { countedSince = moment }
    isInterrupted = false
  }

  /// Tips may have been missed.
  mutating func interrupt(at moment: Moment) {
    isInterrupted = true
    countedSince = moment
  }

  mutating func advance(to moment: Moment) {
    clock.advance(to: moment)
  }

  private func millimetres(_ tips: UInt64) -> Measure {
    let product = tip.thousandths.multipliedReportingOverflow(by: Int64(min(tips, RainTotal.mostTips)))
    return Measure(thousandths: product.overflow ? .max : product.partialValue)
  }

  /// The sum of the window that an amount asks for.
  func sum(within span: TimeSpan, at time: MonotonicTime) -> Measure {
    millimetres(history.tips(within: span, at: time))
  }

  /// Everything that is published, as it is at `moment`.
  mutating func sums(at moment: Moment) -> RainSums {
    clock.advance(to: moment)
    let time = moment.monotonic
    let counted = isInterrupted ? moment : countedSince ?? moment
    var incomplete: [String] = []
    func window(_ name: String, _ span: TimeSpan) -> Measure {
      if counted.monotonic > time - span { incomplete.append(name) }
      return sum(within: span, at: time)
    }
    let tenMinutes = window("rolling_10m", .minutes(10))
    let hour = window("rolling_1h", .hours(1))
    let threeHours = window("rolling_3h", .hours(3))
    let day = window("rolling_24h", .hours(24))
    // In the reading of the clock now: a clock that was set has moved what is past as well.
    let countedWall = moment.wall - (time - counted.monotonic)
    let known = clock.memory
    var aligned: RainSums.ByClock?
    if let last = known.last, let end = known.lastEnd {
      aligned = RainSums.ByClock(millimetres: millimetres(last.tips), time: end)
      if !last.isWhole || countedWall > end - .milliseconds(RainClock.period) { incomplete.append("clock_10m") }
    }
    let today = known.daySince.map { RainSums.ByClock(millimetres: millimetres(known.dayTips), time: $0) }
    if !known.isDayWhole || countedWall > known.daySince ?? moment.wall { incomplete.append("today") }
    let rain = clock.rain(at: time)
    if let rain, countedWall > rain.began { incomplete.append("since_rain_began") }
    if counted.monotonic > time - SoilWater.memorySpan { incomplete.append("soil_water_index") }
    return RainSums(
      tenMinutes: tenMinutes, hour: hour, threeHours: threeHours, day24Hours: day, tenMinutesByClock: aligned,
      today: today, sinceItBegan: rain.map { RainSums.ByClock(millimetres: millimetres($0.tips), time: $0.began) },
      soilWaterIndex: Measure(rounding: soil.index(at: time), for: .rain) ?? Measure(thousandths: 0),
      countedSince: countedWall, incomplete: incomplete)
  }

  /// When an amount leaves, if no more rain comes.
  private(set) var amountsDue: MonotonicTime?

  /// When the amounts or the sums by the clock change without a tip.
  var nextChange: MonotonicTime? {
    guard let boundary = clock.boundary else { return amountsDue }
    return amountsDue.map { min($0, boundary) } ?? boundary
  }

  /// Looks at every amount as it is at `time`. Nil: nothing changed.
  mutating func judgeAmounts(at time: MonotonicTime) -> RainAmounts.Change? {
    guard amounts != nil else { return nil }
    let change = amounts?.judge(history, at: time)
    amountsDue = amounts?.deadline(history, at: time)
    return change
  }

  // MARK: Memory

  mutating func save() -> RainMemory {
    total.noteSaved()
    return memory
  }

  var memory: RainMemory {
    RainMemory(
      carried: total.carried, count: total.count,
      record: Memory(
        history: history.memory, clock: clock.memory, soil: soil.memory, amounts: amounts?.memory ?? [],
        isCounting: isCounting, countedSince: countedSince, isInterrupted: isInterrupted))
  }

  /// Goes on from an earlier run. What fell while nobody counted is not known: the gap is marked.
  mutating func restore(_ memory: RainMemory, savedAt: Moment, shift: TimeShift, isExact: Bool, at now: Moment) {
    total.restore(memory)
    isCounting = true
    countedSince = now
    guard let record = memory.record else { return }
    func shifted(_ time: MonotonicTime) -> MonotonicTime { shift.throughPause(time, savedAt: savedAt) }
    history.restore(record.history, shift: shifted)
    clock.restore(record.clock, shift: shifted)
    soil.restore(record.soil, shift: shifted)
    amounts?.restore(record.amounts, shift: shifted)
    amountsDue = amounts?.deadline(history, at: now.monotonic)
    isCounting = record.isCounting
    isInterrupted = record.isInterrupted
    let pause = now.monotonic - shifted(savedAt.monotonic)
    if isExact, pause < Self.shortestGap {
      countedSince = record.countedSince.map {
        Moment(monotonic: shifted($0.monotonic), wall: $0.wall, clock: $0.clock)
      }
    }
  }
}
