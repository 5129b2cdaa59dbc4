import Alerts
import Observations
import Testing

/// One gauge of half a millimetre a tip.
enum RainSite {
  static func plan(
    _ amounts: [(Double, TimeSpan, Severity, TimeSpan)] = [], dryGap: TimeSpan = .hours(6),
    dayStarts: TimeSpan = .zero, zone: TimeZoneOffsets = .fixed(seconds: 9 * 3600)
  ) -> StationPlan {
    StationPlan(
      gateway: "g", sensors: [SensorPlan(id: "rain-1", name: "雨量計", quantity: .rain, tip: .metres(0.5))],
      rains: [
        RainRule(
          sensor: "rain-1",
          amounts: amounts.map { .init(amount: .metres($0.0), within: $0.1, severity: $0.2, suppress: $0.3) },
          dryGap: dryGap, dayStarts: dayStarts)
      ], zone: zone)
  }

  /// Tips at these seconds, each told when it happens; the count begins at zero.
  static func run(_ plan: StationPlan, tips: [Double], until end: Double) -> StationRun {
    var run = StationRun(plan)
    run.tell(.tips("rain-1", count: 0), at: 0)
    for (index, second) in tips.enumerated() { run.tell(.tips("rain-1", count: UInt64(index + 1)), at: second) }
    run.tell(.timePasses, at: end)
    return run
  }

  static func sums(_ run: StationRun, at second: Double) throws -> RainSums {
    try #require(run.station.rainSums(of: "rain-1", at: StationRun.moment(second)))
  }
}

