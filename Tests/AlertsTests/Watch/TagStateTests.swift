import Alerts
import Foundation
import Observations
import Testing

/// A gateway with two places that are far apart, and a receiver of both in none.
private enum TwoGates {
  static let child = TestSite.subject(1)
  static let guest = TestSite.subject(2)
  static let other = TestSite.subject(77)

  static func plan(apart: Bool = true) -> StationPlan {
    func place(_ id: PlaceID, _ sensor: SensorID, apartFrom: [PlaceID]) -> PlaceRule {
      PlaceRule(
        id: id, name: "門 \(id.text)", sensors: [sensor], enter: -75, leave: -85, sightingsCount: 3, sightingsOf: 5,
        dwell: .seconds(10), goneAfter: .seconds(60), apartFrom: apartFrom)
    }
    return StationPlan(
      gateway: "kakogawa-042",
      sensors: [
        SensorPlan(id: "front-1", name: "表", quantity: .beacon), SensorPlan(id: "back-1", name: "裏", quantity: .beacon),
      ],
      places: [place("front", "front-1", apartFrom: apart ? ["back"] : []), place("back", "back-1", apartFrom: [])],
      zone: WatchedTime.tokyo)
  }

  static let watch = WatchPlan(
    revision: 1,
    members: [
      .init(subject: child, person: .child, places: ["front", "back"]),
      .init(subject: guest, person: .elder, places: ["back"]),
    ])

  static func run(apart: Bool = true) -> StationRun { StationRun(plan(apart: apart), watch: watch) }
}

extension StationRun {
  fileprivate func told(_ kinds: Set<NoticeKind>) -> [String] {
    notices.filter { kinds.contains($0.kind) }.map {
      "\($0.kind.rawValue) \($0.place.text) \(Int(StationRun.second($0.detected)))"
    }
  }

  fileprivate mutating func sight(
    _ subject: SubjectID = TwoGates.child, _ sensor: SensorID = "front-1", _ signal: Int8 = -90,
    battery: UInt8? = nil, button: Bool? = nil, at second: Double
  ) {
    tell(.sighting(sensor, subject, signal: signal, battery: battery, button: button), at: second)
  }

  /// Crashes, and goes on at `second` with what the ledger holds.
  fileprivate func afterCrash(at second: Double, sameBoot: Bool = true) throws -> StationRun {
    let states = try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(ledger))
    var moment = StationRun.moment(second)
    if !sameBoot {
      moment = Moment(monotonic: MonotonicTime(nanoseconds: 9_000_000_000), wall: moment.wall, clock: moment.clock)
    }
    return StationRun(
      TwoGates.plan(), watch: TwoGates.watch, states: states, sequences: sequences, at: moment, sameBoot: sameBoot)
  }
}

@Suite struct `A tag's button` {
  @Test func `calls at once, also from far away and where its person is not watched over`() throws {
    var run = TwoGates.run()
    run.sight(button: true, at: 5)
    #expect(run.told([.sos]) == ["sos front 5"])
    run.sight(TwoGates.guest, button: true, at: 6)
    #expect(run.told([.sos]) == ["sos front 5", "sos front 6"])
    let call = try #require(run.notices.last)
    #expect(call.person == .elder && call.sensor == "front-1" && call.confidence == 1 && call.sequence == 1)
  }

  @Test func `calls once however long it is held and wherever it is heard`() {
    var run = TwoGates.run()
    for second in 0..<600 {
      run.sight(button: true, at: Double(second))
      run.sight(TwoGates.child, "back-1", button: true, at: Double(second) + 0.01)
    }
    #expect(run.told([.sos]) == ["sos front 0"])
  }

  @Test func `calls again when it is pressed again`() {
    var run = TwoGates.run()
    for second in 0..<5 { run.sight(button: true, at: Double(second)) }
    for second in 5..<100 { run.sight(button: false, at: Double(second)) }
    run.sight(button: true, at: 100)
    #expect(run.told([.sos]) == ["sos front 0", "sos front 100"])
  }

  @Test func `calls again after a silence that may have been a release`() {
    var run = TwoGates.run()
    run.sight(button: true, at: 0)
    run.sight(button: true, at: 59)
    run.sight(button: true, at: 120)
    #expect(run.told([.sos]) == ["sos front 0", "sos front 120"])
  }

  @Test func `that flutters does not call each second, nor does a second tag of the same person`() {
    var run = TwoGates.run()
    for second in 0..<600 { run.sight(button: second % 2 == 0, at: Double(second)) }
    #expect(run.told([.sos]) == ["sos front 0"])
  }

  @Test func `is nobody's if the tag is nobody's`() {
    var run = TwoGates.run()
    run.sight(TwoGates.other, button: true, at: 0)
    #expect(run.notices.isEmpty)
  }

  @Test(arguments: [true, false])
  func `held through a crash calls no second time, and pressed days after does`(sameBoot: Bool) throws {
    var run = TwoGates.run()
    run.sight(button: true, at: 100)
    var next = try run.afterCrash(at: 110, sameBoot: sameBoot)
    let start =
      sameBoot
      ? StationRun.moment(110)
      : Moment(
        monotonic: MonotonicTime(nanoseconds: 9_000_000_000), wall: StationRun.moment(110).wall, clock: .synchronized)
    next.tell(
      .sighting("front-1", TwoGates.child, signal: -60, battery: nil, button: true), at: start.advanced(by: .seconds(1))
    )
    #expect(next.notices.isEmpty)
    var later = try run.afterCrash(at: 300_000)
    later.sight(button: true, at: 300_001)
    #expect(later.notices.map(\.kind) == [.sos])
    #expect(later.notices.map(\.sequence) == [2])
  }
}

