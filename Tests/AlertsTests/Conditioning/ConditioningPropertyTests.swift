import Foundation
import Observations
import Testing

@testable import Alerts

/// A site whose sensors have filters, rates, stillness and an agreement, all at random, the same for the same seed.
private struct RandomSite {
  let plan: StationPlan
  let events: [RandomDay.Event]

  init(seed: UInt64, count: Int) {
    var random = SeededGenerator(seed: seed)
    func sensor(_ id: SensorID) -> SensorPlan {
      let filters = (0..<Int.random(in: 0...4, using: &random)).map { _ in Self.filter(&random) }
      let rate = ConditioningPlan.MaxRate(
        by: .metres(Double.random(in: 0.1...1, using: &random)),
        within: .seconds(Int64.random(in: 5...60, using: &random)))
      return SensorPlan(
        id: id, name: id.text, quantity: .waterLevel, range: .metres(-1)...(.metres(10)), staleAfter: .seconds(60),
        conditioning: ConditioningPlan(
          filters: filters, maxRate: Bool.random(using: &random) ? rate : nil,
          stuckAfter: Bool.random(using: &random) ? .seconds(Int64.random(in: 60...600, using: &random)) : nil))
    }
    let side: AgreementRule.SafeSide = Bool.random(using: &random) ? .higher : .lower
    plan = StationPlan(
      gateway: "g", sensors: [sensor("river-1"), sensor("canal-1")], floods: [TestSite.river, TestSite.canal],
      outputs: [
        OutputRule(
          id: "siren", maxOn: .minutes(3), coolDown: .minutes(10),
          soundAt: SirenRule(severity: .severe, allOf: ["river-1"], whenOneIsFaulty: .silent))
      ],
      agreements: [
        AgreementRule(first: "river-1", second: "canal-1", within: .metres(0.3), safeSide: side, after: .seconds(20))
      ])
    events = Self.events(count, &random)
  }

  private static func filter(_ random: inout SeededGenerator) -> ReadingFilter {
    let every = Int.random(in: 1...4, using: &random)
    let window = ReadingFilter.Window(
      size: Int.random(in: 1...9, using: &random), sendEvery: every,
      sendFirstAt: Int.random(in: 1...every, using: &random))
    switch Int.random(in: 0..<9, using: &random) {
    case 0: return .median(window)
    case 1: return .slidingWindowMovingAverage(window)
    case 2: return .exponentialMovingAverage(alpha: Double.random(in: 0.1...1, using: &random), window)
    case 3: return .delta(.absolute(Double.random(in: 0...0.5, using: &random)))
    case 4: return .clamp(lowest: 0, highest: 6, ignoresOutOfRange: Bool.random(using: &random))
    case 5: return .filterOut([.metres(1.5), .metres(77)])
    case 6: return .timeout(.seconds(Int64.random(in: 5...100, using: &random)))
    case 7:
      return .heartbeat(.seconds(Int64.random(in: 10...300, using: &random)), isOptimistic: Bool.random(using: &random))
    default: return .throttle(.seconds(Int64.random(in: 1...100, using: &random)))
    }
  }

  private static func events(_ count: Int, _ random: inout SeededGenerator) -> [RandomDay.Event] {
    var events: [RandomDay.Event] = []
    var second = 0.0
    var level = 2.0
    var isStill = false
    while events.count < count {
      second +=
        Int.random(in: 0..<100, using: &random) == 0 ? 4000 : Double(Int.random(in: 1...9000, using: &random)) / 1000
      if Int.random(in: 0..<40, using: &random) == 0 { isStill.toggle() }
      if !isStill { level = min(max(level + Double.random(in: -0.3...0.31, using: &random), -0.5), 6.5) }
      let sensor: SensorID = Bool.random(using: &random) ? "river-1" : "canal-1"
      switch Int.random(in: 0..<20, using: &random) {
      case 0: events.append(.init(input: .fault(sensor, .timeout), second: second))
      case 1:
        events.append(
          .init(input: .reading(sensor, .metres([77, 1.5, 9].randomElement(using: &random)!)), second: second))
      case 2: events.append(.init(input: .reading(sensor, .metres(level + 1)), second: second))
      case 3: events.append(.init(input: .timePasses, second: second))
      default: events.append(.init(input: .reading(sensor, .metres(level)), second: second))
      }
    }
    return events
  }

  func run() -> StationRun {
    var run = StationRun(plan)
    for event in events { run.tell(event.input, at: event.second) }
    return run
  }
}

@Suite struct `Whatever is filtered` {
  static let seeds = Array(1...20) as [UInt64]

