import Alerts
import Foundation
import Observations
import Testing

/// What the clock of an earlier boot, or of the time before a restart, said of people.
@Suite struct `A sighting before a restart` {
  private typealias Time = WatchedTime
  private typealias School = WatchedSchool

  private static let elder = School.watch(
    WatchRules(nightExit: .init(from: .init(minutes: 21 * 60), to: .init(minutes: 5 * 60 + 30))), person: .elder)

  /// By a clock that is wrong by `error`.
  private func moment(_ text: String, _ clock: ClockQuality, wrongBy error: TimeSpan = .zero) -> Moment {
    let right = Time.moment(text)
    return Moment(monotonic: right.monotonic, wall: right.wall + error, clock: clock)
  }

  /// What a clock tells that begins in 1970 with the boot.
  private func unset(_ moment: Moment) -> Moment {
    Moment(
      monotonic: moment.monotonic, wall: WallTime(milliseconds: moment.monotonic.nanoseconds / 1_000_000),
      clock: .unsynchronized)
  }

  /// The same moment in a boot that began at `boot`.
  private func inBoot(from boot: String, _ moment: Moment) -> Moment {
    Moment(
      monotonic: MonotonicTime(nanoseconds: (moment.monotonic - Time.moment(boot).monotonic).nanoseconds),
      wall: moment.wall, clock: moment.clock)
  }

  private func hear(_ run: inout StationRun, from start: Moment, for seconds: Int64, signal: Int8 = -62) {
    for second in 0..<seconds {
      run.tell(
        .sighting("gate-north", School.child, signal: signal, battery: nil, button: nil),
        at: start.advanced(by: .seconds(second)))
    }
  }

  /// What the ledger holds: after a kill, or after a stop in order at `stop`; as a version without `removed` wrote it.
  private func stored(_ run: StationRun, stop: Moment? = nil, without removed: [String] = []) throws -> [SavedState] {
    let states = run.ledger + (stop.map { run.station.snapshot(at: $0) } ?? [])
    let newest = Dictionary(states.map { ($0.key, $0) }, uniquingKeysWith: { $1 }).values.filter { !$0.isForgotten }
    var text = String(decoding: try JSONEncoder().encode(newest.sorted { $0.key < $1.key }), as: UTF8.self)
    for key in removed {
      let pattern = try Regex("\"\(key)\":(\\{[^}]*\\}|[a-z]+),|,\"\(key)\":(\\{[^}]*\\}|[a-z]+)")
      let shorter = text.replacing(pattern, with: "")
      #expect(shorter != text && !shorter.contains(key))
      text = shorter
    }
    return try JSONDecoder().decode([SavedState].self, from: Data(text.utf8))
  }

  private func started(
    _ run: StationRun, _ watch: WatchPlan, states: [SavedState], at moment: Moment, sameBoot: Bool = false,
    passages: Bool = false
  ) -> StationRun {
    StationRun(
      School.plan(passages: passages), watch: watch, states: states, sequences: run.sequences, at: moment,
      sameBoot: sameBoot)
  }

  /// An elder arrives at 23:10; the power is cut, and comes back at 06:40 without a time server; one answers at 06:41.
  private func overNight(
    _ first: StationRun, _ watch: WatchPlan = elder, stop: Moment? = nil, without removed: [String] = []
  ) throws -> [Notice] {
    let on = "2026-11-25T06:40:00+09:00"
    let states = try stored(first, stop: stop, without: removed)
    var run = started(first, watch, states: states, at: unset(inBoot(from: on, Time.moment(on))))
    run.tell(.timePasses, at: inBoot(from: on, Time.moment("2026-11-25T06:40:30+09:00")))
    run.tell(.timePasses, at: inBoot(from: on, Time.moment("2026-11-25T12:00:00+09:00")))
    return run.notices
  }

  private func arrival(_ watch: WatchPlan = elder, at moment: Moment) -> StationRun {
    var run = StationRun(
      School.plan(), watch: watch, states: [], sequences: [:], at: moment.advanced(by: .seconds(-10)), sameBoot: true)
    hear(&run, from: moment, for: 11)
    #expect(run.notices.map(\.kind) == [.arrival])
    return run
  }

  @Test(arguments: [ClockQuality.rtc, .synchronized])
  func `of the evening is not one of the morning after the power was off`(clock: ClockQuality) throws {
    let run = arrival(at: moment("2026-11-24T23:09:50+09:00", clock))
    let exit = try #require(try overNight(run).first)
    #expect(exit.kind == .nightExit && exit.lastSeen.wall == Time.wall("2026-11-24T23:10:00+09:00"))
    #expect(exit.isLastSeenKnown)
  }

  @Test func `is what "not seen" tells`() throws {
    let watch = School.watch(WatchRules(notSeenFor: .hours(2)), person: .elder)
    let run = arrival(watch, at: moment("2026-11-24T23:09:50+09:00", .rtc))
    let notices = try overNight(run, watch, stop: moment("2026-11-24T23:11:00+09:00", .rtc))
    #expect(notices.map(\.kind) == [.departure, .notSeen])
    #expect(notices.allSatisfy { $0.lastSeen.wall == Time.wall("2026-11-24T23:10:00+09:00") })
  }

