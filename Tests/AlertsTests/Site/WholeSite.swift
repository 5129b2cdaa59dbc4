import Alerts
import Observations

/// One site with every detector there is, and days at it at random with every kind of input: the same for the same seed.
struct WholeSite {
  struct Event {
    var input: StationInput
    var moment: Moment
  }

  static let plan = StationPlan(
    gateway: "kakogawa-042",
    sensors: [
      gauge("river-1"), gauge("canal-1"), gauge("canal-2"), gauge("pond-1"), gauge("pond-2"),
      SensorPlan(id: "underpass-1", name: "地下道", quantity: .floodContact),
      SensorPlan(id: "rain-1", name: "雨量計", quantity: .rain, tip: .metres(0.5)),
      SensorPlan(id: "battery", name: "蓄電池", quantity: .voltage, staleAfter: .minutes(10)),
      SensorPlan(id: "disk", name: "記憶", quantity: .storageFree, staleAfter: .minutes(10)),
      SensorPlan(id: "front-1", name: "正門 北", quantity: .beacon, staleAfter: .minutes(2)),
      SensorPlan(id: "front-2", name: "正門 南", quantity: .beacon),
      SensorPlan(id: "van-1", name: "巡回車", quantity: .beacon),
      SensorPlan(id: "gnss", name: "位置", quantity: .position, staleAfter: .minutes(2)),
    ],
    floods: [
      FloodRule(
        sensor: "river-1", levels: TestSite.river.levels, confirm: .readings(2), releaseMargin: .metres(0.1),
        releaseHold: .minutes(1), rise: .init(by: .metres(0.4), within: .minutes(5), severity: .severe),
        forecast: .minutes(30), reporting: .init(from: .metres(2), above: .minutes(5), below: .minutes(10)),
        realertAfter: .minutes(5)),
      FloodRule(
        sensor: "canal-1", levels: TestSite.canal.levels, confirm: .duration(.seconds(10)),
        releaseMargin: .metres(0.05), releaseHold: .zero,
        rise: .init(by: .metres(0.2), within: .minutes(2), severity: .moderate), forecast: .minutes(20),
        pair: .init(second: "canal-2", combination: .higher), realertAfter: .minutes(5)),
      FloodRule(
        sensor: "pond-1", levels: TestSite.canal.levels, confirm: .readings(1), releaseMargin: .metres(0.05),
        releaseHold: .seconds(30), realertAfter: .minutes(5)),
    ],
    contacts: [
      ContactRule(
        sensor: "underpass-1", severity: .severe, wetAfter: .seconds(5), dryAfter: .seconds(5),
        realertAfter: .minutes(5))
    ],
    places: [
      PlaceRule(
        id: "front", name: "小学校 正門", sensors: ["front-1", "front-2"], enter: enter, leave: -85, sightingsCount: 3,
        sightingsOf: 5, dwell: .seconds(10), goneAfter: .seconds(60), passages: true),
      PlaceRule(
        id: "van", name: "巡回車", sensors: ["van-1"], enter: enter, leave: -85, sightingsCount: 2, sightingsOf: 3,
        dwell: .seconds(2), goneAfter: .seconds(60), positionSensor: "gnss", apartFrom: ["front"]),
    ],
    outputs: [
      OutputRule(
        id: "siren", maxOn: .minutes(3), coolDown: .minutes(10),
        soundAt: SirenRule(severity: .severe, allOf: ["river-1"], whenOneIsFaulty: .otherDecides)),
      OutputRule(
        id: "lamp", maxOn: .hours(1), minOn: .seconds(20), coolDown: .zero,
        soundAt: SirenRule(severity: .moderate, allOf: ["canal-1", "underpass-1"], whenOneIsFaulty: .silent)),
    ],
    limits: [
      LimitRule(
        sensor: "battery", side: .below, threshold: .metres(11.5), margin: .metres(0.3), confirm: .seconds(30),
        severity: .moderate),
      LimitRule(
        sensor: "disk", side: .below, threshold: .metres(10), margin: .metres(2), confirm: .zero, severity: .minor),
    ],
    agreements: [
      AgreementRule(first: "pond-1", second: "pond-2", within: .metres(0.3), safeSide: .higher, after: .seconds(20))
    ],
    rains: [
      RainRule(
        sensor: "rain-1",
        amounts: [
          .init(amount: .metres(3), within: .minutes(10), severity: .moderate, suppress: .minutes(5)),
          .init(amount: .metres(8), within: .hours(1), severity: .severe, suppress: .minutes(30)),
        ], dryGap: .hours(1), dayStarts: .hours(9))
    ], zone: WatchedTime.berlin)

