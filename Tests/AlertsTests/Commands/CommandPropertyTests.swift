import Alerts
import Foundation
import Observations
import Testing

@Suite struct `Commands at any time` {
  static let seeds = Array(1...10) as [UInt64]

  /// Through the bytes that a ledger holds.
  private func stored(_ states: [SavedState]) throws -> [SavedState] {
    try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(states.filter { !$0.isForgotten }))
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `and a stop and a start at any point change no message`(seed: UInt64) throws {
    let day = CommandedDay(seed: seed, count: 200)
    let whole = day.run()
    #expect(Set(whole.alerts.map(\.mode)).count > 1)
    #expect(whole.answers.contains { $0.result == .done })
    for prefix in 1..<day.events.count {
      var first = StationRun(TestSite.plan, watch: RandomDay.watch)
      for event in day.events.prefix(prefix) { first.tell(event.input, at: event.second) }
      let stop = StationRun.moment(day.events[prefix - 1].second)
      var second = StationRun(
        TestSite.plan, watch: RandomDay.watch, states: try stored(first.ledger + first.station.snapshot(at: stop)),
        sequences: first.sequences, at: stop, sameBoot: true)
      second.outputs = []
      for event in day.events.dropFirst(prefix) { second.tell(event.input, at: event.second) }
      #expect(first.alerts + second.alerts == whole.alerts, "after \(prefix) events")
      #expect(first.notices + second.notices == whole.notices, "after \(prefix) events")
      #expect(first.outputs + second.outputs == whole.outputs, "after \(prefix) events")
      #expect(first.answers + second.answers == whole.answers, "after \(prefix) events")
    }
  }

  @Test(arguments: seeds)
  func `leave every alert raised once, updated in order and cleared once`(seed: UInt64) throws {
    check(CommandedDay(seed: seed, count: 2000).run().alerts)
  }