  @Test(arguments: seeds)
  func `the same readings cause the same messages, raised once and cleared once`(seed: UInt64) {
    let site = RandomSite(seed: seed, count: 2000)
    let run = site.run()
    let again = site.run()
    #expect(run.alerts == again.alerts && run.observations == again.observations && run.saves == again.saves)
    var open: Set<String> = []
    for alert in run.alerts {
      let source = "\(alert.sensor) \(alert.kind.rawValue)"
      #expect(open.contains(source) == (alert.message != .raise))
      if alert.message == .clear { open.remove(source) } else { open.insert(source) }
    }
    #expect(run.alerts.count > 10)
    for report in run.observations {
      if case .measure(let value)? = report.value { #expect(value >= .metres(-1) && value <= .metres(10)) }
    }
  }

  @Test(arguments: seeds)
  func `every reading is a level or is counted`(seed: UInt64) {
    let site = RandomSite(seed: seed, count: 2000)
    var run = StationRun(site.plan)
    var rejected: UInt64 = 0
    for event in site.events {
      run.tell(event.input, at: event.second)
      guard case .reading(let sensor, .metres(77)) = event.input else { continue }
      let count = run.station.rejectedReadings(of: sensor).reduce(0) { $0 + $1.count }
      #expect(count > 0)
      rejected += 1
    }
    #expect(rejected > 0)
  }

  @Test(arguments: seeds.prefix(10))
  func `being woken at each deadline changes nothing`(seed: UInt64) {
    let site = RandomSite(seed: seed, count: 1000)
    var woken = StationRun(site.plan)
    for event in site.events {
      let moment = StationRun.moment(event.second)
      while let due = woken.station.nextDeadline, due < moment.monotonic {
        let awake = min(due + .milliseconds(3), moment.monotonic)
        woken.tell(.timePasses, at: StationRun.moment(0).advanced(by: awake - StationRun.moment(0).monotonic))
      }
      woken.tell(event.input, at: moment)
    }
    let plain = site.run()
    #expect(woken.alerts == plain.alerts && woken.outputs == plain.outputs)
    #expect(woken.observations == plain.observations)
  }

  @Test(arguments: seeds.prefix(4), [nil, TimeSpan.seconds(-990)])
  func `a restart at any point changes no message`(seed: UInt64, bootShift: TimeSpan?) throws {
    let site = RandomSite(seed: seed, count: 160)
    let whole = site.run()
    func shifted(_ moment: Moment) -> Moment {
      Moment(monotonic: moment.monotonic + (bootShift ?? .zero), wall: moment.wall, clock: moment.clock)
    }
    func told(_ alerts: [Alert]) -> [String] {
      alerts.map { "\($0.id) \($0.revision) \($0.short) \(String(describing: $0.observed?.value))" }
    }
    let wholeTold = told(whole.alerts)
    var first = StationRun(site.plan)
    for prefix in 1..<site.events.count {
      first.tell(site.events[prefix - 1].input, at: site.events[prefix - 1].second)
      guard bootShift == nil || prefix % 9 == 1 else { continue }
      let stop = StationRun.moment(site.events[prefix - 1].second)
      let states = (first.ledger + first.station.snapshot(at: stop)).filter { !$0.isForgotten }
      let stored = try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(states))
      var second = StationRun(
        site.plan, watch: .empty, states: stored, sequences: first.sequences, at: shifted(stop),
        sameBoot: bootShift == nil)
      for event in site.events.dropFirst(prefix) {
        second.tell(event.input, at: shifted(StationRun.moment(event.second)))
      }
      #expect(told(first.alerts + second.alerts) == wholeTold, "after \(prefix) events")
      for sensor in ["river-1", "canal-1"] as [SensorID] {
        #expect(
          second.station.rejectedReadings(of: sensor).map(\.count)
            == whole.station.rejectedReadings(of: sensor).map(\.count))
      }
    }
  }

  /// One metre in ten minutes, through shaping filters that are no slower than `check` accepts without a warning.
  @Test(arguments: Array(1...60) as [UInt64])
  func `a flash flood is an alert no later than the filters' lag and the confirmation`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let every = [0.5, 1, 5, 10].randomElement(using: &random)!
    var filters: [ReadingFilter] = []
    while filters.count < 4 {
      let window = ReadingFilter.Window(size: Int.random(in: 1...30, using: &random), sendEvery: 5)
      let next: ReadingFilter =
        switch Int.random(in: 0..<5, using: &random) {
        case 0: .median(window)
        case 1: .slidingWindowMovingAverage(window)
        case 2: .exponentialMovingAverage(alpha: Double.random(in: 0.1...1, using: &random), window)
        case 3: .delta(.absolute(1))
        default: .throttle(.minutes(10))
        }
      let lag = (filters + [next]).reduce(0) { $0 + $1.lagInReadings }
      if Double(lag) * every <= 120 { filters.append(next) }
    }
    let lag = Double(filters.reduce(0) { $0 + $1.lagInReadings }) * every
    let plan = `A filtered sensor`.plan(
      filters, maxRate: `A change too fast for water`.rate, stuckAfter: .hours(6), confirm: .readings(3))
    var run = StationRun(plan)
    let start = 2 + Double.random(in: 0...0.9, using: &random)
    for second in stride(from: -600.0, through: 1800, by: every) {
      let wave = Double.random(in: -0.02...0.02, using: &random)
      run.tell(.reading("river-1", .metres(start + max(second, 0) / 600 + wave)), at: second + 600)
      if !run.alerts.isEmpty { break }
    }
    let alert = try #require(run.alerts.first)
    let crossing = 600 + (3 - start) * 600
    // Twelve seconds of the rise are as high as the waves.
    #expect(StationRun.second(alert.detected) <= crossing + lag + 4 * every + 12, "lag \(lag) s: \(filters)")
    #expect(alert.kind == .waterLevel)
  }
}
