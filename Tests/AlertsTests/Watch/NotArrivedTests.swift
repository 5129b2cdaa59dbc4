import Alerts
import Foundation
import Observations
import Testing

@Suite struct `Who should have arrived` {
  private typealias Time = WatchedTime
  private typealias School = WatchedSchool

  private func run(_ rules: WatchRules = School.rules, zone: TimeZoneOffsets = Time.tokyo) -> StationRun {
    StationRun(School.plan(zone: zone), watch: School.watch(rules))
  }

  private func told(_ run: StationRun, in zone: TimeZoneOffsets = Time.tokyo) -> [String] {
    run.notices.map { Time.text($0, in: zone) }
  }

  @Test func `is missed on each school day, and on no other`() {
    var run = run()
    run.tell(.timePasses, at: Time.second("2026-12-01T00:00:00+09:00"))
    #expect(
      told(run)
        == ["24", "25", "26", "27", "30"].map { "not_arrived 2026-11-\($0)T08:31:00+09:00" })
    #expect(run.notices.allSatisfy { !$0.hasBeenSeen && $0.confidence == 0.6 })
    #expect(run.notices.map(\.sequence) == [1, 2, 3, 4, 5])
  }

  @Test func `is not missed after an arrival on that day, though gone again`() {
    var run = run()
    run.hear(from: Time.second("2026-11-24T07:50:00+09:00"), for: 60)
    run.tell(.timePasses, at: Time.second("2026-11-24T12:00:00+09:00"))
    #expect(run.notices.map(\.kind) == [.arrival, .departure])
    run.tell(.timePasses, at: Time.second("2026-11-25T12:00:00+09:00"))
    #expect(told(run).last == "not_arrived 2026-11-25T08:31:00+09:00")
    #expect(run.notices.last?.lastSeen.wall == Time.wall("2026-11-24T07:50:59+09:00"))
  }

  @Test func `is not missed while there, and greeted when late`() {
    var run = run()
    run.hear(from: Time.second("2026-11-24T08:00:00+09:00"), for: 3600)
    run.hear(from: Time.second("2026-11-25T08:45:00+09:00"), for: 60)
    run.tell(.timePasses, at: Time.second("2026-11-25T12:00:00+09:00"))
    #expect(run.notices.map(\.kind) == [.arrival, .departure, .notArrived, .arrival, .departure])
  }

  @Test func `is not missed when arriving in the last second`() {
    var run = run()
    run.hear(from: Time.second("2026-11-24T08:29:59+09:00"), for: 30)
    run.tell(.timePasses, at: Time.second("2026-11-24T12:00:00+09:00"))
    #expect(run.notices.map(\.kind) == [.arrival, .departure])
  }

  @Test func `is not missed where nobody listened, and the place says so`() {
    var run = run()
    run.tell(.fault("gate-north", .deaf), at: Time.second("2026-11-24T07:30:00+09:00"))
    let back = Time.second("2026-11-24T08:20:00+09:00")
    for second in 0..<5 { run.tell(.alive("gate-north"), at: back + Double(second)) }
    run.tell(.timePasses, at: Time.second("2026-11-24T12:00:00+09:00"))
    #expect(told(run) == ["degraded 2026-11-24T07:35:05+09:00", "restored 2026-11-24T08:25:02+09:00"])
    #expect(run.places.map(\.suspended) == [[], [.blind], [.gap], []])
    // The day after all is well.
    run.tell(.timePasses, at: Time.second("2026-11-25T12:00:00+09:00"))
    #expect(told(run).dropFirst(2) == ["not_arrived 2026-11-25T08:31:00+09:00"])
  }

  @Test func `is missed after a short deafness, once it can hear again`() {
    var run = run()
    run.tell(.fault("gate-north", .deaf), at: Time.second("2026-11-24T08:29:00+09:00"))
    let back = Time.second("2026-11-24T08:33:00+09:00")
    for second in 0..<5 { run.tell(.alive("gate-north"), at: back + Double(second)) }
    run.tell(.timePasses, at: Time.second("2026-11-24T12:00:00+09:00"))
    #expect(told(run) == ["not_arrived 2026-11-24T08:34:02+09:00"])
  }

  @Test(arguments: [("08:40:00", true), ("08:59:59", true), ("09:00:01", false)])
  func `waits for a clock that can be trusted, but not for long`(clock: String, isTold: Bool) {
    var run = run()
    let moment = Time.moment("2026-11-24T01:00:00+09:00", .unsynchronized)
    run.tell(.timePasses, at: moment)
    run.tell(.timePasses, at: Time.moment("2026-11-24T\(clock)+09:00", .synchronized))
    run.tell(.timePasses, at: Time.moment("2026-11-24T20:00:00+09:00", .synchronized))
    #expect(told(run) == (isTold ? ["not_arrived 2026-11-24T\(clock)+09:00"] : []))
    #expect(run.places.map(\.suspended) == [[], [.clock], []])
  }

  @Test func `counts an arrival that an untrusted clock saw`() {
    var run = run()
    let start = Time.moment("2026-11-24T07:50:00+09:00")
    // The clock says 1970 until it is set at 08:20.
    for second in 0..<30 {
      let moment = Moment(
        monotonic: start.monotonic + .seconds(Int64(second)), wall: WallTime(milliseconds: Int64(second) * 1000),
        clock: .unsynchronized)
      run.tell(.sighting("gate-north", School.child, signal: -60, battery: nil, button: nil), at: moment)
    }
    run.tell(.timePasses, at: Time.moment("2026-11-24T08:20:00+09:00"))
    run.tell(.timePasses, at: Time.moment("2026-11-24T12:00:00+09:00"))
    #expect(run.notices.map(\.kind) == [.arrival, .departure])
  }

  @Test(arguments: [-3600, 3600, -86_400] as [Int64])
  func `is missed once, though the clock is set`(step: Int64) {
    var run = run()
    run.tell(.timePasses, at: Time.moment("2026-11-24T08:35:00+09:00"))
    #expect(run.notices.map(\.kind) == [.notArrived])
    for minute in 36...55 as ClosedRange<Int64> {
      let moment = Time.moment("2026-11-24T08:\(minute):00+09:00")
      run.tell(
        .timePasses, at: Moment(monotonic: moment.monotonic, wall: moment.wall + .seconds(step), clock: .synchronized))
    }
    #expect(run.notices.count == 1)
    let evening = Time.moment("2026-11-24T20:00:00+09:00")
    run.tell(.timePasses, at: evening)
    #expect(run.notices.count == 1)
  }

  @Test func `is missed at the right time when the clock was set before`() {
    var run = run()
    let early = Time.moment("2026-11-24T05:00:00+09:00")
    // An hour slow, then right.
    run.tell(.timePasses, at: Moment(monotonic: early.monotonic, wall: early.wall - .hours(1), clock: .synchronized))
    let right = Time.moment("2026-11-24T08:10:00+09:00")
    run.tell(.timePasses, at: right)
    run.tell(.timePasses, at: Time.moment("2026-11-24T12:00:00+09:00"))
    #expect(told(run) == ["not_arrived 2026-11-24T08:31:00+09:00"])
  }

  static let zones: [(TimeZoneOffsets, Int, String, [String])] = [
    (Time.berlin, 510, "2027-03-26T00:00:00+01:00", ["2027-03-26T08:31:00+01:00", "2027-03-29T08:31:00+02:00"]),
    (Time.newYork, 510, "2027-03-12T00:00:00-05:00", ["2027-03-12T08:31:00-05:00", "2027-03-15T08:31:00-04:00"]),
    (Time.newYork, 510, "2027-11-05T00:00:00-04:00", ["2027-11-05T08:31:00-04:00", "2027-11-08T08:31:00-05:00"]),
    (Time.lordHowe, 510, "2027-04-02T00:00:00+11:00", ["2027-04-02T08:31:00+11:00", "2027-04-05T08:31:00+10:30"]),
    (Time.tokyo, 5, "2026-12-30T12:00:00+09:00", ["2026-12-31T00:06:00+09:00", "2027-01-01T00:06:00+09:00"]),
    (Time.tokyo, 1439, "2026-12-31T12:00:00+09:00", ["2027-01-01T00:00:00+09:00", "2027-01-02T00:00:00+09:00"]),
  ]

  @Test(arguments: zones)
  func `is missed by the clock on the wall, in each zone`(
    zone: TimeZoneOffsets, minutes: Int, start: String, expected: [String]
  ) {
    let rules = WatchRules(
      notArrivedBy: .init(minutes: minutes), days: [.monday, .tuesday, .wednesday, .thursday, .friday])
    var run = run(rules, zone: zone)
    run.tell(.timePasses, at: Time.second(start))
    run.notices = []
    run.tell(.timePasses, at: Time.second(start) + 3.6 * 86_400)
    #expect(told(run, in: zone).prefix(2) == expected.map { "not_arrived \($0)" }.prefix(2))
  }

  /// A time of day that is left out in spring, and one that comes twice in autumn.
  @Test(arguments: [
    ("2027-03-27T12:00:00+01:00", ["2027-03-28T03:31:00+02:00"]),
    ("2027-10-30T12:00:00+02:00", ["2027-10-31T02:31:00+02:00"]),
  ])
  func `is missed once on a day that has another length`(start: String, expected: [String]) {
    var run = run(WatchRules(notArrivedBy: .init(minutes: 150)), zone: Time.berlin)
    run.tell(.timePasses, at: Time.second(start))
    run.notices = []
    run.tell(.timePasses, at: Time.second(start) + 86_400)
    #expect(told(run, in: Time.berlin) == expected.map { "not_arrived \($0)" })
  }

  @Test(arguments: [
    ("08:20:00", "08:40:00", []), ("08:29:00", "08:32:00", ["08:33:00"]), ("08:00:00", "08:01:00", ["08:31:00"]),
  ])
  func `is missed by a board that was off, if it was off for a moment only`(
    off: String, on: String, expected: [String]
  ) throws {
    var run = run()
    run.tell(.timePasses, at: Time.second("2026-11-24T\(off)+09:00"))
    let stop = Time.moment("2026-11-24T\(off)+09:00")
    let states = try JSONDecoder().decode(
      [SavedState].self,
      from: JSONEncoder().encode((run.ledger + run.station.snapshot(at: stop)).filter { !$0.isForgotten }))
    var next = StationRun(
      School.plan(), watch: School.watch(School.rules), states: states, sequences: run.sequences,
      at: Time.moment("2026-11-24T\(on)+09:00"), sameBoot: true)
    next.tell(.timePasses, at: Time.second("2026-11-24T12:00:00+09:00"))
    #expect(told(next) == expected.map { "not_arrived 2026-11-24T\($0)+09:00" })
  }

  @Test func `is not missed who came on the list a moment before`() {
    var run = StationRun(School.plan())
    run.tell(.watch(School.watch(School.rules)), at: Time.second("2026-11-24T08:10:00+09:00"))
    run.tell(.timePasses, at: Time.second("2026-11-25T12:00:00+09:00"))
    #expect(told(run) == ["not_arrived 2026-11-25T08:31:00+09:00"])
  }
}
