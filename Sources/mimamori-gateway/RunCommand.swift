import ArgumentParser
import Gateway
import Glibc
import Logging
import SensorDrivers

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

  @Option(help: ArgumentHelp("Also record what the sensors say, to a new file.", valueName: "recording"))
  var record: String?

  @Flag(help: "With --record: also record bytes and edges, and each call of a driver.")
  var raw = false

  func validate() throws {
    guard !raw || record != nil else { throw ValidationError("--raw says how to --record: name the recording.") }
  }

  func run() throws {
    StandardErrorLog.install()
    do {
      try StandardStreams.reportingErrors {
        let recording = record.map { RecordingRequest(path: $0, isRaw: raw) }
        // First of all: what an earlier run left switched on is set to its safe state, whatever the configuration says.
        let keptLines = Self.keptLines()
        let outputGuard = OutputGuard(lastWords: StandardErrorLog(label: "mimamori-gateway").beginning(of: .warning))
        let additions = GatewayRuntime.Additions(
          access: KernelGPIO(outputGuard: outputGuard, keptLines: keptLines), outputGuard: outputGuard,
          keptLines: keptLines, recording: recording)
        try GatewayRuntime(configuration: config, additions: additions).run()
      }
    } catch {
      pauseForServiceManager()
      throw error
    }
  }

  /// The output lines that the service manager has kept for this run, and has keep for the next.
  private static func keptLines() -> KeptLines {
    let notifier = ServiceNotifier()
    var inherited: [String: Int32] = [:]
    for (name, descriptor) in ServiceNotifier.keptDescriptors() {
      if let older = inherited.updateValue(descriptor, forKey: name) { close(older) }
    }
    return KeptLines(
      inherited: inherited, store: { notifier.keep($0, as: $1) }, forget: { notifier.forget($0) })
  }

  /// A service manager starts the gateway again after a tenth of a second, so that outputs are safe soon after a crash.
  /// What cannot start anyway, as with a bad configuration, need not be tried that often.
  private func pauseForServiceManager() {
    if unsafe getenv("NOTIFY_SOCKET") != nil { sleep(2) }
  }
}