  static let enter: Int8 = -75

  private static func gauge(_ id: SensorID) -> SensorPlan {
    SensorPlan(
      id: id, name: id.text, quantity: .waterLevel, range: .metres(-1)...(.metres(10)), staleAfter: .seconds(120),
      conditioning: ConditioningPlan(stuckAfter: .minutes(20)))
  }

  static func watch(_ revision: Int) -> WatchPlan {
    let school = WatchRules(notArrivedBy: .init(minutes: 510), notSeenFor: .hours(5))
    let home = WatchRules(
      nightExit: .init(from: .init(minutes: 1260), to: .init(minutes: 330)), notSeenFor: .minutes(20))
    let rules: [[WatchRules?]] = [[home, nil], [school, nil], [nil, nil], [home, school]]
    return WatchPlan(
      revision: revision,
      members: rules.enumerated().map { number, rules in
        .init(
          subject: TestSite.subject(number), person: number == 0 ? .elder : .child, places: ["front", "van"],
          rules: rules)
      })
  }

  /// Sunday night, before the clocks of Berlin are put back and a week of school begins.
  static let start = Moment(
    monotonic: StationRun.moment(0).monotonic, wall: WatchedTime.wall("2026-10-25T01:30:00+02:00"),
    clock: .synchronized)

  private(set) var events: [Event] = []
  private var random: SeededGenerator
  private var now = WholeSite.start
  private var values: [SensorID: Double] = [
    "river-1": 2, "canal-1": 0.8, "canal-2": 0.9, "pond-1": 0.7, "pond-2": 0.7, "battery": 12.5, "disk": 40,
  ]
  private var speeds: [SensorID: Double] = [:]
  private var pondGap = 0.0
  private var tips: UInt64 = 0
  private var isWet = false
  private var revision = 1

  init(seed: UInt64, count: Int) {
    random = SeededGenerator(seed: seed)
    while events.count < count { happen() }
  }

  private mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

  private mutating func pass(_ milliseconds: Int) { now = now.advanced(by: .milliseconds(Int64(milliseconds))) }

  private mutating func add(_ input: StationInput) { events.append(Event(input: input, moment: now)) }

