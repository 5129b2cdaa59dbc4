import Alerts
import Observations
import Testing

@Suite struct `A watched place` {
  static let child = TestSite.subject(1)

  private func run(_ people: Int = 3) -> StationRun {
    StationRun(TestSite.plan, watch: TestSite.watch(people))
  }

  /// Hears the child once a second from `start` on, `signal` telling how strongly.
  private func hear(
    _ run: inout StationRun, _ start: Int, _ count: Int, at sensor: SensorID = "gate-north", _ signal: (Int) -> Int8
  ) {
    for second in 0..<count {
      run.tell(
        .sighting(sensor, Self.child, signal: signal(second), battery: nil, button: nil), at: Double(start + second))
    }
  }

  @Test func `tells an arrival and a departure once each`() throws {
    var run = run()
    hear(&run, 0, 120) { _ in -65 }
    run.tell(.timePasses, at: 400)
    #expect(run.notices.map(\.kind) == [.arrival, .departure])
    #expect(run.notices.map(\.sequence) == [1, 2])
    let (arrival, departure) = (try #require(run.notices.first), try #require(run.notices.last))
    #expect(StationRun.second(arrival.detected) == 10 && StationRun.second(arrival.lastSeen) == 10)
    #expect(StationRun.second(departure.detected) == 179 && StationRun.second(departure.lastSeen) == 119)
    #expect(arrival.subject == Self.child && arrival.place == "school-7-gate" && arrival.sensor == "gate-north")
    #expect(arrival.placeName == "国包小学校 正門" && arrival.person == .child)
    #expect(arrival.id != departure.id && arrival.revision == 1)
    #expect((0.9...1).contains(arrival.confidence) && (0.5...0.7).contains(departure.confidence))
  }

  @Test func `does not flicker at the edge`() {
    for seed in 1...20 as ClosedRange<UInt64> {
      var random = SeededGenerator(seed: seed)
      var run = run()
      hear(&run, 0, 1800) { _ in Int8.random(in: -84 ... -66, using: &random) }
      #expect(run.notices.map(\.kind) == [.arrival])
    }
  }

  @Test func `does not greet who only passes`() {
    var run = run()
    for pass in 0..<20 {
      hear(&run, pass * 300, 9) { second in [-84, -79, -74, -68, -64, -67, -73, -80, -84][second] }
    }
    run.tell(.timePasses, at: 7200)
    #expect(run.notices.isEmpty)
  }

  @Test func `does not greet who stays on the far side of the road`() {
    var run = run()
    hear(&run, 0, 600) { second in second % 5 == 0 ? -74 : -80 }
    #expect(run.notices.isEmpty)
  }

  @Test func `does not send away who is covered for a minute`() {
    var run = run()
    hear(&run, 0, 30) { _ in -65 }
    hear(&run, 88, 30) { _ in -65 }
    hear(&run, 176, 30) { _ in -65 }
    #expect(run.notices.map(\.kind) == [.arrival])
    run.tell(.timePasses, at: 264)
    #expect(run.notices.map(\.kind) == [.arrival])
    run.tell(.timePasses, at: 265)
    #expect(run.notices.map(\.kind) == [.arrival, .departure])
  }

  @Test func `does not keep who is heard only faintly`() throws {
    var run = run()
    hear(&run, 0, 30) { _ in -65 }
    hear(&run, 30, 120) { _ in -90 }
    #expect(run.notices.map(\.kind) == [.arrival, .departure])
    let departure = try #require(run.notices.last)
    #expect(StationRun.second(departure.detected) == 89)
    #expect(departure.confidence == 0.95)
  }

  @Test func `counts only what is heard without a long silence between`() {
    var run = run()
    for visit in 0..<10 { hear(&run, visit * 100, 2) { _ in -60 } }
    #expect(run.notices.isEmpty)
  }

  @Test func `counts one advertisement heard by two receivers once`() {
    var run = run()
    for second in 0..<30 {
      let time = Double(second)
      run.tell(.sighting("gate-south", Self.child, signal: -82, battery: nil, button: nil), at: time)
      run.tell(.sighting("gate-north", Self.child, signal: -66, battery: nil, button: nil), at: time + 0.002)
    }
    #expect(run.notices.map(\.kind) == [.arrival])
    #expect(run.notices.map { StationRun.second($0.detected) } == [10])
  }

  @Test func `misses nobody in a crowd of 300 with a third of the reports lost`() {
    var random = SeededGenerator(seed: 7)
    var run = run(300)
    for second in 0..<120 {
      for person in 0..<300 where Int.random(in: 0..<10, using: &random) >= 3 {
        let signal = Int8.random(in: -76 ... -60, using: &random)
        run.tell(
          .sighting("gate-north", TestSite.subject(person), signal: signal, battery: nil, button: nil),
          at: Double(second) + Double(person) / 300)
      }
    }
    #expect(Set(run.notices.map(\.subject)).count == 300)
    #expect(run.notices.allSatisfy { $0.kind == .arrival && $0.sequence == 1 })
    #expect(run.notices.count == 300)
    run.tell(.timePasses, at: 300)
    #expect(run.notices.count == 600)
    #expect(run.notices.dropFirst(300).allSatisfy { $0.kind == .departure && $0.sequence == 2 })
  }

  @Test func `sends nobody away while it is blind`() throws {
    var run = run()
    hear(&run, 0, 30) { _ in -65 }
    func told() -> [NoticeKind] { run.notices.filter { $0.subject == Self.child }.map(\.kind) }
    run.tell(.fault("gate-north", .deaf), at: 30)
    run.tell(.fault("gate-south", .portLost), at: 40)
    run.tell(.timePasses, at: 3600)
    #expect(told() == [.arrival, .degraded])
    #expect(run.places.map(\.state) == [.watching, .degraded, .blind])
    #expect(run.places.map { StationRun.second($0.since) } == [0, 35, 45])
    #expect(run.alerts.filter { $0.kind == .blind }.map(\.fault) == [.deaf, .portLost])
    // Watching again: silence counts from here.
    for second in 0..<3 { run.tell(.alive("gate-south"), at: Double(3600 + second)) }
    #expect(run.places.last?.state == .degraded)
    run.tell(.timePasses, at: 3661)
    #expect(told() == [.arrival, .degraded])
    run.tell(.timePasses, at: 3662)
    #expect(told() == [.arrival, .degraded, .departure])
    for second in 0..<3 { run.tell(.alive("gate-north"), at: Double(3700 + second)) }
    #expect(run.places.last?.state == .watching)
    let cleared = try #require(run.alerts.last)
    #expect(cleared.short == "clear blind recovered")
  }

  @Test func `keeps the state of those who stay on a new list`() {
    var run = run(3)
    for second in 0..<15 {
      for person in 0..<3 {
        run.tell(
          .sighting("gate-north", TestSite.subject(person), signal: -60, battery: nil, button: nil),
          at: Double(second))
      }
    }
    #expect(run.notices.count == 3)
    let effects = run.tell(
      .watch(WatchPlan(revision: 2, members: [TestSite.member(9), TestSite.member(2)])), at: 20)
    #expect(
      effects.saves.filter(\.isForgotten).map(\.key).sorted()
        == [0, 1].map {
          "presence/school-7-gate/\(TestSite.subject($0).text)"
        })
    run.tell(.timePasses, at: 200)
    #expect(run.notices.dropFirst(3).map(\.subject) == [TestSite.subject(2)])
    #expect(run.notices.last?.kind == .departure)
    // Who was taken off and comes back starts anew, and its numbers go on.
    run.tell(.watch(TestSite.watch(3)), at: 300)
    for second in 300..<315 {
      run.tell(.sighting("gate-north", TestSite.subject(0), signal: -60, battery: nil, button: nil), at: Double(second))
    }
    #expect(run.notices.last?.kind == .arrival)
    #expect(run.notices.last?.sequence == 2)
  }

  @Test func `knows nobody who is not on the list`() {
    var run = run(1)
    hear(&run, 0, 100) { _ in -50 }
    #expect(run.notices.isEmpty)
    #expect(run.saves.allSatisfy { !$0.key.hasPrefix("presence") })
  }
}
