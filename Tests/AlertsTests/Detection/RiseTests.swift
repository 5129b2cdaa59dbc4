import Alerts
import Observations
import Testing

/// One gauge with a rule for its rise, and what it is told.
enum RisingRiver {
  static func plan(
    by: Double = 0.5, within: TimeSpan = .minutes(10), forecast: TimeSpan? = nil, hold: TimeSpan = .minutes(10),
    levels: [(LadderStep, Double)] = [(.danger, 9)], pair: FloodRule.Pair? = nil, stuckAfter: TimeSpan? = nil,
    reporting: FloodRule.Reporting? = nil, hasRise: Bool = true
  ) -> StationPlan {
    func sensor(_ id: SensorID) -> SensorPlan {
      SensorPlan(
        id: id, name: "川", quantity: .waterLevel, range: .metres(-3)...(.metres(20)), staleAfter: .minutes(15),
        conditioning: ConditioningPlan(stuckAfter: stuckAfter))
    }
    return StationPlan(
      gateway: "g", sensors: [sensor("river-1")] + (pair == nil ? [] : [sensor("river-2")]),
      floods: [
        FloodRule(
          sensor: "river-1", levels: levels.map { .init(step: $0.0, threshold: .metres($0.1)) }, confirm: .readings(3),
          releaseMargin: .metres(0.1), releaseHold: hold,
          rise: hasRise ? .init(by: .metres(by), within: within, severity: .severe) : nil, forecast: forecast,
          pair: pair, reporting: reporting)
      ],
      outputs: [
        OutputRule(
          id: "siren", maxOn: .minutes(3), coolDown: .minutes(10),
          soundAt: SirenRule(severity: .severe, allOf: ["river-1"], whenOneIsFaulty: .otherDecides))
      ])
  }

  static func tell(
    _ run: inout StationRun, from start: Double = 0, to end: Double, every: Double, _ level: (Double) -> Double
  ) {
    for second in stride(from: start, to: end, by: every) {
      run.tell(.reading("river-1", .metres(level(second))), at: second)
    }
  }
}

@Suite struct `A rate of rise` {
  private static func rises(_ run: StationRun) -> [Alert] { run.alerts.filter { $0.kind == .rateOfRise } }

  @Test(arguments: [1.0, 5, 10, 30, 60, 120])
  func `of a metre in ten minutes is told within six minutes, however often the gauge is asked`(every: Double) throws {
    var run = StationRun(RisingRiver.plan())
    RisingRiver.tell(&run, to: 2400, every: every) { 1 + max($0 - 1200, 0) / 600 }
    let alert = try #require(Self.rises(run).first)
    #expect(Self.rises(run).count == 1)
    #expect(alert.severity == .severe && alert.urgency == .immediate && alert.level == nil && alert.step == nil)
    let observed = try #require(alert.observed)
    #expect(observed.threshold == .metres(0.5) && observed.within == .minutes(10))
    #expect(observed.value! >= .metres(0.5) && observed.value! <= .metres(1.01))
    #expect(observed.ratePerHour! >= .metres(3) && observed.ratePerHour! <= .metres(6.01))
    let second = StationRun.second(alert.detected)
    #expect(second > 1200 && second <= 1200 + 360 + every, "after \(second - 1200) s")
    #expect(alert.onset.monotonic < alert.detected.monotonic)
    #expect(run.outputs.contains { $0.on })
  }

  @Test func `is compared inclusively and over the window`() {
    for (rise, isTold) in [(0.5, true), (0.497, false)] {
      var run = StationRun(RisingRiver.plan())
      RisingRiver.tell(&run, to: 3600, every: 10) { $0 / 600 * rise }
      #expect(Self.rises(run).isEmpty != isTold)
    }
  }