  private func check(_ alerts: [Alert]) {
    #expect(alerts.map(\.sequence) == (1...UInt64(alerts.count)).map { $0 })
    var open: [String: Alert] = [:]
    var seen: Set<String> = []
    for alert in alerts {
      let source = "\(alert.sensor) \(alert.kind.rawValue) \(alert.mode.rawValue)"
      #expect((alert.message == .raise) == (open[source] == nil))
      if alert.message == .raise { #expect(seen.insert(alert.id).inserted) }
      #expect(alert.id == open[source]?.id ?? alert.id)
      #expect(alert.revision == (open[source]?.revision ?? 0) + 1)
      #expect(alert.references.map(\.revision).last == open[source]?.revision)
      if let before = open[source] { #expect(alert.detected.wall < before.expires) }
      open[source] = alert.message == .clear ? nil : alert
    }
  }

  @Test(arguments: seeds)
  func `after a crash raise nothing twice and lose nothing`(seed: UInt64) throws {
    let day = CommandedDay(seed: seed, count: 1500)
    var random = SeededGenerator(seed: seed)
    var run = StationRun(TestSite.plan, watch: RandomDay.watch)
    for event in day.events {
      if Int.random(in: 0..<60, using: &random) == 0 {
        let active = run.station.activeAlerts
        var next = StationRun(
          TestSite.plan, watch: RandomDay.watch, states: try stored(run.ledger), sequences: run.sequences,
          at: StationRun.moment(event.second), sameBoot: true)
        if next.alerts.isEmpty { #expect(next.station.activeAlerts == active) }
        next.alerts = run.alerts + next.alerts
        next.notices = run.notices + next.notices
        next.saves = run.saves + next.saves
        run = next
      }
      run.tell(event.input, at: event.second)
    }
    check(run.alerts)
  }

  @Test(arguments: seeds)
  func `an exercise changes nothing of what is real`(seed: UInt64) {
    let day = CommandedDay(seed: seed, count: 2000, rate: 20) {
      CommandedDay.rehearsal(at: $0, &$1, soundsSiren: false)
    }
    let drilled = day.run()
    let plain = RandomDay(seed: seed, count: 2000).run()
    func told(_ alerts: [Alert]) -> [Alert] {
      alerts.filter { $0.mode == .actual }.map { alert in
        var alert = alert
        alert.sequence = 0
        return alert
      }
    }
    #expect(drilled.alerts.contains { $0.mode != .actual })
    #expect(told(drilled.alerts) == told(plain.alerts))
    #expect(drilled.outputs == plain.outputs)
    #expect(drilled.observations == plain.observations)
    #expect(drilled.notices == plain.notices)
    #expect(drilled.station.activeAlerts.allSatisfy { $0.mode == .actual })
    #expect(told(drilled.station.activeAlerts) == told(plain.station.activeAlerts))
  }

  @Test(arguments: seeds)
  func `an exercise is over once its sensor really measures a hazard`(seed: UInt64) {
    let day = CommandedDay(seed: seed, count: 2000, rate: 20) { CommandedDay.rehearsal(at: $0, &$1) }
    var run = StationRun(TestSite.plan, watch: RandomDay.watch)
    var rehearsed: Set<String> = []
    var real: Set<String> = []
    for event in day.events {
      for alert in run.tell(event.input, at: event.second).alerts {
        if alert.mode == .actual {
          guard alert.kind.isHazard else { continue }
          if alert.message == .clear { real.remove(alert.sensor.text) } else { real.insert(alert.sensor.text) }
        } else {
          let source = "\(alert.sensor)"
          if alert.message == .clear { rehearsed.remove(source) } else { rehearsed.insert(source) }
        }
      }
      #expect(real.isDisjoint(with: rehearsed))
    }
  }

  @Test(arguments: seeds)
  func `come to an end, each of them`(seed: UInt64) {
    let day = CommandedDay(seed: seed, count: 800)
    var run = day.run()
    let last = day.events.last!.second
    // The sensors stay calm and sound from now on.
    for second in stride(from: last + 10, through: last + 3 * 3600, by: 10) {
      run.tell(.reading("river-1", .metres(1)), at: second)
      run.tell(.reading("canal-1", .metres(0.5)), at: second)
      run.tell(.contact("underpass-1", active: false), at: second)
    }
    #expect(run.station.activeAlerts.filter { $0.kind.isHazard || $0.kind == .maintenance }.isEmpty)
    #expect(run.station.activeAlerts.allSatisfy { $0.acknowledged == nil })
    for id in Set(run.alerts.map(\.id)) {
      let life = run.alerts.filter { $0.id == id }
      if life[0].mode != .actual { #expect(life.last?.message == .clear) }
    }
    for output in TestSite.plan.outputs {
      let state = run.outputs.last { $0.output == output.id }
      #expect(state?.on == false && state?.silencedUntil == nil && state?.isLocked == false)
    }
    #expect(!run.ledger.contains { $0.key.hasPrefix("maintenance") || $0.key.hasPrefix("rehearsal/") })
  }

  @Test(arguments: seeds)
  func `no siren sounds while it is silenced or locked`(seed: UInt64) {
    let run = CommandedDay(seed: seed, count: 3000).run()
    for change in run.outputs where change.on {
      #expect(change.silencedUntil == nil && !change.isLocked)
      #expect(["alert", "exercise", "test"].contains(change.cause))
      #expect(change.until.map { $0.monotonic - change.at.monotonic <= .minutes(3) } == true)
    }
    #expect(run.outputs.contains { $0.isLocked } && run.outputs.contains { $0.silencedUntil != nil })
  }

  @Test(arguments: seeds)
  func `being woken at each deadline changes nothing`(seed: UInt64) {
    let day = CommandedDay(seed: seed, count: 600)
    var woken = StationRun(TestSite.plan, watch: RandomDay.watch)
    for event in day.events {
      let moment = StationRun.moment(event.second)
      while let due = woken.station.nextDeadline, due < moment.monotonic {
        let awake = min(due + .milliseconds(3), moment.monotonic)
        woken.tell(.timePasses, at: StationRun.moment(0).advanced(by: awake - StationRun.moment(0).monotonic))
      }
      woken.tell(event.input, at: moment)
    }
    let plain = day.run()
    #expect(woken.alerts == plain.alerts && woken.notices == plain.notices && woken.outputs == plain.outputs)
    #expect(woken.answers == plain.answers)
  }

  /// Levels that change so slowly that nothing comes and goes.
  private func slowRiver(_ seed: UInt64) -> [RandomDay.Event] {
    var random = SeededGenerator(seed: seed)
    var events: [RandomDay.Event] = []
    for hour in 0..<30 {
      let level = Double.random(in: 0...6, using: &random)
      let wet = Bool.random(using: &random)
      for second in stride(from: Double(hour) * 3600, to: Double(hour + 1) * 3600, by: 30) {
        events.append(RandomDay.Event(input: .reading("river-1", .metres(level)), second: second))
        events.append(RandomDay.Event(input: .contact("underpass-1", active: wet), second: second))
      }
    }
    return events
  }

  @Test(arguments: seeds)
  func `maintenance swallows no state for good`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let events = slowRiver(seed)
    let begin = Double.random(in: 3600...40_000, using: &random).rounded()
    let end = begin + Double.random(in: 60...60_000, using: &random).rounded()
    let scope: [SensorID]? = [nil, ["river-1"], ["river-1", "underpass-1"]].randomElement(using: &random)!
    func state(_ run: StationRun) -> Set<String> {
      Set(
        run.station.activeAlerts.filter(\.kind.isHazard).map {
          "\($0.sensor) \($0.kind) \(String(describing: $0.step))"
        })
    }
    var plain = StationRun(TestSite.plan)
    var worked = StationRun(TestSite.plan)
    var isBegun = false
    for event in events {
      if !isBegun, event.second >= begin {
        isBegun = true
        worked.tell(.asked(.maintenance(scope, until: StationRun.moment(end).wall)), at: begin)
      }
      plain.tell(event.input, at: event.second)
      let effects = worked.tell(event.input, at: event.second)
      let isUnder = isBegun && event.second < end
      if !isUnder { #expect(state(worked) == state(plain), "at \(event.second)") }
      for alert in effects.alerts where isUnder && alert.kind.isHazard && scope?.contains(alert.sensor) ?? true {
        #expect(alert.reason == "renewed" && StationRun.second(alert.detected) < end)
      }
    }
    let shown = worked.alerts.filter { $0.kind == .maintenance && $0.message != .update }.map(\.message)
    let count = scope?.count ?? 1
    #expect(shown == Array(repeating: .raise, count: count) + Array(repeating: .clear, count: count))
    #expect(
      worked.alerts.first { $0.kind == .maintenance && $0.message == .clear }.map { StationRun.second($0.detected) }
        == end)
  }

  @Test(arguments: seeds)
  func `silence swallows no new danger, and the old one sounds again at its end`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var run = StationRun(TestSite.plan)
    run.tell(.contact("underpass-1", active: true), at: 0)
    let silenced = Double(Int.random(in: 50...150, using: &random))
    let span = Double(Int.random(in: 10...3000, using: &random))
    var isAsked = false
    for second in stride(from: 0.0, through: 5000, by: 10) {
      if !isAsked, second >= silenced {
        isAsked = true
        run.tell(.asked(.silence(nil, until: StationRun.moment(silenced + span).wall)), at: silenced)
      }
      run.tell(.reading("river-1", .metres(4.5)), at: second)
    }
    let changes = run.outputs.filter { $0.output == "siren" }.map {
      "\($0.on ? "on" : "off") \($0.cause) \(Int(StationRun.second($0.at)))"
    }
    let again = Int(silenced + span)
    #expect(
      changes == [
        "off start 0", "on alert 20", "off silenced \(Int(silenced))", "on alert \(again)", "off max_on \(again + 180)",
      ])
  }
}
