import Alerts
import Foundation
import Observations
import Testing

/// What became of a child's arrival when the clock was set, or the program was started anew.
@Suite struct `An arrival by another clock` {
  private typealias Time = WatchedTime
  private typealias School = WatchedSchool

  private func moment(_ text: String, _ clock: ClockQuality, wrongBy error: TimeSpan = .zero) -> Moment {
    let right = Time.moment(text)
    return Moment(monotonic: right.monotonic, wall: right.wall + error, clock: clock)
  }

  /// A child arrives and goes on, in a boot whose clock was as wrong from its start.
  private func arrival(at moment: Moment) -> StationRun {
    var run = StationRun(
      School.plan(), watch: School.watch(School.rules), states: [], sequences: [:],
      at: moment.advanced(by: .minutes(-120)), sameBoot: true)
    for second in 0..<20 as Range<Int64> {
      run.tell(
        .sighting("gate-north", School.child, signal: -62, battery: nil, button: nil),
        at: moment.advanced(by: .seconds(second)))
    }
    run.tell(.timePasses, at: moment.advanced(by: .minutes(4)))
    #expect(run.notices.map(\.kind) == [.arrival, .departure])
    return run
  }

  private func goOn(
    _ run: StationRun, stop: Moment? = nil, at moment: Moment, sameBoot: Bool
  ) throws -> StationRun {
    let states = (run.ledger + (stop.map { run.station.snapshot(at: $0) } ?? [])).filter { !$0.isForgotten }
    return StationRun(
      School.plan(), watch: School.watch(School.rules),
      states: try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(states)),
      sequences: run.sequences, at: moment, sameBoot: sameBoot)
  }

  @Test(arguments: [-1, -30, 1] as [Int64])
  func `is of the day that a better clock tells`(days: Int64) {
    var run = arrival(at: moment("2026-11-24T07:50:00+09:00", .rtc, wrongBy: .hours(24 * days)))
    run.notices = []
    run.tell(.timePasses, at: moment("2026-11-24T08:00:00+09:00", .synchronized))
    run.tell(.timePasses, at: moment("2026-11-24T12:00:00+09:00", .synchronized))
    #expect(run.notices.isEmpty)
  }

  @Test func `is remembered over a kill in the same boot`() throws {
    let never = WatchedTime.wall("1970-01-01T00:00:00Z") - Time.wall("2026-11-24T04:00:00+09:00")
    let run = arrival(at: moment("2026-11-24T07:50:00+09:00", .unsynchronized, wrongBy: never))
    var next = try goOn(
      run, at: moment("2026-11-24T07:55:05+09:00", .unsynchronized, wrongBy: never), sameBoot: true)
    next.tell(.timePasses, at: moment("2026-11-24T08:10:00+09:00", .synchronized))
    next.tell(.timePasses, at: moment("2026-11-24T12:00:00+09:00", .synchronized))
    #expect(next.notices.isEmpty)
    next.tell(.timePasses, at: moment("2026-11-25T12:00:00+09:00", .synchronized))
    #expect(next.notices.map { Time.text($0) } == ["not_arrived 2026-11-25T08:31:00+09:00"])
  }

  /// Off over night, and without a clock until 08:00: it is yesterday's arrival all the same.
  @Test func `of yesterday is not one of today after the power was off`() throws {
    let run = arrival(at: moment("2026-11-24T15:30:00+09:00", .rtc))
    let stop = moment("2026-11-24T16:00:00+09:00", .rtc)
    let on = Time.moment("2026-11-25T07:00:00+09:00").monotonic
    func unset(_ text: String) -> Moment {
      let right = Time.moment(text)
      let uptime = right.monotonic - on
      return Moment(
        monotonic: MonotonicTime(nanoseconds: uptime.nanoseconds), wall: WallTime(milliseconds: uptime.milliseconds),
        clock: .unsynchronized)
    }
    var next = try goOn(run, stop: stop, at: unset("2026-11-25T07:00:00+09:00"), sameBoot: false)
    for text in ["2026-11-25T08:00:00+09:00", "2026-11-25T12:00:00+09:00"] {
      next.tell(
        .timePasses, at: Moment(monotonic: unset(text).monotonic, wall: Time.wall(text), clock: .synchronized))
    }
    #expect(next.notices.map { Time.text($0) } == ["not_arrived 2026-11-25T08:31:00+09:00"])
  }
}
