import Alerts
import Observations
import Testing

/// The board's own values: a limit that is crossed says so before the board fails.
@Suite struct `A limit` {
  private static func plan(_ quantity: Quantity, _ side: LimitRule.Side, _ threshold: Double) -> StationPlan {
    StationPlan(
      gateway: "g", sensors: [SensorPlan(id: "own", name: "蓄電池", quantity: quantity, staleAfter: .minutes(5))],
      limits: [
        LimitRule(
          sensor: "own", side: side, threshold: .metres(threshold), margin: .metres(0.2), confirm: .minutes(3),
          severity: .moderate)
      ])
  }

  private func readings(_ run: inout StationRun, _ values: [Double]) {
    for (minute, value) in values.enumerated() { run.tell(.reading("own", .metres(value)), at: Double(minute) * 60) }
  }

  @Test func `is an alert once confirmed, and over with a margin`() throws {
    var run = StationRun(Self.plan(.voltage, .below, 11.5))
    readings(&run, [12.6, 11.5, 11.4, 11.6, 11.5, 11.5, 11.4, 11.4, 11.3, 11.6, 11.5, 11.7, 12.0])
    #expect(run.alerts.map(\.message) == [.raise, .clear])
    let (raise, clear) = (try #require(run.alerts.first), try #require(run.alerts.last))
    #expect(raise.kind == .power && raise.severity == .moderate && raise.level == nil)
    #expect(StationRun.second(raise.onset) == 240 && StationRun.second(raise.detected) == 420)
    #expect(raise.observed?.value == .metres(11.4) && raise.observed?.threshold == .metres(11.5))
    #expect(clear.reason == "recovered" && StationRun.second(clear.detected) == 660)
  }

  @Test(arguments: [
    (Quantity.voltage, LimitRule.Side.below, AlertKind.power), (.batteryCharge, .below, .power),
    (.storageFree, .below, .storage), (.memoryFree, .below, .board), (.temperature, .above, .board),
  ])
  func `has the kind of what it is about`(quantity: Quantity, side: LimitRule.Side, kind: AlertKind) {
    var run = StationRun(Self.plan(quantity, side, 50))
    readings(&run, Array(repeating: side == .below ? 10 : 90, count: 5))
    #expect(run.alerts.map(\.kind) == [kind])
  }

  @Test func `never sounds a siren`() {
    #expect(!AlertKind.power.isHazard && !AlertKind.storage.isHazard && !AlertKind.board.isHazard)
  }

  @Test func `a restart raises nothing again and clears what is over`() {
    let plan = Self.plan(.voltage, .below, 11.5)
    var run = StationRun(plan)
    readings(&run, [11.0, 11.0, 11.0, 11.0])
    #expect(run.alerts.count == 1)
    var next = StationRun(
      plan, watch: .empty, states: run.saves, sequences: run.sequences, at: StationRun.moment(300), sameBoot: true)
    next.tell(.reading("own", .metres(11.0)), at: 310)
    #expect(next.alerts.isEmpty)
    next.tell(.reading("own", .metres(12.0)), at: 320)
    #expect(next.alerts.map(\.message) == [.clear] && next.alerts.map(\.revision) == [2])
  }

  @Test func `one that was configured away is cleared`() {
    var run = StationRun(Self.plan(.voltage, .below, 11.5))
    readings(&run, [11.0, 11.0, 11.0, 11.0])
    let without = StationPlan(
      gateway: "g", sensors: [SensorPlan(id: "own", name: "蓄電池", quantity: .voltage, staleAfter: .minutes(5))])
    let next = StationRun(
      without, watch: .empty, states: run.saves, sequences: run.sequences, at: StationRun.moment(300), sameBoot: true)
    #expect(next.alerts.map(\.reason) == ["removed"])
  }
}
