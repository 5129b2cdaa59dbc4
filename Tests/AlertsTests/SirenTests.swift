import Alerts
import Observations
import Testing

@Suite struct `The siren` {
  /// Readings every ten seconds keep the river sound; the contact is told once.
  private func river(_ run: inout StationRun, _ seconds: ClosedRange<Int>, _ level: Double) {
    for second in stride(from: seconds.lowerBound, through: seconds.upperBound, by: 10) {
      run.tell(.reading("river-1", .metres(level)), at: Double(second))
    }
  }

  private func changes(_ run: StationRun, _ output: OutputID = "siren") -> [String] {
    run.outputs.filter { $0.output == output }.map {
      "\($0.on ? "on" : "off") \($0.cause) \(Int(StationRun.second($0.at)))"
    }
  }

  @Test func `is off at the start and sounds when both inputs say danger`() throws {
    var run = StationRun(TestSite.plan)
    river(&run, 0...60, 4.5)
    run.tell(.contact("underpass-1", active: true), at: 65)
    river(&run, 70...100, 4.5)
    #expect(changes(run) == ["off start 0", "on alert 85"])
    let on = try #require(run.outputs.last { $0.output == "siren" })
    #expect(on.until.map(StationRun.second) == 265.0)
  }

  @Test func `stops when one of them is over`() {
    var run = StationRun(TestSite.plan)
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...60, 4.5)
    run.tell(.contact("underpass-1", active: false), at: 65)
    river(&run, 70...120, 4.5)
    #expect(changes(run) == ["off start 0", "on alert 20"])
    river(&run, 130...900, 4.5)
    #expect(changes(run) == ["off start 0", "on alert 20", "off max_on 200"])
  }

  @Test func `is silent after its longest time until something new happens and it has cooled down`() {
    var run = StationRun(TestSite.plan)
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...2000, 4.5)
    #expect(changes(run) == ["off start 0", "on alert 20", "off max_on 200"])
    // A step up after the cool-down sounds at once.
    river(&run, 2010...2100, 5.5)
    #expect(changes(run).last == "on alert 2030")
  }

  /// What the first run of a boot does not save anew still has the times of the boot before.
  @Test func `does not cool down by the clock of an earlier boot after a second restart`() {
    var first = StationRun(TestSite.plan)
    first.tell(.contact("underpass-1", active: true), at: 0)
    river(&first, 0...300, 4.5)
    #expect(changes(first).last == "off max_on 200")
    func later(_ second: Double) -> Moment {
      let moment = StationRun.moment(second)
      return Moment(monotonic: moment.monotonic + .seconds(-4_990), wall: moment.wall, clock: moment.clock)
    }
    var kept: [String: SavedState] = [:]
    func keep(_ run: StationRun, boot: String) {
      for var state in run.saves {
        state.boot = boot
        kept[state.key] = state.isForgotten ? nil : state
      }
    }
    keep(first, boot: "one")
    let second = StationRun(
      TestSite.plan, watch: .empty, states: Array(kept.values), sequences: first.sequences, at: later(4_000),
      sameBoot: false, boot: "two")
    keep(second, boot: "two")
    var third = StationRun(
      TestSite.plan, watch: .empty, states: Array(kept.values), sequences: first.sequences, at: later(4_010),
      sameBoot: true, boot: "two")
    third.tell(.contact("underpass-1", active: true), at: later(4_010))
    for second in stride(from: 4_020.0, through: 4_060, by: 10) {
      third.tell(.reading("river-1", .metres(5.5)), at: later(second))
    }
    #expect(changes(third).contains { $0.hasPrefix("on alert") }, "\(changes(third))")
  }

  @Test func `sounds at the end of the cool-down for what happened meanwhile`() {
    var run = StationRun(TestSite.plan)
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...300, 4.5)
    river(&run, 310...1000, 5.5)
    #expect(changes(run) == ["off start 0", "on alert 20", "off max_on 200", "on alert 800", "off max_on 980"])
  }

  @Test func `is decided by the other input or stays silent when one is faulty`() {
    var run = StationRun(TestSite.plan)
    run.tell(.fault("underpass-1", .portMissing), at: 0)
    river(&run, 0...100, 4.5)
    #expect(changes(run, "siren") == ["off start 0", "on alert 20"])
    #expect(changes(run, "lamp") == ["off start 0"])
  }

  @Test func `does not sound because a calm input fails`() {
    var run = StationRun(TestSite.plan)
    run.tell(.fault("underpass-1", .portMissing), at: 0)
    run.tell(.timePasses, at: 3600)
    #expect(changes(run) == ["off start 0"])
  }

  @Test func `goes on for what is left of its time after a restart`() {
    var run = StationRun(TestSite.plan)
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...100, 4.5)
    var next = StationRun(
      TestSite.plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(110),
      sameBoot: true)
    #expect(changes(next) == ["on alert 110"])
    next.tell(.contact("underpass-1", active: true), at: 111)
    river(&next, 120...400, 4.5)
    #expect(changes(next) == ["on alert 110", "off max_on 200"])
    var later = StationRun(
      TestSite.plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(500),
      sameBoot: true)
    later.tell(.contact("underpass-1", active: true), at: 501)
    river(&later, 510...900, 4.5)
    #expect(changes(later).filter { $0.hasPrefix("on") }.isEmpty)
  }

  /// The site's plan with a siren that sounds for a minute at least.
  private static let patient = StationPlan(
    gateway: TestSite.plan.gateway, sensors: TestSite.plan.sensors, floods: TestSite.plan.floods,
    contacts: TestSite.plan.contacts, places: TestSite.plan.places,
    outputs: TestSite.plan.outputs.map {
      OutputRule(id: $0.id, maxOn: $0.maxOn, minOn: .seconds(60), coolDown: $0.coolDown, soundAt: $0.soundAt)
    })

  @Test func `sounds for its shortest time also when its reason is over sooner`() {
    var run = StationRun(Self.patient)
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...25, 4.5)
    #expect(changes(run) == ["off start 0", "on alert 20"])
    // A faulty contact under a rule that wants both silences the lamp, but not before its minute.
    let lamp = changes(run, "lamp")
    #expect(lamp.last?.hasPrefix("on alert") == true)
    run.tell(.fault("underpass-1", .portMissing), at: 30)
    river(&run, 30...120, 4.5)
    #expect(changes(run, "lamp").last == "off input_faulty 80")
    #expect(lamp.last == "on alert 20")
  }

  @Test func `keeps its shortest time over a restart, and no longer`() {
    var run = StationRun(Self.patient)
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...25, 4.5)
    run.tell(.fault("underpass-1", .portMissing), at: 30)
    river(&run, 30...40, 4.5)
    var next = StationRun(
      Self.patient, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(50),
      sameBoot: true)
    #expect(changes(next, "lamp") == ["on alert 50"])
    next.tell(.fault("underpass-1", .portMissing), at: 51)
    river(&next, 60...200, 4.5)
    #expect(changes(next, "lamp") == ["on alert 50", "off input_faulty 80"])
    let later = StationRun(
      Self.patient, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(100),
      sameBoot: true)
    #expect(changes(later, "lamp").filter { $0.hasPrefix("on") }.isEmpty)
  }

  @Test func `is switched off by its longest time also within its shortest`() {
    let plan = StationPlan(
      gateway: TestSite.plan.gateway, sensors: TestSite.plan.sensors, floods: TestSite.plan.floods,
      contacts: TestSite.plan.contacts, places: TestSite.plan.places,
      outputs: TestSite.plan.outputs.map {
        OutputRule(id: $0.id, maxOn: .seconds(30), minOn: .seconds(60), coolDown: $0.coolDown, soundAt: $0.soundAt)
      })
    var run = StationRun(plan)
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...100, 4.5)
    #expect(changes(run) == ["off start 0", "on alert 20", "off max_on 50"])
  }
}
