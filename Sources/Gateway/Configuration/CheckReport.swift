import Alerts
import Observations

/// What `check` prints, for people and for programs.
public struct CheckReport: Sendable {
  public let check: ConfigurationCheck
  /// What changes, if the configuration was compared with another.
  public let difference: ConfigurationDifference?

  public init(_ check: ConfigurationCheck, difference: ConfigurationDifference? = nil) {
    self.check = check
    self.difference = difference
  }

  /// The problems; what will sound when, if the configuration can be run; what changes.
  public var text: String {
    var parts: [String] = []
    if !check.problems.isEmpty { parts.append(check.problemText) }
    if let configuration = check.configuration {
      parts.append("What will sound when:\n" + SoundingTable(configuration).text)
    }
    if let difference { parts.append("What changes:\n" + difference.text) }
    return parts.joined(separator: "\n")
  }

  /// The same as one JSON object on one line: `problems`, `sounds`, and `changes` after a comparison.
  public var json: String {
    var members = ["\"problems\":" + Self.array(check.problems.map(problem))]
    let rows = check.configuration.map { SoundingTable($0).rows } ?? []
    members.append("\"sounds\":" + Self.array(rows.map(Self.row)))
    if let difference { members.append("\"changes\":" + Self.array(difference.changes.map(Self.change))) }
    return "{" + members.joined(separator: ",") + "}\n"
  }

  private func problem(_ problem: Problem) -> String {
    Self.object([
      ("file", Self.string(check.file)), ("line", "\(problem.position.line)"),
      ("column", "\(problem.position.column)"), ("severity", Self.string(problem.severity.rawValue)),
      ("key", Self.string(problem.key)), ("problem", Self.string(problem.message)),
      ("advice", Self.string(problem.advice)),
    ])
  }

  private static func row(_ row: SoundingTable.Row) -> String {
    var members = [("sensor", string(row.sensor.text)), ("name", string(row.name))]
    switch row.condition {
    case .level(let level):
      members += [
        ("at", string("level")), ("step", string(level.step.rawValue)), ("threshold", level.threshold.description),
        ("unit", string(Quantity.waterLevel.unit)),
      ]
    case .wet: members.append(("at", string("wet")))
    case .rise(let rise):
      members += [
        ("at", string("rise")), ("threshold", rise.by.description), ("unit", string(Quantity.waterLevel.unit)),
        ("within_milliseconds", "\(rise.within.milliseconds)"),
      ]
    case .rain(let amount):
      members += [
        ("at", string("rain")), ("threshold", amount.amount.description), ("unit", string(Quantity.rain.unit)),
        ("within_milliseconds", "\(amount.within.milliseconds)"),
      ]
    }
    switch row.confirmation {
    case .readings(let count): members.append(("confirm_readings", "\(count)"))
    case .duration(let span): members.append(("confirm_milliseconds", "\(span.milliseconds)"))
    case nil: break
    }
    members.append(("severity", string(row.severity.name)))
    let sounds = row.sounds.map { sound in
      object(
        [
          ("output", string(sound.output.text)), ("with", array(sound.with.map { string($0.text) })),
          ("when_one_is_faulty", string(sound.whenOneIsFaulty.rawValue)),
        ] + (sound.silentAtMost.map { [("silent_at_most_milliseconds", "\($0.milliseconds)")] } ?? []))
    }
    members.append(("outputs", array(sounds)))
    return object(members)
  }

  private static func change(_ change: ConfigurationDifference.Change) -> String {
    let key = ("key", string(change.key))
    return switch change.kind {
    case .added(let new): object([key, ("change", string("added")), ("new", string(new))])
    case .removed(let old): object([key, ("change", string("removed")), ("old", string(old))])
    case .changed(let old, let new):
      object([key, ("change", string("changed")), ("old", string(old)), ("new", string(new))])
    }
  }

  private static func object(_ members: [(String, String)]) -> String {
    "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
  }

  private static func array(_ values: [String]) -> String {
    "[" + values.joined(separator: ",") + "]"
  }

  /// RFC 8259, section 7. TOML's escapes of control characters are JSON's too, and no other is needed.
  private static func string(_ text: String) -> String {
    TOMLValue.quoted(text)
  }
}
