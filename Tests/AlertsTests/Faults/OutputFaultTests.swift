import Alerts
import Observations
import Testing

@Suite struct `An output that cannot be switched` {
  private static let plan = StationPlan(
    gateway: "g", sensors: [], outputs: [OutputRule(id: "siren", maxOn: .minutes(3), coolDown: .zero, soundAt: nil)])

  @Test func `is an alert of its own until it can`() throws {
    var run = StationRun(Self.plan)
    run.tell(.output("siren", .portLost), at: 10)
    run.tell(.output("siren", nil), at: 14)
    run.tell(.timePasses, at: 60)
    #expect(run.alerts.isEmpty)
    run.tell(.output("siren", .portLost), at: 100)
    run.tell(.timePasses, at: 105)
    let alert = try #require(run.alerts.first)
    #expect(alert.kind == .outputFault && alert.sensor == "output:siren" && alert.fault == .portLost)
    #expect(StationRun.second(alert.onset) == 100 && StationRun.second(alert.detected) == 105)
    run.tell(.output("siren", .portMissing), at: 110)
    run.tell(.output("siren", .portMissing), at: 120)
    run.tell(.output("siren", nil), at: 200)
    #expect(
      run.alerts.map(\.short) == [
        "raise output_fault", "update output_fault cause", "clear output_fault recovered",
      ])
    run.tell(.output("nobody", .portLost), at: 210)
    #expect(run.station.ignoredInputs == 1)
  }

  @Test func `stays one over a restart`() {
    var run = StationRun(Self.plan)
    run.tell(.output("siren", .portLost), at: 100)
    run.tell(.timePasses, at: 200)
    var next = StationRun(
      Self.plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(210),
      sameBoot: true)
    next.tell(.output("siren", .portLost), at: 211)
    next.tell(.timePasses, at: 300)
    #expect(next.alerts.isEmpty)
    next.tell(.output("siren", nil), at: 310)
    #expect(next.alerts.map(\.short) == ["clear output_fault recovered"])
  }
}

@Suite struct `An output that fails now and then` {
  private static let plan = StationPlan(
    gateway: "g", sensors: [], outputs: [OutputRule(id: "siren", maxOn: .minutes(3), coolDown: .zero, soundAt: nil)])

  @Test(arguments: [true, false])
  func `is told of three times, then of that once, also over a restart`(isInOrder: Bool) {
    var run = StationRun(Self.plan)
    for minute in stride(from: 0.0, to: 3600, by: 60) {
      run.tell(.output("siren", .portLost), at: minute)
      run.tell(.timePasses, at: minute + 10)
      run.tell(.output("siren", nil), at: minute + 30)
    }
    let once = ["raise output_fault", "clear output_fault recovered"]
    #expect(run.alerts.map(\.short) == once + once + ["raise output_fault", "update output_fault unstable"])
    let stop = StationRun.moment(3600)
    var next = StationRun(
      Self.plan, watch: .empty, states: isInOrder ? (run.ledger + run.station.snapshot(at: stop)).newest : run.ledger,
      sequences: run.sequences, at: stop, sameBoot: isInOrder)
    next.tell(.output("siren", .portLost), at: 3660)
    next.tell(.timePasses, at: 3670)
    next.tell(.output("siren", nil), at: 3700)
    next.tell(.timePasses, at: 3700 + 1799)
    #expect(next.alerts.isEmpty)
    next.tell(.timePasses, at: 3700 + 1800)
    #expect(next.alerts.map(\.short) == ["clear output_fault recovered"])
    next.tell(.output("siren", .portLost), at: 6000)
    next.tell(.timePasses, at: 6010)
    #expect(next.alerts.last?.short == "raise output_fault")
  }
}

@Suite struct `A siren of two inputs` {
  private static func plan(_ faulty: SirenRule.WhenOneIsFaulty, atMost: TimeSpan? = nil) -> StationPlan {
    StationPlan(
      gateway: "g", sensors: TestSite.plan.sensors, floods: TestSite.plan.floods, contacts: TestSite.plan.contacts,
      outputs: [
        OutputRule(
          id: "siren", maxOn: .minutes(3), coolDown: .minutes(10),
          soundAt: SirenRule(
            severity: .severe, allOf: ["river-1", "underpass-1"], whenOneIsFaulty: faulty, silentAtMost: atMost))
      ])
  }

  private func river(_ run: inout StationRun, _ seconds: ClosedRange<Int>, _ level: Double) {
    for second in stride(from: seconds.lowerBound, through: seconds.upperBound, by: 10) {
      run.tell(.reading("river-1", .metres(level)), at: Double(second))
    }
  }

  private func changes(_ run: StationRun) -> [String] {
    run.outputs.map { "\($0.on ? "on" : "off") \($0.cause) \(Int(StationRun.second($0.at)))" }
  }

  @Test func `does not begin to sound because its calm input fails while the other is deaf in a flood`() {
    var run = StationRun(Self.plan(.otherDecides))
    run.tell(.contact("underpass-1", active: false), at: 0)
    river(&run, 0...100, 4.5)
    // The gauge falls silent with its flood raised; then the dry contact's cable breaks.
    run.tell(.fault("underpass-1", .cableBreak), at: 1000)
    run.tell(.timePasses, at: 5000)
    #expect(changes(run) == ["off start 0"])
  }