  @Test(arguments: Array(1...40) as [UInt64])
  func `is none in a thousand waves that lead nowhere`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let period = Double.random(in: 3...40, using: &random)
    let height = Double.random(in: 0.1...0.6, using: &random)
    let every = [0.5, 1, 2, 5].randomElement(using: &random)!
    var run = StationRun(RisingRiver.plan(levels: [(.caution, 3)]))
    var values = SeededGenerator(seed: seed &+ 99)
    RisingRiver.tell(&run, to: 1000 * period, every: every) {
      let phase = ($0 / period).truncatingRemainder(dividingBy: 1)
      let wave = phase < 0.5 ? 4 * phase - 1 : 3 - 4 * phase
      return 3 + height * wave + Double.random(in: -0.03...0.03, using: &values)
    }
    #expect(Self.rises(run).isEmpty, "waves of \(height) m and \(period) s, asked every \(every) s")
    #expect(run.alerts.filter { $0.kind == .waterLevel && $0.message == .raise }.count <= 1)
  }

  @Test(arguments: Array(1...20) as [UInt64])
  func `is found among waves higher than the rise of a minute`(seed: UInt64) throws {
    var values = SeededGenerator(seed: seed)
    var run = StationRun(RisingRiver.plan())
    RisingRiver.tell(&run, to: 2400, every: 2) {
      1 + max($0 - 1200, 0) / 600 + Double.random(in: -0.2...0.2, using: &values)
    }
    let alert = try #require(Self.rises(run).first)
    #expect(Self.rises(run).count == 1)
    #expect((1200...1680).contains(StationRun.second(alert.detected)))
  }

  @Test func `is none where the level jumps once and stays`() {
    var run = StationRun(RisingRiver.plan())
    RisingRiver.tell(&run, to: 3600, every: 10) { $0 < 1800 ? 1 : 2 }
    #expect(Self.rises(run).isEmpty)
  }

  @Test func `is over when it made less than half for the hold time, and is told once`() throws {
    var run = StationRun(RisingRiver.plan())
    RisingRiver.tell(&run, to: 7200, every: 10) { 1 + min(max($0 - 1200, 0), 900) / 600 }
    let alerts = Self.rises(run).filter { $0.reason != "renewed" }
    #expect(alerts.map(\.message) == [.raise, .clear])
    let clear = try #require(alerts.last)
    #expect(clear.reason == "released" && clear.urgency == .past)
    #expect(clear.observed!.value! < .metres(0.25))
    // The rise ends at 2100; half of it is out of the window no sooner than five minutes later; then the hold.
    #expect((2100 + 300 + 600...2100 + 600 + 660).contains(StationRun.second(clear.detected)))
  }

  @Test func `is neither raised nor ended by silence, faults and what cannot be believed`() {
    var run = StationRun(RisingRiver.plan())
    RisingRiver.tell(&run, to: 1800, every: 10) { 1 + max($0 - 1200, 0) / 600 }
    #expect(Self.rises(run).map(\.message) == [.raise])
    for second in stride(from: 1800.0, to: 10_000, by: 60) { run.tell(.fault("river-1", .timeout), at: second) }
    #expect(Self.rises(run).allSatisfy { $0.message != .clear })
    #expect(run.station.declaredFault(of: "river-1") != nil)
    // Another sensor in its place, a metre higher: what was before is no start of a rise.
    let before = Self.rises(run).count
    RisingRiver.tell(&run, from: 10_000, to: 12_000, every: 10) { _ in 3 }
    #expect(Self.rises(run).dropFirst(before).map(\.message) == [.clear])
    var random = SeededGenerator(seed: 4)
    var quiet = StationRun(RisingRiver.plan())
    RisingRiver.tell(&quiet, to: 3600, every: 10) { $0.truncatingRemainder(dividingBy: 70) == 0 ? 77 : 1 }
    for second in stride(from: 3600.0, to: 7200, by: 10) {
      let value = Double.random(in: 0..<4, using: &random) < 1 ? 99 : 1.0
      quiet.tell(.reading("river-1", .metres(value)), at: second)
    }
    #expect(Self.rises(quiet).isEmpty)
  }

  @Test func `keeps its hold over a power cut`() throws {
    var run = StationRun(RisingRiver.plan(hold: .minutes(30)))
    RisingRiver.tell(&run, to: 3300, every: 10) { 1 + min(max($0 - 1200, 0), 600) / 600 }
    #expect(Self.rises(run).map(\.message) == [.raise])
    let states = run.ledger
    #expect(states.contains { $0.key == "trend/river-1" })
    var next = StationRun(
      RisingRiver.plan(hold: .minutes(30)), watch: .empty, states: states, sequences: run.sequences,
      at: StationRun.moment(3310), sameBoot: true)
    RisingRiver.tell(&next, from: 3310, to: 6000, every: 10) { _ in 2 }
    let clear = try #require(Self.rises(next).first { $0.message == .clear })
    // Calm from about 2150 on; the hold of half an hour is not begun anew at 3310.
    #expect(StationRun.second(clear.detected) < 3310 + 1500)
  }
}

