import Alerts
import Foundation
import Observations
import Testing

/// Every detector of water and rain at one site, and what happens to it at random, the same for the same seed.
struct RandomWater {
  static let plan: StationPlan = {
    func sensor(_ id: SensorID) -> SensorPlan {
      SensorPlan(
        id: id, name: id.text, quantity: .waterLevel, range: .metres(-1)...(.metres(10)), staleAfter: .seconds(120),
        conditioning: ConditioningPlan(stuckAfter: .minutes(20)))
    }
    return StationPlan(
      gateway: "g",
      sensors: [
        sensor("river-1"), sensor("canal-1"), sensor("canal-2"),
        SensorPlan(id: "rain-1", name: "雨量計", quantity: .rain, tip: .metres(0.5)),
        SensorPlan(id: "underpass-1", name: "地下道", quantity: .floodContact),
      ],
      floods: [
        FloodRule(
          sensor: "river-1", levels: TestSite.river.levels, confirm: .readings(2), releaseMargin: .metres(0.1),
          releaseHold: .minutes(1), rise: .init(by: .metres(0.4), within: .minutes(5), severity: .severe),
          forecast: .minutes(30)),
        FloodRule(
          sensor: "canal-1", levels: TestSite.canal.levels, confirm: .duration(.seconds(10)),
          releaseMargin: .metres(0.05), releaseHold: .zero,
          rise: .init(by: .metres(0.2), within: .minutes(2), severity: .moderate),
          pair: .init(second: "canal-2", combination: .mean)),
      ],
      contacts: [
        ContactRule(sensor: "underpass-1", severity: .severe, wetAfter: .seconds(5), dryAfter: .seconds(5))
      ],
      outputs: [
        OutputRule(
          id: "siren", maxOn: .minutes(3), coolDown: .minutes(10),
          soundAt: SirenRule(severity: .severe, allOf: ["river-1"], whenOneIsFaulty: .otherDecides))
      ],
      rains: [
        RainRule(
          sensor: "rain-1",
          amounts: [
            .init(amount: .metres(3), within: .minutes(10), severity: .moderate, suppress: .minutes(5)),
            .init(amount: .metres(8), within: .hours(1), severity: .severe, suppress: .minutes(30)),
          ])
      ], zone: .fixed(seconds: 9 * 3600))
  }()

  private(set) var events: [RandomDay.Event] = []

  init(seed: UInt64, count: Int) {
    var random = SeededGenerator(seed: seed)
    var second = 0.0
    var levels: [SensorID: Double] = ["river-1": 2, "canal-1": 0.8, "canal-2": 0.9]
    var speeds: [SensorID: Double] = [:]
    var tips: UInt64 = 0
    var isWet = false
    while events.count < count {
      let isPause = Int.random(in: 0..<150, using: &random) == 0
      second += isPause ? 900 : Double(Int.random(in: 0...9000, using: &random)) / 1000
      func add(_ input: StationInput) { events.append(.init(input: input, second: second)) }
      switch Int.random(in: 0..<40, using: &random) {
      case 0: add(.fault(["river-1", "canal-1", "canal-2"].randomElement(using: &random)!, .timeout))
      case 1: add(.reading("river-1", .metres(77)))
      case 2: add(.timePasses)
      case 3: add(.alive("rain-1"))
      case 4: add(.fault("rain-1", .edgesLost))
      case 5...6:
        isWet.toggle()
        add(.contact("underpass-1", active: isWet))
      case 7...12:
        tips = Int.random(in: 0..<60, using: &random) == 0 ? 0 : tips + 1
        add(.tips("rain-1", count: tips))
      default:
        let sensor: SensorID = ["river-1", "river-1", "canal-1", "canal-2"].randomElement(using: &random)!
        if Int.random(in: 0..<12, using: &random) == 0 {
          speeds[sensor] = [0, 0, -0.05, 0.04, 0.06].randomElement(using: &random)!
        }
        let top = sensor == "river-1" ? 6.5 : 2.5
        levels[sensor] = min(max((levels[sensor] ?? 0) + (speeds[sensor] ?? 0), -0.5), top)
        add(.reading(sensor, .metres(levels[sensor] ?? 0)))
      }
    }
  }

