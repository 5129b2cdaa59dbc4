import Alerts
import Foundation
import Observations

/// A station under test, what it was told and all that it asked for.
struct StationRun {
  /// 2026-11-21T00:00:00Z.
  static let epoch = WallTime(milliseconds: 1_795_219_200_000)

  var station: Station
  var alerts: [Alert] = []
  var notices: [Notice] = []
  var outputs: [Effects.OutputChange] = []
  var observations: [Effects.ObservationReport] = []
  var places: [Effects.PlaceReport] = []
  var answers: [CommandAnswer] = []
  var saves: [SavedState] = []

  /// Starts a station at second 0.
  init(_ plan: StationPlan, watch: WatchPlan = .empty) {
    station = Station(plan: plan, identify: StationRun.identify)
    var effects = Effects()
    station.start(at: Self.moment(0), into: &effects)
    if !watch.members.isEmpty { station.handle(.watch(watch), at: Self.moment(0), into: &effects) }
    collect(effects)
  }

  /// Goes on with `states` in a new station.
  init(
    _ plan: StationPlan, watch: WatchPlan, states: [SavedState], sequences: [String: UInt64], at moment: Moment,
    sameBoot: Bool, boot: String? = nil
  ) {
    station = Station(plan: plan, identify: StationRun.identify)
    station.restore(states, sequences: sequences, at: moment, sameBoot: sameBoot, boot: boot)
    var effects = Effects()
    station.start(at: moment, into: &effects)
    station.handle(.watch(watch), at: moment, into: &effects)
    collect(effects)
  }

  static let identify: @Sendable (AlertOrigin) -> String = {
    "\($0.gateway)/\($0.source)/\($0.kind)/\($0.onset.milliseconds)/\($0.ordinal)"
  }

  static func moment(_ seconds: Double) -> Moment {
    let milliseconds = Int64((seconds * 1000).rounded())
    return Moment(
      monotonic: MonotonicTime(nanoseconds: 1_000_000_000_000 + milliseconds * 1_000_000),
      wall: WallTime(milliseconds: epoch.milliseconds + milliseconds), clock: .synchronized)
  }

  /// The second of the run that `moment` is.
  static func second(_ moment: Moment) -> Double {
    Double(moment.wall.milliseconds - epoch.milliseconds) / 1000
  }

  /// Tells the station something and returns what it asked for.
  @discardableResult
  mutating func tell(_ input: StationInput, at seconds: Double) -> Effects {
    tell(input, at: Self.moment(seconds))
  }

  @discardableResult
  mutating func tell(_ input: StationInput, at moment: Moment) -> Effects {
    var effects = Effects()
    station.handle(input, at: moment, into: &effects)
    collect(effects)
    return effects
  }

  private mutating func collect(_ effects: Effects) {
    alerts += effects.alerts
    notices += effects.notices
    outputs += effects.outputs
    observations += effects.observations
    places += effects.places
    answers += effects.answers
    saves += effects.saves
  }

  /// The last number of each stream, as a ledger would know it.
  var sequences: [String: UInt64] {
    var last: [String: UInt64] = [:]
    if let alert = alerts.last { last["alert"] = alert.sequence }
    for notice in notices { last[notice.subject.text] = notice.sequence }
    return last
  }

  /// What a ledger would hold: the newest state of each key.
  var ledger: [SavedState] {
    var newest: [String: SavedState] = [:]
    for state in saves { newest[state.key] = state.isForgotten ? nil : state }
    return newest.keys.sorted().compactMap { newest[$0] }
  }
}

extension StationInput {
  /// A command of the city's.
  static func asked(_ action: Command.Action, id: String = "c-1") -> StationInput {
    .command(Command(id: id, authority: "bousai-2026", action: action))
  }
}

extension Alert {
  /// A short form for tables of expectations: `raise danger`.
  var short: String {
    ([message.rawValue, step?.rawValue ?? kind.rawValue] + (reason.map { [$0] } ?? [])).joined(separator: " ")
  }
}

/// Whether there are hours to test in, as `make soak` says.
let isSoak = ProcessInfo.processInfo.environment["MIMAMORI_SOAK"] != nil

