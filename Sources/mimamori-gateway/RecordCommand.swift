import ArgumentParser
import Gateway
import Logging

/// `record`: writes what the sensors say as `replay` reads it.
struct RecordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Writes what the sensors say as replay reads it, until SIGTERM or SIGINT.",
    discussion: """
      Tags are written as hashes, and those that are not on the watch list not at all. The recording is a new file that \
      only you can read. A port can serve one program: stop the gateway first.
      With --raw it also holds what went over the wires, so that replay goes through the codecs as well. A Bluetooth \
      port is then told by the lengths of its frames; its bytes are recorded with --clear-ids only.
      """)

  @Option(help: ArgumentHelp("The gateway's configuration.", valueName: "file"))
  var config: String

  @Option(help: ArgumentHelp("The recording, a new file.", valueName: "recording"))
  var output: String

  @Flag(help: "Write every tag's identifier in the clear.")
  var clearIds = false

  @Flag(help: "Also record the bytes and edges of each port, and each call of its driver.")
  var raw = false

  func run() throws {
    StandardErrorLog.install()
    try StandardStreams.reportingErrors {
      try RecordingSession(
        configuration: config, request: RecordingRequest(path: output, isRaw: raw, clearIDs: clearIds),
        logger: Logger(label: "mimamori-gateway")
      ).run()
    }
  }
}
