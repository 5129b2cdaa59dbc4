import Alerts
import Foundation
import Observations
import Testing

/// Made-up days at two places with every rule, at random, the same for the same seed: tags with buttons and batteries,
/// deaf receivers, a clock that is set and doubted, new lists and searches.
private struct RandomWatch {
  struct Event {
    var input: StationInput
    var moment: Moment
  }

  static let plan: StationPlan = {
    func place(_ id: PlaceID, _ sensors: [SensorID], passages: Bool, apartFrom: [PlaceID] = []) -> PlaceRule {
      PlaceRule(
        id: id, name: id.text, sensors: sensors, enter: -75, leave: -85, sightingsCount: 3, sightingsOf: 5,
        dwell: .seconds(10), goneAfter: .seconds(60), passages: passages, apartFrom: apartFrom)
    }
    return StationPlan(
      gateway: "g",
      sensors: ["front-1", "front-2", "back-1"].map { SensorPlan(id: $0, name: $0.text, quantity: .beacon) },
      places: [
        place("front", ["front-1", "front-2"], passages: true, apartFrom: ["back"]),
        place("back", ["back-1"], passages: false),
      ], zone: WatchedTime.berlin)
  }()

  static func watch(_ revision: Int) -> WatchPlan {
    let school = WatchRules(notArrivedBy: .init(minutes: 510), notSeenFor: .hours(5))
    let home = WatchRules(
      nightExit: .init(from: .init(minutes: 1260), to: .init(minutes: 330)), notSeenFor: .minutes(20))
    return WatchPlan(
      revision: revision,
      members: (0..<5).map { number in
        WatchPlan.Member(
          subject: TestSite.subject(number), person: number == 0 ? .elder : .child, places: ["front", "back"],
          rules: [[school, nil], [home, school], [nil, nil], [school, home], [nil, home]][number])
      })
  }

  private(set) var events: [Event] = []
  private var random: SeededGenerator
  private var monotonic = StationRun.moment(0).monotonic
  /// Saturday night before the clocks of Berlin are put back.
  private var wall = WatchedTime.wall("2026-10-24T20:00:00+02:00")
  private var clock = ClockQuality.synchronized
  private var revision = 1

  init(seed: UInt64, count: Int) {
    random = SeededGenerator(seed: seed)
    while events.count < count { happen() }
  }

  var start: Moment {
    Moment(
      monotonic: StationRun.moment(0).monotonic, wall: WatchedTime.wall("2026-10-24T20:00:00+02:00"),
      clock: .synchronized)
  }

  private mutating func pass(_ milliseconds: Int) {
    monotonic = monotonic + .milliseconds(Int64(milliseconds))
    wall = wall + .milliseconds(Int64(milliseconds))
  }

  private mutating func add(_ input: StationInput) {
    events.append(Event(input: input, moment: Moment(monotonic: monotonic, wall: wall, clock: clock)))
  }

  private mutating func happen() {
    pass(Int.random(in: 0..<30, using: &random) == 0 ? Int.random(in: 60_000...9_000_000, using: &random) : 500)
    let sensor: SensorID = ["front-1", "front-2", "back-1"].randomElement(using: &random) ?? "front-1"
    switch Int.random(in: 0..<60, using: &random) {
    case 0: add(.fault(sensor, .deaf))
    case 1..<5: for _ in 0..<4 { add(.alive(sensor)) }
    case 5:
      wall = wall + .seconds(Int64([3600, -3600, 30].randomElement(using: &random) ?? 0))
      add(.timePasses)
    case 6:
      clock = clock == .synchronized ? .unsynchronized : .synchronized
      add(.timePasses)
    case 7:
      revision += 1
      add(.watch(Self.watch(revision)))
    case 8:
      add(
        .asked(
          .search(
            WatchSearch(
              subject: TestSite.subject(Int.random(in: 2..<8, using: &random)), person: .child, searchCase: "26-1",
              until: wall + .hours(2)))))
    case 9..<14: add(.timePasses)
    default: visit(sensor)
    }
  }

