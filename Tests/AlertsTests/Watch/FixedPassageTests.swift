import Alerts
import Observations
import Testing

@Suite struct `Passing a place that stands still` {
  private func run(passages: Bool = true) -> StationRun {
    StationRun(WatchedSchool.plan(passages: passages), watch: WatchedSchool.watch(nil))
  }

  private func pass(_ run: inout StationRun, at start: Double) {
    for (second, signal) in ([-84, -79, -74, -68, -64, -67, -73, -80, -84] as [Int8]).enumerated() {
      run.hear(from: start + Double(second), for: 1, signal: signal)
    }
  }

  @Test func `is told when it is over, with the time when it was near`() throws {
    var run = run()
    pass(&run, at: 100)
    run.tell(.timePasses, at: 167)
    #expect(run.notices.isEmpty)
    run.tell(.timePasses, at: 1000)
    #expect(run.notices.map(\.kind) == [.passage])
    let passage = try #require(run.notices.first)
    #expect(StationRun.second(passage.detected) == 168 && StationRun.second(passage.lastSeen) == 108)
    #expect(passage.whereabouts == .fixed && (0.5...0.75).contains(passage.confidence))
  }

  @Test func `is not told where nobody asked for it`() {
    var run = run(passages: false)
    pass(&run, at: 100)
    run.tell(.timePasses, at: 1000)
    #expect(run.notices.isEmpty)
  }

  @Test func `is not told of who was hardly heard`() {
    var run = run()
    for second in 0..<600 { run.hear(from: Double(second), for: 1, signal: second % 5 == 0 ? -74 : -80) }
    run.tell(.timePasses, at: 1000)
    #expect(run.notices.isEmpty)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `is never told beside an arrival of the same visit`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var run = run()
    var second = 0.0
    for _ in 0..<40 {
      let visit = Int.random(in: 1...40, using: &random)
      let before = run.notices.count
      for _ in 0..<visit {
        second += Double.random(in: 0.4...2.5, using: &random)
        run.hear(from: second, for: 0.1, signal: Int8.random(in: -84 ... -60, using: &random))
      }
      second += 100
      run.tell(.timePasses, at: second)
      let kinds = run.notices.dropFirst(before).map(\.kind)
      #expect(kinds == [.arrival, .departure] || kinds == [.passage] || kinds.isEmpty)
    }
    #expect(Set(run.notices.map(\.kind)) == [.arrival, .departure, .passage])
  }

  @Test func `is not over while the place is blind`() {
    var run = run()
    pass(&run, at: 100)
    run.tell(.fault("gate-north", .deaf), at: 120)
    run.tell(.timePasses, at: 1000)
    #expect(run.notices.map(\.kind) == [.degraded])
    for second in 0..<5 { run.tell(.alive("gate-north"), at: 1000 + Double(second)) }
    run.tell(.timePasses, at: 2000)
    #expect(run.notices.map(\.kind) == [.degraded, .passage, .restored])
  }
}
