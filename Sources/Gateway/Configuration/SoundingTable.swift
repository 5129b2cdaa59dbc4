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
  }

  /// What has to be seen.
  public enum Condition: Sendable, Hashable {
    /// The water reaches a level of the ladder.
    case level(FloodRule.Level)
    /// The contact is wet.
    case wet
  }

  public struct Row: Sendable, Hashable {
    public let sensor: SensorID
    public let name: String
    public let condition: Condition
    public let confirmation: Confirmation
    public let severity: Severity
    /// Empty: nothing sounds, the alert is only sent.
    public let sounds: [Sound]
  }

  public let rows: [Row]

  public init(_ configuration: GatewayConfiguration) {
    func sounds(_ sensor: SensorID, _ severity: Severity) -> [Sound] {
      configuration.outputs.compactMap { output in
        guard let rule = output.rule.soundAt, rule.allOf.contains(sensor), severity >= rule.severity else { return nil }
        return Sound(
          output: output.rule.id, with: rule.allOf.filter { $0 != sensor }, whenOneIsFaulty: rule.whenOneIsFaulty)
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
    }
    for rule in configuration.contacts {
      rows.append(
        Row(
          sensor: rule.sensor, name: name(rule.sensor), condition: .wet, confirmation: .duration(rule.wetAfter),
          severity: rule.severity, sounds: sounds(rule.sensor, rule.severity)))
    }
    self.rows = rows
  }

  /// The table for people, its columns aligned in a terminal.
  public var text: String {
    guard !rows.isEmpty else { return "Nothing raises an alert: there is neither [[flood]] nor [[contact]].\n" }
    var cells = [["SENSOR", "NAME", "AT", "CONFIRMED BY", "SEVERITY", "SOUNDS"]]
    for row in rows {
      cells.append([
        row.sensor.text, row.name, row.condition.text, row.confirmation.text, row.severity.name,
        row.sounds.isEmpty ? "-" : row.sounds.map(\.text).joined(separator: "; "),
      ])
    }
    return DisplayWidth.table(cells)
  }
}

extension SoundingTable.Condition {
  var text: String {
    switch self {
    case .level(let level): "\(level.threshold.decimal(minimumDecimals: 2)) m \(level.step.rawValue)"
    case .wet: "wet"
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
    guard !with.isEmpty else { return "\(output) alone" }
    let others = with.map(\.text).joined(separator: " and ")
    let faulty =
      switch whenOneIsFaulty {
      case .otherDecides: with.count == 1 ? "alone while that is faulty" : "without those that are faulty"
      case .silent: "silent while one is faulty"
      }
    return "\(output) together with \(others), \(faulty)"
  }
}
