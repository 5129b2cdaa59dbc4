import ArgumentParser
import Gateway
import Glibc
import Logging

/// `replay`: feeds a recording through the same detection in the recording's own time.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Feeds a recording through detection and prints each alert and notice as one JSON line.",
    discussion: """
      The same recording gives the same bytes. It touches no broker and no hardware, and keeps no state but in --state. \
      A line that is out of order or of no known form ends it with 65.
      """)

  @Option(help: ArgumentHelp("The gateway's configuration.", valueName: "file"))
  var config: String

  @Option(help: ArgumentHelp("The recording; standard input without it.", valueName: "recording"))
  var input: String?

  @Option(
    help: ArgumentHelp(
      "Go on from the state that an earlier replay left there, and leave it again.", valueName: "folder"))
  var state: String?

  /// Output is gathered so far before it is written.
  private static let outputChunk = 65_536

  func run() throws {
    StandardErrorLog.install()
    try StandardStreams.reportingErrors {
      var descriptor = STDIN_FILENO
      if let input {
        descriptor = unsafe open(input, O_RDONLY | O_CLOEXEC)
        let code = errno
        guard descriptor >= 0 else {
          throw GatewayError(
            .inputMissing, "Failed to read the recording \(input): \(TextFile.reason(code)): check the path")
        }
      }
      var replay = try ReplayRun(
        configuration: config, inputName: input ?? "standard input", stateFolder: state,
        logger: Logger(label: "mimamori-gateway"))
      try feed(&replay, from: descriptor)
    }
  }

  private func feed(_ replay: inout ReplayRun, from descriptor: Int32) throws(GatewayError) {
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 262_144)
    func gather(_ line: Span<UInt8>) throws(GatewayError) {
      output.reserveCapacity(output.count + line.count)
      for index in line.indices { output.append(line[index]) }
      guard output.count >= Self.outputChunk else { return }
      try StandardStreams.output(output.span)
      output.removeAll(keepingCapacity: true)
    }
    do throws(GatewayError) {
      while true {
        let count = unsafe read(descriptor, &chunk, chunk.count)
        let code = errno
        if count < 0, code == EINTR { continue }
        guard count >= 0 else {
          throw GatewayError(
            .inputOutputFailed, "Failed to read the recording: \(TextFile.reason(code)): check the file")
        }
        guard count > 0 else { break }
        try replay.feed(chunk.span.extracting(0..<count), output: gather)
      }
      try replay.finish(output: gather)
    } catch {
      // What was raised before the line that cannot be read is a result too.
      try StandardStreams.output(output.span)
      throw error
    }
    try StandardStreams.output(output.span)
  }
}
