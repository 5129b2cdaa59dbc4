import Alerts
import Observations
import Testing

/// What becomes of active alerts when the clock deserves more trust than when they were told.
@Suite struct `When the clock is set` {
  /// 1970: no clock chip, and no time server yet.
  private static func wrong(_ seconds: Double, behind: TimeSpan = .hours(480_000)) -> Moment {
    let right = StationRun.moment(seconds)
    return Moment(monotonic: right.monotonic, wall: right.wall - behind, clock: .unsynchronized)
  }

  private static let siren = OutputRule(
    id: "siren", maxOn: .minutes(3), coolDown: .minutes(10),
    soundAt: SirenRule(severity: .severe, allOf: ["river-1"], whenOneIsFaulty: .otherDecides))
  private static let plan = StationPlan(
    gateway: "kakogawa-042",
    sensors: [SensorPlan(id: "river-1", name: "川", quantity: .waterLevel)],
    floods: [
      FloodRule(
        sensor: "river-1",
        levels: [.init(step: .caution, threshold: .metres(3)), .init(step: .danger, threshold: .metres(4))],
        confirm: .readings(1), releaseMargin: .metres(0), releaseHold: .zero)
    ], outputs: [siren])

  /// A flood that is raised at second 20, while nothing is known of the time.
  private static func flooded(_ plan: StationPlan = plan) -> StationRun {
    var run = StationRun(plan)
    run.tell(.timePasses, at: wrong(10))
    run.tell(.reading("river-1", .metres(4.1)), at: wrong(20))
    return run
  }

  @Test func `an active alert is told once more with the right times, and no siren sounds`() throws {
    var run = Self.flooded()
    let raised = try #require(run.alerts.last)
    #expect(raised.message == .raise && raised.detected.clock == .unsynchronized)
    #expect(raised.onset.wall < StationRun.epoch)
    let effects = run.tell(.timePasses, at: 100)
    let update = try #require(effects.alerts.first)
    #expect(effects.alerts.count == 1 && effects.outputs.isEmpty && effects.notices.isEmpty)
    #expect(update.short == "update danger time_corrected")
    #expect(update.revision == raised.revision + 1 && update.sequence == raised.sequence + 1 && update.id == raised.id)
    #expect(StationRun.second(update.onset) == 20 && StationRun.second(update.detected) == 100)
    #expect(update.expires == StationRun.moment(100).wall + .hours(2))
    #expect(update.severity == raised.severity && update.observed == raised.observed)
    // Messages went out with the times of then: that is what they are called by.
    #expect(update.references.last == Alert.Reference(revision: raised.revision, sent: raised.detected.wall))
    #expect(run.tell(.timePasses, at: 200).alerts.isEmpty)
    #expect(run.tell(.reading("river-1", .metres(1)), at: 300).alerts.last?.onset == update.onset)
  }

