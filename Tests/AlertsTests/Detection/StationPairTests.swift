import Alerts
import Observations
import Testing

@Suite struct `A station with two sensors` {
  private static func plan(
    _ combination: FloodRule.Pair.Combination, agreement: AgreementRule.SafeSide? = nil
  ) -> StationPlan {
    func sensor(_ id: SensorID) -> SensorPlan {
      SensorPlan(
        id: id, name: id.text, quantity: .waterLevel, range: .metres(-1)...(.metres(10)), staleAfter: .seconds(60))
    }
    return StationPlan(
      gateway: "g", sensors: [sensor("river-1"), sensor("river-2")],
      floods: [
        FloodRule(
          sensor: "river-1",
          levels: [.init(step: .caution, threshold: .metres(2)), .init(step: .danger, threshold: .metres(3))],
          confirm: .readings(3), releaseMargin: .metres(0), releaseHold: .zero,
          pair: .init(second: "river-2", combination: combination))
      ],
      outputs: [
        OutputRule(
          id: "siren", maxOn: .minutes(3), coolDown: .minutes(10),
          soundAt: SirenRule(severity: .severe, allOf: ["river-1"], whenOneIsFaulty: .silent))
      ],
      agreements: agreement.map {
        [AgreementRule(first: "river-1", second: "river-2", within: .metres(0.3), safeSide: $0)]
      } ?? [])
  }

  private static func tell(
    _ run: inout StationRun, from start: Double = 0, to end: Double, _ first: Double?, _ second: Double?
  ) {
    for time in stride(from: start, to: end, by: 10) {
      if let first { run.tell(.reading("river-1", .metres(first)), at: time) }
      if let second { run.tell(.reading("river-2", .metres(second)), at: time + 1) }
    }
  }

  @Test(
    arguments: [
      (.higher, 1.0, 3.5, 3.5), (.lower, 3.5, 2.2, 2.2), (.mean, 3.0, 2.0, 2.5), (.first, 2.4, 9, 2.4),
    ] as [(FloodRule.Pair.Combination, Double, Double, Double)])
  func `is one alert at the level that its rule makes of the two`(
    rule: FloodRule.Pair.Combination, first: Double, second: Double, level: Double
  ) throws {
    var run = StationRun(Self.plan(rule))
    Self.tell(&run, to: 100, first, second)
    let alert = try #require(run.alerts.first)
    #expect(run.alerts.count == 1 && alert.kind == .waterLevel && alert.sensor == "river-1")
    #expect(alert.observed?.value == .metres(level))
    #expect(alert.observed?.sensors == (rule == .first ? ["river-1"] : ["river-1", "river-2"]))
  }

  @Test func `counts a wave that only one of them saw once`() {
    var run = StationRun(Self.plan(.higher))
    for cycle in 0..<50 {
      let wave = cycle % 4 == 0 ? 2.5 : 1.5
      run.tell(.reading("river-1", .metres(wave)), at: Double(cycle) * 10)
      run.tell(.reading("river-2", .metres(1.5)), at: Double(cycle) * 10 + 1)
    }
    #expect(run.alerts.isEmpty)
  }

  @Test(arguments: FloodRule.Pair.Combination.allCases)
  func `goes on with the other when one is faulty, and says which`(rule: FloodRule.Pair.Combination) throws {
    for lost in ["river-1", "river-2"] as [SensorID] {
      var run = StationRun(Self.plan(rule))
      Self.tell(&run, to: 100, 1, 1)
      Self.tell(&run, from: 100, to: 400, lost == "river-1" ? nil : 3.2, lost == "river-2" ? nil : 3.2)
      let alert = try #require(run.alerts.first { $0.step == .danger })
      #expect(run.alerts.contains { $0.kind == .sensorFault && $0.sensor == lost && $0.fault == .silent })
      #expect(alert.observed?.value == .metres(3.2))
      let last = run.station.activeAlerts.first { $0.kind == .waterLevel }
      #expect(last?.step == .danger)
      // No more than the time after which the other is silent.
      #expect(StationRun.second(alert.detected) <= 100 + 60 + 30)
      // A station is not blind with one sensor: the siren that must not sound on a faulty input sounds.
      #expect(run.outputs.contains { $0.on })
    }
  }

  @Test func `is not deaf where the first says nonsense`() {
    var run = StationRun(Self.plan(.higher))
    Self.tell(&run, to: 60, 1, 1)
    for time in stride(from: 60.0, to: 400, by: 10) {
      run.tell(.reading("river-1", .metres(77)), at: time)
      run.tell(.reading("river-2", .metres(3.1)), at: time + 1)
    }
    #expect(run.alerts.contains { $0.step == .danger })
    #expect(run.station.declaredFault(of: "river-1") == .outOfRange)
  }

  @Test func `takes the agreement's safe side while the two contradict each other`() throws {
    var run = StationRun(Self.plan(.mean, agreement: .higher))
    Self.tell(&run, to: 100, 1, 3.4)
    let alert = try #require(run.alerts.first { $0.kind == .waterLevel })
    #expect(alert.observed?.value == .metres(3.4) && alert.step == .danger)
    #expect(run.alerts.filter { $0.fault == .contradicting }.count == 2)
  }

  @Test func `keeps its flood when one hangs, and doubts it when both do`() {
    func sensor(_ id: SensorID) -> SensorPlan {
      SensorPlan(
        id: id, name: id.text, quantity: .waterLevel, staleAfter: .seconds(60),
        conditioning: ConditioningPlan(stuckAfter: .hours(1)))
    }
    let plan = StationPlan(
      gateway: "g", sensors: [sensor("river-1"), sensor("river-2")], floods: Self.plan(.higher).floods)
    var run = StationRun(plan)
    for time in stride(from: 0.0, to: 7200, by: 10) {
      run.tell(.reading("river-1", .metres(2.5)), at: time)
      run.tell(.reading("river-2", .metres(2.4 + (time / 10).truncatingRemainder(dividingBy: 2) / 100)), at: time + 1)
    }
    #expect(run.station.declaredFault(of: "river-1") == .stuck)
    #expect(run.alerts.filter { $0.kind == .waterLevel }.allSatisfy { $0.certainty == .observed })
    #expect(run.alerts.last { $0.kind == .waterLevel }?.observed?.sensors == ["river-2"])
    Self.tell(&run, from: 7200, to: 14_400, 2.5, 2.4)
    #expect(run.station.declaredFault(of: "river-2") == .stuck)
    #expect(run.alerts.last { $0.kind == .waterLevel }?.certainty == .unknown)
  }
}
