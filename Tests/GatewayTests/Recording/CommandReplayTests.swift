import Alerts
import Gateway
import Observations
import Testing

@Suite struct `Commands in a recording` {
  private static func moment(_ second: Int) -> Moment {
    Moment(
      monotonic: MonotonicTime(nanoseconds: Int64(second) * 1_000_000_000),
      wall: WallTime(milliseconds: 1_795_219_200_000 + Int64(second) * 1000), clock: .synchronized)
  }

  /// Numbers that are the same for the same seed.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 32) | (state << 32)
    }
  }

  private static let siren = OutputRule(
    id: "siren", maxOn: .minutes(3), coolDown: .minutes(1),
    soundAt: SirenRule(severity: .moderate, allOf: ["river-1"], whenOneIsFaulty: .otherDecides))

  private static let plan = StationPlan(
    gateway: "g", sensors: `A replay`.plan.sensors, floods: `A replay`.plan.floods,
    contacts: `A replay`.plan.contacts, outputs: [siren])

  /// Comes before any real danger, so that there is one in every run.
  private static func exercise(at moment: Moment) -> Command.Action {
    .rehearse(
      RehearsalPlan(
        sensor: "river-1", mode: .exercise, readings: [.init(offset: .zero, value: Measure(thousandths: 3500))],
        until: moment.wall + .seconds(30)))
  }

  private func action(_ second: Int, _ station: Station, _ numbers: inout Numbers) -> Command.Action {
    let until = Self.moment(second).wall + .seconds(Int64.random(in: -10...2000, using: &numbers))
    switch Int.random(in: 0..<7, using: &numbers) {
    case 0: return .silence(Bool.random(using: &numbers) ? nil : "siren", until: until)
    case 1: return .silence(nil, until: nil)
    case 2: return .maintenance(Bool.random(using: &numbers) ? nil : ["river-1"], until: until)
    case 3: return .maintenance(["river-1"], until: nil)
    case 4:
      return .rehearse(
        RehearsalPlan(
          sensor: Bool.random(using: &numbers) ? "river-1" : "underpass-1", mode: .exercise,
          readings: [
            .init(offset: .zero, value: Measure(thousandths: 3500)),
            .init(offset: .milliseconds(90_500), value: Measure(thousandths: 0)),
          ], until: until, soundsSiren: true))
    case 5: return .endRehearsal(nil)
    default:
      let id = station.activeAlerts.randomElement(using: &numbers)?.id ?? "g/none"
      return .acknowledge(.id(id), until: until)
    }
  }

  @Test(arguments: Array(1...12) as [UInt64])
  func `make it tell what was told when they were asked for`(seed: UInt64) throws {
    var numbers = Numbers(state: seed)
    // Ids that no replay gives, as a live run's are.
    var live = Station(plan: Self.plan) { "live-\(seed)/\($0.source)/\($0.kind)/\($0.ordinal)" }
    var told = Effects()
    var lines: [[UInt8]] = []
    func record(_ content: RecordingLine.Content, at moment: Moment) {
      var bytes: [UInt8] = []
      RecordingLine(monotonic: moment.monotonic, wall: moment.wall, content: content)
        .write(into: &bytes, zone: .fixed(seconds: 32_400))
      lines.append(Array(bytes.dropLast()))
    }
    live.start(at: Self.moment(0), into: &told)
    record(.event("start", boot: "b"), at: Self.moment(0))
    for number in 1..<600 {
      let second = number * 15
      let moment = Self.moment(second)
      if number == 5 || Int.random(in: 0..<12, using: &numbers) == 0 {
        live.handle(.timePasses, at: moment, into: &told)
        let asked = number == 5 ? Self.exercise(at: moment) : action(second, live, &numbers)
        let command = Command(id: "c-\(number)", authority: "bousai", action: asked)
        record(.command(live.recorded(command), tag: nil), at: moment)
        live.handle(.command(command), at: moment, into: &told)
      } else if number > 5, Bool.random(using: &numbers) {
        let isWet = Int.random(in: 0..<10, using: &numbers) == 0
        record(.contact("underpass-1", active: isWet), at: moment)
        live.handle(.contact("underpass-1", active: isWet), at: moment, into: &told)
      } else {
        let isHigh = number > 5 && Int.random(in: 0..<10, using: &numbers) == 0
        let level = Measure(thousandths: isHigh ? 3200 : 1000)
        record(.reading("river-1", DecimalNumber(level)), at: moment)
        live.handle(.reading("river-1", level), at: moment, into: &told)
      }
    }
    var replayer = Replayer(
      station: Station(plan: Self.plan, identify: `A replay`.identify), plan: Self.plan)
    var replayed = Effects()
    for line in lines { try replayer.feed(line.span, into: &replayed) }
    func nameless(_ alerts: [Alert]) -> [Alert] {
      alerts.map { alert in
        var alert = alert
        alert.id = ""
        return alert
      }
    }
    #expect(nameless(replayed.alerts) == nameless(told.alerts))
    #expect(replayed.outputs == told.outputs)
    #expect(replayed.answers == told.answers)
    #expect(told.alerts.contains { $0.mode == .exercise } && told.alerts.contains { $0.kind == .maintenance })
    #expect(told.answers.contains { $0.result == .done } && told.answers.contains { $0.result != .done })
  }

  @Test func `may be written by hand`() throws {
    var replayer = `A replay`.replayer()
    var told = `A replay`.Told()
    var effects = Effects()
    let until = #""until":"2025-09-24T03:10:00+09:00""#
    for line in [
      #"{"time":"2025-09-24T02:50:00+09:00","sensor":"river-1","value":1}"#,
      #"{"time":"2025-09-24T02:50:00+09:00","event":"command","do":"exercise","sensor":"river-1","value":3.5,\#(until)}"#,
      #"{"time":"2025-09-24T02:50:10+09:00","event":"command","do":"report"}"#,
      #"{"time":"2025-09-24T02:50:10+09:00","event":"command","do":"maintenance","sensors":["rain-1"],\#(until)}"#,
      #"{"time":"2025-09-24T02:50:20+09:00","event":"command","do":"exercise","over":true}"#,
      #"{"time":"2025-09-24T03:10:00+09:00"}"#,
    ] {
      try replayer.feed(line.utf8.span, into: &effects)
    }
    #expect(effects.answers.map(\.result) == [.done, .done, .done])
    #expect(effects.alerts.prefix(3).map(\.mode) == [.exercise, .actual, .exercise])
    told.take(&effects)
    #expect(
      told.messages == [
        "water_level raise 02:50:00", "maintenance raise 02:50:10", "water_level clear 02:50:20",
        "sensor_fault raise 02:51:00", "maintenance clear 03:10:00",
      ])
  }
}