  private mutating func visit(_ sensor: SensorID) {
    let subject = TestSite.subject(Int.random(in: 0..<8, using: &random))
    let base = Int.random(in: -90 ... -60, using: &random)
    let battery: UInt8? = Int.random(in: 0..<4, using: &random) == 0 ? UInt8.random(in: 5...60, using: &random) : nil
    let isPressed = Int.random(in: 0..<10, using: &random) == 0
    for _ in 0..<Int.random(in: 1...15, using: &random) {
      let isOther = Int.random(in: 0..<8, using: &random) == 0
      add(
        .sighting(
          isOther ? "back-1" : sensor, subject, signal: Int8(base + Int.random(in: -6...6, using: &random)),
          battery: battery, button: isPressed ? Bool.random(using: &random) : nil))
      pass(Int.random(in: 200...2500, using: &random))
    }
  }

  func run() -> StationRun {
    var run = StationRun(
      Self.plan, watch: Self.watch(1), states: [], sequences: [:], at: start, sameBoot: true)
    for event in events { run.tell(event.input, at: event.moment) }
    return run
  }
}

@Suite struct `A restart of the watch over people` {
  private func stored(_ states: [SavedState]) throws -> [SavedState] {
    try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(states.filter { !$0.isForgotten }))
  }

  /// What a notice tells beside the boot's clock.
  private func told(_ notice: Notice) -> String {
    "\(notice.id) \(notice.sequence) \(notice.kind) \(notice.detected.wall) \(notice.lastSeen.wall) \(notice.sensor) "
      + "\(notice.confidence) \(notice.searchCase ?? "")"
  }

  /// The list in force after so many events.
  private func list(_ events: some Sequence<RandomWatch.Event>) -> WatchPlan {
    var list = RandomWatch.watch(1)
    for event in events { if case .watch(let newer) = event.input { list = newer } }
    return list
  }

  private func goOn(from first: StationRun, _ day: RandomWatch, after prefix: Int) throws -> [Notice] {
    let stop = day.events[prefix - 1].moment
    var second = StationRun(
      RandomWatch.plan, watch: list(day.events.prefix(prefix)),
      states: try stored(first.ledger + first.station.snapshot(at: stop)), sequences: first.sequences, at: stop,
      sameBoot: true)
    for event in day.events.dropFirst(prefix) { second.tell(event.input, at: event.moment) }
    return second.notices
  }

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func `in order at any point changes no notice`(seed: UInt64) throws {
    let day = RandomWatch(seed: seed, count: 300)
    let whole = day.run().notices.map(told)
    #expect(whole.count > 5)
    var first = StationRun(
      RandomWatch.plan, watch: RandomWatch.watch(1), states: [], sequences: [:], at: day.start, sameBoot: true)
    for (index, event) in day.events.dropLast().enumerated() {
      first.tell(event.input, at: event.moment)
      let rest = try goOn(from: first, day, after: index + 1).map(told)
      #expect(rest == Array(whole.dropFirst(first.notices.count)), "after \(index + 1) events")
    }
    #expect(Array(whole.prefix(first.notices.count)) == first.notices.map(told))
  }

  @Test func `sees every kind of notice in these days`() {
    var kinds: Set<NoticeKind> = []
    for seed in 1...40 as ClosedRange<UInt64> where kinds.count < NoticeKind.allCases.count {
      kinds.formUnion(RandomWatch(seed: seed, count: 3000).run().notices.map(\.kind))
    }
    #expect(kinds == Set(NoticeKind.allCases))
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `or none, a visit is told once, and nothing is told of strangers`(seed: UInt64) {
    let day = RandomWatch(seed: seed, count: 3000)
    let notices = day.run().notices
    var present: Set<String> = []
    var last: [SubjectID: UInt64] = [:]
    for notice in notices {
      #expect(notice.sequence == (last[notice.subject] ?? 0) + 1)
      last[notice.subject] = notice.sequence
      #expect((0...1).contains(notice.confidence) && notice.lastSeen.monotonic <= notice.detected.monotonic)
      let visit = "\(notice.place) \(notice.subject)"
      switch notice.kind {
      case .arrival: #expect(present.insert(visit).inserted)
      case .departure, .nightExit: #expect(present.remove(visit) != nil)
      case .passage, .notArrived: #expect(!present.contains(visit))
      default: break
      }
    }
    let strangers = Set((5..<8).map { TestSite.subject($0) })
    #expect(notices.allSatisfy { !strangers.contains($0.subject) || $0.kind == .found })
    #expect(Set(notices.map(\.id)).count == notices.count)
  }
}
