import Alerts
import Observations
import Testing

@Suite struct `Leaving at night` {
  private typealias Time = WatchedTime

  private func kinds(
    lastSeen: String, from: Int = 21 * 60, to: Int = 5 * 60 + 30, paused: String? = nil,
    zone: TimeZoneOffsets = Time.tokyo, clock: ClockQuality = .synchronized
  ) -> [NoticeKind] {
    let rules = WatchRules(
      nightExit: .init(from: .init(minutes: from), to: .init(minutes: to), pausedUntil: paused.map(Time.wall)))
    var run = StationRun(WatchedSchool.plan(zone: zone), watch: WatchedSchool.watch(rules, person: .elder))
    let last = Time.moment(lastSeen)
    for second in stride(from: -30, through: 0, by: 1) as StrideThrough<Int64> {
      run.tell(
        .sighting("gate-north", WatchedSchool.child, signal: -60, battery: nil, button: nil),
        at: Moment(monotonic: last.monotonic + .seconds(second), wall: last.wall + .seconds(second), clock: clock))
    }
    run.tell(
      .timePasses, at: Moment(monotonic: last.monotonic + .hours(1), wall: last.wall + .hours(1), clock: clock))
    return run.notices.map(\.kind)
  }

  @Test(arguments: [
    ("2026-11-24T23:00:00+09:00", true), ("2026-11-24T12:00:00+09:00", false), ("2026-12-31T23:59:50+09:00", true),
    ("2027-01-01T00:00:00+09:00", true), ("2026-11-25T05:29:59+09:00", true), ("2026-11-25T05:30:00+09:00", false),
    ("2026-11-24T20:59:30+09:00", true), ("2026-11-24T20:58:59+09:00", false),
  ])
  func `is told as that, and as nothing else`(lastSeen: String, isNight: Bool) {
    #expect(kinds(lastSeen: lastSeen) == [.arrival, isNight ? .nightExit : .departure])
  }

  @Test(arguments: [
    ("2026-11-25T06:00:00+09:00", "2026-11-24T23:00:00+09:00", false),
    ("2026-11-24T22:00:00+09:00", "2026-11-24T23:00:00+09:00", true),
    ("2026-11-24T22:00:00+09:00", "2026-11-24T21:59:59+09:00", false),
  ])
  func `is an ordinary departure while the carer has paused it`(paused: String, lastSeen: String, isNight: Bool) {
    #expect(kinds(lastSeen: lastSeen, paused: paused).last == (isNight ? .nightExit : .departure))
  }

  @Test func `is not said by a clock that nobody trusts`() {
    #expect(kinds(lastSeen: "2026-11-24T23:00:00+09:00", clock: .unsynchronized) == [.arrival, .departure])
    #expect(kinds(lastSeen: "2026-11-24T23:00:00+09:00", clock: .rtc) == [.arrival, .nightExit])
  }

  @Test(arguments: [
    ("2027-03-28T01:30:00+01:00", true), ("2027-10-31T02:30:00+01:00", true), ("2027-10-31T04:10:00+01:00", false),
  ])
  func `follows summer time`(lastSeen: String, isNight: Bool) {
    #expect(
      kinds(lastSeen: lastSeen, from: 22 * 60, to: 4 * 60, zone: Time.berlin).last
        == (isNight ? .nightExit : .departure))
  }

  @Test func `may concern the day as well`() {
    #expect(kinds(lastSeen: "2026-11-24T13:00:00+09:00", from: 12 * 60, to: 14 * 60).last == .nightExit)
    #expect(kinds(lastSeen: "2026-11-24T15:00:00+09:00", from: 12 * 60, to: 14 * 60).last == .departure)
    #expect(kinds(lastSeen: "2026-11-24T15:00:00+09:00", from: 0, to: 0).last == .nightExit)
  }
}