  @Test func `nothing is told where the times were right to a second, or the clock is trusted no more than before`() {
    var run = StationRun(Self.plan)
    run.tell(.timePasses, at: Self.wrong(10, behind: .milliseconds(900)))
    run.tell(.reading("river-1", .metres(4.1)), at: Self.wrong(20, behind: .milliseconds(900)))
    #expect(run.tell(.timePasses, at: 100).alerts.isEmpty)
    run = Self.flooded()
    #expect(run.tell(.timePasses, at: Self.wrong(100, behind: .hours(3))).alerts.isEmpty)
    // Trusted all along, and set by an hour.
    run = StationRun(Self.plan)
    run.tell(.reading("river-1", .metres(4.1)), at: 20)
    let set = StationRun.moment(100)
    #expect(
      run.tell(
        .timePasses, at: Moment(monotonic: set.monotonic, wall: set.wall + .hours(1), clock: .synchronized)
      ).alerts.isEmpty)
  }

  @Test func `an alert is corrected once an hour at most, also over a restart`() throws {
    var run = Self.flooded()
    run.tell(.timePasses, at: 100)
    run.tell(.reading("river-1", .metres(3.5)), at: Self.wrong(200))
    #expect(run.alerts.last?.short == "update caution step")
    #expect(run.tell(.timePasses, at: 300).alerts.isEmpty)
    var next = StationRun(
      Self.plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: Self.wrong(400), sameBoot: true)
    #expect(next.tell(.timePasses, at: 500).alerts.isEmpty)
    next.tell(.timePasses, at: Self.wrong(600))
    let corrected = next.tell(.timePasses, at: 3_701).alerts
    #expect(corrected.map(\.short) == ["update caution time_corrected"])
    #expect(corrected.first.map { StationRun.second($0.onset) } == 20)
  }

  @Test func `a station that is started with the right time corrects what it finds, of this boot alone`() throws {
    let run = Self.flooded()
    func started(sameBoot: Bool) -> StationRun {
      StationRun(
        Self.plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(100),
        sameBoot: sameBoot)
    }
    let same = started(sameBoot: true)
    #expect(same.alerts.map(\.short) == ["update danger time_corrected"])
    #expect(same.alerts.first.map { StationRun.second($0.onset) } == 20)
    var other = started(sameBoot: false)
    #expect(other.alerts.isEmpty)
    // What is told in the new boot while its clock is wrong is corrected, but for the onset, which nobody can know.
    other.tell(.reading("river-1", .metres(3.5)), at: Self.wrong(200))
    let corrected = try #require(other.tell(.timePasses, at: 300).alerts.first)
    #expect(corrected.short == "update caution time_corrected")
    #expect(corrected.onset == run.alerts.last?.onset)
  }

  @Test func `what was noticed before and is raised after has the right onset`() throws {
    var run = StationRun(TestSite.plan)
    run.tell(.timePasses, at: Self.wrong(5))
    run.tell(.contact("underpass-1", active: true), at: Self.wrong(10))
    run.tell(.timePasses, at: 20)
    run.tell(.timePasses, at: 40)
    let alert = try #require(run.alerts.first { $0.kind == .floodContact })
    #expect(StationRun.second(alert.onset) == 10 && StationRun.second(alert.detected) == 30)
  }

  @Test func `ends and estimates move along, and the alert keeps who looks after it`() throws {
    var run = Self.flooded()
    let id = try #require(run.alerts.last?.id)
    run.tell(.asked(.acknowledge(.id(id), until: Self.wrong(3_620).wall, cause: nil)), at: Self.wrong(30))
    run.tell(.asked(.maintenance(nil, until: Self.wrong(7_200).wall), id: "c-2"), at: Self.wrong(40))
    let corrected = run.tell(.timePasses, at: 100).alerts
    #expect(corrected.map(\.kind) == [.waterLevel, .maintenance])
    #expect(corrected.allSatisfy { $0.reason == "time_corrected" })
    #expect(corrected.first?.acknowledged?.at == StationRun.moment(30).wall)
    #expect(corrected.first?.acknowledged?.until == StationRun.moment(3_620).wall)
    #expect(corrected.last?.until == StationRun.moment(7_200).wall)
    #expect(run.tell(.timePasses, at: 3_700).alerts.first?.reason == "acknowledgement_over")
    #expect(run.tell(.timePasses, at: 7_300).alerts.contains { $0.kind == .maintenance && $0.message == .clear })
  }

  @Test func `drills and notices about people are not told again`() throws {
    var run = StationRun(WatchedSchool.plan(), watch: WatchedSchool.watch(nil))
    run.tell(.timePasses, at: Self.wrong(10))
    for second in 20..<40 {
      run.tell(
        .sighting("gate-north", WatchedSchool.child, signal: -60, battery: nil, button: nil),
        at: Self.wrong(Double(second)))
    }
    #expect(run.notices.map(\.kind) == [.arrival])
    #expect(run.tell(.timePasses, at: 50).notices.isEmpty)
    run.tell(.alive("gate-north"), at: 150)
    let departure = try #require(run.notices.last)
    #expect(departure.kind == .departure && StationRun.second(departure.lastSeen) == 39)

    var drill = StationRun(Self.plan)
    drill.tell(.timePasses, at: Self.wrong(10))
    let plan = RehearsalPlan(
      sensor: "river-1", mode: .exercise, readings: [.init(offset: .zero, value: .metres(4.5))],
      until: Self.wrong(3_000).wall)
    drill.tell(.asked(.rehearse(plan)), at: Self.wrong(20))
    drill.tell(.timePasses, at: Self.wrong(60))
    #expect(drill.alerts.map(\.mode) == [.exercise])
    #expect(drill.tell(.timePasses, at: 100).alerts.isEmpty)
  }
}