@Suite struct `A tag's battery` {
  @Test func `is told when it is low, and once a week as long as it is`() {
    var run = TwoGates.run()
    for day in 0..<20 { run.sight(battery: UInt8(25 - day), at: Double(day) * 86_400) }
    #expect(run.told([.tagBattery]) == [5, 12, 19].map { "tag_battery front \($0 * 86_400)" })
  }

  @Test func `is not told again and again at the edge`() {
    var run = TwoGates.run()
    for hour in 0..<24 * 30 { run.sight(battery: hour % 2 == 0 ? 20 : 29, at: Double(hour) * 3600) }
    #expect(run.told([.tagBattery]).count == 5)
    run.sight(battery: 30, at: 40 * 86_400)
    run.sight(battery: 29, at: 50 * 86_400)
    #expect(run.told([.tagBattery]).count == 5)
  }

  @Test func `is remembered over a crash`() throws {
    var run = TwoGates.run()
    run.sight(battery: 9, at: 0)
    var next = try run.afterCrash(at: 86_400)
    next.sight(battery: 9, at: 86_401)
    next.sight(battery: 9, at: 7 * 86_400 - 1)
    #expect(next.notices.isEmpty)
    next.sight(battery: 9, at: 7 * 86_400)
    #expect(next.notices.map(\.kind) == [.tagBattery])
  }
}

@Suite struct `A copied tag` {
  @Test func `is suspected when it is strong at two far places at once, once a day`() {
    var run = TwoGates.run()
    for second in 0..<200_000 where second % 600 < 20 {
      run.sight(TwoGates.child, "front-1", -65, at: Double(second))
      run.sight(TwoGates.child, "back-1", -65, at: Double(second) + 0.5)
    }
    let told = run.notices.filter { $0.kind == .suspectedCopy }.map { StationRun.second($0.detected) }
    #expect(told == [1.5, 86_401.5, 172_801.5])
  }

  @Test func `is not suspected of who goes from one place to the other, or is heard faintly at both`() {
    var run = TwoGates.run()
    for second in 0..<600 {
      // A quarter of a minute here, five seconds of running, and then there.
      guard second % 20 < 15 else { continue }
      let isFront = second % 40 < 20
      run.sight(TwoGates.child, isFront ? "front-1" : "back-1", -65, at: Double(second))
      run.sight(TwoGates.child, isFront ? "back-1" : "front-1", -80, at: Double(second) + 0.3)
    }
    #expect(run.told([.suspectedCopy]).isEmpty)
  }

  @Test func `is not suspected where nobody said that the places are apart`() {
    var run = TwoGates.run(apart: false)
    for second in 0..<60 {
      run.sight(TwoGates.child, "front-1", -65, at: Double(second))
      run.sight(TwoGates.child, "back-1", -65, at: Double(second) + 0.5)
    }
    #expect(run.told([.suspectedCopy]).isEmpty)
  }
}

@Suite struct `A search` {
  private func search(_ subject: SubjectID, until: Double, _ number: String = "加古川署 26-118") -> StationInput {
    .asked(
      .search(
        WatchSearch(subject: subject, person: .elder, searchCase: number, until: StationRun.moment(until).wall)))
  }

  @Test(arguments: [TwoGates.child, TwoGates.other])
  func `tells at once where its person is heard, then each five minutes, until its end`(subject: SubjectID) throws {
    var run = TwoGates.run()
    run.tell(search(subject, until: 1000), at: 0)
    for second in 100..<2000 { run.sight(subject, at: Double(second)) }
    #expect(run.told([.found]) == ["found front 100", "found front 400", "found front 700"])
    #expect(run.notices.allSatisfy { $0.searchCase == "加古川署 26-118" })
    #expect(run.notices.map(\.sequence) == [1, 2, 3])
    #expect(run.notices.map(\.person) == Array(repeating: subject == TwoGates.child ? .child : .elder, count: 3))
  }

  @Test func `tells at once at another place`() {
    var run = TwoGates.run()
    run.tell(search(TwoGates.other, until: 1000), at: 0)
    for second in 0..<120 {
      run.sight(TwoGates.other, second % 20 < 10 ? "front-1" : "back-1", at: Double(second))
    }
    #expect(run.told([.found]) == ["found front 0", "found back 10"])
  }

  @Test func `lasts a day at most, and is not begun after its end or beside too many`() {
    var run = TwoGates.run()
    run.tell(search(TwoGates.other, until: 30 * 86_400), at: 0)
    run.tell(search(TwoGates.other, until: 86_400 + 50), at: 0)
    #expect(run.answers.map(\.result) == [.refused(.tooLong), .done])
    run.sight(TwoGates.other, at: 86_399)
    run.sight(TwoGates.other, at: 86_400)
    #expect(run.told([.found]) == ["found front 86399"])
    run.tell(search(TwoGates.other, until: 5), at: 86_500)
    #expect(run.answers.last?.result == .refused(.over))
    for number in 100..<120 { run.tell(search(TestSite.subject(number), until: 100_000), at: 86_500) }
    #expect(run.answers.suffix(20).count { $0.result == .done } == 16)
    #expect(run.answers.suffix(4).allSatisfy { $0.result == .refused(.tooMany) })
  }

  @Test func `goes on after a crash`() throws {
    var run = TwoGates.run()
    run.tell(search(TwoGates.other, until: 1000), at: 0)
    run.sight(TwoGates.other, at: 10)
    var next = try run.afterCrash(at: 100)
    next.sight(TwoGates.other, at: 200)
    #expect(next.notices.isEmpty)
    next.sight(TwoGates.other, at: 310)
    next.sight(TwoGates.other, at: 1000)
    #expect(next.told([.found]) == ["found front 310"])
    #expect(next.notices.map(\.sequence) == [2])
  }
}
