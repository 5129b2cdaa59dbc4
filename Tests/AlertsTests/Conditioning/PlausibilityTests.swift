import Alerts
import Observations
import Testing

@Suite struct `A change too fast for water` {
  static let rate = ConditioningPlan.MaxRate(by: .metres(0.5), within: .minutes(1))
  static let plan = `A filtered sensor`.plan(maxRate: rate)

  private static func run(_ values: [Double], every: Double = 10) -> StationRun {
    var run = StationRun(plan)
    for (index, value) in values.enumerated() {
      run.tell(.reading("river-1", .metres(value)), at: Double(index) * every)
    }
    return run
  }

  @Test func `is neither a level nor a fault when it passes`() {
    let run = Self.run([1, 1.1, 6, 1.1, 1, 1, 0.2, 1, 1])
    #expect(run.alerts.isEmpty)
    #expect(run.observations.allSatisfy { [.measure(.metres(1)), .measure(.metres(1.1))].contains($0.value) })
    #expect(run.station.rejectedReadings(of: "river-1").map(\.cause) == [.implausibleRate])
    #expect(run.station.rejectedReadings(of: "river-1").map(\.count) == [2])
  }

  @Test func `is believed when it stays, and within its stale_after`() {
    let run = Self.run([1, 1, 6, 6.1, 6, 6, 6])
    #expect(run.alerts.map(\.short) == ["raise caution"])
    #expect(run.alerts.map { StationRun.second($0.detected) } == [50])
    #expect(run.station.rejectedReadings(of: "river-1").map(\.count) == [3])
  }

  @Test func `is believed at once when enough time has passed for it`() {
    #expect(Self.run([1, 1, 4], every: 400).alerts.map(\.short).contains("raise caution"))
  }

  @Test func `does not stay unheard for ever, whatever it jumps between`() {
    var random = SeededGenerator(seed: 7)
    var values = [0.0]
    while values.count < 600 { values.append(Double.random(in: 4...9.9, using: &random)) }
    let run = Self.run(values)
    #expect(run.alerts.contains { $0.kind == .sensorFault && $0.fault == .implausibleRate })
    #expect(run.alerts.contains { $0.kind == .waterLevel })
  }

  @Test func `does not undo what was being confirmed`() {
    var run = StationRun(`A filtered sensor`.plan(maxRate: Self.rate, confirm: .readings(3)))
    for (index, value) in [2.9, 3.1, 8, 3.2, 8, 3.3].enumerated() {
      run.tell(.reading("river-1", .metres(value)), at: Double(index) * 10)
    }
    #expect(run.alerts.map(\.short) == ["raise caution"])
  }

  @Test(arguments: Array(1...20) as [UInt64])
  func `is no flash flood of a metre in ten minutes`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let every = [1.0, 5, 10, 30, 60, 300].randomElement(using: &random)!
    let noise = Double.random(in: 0...0.1, using: &random)
    var run = StationRun(`A filtered sensor`.plan(maxRate: Self.rate, staleAfter: .minutes(15)))
    for second in stride(from: 0.0, through: 1200, by: every) {
      let level = 2.5 + min(second, 600) / 600 + Double.random(in: -noise...noise, using: &random)
      run.tell(.reading("river-1", .metres(level)), at: second)
    }
    #expect(run.station.rejectedReadings(of: "river-1").isEmpty)
    #expect(run.alerts.contains { $0.step == .caution })
  }
}

@Suite struct `A sensor that hangs` {
  private static func plan(_ after: TimeSpan = .hours(6)) -> StationPlan {
    `A filtered sensor`.plan(stuckAfter: after)
  }

  private static func tell(_ run: inout StationRun, from start: Double, to end: Double, _ level: (Double) -> Double) {
    for second in stride(from: start, to: end, by: 60) {
      run.tell(.reading("river-1", .metres(level(second))), at: second)
    }
  }

