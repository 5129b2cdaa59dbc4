import Alerts
import Foundation
import Observations
import Testing

@Suite struct `The forecast of the next step` {
  private static let levels: [(LadderStep, Double)] = [(.caution, 2), (.danger, 3), (.flooding, 4)]

  private static func plan(_ horizon: TimeSpan = .hours(1)) -> StationPlan {
    RisingRiver.plan(forecast: horizon, levels: levels, hasRise: false)
  }

  private static func water(_ run: StationRun) -> [Alert] { run.alerts.filter { $0.kind == .waterLevel } }

  private static func seconds(_ time: WallTime) -> Double { (time - StationRun.epoch).seconds }

  @Test func `of an even rise is right, with an earliest and a latest around it`() throws {
    var run = StationRun(Self.plan())
    // Two metres an hour: caution at 1800, danger at 3600, flooding at 5400.
    RisingRiver.tell(&run, to: 6000, every: 10) { 1 + $0 / 1800 }
    let told = Self.water(run).filter { $0.reason != "renewed" }
    #expect(told.map(\.short) == ["raise caution", "update danger step", "update flooding step"])
    let first = try #require(told[0].observed?.next)
    #expect(first.step == .danger)
    #expect(abs(Self.seconds(first.at) - 3600) < 20)
    #expect(first.earliest < first.at && first.at < first.latest)
    #expect(told[0].observed?.ratePerHour == .metres(2))
    #expect(abs(Self.seconds(try #require(told[1].observed?.next).at) - 5400) < 20)
    #expect(told[2].observed?.next == nil)
    #expect(run.observations.contains { $0.next?.step == .danger && $0.ratePerHour == .metres(2) })
  }

  @Test func `is made only within its time`() {
    var run = StationRun(Self.plan(.minutes(30)))
    RisingRiver.tell(&run, to: 3500, every: 10) { 1 + $0 / 1800 }
    let told = Self.water(run)
    #expect(told.first?.observed?.next != nil)
    var slow = StationRun(Self.plan(.minutes(30)))
    RisingRiver.tell(&slow, to: 7000, every: 10) { 1 + $0 / 3600 }
    #expect(Self.water(slow).first?.observed?.next == nil)
    #expect(Self.water(slow).contains { $0.reason == "forecast" && $0.observed?.next?.step == .danger })
  }

  @Test func `is withdrawn when the water stands still, once`() throws {
    var run = StationRun(Self.plan())
    RisingRiver.tell(&run, to: 9000, every: 10) { 1 + min($0, 2400) / 1800 }
    let told = Self.water(run).filter { $0.reason != "renewed" }
    #expect(told.first?.observed?.next != nil)
    let last = try #require(told.last)
    #expect(last.reason == "forecast_withdrawn" && last.observed?.next == nil && last.message == .update)
    #expect(told.filter { $0.reason == "forecast_withdrawn" }.count == 1)
    // Revisions in between are few: the estimate moves away as the slope falls.
    #expect(told.count <= 6, "\(told.map(\.short))")
  }

  @Test func `is withdrawn when the sensor falls silent, and the flood is not`() {
    var run = StationRun(Self.plan())
    RisingRiver.tell(&run, to: 2400, every: 10) { 1 + $0 / 1800 }
    run.tell(.timePasses, at: 4000)
    #expect(run.station.declaredFault(of: "river-1") == .silent)
    #expect(Self.water(run).last?.short == "update caution forecast_withdrawn")
    #expect(run.station.activeAlerts.map(\.kind) == [.waterLevel, .sensorFault])
  }

  @Test func `is withdrawn when its latest time has passed unheard`() {
    let sensor = SensorPlan(id: "river-1", name: "川", quantity: .waterLevel)
    let plan = StationPlan(gateway: "g", sensors: [sensor], floods: Self.plan().floods)
    var run = StationRun(plan)
    RisingRiver.tell(&run, to: 2400, every: 10) { 1 + $0 / 1800 }
    #expect(Self.water(run).last?.observed?.next != nil)
    run.tell(.timePasses, at: 5000)
    #expect(Self.water(run).last?.short == "update caution forecast_withdrawn")
  }