  @Test func `goes on for its time when all its inputs fail while it sounds`() {
    var run = StationRun(Self.plan(.otherDecides))
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...40, 4.5)
    run.tell(.fault("underpass-1", .cableBreak), at: 45)
    run.tell(.timePasses, at: 5000)
    #expect(changes(run) == ["off start 0", "on alert 20", "off max_on 200"])
  }

  @Test func `that is silent with a faulty input sounds on for what is left when that is sound again`() {
    var run = StationRun(Self.plan(.silent))
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...40, 4.5)
    run.tell(.fault("underpass-1", .cableBreak), at: 45)
    river(&run, 50...90, 4.5)
    run.tell(.contact("underpass-1", active: true), at: 95)
    river(&run, 100...2000, 4.5)
    #expect(
      changes(run) == ["off start 0", "on alert 20", "off input_faulty 50", "on alert 95", "off max_on 200"])
    #expect(run.outputs[2].by == ["underpass-1"])
  }

  @Test func `does not sound again and again because an input fails and recovers`() {
    var run = StationRun(Self.plan(.silent))
    run.tell(.contact("underpass-1", active: true), at: 0)
    river(&run, 0...300, 4.5)
    for start in stride(from: 310, to: 6000, by: 60) {
      run.tell(.fault("underpass-1", .cableBreak), at: Double(start))
      river(&run, start...start + 30, 4.5)
      run.tell(.contact("underpass-1", active: true), at: Double(start + 35))
      river(&run, start + 40...start + 50, 4.5)
    }
    #expect(changes(run) == ["off start 0", "on alert 20", "off max_on 200"])
  }

  @Test func `is not kept silent for ever where that is configured`() {
    var run = StationRun(Self.plan(.silent, atMost: .hours(1)))
    run.tell(.contact("underpass-1", active: false), at: 0)
    run.tell(.fault("underpass-1", .cableBreak), at: 10)
    river(&run, 0...5000, 4.5)
    #expect(changes(run) == ["off start 0", "on alert 3615", "off max_on 3795"])
    let moment = StationRun.moment(2000)
    var first = StationRun(Self.plan(.silent, atMost: .hours(1)))
    first.tell(.contact("underpass-1", active: false), at: 0)
    first.tell(.fault("underpass-1", .cableBreak), at: 10)
    river(&first, 0...2000, 4.5)
    var next = StationRun(
      Self.plan(.silent, atMost: .hours(1)), watch: .empty, states: first.ledger, sequences: first.sequences,
      at: moment, sameBoot: true)
    river(&next, 2010...5000, 4.5)
    #expect(changes(next).dropFirst() == ["on alert 3615", "off max_on 3795"])
  }
}

@Suite struct `An alert that would begin again` {
  private static let plan = StationPlan(
    gateway: "g", sensors: [SensorPlan(id: "river-1", name: "川", quantity: .waterLevel, staleAfter: .hours(1))],
    floods: [
      FloodRule(
        sensor: "river-1",
        levels: [
          .init(step: .caution, threshold: .metres(2)), .init(step: .evacuationJudgment, threshold: .metres(3)),
          .init(step: .danger, threshold: .metres(4)),
        ], confirm: .readings(1), releaseMargin: .metres(0.1), releaseHold: .zero, realertAfter: .minutes(5))
    ])

  private func told(_ levels: [(Double, Double)]) -> [String] {
    var run = StationRun(Self.plan)
    for (second, level) in levels { run.tell(.reading("river-1", .metres(level)), at: second) }
    return run.alerts.map { "\($0.short) \(Int(StationRun.second($0.detected)))" }
  }

  @Test func `within its interval is told by the next reading after that, if it still holds`() {
    #expect(
      told([(0, 2.5), (10, 1), (100, 2.5), (200, 2.4), (400, 2.4)]) == [
        "raise caution 0", "clear caution released 10", "raise caution 400",
      ])
    #expect(
      told([(0, 2.5), (10, 1), (100, 2.5), (200, 1), (400, 1)]) == ["raise caution 0", "clear caution released 10"])
  }

  @Test func `is told at once on a higher step, or where it is severe, or after the interval`() {
    #expect(told([(0, 2.5), (10, 1), (100, 2.5), (110, 3.5)]).last == "raise evacuation_judgment 110")
    #expect(told([(0, 4.5), (10, 1), (100, 4.5)]).last == "raise danger 100")
    #expect(told([(0, 3.5), (10, 1), (100, 3.5), (400, 3.5)]).last == "raise evacuation_judgment 400")
    #expect(told([(0, 2.5), (10, 1), (310, 2.5)]).last == "raise caution 310")
  }

  @Test(arguments: [50.0, 100, 150, 309])
  func `is told as well over a restart`(stop: Double) {
    let levels: [(Double, Double)] = [(0, 2.5), (10, 1), (100, 2.5), (200, 2.4), (400, 2.4), (410, 1)]
    var first = StationRun(Self.plan)
    for (second, level) in levels where second <= stop { first.tell(.reading("river-1", .metres(level)), at: second) }
    let moment = StationRun.moment(stop)
    var second = StationRun(
      Self.plan, watch: .empty, states: first.ledger + first.station.snapshot(at: moment),
      sequences: first.sequences, at: moment, sameBoot: true)
    for (time, level) in levels where time > stop { second.tell(.reading("river-1", .metres(level)), at: time) }
    #expect(
      (first.alerts + second.alerts).map { "\($0.short) \(Int(StationRun.second($0.detected)))" } == [
        "raise caution 0", "clear caution released 10", "raise caution 400", "clear caution released 410",
      ])
  }

  @Test func `is unstable once in an hour of noise around its threshold`() {
    var random = SeededGenerator(seed: 7)
    var run = StationRun(Self.plan)
    for second in stride(from: 0.0, to: 3600, by: 10) {
      run.tell(.reading("river-1", .metres(1.95 + Double.random(in: -0.15...0.15, using: &random))), at: second)
    }
    #expect(run.alerts.count { $0.kind == .unstable && $0.message == .raise } <= 1)
    #expect(run.alerts.count { $0.kind == .waterLevel && $0.message == .raise } <= 3)
  }
}
