import Alerts
import Observations

/// A made-up day with commands at random between everything else that happens.
struct CommandedDay {
  var events: [RandomDay.Event] = []

  /// - Parameters:
  ///   - rate: one command in so many events.
  ///   - actions: what is asked for.
  init(
    seed: UInt64, count: Int, rate: Int = 8,
    actions: (WallTime, inout SeededGenerator) -> Command.Action = CommandedDay.anything
  ) {
    var random = SeededGenerator(seed: seed &* 7919)
    for event in RandomDay(seed: seed, count: count).events {
      events.append(event)
      guard Int.random(in: 0..<rate, using: &random) == 0 else { continue }
      let action = actions(StationRun.moment(event.second).wall, &random)
      events.append(RandomDay.Event(input: .asked(action, id: "c-\(events.count)"), second: event.second))
    }
  }

  func run(_ plan: StationPlan = TestSite.plan) -> StationRun {
    var run = StationRun(plan, watch: RandomDay.watch)
    for event in events { run.tell(event.input, at: event.second) }
    return run
  }

  static func anything(at wall: WallTime, _ random: inout SeededGenerator) -> Command.Action {
    let until = wall + .seconds(Int64.random(in: -60...7200, using: &random))
    let sensors: [SensorID] = ["river-1", "canal-1", "underpass-1", "rain-1", "gate-north", "nowhere"]
    switch Int.random(in: 0..<10, using: &random) {
    case 0, 1:
      let kinds: [AlertKind] = [.waterLevel, .floodContact, .sensorFault, .maintenance, .unstable]
      let modes: [AlertMode] = [.actual, .actual, .exercise]
      return .acknowledge(
        .source(
          sensors.randomElement(using: &random)!, kinds.randomElement(using: &random)!,
          modes.randomElement(using: &random)!), until: until)
    case 2: return .silence([nil, "siren", "lamp", "nothing"].randomElement(using: &random)!, until: until)
    case 3: return .silence(nil, until: nil)
    case 4: return .maintenance([sensors.randomElement(using: &random)!], until: until)
    case 5:
      let isWhole = Int.random(in: 0..<4, using: &random) == 0
      return .maintenance(isWhole ? nil : ["river-1", "underpass-1"], until: until)
    case 6:
      return Bool.random(using: &random) ? .maintenance(nil, until: nil) : .maintenance(["river-1"], until: nil)
    case 7: return .endRehearsal(Bool.random(using: &random) ? nil : "river-1")
    default: return rehearsal(at: wall, &random)
    }
  }

  /// An exercise or a test of something, never heard by a siren unless `soundsSiren`.
  static func rehearsal(
    at wall: WallTime, _ random: inout SeededGenerator, soundsSiren: Bool? = nil
  ) -> Command.Action {
    let sensor: SensorID = ["river-1", "canal-1", "underpass-1"].randomElement(using: &random)!
    var offset = TimeSpan.zero
    var readings: [RehearsalPlan.Reading] = []
    for _ in 0..<Int.random(in: 1...5, using: &random) {
      readings.append(
        RehearsalPlan.Reading(
          offset: offset, value: .metres(Double(Int.random(in: 0...60, using: &random)) / 10)))
      offset = offset + .seconds(Int64.random(in: 1...900, using: &random))
    }
    return .rehearse(
      RehearsalPlan(
        sensor: sensor, mode: Bool.random(using: &random) ? .exercise : .test, readings: readings,
        until: wall + .seconds(Int64.random(in: 1...7200, using: &random)),
        soundsSiren: soundsSiren ?? Bool.random(using: &random)))
  }
}
