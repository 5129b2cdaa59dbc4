/// One thing that is wrong with a configuration, where it is written, and what to do about it.
public struct Problem: Sendable, Hashable {
  /// Whether the gateway can run with it.
  public enum Severity: String, Sendable {
    /// The configuration is refused.
    case error
    /// The configuration is accepted.
    case warning
  }

  public let position: TextPosition
  public let severity: Severity
  /// The key it is about, such as `sensor[river-1].register.address`; empty for the text as a whole.
  public let key: String
  /// What is wrong.
  public let message: String
  /// What to do.
  public let advice: String

  public init(position: TextPosition, severity: Severity, key: String, message: String, advice: String) {
    self.position = position
    self.severity = severity
    self.key = key
    self.message = message
    self.advice = advice
  }

  /// `FILE:LINE:COLUMN: problem: what to do`; a warning says so before the problem.
  public func text(file: String) -> String {
    let word = severity == .warning ? "warning: " : ""
    return "\(file):\(position.line):\(position.column): \(word)\(message): \(advice)"
  }
}

/// Collects the problems of one configuration, so that all of them are told and not only the first.
public final class ProblemList {
  /// So many are kept; a text that is wrong everywhere says so once more and then no longer.
  public static let most = 500

  private var problems: [Problem] = []
  private var dropped = 0

  public init() {}

  /// Whether there is anything that the gateway cannot run with.
  public private(set) var hasErrors = false

  public func error(_ key: String, at position: TextPosition, _ message: String, advice: String) {
    hasErrors = true
    add(Problem(position: position, severity: .error, key: key, message: message, advice: advice))
  }

  public func warning(_ key: String, at position: TextPosition, _ message: String, advice: String) {
    add(Problem(position: position, severity: .warning, key: key, message: message, advice: advice))
  }

  private func add(_ problem: Problem) {
    if problems.count < Self.most { problems.append(problem) } else { dropped += 1 }
  }

  /// All problems in the order of the text.
  public var sorted: [Problem] {
    var result = problems.sorted {
      ($0.position, $0.severity.rawValue, $0.key, $0.message) < ($1.position, $1.severity.rawValue, $1.key, $1.message)
    }
    if dropped > 0, let last = result.last {
      result.append(
        Problem(
          position: last.position, severity: .error, key: "", message: "\(dropped) more problems are not listed",
          advice: "mend these first"))
    }
    return result
  }
}