  func run() -> StationRun {
    var run = StationRun(Self.plan)
    for event in events { run.tell(event.input, at: event.second) }
    return run
  }
}

@Suite struct `Whatever the water does` {
  static let seeds = Array(1...20) as [UInt64]

  @Test(arguments: seeds)
  func `raise and clear alternate, and every kind is told`(seed: UInt64) {
    let run = RandomWater(seed: seed, count: 4000).run()
    #expect(run.alerts.map(\.sequence) == (1...UInt64(run.alerts.count)).map { $0 })
    var open: [String: Alert] = [:]
    for alert in run.alerts {
      let source = "\(alert.sensor) \(alert.kind.rawValue)"
      #expect((alert.message == .raise) == (open[source] == nil), "\(source) \(alert.short)")
      if let before = open[source] {
        #expect(alert.id == before.id && alert.revision == before.revision + 1)
        #expect(alert.detected.wall < before.expires)
      }
      open[source] = alert.message == .clear ? nil : alert
      #expect(alert.onset.monotonic <= alert.detected.monotonic)
    }
    #expect(Set(run.station.activeAlerts.map(\.id)) == Set(open.values.map(\.id)))
    let kinds = Set(run.alerts.map(\.kind))
    #expect(kinds.isSuperset(of: [.waterLevel, .rateOfRise, .rain, .floodContact, .sensorFault]))
  }

  @Test(arguments: seeds)
  func `a fault raises no hazard and ends none`(seed: UInt64) {
    var run = StationRun(RandomWater.plan)
    for event in RandomWater(seed: seed, count: 4000).events {
      let effects = run.tell(event.input, at: event.second)
      for alert in effects.alerts where alert.kind.isHazard && alert.message != .update {
        switch alert.kind {
        case .waterLevel, .rateOfRise:
          guard case .reading = event.input else {
            Issue.record("\(alert.short) without a reading")
            continue
          }
        // A dwell or a sum may end at any time; what raises rain is rain.
        case .rain where alert.message == .raise:
          guard case .tips = event.input else {
            Issue.record("\(alert.short) without rain")
            continue
          }
        default: break
        }
      }
    }
  }

  @Test(arguments: seeds)
  func `nothing is raised below its threshold, and a source is raised three times in two hours at most`(seed: UInt64) {
    let run = RandomWater(seed: seed, count: 6000).run()
    var raises: [String: [Double]] = [:]
    for alert in run.alerts where alert.kind.isHazard && alert.message == .raise {
      if alert.kind != .floodContact, let observed = alert.observed, let value = observed.value {
        #expect(value >= observed.threshold ?? .metres(100), "\(alert.short)")
      }
      let source = "\(alert.sensor) \(alert.kind.rawValue)"
      let now = StationRun.second(alert.detected)
      raises[source, default: []].append(now)
      // Where it did calm down for half an hour in between, it may be told again.
      let recent = raises[source]!.suffix(4)
      if recent.count == 4 { #expect(now - recent.first! >= 1800) }
    }
    #expect(!raises.isEmpty)
  }

  @Test(arguments: seeds.prefix(10))
  func `the same events cause the same messages, and being woken at each deadline changes nothing`(seed: UInt64) {
    let water = RandomWater(seed: seed, count: 2500)
    let (plain, again) = (water.run(), water.run())
    #expect(plain.alerts == again.alerts && plain.observations == again.observations && plain.saves == again.saves)
    var woken = StationRun(RandomWater.plan)
    for event in water.events {
      let moment = StationRun.moment(event.second)
      while let due = woken.station.nextDeadline, due < moment.monotonic {
        let awake = min(due + .milliseconds(3), moment.monotonic)
        woken.tell(.timePasses, at: StationRun.moment(0).advanced(by: awake - StationRun.moment(0).monotonic))
      }
      woken.tell(event.input, at: moment)
    }
    #expect(woken.alerts == plain.alerts && woken.outputs == plain.outputs)
  }

  private static func shifted(_ moment: Moment, by boot: TimeSpan?) -> Moment {
    Moment(monotonic: moment.monotonic + (boot ?? .zero), wall: moment.wall, clock: moment.clock)
  }

  private static func stored(_ run: StationRun, at stop: Moment) throws -> [SavedState] {
    let states = (run.ledger + run.station.snapshot(at: stop)).filter { !$0.isForgotten }
    return try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(states))
  }

