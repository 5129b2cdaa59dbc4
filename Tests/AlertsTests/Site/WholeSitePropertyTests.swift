import Alerts
import Foundation
import Observations
import Testing

/// All detectors together, held to what must be true of every one of them.
@Suite struct `Whatever happens at a site` {
  static let seeds = Array(1...(isSoak ? 100 : 8)) as [UInt64]
  /// One run for each seed, for all tests that only read it.
  private static let runs = Dictionary(
    uniqueKeysWithValues: seeds.map { ($0, WholeSite(seed: $0, count: 2000).run()) })

  /// Which sensors a message of an alert may come from: its own, or the other one of the same water.
  private static let partners: [SensorID: SensorID] = ["canal-1": "canal-2", "pond-1": "pond-2"]

  private static func isAbout(_ alert: Alert, _ input: StationInput) -> Bool {
    guard case .reading(let sensor, _) = input else { return false }
    return sensor == alert.sensor || sensor == partners[alert.sensor]
  }

  @Test(arguments: seeds)
  func `raise and clear alternate, revisions and sequences have no gap, and what is active is renewed`(seed: UInt64)
    throws
  {
    let run = try #require(Self.runs[seed])
    #expect(run.alerts.map(\.sequence) == (1...UInt64(run.alerts.count)).map { $0 })
    var open: [String: Alert] = [:]
    var ended: Set<String> = []
    for alert in run.alerts {
      let source = "\(alert.sensor) \(alert.kind.rawValue) \(alert.mode.rawValue)"
      #expect(!ended.contains(alert.id))
      #expect((alert.message == .raise) == (open[source] == nil), "\(source) \(alert.short)")
      #expect(alert.revision == (open[source]?.revision ?? 0) + 1)
      if let before = open[source] { #expect(alert.id == before.id) }
      open[source] = alert.message == .clear ? nil : alert
      if alert.message == .clear { ended.insert(alert.id) }
    }
    #expect(Set(run.station.activeAlerts.map(\.id)) == Set(open.values.map(\.id)))
    var last: [SubjectID: UInt64] = [:]
    for notice in run.notices {
      #expect(notice.sequence == (last[notice.subject] ?? 0) + 1)
      last[notice.subject] = notice.sequence
    }
    #expect(Set(run.notices.map(\.id) + ended).count == run.notices.count + ended.count)
  }

  @Test(arguments: seeds)
  func `watching is limited and restored in turn, for everybody at the place at once`(seed: UInt64) throws {
    let run = try #require(Self.runs[seed])
    var isLimited: [String: Bool] = [:]
    var told: [String: Set<SubjectID>] = [:]
    for notice in run.notices where notice.kind == .degraded || notice.kind == .restored {
      let person = "\(notice.place) \(notice.subject)"
      #expect((notice.kind == .degraded) == (isLimited[person] != true), "\(person)")
      isLimited[person] = notice.kind == .degraded
      told["\(notice.kind) \(notice.place) \(notice.detected)", default: []].insert(notice.subject)
    }
    #expect(told.values.allSatisfy { $0 == Set((0..<4).map { TestSite.subject($0) }) })
  }

  @Test func `is every kind of alert and of notice that sensors can cause`() {
    let runs = Array(Self.runs.values)
    let kinds = Set(runs.flatMap { $0.alerts.map(\.kind) })
    #expect(
      kinds == [
        .waterLevel, .rateOfRise, .rain, .floodContact, .sensorFault, .blind, .unstable, .power, .storage, .maintenance,
      ])
    #expect(Set(runs.flatMap { $0.alerts.map(\.mode) }) == [.actual, .exercise, .test])
    #expect(runs.contains { $0.alerts.contains { $0.acknowledged != nil } })
    #expect(Set(runs.flatMap { $0.notices.map(\.kind) }) == Set(NoticeKind.allCases))
    #expect(runs.contains { $0.alerts.contains { $0.observed?.next != nil } })
    #expect(runs.contains { $0.alerts.contains { $0.reason == "forecast_withdrawn" } })
    #expect(Set(runs.flatMap { $0.outputs.filter(\.on).map(\.output) }) == ["siren", "lamp"])
    #expect(runs.contains { $0.alerts.contains { $0.fault == .contradicting } })
    #expect(runs.contains { $0.observations.contains { ($0.sums?.soilWaterIndex ?? .metres(0)) > .metres(0) } })
  }