  private mutating func happen() {
    pass(chance(60) ? Int.random(in: 60_000...9_000_000, using: &random) : Int.random(in: 0...4000, using: &random))
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<50: measure()
    case 50..<62:
      tips = chance(60) ? 0 : tips + 1
      add(.tips("rain-1", count: tips))
    case 62..<67:
      isWet.toggle()
      add(.contact("underpass-1", active: isWet))
    case 67..<72: fail()
    case 72..<76: add(.alive(["front-1", "front-2", "van-1", "rain-1"].randomElement(using: &random) ?? "rain-1"))
    case 76..<79:
      let place = Position(latitude: Double.random(in: 34...35, using: &random), longitude: 134.9)
      add(.position("gnss", PositionFix(position: place, time: now.wall, accuracy: .metres(5))))
    case 79..<81: add(.timePasses)
    case 81..<84: administer()
    default: visit()
    }
  }

  private mutating func measure() {
    let sensor: SensorID = values.keys.sorted { $0.text < $1.text }.randomElement(using: &random) ?? "river-1"
    let (low, high, step): (Double, Double, Double) =
      switch sensor {
      case "river-1": (-0.5, 6.5, 0.06)
      case "battery": (10.5, 13.5, 0.1)
      case "disk": (2, 60, 4)
      default: (-0.2, 2.4, 0.05)
      }
    if chance(10) { speeds[sensor] = [0, 0, -step, step, step / 2].randomElement(using: &random) ?? 0 }
    values[sensor] = min(max((values[sensor] ?? 0) + (speeds[sensor] ?? 0), low), high)
    // The two of the pond measure the same water, mostly.
    if chance(30) { pondGap = pondGap == 0 ? 0.6 : 0 }
    if sensor == "pond-2" { values[sensor] = (values["pond-1"] ?? 0) + pondGap }
    add(.reading(sensor, .metres(chance(60) ? 77 : values[sensor] ?? 0)))
  }

  private mutating func fail() {
    let gauge: SensorID = ["river-1", "canal-1", "canal-2", "battery"].randomElement(using: &random) ?? "river-1"
    switch Int.random(in: 0..<6, using: &random) {
    case 0: add(.fault("front-1", .deaf))
    case 1: add(.fault("underpass-1", .cableBreak))
    case 2: add(.fault("rain-1", .edgesLost))
    default: add(.fault(gauge, [.timeout, .garbledReply].randomElement(using: &random) ?? .timeout))
    }
  }

  /// What people do at the board and in the city, and what becomes of its clock.
  private mutating func administer() {
    switch Int.random(in: 0..<7, using: &random) {
    case 0:
      let step = [3600, -3600, 30].randomElement(using: &random) ?? 0
      now = Moment(monotonic: now.monotonic, wall: now.wall + .seconds(Int64(step)), clock: now.clock)
      add(.timePasses)
    case 1:
      let clock: ClockQuality = now.clock == .synchronized ? .unsynchronized : .synchronized
      now = Moment(monotonic: now.monotonic, wall: now.wall, clock: clock)
      add(.timePasses)
    case 2:
      revision += 1
      add(.watch(Self.watch(revision)))
    case 3:
      let search = WatchSearch(
        subject: TestSite.subject(Int.random(in: 2..<6, using: &random)), person: .child, searchCase: "26-1",
        until: now.wall + .hours(2))
      command(.search(search))
    default: command()
    }
  }

  private mutating func command() {
    let end = now.wall + .minutes(Int64(Int.random(in: 1...120, using: &random)))
    let sensor: SensorID = ["river-1", "canal-1", "underpass-1", "rain-1"].randomElement(using: &random) ?? "river-1"
    switch Int.random(in: 0..<6, using: &random) {
    case 0: command(.acknowledge(.source("river-1", .waterLevel, .actual), until: end))
    case 1: command(.silence(chance(2) ? nil : "siren", until: chance(3) ? nil : end))
    case 2: command(.maintenance(chance(3) ? nil : [sensor], until: chance(2) ? nil : end))
    case 3: command(.endRehearsal(chance(2) ? nil : sensor))
    default:
      let readings = [0, 90].map { RehearsalPlan.Reading(offset: .seconds($0), value: .metres(chance(2) ? 5.5 : 0)) }
      command(
        .rehearse(
          RehearsalPlan(
            sensor: sensor, mode: chance(2) ? .exercise : .test, readings: readings, until: end,
            soundsSiren: chance(2))))
    }
  }

  private mutating func command(_ action: Command.Action) {
    add(.command(Command(id: "command-\(events.count)", authority: "city", action: action)))
  }

  private mutating func visit() {
    let subject = TestSite.subject(Int.random(in: 0..<6, using: &random))
    let sensor: SensorID = ["front-1", "front-1", "front-2", "van-1"].randomElement(using: &random) ?? "front-1"
    let base = Int.random(in: -90 ... -60, using: &random)
    let battery: UInt8? = chance(4) ? UInt8.random(in: 5...60, using: &random) : nil
    let isPressed = chance(10)
    for _ in 0..<Int.random(in: 1...12, using: &random) {
      let other: SensorID = sensor == "van-1" ? "front-1" : "van-1"
      add(
        .sighting(
          chance(8) ? other : sensor, subject, signal: Int8(base + Int.random(in: -6...6, using: &random)),
          battery: battery,
          button: isPressed ? Bool.random(using: &random) : nil))
      pass(Int.random(in: 200...2500, using: &random))
    }
  }

  // MARK: Running

  /// The list in force after so many events.
  func list(after count: Int) -> WatchPlan {
    var list = Self.watch(1)
    for event in events.prefix(count) { if case .watch(let newer) = event.input { list = newer } }
    return list
  }

  static func begin() -> StationRun {
    StationRun(plan, watch: watch(1), states: [], sequences: [:], at: start, sameBoot: true)
  }

  func run() -> StationRun {
    var run = Self.begin()
    for event in events { run.tell(event.input, at: event.moment) }
    return run
  }
}