  /// One stop and start after each event of a recording, and then the rest of it.
  @Test(arguments: [1, 2] as [UInt64], [nil, TimeSpan.seconds(-990)])
  func `a stop at any line changes no message`(seed: UInt64, boot: TimeSpan?) throws {
    let water = RandomWater(seed: seed, count: 240)
    let whole = water.run()
    #expect(whole.alerts.count > 10)
    var first = StationRun(RandomWater.plan)
    for (index, event) in water.events.enumerated() {
      first.tell(event.input, at: event.second)
      guard boot == nil || index % 7 == 0 else { continue }
      let stop = StationRun.moment(event.second)
      var second = StationRun(
        RandomWater.plan, watch: .empty, states: try Self.stored(first, at: stop), sequences: first.sequences,
        at: Self.shifted(stop, by: boot), sameBoot: boot == nil)
      for later in water.events[(index + 1)...] {
        second.tell(later.input, at: Self.shifted(StationRun.moment(later.second), by: boot))
      }
      #expect((first.alerts + second.alerts).map(Self.told) == whole.alerts.map(Self.told), "after \(index) events")
    }
  }

  /// A stop and a start after every event: the whole of a long recording, and never two events in one run.
  @Test(arguments: [3, 4, 5] as [UInt64])
  func `a stop at every line changes no message`(seed: UInt64) throws {
    let water = RandomWater(seed: seed, count: 1500)
    let whole = water.run()
    var run = StationRun(RandomWater.plan)
    var alerts = run.alerts
    var sequences: [String: UInt64] = [:]
    for event in water.events {
      run.tell(event.input, at: event.second)
      alerts += run.alerts
      sequences.merge(run.sequences) { max($0, $1) }
      let stop = StationRun.moment(event.second)
      run = StationRun(
        RandomWater.plan, watch: .empty, states: try Self.stored(run, at: stop), sequences: sequences, at: stop,
        sameBoot: true)
    }
    alerts += run.alerts
    #expect(alerts.map(Self.told) == whole.alerts.map(Self.told))
  }

  private static func told(_ alert: Alert) -> String {
    """
    \(alert.id) \(alert.revision) \(alert.sequence) \(alert.short) \(alert.severity) \(alert.certainty) \
    \(alert.onset.wall) \(alert.detected.wall) \(alert.references) \(String(describing: alert.observed))
    """
  }

  @Test(arguments: seeds)
  func `a steady rise reaches each step once and in order`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let every = [1.0, 10, 60].randomElement(using: &random)!
    let speed = Double.random(in: 0.2...6, using: &random) / 3600
    var run = StationRun(RandomWater.plan)
    var level = 1.0
    for second in stride(from: 0.0, to: 6 / speed, by: every) {
      level += speed * every * Double.random(in: 0...2, using: &random)
      run.tell(.reading("river-1", .metres(min(level, 9.9))), at: second)
      if level > 6 { break }
    }
    let steps = run.alerts.filter { $0.kind == .waterLevel && ($0.message == .raise || $0.reason == "step") }
    #expect(steps.map(\.step) == LadderStep.allCases)
    #expect(run.alerts.filter { $0.message == .clear && $0.kind == .waterLevel }.isEmpty)
    #expect(run.alerts.allSatisfy { $0.kind != .unstable })
  }

  @Test func `a calm day writes next to nothing`() {
    var random = SeededGenerator(seed: 1)
    var run = StationRun(RandomWater.plan)
    let before = run.saves.count
    for second in stride(from: 0, to: 86_400, by: 10) {
      run.tell(.reading("river-1", .metres(Double.random(in: 0.9...1.1, using: &random))), at: Double(second))
      run.tell(.reading("canal-1", .metres(Double.random(in: 0.3...0.5, using: &random))), at: Double(second) + 1)
      run.tell(.reading("canal-2", .metres(Double.random(in: 0.3...0.5, using: &random))), at: Double(second) + 2)
      run.tell(.alive("rain-1"), at: Double(second) + 3)
    }
    #expect(run.saves.count == before)
    #expect(run.alerts.isEmpty)
  }
}
