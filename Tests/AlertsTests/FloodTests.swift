import Alerts
import Foundation
import Observations
import Testing

@Suite struct `The level ladder` {
  static let levels: [(LadderStep, Double)] = [(.standby, 2), (.caution, 3), (.danger, 4)]

  /// Feeds one reading every ten seconds and returns the messages in short.
  private func messages(_ plan: StationPlan, _ values: [Double]) -> [String] {
    var run = StationRun(plan)
    for (index, value) in values.enumerated() {
      run.tell(.reading("river-1", .metres(value)), at: Double(index) * 10)
    }
    return run.alerts.filter { $0.kind == .waterLevel }.map(\.short)
  }

  @Test(arguments: [
    ([1.999, 2.0], ["raise standby"]),
    ([2.0, 1.999], ["raise standby", "clear standby released"]),
    ([1, 4.0, 4.5], ["raise danger"]),
    ([1, 2, 3, 4], ["raise standby", "update caution step", "update danger step"]),
    ([4, 3, 2, 1], ["raise danger", "update caution step", "update standby step", "clear standby released"]),
    ([4, 1, 4], ["raise danger", "clear standby released", "raise danger"]),
    ([-5, 0, 1.9], []),
  ])
  func `compares inclusively and moves straight to the highest step`(values: [Double], expected: [String]) {
    #expect(messages(TestSite.riverOnly(Self.levels), values) == expected)
  }

