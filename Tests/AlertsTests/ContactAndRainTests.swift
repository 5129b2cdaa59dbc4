import Alerts
import Observations
import Testing

@Suite struct `A flood contact` {
  @Test func `raises when wet without a break for long enough and clears when dry`() throws {
    var run = StationRun(TestSite.plan)
    run.tell(.contact("underpass-1", active: false), at: 0)
    run.tell(.contact("underpass-1", active: true), at: 100)
    run.tell(.contact("underpass-1", active: false), at: 119)
    run.tell(.contact("underpass-1", active: true), at: 119.5)
    run.tell(.timePasses, at: 139.4)
    #expect(run.alerts.allSatisfy { $0.kind != .floodContact })
    run.tell(.timePasses, at: 150)
    run.tell(.contact("underpass-1", active: false), at: 1000)
    run.tell(.contact("underpass-1", active: true), at: 1599)
    run.tell(.contact("underpass-1", active: false), at: 1600)
    run.tell(.timePasses, at: 2300)
    let alerts = run.alerts.filter { $0.kind == .floodContact }
    #expect(alerts.map(\.short) == ["raise flood_contact", "clear flood_contact released"])
    #expect(alerts.map { StationRun.second($0.detected) } == [139.5, 2200])
    #expect(alerts.map(\.observed?.value) == [.metres(1), .metres(0)])
    let raise = try #require(alerts.first)
    #expect(raise.severity == .severe && raise.level == nil && raise.step == nil)
    #expect(StationRun.second(raise.onset) == 119.5)
  }

  @Test func `that is faulty decides nothing until it is heard again`() {
    var run = StationRun(TestSite.plan)
    run.tell(.contact("underpass-1", active: true), at: 0)
    run.tell(.fault("underpass-1", .portLost), at: 10)
    run.tell(.timePasses, at: 3600)
    #expect(run.alerts.filter { $0.sensor == "underpass-1" }.map(\.short) == ["raise sensor_fault"])
    run.tell(.contact("underpass-1", active: true), at: 3600)
    run.tell(.timePasses, at: 3619)
    #expect(run.alerts.allSatisfy { $0.kind != .floodContact })
    run.tell(.timePasses, at: 3620)
    #expect(run.alerts.last?.short == "raise flood_contact")
  }

  private static let alone = StationPlan(
    gateway: "g", sensors: [SensorPlan(id: "underpass-1", name: "国包アンダーパス", quantity: .floodContact)],
    contacts: [TestSite.underpass])

  @Test(arguments: [FaultCause.cableBreak, .shortCircuit])
  func `whose cable is torn is neither wet nor dry from that moment`(cause: FaultCause) {
    var run = StationRun(Self.alone)
    run.tell(.contact("underpass-1", active: true), at: 0)
    run.tell(.timePasses, at: 20)
    run.tell(.contact("underpass-1", active: false), at: 100)
    // Dry for ten minutes would clear; the cable is torn a moment before, and not yet long enough for an alert.
    run.tell(.fault("underpass-1", cause), at: 699)
    run.tell(.timePasses, at: 703)
    #expect(run.alerts.map(\.short) == ["raise flood_contact"])
    run.tell(.timePasses, at: 5000)
    #expect(run.alerts.filter { $0.message != .update }.map(\.short) == ["raise flood_contact", "raise sensor_fault"])
    #expect(run.alerts.first { $0.kind == .sensorFault }?.fault == cause)
    run.tell(.contact("underpass-1", active: false), at: 5000)
    run.tell(.timePasses, at: 5599)
    #expect(run.alerts.contains { $0.short == "clear sensor_fault recovered" })
    run.tell(.timePasses, at: 5601)
    #expect(run.alerts.last?.short == "clear flood_contact released")
  }

