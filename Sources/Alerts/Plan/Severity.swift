/// How bad it is, in CAP's words. Rises from minor to extreme.
public enum Severity: Int, Sendable, Codable, Comparable, CaseIterable {
  case minor, moderate, severe, extreme

  /// The word of the configuration and of the wire.
  public var name: String {
    switch self {
    case .minor: "minor"
    case .moderate: "moderate"
    case .severe: "severe"
    case .extreme: "extreme"
    }
  }

  public init?(name: String) {
    guard let severity = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = severity
  }

  public static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
}

/// A step of a river's level ladder. A gauge may have any of them.
public enum LadderStep: String, Sendable, Codable, Comparable, CaseIterable {
  /// 水防団待機水位
  case standby
  /// 氾濫注意水位
  case caution
  /// 避難判断水位
  case evacuationJudgment = "evacuation_judgment"
  /// 氾濫危険水位
  case danger
  /// 氾濫発生
  case flooding

  /// The equivalent of the five alert levels, 1 to 5.
  public var level: Int {
    switch self {
    case .standby: 1
    case .caution: 2
    case .evacuationJudgment: 3
    case .danger: 4
    case .flooding: 5
    }
  }

  /// Minor for standby and caution, then moderate, severe and extreme.
  public var severity: Severity {
    switch self {
    case .standby, .caution: .minor
    case .evacuationJudgment: .moderate
    case .danger: .severe
    case .flooding: .extreme
    }
  }

  public static func < (left: LadderStep, right: LadderStep) -> Bool { left.level < right.level }
}
