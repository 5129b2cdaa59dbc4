import Alerts
import Observations
import Testing

@Suite struct `Whatever happens` {
  static let seeds = Array(1...20) as [UInt64]

  @Test(arguments: seeds)
  func `an alert is raised once, updated in order and cleared once`(seed: UInt64) {
    let run = RandomDay(seed: seed, count: 3000).run()
    #expect(run.alerts.map(\.sequence) == (1...UInt64(run.alerts.count)).map { $0 })
    var last: [String: Alert] = [:]
    var open: [String: String] = [:]
    for alert in run.alerts {
      let source = "\(alert.sensor) \(alert.kind.rawValue)"
      let before = last[alert.id]
      #expect(alert.revision == (before?.revision ?? 0) + 1)
      #expect((alert.message == .raise) == (before == nil))
      #expect(before?.message != .clear)
      #expect(alert.references.map(\.revision).last == before?.revision)
      #expect(alert.onset == before?.onset ?? alert.onset)
      #expect(alert.onset.monotonic <= alert.detected.monotonic)
      if alert.message == .raise { #expect(open[source] == nil) } else { #expect(open[source] == alert.id) }
      open[source] = alert.message == .clear ? nil : alert.id
      last[alert.id] = alert
    }
    #expect(Set(run.station.activeAlerts.map(\.id)) == Set(open.values))
    let raised = run.alerts.filter { $0.message == .raise }.map(\.id).filter { Set(open.values).contains($0) }
    #expect(run.station.activeAlerts.map(\.id) == raised)
    #expect(run.station.activeAlerts.allSatisfy { last[$0.id] == $0 })
    #expect(run.station.lastAlertSequence == UInt64(run.alerts.count))
  }

  @Test(arguments: seeds)
  func `a step is reached by a reading at its threshold and left by a reading below it`(seed: UInt64) {
    let rules = [TestSite.river.sensor: TestSite.river, TestSite.canal.sensor: TestSite.canal]
    var run = StationRun(TestSite.plan, watch: RandomDay.watch)
    var step: [SensorID: LadderStep] = [:]
    for event in RandomDay(seed: seed, count: 3000).events {
      let effects = run.tell(event.input, at: event.second)
      for alert in effects.alerts where alert.kind == .waterLevel && alert.reason != "renewed" {
        guard let rule = rules[alert.sensor], case .reading(let sensor, let value) = event.input else {
          Issue.record("\(alert.short) without a reading")
          continue
        }
        #expect(sensor == alert.sensor)
        #expect(alert.observed?.value == value)
        let before = step[sensor]
        step[sensor] = alert.message == .clear ? nil : alert.step
        guard let threshold = rule.levels.first(where: { $0.step == alert.step })?.threshold else {
          Issue.record("a step that is not configured")
          continue
        }
        if alert.message == .clear {
          #expect(value < threshold - rule.releaseMargin)
        } else if before.map({ $0 < alert.step! }) ?? true {
          #expect(value >= threshold)
        } else {
          let left = rule.levels.first { $0.step == before }!.threshold
          #expect(value < left - rule.releaseMargin)
        }
      }
    }
  }

  @Test(arguments: seeds)
  func `a fault changes no hazard and a hazard is renewed in time`(seed: UInt64) {
    var run = StationRun(TestSite.plan, watch: RandomDay.watch)
    var active: [String: Alert] = [:]
    for event in RandomDay(seed: seed, count: 3000).events {
      let effects = run.tell(event.input, at: event.second)
      for alert in effects.alerts {
        if let before = active[alert.id] { #expect(alert.detected.wall < before.expires) }
        active[alert.id] = alert.message == .clear ? nil : alert
        guard alert.kind.isHazard, alert.message != .update, case .fault = event.input else { continue }
        // A contact's dwell may end while somebody else's fault comes in; a river's never does.
        #expect(alert.kind == .floodContact)
      }
    }
  }

  @Test(arguments: seeds, [OutputID("siren"), "lamp"])
  func `the siren sounds only for its reason and never too long`(seed: UInt64, output: OutputID) {
    let rule = output == "siren" ? TestSite.siren("siren", .otherDecides) : TestSite.siren("lamp", .silent)
    var oracle = SirenOracle(rule: rule)
    var run = StationRun(TestSite.plan, watch: RandomDay.watch)
    for event in RandomDay(seed: seed, count: 3000).events {
      let effects = run.tell(event.input, at: event.second)
      oracle.take(effects)
      oracle.check(at: StationRun.moment(event.second)) { run.station.declaredFault(of: $0) != nil }
    }
    let changes = run.outputs.filter { $0.output == output }
    for (before, after) in zip(changes, changes.dropFirst()) {
      #expect(before.on != after.on)
      if before.on { #expect(after.at.monotonic - before.at.monotonic <= rule.maxOn) }
      if before.cause == "max_on" { #expect(after.at.monotonic - before.at.monotonic >= rule.coolDown) }
    }
  }

  @Test(arguments: seeds)
  func `a person arrives and departs in turn`(seed: UInt64) {
    let run = RandomDay(seed: seed, count: 6000).run()
    var last: [SubjectID: Notice] = [:]
    var sequences: [SubjectID: UInt64] = [:]
    for notice in run.notices {
      #expect(notice.sequence == (sequences[notice.subject] ?? 0) + 1)
      sequences[notice.subject] = notice.sequence
      // What is said of the place is said of no visit.
      guard notice.kind != .degraded, notice.kind != .restored else { continue }
      let before = last[notice.subject]
      #expect(notice.kind == (before?.kind == .arrival ? .departure : .arrival))
      #expect(notice.lastSeen.monotonic <= notice.detected.monotonic)
      #expect((0...1).contains(notice.confidence))
      if notice.kind == .departure {
        #expect(notice.detected.monotonic - before!.detected.monotonic >= TestSite.gate.goneAfter)
      }
      last[notice.subject] = notice
    }
    #expect(
      Set(run.notices.map(\.id) + run.alerts.map(\.id)).count
        == run.notices.count + Set(run.alerts.map(\.id)).count)
  }

  @Test(arguments: seeds.prefix(10))
  func `the same day is told in the same words`(seed: UInt64) {
    let day = RandomDay(seed: seed, count: 2000)
    let (first, second) = (day.run(), day.run())
    #expect(first.alerts == second.alerts && first.notices == second.notices)
    #expect(first.outputs == second.outputs && first.observations == second.observations)
    #expect(first.saves == second.saves && first.places == second.places)
  }

  @Test(arguments: seeds.prefix(10))
  func `being woken at each deadline changes nothing`(seed: UInt64) {
    let day = RandomDay(seed: seed, count: 2000)
    var woken = StationRun(TestSite.plan, watch: RandomDay.watch)
    for event in day.events {
      let moment = StationRun.moment(event.second)
      while let due = woken.station.nextDeadline, due < moment.monotonic {
        let late = TimeSpan.milliseconds(3)
        let awake = min(due + late, moment.monotonic)
        woken.tell(.timePasses, at: StationRun.moment(0).advanced(by: awake - StationRun.moment(0).monotonic))
      }
      woken.tell(event.input, at: moment)
    }
    let plain = day.run()
    #expect(woken.alerts == plain.alerts && woken.notices == plain.notices && woken.outputs == plain.outputs)
  }

  @Test(arguments: seeds.prefix(10))
  func `calm days write next to nothing`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var run = StationRun(TestSite.plan, watch: RandomDay.watch)
    let before = run.saves.count
    for second in stride(from: 0, to: 86400, by: 10) {
      let level = Double.random(in: 0.9...1.1, using: &random)
      run.tell(.reading("river-1", .metres(level)), at: Double(second))
      run.tell(.reading("canal-1", .metres(level / 4)), at: Double(second))
      run.tell(.alive("gate-north"), at: Double(second))
    }
    #expect(run.saves.count == before)
    #expect(run.alerts.isEmpty)
  }
}

/// What the siren may do, worked out from the messages alone.
private struct SirenOracle {
  let rule: OutputRule
  private var hazards: [String: (sensor: SensorID, severity: Severity)] = [:]
  private var faulty: Set<SensorID> = []
  private var isOn = false

  init(rule: OutputRule) {
    self.rule = rule
  }

  mutating func take(_ effects: Effects) {
    for alert in effects.alerts {
      if alert.kind.isHazard {
        hazards[alert.id] = alert.message == .clear ? nil : (alert.sensor, alert.severity)
      } else if alert.kind == .sensorFault {
        if alert.message == .clear { faulty.remove(alert.sensor) } else { faulty.insert(alert.sensor) }
      }
    }
    for change in effects.outputs where change.output == rule.id { isOn = change.on }
  }

  /// - Parameter isFaultyNow: what the station says of a sensor; it counts only where people were told of a fault too. The
  ///   alert alone stays for a while where a fault comes and goes.
  func check(at moment: Moment, isFaultyNow: (SensorID) -> Bool) {
    guard isOn, let sound = rule.soundAt else { return }
    let faulty = faulty.filter(isFaultyNow)
    func isActive(_ sensor: SensorID) -> Bool {
      hazards.values.contains { $0.sensor == sensor && $0.severity >= sound.severity }
    }
    if sound.whenOneIsFaulty == .silent { #expect(faulty.isDisjoint(with: sound.allOf)) }
    #expect(sound.allOf.allSatisfy { isActive($0) || faulty.contains($0) })
    #expect(sound.allOf.contains(where: isActive))
  }
}