  /// Without a reading nothing but faults, waiting times and the fall of sums changes: no level is reached or left. What
  /// maintenance kept back is told when it ends, whatever happens then.
  @Test(arguments: seeds)
  func `nothing is raised without what it tells of, and missing data changes nothing but faults`(seed: UInt64) {
    var run = WholeSite.begin()
    var strongest: [SubjectID: Int8] = [:]
    for event in WholeSite(seed: seed, count: 2000).events {
      if case .sighting(_, let subject, let signal, _, _) = event.input {
        strongest[subject] = max(strongest[subject] ?? signal, signal)
      }
      let effects = run.tell(event.input, at: event.moment)
      let isMaintenanceOver = effects.alerts.contains { $0.kind == .maintenance && $0.message == .clear }
      for alert in effects.alerts where alert.mode == .actual && alert.message != .update && !isMaintenanceOver {
        switch alert.kind {
        case .waterLevel, .rateOfRise, .power, .storage:
          #expect(Self.isAbout(alert, event.input), "\(alert.sensor) \(alert.short) by \(event.input)")
        case .rain where alert.message == .raise:
          guard case .tips("rain-1", _) = event.input else {
            Issue.record("\(alert.short) without a tip")
            continue
          }
        default: break
        }
        guard alert.message == .raise, let observed = alert.observed, let threshold = observed.threshold else {
          continue
        }
        switch alert.kind {
        case .power, .storage: #expect(observed.value.map { $0 <= threshold } ?? false, "\(alert.short)")
        case .waterLevel, .rateOfRise, .rain: #expect(observed.value.map { $0 >= threshold } ?? false, "\(alert.short)")
        default: break
        }
      }
      for notice in effects.notices where notice.kind == .arrival {
        #expect(strongest[notice.subject].map { $0 >= WholeSite.enter } ?? false)
      }
    }
  }

  /// From any point on silence: sums run dry, waits end and sensors are called silent, and no more than that is told.
  @Test(arguments: seeds)
  func `silence raises faults and no hazard`(seed: UInt64) throws {
    let site = WholeSite(seed: seed, count: 1500)
    var run = site.run()
    let last = try #require(site.events.last).moment
    let wasWet = run.station.activeAlerts.contains { $0.kind == .floodContact }
    var isLastWet = wasWet
    for event in site.events { if case .contact(_, let active) = event.input { isLastWet = active } }
    let told = run.alerts.count
    for hour in 1...48 { run.tell(.timePasses, at: last.advanced(by: .hours(Int64(hour)))) }
    for alert in run.alerts.dropFirst(told) where alert.mode == .actual && alert.message != .update {
      switch (alert.kind, alert.message) {
      case (.sensorFault, .raise), (.blind, .raise), (.rain, .clear), (.unstable, .clear), (.maintenance, .clear): break
      // A fault that came and went is over when its sensor has nothing to say and was sound for long enough.
      case (.sensorFault, .clear), (.blind, .clear):
        #expect(run.station.declaredFault(of: alert.sensor) == nil, "\(alert.sensor) \(alert.short) in silence")
      // A contact that was wet last goes on being wet.
      case (.floodContact, let message): #expect((message == .raise) == isLastWet)
      default: Issue.record("\(alert.sensor) \(alert.short) in silence")
      }
    }
    let silent = Set(run.station.activeAlerts.filter { $0.kind == .sensorFault || $0.kind == .blind }.map(\.sensor))
    #expect(silent.isSuperset(of: ["river-1", "canal-1", "canal-2", "pond-1", "pond-2", "battery", "disk", "front-1"]))
    #expect(run.outputs.last { $0.output == "siren" }?.on != true)
  }

