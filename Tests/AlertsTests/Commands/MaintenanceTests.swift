import Alerts
import Observations
import Testing

@Suite struct `Maintenance` {
  private func maintain(_ sensors: [SensorID]?, until: Double?) -> StationInput {
    .asked(.maintenance(sensors, until: until.map { StationRun.moment($0).wall }))
  }

  private func river(_ run: inout StationRun, _ seconds: ClosedRange<Int>, _ level: Double) {
    for second in stride(from: seconds.lowerBound, through: seconds.upperBound, by: 10) {
      run.tell(.reading("river-1", .metres(level)), at: Double(second))
    }
  }

  @Test func `is seen, ends by itself, and tells then what holds`() throws {
    var run = StationRun(TestSite.riverOnly([(.caution, 3), (.danger, 4)]))
    run.tell(maintain(["river-1"], until: 600), at: 5)
    let shown = try #require(run.alerts.last)
    #expect(shown.kind == .maintenance && shown.message == .raise && shown.level == nil && shown.sensor == "river-1")
    #expect(shown.until == StationRun.moment(600).wall)
    river(&run, 10...590, 4.5)
    #expect(run.alerts.count == 1)
    river(&run, 600...700, 4.5)
    #expect(run.alerts.map(\.short) == ["raise maintenance", "clear maintenance recovered", "raise danger"])
    let raised = try #require(run.alerts.last)
    #expect(StationRun.second(raised.detected) == 600 && StationRun.second(raised.onset) == 10)
    #expect(raised.revision == 1 && raised.sequence == 3 && raised.observed?.value == .metres(4.5))
  }

  @Test func `keeps what was active as it was told, renews it, and sets it right at the end`() {
    var run = StationRun(TestSite.riverOnly([(.caution, 3), (.danger, 4)], staleAfter: nil))
    run.tell(.reading("river-1", .metres(3.5)), at: 0)
    run.tell(maintain(nil, until: 10_000), at: 10)
    for (second, level) in [(20.0, 4.5), (30, 1), (40, 4.2), (50, 1)] {
      run.tell(.reading("river-1", .metres(level)), at: second)
    }
    #expect(run.station.activeAlerts.map(\.short) == ["raise caution", "raise maintenance"])
    run.tell(.timePasses, at: 9000)
    #expect(run.alerts.map(\.short).suffix(2) == ["update caution renewed", "update maintenance renewed"])
    run.tell(maintain(nil, until: nil), at: 9500)
    #expect(run.alerts.map(\.short).suffix(2) == ["clear maintenance recovered", "clear caution released"])
    #expect(run.station.activeAlerts.isEmpty)
  }

  @Test func `tells a step that was reached meanwhile as a step`() {
    var run = StationRun(TestSite.riverOnly([(.caution, 3), (.danger, 4)], staleAfter: nil))
    run.tell(.reading("river-1", .metres(3.5)), at: 0)
    run.tell(maintain(["river-1"], until: 1000), at: 10)
    run.tell(.reading("river-1", .metres(4.5)), at: 20)
    run.tell(.timePasses, at: 2000)
    #expect(run.alerts.map(\.short).suffix(2) == ["clear maintenance recovered", "update danger step"])
  }

  @Test func `keeps back nothing of other sensors, nor faults`() {
    var run = StationRun(TestSite.plan)
    run.tell(maintain(["river-1"], until: 5000), at: 0)
    for second in stride(from: 0.0, through: 100, by: 5) {
      run.tell(.reading("canal-1", .metres(1.9)), at: second)
    }
    run.tell(.timePasses, at: 110)
    #expect(run.alerts.map { "\($0.sensor) \($0.short)" }.contains("canal-1 raise danger"))
    #expect(run.alerts.map { "\($0.sensor) \($0.short)" }.contains("river-1 raise sensor_fault"))
  }

