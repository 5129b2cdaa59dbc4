public import Alerts
public import Observations

/// What will sound when: each threshold of a configuration, and which outputs it sounds with whom.
public struct SoundingTable: Sendable, Hashable {
  /// An output that a threshold can switch on.
  public struct Sound: Sendable, Hashable {
    public let output: OutputID
    /// The other sensors that must agree; empty: it sounds alone.
    public let with: [SensorID]
    public let whenOneIsFaulty: SirenRule.WhenOneIsFaulty
    /// With `silent`: after a fault of so long the other sensors decide; nil: never.
    public let silentAtMost: TimeSpan?
  }

  /// What has to be seen.
  public enum Condition: Sendable, Hashable {
    /// The water reaches a level of the ladder.
    case level(FloodRule.Level)
    /// The contact is wet.
    case wet
    /// The water rises so fast.
    case rise(FloodRule.Rise)
    /// So much rain falls in such a time.
    case rain(RainRule.Amount)
  }

  public struct Row: Sendable, Hashable {
    public let sensor: SensorID
    public let name: String
    public let condition: Condition
    /// Nil for a rise, which the slope through its readings confirms.
    public let confirmation: Confirmation?
    public let severity: Severity
    /// Empty: nothing sounds, the alert is only sent.
    public let sounds: [Sound]
  }

  public let rows: [Row]
  /// The sensors with a `[[limit]]`: their alerts are sent, and no output sounds for them.
  public let limited: [SensorID]
  /// The contacts that tell nothing of water, in the same way.
  public let otherContacts: [ContactRule]
  /// The contacts that silence outputs.
  public let buttons: [ContactRule]

  public init(_ configuration: GatewayConfiguration) {
    func sounds(_ sensor: SensorID, _ severity: Severity) -> [Sound] {
      configuration.outputs.compactMap { output in
        guard let rule = output.rule.soundAt, rule.allOf.contains(sensor), severity >= rule.severity else { return nil }
        return Sound(
          output: output.rule.id, with: rule.allOf.filter { $0 != sensor }, whenOneIsFaulty: rule.whenOneIsFaulty,
          silentAtMost: rule.silentAtMost)
      }
    }
    func name(_ sensor: SensorID) -> String {
      configuration.sensors.first { $0.id == sensor }?.plan.name ?? ""
    }
    var rows: [Row] = []
    for rule in configuration.floods {
      for level in rule.levels {
        rows.append(
          Row(
            sensor: rule.sensor, name: name(rule.sensor), condition: .level(level), confirmation: rule.confirm,
            severity: level.step.severity, sounds: sounds(rule.sensor, level.step.severity)))
      }
      guard let rise = rule.rise else { continue }
      rows.append(
        Row(
          sensor: rule.sensor, name: name(rule.sensor), condition: .rise(rise), confirmation: nil,
          severity: rise.severity, sounds: sounds(rule.sensor, rise.severity)))
    }
    for rule in configuration.contacts where rule.use == .flood {
      rows.append(
        Row(
          sensor: rule.sensor, name: name(rule.sensor), condition: .wet, confirmation: .duration(rule.wetAfter),
          severity: rule.severity, sounds: sounds(rule.sensor, rule.severity)))
    }
    for rule in configuration.rains {
      for amount in rule.amounts {
        rows.append(
          Row(
            sensor: rule.sensor, name: name(rule.sensor), condition: .rain(amount), confirmation: .duration(.zero),
            severity: amount.severity, sounds: sounds(rule.sensor, amount.severity)))
      }
    }
    self.rows = rows
    limited = configuration.limits.map(\.sensor)
    otherContacts = configuration.contacts.filter { $0.use == .tamper || $0.use == .mains }
    buttons = configuration.contacts.filter { $0.use == .silence }
  }

  /// The table for people, its columns aligned in a terminal.
  public var text: String {
    var limits =
      limited.isEmpty
      ? "" : "Limits raise alerts that nothing sounds for: \(limited.map(\.text).joined(separator: ", ")).\n"
    if !otherContacts.isEmpty {
      let names = otherContacts.map { "\($0.sensor) (\($0.use.rawValue))" }.joined(separator: ", ")
      limits += "Contacts raise alerts that nothing sounds for: \(names).\n"
    }
    for button in buttons {
      let output = button.silenced?.text ?? "every output"
      limits += "\(button.sensor) silences \(output) for \(button.silenceFor.configured).\n"
    }
    guard !rows.isEmpty else {
      return limits.isEmpty ? "Nothing raises an alert: there is no [[flood]], [[contact]] or [[rain]].\n" : limits
    }
    var cells = [["SENSOR", "NAME", "AT", "CONFIRMED BY", "SEVERITY", "SOUNDS"]]
    for row in rows {
      cells.append([
        row.sensor.text, row.name, row.condition.text, row.confirmation?.text ?? "slope", row.severity.name,
        row.sounds.isEmpty ? "-" : row.sounds.map(\.text).joined(separator: "; "),
      ])
    }
    return DisplayWidth.table(cells) + limits
  }
}

extension SoundingTable.Condition {
  var text: String {
    switch self {
    case .level(let level): "\(level.threshold.decimal(minimumDecimals: 2)) m \(level.step.rawValue)"
    case .wet: "wet"
    case .rise(let rise): "+\(rise.by.decimal(minimumDecimals: 2)) m within \(rise.within.configured)"
    case .rain(let amount): "\(amount.amount.decimal(minimumDecimals: 1)) mm within \(amount.within.configured)"
    }
  }
}

extension Confirmation {
  var text: String {
    switch self {
    case .readings(1): "1 reading"
    case .readings(let count): "\(count) readings"
    case .duration(.zero): "at once"
    case .duration(let span): span.configured
    }
  }
}

extension SoundingTable.Sound {
  var text: String {
    guard !with.isEmpty else {
      return whenOneIsFaulty == .silent ? "\(output) alone, silent while it is faulty\(afterwards)" : "\(output) alone"
    }
    let others = with.map(\.text).joined(separator: " and ")
    let faulty =
      switch whenOneIsFaulty {
      case .otherDecides: with.count == 1 ? "alone while that is faulty" : "without those that are faulty"
      case .silent: "silent while one is faulty\(afterwards)"
      }
    return "\(output) together with \(others), \(faulty)"
  }

  /// What follows the silence.
  private var afterwards: String {
    silentAtMost.map { ", for \($0.configured) at most" } ?? ", however long"
  }
}
