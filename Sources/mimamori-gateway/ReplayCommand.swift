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
      Recorded bytes and edges go through the drivers of the configuration; the readings of the same sensors are then \
      passed over, so that nothing counts twice. docs/recording.md describes the lines.
      With --report it prints what the recording led to instead: each step reached, how good the forecasts were, alerts \
      an hour, gaps; and with --try what other thresholds would have done. docs/backtest.md explains it.
      """)

  @Option(help: ArgumentHelp("The gateway's configuration.", valueName: "file"))
  var config: String

  @Option(help: ArgumentHelp("The recording; standard input without it.", valueName: "recording"))
  var input: String?

  @Option(
    help: ArgumentHelp(
      "Go on from the state that an earlier replay left there, and leave it again.", valueName: "folder"))
  var state: String?

  @Flag(help: "Pass over recorded bytes and edges, and take the readings beside them.")
  var readings = false

  @Flag(help: "Print a summary of what the recording led to instead of its messages.")
  var report = false

  @Flag(help: "Print the report as one JSON object.")
  var json = false

  @Option(
    name: .customLong("try"),
    help: ArgumentHelp(
      """
      Beside the report: the same recording with other thresholds, such as danger=3.8 or \
      river-1.danger=3.8,margin=0.2,hold=20m,confirm=5. May be given several times.
      """, valueName: "changes"))
  var trials: [String] = []

  func validate() throws {
    guard !report else {
      if state != nil { throw ValidationError("--report is about one recording as a whole: leave --state out.") }
      return
    }
    if json { throw ValidationError("--json is the form of a report: add --report.") }
    if !trials.isEmpty { throw ValidationError("--try is for a report: add --report.") }
  }

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
      if report { try printReport(from: descriptor) } else { try printMessages(from: descriptor) }
    }
  }

  private var inputName: String { input ?? "standard input" }

  private func printReport(from descriptor: Int32) throws(GatewayError) {
    var backtest = try BacktestRun(
      configuration: config, inputName: inputName, trials: trials, readingsOnly: readings,
      logger: Logger(label: "mimamori-gateway"))
    try readAll(descriptor) { (bytes) throws(GatewayError) in try backtest.feed(bytes) }
    let report = try backtest.finish()
    try StandardStreams.output(json ? try report.json() : report.text)
  }

  private func printMessages(from descriptor: Int32) throws(GatewayError) {
    var replay = try ReplayRun(
      configuration: config, inputName: inputName, stateFolder: state, readingsOnly: readings,
      logger: Logger(label: "mimamori-gateway"))
    var output: [UInt8] = []
    func gather(_ line: Span<UInt8>) throws(GatewayError) {
      output.reserveCapacity(output.count + line.count)
      for index in line.indices { output.append(line[index]) }
      guard output.count >= Self.outputChunk else { return }
      try StandardStreams.output(output.span)
      output.removeAll(keepingCapacity: true)
    }
    do throws(GatewayError) {
      try readAll(descriptor) { (bytes) throws(GatewayError) in try replay.feed(bytes, output: gather) }
      try replay.finish(output: gather)
    } catch {
      // What was raised before the line that cannot be read is a result too.
      try StandardStreams.output(output.span)
      throw error
    }
    try StandardStreams.output(output.span)
  }

  private func readAll(
    _ descriptor: Int32, _ take: (Span<UInt8>) throws(GatewayError) -> Void
  ) throws(GatewayError) {
    var chunk = [UInt8](repeating: 0, count: 262_144)
    while true {
      let count = unsafe read(descriptor, &chunk, chunk.count)
      let code = errno
      if count < 0, code == EINTR { continue }
      guard count >= 0 else {
        throw GatewayError(
          .inputOutputFailed, "Failed to read the recording: \(TextFile.reason(code)): check the file")
      }
      guard count > 0 else { return }
      try take(chunk.span.extracting(0..<count))
    }
  }
}