  @Test(arguments: seeds.prefix(isSoak ? 100 : 4))
  func `the same events cause the same messages, and being woken at each deadline changes nothing`(seed: UInt64) {
    let site = WholeSite(seed: seed, count: 1500)
    let (plain, again) = (site.run(), site.run())
    #expect(plain.alerts == again.alerts && plain.notices == again.notices && plain.outputs == again.outputs)
    #expect(plain.observations == again.observations && plain.places == again.places && plain.saves == again.saves)
    var woken = WholeSite.begin()
    var before = WholeSite.start
    for event in site.events {
      while let due = woken.station.nextDeadline, due < event.moment.monotonic {
        let time = min(due + .milliseconds(3), event.moment.monotonic)
        woken.tell(.timePasses, at: before.advanced(by: time - before.monotonic))
      }
      woken.tell(event.input, at: event.moment)
      before = event.moment
    }
    #expect(woken.alerts == plain.alerts && woken.notices == plain.notices && woken.outputs == plain.outputs)
  }
}

/// What rises or falls steadily is told once at each of its thresholds, in order.
@Suite struct `What only rises` {
  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `is told once at each step, of two sensors of one station as of one`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var run = WholeSite.begin()
    var (level, second) = (0.5, 0.0)
    while level < 2.3 {
      level += Double.random(in: 0...0.01, using: &random)
      second += 5
      let sensor: SensorID = ["canal-1", "canal-2"].randomElement(using: &random) ?? "canal-1"
      run.tell(.reading(sensor, .metres(level)), at: WholeSite.start.advanced(by: .milliseconds(Int64(second * 1000))))
    }
    let steps = run.alerts.filter {
      $0.kind == .waterLevel && $0.sensor == "canal-1" && ($0.message == .raise || $0.reason == "step")
    }
    #expect(steps.map(\.step) == [.caution, .danger])
    #expect(run.alerts.allSatisfy { $0.kind != .waterLevel || $0.message != .clear })
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `is told once at each amount of rain, the lighter first`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var run = WholeSite.begin()
    var second = 0.0
    for count in 0..<40 as Range<UInt64> {
      second += Double.random(in: 5...45, using: &random)
      run.tell(.tips("rain-1", count: count), at: WholeSite.start.advanced(by: .seconds(Int64(second))))
    }
    let rain = run.alerts.filter { $0.kind == .rain }
    #expect(rain.first?.message == .raise && rain.allSatisfy { $0.message != .clear })
    let severities = rain.map(\.severity)
    #expect(severities == severities.sorted() && Set(severities) == [.moderate, .severe])
    #expect(rain.count { $0.reason != "renewed" } == 2, "\(rain.map(\.short))")
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `or only falls towards a limit is told once`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var run = WholeSite.begin()
    var charge = 13.0
    for step in 0..<200 as Range<Int64> {
      charge -= Double.random(in: 0...0.02, using: &random)
      run.tell(.reading("battery", .metres(charge)), at: WholeSite.start.advanced(by: .seconds(20 * step)))
    }
    #expect(run.alerts.filter { $0.sensor == "battery" }.map(\.short) == ["raise power"])
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `in signal is told as one arrival`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var run = WholeSite.begin()
    for second in 0..<90 as Range<Int64> {
      let signal = Int8(min(-100 + Int(second), -50) + Int.random(in: 0...2, using: &random))
      run.tell(
        .sighting("front-1", TestSite.subject(2), signal: signal, battery: nil, button: nil),
        at: WholeSite.start.advanced(by: .seconds(second)))
    }
    #expect(run.notices.map(\.kind) == [.arrival])
  }
}
