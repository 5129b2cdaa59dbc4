import Alerts
import Foundation
import Observations
import Testing

/// A site whose sensors hang on common things and fail in every way, at random, the same for the same seed.
struct FailingSite {
  static let gauges = (1...4).map { SensorID("gauge-\($0)") }
  static let sirenRule = SirenRule(
    severity: .severe, allOf: ["gauge-1", "under-1"], whenOneIsFaulty: .silent, silentAtMost: .minutes(20))
  static let plan = StationPlan(
    gateway: "g",
    sensors: gauges.map {
      SensorPlan(
        id: $0, name: $0.text, quantity: .waterLevel, range: .metres(-1)...(.metres(9)), staleAfter: .seconds(60),
        conditioning: ConditioningPlan(stuckAfter: .minutes(20)), source: "port:rs485")
    } + [
      SensorPlan(id: "under-1", name: "地下道", quantity: .floodContact, source: "chip:gpiochip0"),
      SensorPlan(id: "door", name: "扉", quantity: .contact, source: "chip:gpiochip0"),
      SensorPlan(id: "button", name: "釦", quantity: .contact, source: "chip:gpiochip0"),
    ],
    floods: gauges.map {
      FloodRule(
        sensor: $0,
        levels: [.init(step: .caution, threshold: .metres(2)), .init(step: .danger, threshold: .metres(4))],
        confirm: .readings(2), releaseMargin: .metres(0.1), releaseHold: .seconds(30), realertAfter: .minutes(5),
        unprovenFor: .hours(1))
    },
    contacts: [
      ContactRule(sensor: "under-1", severity: .severe, wetAfter: .seconds(20), dryAfter: .minutes(2)),
      ContactRule(sensor: "door", use: .tamper, severity: .moderate, wetAfter: .seconds(1), dryAfter: .minutes(1)),
      ContactRule(
        sensor: "button", use: .silence, severity: .minor, wetAfter: .zero, dryAfter: .zero, silenceFor: .minutes(2)),
    ],
    outputs: [
      OutputRule(id: "siren", maxOn: .minutes(3), coolDown: .minutes(10), soundAt: sirenRule),
      OutputRule(
        id: "lamp", maxOn: .minutes(3), coolDown: .minutes(5),
        soundAt: SirenRule(severity: .severe, allOf: ["gauge-1", "under-1"], whenOneIsFaulty: .otherDecides)),
    ])

  private(set) var events: [(input: StationInput, second: Double)] = []

  init(seed: UInt64, count: Int) {
    var random = SeededGenerator(seed: seed)
    var second = 0.0
    var levels = [Double](repeating: 3, count: Self.gauges.count)
    // One common fault before any sensor has shown that its own comes and goes.
    for sensor in Self.gauges {
      events.append((.reading(sensor, .metres(3)), second))
      events.append((.fault(sensor, .portLost), second + 1))
    }
    events.sort { $0.second < $1.second }
    second += 200
    while events.count < count {
      second += Double(Int.random(in: 1...12_000, using: &random)) / 1000
      if Int.random(in: 0..<150, using: &random) == 0 {
        second += Double.random(in: 60...4000, using: &random).rounded()
      }
      let gauge = Int.random(in: 0..<Self.gauges.count, using: &random)
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<60:
        let stands = Int.random(in: 0..<3, using: &random) == 0
        levels[gauge] = min(max(levels[gauge] + (stands ? 0 : Double.random(in: -0.8...0.85, using: &random)), 0), 6)
        events.append((.reading(Self.gauges[gauge], .metres(levels[gauge])), second))
      case 60..<66: events.append((.fault(Self.gauges[gauge], .timeout), second))
      case 66..<68: for sensor in Self.gauges { events.append((.fault(sensor, .portLost), second)) }
      case 68..<70: for sensor in Self.gauges { events.append((.fault(sensor, .timeout), second)) }
      case 70..<72:
        for sensor in ["under-1", "door", "button"] as [SensorID] { events.append((.fault(sensor, .portLost), second)) }
      case 72..<74: events.append((.fault("under-1", .cableBreak), second))
      case 74..<86: events.append((.contact("under-1", active: Int.random(in: 0..<4, using: &random) > 0), second))
      case 86..<90: events.append((.contact("door", active: Bool.random(using: &random)), second))
      case 90..<92: events.append((.contact("button", active: Bool.random(using: &random)), second))
      case 92..<95: events.append((.output("siren", Bool.random(using: &random) ? .portLost : nil), second))
      default: events.append((.timePasses, second))
      }
    }
  }

  func run() -> StationRun {
    var run = StationRun(Self.plan)
    for event in events { run.tell(event.input, at: event.second) }
    return run
  }
}

@Suite struct `Whatever fails` {
  static let seeds = Array(1...20) as [UInt64]