@Suite struct `How often a level is published` {
  private static let reporting = FloodRule.Reporting(
    from: .metres(2), above: FloodRule.Reporting.RiverClass.medium.interval, below: .hours(24))

  private static func seconds(_ run: StationRun) -> [Double] {
    run.observations.filter { $0.sensor == "river-1" }.map { StationRun.second($0.at) }
  }

  @Test func `goes by the river's class above the observation start, and is once a day below`() {
    var run = StationRun(RisingRiver.plan(reporting: Self.reporting, hasRise: false))
    RisingRiver.tell(&run, to: 3 * 86_400, every: 600) { 1 + ($0 / 600).truncatingRemainder(dividingBy: 2) / 4 }
    #expect(Self.seconds(run) == [0, 86_400, 172_800])
    // Up to the start: at once, then every five minutes.
    RisingRiver.tell(&run, from: 3 * 86_400, to: 3 * 86_400 + 1800, every: 10) {
      2 + ($0 / 10).truncatingRemainder(dividingBy: 2) / 10
    }
    #expect(Self.seconds(run).dropFirst(3).map { $0 - 259_200 } == [0, 300, 600, 900, 1200, 1500])
  }

  @Test(arguments: 1...5 as ClosedRange<UInt64>)
  func `is every ten minutes of a sensor that speaks about so often, and the daily one does not drift`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let large = FloodRule.Reporting(from: .metres(2), above: .minutes(10), below: .minutes(10))
    for (reporting, interval) in [(large, 600.0), (Self.reporting, 86_400)] {
      var run = StationRun(RisingRiver.plan(reporting: reporting, hasRise: false))
      for cycle in 0..<(30 * 144) {
        let jitter = Double.random(in: -20...20, using: &random)
        run.tell(.reading("river-1", .metres(1)), at: max(Double(cycle) * 600 + jitter, 0))
      }
      let told = Self.seconds(run)
      #expect(told.count == Int(30 * 86_400 / interval))
      #expect(told.enumerated().allSatisfy { abs($1 - Double($0) * interval) < 60 })
    }
  }

  @Test func `is every minute while the water rises fast`() {
    var run = StationRun(RisingRiver.plan(reporting: Self.reporting))
    RisingRiver.tell(&run, to: 3000, every: 10) { 1 + max($0 - 600, 0) / 600 }
    let late = Self.seconds(run).filter { $0 > 1800 }
    #expect(zip(late, late.dropFirst()).allSatisfy { $1 - $0 == 60 } && late.count >= 19)
  }

  @Test(arguments: [(FloodRule.Reporting.RiverClass.large, 600.0), (.medium, 300), (.fast, 120)])
  func `has the three intervals of the crisis-management gauge`(
    riverClass: FloodRule.Reporting.RiverClass, seconds: Double
  ) {
    #expect(riverClass.interval.seconds == seconds)
  }

  @Test func `without a class is ten minutes, and a minute while something is raised`() {
    var run = StationRun(RisingRiver.plan(levels: [(.caution, 3)], hasRise: false))
    RisingRiver.tell(&run, to: 3600, every: 10) { $0 < 1800 ? 1 : 3.5 }
    let times = Self.seconds(run)
    #expect(times.prefix(4) == [0, 600, 1200, 1800])
    #expect(times.dropFirst(4).first == 1860)
  }
}