  @Test func `above its level is a fault; what it had raised is neither ended nor a flood any more`() throws {
    var run = StationRun(Self.plan())
    Self.tell(&run, from: 0, to: 90 * 86400) { $0 < 600 ? 2.5 + $0 / 10_000 : 3.4 }
    #expect(run.station.declaredFault(of: "river-1") == .stuck)
    let doubt = try #require(run.alerts.first { $0.kind == .waterLevel && $0.reason == "fault" })
    #expect(StationRun.second(doubt.detected) == 600 + 6 * 3600)
    #expect(doubt.message == .update && doubt.certainty == .unknown && doubt.urgency == .unknown)
    #expect(doubt.fault == .stuck && doubt.observed?.value == nil && doubt.step == .caution)
    // For a week it is said to be unproven. Then it is over, without anybody having seen the water fall, and only the
    // fault goes on: a gauge that hangs is no flood for months.
    let later = run.alerts.filter { $0.kind == .waterLevel && $0.revision > doubt.revision }
    #expect(later.count > 100 && later.allSatisfy { $0.certainty == .unknown })
    #expect(later.dropLast().allSatisfy { $0.message == .update && $0.reason == "renewed" })
    let end = try #require(later.last)
    #expect(end.short == "clear caution unproven" && end.urgency == .unknown && end.observed?.value == nil)
    #expect(StationRun.second(end.detected) == 600 + 6 * 3600 + 7 * 86400)
    #expect(run.station.activeAlerts.map(\.kind) == [.sensorFault])
    #expect(run.observations.last?.value == nil)
    // It moves again, and is above its level: that is confirmed and told anew.
    let before = run.alerts.count
    Self.tell(&run, from: 90 * 86400, to: 90 * 86400 + 180) { 3.5 + ($0 - 90 * 86400) / 10_000 }
    #expect(Set(run.alerts.dropFirst(before).map(\.short)) == ["clear sensor_fault recovered", "raise caution"])
    #expect(run.alerts.last { $0.kind == .waterLevel }?.certainty == .observed)
  }

  @Test func `sounds no siren any more, and sounds it again for a flood that is measured`() {
    let plan = RisingRiver.plan(levels: [(.danger, 3)], stuckAfter: .hours(1))
    var run = StationRun(plan)
    Self.tell(&run, from: 0, to: 30) { _ in 3.4 }
    for second in stride(from: 60.0, to: 7200, by: 30) { run.tell(.reading("river-1", .metres(3.4)), at: second) }
    #expect(run.outputs.filter { $0.on }.count == 1)
    #expect(run.alerts.contains { $0.reason == "fault" })
    let before = run.outputs.count
    for second in stride(from: 7200.0, to: 7400, by: 30) {
      run.tell(.reading("river-1", .metres(3.5 + second / 1e6)), at: second)
    }
    #expect(run.outputs.dropFirst(before).first?.on == true)
  }

  @Test func `that hung before it could confirm raises no flood`() {
    let rule = FloodRule(
      sensor: "river-1", levels: [.init(step: .danger, threshold: .metres(3))], confirm: .duration(.hours(2)),
      releaseMargin: .metres(0.1), releaseHold: .minutes(10))
    let sensor = SensorPlan(
      id: "river-1", name: "川", quantity: .waterLevel, conditioning: ConditioningPlan(stuckAfter: .hours(1)))
    var run = StationRun(StationPlan(gateway: "g", sensors: [sensor], floods: [rule]))
    Self.tell(&run, from: 0, to: 90 * 86400) { _ in 3.4 }
    #expect(run.alerts.allSatisfy { $0.kind == .sensorFault })
  }

  @Test func `is not still water below every level`() {
    var run = StationRun(Self.plan())
    Self.tell(&run, from: 0, to: 30 * 86400) { _ in 0.2 }
    #expect(run.alerts.isEmpty)
  }

  @Test func `is one whose readings never stood still before`() {
    var run = StationRun(Self.plan())
    var random = SeededGenerator(seed: 3)
    Self.tell(&run, from: 0, to: 7200) { _ in (Double.random(in: 0.2...0.3, using: &random) * 1000).rounded() / 1000 }
    Self.tell(&run, from: 7200, to: 86400) { _ in 0.25 }
    #expect(run.alerts.filter { $0.message == .raise }.map(\.fault) == [.stuck])
    #expect(run.alerts.first.map { StationRun.second($0.detected) <= 7200 + 6 * 3600 } == true)
  }

  @Test func `still hangs after a power cut`() {
    var run = StationRun(Self.plan())
    Self.tell(&run, from: 0, to: 8 * 3600) { _ in 3.4 }
    #expect(run.station.declaredFault(of: "river-1") == .stuck)
    var next = StationRun(
      Self.plan(), watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(9 * 3600),
      sameBoot: false)
    Self.tell(&next, from: 9 * 3600, to: 10 * 3600) { _ in 3.4 }
    #expect(next.alerts.allSatisfy { $0.message == .update && ($0.kind == .sensorFault || $0.certainty == .unknown) })
    Self.tell(&next, from: 10 * 3600, to: 10 * 3600 + 300) { 3.3 + $0 / 1e6 }
    #expect(next.alerts.contains { $0.short == "update caution measured" })
    #expect(next.station.declaredFault(of: "river-1") == nil)
  }
}

