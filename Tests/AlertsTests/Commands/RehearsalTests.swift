import Alerts
import Observations
import Testing

@Suite struct `An exercise` {
  private func exercise(
    _ sensor: SensorID = "river-1", _ readings: [(Double, Double)] = [(0, 4.5)], until: Double = 3600,
    mode: AlertMode = .exercise, siren: Bool = false
  ) -> StationInput {
    .asked(
      .rehearse(
        RehearsalPlan(
          sensor: sensor, mode: mode,
          readings: readings.map {
            RehearsalPlan.Reading(offset: .milliseconds(Int64($0.0 * 1000)), value: .metres($0.1))
          }, until: StationRun.moment(until).wall, soundsSiren: siren)))
  }

  private func drilled(_ run: StationRun) -> [String] {
    run.alerts.filter { $0.mode != .actual }.map { "\($0.short) \(Int(StationRun.second($0.detected)))" }
  }

  private func calm(_ run: inout StationRun, _ seconds: ClosedRange<Int>, _ level: Double = 1) {
    for second in stride(from: seconds.lowerBound, through: seconds.upperBound, by: 10) {
      run.tell(.reading("river-1", .metres(level)), at: Double(second))
    }
  }

  @Test(arguments: [AlertMode.exercise, .test])
  func `raises through the same detectors beside real readings, and is cleared at its end`(mode: AlertMode) throws {
    var run = StationRun(TestSite.plan)
    calm(&run, 0...90)
    run.tell(exercise("river-1", [(0, 3.2), (100, 4.5)], until: 400, mode: mode), at: 95)
    calm(&run, 100...500)
    #expect(
      drilled(run) == ["raise caution 115", "update danger step 215", "clear danger ended 400"])
    let alerts = run.alerts.filter { $0.mode != .actual }
    #expect(alerts.allSatisfy { $0.mode == mode && $0.sensor == "river-1" && $0.id == alerts[0].id })
    #expect(alerts.map(\.revision) == [1, 2, 3])
    #expect(alerts.map(\.observed?.value) == [.metres(3.2), .metres(4.5), .metres(4.5)])
    #expect(run.alerts.map(\.sequence) == (1...UInt64(run.alerts.count)).map { $0 })
    #expect(run.station.activeAlerts.allSatisfy { $0.kind != .waterLevel })
    #expect(run.observations.allSatisfy { $0.sensor != "river-1" || $0.value == .measure(.metres(1)) })
    #expect(run.outputs.allSatisfy { !$0.on })
  }

  @Test func `of a contact and of rain says what the sensor would`() {
    let plan = StationPlan(
      gateway: "g", sensors: TestSite.sensors, contacts: [TestSite.underpass],
      rains: [
        RainRule(
          sensor: "rain-1",
          amounts: [.init(amount: .metres(20), within: .minutes(10), severity: .moderate, suppress: .hours(1))])
      ])
    var run = StationRun(plan)
    run.tell(exercise("underpass-1", [(0, 1), (60, 0)], until: 2000), at: 0)
    run.tell(exercise("rain-1", [(0, 0), (60, 30)], until: 2000), at: 0)
    run.tell(.timePasses, at: 2000)
    #expect(
      drilled(run) == [
        "raise flood_contact 20", "raise rain 60", "clear flood_contact released 660", "clear rain ended 2000",
      ])
    #expect(run.alerts.first { $0.kind == .rain }?.observed?.value == .metres(30))
    #expect(run.alerts.allSatisfy { $0.mode == .exercise || !$0.kind.isHazard })
  }

  @Test func `is ended at once by a real reading at a threshold, and before what is real is told`() {
    var run = StationRun(TestSite.plan)
    calm(&run, 0...90)
    run.tell(exercise(until: 3600), at: 95)
    calm(&run, 100...200, 1.99)
    #expect(drilled(run) == ["raise danger 115"])
    calm(&run, 210...240, 4.5)
    #expect(drilled(run) == ["raise danger 115", "clear danger real_reading 210"])
    #expect(run.alerts.last?.short == "raise danger" && run.alerts.last?.mode == .actual)
    run.tell(exercise(until: 3600), at: 245)
    #expect(run.answers.last?.result == .refused(.realHazard))
  }

  @Test func `is ended by command and by the next of the same sensor`() {
    var run = StationRun(TestSite.plan)
    run.tell(exercise(until: 3600), at: 0)
    run.tell(.timePasses, at: 50)
    run.tell(exercise("river-1", [(0, 3.2)], until: 3600, mode: .test), at: 60)
    run.tell(.timePasses, at: 100)
    run.tell(.asked(.endRehearsal("river-1")), at: 110)
    run.tell(.asked(.endRehearsal(nil)), at: 120)
    #expect(
      drilled(run) == ["raise danger 20", "clear danger ended 60", "raise caution 80", "clear caution ended 110"])
    #expect(run.answers.map(\.result) == [.done, .done, .done, .refused(.nothingToEnd)])
  }

  private static let many: [(Double, Double)] = (0...500).map { (Double($0), 1) }
  private static let refusals: [(sensor: String, readings: [(Double, Double)], refusal: CommandRefusal)] = [
    ("nowhere", [(0, 1)], .unknownSensor), ("gate-north", [(0, 1)], .notDetectable),
    ("rain-1", [(0, 1)], .notDetectable), ("river-1", [], .badReadings), ("river-1", [(5, 1)], .badReadings),
    ("river-1", [(0, 1), (0, 2)], .badReadings), ("river-1", [(0, 77)], .badReadings),
    ("river-1", [(0, 1), (90_000, 2)], .badReadings), ("river-1", many, .badReadings),
  ]

  @Test(arguments: refusals)
  func `is refused where it makes no sense`(sensor: String, readings: [(Double, Double)], refusal: CommandRefusal) {
    var run = StationRun(TestSite.plan)
    let effects = run.tell(exercise(SensorID(sensor), readings), at: 10)
    #expect(effects.answers.map(\.result) == [.refused(refusal)])
    #expect(effects.saves.isEmpty && effects.alerts.isEmpty)
  }

  @Test func `can be acknowledged, and its rise makes that void`() {
    var run = StationRun(TestSite.plan)
    run.tell(exercise("river-1", [(0, 3.2), (100, 4.5)], until: 400), at: 0)
    let until = StationRun.moment(1000).wall
    run.tell(.asked(.acknowledge(.source("river-1", .waterLevel, .exercise), until: until)), at: 50)
    #expect(drilled(run).last == "update caution acknowledged 50")
    #expect(run.alerts.last?.acknowledged?.authority == "bousai-2026")
    run.tell(.timePasses, at: 130)
    #expect(drilled(run).last == "update danger step 120")
    #expect(run.alerts.last?.acknowledged == nil)
    #expect(run.alerts.last?.references.map(\.revision) == [1, 2])
  }

  // MARK: The siren

  private func siren(_ run: StationRun) -> [String] {
    run.outputs.filter { $0.output == "siren" }.map {
      "\($0.on ? "on" : "off") \($0.cause) \(Int(StationRun.second($0.at)))"
    }
  }

  @Test func `sounds only when it says so, when all inputs are rehearsed, and for the longest time at most`() {
    var run = StationRun(TestSite.plan)
    run.tell(exercise("river-1", siren: true), at: 0)
    run.tell(.timePasses, at: 100)
    #expect(siren(run) == ["off start 0"])
    run.tell(exercise("underpass-1", [(0, 1)], siren: false), at: 100)
    run.tell(.timePasses, at: 200)
    #expect(siren(run) == ["off start 0"])
    run.tell(exercise("underpass-1", [(0, 1)], siren: true), at: 200)
    run.tell(.timePasses, at: 3500)
    #expect(siren(run) == ["off start 0", "on exercise 220", "off max_on 400"])
  }

  @Test func `stops sounding at its end`() {
    var run = StationRun(TestSite.plan)
    run.tell(exercise("river-1", until: 100, siren: true), at: 0)
    run.tell(exercise("underpass-1", [(0, 1)], siren: true), at: 0)
    run.tell(.timePasses, at: 3600)
    #expect(siren(run) == ["off start 0", "on exercise 20", "off released 100"])
  }

  @Test func `leaves the siren to a real danger at once and for its whole time`() {
    var run = StationRun(TestSite.plan)
    calm(&run, 0...10)
    run.tell(exercise("river-1", siren: true), at: 15)
    run.tell(exercise("underpass-1", [(0, 1)], siren: true), at: 15)
    calm(&run, 20...200)
    #expect(siren(run) == ["off start 0", "on exercise 35"])
    run.tell(.contact("underpass-1", active: true), at: 205)
    #expect(siren(run).last == "off released 205")
    calm(&run, 210...600, 4.5)
    #expect(siren(run).suffix(2) == ["on alert 230", "off max_on 410"])
  }

  @Test func `never sounds against a silence or a lock`() {
    for action in [
      Command.Action.silence(nil, until: StationRun.moment(3000).wall),
      .maintenance(["river-1"], until: StationRun.moment(3000).wall),
    ] {
      var run = StationRun(TestSite.plan)
      run.tell(.asked(action), at: 0)
      run.tell(exercise("river-1", siren: true), at: 1)
      run.tell(exercise("underpass-1", [(0, 1)], siren: true), at: 1)
      run.tell(.timePasses, at: 3700)
      #expect(run.outputs.allSatisfy { !$0.on })
    }
  }

  @Test func `goes on after a restart, siren and all`() {
    var run = StationRun(TestSite.plan)
    run.tell(exercise("river-1", until: 900, siren: true), at: 0)
    run.tell(exercise("underpass-1", [(0, 1)], until: 900, siren: true), at: 0)
    run.tell(.timePasses, at: 60)
    var next = StationRun(
      TestSite.plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(100),
      sameBoot: true)
    #expect(siren(next) == ["on exercise 100"])
    next.tell(.timePasses, at: 1000)
    #expect(siren(next) == ["on exercise 100", "off max_on 200"])
    #expect(drilled(next).suffix(2) == ["clear danger ended 900", "clear flood_contact ended 900"])
  }

  @Test func `is cleared where its sensor was configured away`() {
    var run = StationRun(TestSite.plan)
    run.tell(exercise(), at: 0)
    run.tell(.timePasses, at: 60)
    let plan = StationPlan(gateway: "kakogawa-042", sensors: TestSite.sensors, floods: [TestSite.canal])
    let next = StationRun(
      plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(100), sameBoot: true)
    #expect(drilled(next) == ["clear danger removed 100"])
    #expect(!next.ledger.contains { $0.key.hasPrefix("rehearsal/") })
  }
}