@Suite struct `The sums of a rain gauge` {
  @Test(arguments: Array(1...20) as [UInt64])
  func `are exact for every window at every time`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var tips: [Double] = []
    var second = 0.0
    while tips.count < 800 {
      second +=
        Int.random(in: 0..<20, using: &random) == 0
        ? Double.random(in: 100...8000, using: &random) : Double.random(in: 0.2...120, using: &random)
      tips.append((second * 1000).rounded() / 1000)
    }
    var run = StationRun(RainSite.plan())
    run.tell(.tips("rain-1", count: 0), at: 0)
    for (index, second) in tips.enumerated() {
      run.tell(.tips("rain-1", count: UInt64(index + 1)), at: second)
      guard index % 37 == 0 else { continue }
      let at = second + Double(Int.random(in: 0...4000, using: &random))
      guard at < tips[min(index + 1, tips.count - 1)] || index == tips.count - 1 else { continue }
      let sums = try RainSite.sums(run, at: at)
      func expected(_ span: Double) -> Measure {
        .metres(Double(tips.count { $0 > at - span && $0 <= at }) / 2)
      }
      #expect(sums.tenMinutes == expected(600) && sums.hour == expected(3600))
      #expect(sums.threeHours == expected(10_800) && sums.day24Hours == expected(86_400))
    }
  }

  @Test func `of the clock are those of each ten minutes from :00 on, published when they are over`() throws {
    // 09:00 on the local clock; tips at 09:03, 09:09:59, 09:10 and 09:31.
    let run = RainSite.run(RainSite.plan(), tips: [180, 599, 600, 1860], until: 3000)
    let told = run.observations.compactMap { report in report.sums?.tenMinutesByClock.map { (report.at, $0) } }
    func value(until second: Double) -> Measure? {
      told.last { $0.1.time == StationRun.moment(second).wall }?.1.millimetres
    }
    #expect(value(until: 600) == .metres(1))
    #expect(value(until: 1200) == .metres(0.5))
    #expect(value(until: 1800) == .metres(0) && value(until: 2400) == .metres(0.5))
    #expect(run.observations.map { StationRun.second($0.at) }.contains(600))
    #expect(run.observations.map { StationRun.second($0.at) }.contains(2400))
    let sums = try RainSite.sums(run, at: 3000)
    #expect(sums.tenMinutesByClock?.millimetres == .metres(0))
    #expect(!sums.incomplete.contains("clock_10m"))
  }

  @Test func `since the rain began end with a dry gap`() throws {
    let plan = RainSite.plan(dryGap: .hours(6))
    let run = RainSite.run(plan, tips: [100, 200, 200 + 21_599, 50_000], until: 50_001)
    let now = try RainSite.sums(run, at: 50_001)
    #expect(now.sinceItBegan == .init(millimetres: .metres(0.5), time: StationRun.moment(50_000).wall))
    let first = RainSite.run(plan, tips: [100, 200, 200 + 21_599], until: 22_000)
    let before = try RainSite.sums(first, at: 22_000)
    #expect(before.sinceItBegan == .init(millimetres: .metres(1.5), time: StationRun.moment(100).wall))
    #expect(try RainSite.sums(first, at: 22_000 + 21_600).sinceItBegan == nil)
  }

  @Test(arguments: [(TimeSpan.zero, 15.0 * 3600), (.hours(9), 24.0 * 3600), (.minutes(570), 1800)])
  func `of the day begin when the configuration says`(dayStarts: TimeSpan, boundary: Double) throws {
    // The run begins at 09:00 in Japan.
    let plan = RainSite.plan(dayStarts: dayStarts)
    let run = RainSite.run(plan, tips: [boundary - 2, boundary - 1, boundary, boundary + 5], until: boundary + 10)
    let sums = try RainSite.sums(run, at: boundary + 10)
    #expect(sums.today == .init(millimetres: .metres(1), time: StationRun.moment(boundary).wall))
    #expect(!sums.incomplete.contains("today"))
  }

  @Test func `of the day go on through the end of summer time and are not begun twice`() throws {
    // Local midnight is crossed at 1000 s; at 1000 + 1800 s the clock goes back by an hour, to before midnight.
    let epoch = StationRun.epoch.milliseconds
    let zone = TimeZoneOffsets([
      .init(start: WallTime(milliseconds: .min), seconds: 86_400 - 1000),
      .init(start: WallTime(milliseconds: epoch + 2_800_000), seconds: 86_400 - 1000 - 3600),
    ])
    let run = RainSite.run(RainSite.plan(zone: zone), tips: [500, 1200, 2900, 5000, 7000], until: 8000)
    let sums = try RainSite.sums(run, at: 8000)
    #expect(sums.today?.millimetres == .metres(2))
  }

  @Test(arguments: [-3600.0, 3600])
  func `neither lose nor double rain when the clock is set`(step: Double) throws {
    var run = StationRun(RainSite.plan())
    run.tell(.tips("rain-1", count: 0), at: 0)
    for tip in 1...60 {
      let plain = StationRun.moment(Double(tip) * 60)
      let wall = tip <= 30 ? plain.wall : plain.wall + .milliseconds(Int64(step * 1000))
      run.tell(
        .tips("rain-1", count: UInt64(tip)), at: Moment(monotonic: plain.monotonic, wall: wall, clock: .synchronized))
    }
    let end = StationRun.moment(3600)
    let last = try #require(
      run.station.rainSums(
        of: "rain-1",
        at: Moment(
          monotonic: end.monotonic, wall: end.wall + .milliseconds(Int64(step * 1000)), clock: .synchronized)))
    #expect(last.hour == .metres(30) && last.day24Hours == .metres(30))
    #expect(last.sinceItBegan?.millimetres == .metres(30))
    let told = run.observations.compactMap { $0.sums }.filter { $0.incomplete.contains("clock_10m") }
    #expect(!told.isEmpty)
    for sums in run.observations.compactMap(\.sums) {
      #expect(sums.tenMinutesByClock.map { $0.millimetres <= .metres(5) } ?? true)
    }
  }

  @Test func `survive a restart and a power cut, and the gap is marked`() throws {
    let plan = RainSite.plan([(100, .hours(24), .severe, .hours(1))])
    var run = RainSite.run(plan, tips: (1...40).map { Double($0) * 30 }, until: 1200)
    let before = try RainSite.sums(run, at: 1200)
    #expect(before.hour == .metres(20))
    let second = 1800.0
    // With the power go the tips of two minutes at most, which are four.
    for (states, lost) in [(run.ledger + run.station.snapshot(at: StationRun.moment(1200)), 0.0), (run.ledger, 2)] {
      var next = StationRun(
        plan, watch: .empty, states: states, sequences: [:], at: StationRun.moment(second), sameBoot: false)
      let sums = try RainSite.sums(next, at: second)
      #expect(sums.hour <= .metres(20) && sums.hour >= .metres(20 - lost))
      #expect(sums.sinceItBegan?.millimetres == sums.hour)
      #expect(sums.countedSince == StationRun.moment(second).wall)
      #expect(sums.incomplete.contains("rolling_1h") && sums.incomplete.contains("soil_water_index"))
      #expect(abs(sums.soilWaterIndex.value - before.soilWaterIndex.value) < 1 + lost)
      // The driver counts anew.
      next.tell(.tips("rain-1", count: 0), at: second + 1)
      next.tell(.tips("rain-1", count: 1), at: second + 60)
      #expect(try RainSite.sums(next, at: second + 60).hour == sums.hour + .metres(0.5))
      #expect(try RainSite.sums(next, at: second + 7200).incomplete.contains("rolling_1h") == false)
    }
    run.tell(.fault("rain-1", .edgesLost), at: 1300)
    #expect(try RainSite.sums(run, at: 1300).incomplete.contains("rolling_10m"))
    run.tell(.alive("rain-1"), at: 1310)
    #expect(try RainSite.sums(run, at: 1310).countedSince == StationRun.moment(1310).wall)
  }

  @Test func `begin where a gauge that counts for itself is met first`() throws {
    var run = StationRun(RainSite.plan([(20, .minutes(10), .severe, .hours(1))]))
    run.tell(.tips("rain-1", count: 1234), at: 0)
    run.tell(.tips("rain-1", count: 1235), at: 10)
    #expect(run.alerts.isEmpty)
    #expect(try RainSite.sums(run, at: 10).hour == .metres(0.5))
    #expect(run.observations.last?.value == .rain(total: .metres(617.5), tips: 1235))
  }

  @Test func `do not trap on any count, and forget what is long over`() throws {
    var run = StationRun(RainSite.plan([(20, .minutes(10), .severe, .hours(1))]))
    for count in [0, UInt64.max, 0, .max, 1, .max / 2] { run.tell(.tips("rain-1", count: count), at: 0) }
    var random = SeededGenerator(seed: 1)
    var second = 0.0
    for count in 1...20_000 {
      second += Double.random(in: 0.1...3, using: &random)
      run.tell(.tips("rain-1", count: UInt64(count)), at: second)
    }
    #expect(try RainSite.sums(run, at: second + 86_400).day24Hours == .metres(0))
    let size = run.station.snapshot(at: StationRun.moment(second)).filter { $0.key == "rain/rain-1" }
    #expect("\(size)".utf8.count < 400_000)
  }
}

