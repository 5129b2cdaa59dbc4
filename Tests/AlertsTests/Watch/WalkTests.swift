import Alerts
import Foundation
import Observations
import TestData
import Testing

/// The receiver settings of the example configuration, which were not chosen on any of these walks.
private enum ExamplePlace {
  static let enter: Int8 = -75
  static let dwell = 10.0

  static func rule(_ id: PlaceID, _ sensor: SensorID) -> PlaceRule {
    PlaceRule(
      id: id, name: id.text, sensors: [sensor], enter: enter, leave: -85, sightingsCount: 3, sightingsOf: 5,
      dwell: .seconds(10), goneAfter: .seconds(60))
  }
}

/// The tag that was carried once through a hall, past twelve receivers, in 59 seconds.
private struct RecordedWalk {
  struct Line {
    var second: Double
    var receiver: Int
    var signal: Int8
  }

  /// A line of the recording that is none.
  struct Unreadable: Error {
    let line: String
  }

  let lines: [Line]
  let receivers: [String]

  init() throws {
    let text = try SharedData.text("rssi/straight_01_all_sensors.mbd")
    var raw: [(time: Double, receiver: String, signal: Int8)] = []
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: ",")
      guard fields.count > 3, let time = Double(fields[0]), let signal = Int8(fields[3]) else {
        throw Unreadable(line: String(line))
      }
      raw.append((time, String(fields[1]), signal))
    }
    let receivers = Set(raw.map(\.receiver)).sorted()
    let start = raw.map(\.time).min() ?? 0
    lines = raw.sorted { $0.time < $1.time }.map { line in
      Line(
        second: line.time - start, receiver: receivers.firstIndex(of: line.receiver) ?? 0, signal: line.signal)
    }
    self.receivers = receivers
  }

  /// What each receiver's place tells of these lines.
  func notices(_ lines: some Sequence<Line>) -> [[NoticeKind]] {
    let sensors = receivers.indices.map { SensorID("receiver-\($0)") }
    let places = receivers.indices.map { PlaceID("place-\($0)") }
    let plan = StationPlan(
      gateway: "hall", sensors: sensors.map { SensorPlan(id: $0, name: $0.text, quantity: .beacon) },
      places: zip(places, sensors).map { ExamplePlace.rule($0, $1) })
    let watch = WatchPlan(
      revision: 1, members: [.init(subject: WatchedSchool.child, person: .child, places: places)])
    var run = StationRun(plan, watch: watch)
    for line in lines {
      run.tell(
        .sighting(sensors[line.receiver], WatchedSchool.child, signal: line.signal, battery: nil, button: nil),
        at: line.second)
    }
    run.tell(.timePasses, at: 3600)
    return places.map { place in run.notices.filter { $0.place == place }.map(\.kind) }
  }

  /// Checks what was told of `lines`: at most one visit each, and one wherever the signal stood.
  func check(_ lines: some Sequence<Line>, _ comment: Comment) {
    let told = notices(lines)
    for (receiver, kinds) in told.enumerated() {
      #expect(kinds == [.arrival, .departure] || kinds.isEmpty, "\(comment): receiver \(receiver)")
      guard kinds.isEmpty else { continue }
      let heard = lines.filter { $0.receiver == receiver }.map { SimulatedReport(second: $0.second, signal: $0.signal) }
      #expect(!stood(heard, enter: ExamplePlace.enter, dwell: ExamplePlace.dwell), "\(comment): receiver \(receiver)")
    }
  }
}

@Suite struct `A tag carried through a hall` {
  @Test(.needsSharedData) func `arrives once at each of twelve receivers and departs once`() throws {
    let walk = try RecordedWalk()
    #expect(walk.receivers.count == 12 && walk.lines.count == 1365)
    #expect(walk.notices(walk.lines) == Array(repeating: [.arrival, .departure], count: 12))
    walk.check(walk.lines, "the whole walk")
  }

  @Test(.needsSharedData, arguments: 0..<5)
  func `is told no more often with any beginning cut off`(part: Int) throws {
    let walk = try RecordedWalk()
    for cut in stride(from: part, to: walk.lines.count, by: 5) {
      walk.check(walk.lines.dropFirst(cut), "the first \(cut) lines cut off")
    }
  }

  @Test(.needsSharedData, arguments: 1...100 as ClosedRange<UInt64>)
  func `is told no more often with 30 % of the reports lost`(seed: UInt64) throws {
    let walk = try RecordedWalk()
    var random = SeededGenerator(seed: seed)
    let kept = walk.lines.filter { _ in Int.random(in: 0..<10, using: &random) >= 3 }
    walk.check(kept, "seed \(seed)")
  }
}

@Suite struct `A simulated walk` {
  private func told(_ reports: [SimulatedReport]) -> [NoticeKind] {
    let plan = StationPlan(
      gateway: "hall", sensors: [SensorPlan(id: "gate-north", name: "門", quantity: .beacon)],
      places: [ExamplePlace.rule("gate", "gate-north")])
    var run = StationRun(plan, watch: WatchedSchool.watch(nil))
    for report in reports {
      run.tell(
        .sighting("gate-north", WatchedSchool.child, signal: report.signal, battery: nil, button: nil),
        at: report.second)
    }
    run.tell(.timePasses, at: 100_000)
    return run.notices.map(\.kind)
  }

  @Test(arguments: [(0.5, 0.3), (1.0, 0.0), (1.0, 0.3), (1.0, 0.5), (2.0, 0.0)])
  func `to a gate, where the person stays a minute, is one arrival and one departure`(interval: Double, lost: Double) {
    var random = SeededGenerator(seed: 11)
    let walk = SimulatedWalk(interval: interval, lost: lost)
    for _ in 0..<300 {
      let near = Double.random(in: 1...4, using: &random)
      let reports = walk.reports(for: 120, using: &random) { second in
        second < 30 ? near + (30 - second) * 1.2 : second < 90 ? near : near + (second - 90) * 1.2
      }
      #expect(told(reports) == [.arrival, .departure])
    }
  }

  @Test(arguments: [(0.5, 0.3), (1.0, 0.0), (1.0, 0.3)])
  func `is one visit at most, and one where the signal stood`(interval: Double, lost: Double) {
    var random = SeededGenerator(seed: 12)
    let walk = SimulatedWalk(interval: interval, lost: lost)
    for _ in 0..<300 {
      let (near, speed) = (Double.random(in: 1...20, using: &random), Double.random(in: 0.4...1.5, using: &random))
      let reports = walk.reports(for: 80, using: &random) { second in
        (near * near + pow((second - 40) * speed, 2)).squareRoot()
      }
      let kinds = told(reports)
      #expect(kinds == [.arrival, .departure] || kinds.isEmpty)
      if kinds.isEmpty { #expect(!stood(reports, enter: ExamplePlace.enter, dwell: ExamplePlace.dwell)) }
    }
  }

  /// In the hall of the measurements this is far away; beside a road, a wall between is enough.
  @Test func `that stays 10 dB below the threshold is hardly ever an arrival`() {
    var random = SeededGenerator(seed: 13)
    let walk = SimulatedWalk()
    let distance = pow(10, (-62.5 - Double(ExamplePlace.enter) + 10) / 12.5)
    let arrivals = (0..<300).count { _ in
      told(walk.reports(for: 60, using: &random) { _ in distance }).contains(.arrival)
    }
    #expect(arrivals <= 3)
  }
}