  @Test func `that was becoming wet when its cable was torn begins anew`() {
    var run = StationRun(Self.alone)
    run.tell(.contact("underpass-1", active: false), at: 0)
    run.tell(.contact("underpass-1", active: true), at: 100)
    run.tell(.fault("underpass-1", .cableBreak), at: 118)
    run.tell(.contact("underpass-1", active: true), at: 121)
    run.tell(.timePasses, at: 140)
    #expect(run.alerts.isEmpty)
    run.tell(.timePasses, at: 141)
    #expect(run.alerts.map(\.short) == ["raise flood_contact"])
  }

  @Test func `raises at once with a dwell of zero`() {
    let rule = ContactRule(sensor: "c", severity: .moderate, wetAfter: .zero, dryAfter: .zero, levelEquivalent: 3)
    let plan = StationPlan(
      gateway: "g", sensors: [SensorPlan(id: "c", name: "c", quantity: .floodContact)], contacts: [rule])
    var run = StationRun(plan)
    #expect(run.tell(.contact("c", active: true), at: 1).alerts.map(\.level) == [3])
    #expect(run.tell(.contact("c", active: false), at: 2).alerts.map(\.message) == [.clear])
  }
}

@Suite struct `A rain gauge` {
  private func totals(_ run: StationRun) -> [UInt64] {
    run.observations.compactMap { if case .rain(_, let tips)? = $0.value { tips } else { nil } }
  }

  @Test func `publishes the total at most every ten seconds`() {
    var run = StationRun(TestSite.plan)
    for tip in 0...40 { run.tell(.tips("rain-1", count: UInt64(tip)), at: Double(tip)) }
    run.tell(.timePasses, at: 60)
    let reports = run.observations.filter { $0.sensor == "rain-1" }
    #expect(reports.map { StationRun.second($0.at) } == [0, 10, 20, 30, 40, 50])
    #expect(reports.last?.value == .rain(total: .metres(20), tips: 40))
  }

  @Test func `never falls when its driver starts counting anew`() {
    var run = StationRun(TestSite.plan)
    for (index, count) in [5, 7, 0, 1, 4, 2, 2].enumerated() {
      run.tell(.tips("rain-1", count: UInt64(count)), at: Double(index) * 20)
    }
    #expect(totals(run) == [5, 7, 8, 11, 13])
  }

  @Test func `is told of lost tips once, and not until it rains again`() {
    var run = StationRun(TestSite.plan)
    run.tell(.tips("rain-1", count: 3), at: 0)
    run.tell(.fault("rain-1", .edgesLost), at: 1)
    run.tell(.alive("rain-1"), at: 11)
    let alerts = run.alerts.filter { $0.sensor == "rain-1" }
    #expect(alerts.map(\.message) == [.raise, .clear])
    #expect(alerts.first?.fault == .edgesLost)
  }

  @Test func `survives a crash within what is saved on schedule`() throws {
    var run = StationRun(TestSite.plan)
    for tip in 1...19 { run.tell(.tips("rain-1", count: UInt64(tip)), at: Double(tip)) }
    #expect(!run.saves.contains { $0.key == "rain/rain-1" })
    run.tell(.tips("rain-1", count: 20), at: 20)
    run.tell(.tips("rain-1", count: 21), at: 30)
    run.tell(.timePasses, at: 631)
    #expect(run.saves.filter { $0.key == "rain/rain-1" }.count == 2)
    var next = StationRun(
      TestSite.plan, watch: .empty, states: run.ledger, sequences: [:], at: StationRun.moment(700), sameBoot: true)
    next.tell(.tips("rain-1", count: 0), at: 700)
    next.tell(.tips("rain-1", count: 1), at: 711)
    #expect(totals(next).last == 22)
  }

  @Test func `does not trap on any count`() {
    var run = StationRun(TestSite.plan)
    for count in [UInt64.max, 0, .max, 1, .max / 2] { run.tell(.tips("rain-1", count: count), at: 0) }
    run.tell(.timePasses, at: 100)
    #expect(totals(run).count >= 1)
  }
}
