import Alerts
import Observations
import Testing

@Suite struct `An alert that comes and goes` {
  private static let levels: [(LadderStep, Double)] = [(.caution, 3)]

  private static func cycle(_ run: inout StationRun, from start: Double, count: Int, length: Double = 120) {
    for cycle in 0..<count {
      let second = start + Double(cycle) * length
      run.tell(.reading("river-1", .metres(3.1)), at: second)
      run.tell(.reading("river-1", .metres(2.5)), at: second + length / 2)
    }
  }

  @Test func `is raised three times at most, then unstable, which is said once`() {
    var run = StationRun(TestSite.riverOnly(Self.levels, staleAfter: nil))
    Self.cycle(&run, from: 0, count: 100)
    #expect(
      run.alerts.filter { $0.reason != "renewed" }.map(\.short) == [
        "raise caution", "clear caution released", "raise caution", "clear caution released", "raise caution",
        "raise unstable",
      ])
    let unstable = run.alerts.first { $0.kind == .unstable }
    #expect(unstable?.severity == .minor && unstable?.step == nil)
  }

  @Test func `ends, with the notice, after half an hour of calm`() {
    var run = StationRun(TestSite.riverOnly(Self.levels, staleAfter: nil))
    Self.cycle(&run, from: 0, count: 10)
    for second in stride(from: 1200.0, through: 4000, by: 10) { run.tell(.reading("river-1", .metres(2)), at: second) }
    let last = run.alerts.suffix(2)
    #expect(last.map(\.short) == ["clear caution released", "clear unstable recovered"])
    // Below since the end of the tenth cycle.
    #expect(last.map { StationRun.second($0.detected) } == [1140 + 1800, 1140 + 1800])
    // The next flood is told as ever, and its end too.
    run.tell(.reading("river-1", .metres(3)), at: 4010)
    run.tell(.reading("river-1", .metres(2)), at: 4020)
    #expect(run.alerts.suffix(2).map(\.short) == ["raise caution", "clear caution released"])
  }

  @Test func `takes as many rises as the configuration says, or never ends`() {
    // All five steps are risen over each time.
    let levels = LadderStep.allCases.enumerated().map {
      FloodRule.Level(step: $1, threshold: .metres(2.6 + Double($0) / 10))
    }
    for (limit, raises) in [(5, 5), (80, 80), (nil, 100)] as [(Int?, Int)] {
      let rule = FloodRule(
        sensor: "river-1", levels: levels, confirm: .readings(1), releaseMargin: .metres(0), releaseHold: .zero,
        unstableAfter: limit)
      var run = StationRun(StationPlan(gateway: "g", sensors: [TestSite.sensors[0]], floods: [rule]))
      Self.cycle(&run, from: 0, count: 100, length: 10)
      #expect(run.alerts.count { $0.kind == .waterLevel && $0.message == .raise } == raises)
      #expect(run.alerts.count { $0.kind == .unstable } == (limit == nil ? 0 : 1))
    }
  }

  @Test func `never keeps a higher step back`() {
    var run = StationRun(TestSite.riverOnly([(.caution, 3), (.danger, 4)], staleAfter: nil))
    Self.cycle(&run, from: 0, count: 10)
    run.tell(.reading("river-1", .metres(4)), at: 1300)
    #expect(run.alerts.last?.short == "update danger step")
  }

  @Test func `is none in a flood that rises through every step`() {
    var run = StationRun(TestSite.riverOnly(LadderStep.allCases.enumerated().map { ($1, Double($0 + 1)) }))
    for second in 0..<80 { run.tell(.reading("river-1", .metres(Double(second) / 10)), at: Double(second) * 10) }
    #expect(run.alerts.allSatisfy { $0.kind == .waterLevel })
    #expect(run.alerts.map(\.step) == LadderStep.allCases)
  }

  @Test func `is not forgotten by a power cut`() {
    let plan = TestSite.riverOnly(Self.levels, staleAfter: nil)
    var run = StationRun(plan)
    Self.cycle(&run, from: 0, count: 2)
    var next = StationRun(
      plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(300), sameBoot: false)
    Self.cycle(&next, from: 310, count: 5)
    #expect(next.alerts.map(\.short) == ["raise caution", "raise unstable"])
    var third = StationRun(
      plan, watch: .empty, states: (run.saves + next.saves).newest, sequences: next.sequences,
      at: StationRun.moment(1000), sameBoot: false)
    Self.cycle(&third, from: 1010, count: 5)
    #expect(third.alerts.isEmpty)
  }

  @Test func `is one also where a contact chatters, and where rain does`() {
    let plan = StationPlan(
      gateway: "g",
      sensors: [
        SensorPlan(id: "c", name: "c", quantity: .floodContact),
        SensorPlan(id: "r", name: "r", quantity: .rain, tip: .metres(0.5)),
      ],
      contacts: [ContactRule(sensor: "c", severity: .severe, wetAfter: .seconds(1), dryAfter: .seconds(1))],
      rains: [
        RainRule(
          sensor: "r",
          amounts: [.init(amount: .metres(1), within: .minutes(1), severity: .severe, suppress: .zero)])
      ])
    var run = StationRun(plan)
    run.tell(.tips("r", count: 0), at: 0)
    for cycle in 0..<50 {
      let second = Double(cycle) * 150
      run.tell(.contact("c", active: true), at: second)
      run.tell(.tips("r", count: UInt64(2 * cycle + 1)), at: second + 1)
      run.tell(.tips("r", count: UInt64(2 * cycle + 2)), at: second + 2)
      run.tell(.contact("c", active: false), at: second + 70)
    }
    for kind in [AlertKind.floodContact, .rain] {
      let alerts = run.alerts.filter { $0.kind == kind && $0.message != .update }
      #expect(alerts.map(\.message) == [.raise, .clear, .raise, .clear, .raise], "\(kind)")
    }
    #expect(run.alerts.filter { $0.kind == .unstable && $0.message == .raise }.map(\.sensor).count == 2)
    run.tell(.timePasses, at: 20_000)
    #expect(run.station.activeAlerts.isEmpty)
  }

  /// Half a release margin of noise around a threshold for an hour; the clock is set by an hour in the middle.
  @Test(arguments: Array(1...10) as [UInt64], [-3600.0, 0, 3600])
  func `does not come from noise within the margin, nor from a clock that is set`(seed: UInt64, step: Double) {
    var random = SeededGenerator(seed: seed)
    let rule = FloodRule(
      sensor: "river-1", levels: TestSite.river.levels, confirm: .readings(3), releaseMargin: .metres(0.1),
      releaseHold: .minutes(10), rise: .init(by: .metres(0.5), within: .minutes(10), severity: .severe),
      forecast: .hours(1))
    var run = StationRun(StationPlan(gateway: "g", sensors: [TestSite.sensors[0]], floods: [rule]))
    let every = [1.0, 10].randomElement(using: &random)!
    for second in stride(from: 0.0, to: 3600, by: every) {
      let level = 3 + Double.random(in: -0.05...0.05, using: &random)
      let plain = StationRun.moment(second)
      let wall = second < 1800 ? plain.wall : plain.wall + .milliseconds(Int64(step * 1000))
      run.tell(
        .reading("river-1", .metres(level)), at: Moment(monotonic: plain.monotonic, wall: wall, clock: .synchronized))
    }
    let water = run.alerts.filter { $0.step == .caution }
    #expect(run.alerts.filter { $0.message == .raise }.count == 1)
    #expect(water.filter { $0.message == .clear }.isEmpty)
    // From standby, which half the noise is above as well, to caution: one alert.
    #expect(run.alerts.count <= 2, "\(run.alerts.map(\.short))")
    #expect(run.alerts.allSatisfy { $0.kind == .waterLevel })
  }
}

extension [SavedState] {
  /// The newest state of each key.
  var newest: [SavedState] {
    var newest: [String: SavedState] = [:]
    for state in self { newest[state.key] = state.isForgotten ? nil : state }
    return newest.keys.sorted().compactMap { newest[$0] }
  }
}