  /// Two restarts, the second within the boot of the first.
  @Test func `stays one of an earlier boot`() throws {
    let first = arrival(at: moment("2026-11-24T23:09:50+09:00", .rtc))
    let on = "2026-11-25T06:40:00+09:00"
    let second = started(
      first, Self.elder, states: try stored(first), at: unset(inBoot(from: on, Time.moment(on))))
    let stop = unset(inBoot(from: on, Time.moment("2026-11-25T06:40:10+09:00")))
    var third = started(
      first, Self.elder, states: try stored(second, stop: stop), at: stop.advanced(by: .seconds(5)), sameBoot: true)
    third.tell(.timePasses, at: inBoot(from: on, Time.moment("2026-11-25T06:40:30+09:00")))
    third.tell(.timePasses, at: inBoot(from: on, Time.moment("2026-11-25T06:50:00+09:00")))
    let exit = try #require(third.notices.first)
    #expect(exit.kind == .nightExit && exit.lastSeen.wall == Time.wall("2026-11-24T23:10:00+09:00"))
  }

  @Test func `without a clock is told without a time, and may have been at night`() throws {
    let run = arrival(at: unset(Time.moment("2026-11-24T23:09:50+09:00")))
    let exit = try #require(try overNight(run).first)
    #expect(exit.kind == .nightExit && !exit.isLastSeenKnown && exit.hasBeenSeen)
  }

  @Test(arguments: [("2026-11-25T06:30:00+09:00", true), ("2026-11-25T06:50:00+09:00", false)])
  func `without a clock is no night exit where the carer has paused it`(paused: String, isNight: Bool) throws {
    let watch = School.watch(
      WatchRules(
        nightExit: .init(
          from: .init(minutes: 21 * 60), to: .init(minutes: 5 * 60 + 30), pausedUntil: Time.wall(paused))),
      person: .elder)
    let run = arrival(watch, at: unset(Time.moment("2026-11-24T23:09:50+09:00")))
    #expect(try overNight(run, watch).map(\.kind) == [isNight ? .nightExit : .departure])
  }

  @Test func `has the time that its own boot learned before it ended`() throws {
    let run = arrival(at: unset(Time.moment("2026-11-24T23:09:50+09:00")))
    let exit = try #require(try overNight(run, stop: Time.moment("2026-11-24T23:10:20+09:00")).first)
    #expect(exit.kind == .nightExit && exit.isLastSeenKnown)
    #expect(exit.lastSeen.wall == Time.wall("2026-11-24T23:10:00+09:00"))
  }

  @Test func `that an older version saved keeps its stamp`() throws {
    let run = arrival(at: moment("2026-11-24T23:09:50+09:00", .rtc))
    let exit = try #require(
      try overNight(run, without: ["quietSince", "isHeardEarlier", "isArrivedEarlier"]).first)
    #expect(exit.kind == .nightExit && exit.lastSeen.wall == Time.wall("2026-11-24T23:10:00+09:00"))
  }

  @Test func `in the same boot is read by a better clock, not as one of the restart`() throws {
    let run = arrival(at: unset(Time.moment("2026-11-24T22:09:50+09:00")))
    let restart = Time.moment("2026-11-24T23:10:00+09:00")
    var next = started(run, Self.elder, states: try stored(run), at: unset(restart), sameBoot: true)
    next.tell(.timePasses, at: restart.advanced(by: .seconds(30)))
    next.tell(.timePasses, at: restart.advanced(by: .minutes(10)))
    let exit = try #require(next.notices.first)
    #expect(exit.kind == .nightExit && exit.lastSeen.wall == Time.wall("2026-11-24T22:10:00+09:00"))
  }

  @Test(arguments: [true, false])
  func `is when somebody passed`(sameBoot: Bool) throws {
    var run = StationRun(School.plan(passages: true), watch: Self.elder)
    let start = moment("2026-11-24T23:09:00+09:00", .rtc)
    hear(&run, from: start, for: 5)
    hear(&run, from: start.advanced(by: .seconds(5)), for: 4, signal: -90)
    let states = try stored(run, stop: start.advanced(by: .seconds(10)))
    let on = "2026-11-25T06:40:00+09:00"
    let restart = sameBoot ? Time.moment(on) : inBoot(from: on, Time.moment(on))
    var next = started(run, Self.elder, states: states, at: restart, sameBoot: sameBoot, passages: true)
    next.tell(.timePasses, at: restart.advanced(by: .minutes(10)))
    #expect(next.notices.map(\.kind) == [.passage])
    #expect(next.notices.first?.lastSeen.wall == Time.wall("2026-11-24T23:09:04+09:00"))
  }

  /// A clock that was set meanwhile does not make years of a silence.
  @Test func `is not missed for the years by which the clock was wrong`() throws {
    let watch = School.watch(WatchRules(notSeenFor: .hours(24)), person: .elder)
    var run = arrival(watch, at: unset(Time.moment("2026-11-24T06:00:00+09:00")))
    run.tell(.timePasses, at: unset(Time.moment("2026-11-24T06:03:00+09:00")))
    run.tell(.timePasses, at: Time.moment("2026-11-24T06:05:00+09:00"))
    // The place's state is saved by the right clock, the silence is not.
    run.tell(.fault("gate-north", .deaf), at: Time.moment("2026-11-24T06:06:00+09:00"))
    for second in 0..<5 as Range<Int64> {
      run.tell(.alive("gate-north"), at: Time.moment("2026-11-24T06:06:10+09:00").advanced(by: .seconds(second)))
    }
    let restart = Time.moment("2026-11-24T06:10:00+09:00")
    var next = started(run, watch, states: try stored(run), at: restart, sameBoot: true)
    next.tell(.timePasses, at: restart.advanced(by: .minutes(1)))
    #expect(run.notices.map(\.kind) == [.arrival, .departure] && next.notices.isEmpty)
    next.tell(.timePasses, at: restart.advanced(by: .hours(24)))
    #expect(next.notices.map(\.kind) == [.notSeen])
    #expect(next.notices.first?.lastSeen.wall == Time.wall("2026-11-24T06:00:10+09:00"))
  }
}
