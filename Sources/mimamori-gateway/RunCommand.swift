import ArgumentParser
import Gateway

/// `run`: watches until it is told to stop.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Watches, detects, sounds the siren and publishes, until SIGTERM or SIGINT.",
    discussion: """
      It never ends because a broker or a sensor is absent. SIGHUP reads the configuration again; a bad one is refused \
      and the old one stays.
      """)

  @Option(help: ArgumentHelp("The gateway's configuration.", valueName: "file"))
  var config: String

  func run() throws {
    StandardErrorLog.install()
    try StandardStreams.reportingErrors { try GatewayRuntime(configuration: config).run() }
  }
}
