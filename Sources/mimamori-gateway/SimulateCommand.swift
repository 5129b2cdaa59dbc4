import ArgumentParser
import Gateway
import SimulatedSite

/// `simulate`: the whole gateway against simulated hardware on real ports.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Plays a scenario: the whole gateway against simulated hardware, publishing to the configured broker.",
    discussion: """
      Serial devices answer real bytes on pseudo-terminals behind the configured paths; GPIO lines are simulated in \
      the program. docs/scenario.md describes the scenario's file.
      """)

  @Option(help: ArgumentHelp("The gateway's configuration.", valueName: "file"))
  var config: String

  @Option(help: ArgumentHelp("What happens at the site.", valueName: "file"))
  var scenario: String

  @Option(help: ArgumentHelp("Play the scenario so many times as fast, 0.1 to 100.", valueName: "factor"))
  var speed: Double = 1

  @Option(help: ArgumentHelp("Also record what the sensors say, to a new file.", valueName: "recording"))
  var record: String?

  @Flag(help: "With --record: also record bytes and edges, and each call of a driver.")
  var raw = false

  func validate() throws {
    guard !raw || record != nil else { throw ValidationError("--raw says how to --record: name the recording.") }
    guard (0.1...100).contains(speed) else { throw ValidationError("--speed takes 0.1 to 100.") }
  }

  func run() throws {
    StandardErrorLog.install()
    try StandardStreams.reportingErrors {
      let check = try ConfigurationChecker.check(path: config)
      guard let configuration = check.configuration else {
        throw GatewayError(.badConfiguration, check.problemText + "Failed to use \(config): mend the errors above")
      }
      for link in SimulatedTerminal.removeLeftLinks(in: Self.folder(of: scenario)) {
        StandardStreams.report(
          "Removed \(link.path), which an earlier simulation left behind; it led to \(link.target).")
      }
      let site = ConfiguredSite(configuration, try ScenarioFile.read(scenario).played(atSpeed: speed))
      let recording = record.map { RecordingRequest(path: $0, isRaw: raw) }
      let additions = GatewayRuntime.Additions(
        access: site.gpio, recording: recording, controllerAddress: site.controllerAddress, sources: site.sources)
      try GatewayRuntime(configuration: config, additions: additions).run()
    }
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