  @Test(arguments: seeds)
  func `each alert is raised once, updated in order and cleared once`(seed: UInt64) {
    let run = FailingSite(seed: seed, count: 2500).run()
    var last: [String: Alert] = [:]
    var open: [String: String] = [:]
    for alert in run.alerts {
      let source = "\(alert.sensor) \(alert.kind.rawValue)"
      #expect(alert.revision == (last[alert.id]?.revision ?? 0) + 1)
      #expect((alert.message == .raise) == (last[alert.id] == nil))
      if alert.message == .raise { #expect(open[source] == nil) } else { #expect(open[source] == alert.id) }
      open[source] = alert.message == .clear ? nil : alert.id
      last[alert.id] = alert
    }
    #expect(run.alerts.map(\.sequence) == (1...UInt64(run.alerts.count)).map { $0 })
    #expect(Set(run.station.activeAlerts.map(\.id)) == Set(open.values))
    #expect(run.alerts.contains { $0.sensor == "port:rs485" } && run.alerts.contains { $0.kind == .outputFault })
  }

  @Test(arguments: seeds)
  func `a fault raises no hazard and clears none`(seed: UInt64) {
    var run = StationRun(FailingSite.plan)
    for event in FailingSite(seed: seed, count: 2500).events {
      // What was due by then has nothing to do with the fault.
      run.tell(.timePasses, at: event.second)
      let effects = run.tell(event.input, at: event.second)
      switch event.input {
      case .fault, .output: #expect(!effects.alerts.contains { $0.kind.isHazard && $0.message != .update })
      default: break
      }
    }
  }

  @Test(arguments: seeds)
  func `every silent sensor is told of once, and a sound one is not`(seed: UInt64) {
    var run = StationRun(FailingSite.plan)
    var raises: [SensorID: [MonotonicTime]] = [:]
    for event in FailingSite(seed: seed, count: 2500).events {
      for alert in run.tell(event.input, at: event.second).alerts where alert.kind == .sensorFault {
        if alert.message == .raise { raises[alert.sensor, default: []].append(alert.detected.monotonic) }
      }
      let active = run.station.activeAlerts
      for sensor in FailingSite.plan.sensors {
        let own = active.count { $0.kind == .sensorFault && $0.sensor == sensor.id }
        let isFaulty = run.station.declaredFault(of: sensor.id) != nil
        if !isFaulty, own > 0 {
          // It comes and goes: its third alert within two hours stays.
          let last = (raises[sensor.id] ?? []).suffix(3)
          #expect(last.count == 3 && last.last! - last.first! < .hours(2), "\(sensor.id) at \(event.second)")
        }
        #expect(own <= 1)
        guard own == 0, isFaulty else { continue }
        // A group's alert may still name who is back for a minute, and never leaves out who is silent.
        #expect(active.contains { $0.affected?.contains(sensor.id) == true }, "\(sensor.id) at \(event.second)")
      }
    }
  }

  @Test(arguments: seeds, [OutputID("siren"), "lamp"])
  func `a siren sounds only for its reason, within its time, and rests`(seed: UInt64, output: OutputID) {
    var run = StationRun(FailingSite.plan)
    let rule = FailingSite.plan.outputs.first { $0.id == output }!
    for event in FailingSite(seed: seed, count: 2500).events {
      run.tell(.timePasses, at: event.second)
      let effects = run.tell(event.input, at: event.second)
      var hazards: [SensorID: Severity] = [:]
      for alert in run.station.activeAlerts where alert.kind.isHazard && alert.certainty != .unknown {
        hazards[alert.sensor] = alert.severity
      }
      for change in effects.outputs where change.output == output && change.on {
        #expect(change.until.map { $0.monotonic - change.at.monotonic <= rule.maxOn } ?? false)
        let sound = rule.soundAt!.allOf.filter { run.station.declaredFault(of: $0) == nil }
        #expect(sound.contains { (hazards[$0] ?? .minor) >= .severe } || change.cause != "alert")
        #expect(sound.allSatisfy { (hazards[$0] ?? .minor) >= .severe })
        #expect(!change.by.isEmpty)
      }
    }
    let changes = run.outputs.filter { $0.output == output }
    for (before, after) in zip(changes, changes.dropFirst()) {
      // A fault in between gives no more time: it sounds on to the same end.
      if before.on { #expect(before.until.map { after.at.monotonic <= $0.monotonic } ?? false) }
      if before.cause == "max_on", after.on { #expect(after.at.monotonic - before.at.monotonic >= rule.coolDown) }
    }
    let ends = changes.filter(\.on).compactMap { $0.until?.monotonic }
    for (first, second) in zip(ends, ends.dropFirst()) { #expect(first <= second) }
  }

  @Test(arguments: [1, 2] as [UInt64])
  func `a restart in order at any line changes no message`(seed: UInt64) throws {
    let site = FailingSite(seed: seed, count: 400)
    let whole = site.run()
    #expect(whole.alerts.count > 10)
    for prefix in 1..<site.events.count {
      var first = StationRun(FailingSite.plan)
      for event in site.events.prefix(prefix) { first.tell(event.input, at: event.second) }
      let stop = StationRun.moment(site.events[prefix - 1].second)
      let states = try JSONDecoder().decode(
        [SavedState].self,
        from: JSONEncoder().encode((first.ledger + first.station.snapshot(at: stop)).filter { !$0.isForgotten }))
      var second = StationRun(
        FailingSite.plan, watch: .empty, states: states, sequences: first.sequences, at: stop, sameBoot: true)
      second.outputs = []
      for event in site.events.dropFirst(prefix) { second.tell(event.input, at: event.second) }
      #expect(first.alerts + second.alerts == whole.alerts, "after \(prefix) events")
      #expect(first.outputs + second.outputs == whole.outputs, "after \(prefix) events")
    }
  }
}
