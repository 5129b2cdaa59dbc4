import Alerts
import Observations
import Testing

@Suite struct `An alert that is kept back` {
  private static let canal = FloodRule(
    sensor: "canal-1", levels: [.init(step: .caution, threshold: .metres(1.2))], confirm: .readings(1),
    releaseMargin: .metres(0.05), releaseHold: .zero, realertAfter: .minutes(5))

  /// Raised and released, and reached again a minute later, which is kept back until second 310.
  private static func heldCanal() -> StationRun {
    var run = StationRun(StationPlan(gateway: "g", sensors: [TestSite.sensors[1]], floods: [canal]))
    for (second, level) in [(0.0, 1.25), (10, 1.1), (20, 1.1), (40, 1.1), (60, 1.22)] {
      run.tell(.reading("canal-1", .metres(level)), at: second)
    }
    return run
  }

  private static func tell(_ run: inout StationRun, from start: Double, through end: Double, _ level: Double) {
    for second in stride(from: start, through: end, by: 10) {
      run.tell(.reading("canal-1", .metres(level)), at: second)
    }
  }

  private static func raises(_ run: StationRun) -> [Alert] {
    run.alerts.filter { $0.kind == .waterLevel && $0.message == .raise }
  }

  @Test func `is told by a reading at its threshold and by no other, however long it waits`() throws {
    var run = Self.heldCanal()
    Self.tell(&run, from: 70, through: 4000, 1.17)
    #expect(Self.raises(run).count == 1)
    run.tell(.reading("canal-1", .metres(1.2)), at: 4010)
    #expect(Self.raises(run).count == 2)
    let told = try #require(Self.raises(run).last)
    #expect(told.observed?.value == .metres(1.2) && StationRun.second(told.detected) == 4010)
    #expect(StationRun.second(told.onset) == 60)
  }

  @Test func `is not told while its sensor is silent, nor before it is sound again`() throws {
    var run = Self.heldCanal()
    run.tell(.timePasses, at: 2000)
    #expect(run.station.declaredFault(of: "canal-1") == .silent)
    #expect(Self.raises(run).count == 1)
    Self.tell(&run, from: 2010, through: 2020, 1.3)
    #expect(Self.raises(run).count == 1)
    Self.tell(&run, from: 2030, through: 2030, 1.3)
    #expect(Self.raises(run).last.map { StationRun.second($0.detected) } == 2030)
  }

  @Test func `is dropped when the water leaves its step`() {
    var run = Self.heldCanal()
    Self.tell(&run, from: 70, through: 100, 1.1)
    Self.tell(&run, from: 110, through: 400, 1.19)
    #expect(Self.raises(run).count == 1)
    // That is another one, and begins when it begins.
    Self.tell(&run, from: 410, through: 410, 1.2)
    #expect(Self.raises(run).last.map { StationRun.second($0.onset) } == 410)
  }

  @Test func `is told when the time is over and the water stands there`() {
    var run = Self.heldCanal()
    Self.tell(&run, from: 70, through: 400, 1.22)
    #expect(Self.raises(run).map { StationRun.second($0.detected) } == [0, 310])
  }

  @Test func `still waits for a reading after a power cut`() {
    var run = Self.heldCanal()
    Self.tell(&run, from: 70, through: 400, 1.17)
    var next = StationRun(
      StationPlan(gateway: "g", sensors: [TestSite.sensors[1]], floods: [Self.canal]), watch: .empty,
      states: run.ledger, sequences: run.sequences, at: StationRun.moment(410), sameBoot: false)
    Self.tell(&next, from: 420, through: 500, 1.17)
    #expect(next.alerts.isEmpty)
    Self.tell(&next, from: 510, through: 510, 1.21)
    #expect(next.alerts.map(\.short) == ["raise caution"])
  }

  @Test func `of a contact is told while it is wet, and not while nobody knows`() {
    let rule = ContactRule(
      sensor: "underpass-1", severity: .moderate, wetAfter: .zero, dryAfter: .seconds(60), realertAfter: .minutes(5))
    var run = StationRun(StationPlan(gateway: "g", sensors: [TestSite.sensors[2]], contacts: [rule]))
    run.tell(.contact("underpass-1", active: true), at: 0)
    run.tell(.contact("underpass-1", active: false), at: 10)
    run.tell(.contact("underpass-1", active: true), at: 100)
    run.tell(.fault("underpass-1", .cableBreak), at: 110)
    run.tell(.timePasses, at: 3000)
    func raises() -> Int { run.alerts.count { $0.kind == .floodContact && $0.message == .raise } }
    #expect(raises() == 1)
    run.tell(.contact("underpass-1", active: true), at: 3010)
    #expect(raises() == 2)
  }
}
