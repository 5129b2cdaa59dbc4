import Alerts
import Observations

/// What one replay told, gathered while it runs. Bounded: what does not fit is counted, not kept.
struct BacktestLog {
  /// One alert through its life.
  struct Spell {
    let kind: AlertKind
    let sensor: SensorID
    let severity: Severity
    let fault: FaultCause?
    let onset: Moment
    let raised: Moment
    /// Nil while it is active.
    var cleared: Moment?
    /// As it was observed when it was raised, against what, and in what time.
    let value: Measure?
    let threshold: Measure?
    let within: TimeSpan?
  }

  /// When a sensor gave signs of life.
  struct Signs {
    let allowedSilence: TimeSpan?
    var count = 0
    var first: Moment?
    var last: Moment?
    var longest: (from: Moment, to: Moment)?
    /// Silences longer than what is allowed.
    var gaps: [(from: Moment, to: Moment)] = []

    /// A sign of life. Returns false where there are too many gaps to keep another.
    fileprivate mutating func take(_ moment: Moment) -> Bool {
      defer {
        count += 1
        first = first ?? moment
        last = moment
      }
      guard let last else { return true }
      let silence = moment.monotonic - last.monotonic
      if longest.map({ silence > $0.to.monotonic - $0.from.monotonic }) ?? true { longest = (last, moment) }
      guard let allowedSilence, silence > allowedSilence else { return true }
      guard gaps.count < BacktestLog.most else { return false }
      gaps.append((last, moment))
      return true
    }
  }

  /// Once an output was on.
  struct Sounding {
    let on: Moment
    let cause: String
    var off: Moment?
    var offCause: String?
  }

  static let most = 10_000

  let trial: BacktestTrial
  private(set) var rivers: [RiverHistory]
  private(set) var spells: [Spell] = []
  private(set) var signs: [SensorID: Signs]
  private(set) var soundings: [OutputID: [Sounding]] = [:]
  private(set) var notices: [NoticeKind: Int] = [:]
  /// All messages of alerts: raised, updated and cleared.
  private(set) var messages = 0
  private(set) var leftOut = 0
  private var active: [String: Int] = [:]

  init(_ trial: BacktestTrial, plan: StationPlan) {
    self.trial = trial
    rivers = trial.floods.map { RiverHistory($0) }
    signs = Dictionary(
      uniqueKeysWithValues: plan.sensors.map { ($0.id, Signs(allowedSilence: $0.staleAfter)) })
  }

  mutating func take(_ heard: Replayer.Heard) {
    if let value = heard.value, let river = rivers.firstIndex(where: { $0.rule.sensor == heard.sensor }) {
      rivers[river].take(value, at: heard.at)
    }
    guard heard.isOwn, signs[heard.sensor]?.take(heard.at) == false else { return }
    leftOut += 1
  }

  mutating func take(_ effects: Effects) {
    for alert in effects.alerts { take(alert) }
    for report in effects.observations {
      guard let river = rivers.firstIndex(where: { $0.rule.sensor == report.sensor }) else { continue }
      rivers[river].estimated(report.next, at: report.at)
    }
    for change in effects.outputs { take(change) }
    for notice in effects.notices { notices[notice.kind, default: 0] += 1 }
  }

  private mutating func take(_ alert: Alert) {
    messages += 1
    switch alert.message {
    case .raise:
      guard spells.count < Self.most else {
        leftOut += 1
        return
      }
      active[alert.id] = spells.count
      spells.append(
        Spell(
          kind: alert.kind, sensor: alert.sensor, severity: alert.severity, fault: alert.fault, onset: alert.onset,
          raised: alert.detected, value: alert.observed?.value, threshold: alert.observed?.threshold,
          within: alert.observed?.within))
    case .clear:
      if let index = active.removeValue(forKey: alert.id) { spells[index].cleared = alert.detected }
    case .update: break
    }
    guard let river = rivers.firstIndex(where: { $0.rule.sensor == alert.sensor }) else { return }
    if alert.kind == .waterLevel {
      rivers[river].moved(to: alert.message == .clear ? nil : alert.step, at: alert.detected)
    }
    if alert.kind == .waterLevel || alert.kind == .rateOfRise {
      rivers[river].estimated(alert.observed?.next, at: alert.detected)
    }
  }

  private mutating func take(_ change: Effects.OutputChange) {
    var list = soundings[change.output] ?? []
    if change.on {
      if list.count < Self.most {
        list.append(Sounding(on: change.at, cause: change.cause))
      } else {
        leftOut += 1
      }
    } else if let last = list.indices.last, list[last].off == nil {
      list[last].off = change.at
      list[last].offCause = change.cause
    }
    soundings[change.output] = list
  }

  /// The recording is over.
  mutating func finish() {
    for index in rivers.indices { rivers[index].finish() }
    leftOut += rivers.reduce(0) { $0 + $1.leftOut }
  }

  // MARK: Figures

  /// The most alerts that were raised within sixty minutes, and when the first of them was.
  var worstHour: (count: Int, from: Moment)? {
    var worst: (count: Int, from: Moment)?
    var first = 0
    for (index, spell) in spells.enumerated() {
      while spell.raised.monotonic - spells[first].raised.monotonic >= .hours(1) { first += 1 }
      let count = index - first + 1
      if worst.map({ count > $0.count }) ?? true { worst = (count, spells[first].raised) }
    }
    return worst
  }

  /// The steps of its river that were told after a fast rise, within so long.
  func followed(_ spell: Spell) -> [RiverHistory.Visit] {
    guard let river = rivers.first(where: { $0.rule.sensor == spell.sensor }) else { return [] }
    return river.visits.filter {
      $0.told.monotonic >= spell.raised.monotonic && $0.told.monotonic - spell.raised.monotonic <= Self.followTime
    }
  }

  static let followTime = TimeSpan.hours(6)
}
