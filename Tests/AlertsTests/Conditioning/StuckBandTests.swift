import Alerts
import Foundation
import Observations
import TestData
import Testing

@Suite struct `A sensor that hangs within a few millimetres` {
  private static func run(days: Double, onlyAboveLevels: Bool = true, _ level: (Double) -> Double) -> StationRun {
    var run = StationRun(
      StationPlan(
        gateway: "g",
        sensors: [
          SensorPlan(
            id: "river-1", name: "川", quantity: .waterLevel, staleAfter: .minutes(30),
            conditioning: ConditioningPlan(stuckAfter: .hours(4), isStuckOnlyAboveLevels: onlyAboveLevels))
        ], floods: [TestSite.river]))
    for second in stride(from: 0.0, to: days * 86400, by: 300) {
      run.tell(.reading("river-1", .metres(level(second))), at: second)
    }
    return run
  }

  @Test func `above its levels is stuck, though its last digit dithers`() {
    var random = SeededGenerator(seed: 1)
    let run = Self.run(days: 30) { _ in Bool.random(using: &random) ? 5.5 : 5.501 }
    #expect(run.alerts.filter { $0.kind == .sensorFault }.first?.fault == .stuck)
    #expect(run.alerts.count { $0.kind == .sensorFault && $0.message != .update } == 1)
    #expect(run.station.activeAlerts.map(\.kind) == [.sensorFault])
  }

  @Test func `is none while the water moves by more`() {
    let run = Self.run(days: 3) { 5.5 + 0.02 * sin($0 / 3000) }
    #expect(run.alerts.allSatisfy { $0.kind == .waterLevel })
  }

  @Test func `below its levels is a quiet river, also after a restless day, unless more is asked for`() {
    func level(_ second: Double) -> Double { second < 86_400 ? 1.2 + 0.3 * sin(second / 3000) : 0.8 }
    #expect(Self.run(days: 10, level).alerts.isEmpty)
    #expect(Self.run(days: 10, onlyAboveLevels: false, level).alerts.first?.fault == .stuck)
  }
}
