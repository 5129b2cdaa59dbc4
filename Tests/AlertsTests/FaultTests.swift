import Alerts
import Observations
import Testing

@Suite struct `A faulty sensor` {
  static let plan = TestSite.riverOnly([(.caution, 3)], range: .metres(-1)...(.metres(10)))

  @Test func `is silent for longer than it may be`() throws {
    var run = StationRun(Self.plan)
    for second in stride(from: 0.0, through: 600, by: 60) { run.tell(.reading("river-1", .metres(1)), at: second) }
    #expect(run.alerts.isEmpty)
    run.tell(.timePasses, at: 660)
    #expect(run.alerts.isEmpty)
    run.tell(.timePasses, at: 661)
    let alert = try #require(run.alerts.first)
    #expect(alert.kind == .sensorFault && alert.fault == .silent && alert.message == .raise)
    #expect(alert.severity == .minor && alert.observed?.value == nil)
    #expect(StationRun.second(alert.onset) == 600 && StationRun.second(alert.detected) == 660)
  }

  @Test(arguments: [FaultCause.timeout, .garbledReply, .deviceException, .noTarget, .blindZone])
  func `is not one that loses an answer now and then`(cause: FaultCause) {
    var run = StationRun(Self.plan)
    for second in stride(from: 0.0, to: 6000, by: 20) {
      run.tell(.fault("river-1", cause), at: second)
      run.tell(.fault("river-1", cause), at: second + 5)
      run.tell(.reading("river-1", .metres(1)), at: second + 10)
    }
    #expect(run.alerts.isEmpty)
    for second in stride(from: 6000.0, through: 6100, by: 10) { run.tell(.fault("river-1", cause), at: second) }
    #expect(run.alerts.map(\.fault) == [cause])
  }

  @Test func `says out of range and never gives a level`() {
    var run = StationRun(Self.plan)
    for second in stride(from: 0.0, through: 300, by: 10) { run.tell(.reading("river-1", .metres(55)), at: second) }
    #expect(run.alerts.map(\.kind) == [.sensorFault])
    #expect(run.alerts.map(\.fault) == [.outOfRange])
    #expect(run.observations.allSatisfy { $0.value == nil })
  }

  @Test func `without a limit of silence needs a fault that goes on`() {
    var run = StationRun(TestSite.riverOnly([(.caution, 3)], staleAfter: nil))
    run.tell(.reading("river-1", .metres(1)), at: 0)
    run.tell(.timePasses, at: 86400)
    #expect(run.alerts.isEmpty)
    run.tell(.fault("river-1", .timeout), at: 86410)
    run.tell(.timePasses, at: 86469)
    #expect(run.alerts.isEmpty)
    run.tell(.timePasses, at: 86470)
    #expect(run.alerts.map(\.fault) == [.timeout])
  }

  @Test func `is sound after three readings in a row, and flapping is one fault`() throws {
    var run = StationRun(Self.plan)
    run.tell(.reading("river-1", .metres(1)), at: 0)
    // One answer every two minutes: faulty the whole time, said once.
    for second in stride(from: 120.0, through: 1200, by: 120) { run.tell(.reading("river-1", .metres(1)), at: second) }
    #expect(run.alerts.map(\.short) == ["raise sensor_fault"])
    run.tell(.reading("river-1", .metres(1)), at: 1210)
    #expect(run.alerts.count == 1)
    run.tell(.reading("river-1", .metres(1)), at: 1220)
    #expect(run.alerts.map(\.short) == ["raise sensor_fault", "clear sensor_fault recovered"])
    let last = try #require(run.observations.last)
    #expect(last.fault == nil && last.value == .measure(.metres(1)))
  }