@Suite struct `Two sensors of one water` {
  static func plan(_ side: AgreementRule.SafeSide, stuckAfter: TimeSpan? = nil) -> StationPlan {
    func sensor(_ id: SensorID) -> SensorPlan {
      SensorPlan(
        id: id, name: id.text, quantity: .waterLevel, staleAfter: .seconds(60),
        conditioning: ConditioningPlan(stuckAfter: stuckAfter))
    }
    return StationPlan(
      gateway: "g",
      sensors: [sensor("river-1"), sensor("river-2"), SensorPlan(id: "u", name: "u", quantity: .floodContact)],
      floods: [
        FloodRule(
          sensor: "river-1", levels: [.init(step: .danger, threshold: .metres(3))], confirm: .readings(3),
          releaseMargin: .metres(0), releaseHold: .zero)
      ],
      outputs: [
        OutputRule(
          id: "siren", maxOn: .minutes(3), coolDown: .minutes(10),
          soundAt: SirenRule(severity: .severe, allOf: ["river-1"], whenOneIsFaulty: .otherDecides))
      ],
      agreements: [AgreementRule(first: "river-1", second: "river-2", within: .metres(0.2), safeSide: side)])
  }

  private static func tell(
    _ run: inout StationRun, from start: Double = 0, to end: Double, _ first: Double?, _ second: Double?
  ) {
    for time in stride(from: start, to: end, by: 10) {
      if let first { run.tell(.reading("river-1", .metres(first)), at: time) }
      if let second { run.tell(.reading("river-2", .metres(second)), at: time + 1) }
    }
  }

  @Test func `that agree change nothing`() {
    var run = StationRun(Self.plan(.higher))
    Self.tell(&run, to: 600, 1.0, 1.2)
    #expect(run.alerts.isEmpty)
    #expect(run.station.rejectedReadings(of: "river-1").isEmpty)
  }

  @Test func `that contradict each other are two faults, and the higher one sounds the siren`() throws {
    var run = StationRun(Self.plan(.higher))
    Self.tell(&run, to: 100, 1.0, 3.5)
    #expect(Set(run.alerts.filter { $0.fault == .contradicting }.map(\.sensor)) == ["river-1", "river-2"])
    let alert = try #require(run.alerts.first { $0.kind == .waterLevel })
    #expect(alert.sensor == "river-1" && alert.observed?.value == .metres(3.5))
    #expect(run.outputs.last.map { $0.on } == true)
    #expect(run.observations.filter { $0.sensor == "river-1" }.allSatisfy { $0.value == .measure(.metres(1)) })
    #expect(run.station.rejectedReadings(of: "river-1").map(\.cause) == [.contradicting])
    // They agree again: sound after three readings each, and the flood ends.
    Self.tell(&run, from: 100, to: 140, 1.1, 1.0)
    #expect(run.station.activeAlerts.isEmpty)
    #expect(run.outputs.last.map { $0.on } == false)
  }

  @Test func `with the lower one as the safe side raise nothing by the higher`() {
    var run = StationRun(Self.plan(.lower))
    Self.tell(&run, to: 100, 3.5, 1.0)
    #expect(run.alerts.filter { $0.kind == .waterLevel }.isEmpty)
    #expect(run.alerts.map(\.fault) == [.contradicting, .contradicting])
  }

  @Test func `are one when the other falls silent, before a contradiction and during it`() {
    var run = StationRun(Self.plan(.higher))
    Self.tell(&run, to: 100, 1.0, 3.5)
    Self.tell(&run, from: 100, to: 300, 1.0, nil)
    #expect(run.station.declaredFault(of: "river-2") == .silent)
    #expect(run.alerts.contains { $0.sensor == "river-2" && $0.reason == "cause" && $0.fault == .silent })
    #expect(run.station.declaredFault(of: "river-1") == nil)
    #expect(run.station.activeAlerts.map(\.kind) == [.sensorFault])
  }

  @Test func `show that one hangs while the other moves`() {
    var run = StationRun(Self.plan(.higher, stuckAfter: .hours(1)))
    for second in stride(from: 0.0, to: 7200, by: 10) {
      run.tell(.reading("river-1", .metres(0.5)), at: second)
      run.tell(.reading("river-2", .metres(0.4 + second / 7200)), at: second + 1)
    }
    #expect(run.station.declaredFault(of: "river-1") == .stuck)
    #expect(run.station.declaredFault(of: "river-2") == nil)
  }
}