  @Test func `works below zero and without the middle level`() {
    let plan = TestSite.riverOnly([(.standby, -2), (.flooding, -0.5)])
    #expect(
      messages(plan, [-3, -2, -1, -0.501, -0.5, 0, -1.9, -2.001])
        == ["raise standby", "update flooding step", "update standby step", "clear standby released"])
  }

  @Test(
    arguments: [
      ([4, 4, 1, 4, 4, 1], []),
      ([4, 4, 4], ["raise danger"]),
      ([2, 4, 4, 4], ["raise standby", "update danger step"]),
      ([4, 2, 4, 2, 4], ["raise standby"]),
      ([3, 4, 3, 4, 4, 4], ["raise caution", "update danger step"]),
    ] as [([Double], [String])])
  func `takes the highest step that all of three readings reached`(values: [Double], expected: [String]) {
    #expect(messages(TestSite.riverOnly(Self.levels, confirm: .readings(3)), values) == expected)
  }

  @Test func `confirms by time from the first reading on`() throws {
    var run = StationRun(TestSite.riverOnly(Self.levels, confirm: .duration(.seconds(10))))
    for second in [0.0, 4, 9.9] { run.tell(.reading("river-1", .metres(3.2)), at: second) }
    #expect(run.alerts.isEmpty)
    run.tell(.reading("river-1", .metres(3.2)), at: 10)
    let alert = try #require(run.alerts.first)
    #expect(alert.short == "raise caution")
    #expect(StationRun.second(alert.onset) == 0)
    #expect(StationRun.second(alert.detected) == 10)
  }

  @Test func `says everything that the contract asks for`() throws {
    var run = StationRun(TestSite.riverOnly(Self.levels, confirm: .readings(3)))
    for second in [0.0, 10, 20] { run.tell(.reading("river-1", .metres(4.12)), at: second) }
    let alert = try #require(run.alerts.first)
    #expect(alert.id == "g/river-1/water_level/\(StationRun.epoch.milliseconds)/1")
    #expect(alert.revision == 1 && alert.sequence == 1 && alert.references.isEmpty)
    #expect(alert.level == 4 && alert.severity == .severe && alert.urgency == .immediate)
    #expect(alert.certainty == .observed && alert.mode == .actual && alert.name == "川")
    #expect(alert.observed?.value == .metres(4.12) && alert.observed?.threshold == .metres(4))
    #expect(alert.expires == alert.detected.wall + .hours(2))
  }

  @Test func `leaves a step below the margin and after the hold`() {
    let plan = TestSite.riverOnly(Self.levels, margin: 0.1, hold: .minutes(10))
    var run = StationRun(plan)
    run.tell(.reading("river-1", .metres(3)), at: 0)
    // Within the margin it stays for ever.
    for second in stride(from: 10.0, to: 1800, by: 10) { run.tell(.reading("river-1", .metres(2.9)), at: second) }
    #expect(run.alerts.map(\.short) == ["raise caution"])
    // Below it the hold begins, and a wave that reaches the margin again breaks it.
    for second in stride(from: 1800.0, to: 2390, by: 10) { run.tell(.reading("river-1", .metres(2.8)), at: second) }
    run.tell(.reading("river-1", .metres(2.9)), at: 2390)
    for second in stride(from: 2400.0, to: 3000, by: 10) { run.tell(.reading("river-1", .metres(2.8)), at: second) }
    #expect(run.alerts.map(\.short) == ["raise caution"])
    run.tell(.reading("river-1", .metres(2.8)), at: 3000)
    #expect(run.alerts.map(\.short) == ["raise caution", "update standby step"])
  }

  @Test func `is one alert for a thousand waves over a threshold`() {
    var run = StationRun(TestSite.riverOnly(Self.levels, confirm: .readings(3), margin: 0.1, hold: .minutes(10)))
    for wave in 0..<1000 {
      for step in 0..<6 {
        let height = [3.02, 3.05, 3.01, 2.96, 2.85, 2.97][step]
        run.tell(.reading("river-1", .metres(height)), at: Double(wave * 6 + step) * 10)
      }
    }
    #expect(run.alerts.filter { $0.message == .raise }.count == 1)
    #expect(run.alerts.filter { $0.reason == "step" || $0.message == .clear }.isEmpty)
  }

  @Test func `does not confirm with what cannot be believed`() {
    let plan = TestSite.riverOnly(Self.levels, confirm: .readings(3), range: .metres(-1)...(.metres(10)))
    var run = StationRun(plan)
    run.tell(.reading("river-1", .metres(4)), at: 0)
    run.tell(.reading("river-1", .metres(4)), at: 10)
    run.tell(.reading("river-1", .metres(99)), at: 20)
    run.tell(.reading("river-1", .metres(4)), at: 30)
    run.tell(.reading("river-1", .metres(4)), at: 40)
    #expect(run.alerts.isEmpty)
    run.tell(.reading("river-1", .metres(4)), at: 50)
    #expect(run.alerts.map(\.short) == ["raise danger"])
  }

  @Test func `is not held up by a lost answer`() {
    var run = StationRun(TestSite.riverOnly(Self.levels, confirm: .readings(3)))
    run.tell(.reading("river-1", .metres(4)), at: 0)
    run.tell(.fault("river-1", .timeout), at: 10)
    run.tell(.reading("river-1", .metres(4)), at: 20)
    run.tell(.fault("river-1", .garbledReply), at: 30)
    run.tell(.reading("river-1", .metres(4)), at: 40)
    #expect(run.alerts.map(\.short) == ["raise danger"])
  }

  @Test func `renews before it expires and keeps the whole chain`() throws {
    var run = StationRun(TestSite.riverOnly(Self.levels, staleAfter: nil))
    run.tell(.reading("river-1", .metres(3.3)), at: 0)
    run.tell(.timePasses, at: 4 * 3600)
    #expect(run.alerts.map(\.short) == ["raise caution", "update caution renewed", "update caution renewed"])
    #expect(run.alerts.map { StationRun.second($0.detected) } == [0, 5400, 10800])
    let last = try #require(run.alerts.last)
    #expect(last.references.map(\.revision) == [1, 2])
    #expect(last.references.map(\.sent) == run.alerts.dropLast().map(\.detected.wall))
    #expect(last.observed?.value == .metres(3.3))
    #expect(run.station.activeAlerts == [last])
    run.tell(.timePasses, at: 30 * 24 * 3600)
    let late = try #require(run.alerts.last)
    #expect(late.revision == 481)
    #expect(late.references.map(\.revision) == Array(1...480))
    #expect(late.references.map(\.sent) == run.alerts.dropLast().map(\.detected.wall))
    run.tell(.timePasses, at: 60 * 24 * 3600)
    let longer = try #require(run.alerts.last)
    #expect(longer.references.count == ReferenceChain.limit)
    #expect(longer.references.first?.revision == 1)
    #expect(longer.references.suffix(719).map(\.revision) == Array(longer.revision - 719..<longer.revision))
  }

  @Test func `keeps the chain of a month in a few kilobytes, and reads the list of older records`() throws {
    var generator = SeededGenerator(seed: 9)
    var sent = StationRun.moment(0).wall
    var revision = 0
    var list: [Alert.Reference] = []
    for _ in 0..<480 {
      // A clock may be set back between two messages, and a revision may be missing.
      sent = sent + .milliseconds(Int64.random(in: -3_600_000...5_400_000, using: &generator))
      revision += Int.random(in: 1...10, using: &generator) == 1 ? 2 : 1
      list.append(.init(revision: revision, sent: sent))
    }
    let chain = ReferenceChain(list)
    let text = try JSONEncoder().encode([chain])
    #expect(text.count < 4096)
    #expect(try JSONDecoder().decode([ReferenceChain].self, from: text) == [chain])
    #expect(Array(try JSONDecoder().decode([ReferenceChain].self, from: JSONEncoder().encode([list]))[0]) == list)
    #expect(try JSONDecoder().decode([ReferenceChain].self, from: Data(#"[""]"#.utf8)) == [[]])
    for broken in [#"["1 ?"]"#, #"["1:2:3"]"#, #"["-:1"]"#, #"["1y2p0ij32e8e7 1y2p0ij32e8e7"]"#, "[7]"] {
      #expect(throws: DecodingError.self) {
        try JSONDecoder().decode([ReferenceChain].self, from: Data(broken.utf8))
      }
    }
  }
}
