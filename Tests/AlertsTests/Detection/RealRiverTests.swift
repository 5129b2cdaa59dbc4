import Alerts
import Foundation
import Observations
import TestData
import Testing

/// Public gauges in real floods, judged with the confirmation, margin and hold of the example configuration.
@Suite(.needsSharedData)
struct `Real floods` {
  static let files = [
    "gauge_1000000107.csv", "gauge_2100000399.csv", "gauge_8600000037.csv", "gauge_8600000238.csv",
  ]

  struct Sample {
    let second: Double
    let level: Double
  }

  private static func series(_ file: String) throws -> (samples: [Sample], levels: [FloodRule.Level]) {
    var samples: [Sample] = []
    var levels: [FloodRule.Level] = []
    var start: WallTime?
    for line in try SharedData.text("river/\(file)").split(whereSeparator: \.isNewline).dropFirst() {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
      let time = try #require(WallTime(rfc3339: fields[0]))
      start = start ?? time
      samples.append(Sample(second: (time - start!).seconds, level: try #require(Double(fields[1]))))
      levels = zip([LadderStep.standby, .caution, .flooding], fields[3...5]).compactMap { step, text in
        Double(text).map { FloodRule.Level(step: step, threshold: .metres($0)) }
      }
    }
    return (samples, levels)
  }

  private static func plan(_ levels: [FloodRule.Level], staleAfter: TimeSpan?) -> StationPlan {
    StationPlan(
      gateway: "g",
      sensors: [
        SensorPlan(
          id: "river-1", name: "川", quantity: .waterLevel, staleAfter: staleAfter,
          conditioning: ConditioningPlan(stuckAfter: .hours(4)))
      ],
      floods: [
        FloodRule(
          sensor: "river-1", levels: levels, confirm: .readings(3), releaseMargin: .metres(0.1),
          releaseHold: .minutes(10), rise: .init(by: .metres(0.5), within: .minutes(10), severity: .severe),
          forecast: .hours(1))
      ])
  }

  /// How often the water came up to each level from below its release, by the series alone.
  private static func crossings(_ samples: [Sample], _ levels: [FloodRule.Level]) -> [LadderStep: Int] {
    var counts: [LadderStep: Int] = [:]
    for level in levels {
      var isAbove = false
      for sample in samples {
        if sample.level >= level.threshold.value, !isAbove {
          isAbove = true
          counts[level.step, default: 0] += 1
        } else if sample.level < level.threshold.value - 0.1 {
          isAbove = false
        }
      }
    }
    return counts
  }

  /// How often each step was told as reached.
  private static func rises(_ alerts: [Alert], _ levels: [FloodRule.Level]) -> [LadderStep: Int] {
    var counts: [LadderStep: Int] = [:]
    var before: LadderStep?
    for alert in alerts where alert.kind == .waterLevel {
      let now = alert.message == .clear ? nil : alert.step
      for step in levels.map(\.step) where now.map({ step <= $0 }) ?? false {
        if before.map({ step > $0 }) ?? true { counts[step, default: 0] += 1 }
      }
      before = now
    }
    return counts
  }

  @Test(arguments: files)
  func `as published tell each crossing once at most`(file: String) throws {
    let (samples, levels) = try Self.series(file)
    var run = StationRun(Self.plan(levels, staleAfter: .hours(24)))
    for sample in samples { run.tell(.reading("river-1", .metres(sample.level)), at: sample.second) }
    let crossings = Self.crossings(samples, levels)
    for (step, count) in Self.rises(run.alerts, levels) { #expect(count <= crossings[step] ?? 0, "\(step)") }
    #expect(run.alerts.filter { $0.kind == .waterLevel && $0.message == .raise }.count <= crossings[.standby] ?? 0)
  }

  /// The water between two samples on a straight line, asked every half minute, with waves of five centimetres; where a
  /// gauge says nothing for hours, nothing is said.
  @Test(arguments: files, [1] as [UInt64])
  func `between their samples, with waves, tell every crossing once`(file: String, seed: UInt64) throws {
    let (samples, levels) = try Self.series(file)
    var random = SeededGenerator(seed: seed)
    var run = StationRun(Self.plan(levels, staleAfter: .minutes(2)))
    var told: [Sample] = []
    for (from, to) in zip(samples, samples.dropFirst()) where to.second - from.second <= 7200 {
      for second in stride(from: from.second, to: to.second, by: 30) {
        let part = (second - from.second) / (to.second - from.second)
        let level = from.level + (to.level - from.level) * part
        told.append(Sample(second: second, level: level))
        run.tell(
          .reading("river-1", .metres(level + Double.random(in: -0.05...0.05, using: &random))), at: second)
      }
    }
    let crossings = Self.crossings(told, levels)
    let rises = Self.rises(run.alerts, levels)
    for level in levels {
      #expect((rises[level.step] ?? 0) <= crossings[level.step] ?? 0, "\(level.step)")
      // What stood at the level for two minutes, waves and all, is never missed.
      let isSure = told.indices.dropLast(4).contains { index in
        told[index...(index + 4)].allSatisfy { $0.level >= level.threshold.value + 0.051 }
          && told[index + 4].second - told[index].second == 120
      }
      if isSure { #expect((rises[level.step] ?? 0) >= 1, "\(level.step)") }
    }
  }

  /// With what a configuration that says nothing gets: asked every ten minutes, the value as it was last published.
  @Test(arguments: files)
  func `never look like a sensor that hangs`(file: String) throws {
    let (samples, levels) = try Self.series(file)
    let plan = StationPlan(
      gateway: "g",
      sensors: [
        SensorPlan(
          id: "river-1", name: "川", quantity: .waterLevel, staleAfter: .minutes(30),
          conditioning: ConditioningPlan(
            stuckAfter: ConditioningPlan.usualStuckAfter, isStuckOnlyAboveLevels: true))
      ], floods: Self.plan(levels, staleAfter: .minutes(30)).floods)
    var run = StationRun(plan)
    for (from, to) in zip(samples, samples.dropFirst()) {
      let end = min(to.second, from.second + 7200)
      for second in stride(from: from.second, to: end, by: 600) {
        run.tell(.reading("river-1", .metres(from.level)), at: second)
      }
    }
    #expect(run.alerts.allSatisfy { $0.fault != .stuck })
  }

  @Test func `that never end because the gauge hangs become a fault`() throws {
    let (samples, levels) = try Self.series("gauge_2100000399.csv")
    let highest = try #require(samples.map(\.level).max())
    #expect(highest > levels.last!.threshold.value)
    var run = StationRun(Self.plan(levels, staleAfter: .minutes(30)))
    // One value, 6,255 times, ten minutes apart: what a public gauge did.
    for index in 0..<6255 { run.tell(.reading("river-1", .metres(highest)), at: Double(index) * 600) }
    #expect(run.station.declaredFault(of: "river-1") == .stuck)
    let fault = try #require(run.alerts.first { $0.kind == .sensorFault })
    #expect(StationRun.second(fault.detected) == 4 * 3600)
    let water = run.alerts.filter { $0.kind == .waterLevel && $0.detected.monotonic > fault.detected.monotonic }
    #expect(water.allSatisfy { $0.certainty == .unknown && $0.observed?.value == nil })
    #expect(run.alerts.filter { $0.message == .raise }.map(\.kind) == [.waterLevel, .sensorFault])
  }
}
