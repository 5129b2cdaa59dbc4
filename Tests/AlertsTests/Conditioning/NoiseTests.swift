import Alerts
import Foundation
import Observations
import Testing

@Suite struct `A sensor whose readings jump about` {
  private static func plan(_ noise: ConditioningPlan.MaxNoise?) -> StationPlan {
    StationPlan(
      gateway: "g",
      sensors: [
        SensorPlan(
          id: "river-1", name: "川", quantity: .waterLevel, staleAfter: .minutes(2),
          conditioning: ConditioningPlan(maxNoise: noise))
      ],
      floods: [
        FloodRule(
          sensor: "river-1", levels: [.init(step: .danger, threshold: .metres(4))], confirm: .readings(3),
          releaseMargin: .metres(0.1), releaseHold: .minutes(10))
      ])
  }

  private static let noise = ConditioningPlan.MaxNoise(spread: .metres(0.3), within: .minutes(10))

  /// Readings every ten seconds, each off `level` by up to `spread`.
  private static func tell(
    _ run: inout StationRun, from start: Int, to end: Int, spread: Double, seed: UInt64 = 1,
    _ level: (Double) -> Double = { _ in 1.5 }
  ) {
    var random = SeededGenerator(seed: seed)
    for second in stride(from: start, to: end, by: 10) {
      let value = level(Double(second)) + (spread == 0 ? 0 : Double.random(in: -spread...spread, using: &random))
      run.tell(.reading("river-1", .metres(value)), at: Double(second))
    }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `is a fault, and sound again when it is calm, each told once`(seed: UInt64) throws {
    var run = StationRun(Self.plan(Self.noise))
    Self.tell(&run, from: 0, to: 3600, spread: 1, seed: seed)
    #expect(run.alerts.map(\.short) == ["raise sensor_fault"])
    let alert = try #require(run.alerts.first)
    #expect(alert.fault == .noisy && (300...600).contains(StationRun.second(alert.detected)))
    Self.tell(&run, from: 3600, to: 7200, spread: 0.05, seed: seed)
    #expect(run.alerts.map(\.short) == ["raise sensor_fault", "clear sensor_fault recovered"])
  }

  @Test func `is none by a steep rise, by waves below the spread, or by a wild reading`() {
    var run = StationRun(Self.plan(Self.noise))
    Self.tell(&run, from: 0, to: 3600, spread: 0.25) { min(1 + $0 / 600, 3.5) }
    for second in stride(from: 3600, to: 7200, by: 10) {
      run.tell(.reading("river-1", .metres(second.isMultiple(of: 300) ? 0 : 3.5)), at: Double(second))
    }
    #expect(run.alerts.isEmpty)
  }

  @Test func `still tells of a flood`() {
    var run = StationRun(Self.plan(Self.noise))
    Self.tell(&run, from: 0, to: 1800, spread: 1) { _ in 1.5 }
    Self.tell(&run, from: 1800, to: 2400, spread: 0.7) { _ in 5 }
    #expect(run.alerts.map(\.short) == ["raise sensor_fault", "raise danger"])
    #expect(run.station.declaredFault(of: "river-1") == .noisy)
  }

  @Test func `that falls silent is told to be silent`() {
    var run = StationRun(Self.plan(Self.noise))
    Self.tell(&run, from: 0, to: 1800, spread: 1)
    run.tell(.timePasses, at: 2000)
    #expect(run.alerts.map(\.short) == ["raise sensor_fault", "update sensor_fault cause"])
    #expect(run.alerts.last?.fault == .silent)
  }

  @Test func `is nothing where it is not asked for`() {
    var run = StationRun(Self.plan(nil))
    Self.tell(&run, from: 0, to: 7200, spread: 1)
    #expect(run.alerts.isEmpty)
  }

  @Test(arguments: [100, 400, 700, 1500])
  func `goes on over a restart`(second: Int) throws {
    var whole = StationRun(Self.plan(Self.noise))
    func level(_ time: Double) -> Double { Int(time / 10).isMultiple(of: 2) ? 1 : 2 }
    Self.tell(&whole, from: 0, to: 3000, spread: 0, level)
    var run = StationRun(Self.plan(Self.noise))
    Self.tell(&run, from: 0, to: second, spread: 0, level)
    let stop = StationRun.moment(Double(second - 10))
    let states = (run.ledger + run.station.snapshot(at: stop)).newest
    var next = StationRun(
      Self.plan(Self.noise), watch: .empty,
      states: try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(states)),
      sequences: run.sequences, at: stop, sameBoot: true)
    Self.tell(&next, from: second, to: 3000, spread: 0, level)
    #expect((run.alerts + next.alerts).map(\.short) == whole.alerts.map(\.short))
    #expect((run.alerts + next.alerts).map(\.detected) == whole.alerts.map(\.detected))
  }
}
