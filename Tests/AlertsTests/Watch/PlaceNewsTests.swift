import Alerts
import Foundation
import Observations
import Testing

/// What families are told of a place whose receivers fail; they cannot read the place's own state.
@Suite struct `A family whose place is watched badly` {
  private static let plan = StationPlan(
    gateway: "kakogawa-042", sensors: TestSite.sensors.filter { $0.quantity == .beacon }, places: [TestSite.gate])
  private static let watch = TestSite.watch(3)

  private func told(_ notices: [Notice]) -> [String] {
    notices.map { "\($0.kind.rawValue) \(Int(StationRun.second($0.detected))) \($0.subject)" }
  }

  private func all(_ words: String...) -> [String] {
    words.flatMap { word in Self.watch.members.map { "\(word) \($0.subject)" } }
  }

  private static func revive(_ run: inout StationRun, _ sensor: SensorID, at second: Double) {
    for moment in 0..<3 { run.tell(.alive(sensor), at: second + Double(moment)) }
  }

  @Test func `is told once when that lasts, and once when it is over`() {
    var run = StationRun(Self.plan, watch: Self.watch)
    run.tell(.fault("gate-north", .deaf), at: 1000)
    run.tell(.timePasses, at: 1304)
    #expect(run.notices.isEmpty)
    // That the second one fails too is no news.
    run.tell(.fault("gate-south", .portLost), at: 1304)
    run.tell(.timePasses, at: 9000)
    #expect(told(run.notices) == all("degraded 1305"))
    Self.revive(&run, "gate-south", at: 9000)
    run.tell(.timePasses, at: 12_000)
    #expect(run.notices.count == 3)
    Self.revive(&run, "gate-north", at: 12_000)
    run.tell(.timePasses, at: 90_000)
    #expect(told(run.notices) == all("degraded 1305", "restored 12302"))
    #expect(run.notices.map(\.sequence) == [1, 1, 1, 2, 2, 2])
    #expect(run.notices.allSatisfy { $0.place == TestSite.gate.id && !$0.hasBeenSeen })
  }

  @Test func `is told a few at a time, each once, also over a stop in between`() throws {
    let watch = TestSite.watch(1000)
    var run = StationRun(Self.plan, watch: watch)
    run.tell(.fault("gate-north", .deaf), at: 1000)
    var most = 0
    func wake(_ run: inout StationRun, to end: Double) {
      while let due = run.station.nextDeadline {
        let second = (due - StationRun.moment(0).monotonic).seconds
        guard second <= end else { return }
        most = max(most, run.tell(.timePasses, at: second).notices.count)
      }
    }
    wake(&run, to: 1305.4)
    #expect((200...300).contains(run.notices.count))
    var next = StationRun(
      Self.plan, watch: watch, states: run.ledger, sequences: run.sequences, at: StationRun.moment(1305.5),
      sameBoot: true)
    wake(&next, to: 1320)
    let told = (run.notices + next.notices).map(\.subject)
    #expect(told.count == 1000 && Set(told).count == 1000)
    #expect((run.notices + next.notices).allSatisfy { $0.kind == .degraded })
    #expect(most == 50)
  }

  @Test func `hears nothing of a moment's failure, nor of a moment's recovery`() {
    var run = StationRun(Self.plan, watch: Self.watch)
    for start in stride(from: 1000.0, to: 5000, by: 1000) {
      run.tell(.fault("gate-north", .deaf), at: start)
      Self.revive(&run, "gate-north", at: start + 290)
    }
    run.tell(.timePasses, at: 6000)
    #expect(run.notices.isEmpty)
    run.tell(.fault("gate-north", .deaf), at: 7000)
    run.tell(.timePasses, at: 7400)
    Self.revive(&run, "gate-north", at: 7500)
    run.tell(.fault("gate-north", .deaf), at: 7600)
    run.tell(.timePasses, at: 20_000)
    #expect(told(run.notices) == all("degraded 7305"))
  }

  /// After a crash there is what was saved as it happened; after a stop there is everything.
  @Test(arguments: [900, 1001, 1100, 1304, 1306, 5000, 9001, 9100, 9301, 9303, 9500] as [Double], [true, false])
  func `is told the same though the program stops at any time`(stop: Double, isClean: Bool) throws {
    let events: [(Double, StationInput)] =
      [(1000, .fault("gate-north", .deaf)), (2000, .timePasses)]
      + (0..<3).map { (9000 + Double($0), .alive("gate-north")) } + [(20_000, .timePasses)]
    var run = StationRun(Self.plan, watch: Self.watch)
    for (second, input) in events where second < stop { run.tell(input, at: second) }
    run.tell(.timePasses, at: stop)
    let states = isClean ? run.station.snapshot(at: StationRun.moment(stop)) : run.ledger
    let stored = try JSONDecoder().decode(
      [SavedState].self, from: JSONEncoder().encode(states.filter { !$0.isForgotten }))
    var next = StationRun(
      Self.plan, watch: Self.watch, states: stored, sequences: run.sequences, at: StationRun.moment(stop),
      sameBoot: true)
    for (second, input) in events where second >= stop { next.tell(input, at: second) }
    let told = (run.notices + next.notices).map { "\($0.kind.rawValue) \($0.sequence) \($0.subject)" }
    let isForgotten = !isClean && (stop == 1001 || stop == 9001)
    if isForgotten {
      // A failure that was not yet declared, or a receiver that was not yet believed, is counted anew.
      #expect(told.count <= 6 && told == Array(all("degraded 1", "restored 2").prefix(told.count)))
    } else {
      #expect(told == all("degraded 1", "restored 2"))
    }
  }
}
