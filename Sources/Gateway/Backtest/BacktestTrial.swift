public import Alerts
import Observations

/// Flood rules that a backtest tries: the configured ones, or what a `--try` makes of them.
public struct BacktestTrial: Sendable, Hashable {
  /// At most so many beside the configuration: each is a whole station.
  public static let most = 8

  /// As it was written, such as `danger=3.8`; empty for the configuration as it is.
  public let name: String
  public let floods: [FloodRule]

  private static let otherKeys = ["margin", "hold", "confirm"]
  private static let keys = LadderStep.allCases.map(\.rawValue) + otherKeys

  /// The configuration as it is.
  public init(configured floods: [FloodRule]) {
    name = ""
    self.floods = floods
  }

  /// Reads `danger=3.8`, or several changes that are tried together: `river-1.danger=3.8,margin=0.2,hold=20m,confirm=5`.
  ///
  /// - Throws: `GatewayError` with 64 and what to write instead.
  public init(_ text: String, changing floods: [FloodRule], of sensors: [SensorPlan]) throws(GatewayError) {
    name = text
    var changed = floods
    var seen: Set<String> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let change = try Self.change(part, of: text, among: floods)
      guard seen.insert("\(change.rule).\(change.key)").inserted else {
        throw Self.wrong(text, "it changes \(change.key) twice: write it once")
      }
      changed[change.rule] = try Self.apply(change, to: changed[change.rule], of: text)
    }
    for rule in changed { try Self.check(rule, sensors.first { $0.id == rule.sensor }, of: text) }
    self.floods = changed
  }

  private struct Change {
    let rule: Int
    let key: String
    let value: String
  }

  private static func wrong(_ text: String, _ reason: String) -> GatewayError {
    GatewayError(.wrongUsage, "Failed to use --try \(text): \(reason)")
  }

  private static func change(
    _ part: Substring, of text: String, among floods: [FloodRule]
  ) throws(GatewayError) -> Change {
    let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard sides.count == 2, !sides[1].isEmpty else {
      throw wrong(text, "write a name and a value, such as danger=3.8, margin=0.2, hold=20m or confirm=5")
    }
    let names = sides[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
    let key = names.last ?? ""
    guard keys.contains(key) else {
      let meant =
        NearestName.find(key, among: keys).map { "did you mean \($0)" } ?? "write \(keys.joined(separator: ", "))"
      throw wrong(text, "there is no \"\(key)\" to try: \(meant)")
    }
    let sensors = floods.map(\.sensor.text)
    guard !floods.isEmpty else {
      throw wrong(text, "the configuration has no [[flood]]: there is nothing to try it on")
    }
    guard names.count == 2 else {
      guard floods.count == 1 else {
        let choices = sensors.map { "\($0).\(key)" }.joined(separator: " or ")
        throw wrong(text, "the configuration has \(floods.count) [[flood]]: write \(choices)")
      }
      return Change(rule: 0, key: key, value: String(sides[1]))
    }
    guard let rule = sensors.firstIndex(of: names[0]) else {
      let meant = NearestName.find(names[0], among: sensors).map { "did you mean \($0)" }
      throw wrong(
        text, "no [[flood]] is about \"\(names[0])\": \(meant ?? "write one of \(sensors.joined(separator: ", "))")")
    }
    return Change(rule: rule, key: key, value: String(sides[1]))
  }

  private static func apply(
    _ change: Change, to rule: FloodRule, of text: String
  ) throws(GatewayError) -> FloodRule {
    if let step = LadderStep(rawValue: change.key) {
      let threshold = try metres(change, in: -1000...10_000, of: text)
      let others = rule.levels.filter { $0.step != step }
      let levels = (others + [.init(step: step, threshold: threshold)]).sorted { $0.step < $1.step }
      return FloodRule(rule, levels: levels)
    }
    switch change.key {
    case "margin": return FloodRule(rule, releaseMargin: try metres(change, in: 0...10, of: text))
    case "hold": return FloodRule(rule, releaseHold: try duration(change, of: text))
    default:
      if let count = Int(change.value) {
        guard (1...1000).contains(count) else {
          throw wrong(text, "confirm is 1 to 1000 readings, or a time such as 30s")
        }
        return FloodRule(rule, confirm: .readings(count))
      }
      return FloodRule(rule, confirm: .duration(try duration(change, of: text)))
    }
  }

  private static func metres(
    _ change: Change, in range: ClosedRange<Int64>, of text: String
  ) throws(GatewayError) -> Measure {
    let digits = change.value.hasPrefix("-") ? change.value.dropFirst() : Substring(change.value)
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    let isDecimal =
      (1...2).contains(parts.count) && digits.utf8.count <= 16
      && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } }
    let bytes = Array(change.value.utf8)
    guard isDecimal, let number = DecimalNumber(bytes.span), let value = Measure(number, for: .waterLevel) else {
      throw wrong(text, "\(change.key) is no number of metres: write it such as \(change.key)=3.8")
    }
    guard (range.lowerBound * 1000...range.upperBound * 1000).contains(value.thousandths) else {
      throw wrong(text, "\(change.key) lies outside \(range.lowerBound) to \(range.upperBound) m")
    }
    return value
  }

  private static func duration(_ change: Change, of text: String) throws(GatewayError) -> TimeSpan {
    guard let span = TimeSpan(configured: change.value), span <= .hours(24) else {
      throw wrong(text, "\(change.key) is no length of time up to 24h: write it such as \(change.key)=10m")
    }
    return span
  }

  /// What the configuration would refuse is refused here too.
  private static func check(_ rule: FloodRule, _ sensor: SensorPlan?, of text: String) throws(GatewayError) {
    for (lower, higher) in zip(rule.levels, rule.levels.dropFirst()) where higher.threshold <= lower.threshold {
      throw wrong(
        text,
        "\(higher.step.rawValue) = \(higher.threshold) is not above \(lower.step.rawValue) = \(lower.threshold): levels rise in the order \(LadderStep.allCases.map(\.rawValue).joined(separator: ", "))"
      )
    }
    guard let range = sensor?.range else { return }
    for level in rule.levels where !range.contains(level.threshold) {
      throw wrong(
        text,
        "\(level.step.rawValue) = \(level.threshold) lies outside the range of \(rule.sensor), \(range.lowerBound) to \(range.upperBound) m: a value there is a fault, never a level"
      )
    }
  }
}

extension FloodRule {
  /// This rule with something changed.
  fileprivate init(
    _ rule: FloodRule, levels: [Level]? = nil, confirm: Confirmation? = nil, releaseMargin: Measure? = nil,
    releaseHold: TimeSpan? = nil
  ) {
    self.init(
      sensor: rule.sensor, levels: levels ?? rule.levels, confirm: confirm ?? rule.confirm,
      releaseMargin: releaseMargin ?? rule.releaseMargin, releaseHold: releaseHold ?? rule.releaseHold,
      rise: rule.rise, forecast: rule.forecast, pair: rule.pair, reporting: rule.reporting)
  }
}