  @Test func `locks the sirens of its sensors, which sound at its end for what holds`() throws {
    var run = StationRun(TestSite.plan)
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...30, 4.5)
    run.tell(maintain(["river-1"], until: 600), at: 35)
    river(&run, 40...590, 5.5)
    let siren = { (run: StationRun) in run.outputs.filter { $0.output == "siren" } }
    #expect(siren(run).map(\.cause) == ["start", "alert", "maintenance"])
    #expect(siren(run).last?.on == false && siren(run).last?.isLocked == true)
    river(&run, 600...620, 5.5)
    #expect(siren(run).map(\.cause).prefix(5) == ["start", "alert", "maintenance", "maintenance_over", "alert"])
    #expect(siren(run).last.map { $0.on && !$0.isLocked && StationRun.second($0.at) == 600 } == true)
  }

  @Test func `locks every siren where it is the whole gateway's, over a restart too`() throws {
    var run = StationRun(TestSite.plan)
    run.tell(maintain(nil, until: 3600), at: 10)
    #expect(run.alerts.map(\.sensor.text) == ["kakogawa-042"])
    let next = StationRun(
      TestSite.plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(100),
      sameBoot: true)
    #expect(next.alerts.isEmpty)
    #expect(next.outputs.map(\.isLocked) == [true, true])
    #expect(next.station.activeAlerts.map(\.kind) == [.maintenance])
  }

  @Test func `gets another end by another command, and is refused for what there is not`() {
    var run = StationRun(TestSite.plan)
    run.tell(maintain(["river-1"], until: 1000), at: 0)
    run.tell(maintain(["river-1", "river-1"], until: 2000), at: 500)
    let told = run.alerts.filter { $0.kind == .maintenance }.map(\.short)
    #expect(told == ["raise maintenance", "update maintenance until"])
    run.tell(maintain(["nowhere"], until: 1000), at: 510)
    run.tell(maintain([], until: 1000), at: 510)
    run.tell(maintain(["canal-1"], until: nil), at: 510)
    #expect(
      run.answers.map(\.result) == [
        .done, .done, .refused(.unknownSensor), .refused(.unknownSensor), .refused(.nothingToEnd),
      ])
    run.tell(.timePasses, at: 1999)
    #expect(run.alerts.filter { $0.kind == .maintenance && $0.message == .clear }.isEmpty)
    run.tell(.timePasses, at: 2000)
    #expect(run.alerts.last?.short == "clear maintenance recovered")
  }

  @Test func `of one sensor of a station leaves the other to decide alone`() {
    let sensors = ["front", "back"].map {
      SensorPlan(id: SensorID($0), name: $0, quantity: .waterLevel, staleAfter: .seconds(60))
    }
    let plan = StationPlan(
      gateway: "g", sensors: sensors,
      floods: [
        FloodRule(
          sensor: "front", levels: [.init(step: .danger, threshold: .metres(4))], confirm: .readings(1),
          releaseMargin: .metres(0), releaseHold: .zero, pair: .init(second: "back", combination: .higher))
      ])
    for worked in ["front", "back"] as [SensorID] {
      var run = StationRun(plan)
      run.tell(maintain([worked], until: 5000), at: 0)
      let other: SensorID = worked == "front" ? "back" : "front"
      for second in stride(from: 10.0, through: 50, by: 10) {
        run.tell(.reading(worked, .metres(9)), at: second)
        run.tell(.reading(other, .metres(1)), at: second + 1)
      }
      #expect(run.alerts.map(\.short) == ["raise maintenance"])
      run.tell(.reading(other, .metres(4.1)), at: 60)
      #expect(run.alerts.map(\.short) == ["raise maintenance", "raise danger"])
      #expect(run.alerts.last?.observed?.value == .metres(4.1))
    }
  }

  @Test func `goes on once after a reboot without a clock, until the clock is known`() throws {
    var run = StationRun(TestSite.plan)
    run.tell(maintain(["river-1"], until: 1000), at: 0)
    let boot = Moment(
      monotonic: MonotonicTime(nanoseconds: 5_000_000_000), wall: WallTime(milliseconds: 1000), clock: .unsynchronized)
    var next = StationRun(
      TestSite.plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: boot, sameBoot: false)
    #expect(next.station.activeAlerts.map(\.kind) == [.maintenance])
    let again = StationRun(
      TestSite.plan, watch: .empty, states: next.ledger + run.ledger.filter { $0.key == "alert/river-1/maintenance" },
      sequences: run.sequences, at: boot, sameBoot: false)
    #expect(again.alerts.map(\.short) == ["clear maintenance recovered"])
    let known = boot.advanced(by: .seconds(10))
    next.tell(
      .timePasses,
      at: Moment(monotonic: known.monotonic, wall: StationRun.moment(990).wall, clock: .synchronized))
    #expect(next.alerts.isEmpty)
    next.tell(
      .timePasses,
      at: Moment(monotonic: known.monotonic + .seconds(10), wall: StationRun.moment(1000).wall, clock: .synchronized))
    #expect(next.alerts.map(\.short) == ["clear maintenance recovered"])
  }
}
