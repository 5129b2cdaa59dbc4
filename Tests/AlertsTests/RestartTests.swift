import Alerts
import Foundation
import Observations
import Testing

@Suite struct `A restart` {
  /// Through the bytes that a ledger holds.
  private func stored(_ states: [SavedState]) throws -> [SavedState] {
    try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(states.filter { !$0.isForgotten }))
  }

  /// Stops `first` after `prefix` events and goes on in a new station, whose monotonic clock differs by `bootShift`.
  private func goOn(
    from first: StationRun, _ day: RandomDay, after prefix: Int, bootShift: TimeSpan?
  ) throws -> StationRun {
    var first = first
    let stop = StationRun.moment(day.events[prefix - 1].second)
    func shifted(_ moment: Moment) -> Moment {
      Moment(monotonic: moment.monotonic + (bootShift ?? .zero), wall: moment.wall, clock: moment.clock)
    }
    var second = StationRun(
      TestSite.plan, watch: RandomDay.watch, states: try stored(first.ledger + first.station.snapshot(at: stop)),
      sequences: first.sequences, at: shifted(stop), sameBoot: bootShift == nil)
    second.outputs = []
    for event in day.events.dropFirst(prefix) { second.tell(event.input, at: shifted(StationRun.moment(event.second))) }
    first.alerts += second.alerts
    first.notices += second.notices
    first.outputs += second.outputs
    first.station = second.station
    return first
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `in order at any point changes no message`(seed: UInt64) throws {
    let day = RandomDay(seed: seed, count: 300)
    let whole = day.run()
    #expect(whole.alerts.count > 5)
    var first = StationRun(TestSite.plan, watch: RandomDay.watch)
    for (index, event) in day.events.dropLast().enumerated() {
      first.tell(event.input, at: event.second)
      let parts = try goOn(from: first, day, after: index + 1, bootShift: nil)
      #expect(parts.alerts == whole.alerts, "after \(index + 1) events")
      #expect(parts.notices == whole.notices, "after \(index + 1) events")
      #expect(parts.outputs == whole.outputs, "after \(index + 1) events")
    }
  }

  /// Twice as many days in `make soak`.
  @Test(arguments: Array(4...(isSoak ? 23 : 13)) as [UInt64])
  func `of the board changes no message`(seed: UInt64) throws {
    let day = RandomDay(seed: seed, count: 3000)
    let whole = day.run()
    let (alerts, notices) = (whole.alerts.map(Told.init), whole.notices.map(Told.init))
    var first = StationRun(TestSite.plan, watch: RandomDay.watch)
    for (index, event) in day.events.enumerated() {
      first.tell(event.input, at: event.second)
      guard [500, 1234, 2345].contains(index + 1) else { continue }
      let parts = try goOn(from: first, day, after: index + 1, bootShift: .seconds(-990))
      #expect(parts.alerts.map(Told.init) == alerts)
      #expect(parts.notices.map(Told.init) == notices)
    }
  }

  /// What was sent from memory, while the disk was full, is known to receivers by its revision and to nobody here.
  @Test func `after a kill skips the revisions that may have been sent from memory`() throws {
    let plan = TestSite.riverOnly([(.caution, 2), (.danger, 3)])
    var first = StationRun(plan)
    first.tell(.reading("river-1", .metres(2.5)), at: 10)
    #expect(first.alerts.map(\.revision) == [1])
    let known = try stored(first.ledger)
    var second = Station(plan: plan, identify: StationRun.identify)
    second.restore(known, sequences: ["alert": 4], at: StationRun.moment(20), sameBoot: true, lostMessages: 3)
    var effects = Effects()
    second.start(at: StationRun.moment(20), into: &effects)
    // Killed again, before it had anything to tell: the ledger has counted what was lost, and counts it no more.
    var newest = Dictionary(known.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
    for state in try stored(effects.saves) { newest[state.key] = state }
    var third = Station(plan: plan, identify: StationRun.identify)
    third.restore(Array(newest.values), sequences: ["alert": 4], at: StationRun.moment(30), sameBoot: true)
    effects.removeAll()
    third.start(at: StationRun.moment(30), into: &effects)
    third.handle(.reading("river-1", .metres(3.5)), at: StationRun.moment(31), into: &effects)
    third.handle(.reading("river-1", .metres(0)), at: StationRun.moment(32), into: &effects)
    #expect(effects.alerts.map(\.revision) == [5, 6])
    #expect(effects.alerts.map(\.sequence) == [5, 6])
    #expect(effects.alerts.map(\.message) == [.update, .clear])
    #expect(effects.alerts.map { $0.references.map(\.revision) } == [[1], [1, 5]])
  }

  /// What a message tells beside the boot's clock.
  private struct Told: Equatable {
    let id: String
    let revision: Int
    let sequence: UInt64
    let text: String
    let detected: WallTime
    let value: Measure?

    init(_ alert: Alert) {
      id = alert.id
      revision = alert.revision
      sequence = alert.sequence
      text = "\(alert.short) \(alert.references) \(alert.expires) \(alert.onset.wall)"
      detected = alert.detected.wall
      value = alert.observed?.value
    }

    init(_ notice: Notice) {
      id = notice.id
      revision = notice.revision
      sequence = notice.sequence
      text = "\(notice.kind) \(notice.subject) \(notice.sensor) \(notice.confidence) \(notice.lastSeen.wall)"
      detected = notice.detected.wall
      value = nil
    }
  }

  @Test(arguments: Array(1...20) as [UInt64])
  func `after a crash raises nothing twice and loses nothing`(seed: UInt64) throws {
    let day = RandomDay(seed: seed, count: 3000)
    var random = SeededGenerator(seed: seed)
    var run = StationRun(TestSite.plan, watch: RandomDay.watch)
    for event in day.events {
      if Int.random(in: 0..<100, using: &random) == 0 {
        let active = run.station.activeAlerts
        var next = StationRun(
          TestSite.plan, watch: RandomDay.watch, states: try stored(run.ledger), sequences: run.sequences,
          at: StationRun.moment(event.second), sameBoot: true)
        if next.alerts.isEmpty { #expect(next.station.activeAlerts == active) }
        #expect(next.notices.isEmpty)
        next.alerts = run.alerts + next.alerts
        next.notices = run.notices + next.notices
        next.saves = run.saves + next.saves
        run = next
      }
      run.tell(event.input, at: event.second)
    }
    #expect(run.alerts.map(\.sequence) == (1...UInt64(run.alerts.count)).map { $0 })
    var open: [String: Alert] = [:]
    for alert in run.alerts {
      let source = "\(alert.sensor) \(alert.kind.rawValue)"
      #expect((open[source] == nil) == (alert.message == .raise))
      #expect(alert.revision == (open[source]?.revision ?? 0) + 1)
      open[source] = alert.message == .clear ? nil : alert
    }
    var present: Set<SubjectID> = []
    for notice in run.notices where [.arrival, .departure].contains(notice.kind) {
      #expect(present.contains(notice.subject) == (notice.kind == .departure))
      if notice.kind == .arrival { present.insert(notice.subject) } else { present.remove(notice.subject) }
    }
    #expect(Set(run.notices.map { "\($0.subject) \($0.sequence)" }).count == run.notices.count)
  }

  @Test func `keeps the hold time of a falling river`() throws {
    let levels: [(LadderStep, Double)] = [(.caution, 3)]
    let plan = TestSite.riverOnly(levels, margin: 0.1, hold: .minutes(10))
    var run = StationRun(plan)
    run.tell(.reading("river-1", .metres(3.2)), at: 0)
    for second in stride(from: 10.0, through: 400, by: 10) { run.tell(.reading("river-1", .metres(2)), at: second) }
    var next = StationRun(
      plan, watch: .empty, states: try stored(run.ledger), sequences: run.sequences, at: StationRun.moment(420),
      sameBoot: true)
    for second in stride(from: 430.0, through: 610, by: 10) { next.tell(.reading("river-1", .metres(2)), at: second) }
    #expect(next.alerts.map(\.short) == ["clear caution released"])
    #expect(next.alerts.map { StationRun.second($0.detected) } == [610])
  }

  @Test func `does not hold by a time that was broken`() throws {
    let plan = TestSite.riverOnly([(.caution, 3)], margin: 0.1, hold: .minutes(10))
    var run = StationRun(plan)
    run.tell(.reading("river-1", .metres(3.2)), at: 0)
    for second in stride(from: 10.0, through: 400, by: 10) { run.tell(.reading("river-1", .metres(2)), at: second) }
    run.tell(.reading("river-1", .metres(3)), at: 410)
    var next = StationRun(
      plan, watch: .empty, states: try stored(run.ledger), sequences: run.sequences, at: StationRun.moment(420),
      sameBoot: true)
    for second in stride(from: 430.0, through: 1029, by: 10) { next.tell(.reading("river-1", .metres(2)), at: second) }
    #expect(next.alerts.isEmpty)
    next.tell(.reading("river-1", .metres(2)), at: 1030)
    #expect(next.alerts.map(\.short) == ["clear caution released"])
  }

  @Test func `does not confirm with readings from before a crash`() throws {
    let plan = TestSite.riverOnly([(.caution, 3), (.danger, 4)], confirm: .readings(3))
    var run = StationRun(plan)
    for (index, value) in [3.2, 4.1, 4.1, 3.2].enumerated() {
      run.tell(.reading("river-1", .metres(value)), at: Double(index) * 10)
    }
    #expect(run.alerts.map(\.short) == ["raise caution"])
    var next = StationRun(
      plan, watch: .empty, states: try stored(run.ledger), sequences: run.sequences, at: StationRun.moment(40),
      sameBoot: true)
    for second in [50.0, 60] { next.tell(.reading("river-1", .metres(4.1)), at: second) }
    #expect(next.alerts.isEmpty)
    next.tell(.reading("river-1", .metres(4.1)), at: 70)
    #expect(next.alerts.map(\.short) == ["update danger step"])
  }

  @Test func `without a trusted clock keeps a hold too long rather than too short`() throws {
    let plan = TestSite.riverOnly([(.caution, 3)], margin: 0.1, hold: .minutes(10))
    var run = StationRun(plan)
    run.tell(.reading("river-1", .metres(3.2)), at: 0)
    for second in stride(from: 10.0, through: 400, by: 10) { run.tell(.reading("river-1", .metres(2)), at: second) }
    let boot = Moment(
      monotonic: MonotonicTime(nanoseconds: 5_000_000_000), wall: WallTime(milliseconds: 1000), clock: .unsynchronized)
    var next = StationRun(
      plan, watch: .empty, states: try stored(run.ledger), sequences: run.sequences, at: boot, sameBoot: false)
    // Of the ten minutes 390 seconds were over when the power failed.
    for second in stride(from: 10, through: 600, by: 10) as StrideThrough<Int64> {
      next.tell(.reading("river-1", .metres(2)), at: boot.advanced(by: .seconds(second)))
      if second < 210 { #expect(next.alerts.isEmpty) }
    }
    #expect(next.alerts.map(\.short) == ["clear caution released"])
  }

  @Test func `does not greet again who is already there`() throws {
    var run = StationRun(TestSite.plan, watch: TestSite.watch(1))
    for second in 0..<30 {
      run.tell(.sighting("gate-north", TestSite.subject(0), signal: -60, battery: nil, button: nil), at: Double(second))
    }
    #expect(run.notices.count == 1)
    var next = StationRun(
      TestSite.plan, watch: TestSite.watch(1), states: try stored(run.ledger), sequences: run.sequences,
      at: StationRun.moment(600), sameBoot: true)
    for second in 600..<630 {
      next.tell(
        .sighting("gate-north", TestSite.subject(0), signal: -60, battery: nil, button: nil), at: Double(second))
    }
    #expect(next.notices.isEmpty)
    next.tell(.timePasses, at: 700)
    #expect(next.notices.map(\.kind) == [.departure])
    #expect(next.notices.map(\.sequence) == [2])
  }

  @Test func `clears what was configured away`() throws {
    var run = StationRun(TestSite.plan, watch: .empty)
    for second in [0.0, 10, 20] { run.tell(.reading("river-1", .metres(4.5)), at: second) }
    let plan = StationPlan(gateway: "kakogawa-042", sensors: TestSite.sensors, floods: [TestSite.canal])
    let next = StationRun(
      plan, watch: .empty, states: try stored(run.ledger), sequences: run.sequences, at: StationRun.moment(30),
      sameBoot: true)
    #expect(next.alerts.map(\.short) == ["clear danger removed"])
    #expect(next.alerts.map(\.revision) == [2])
    #expect(next.station.activeAlerts.isEmpty)
  }
}
