import Alerts
import Gateway
import Observations
import Testing

@Suite struct `What is tried` {
  static func metres(_ value: Double) -> Measure { Measure(thousandths: Int64((value * 1000).rounded())) }

  static func rule(_ sensor: SensorID, _ levels: [(LadderStep, Double)]) -> FloodRule {
    FloodRule(
      sensor: sensor, levels: levels.map { .init(step: $0.0, threshold: metres($0.1)) }, confirm: .readings(3),
      releaseMargin: metres(0.1), releaseHold: .minutes(10),
      rise: .init(by: metres(0.5), within: .minutes(10), severity: .severe), forecast: .hours(1))
  }

  static let river = rule("river-1", [(.caution, 3), (.danger, 4)])
  static let canal = rule("canal-1", [(.danger, 1.8)])
  static let sensors = [
    SensorPlan(id: "river-1", name: "川", quantity: .waterLevel, range: metres(-1)...metres(6)),
    SensorPlan(id: "canal-1", name: "水路", quantity: .waterLevel),
  ]

  private static func levels(_ rule: FloodRule) -> [String] {
    rule.levels.map { "\($0.step.rawValue)=\($0.threshold)" }
  }

  @Test func `is one change or several, of one river`() throws {
    let one = try BacktestTrial("danger=3.8", changing: [Self.river], of: Self.sensors)
    #expect(one.name == "danger=3.8")
    #expect(Self.levels(one.floods[0]) == ["caution=3", "danger=3.8"])
    #expect(one.floods[0].rise == Self.river.rise && one.floods[0].forecast == Self.river.forecast)
    #expect(one.floods[0].confirm == Self.river.confirm && one.floods[0].releaseHold == Self.river.releaseHold)

    let all = try BacktestTrial(
      "margin=0.25,hold=20m,confirm=5,evacuation_judgment=3.5", changing: [Self.river], of: Self.sensors)
    #expect(Self.levels(all.floods[0]) == ["caution=3", "evacuation_judgment=3.5", "danger=4"])
    #expect(all.floods[0].releaseMargin == Self.metres(0.25) && all.floods[0].releaseHold == .minutes(20))
    #expect(all.floods[0].confirm == .readings(5))
    let timed = try BacktestTrial("confirm=30s", changing: [Self.river], of: Self.sensors)
    #expect(timed.floods[0].confirm == .duration(.seconds(30)))
    #expect(
      try BacktestTrial("caution=-0.5", changing: [Self.river], of: Self.sensors).floods[0].levels[0].threshold
        == Self.metres(-0.5))
  }

  @Test func `names its river where there are several, and leaves the others alone`() throws {
    let trial = try BacktestTrial(
      "canal-1.danger=1.6,river-1.hold=5m", changing: [Self.river, Self.canal], of: Self.sensors)
    #expect(Self.levels(trial.floods[1]) == ["danger=1.6"])
    #expect(trial.floods[0].releaseHold == .minutes(5) && trial.floods[1].releaseHold == .minutes(10))
    #expect(Self.levels(trial.floods[0]) == Self.levels(Self.river))
  }

  @Test(arguments: [
    ("danger", "write a name and a value"), ("", "write a name and a value"), ("danger=", "write a name and a value"),
    ("danger=3.8,", "write a name and a value"), ("dangr=3.8", "did you mean danger"), ("depth=3.8", "write standby"),
    ("danger=high", "no number of metres"), ("danger=3.8m", "no number of metres"),
    ("danger=1e3", "no number of metres"),
    ("danger=.5", "no number of metres"), ("danger=--1", "no number of metres"),
    ("danger=99999", "outside -1000 to 10000"),
    ("danger=2.5", "danger = 2.5 is not above caution = 3"), ("caution=4", "danger = 4 is not above caution = 4"),
    ("flooding=9", "outside the range of river-1"), ("hold=10", "no length of time"), ("hold=25h", "no length of time"),
    ("confirm=0", "1 to 1000 readings"), ("confirm=soon", "no length of time"), ("margin=-1", "outside 0 to 10"),
    ("danger=3.8,danger=3.9", "twice"), ("rivr-1.danger=3.8", "did you mean river-1"),
    ("lake.danger=3.8", "write one of river-1"), ("river-1.=3.8", "there is no \"\""),
  ])
  func `is refused with what to write instead`(text: String, reason: String) {
    let error = #expect(throws: GatewayError.self) {
      try BacktestTrial(text, changing: [Self.river], of: Self.sensors)
    }
    #expect(error?.status == .wrongUsage)
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }

  @Test func `must say which river, and needs one`() {
    let several = #expect(throws: GatewayError.self) {
      try BacktestTrial("danger=3.8", changing: [Self.river, Self.canal], of: Self.sensors)
    }
    #expect(several?.description.contains("write river-1.danger or canal-1.danger") == true)
    let none = #expect(throws: GatewayError.self) { try BacktestTrial("danger=3.8", changing: [], of: Self.sensors) }
    #expect(none?.description.contains("has no [[flood]]") == true)
  }
}