@Suite struct `The soil water index` {
  /// Worked out anew, by the equations alone.
  private static func index(_ rain: [Double]) -> Double {
    var tanks = [0.0, 0, 0]
    for millimetres in rain {
      let first = (tanks[0] - 15 > 0 ? 0.1 * (tanks[0] - 15) : 0) + (tanks[0] - 60 > 0 ? 0.15 * (tanks[0] - 60) : 0)
      let second = tanks[1] - 15 > 0 ? 0.05 * (tanks[1] - 15) : 0
      let third = tanks[2] - 15 > 0 ? 0.01 * (tanks[2] - 15) : 0
      tanks = [
        tanks[0] - (0.12 * tanks[0] + first) / 6 + millimetres,
        tanks[1] - (0.05 * tanks[1] + second) / 6 + 0.12 * tanks[0] / 6,
        tanks[2] - (0.01 * tanks[2] + third) / 6 + 0.05 * tanks[1] / 6,
      ]
    }
    return tanks.reduce(0, +)
  }

  @Test func `is what the three tanks hold`() throws {
    // Ten tips in each of 36 steps, then a dry day.
    var tips: [Double] = []
    for step in 0..<36 { tips += (1...10).map { Double(step) * 600 + Double($0) * 50 } }
    let run = RainSite.run(RainSite.plan(), tips: tips, until: 22_000)
    let wet = Array(repeating: 5.0, count: 36)
    #expect(abs(try RainSite.sums(run, at: 21_600).soilWaterIndex.value - Self.index(wet)) < 0.06)
    let dry = wet + Array(repeating: 0.0, count: 144)
    #expect(abs(try RainSite.sums(run, at: 108_000).soilWaterIndex.value - Self.index(dry)) < 0.06)
    #expect(Self.index(wet) > 120 && Self.index(dry) < Self.index(wet))
    #expect(run.alerts.isEmpty)
  }
}

@Suite struct `An amount of rain` {
  private static let amounts: [(Double, TimeSpan, Severity, TimeSpan)] = [
    (20, .minutes(10), .moderate, .hours(1)), (50, .hours(1), .severe, .hours(3)),
  ]

