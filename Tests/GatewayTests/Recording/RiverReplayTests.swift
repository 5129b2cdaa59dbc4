import Alerts
import Foundation
import Gateway
import Observations
import TestData
import Testing

/// Public water gauges in floods, replayed: the state told by the messages is the state that was published.
@Suite(.needsSharedData)
struct `The real flood series` {
  static let files = [
    "gauge_1000000107.csv": 181, "gauge_2100000399.csv": 63, "gauge_8600000037.csv": 728, "gauge_8600000238.csv": 45,
  ]

  struct Sample {
    let time: String
    let level: String
    let over: String
  }

  struct Series {
    var samples: [Sample] = []
    /// The thresholds as published: start, warn and flood; empty where the gauge has none.
    var thresholds: [String] = []
  }

  private func series(_ file: String) throws -> [Series] {
    var result: [Series] = []
    for line in try SharedData.text("river/\(file)").split(whereSeparator: \.isNewline).dropFirst() {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
      let thresholds = Array(fields[3...5])
      if result.last?.thresholds != thresholds { result.append(Series(thresholds: thresholds)) }
      result[result.count - 1].samples.append(Sample(time: fields[0], level: fields[1], over: fields[2]))
    }
    return result
  }

  static func levels(_ thresholds: [String]) -> [FloodRule.Level] {
    zip([LadderStep.standby, .caution, .flooding], thresholds).compactMap { step, text in
      guard let value = Double(text), let threshold = Measure(rounding: value, for: .waterLevel) else { return nil }
      return FloodRule.Level(step: step, threshold: threshold)
    }
  }

  /// The published code of a state: a digit a threshold, from the right.
  static func code(_ step: LadderStep?, _ levels: [FloodRule.Level]) -> String {
    guard let step else { return "0" }
    let digits = [LadderStep.standby, .caution, .flooding].map { rung in
      rung <= step && levels.contains { $0.step == rung } ? 1 : 0
    }
    return String(digits[2] * 100 + digits[1] * 10 + digits[0])
  }

  /// Replays lines of one gauge and returns the state after each, from the messages alone.
  static func states(
    _ samples: [(time: String, level: String)], _ levels: [FloodRule.Level], conditioning: ConditioningPlan = .none
  ) throws -> [String] {
    let plan = StationPlan(
      gateway: "g",
      sensors: [
        SensorPlan(
          id: "river-1", name: "川", quantity: .waterLevel, staleAfter: .seconds(60), conditioning: conditioning)
      ],
      floods: [
        FloodRule(
          sensor: "river-1", levels: levels, confirm: .readings(1), releaseMargin: Measure(thousandths: 0),
          releaseHold: .zero)
      ])
    var replayer = Replayer(station: Station(plan: plan, identify: { "g/\($0.ordinal)" }), plan: plan)
    var effects = Effects()
    var step: LadderStep?
    var isProven = true
    return try samples.map { sample in
      let line = #"{"time":"\#(sample.time)","sensor":"river-1","value":\#(sample.level)}"#
      try replayer.feed(line.utf8.span, into: &effects)
      for alert in effects.alerts where alert.kind == .waterLevel {
        step = alert.message == .clear ? nil : alert.step
        isProven = alert.certainty == .observed
      }
      effects.removeAll()
      return isProven ? code(step, levels) : "unproven"
    }
  }

  @Test(arguments: files)
  func `give the published state after every sample`(file: String, count: Int) throws {
    var seen = 0
    for series in try series(file) {
      let states = try Self.states(series.samples.map { ($0.time, $0.level) }, Self.levels(series.thresholds))
      #expect(states == series.samples.map(\.over))
      seen += states.count
    }
    #expect(seen == count)
  }

  /// The plausibility of `examples/sensors/plausibility.toml`.
  private func example() throws -> ConditioningPlan {
    let file = ConfigurationSamples.checkout.appending(path: "examples/sensors/plausibility.toml")
    let check = ConfigurationSamples.check(try String(contentsOf: file, encoding: .utf8))
    return try #require(check.configuration).sensors[0].plan.conditioning
  }

  @Test(arguments: files)
  func `are the same with the example's plausibility, but for a gauge that hangs above its flood level`(
    file: String, count: Int
  ) throws {
    for series in try series(file) {
      let levels = Self.levels(series.thresholds)
      let states = try Self.states(series.samples.map { ($0.time, $0.level) }, levels, conditioning: try example())
      for (state, sample) in zip(states, series.samples) {
        // On that morning the gauge at Hokiwaki gave one value from 04:00 on, 3.6 m above its flood level.
        let hangs = sample.time == "2026-01-28T08:50:00+09:00" && sample.level == "91.19"
        #expect(state == (hangs ? "unproven" : sample.over), "\(file) \(sample.time)")
      }
      if file == "gauge_2100000399.csv" { #expect(states.contains("unproven")) }
    }
  }
}

@Suite struct `Made-up flood series` {
  @Test(arguments: [
    (["1", "2", "3"], ["0.5", "0.99", "1", "0.999", "0.5", "-3"], ["0", "0", "1", "0", "0", "0"]),
    (
      ["-3", "-2", "-0.5"], ["-4", "-3", "-2.5", "-2", "-0.51", "-0.5", "0", "-3.01"],
      ["0", "1", "1", "11", "11", "111", "111", "0"]
    ),
    (["1", "", "3"], ["0", "1", "2.5", "3", "2.99", "0.5", "3.2"], ["0", "1", "1", "101", "1", "0", "101"]),
    (["", "", "0"], ["-0.001", "0", "-0.0", "-1"], ["0", "100", "100", "0"]),
  ])
  func `fall below every threshold, go negative and miss a level`(
    thresholds: [String], values: [String], expected: [String]
  ) throws {
    let samples = values.enumerated().map { index, value in
      (time: "2025-09-24T\(index < 10 ? "0" : "")\(index):00:00+09:00", level: value)
    }
    #expect(try `The real flood series`.states(samples, `The real flood series`.levels(thresholds)) == expected)
  }
}