  @Test(arguments: Array(1...8) as [UInt64])
  func `is told no more often than every five minutes, whatever the water does`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var run = StationRun(Self.plan())
    var level = 1.5
    var speed = 0.0
    for second in stride(from: 0.0, to: 86_400, by: 10) {
      if Int.random(in: 0..<60, using: &random) == 0 { speed = Double.random(in: -0.004...0.005, using: &random) }
      level = min(max(level + speed, 0), 5)
      let wave = Double.random(in: -0.05...0.05, using: &random)
      run.tell(.reading("river-1", .metres(level + wave)), at: second)
    }
    let told = Self.water(run)
    var lastTold: MonotonicTime?
    for alert in told where alert.reason != "renewed" {
      let isForecast = alert.reason?.hasPrefix("forecast") == true
      if isForecast, let lastTold { #expect(alert.detected.monotonic - lastTold >= .minutes(5)) }
      if isForecast || alert.observed?.next != nil { lastTold = alert.detected.monotonic }
    }
    for alert in told {
      guard let next = alert.observed?.next else { continue }
      #expect(next.earliest <= next.at && next.at <= next.latest)
      #expect(alert.step.map { $0 < next.step } ?? true)
      if alert.reason != "renewed" { #expect(next.at >= alert.detected.wall - .seconds(1)) }
    }
  }

  /// How a made-up flood rises, from 0 to 1 in its time and a little beyond.
  enum Shape: CaseIterable {
    case even, square, exponential, slowing

    func height(_ x: Double) -> Double {
      switch self {
      case .even: x
      case .square: x * x
      case .exponential: (exp(3 * x) - 1) / (exp(3) - 1)
      case .slowing: 1 / (1 + exp(-8 * (x - 0.5)))
      }
    }
  }

  /// Metres of noise, and seconds between readings.
  private static let noises: [(Double, Double)] = [(0.01, 60), (0.03, 60), (0.02, 600)]

  @Test func `holds nine times of ten, also while the rate itself changes, and is seldom told anew or withdrawn`() {
    var (said, held, withdrawn, floods) = (0, 0, 0, 0)
    var random = SeededGenerator(seed: 20_261_121)
    for (shape, (noise, spacing)) in Shape.allCases.flatMap({ shape in Self.noises.map { (shape, $0) } }) {
      for _ in 0..<6 {
        floods += 1
        let duration = Double.random(in: 2...8, using: &random) * 3600
        let peak = Double.random(in: 2.5...4.5, using: &random)
        func level(_ time: Double) -> Double { 1 + peak * shape.height(time / duration) }
        var run = StationRun(
          StationPlan(
            gateway: "g", sensors: [SensorPlan(id: "river-1", name: "川", quantity: .waterLevel)],
            floods: Self.plan().floods))
        for time in stride(from: 0, to: duration * 1.2, by: spacing) {
          let wave = (0..<12).reduce(-6) { sum, _ in sum + Double.random(in: 0...1, using: &random) }
          run.tell(.reading("river-1", .metres(level(time) + noise * wave)), at: time)
        }
        var isPromised = false
        for alert in Self.water(run) where alert.reason != "renewed" && alert.message != .clear {
          // A flood that ends below the next level has its last forecast withdrawn, and rightly.
          if alert.reason == "forecast_withdrawn", isPromised { withdrawn += 1 }
          isPromised = false
          guard let next = alert.observed?.next,
            let threshold = Self.levels.first(where: { $0.0 == next.step })?.1,
            let came = stride(from: 0, to: duration * 1.2, by: 30).first(where: { level($0) >= threshold })
          else { continue }
          isPromised = true
          said += 1
          if (Self.seconds(next.earliest) - 30...Self.seconds(next.latest) + 30).contains(came) { held += 1 }
        }
      }
    }
    #expect(said >= floods, "each flood was told of beforehand")
    #expect(Double(held) >= 0.87 * Double(said), "\(held) of \(said)")
    #expect(
      said <= 4 * floods && withdrawn * 2 <= floods, "\(said) said and \(withdrawn) withdrawn in \(floods) floods")
  }

  @Test func `goes on over a restart, and over a power cut as it was told`() {
    var run = StationRun(Self.plan())
    RisingRiver.tell(&run, to: 2400, every: 10) { 1 + $0 / 1800 }
    let said = Self.water(run).last?.observed?.next
    #expect(said != nil)
    var next = StationRun(
      Self.plan(), watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(2410),
      sameBoot: false)
    next.tell(.timePasses, at: 2420)
    #expect(next.alerts.isEmpty)
    #expect(next.station.activeAlerts.first?.observed?.next == said)
    RisingRiver.tell(&next, from: 2420, to: 6000, every: 10) { _ in 2.3 }
    #expect(Self.water(next).contains { $0.reason == "forecast_withdrawn" })
  }
}
