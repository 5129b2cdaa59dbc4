import Alerts
import Observations
import Testing

/// What nobody measured neither confirms nor releases.
@Suite struct `Silence of a gauge` {
  private static func plan(_ confirm: Alerts.Confirmation, staleAfter: TimeSpan = .seconds(60)) -> StationPlan {
    TestSite.riverOnly(
      [(.danger, 4), (.flooding, 5.2)], confirm: confirm, margin: 0.1, hold: .minutes(10), staleAfter: staleAfter)
  }

  private static func tell(_ run: inout StationRun, _ level: Double, at seconds: Double...) {
    for second in seconds { run.tell(.reading("river-1", .metres(level)), at: second) }
  }

  private static func water(_ run: StationRun) -> [String] {
    run.alerts.filter { $0.kind == .waterLevel && $0.reason != "renewed" }.map(\.short)
  }

  @Test func `is no calm: the release is held anew by readings`() {
    var run = StationRun(Self.plan(.readings(3)))
    Self.tell(&run, 5.5, at: 0, 10, 20)
    Self.tell(&run, 1.5, at: 30)
    Self.tell(&run, 1.5, at: 7200)
    #expect(Self.water(run) == ["raise flooding"])
    for second in stride(from: 7210.0, to: 7800, by: 10) { Self.tell(&run, 1.5, at: second) }
    #expect(Self.water(run) == ["raise flooding"])
    Self.tell(&run, 1.5, at: 7800)
    #expect(Self.water(run) == ["raise flooding", "clear danger released"])
  }

  @Test(arguments: [.readings(3), .duration(.seconds(10))] as [Alerts.Confirmation])
  func `confirms nothing`(confirm: Alerts.Confirmation) {
    var run = StationRun(Self.plan(confirm))
    Self.tell(&run, 4.1, at: 0, 5)
    Self.tell(&run, 4.1, at: 7 * 86400)
    #expect(Self.water(run) == [])
    Self.tell(&run, 4.1, at: 7 * 86400 + 5, 7 * 86400 + 10)
    #expect(Self.water(run) == ["raise danger"])
  }

  @Test func `is between any two readings that are further apart than it may be silent`() {
    var run = StationRun(Self.plan(.readings(2)))
    for second in stride(from: 0.0, to: 86_400, by: 600) { Self.tell(&run, 4.1, at: second) }
    #expect(Self.water(run) == [])
    #expect(run.station.activeAlerts.map(\.kind) == [.sensorFault])
    // Where it may be silent for so long they count.
    var patient = StationRun(Self.plan(.readings(2), staleAfter: .minutes(10)))
    Self.tell(&patient, 4.1, at: 0, 600)
    #expect(Self.water(patient) == ["raise danger"])
  }

  @Test func `of the program counts as that of the sensor does`() throws {
    for (pause, isHeld) in [(30.0, true), (7200, false)] {
      for isInOrder in [true, false] {
        var run = StationRun(Self.plan(.readings(1)))
        Self.tell(&run, 5.5, at: 0)
        for second in stride(from: 10.0, through: 500, by: 10) { Self.tell(&run, 1.5, at: second) }
        let stop = StationRun.moment(505)
        let states = isInOrder ? (run.ledger + run.station.snapshot(at: stop)).newest : run.ledger
        var next = StationRun(
          Self.plan(.readings(1)), watch: .empty, states: states, sequences: run.sequences,
          at: StationRun.moment(505 + pause), sameBoot: false)
        for second in stride(from: 510 + pause, through: 640 + pause, by: 10) { Self.tell(&next, 1.5, at: second) }
        #expect(Self.water(next) == (isHeld ? ["clear danger released"] : []), "\(pause) \(isInOrder)")
      }
    }
  }

  @Test func `confirms no limit of the board's own`() {
    let plan = StationPlan(
      gateway: "g", sensors: [SensorPlan(id: "battery", name: "b", quantity: .voltage, staleAfter: .minutes(1))],
      limits: [
        LimitRule(
          sensor: "battery", side: .below, threshold: .metres(11.5), margin: .metres(0.3), confirm: .minutes(5),
          severity: .moderate)
      ])
    var run = StationRun(plan)
    run.tell(.reading("battery", .metres(11)), at: 0)
    run.tell(.reading("battery", .metres(11)), at: 7200)
    #expect(run.alerts.allSatisfy { $0.kind == .sensorFault })
  }
}
