import Alerts
import Foundation
import Observations
import Testing

@Suite struct `Who is not seen` {
  private typealias School = WatchedSchool

  private func run(_ span: TimeSpan, goneAfter: TimeSpan = .seconds(60)) -> StationRun {
    StationRun(
      School.plan(goneAfter: goneAfter), watch: School.watch(WatchRules(notSeenFor: span), person: .elder))
  }

  private func told(_ run: StationRun) -> [String] {
    run.notices.map { "\($0.kind.rawValue) \(Int(StationRun.second($0.detected)))" }
  }

  @Test func `is told once, and again after being seen`() {
    var run = run(.hours(24))
    run.hear(from: 0, for: 30)
    run.tell(.timePasses, at: 5 * 86_400)
    #expect(told(run) == ["arrival 10", "departure 89", "not_seen 86429"])
    run.hear(from: 5 * 86_400, for: 1, signal: -90)
    run.tell(.timePasses, at: 9 * 86_400)
    #expect(told(run).dropFirst(3) == ["not_seen 518400"])
    #expect(run.notices.last?.lastSeen == StationRun.moment(5 * 86_400))
  }

  @Test func `is missed from when the list came, though never heard`() {
    var run = run(.hours(24))
    run.tell(.timePasses, at: 3 * 86_400)
    #expect(told(run) == ["not_seen 86400"])
    #expect(run.notices.allSatisfy { !$0.hasBeenSeen })
  }

  @Test(arguments: [(1.0, 300), (20.0, 300), (60.0, 600)])
  func `is given ten of the tag's own intervals`(interval: Double, expected: Int) throws {
    var run = run(.minutes(5))
    run.hear(from: 0, for: 3000, every: interval)
    let last = StationRun.second(try #require(run.notices.last).lastSeen)
    #expect(last <= 3000)
    run.tell(.timePasses, at: 10_000)
    let notSeen = try #require(run.notices.last { $0.kind == .notSeen })
    let silence = StationRun.second(notSeen.detected) - StationRun.second(notSeen.lastSeen)
    #expect(abs(silence - Double(expected)) <= Double(expected) / 10)
    #expect(run.notices.count { $0.kind == .notSeen } == 1)
  }

  /// Of a tag that was heard often a long silence says more than of one that was hardly ever heard, or not at all.
  @Test(arguments: [(30.0, 1.0, 24.0, 0.9), (4.0, 1.0, 24.0, 0.77), (0.0, 1.0, 24.0, 0.6), (3000.0, 60.0, 0.25, 0.8)])
  func `is surer the oftener the tag was heard and the longer it is silent`(
    heard: Double, every: Double, hours: Double, confidence: Double
  ) throws {
    var run = run(.seconds(Int64(hours * 3600)))
    if heard > 0 { run.hear(from: 0, for: heard, every: every) }
    run.tell(.timePasses, at: 5 * 86_400)
    let notSeen = try #require(run.notices.last)
    #expect(notSeen.kind == .notSeen)
    #expect(abs(notSeen.confidence - confidence) <= 0.001, "\(notSeen.confidence)")
  }

  @Test func `is not missed while the place is blind, nor for that time`() {
    var run = run(.hours(1))
    run.hear(from: 0, for: 1)
    run.tell(.fault("gate-north", .deaf), at: 1000)
    run.tell(.timePasses, at: 9000)
    #expect(told(run) == ["degraded 1305"])
    for second in 0..<5 { run.tell(.alive("gate-north"), at: 10_000 + Double(second)) }
    run.tell(.timePasses, at: 20_000)
    #expect(told(run) == ["degraded 1305", "restored 10302", "not_seen 13602"])
  }

  @Test func `is not missed while the clock is not trusted, but when it is`() {
    var run = run(.hours(1))
    run.hear(from: 0, for: 1)
    let later = StationRun.moment(3000)
    run.tell(.timePasses, at: Moment(monotonic: later.monotonic, wall: later.wall, clock: .unsynchronized))
    let more = StationRun.moment(8000)
    run.tell(.timePasses, at: Moment(monotonic: more.monotonic, wall: more.wall, clock: .unsynchronized))
    #expect(run.notices.isEmpty)
    run.tell(.timePasses, at: 8001)
    #expect(told(run) == ["not_seen 8001"])
  }

  /// The silence that a crash leaves in the ledger is what was saved each hour.
  @Test func `is told although the program crashes each day`() throws {
    var run = run(.hours(24))
    run.hear(from: 0, for: 30)
    var told = run.notices
    var second = 30.0
    for crash in 1...4 {
      second = Double(crash) * 30_000
      run.tell(.timePasses, at: second)
      told += run.notices.dropFirst(crash == 1 ? told.count : 0)
      let states = try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(run.ledger))
      var sequences: [String: UInt64] = [:]
      for notice in told { sequences[notice.subject.text] = notice.sequence }
      let saves = run.saves
      run = StationRun(
        School.plan(), watch: School.watch(WatchRules(notSeenFor: .hours(24)), person: .elder), states: states,
        sequences: sequences, at: StationRun.moment(second), sameBoot: true)
      run.saves = saves + run.saves
    }
    told += run.notices
    #expect(told.map(\.kind) == [.arrival, .departure, .notSeen])
    let last = StationRun.second(try #require(told.last).detected)
    // Each crash may cost the hour since the last save.
    #expect((86_429...86_429 + 4 * 3600.0).contains(last))
  }
}

@Suite struct `A departure` {
  @Test(arguments: [(1.0, 60.0), (5.0, 60.0), (15.0, 150.0), (30.0, 300.0)])
  func `waits for ten of the tag's own intervals`(interval: Double, expected: Double) throws {
    var run = StationRun(WatchedSchool.plan(), watch: WatchedSchool.watch(nil))
    run.hear(from: 0, for: 3000, every: interval)
    run.tell(.timePasses, at: 6000)
    #expect(run.notices.map(\.kind) == [.arrival, .departure])
    let departure = try #require(run.notices.last)
    let silence = StationRun.second(departure.detected) - StationRun.second(departure.lastSeen)
    #expect(abs(silence - expected) <= expected / 10)
  }

  /// Loud to the end and then gone: 0.6 at best.
  @Test(arguments: [(3000.0, 1.0, 0.6), (20.0, 1.0, 0.6), (13.0, 1.0, 0.56)])
  func `is less sure of a tag that was hardly heard`(heard: Double, every: Double, confidence: Double) throws {
    var run = StationRun(WatchedSchool.plan(), watch: WatchedSchool.watch(nil))
    run.hear(from: 0, for: heard, every: every)
    run.tell(.timePasses, at: 6000)
    let departure = try #require(run.notices.last)
    #expect(departure.kind == .departure)
    #expect(abs(departure.confidence - confidence) <= 0.011, "\(departure.confidence)")
  }
}