  @Test func `is told when it is reached, once, and cleared when it is over and was said long enough ago`() throws {
    // A tip every ten seconds for 400 s: 20 mm at 400 s.
    let run = RainSite.run(RainSite.plan(Self.amounts), tips: (1...40).map { Double($0) * 10 }, until: 20_000)
    let alerts = run.alerts
    #expect(alerts.map(\.message) == [.raise, .clear])
    #expect(alerts.map { StationRun.second($0.detected) } == [400, 4000])
    let raise = try #require(alerts.first)
    #expect(raise.kind == .rain && raise.severity == .moderate && raise.level == nil && raise.step == nil)
    #expect(raise.observed?.value == .metres(20) && raise.observed?.threshold == .metres(20))
    #expect(raise.observed?.within == .minutes(10) && raise.observed?.quantity == .rain)
    #expect(alerts.last?.reason == "released")
  }

  @Test func `that is worse is an update of the same alert, and falls back to the lesser one`() {
    let run = RainSite.run(RainSite.plan(Self.amounts), tips: (1...120).map { Double($0) * 10 }, until: 40_000)
    let told = run.alerts.filter { $0.reason != "renewed" }
    #expect(told.map(\.short) == ["raise rain", "update rain amount", "clear rain released"])
    #expect(told.map(\.severity) == [.moderate, .severe, .severe])
    #expect(told.map { StationRun.second($0.detected) } == [400, 1000, 1000 + 10_800])
    #expect(Set(told.map(\.id)).count == 1)
  }

  @Test(arguments: Array(1...15) as [UInt64])
  func `is never told without the rain, never missed, and no sooner again than its suppression`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let amount = Double(Int.random(in: 2...40, using: &random)) / 2
    let within = TimeSpan.minutes(Int64.random(in: 1...180, using: &random))
    let suppress = TimeSpan.minutes(Int64.random(in: 30...300, using: &random))
    var run = StationRun(RainSite.plan([(amount, within, .severe, suppress)]))
    run.tell(.tips("rain-1", count: 0), at: 0)
    var tips: [Double] = []
    var second = 0.0
    var isActive = false
    var raised: [Double] = []
    var isHard = false
    while tips.count < 1200 {
      if Int.random(in: 0..<60, using: &random) == 0 { isHard.toggle() }
      let isPause = Int.random(in: 0..<50, using: &random) == 0
      let gap = isPause ? 600...30_000 : isHard ? 1...9 : 1...400
      second += Double(Int.random(in: gap, using: &random))
      tips.append(second)
      let effects = run.tell(.tips("rain-1", count: UInt64(tips.count)), at: second)
      let sum = Double(tips.count { $0 > second - within.seconds }) / 2
      for alert in effects.alerts where alert.kind == .rain && alert.reason != "renewed" {
        if alert.message == .raise {
          #expect(!isActive && sum >= amount && StationRun.second(alert.detected) == second)
          #expect(alert.observed?.value == .metres(sum))
          raised.append(second)
        } else if alert.message == .clear {
          let at = StationRun.second(alert.detected)
          #expect(isActive && Double(tips.count { $0 > at - within.seconds && $0 <= at }) / 2 < amount)
          #expect(at - raised.last! >= suppress.seconds)
        }
        isActive = alert.message != .clear
      }
      if sum >= amount { #expect(isActive, "at \(second)") }
    }
    for (before, after) in zip(raised, raised.dropFirst()) { #expect(after - before >= suppress.seconds) }
    #expect(!raised.isEmpty)
  }

  @Test func `goes on over a restart and a power cut`() {
    let plan = RainSite.plan(Self.amounts)
    let run = RainSite.run(plan, tips: (1...60).map { Double($0) * 10 }, until: 700)
    for states in [run.ledger, run.ledger + run.station.snapshot(at: StationRun.moment(700))] {
      var next = StationRun(
        plan, watch: .empty, states: states, sequences: run.sequences, at: StationRun.moment(710), sameBoot: false)
      next.tell(.tips("rain-1", count: 0), at: 720)
      #expect(next.alerts.isEmpty)
      next.tell(.timePasses, at: 20_000)
      #expect(next.alerts.map(\.short) == ["clear rain released"])
      #expect(next.alerts.first.map { StationRun.second($0.detected) } == 4000)
    }
  }
}
