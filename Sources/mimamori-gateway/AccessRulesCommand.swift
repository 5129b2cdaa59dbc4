import ArgumentParser
import Gateway

/// `acl`: the broker's access rules for this gateway.
struct AccessRulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "acl",
    abstract: "Prints the broker's access rules for this gateway, as mosquitto's acl_file has them.")

  @Option(help: ArgumentHelp("The gateway's configuration.", valueName: "file"))
  var config: String

  func run() throws {
    try StandardStreams.reportingErrors {
      let check = try ConfigurationChecker.check(path: config)
      guard let configuration = check.configuration else {
        throw GatewayError(.badConfiguration, check.problemText + "Failed to use \(config): mend the errors above")
      }
      try StandardStreams.output(AccessRules.text(for: configuration))
    }
  }
}
