import Alerts
import Observations
import Testing

/// A postal motorbike with a receiver: who is heard is passed, at the position of that moment.
@Suite struct `A place that moves` {
  private static let child = TestSite.subject(1)
  private static let plan = StationPlan(
    gateway: "bike-7",
    sensors: [
      SensorPlan(id: "ears", name: "受信機", quantity: .beacon),
      SensorPlan(id: "gnss", name: "位置", quantity: .position, staleAfter: .hours(14)),
    ],
    places: [
      PlaceRule(
        id: "bike", name: "郵便バイク7号", sensors: ["ears"], enter: -80, leave: -90, sightingsCount: 2, sightingsOf: 5,
        dwell: .zero, goneAfter: .seconds(60), positionSensor: "gnss")
    ])
  private static let watch = WatchPlan(
    revision: 1, members: [.init(subject: child, person: .child, places: ["bike"])])

  private static func fix(_ latitude: Double) -> PositionFix {
    PositionFix(
      position: Position(latitude: latitude, longitude: 134.8), time: WallTime(milliseconds: 1_795_219_200_000),
      accuracy: Measure(thousandths: 3500))
  }

  private func run() -> StationRun { StationRun(Self.plan, watch: Self.watch) }

  private func hear(_ run: inout StationRun, at second: Double) {
    run.tell(.sighting("ears", Self.child, signal: -70, battery: nil, button: nil), at: second)
  }

  @Test func `a passage carries the position of the moment it was heard`() throws {
    var run = run()
    for second in 0..<30 {
      run.tell(.position("gnss", Self.fix(Double(34700 + second) / 1000)), at: Double(second))
      if (10...14).contains(second) { hear(&run, at: Double(second) + 0.5) }
    }
    run.tell(.timePasses, at: 600)
    #expect(run.notices.map(\.kind) == [.passage])
    let notice = try #require(run.notices.first)
    #expect(StationRun.second(notice.detected) == 11.5)
    #expect(notice.whereabouts == .moving(Self.fix(34.711)))
  }

  @Test func `who is passed again later is told again`() {
    var run = run()
    for second in [10, 11, 100, 101, 102] { hear(&run, at: Double(second)) }
    #expect(run.notices.map(\.kind) == [.passage, .passage])
    #expect(run.notices.map(\.sequence) == [1, 2])
  }

  @Test func `without a fix there is no position, neither the last one nor the board's`() {
    var run = run()
    run.tell(.position("gnss", Self.fix(34.7)), at: 0)
    run.tell(.fault("gnss", FaultCause(rawValue: "no_fix")), at: 1)
    for second in [2.0, 2.5] { hear(&run, at: second) }
    #expect(run.notices.map(\.whereabouts) == [.moving(nil)])
  }

  @Test func `a fix of a while ago was another place`() {
    var run = run()
    run.tell(.position("gnss", Self.fix(34.7)), at: 0)
    for second in [3.5, 4.0] { hear(&run, at: second) }
    #expect(run.notices.map(\.whereabouts) == [.moving(nil)])
  }

  @Test func `where the vehicle is is never an observation`() {
    var run = run()
    for second in 0..<100 { run.tell(.position("gnss", Self.fix(34.7)), at: Double(second)) }
    #expect(!run.observations.isEmpty)
    #expect(run.observations.allSatisfy { $0.value == .receiver(working: true) || $0.sensor == "ears" })
  }
}