/// A generator of random numbers that gives the same ones for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}

extension Measure {
  static func metres(_ value: Double) -> Measure {
    Measure(thousandths: Int64((value * 1000).rounded()))
  }
}

/// A site with everything that this version decides about.
enum TestSite {
  static let river = FloodRule(
    sensor: "river-1",
    levels: [
      .init(step: .standby, threshold: .metres(2)), .init(step: .caution, threshold: .metres(3)),
      .init(step: .evacuationJudgment, threshold: .metres(3.5)), .init(step: .danger, threshold: .metres(4)),
      .init(step: .flooding, threshold: .metres(5.2)),
    ], confirm: .readings(3), releaseMargin: .metres(0.1), releaseHold: .minutes(10))
  static let canal = FloodRule(
    sensor: "canal-1",
    levels: [.init(step: .caution, threshold: .metres(1.2)), .init(step: .danger, threshold: .metres(1.8))],
    confirm: .duration(.seconds(10)), releaseMargin: .metres(0.05), releaseHold: .minutes(10))
  static let underpass = ContactRule(
    sensor: "underpass-1", severity: .severe, wetAfter: .seconds(20), dryAfter: .minutes(10))
  static let gate = PlaceRule(
    id: "school-7-gate", name: "国包小学校 正門", sensors: ["gate-north", "gate-south"], enter: -75, leave: -85,
    sightingsCount: 3, sightingsOf: 5, dwell: .seconds(10), goneAfter: .seconds(60))

  static let sensors = [
    SensorPlan(
      id: "river-1", name: "加古川 国包橋", quantity: .waterLevel, range: .metres(-1)...(.metres(10)),
      staleAfter: .seconds(60)),
    SensorPlan(id: "canal-1", name: "国包用水路", quantity: .waterLevel, staleAfter: .seconds(30)),
    SensorPlan(id: "underpass-1", name: "国包アンダーパス", quantity: .floodContact),
    SensorPlan(id: "rain-1", name: "国包雨量計", quantity: .rain, tip: .metres(0.5)),
    SensorPlan(id: "gate-north", name: "正門 北", quantity: .beacon),
    SensorPlan(id: "gate-south", name: "正門 南", quantity: .beacon),
  ]

  static func siren(_ id: OutputID, _ faulty: SirenRule.WhenOneIsFaulty) -> OutputRule {
    OutputRule(
      id: id, maxOn: .minutes(3), coolDown: .minutes(10),
      soundAt: SirenRule(severity: .severe, allOf: ["river-1", "underpass-1"], whenOneIsFaulty: faulty))
  }

  static let plan = StationPlan(
    gateway: "kakogawa-042", sensors: sensors, floods: [river, canal], contacts: [underpass], places: [gate],
    outputs: [siren("siren", .otherDecides), siren("lamp", .silent)])

  static func watch(_ count: Int) -> WatchPlan {
    WatchPlan(revision: 1, members: (0..<count).map { member($0) })
  }

  static func member(_ number: Int) -> WatchPlan.Member {
    WatchPlan.Member(subject: subject(number), person: number % 5 == 0 ? .elder : .child, places: [gate.id])
  }

  static func subject(_ number: Int) -> SubjectID {
    let text = String(number, radix: 16)
    return SubjectID("7f3a9c52e1b84d0f9a61" + String(repeating: "0", count: 4 - text.utf8.count) + text)
  }

  /// Only a river with these levels, every reading counting at once unless said otherwise.
  static func riverOnly(
    _ levels: [(LadderStep, Double)], confirm: Confirmation = .readings(1), margin: Double = 0,
    hold: TimeSpan = .zero, staleAfter: TimeSpan? = .seconds(60), range: ClosedRange<Measure>? = nil
  ) -> StationPlan {
    StationPlan(
      gateway: "g",
      sensors: [SensorPlan(id: "river-1", name: "川", quantity: .waterLevel, range: range, staleAfter: staleAfter)],
      floods: [
        FloodRule(
          sensor: "river-1", levels: levels.map { .init(step: $0.0, threshold: .metres($0.1)) }, confirm: confirm,
          releaseMargin: .metres(margin), releaseHold: hold)
      ])
  }
}