  @Test func `keeps its hazard and says that nothing is measured`() throws {
    var run = StationRun(Self.plan)
    run.tell(.reading("river-1", .metres(3.4)), at: 0)
    run.tell(.timePasses, at: 7200)
    #expect(
      run.alerts.map(\.short) == [
        "raise caution", "raise sensor_fault", "update caution renewed",
        "update sensor_fault renewed",
      ])
    #expect(run.alerts[2].observed?.value == nil)
    #expect(run.alerts[2].observed?.threshold == .metres(3))
    #expect(run.station.activeAlerts.map(\.kind) == [.waterLevel, .sensorFault])
    // It still decides by what it reads while it has yet to prove itself.
    run.tell(.reading("river-1", .metres(1)), at: 7300)
    let clear = try #require(run.alerts.last)
    #expect(clear.short == "clear caution released" && clear.observed?.value == .metres(1))
  }

  @Test func `tells its latest value once when it falls silent`() {
    var run = StationRun(Self.plan)
    run.tell(.reading("river-1", .metres(1)), at: 0)
    run.tell(.timePasses, at: 3600)
    #expect(run.observations.map(\.value) == [.measure(.metres(1)), nil])
    #expect(run.observations.map(\.fault) == [nil, .silent])
  }

  static let contactOnly = StationPlan(gateway: "g", sensors: [TestSite.sensors[2]], contacts: [TestSite.underpass])

  @Test(arguments: [FaultCause.portMissing, .portLost, .edgesLost])
  func `that speaks by edges is believed to be silent until its driver says otherwise`(cause: FaultCause) {
    var run = StationRun(Self.contactOnly)
    run.tell(.contact("underpass-1", active: false), at: 0)
    run.tell(.fault("underpass-1", cause), at: 20)
    run.tell(.contact("underpass-1", active: false), at: 22)
    run.tell(.timePasses, at: 29)
    #expect(run.alerts.isEmpty)
    run.tell(.fault("underpass-1", cause), at: 29)
    run.tell(.timePasses, at: 34)
    #expect(run.alerts.map(\.fault) == [cause])
    run.tell(.contact("underpass-1", active: false), at: 35)
    #expect(run.alerts.map(\.short).last == "clear sensor_fault recovered")
  }

  @Test func `that nobody knows is counted and changes nothing`() {
    var run = StationRun(Self.plan)
    run.tell(.reading("nobody", .metres(99)), at: 0)
    run.tell(.contact("river-1", active: true), at: 1)
    run.tell(.tips("river-1", count: 1), at: 2)
    run.tell(.alive("river-1"), at: 3)
    #expect(run.station.ignoredInputs == 4)
    #expect(run.alerts.isEmpty && run.observations.isEmpty)
  }
}

@Suite struct `Observation reports` {
  @Test func `come on change, not too often, and now and then in any case`() {
    var run = StationRun(TestSite.riverOnly([(.caution, 3)]))
    for second in 0..<1201 {
      let value = second < 300 ? 1.0 : second < 310 ? 1.0 + Double(second - 299) * 0.02 : 1.2
      run.tell(.reading("river-1", .metres(value + Double(second % 2) * 0.009)), at: Double(second))
    }
    #expect(run.observations.map { StationRun.second($0.at) } == [0, 300, 310, 910])
  }

  @Test func `come every minute while there is an alert`() {
    var run = StationRun(TestSite.riverOnly([(.caution, 3)]))
    for second in 0...300 { run.tell(.reading("river-1", .metres(3.3)), at: Double(second)) }
    #expect(run.observations.map { StationRun.second($0.at) } == [0, 60, 120, 180, 240, 300])
  }

  @Test func `of a contact come at each change and again every ten minutes`() {
    var run = StationRun(TestSite.plan)
    run.tell(.contact("underpass-1", active: false), at: 0)
    run.tell(.contact("underpass-1", active: true), at: 5)
    run.tell(.contact("underpass-1", active: false), at: 5.2)
    run.tell(.contact("underpass-1", active: true), at: 5.4)
    run.tell(.contact("underpass-1", active: false), at: 5.6)
    run.tell(.timePasses, at: 700)
    let reports = run.observations.filter { $0.sensor == "underpass-1" }
    #expect(reports.map { StationRun.second($0.at) } == [0, 5, 6, 606])
    #expect(reports.map(\.value) == [false, true, false, false].map { .contact(active: $0) })
  }
}
