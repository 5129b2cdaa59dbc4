import ArgumentParser
import Gateway

/// `check`: validates a configuration without touching hardware.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Checks a configuration and shows what will sound when.",
    discussion: """
      Prints every problem as FILE:LINE:COLUMN: problem: what to do. Ends with 0 if there is none or there are only \
      warnings, with 1 if the configuration cannot be run, with 66 if a file is missing.
      """)

  @Option(help: ArgumentHelp("The configuration to check.", valueName: "file"))
  var config: String

  @Option(help: ArgumentHelp("Also show what changes from this configuration.", valueName: "file"))
  var against: String?

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  func run() throws {
    let check = try Self.check(config)
    var difference: ConfigurationDifference?
    var isComparable = true
    if let against {
      let other = try Self.check(against)
      if let old = other.tree, let new = check.tree {
        difference = ConfigurationDifference(from: old, to: new)
      } else if other.tree == nil {
        isComparable = false
        StandardStreams.report(other.problemText)
      }
    }
    let report = CheckReport(check, difference: difference)
    try StandardStreams.reportingErrors {
      try StandardStreams.output(json ? report.json : report.text, terminator: "")
    }
    let errors = check.problems.count { $0.severity == .error }
    StandardStreams.report("\(check.file): \(errors) errors, \(check.problems.count - errors) warnings")
    if check.configuration == nil || !isComparable { throw ExitCode(1) }
  }

  private static func check(_ path: String) throws -> ConfigurationCheck {
    do throws(GatewayError) {
      return try ConfigurationChecker.check(path: path)
    } catch {
      StandardStreams.report("\(error)")
      throw ExitCode(error.status.rawValue)
    }
  }
}
