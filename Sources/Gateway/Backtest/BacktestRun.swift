import Alerts
public import Logging
import Observations

/// Replays a recording as configured and with each of the changes that are to be tried, all in one reading of it.
public struct BacktestRun {
  private struct Branch {
    var replayer: Replayer
    var log: BacktestLog
  }

  private let logger: Logger
  private let configuration: GatewayConfiguration
  private let context: FormatContext
  private var branches: [Branch]
  private var splitter = LineSplitter()
  private var effects = Effects()
  private var source: BacktestReport.Source

  /// - Parameters:
  ///   - path: the configuration's file.
  ///   - inputName: how messages and the report name the recording.
  ///   - trials: what to try, as `--try` has it; each is a replay of its own.
  ///   - readingsOnly: pass over recorded bytes and edges, and take the readings beside them.
  /// - Throws: `GatewayError`: 78 when the configuration cannot be used, 64 when a trial cannot.
  public init(
    configuration path: String, inputName: String, trials: [String], readingsOnly: Bool = false, logger: Logger
  ) throws(GatewayError) {
    let check = try ConfigurationChecker.check(path: path)
    guard let configuration = check.configuration else {
      throw GatewayError(.badConfiguration, check.problemText + "Failed to use \(path): mend the errors above")
    }
    guard trials.count <= BacktestTrial.most else {
      throw GatewayError(
        .wrongUsage,
        "Failed to use \(trials.count) --try: at most \(BacktestTrial.most) at a time: replay again for more")
    }
    self.configuration = configuration
    self.logger = logger
    source = BacktestReport.Source(name: inputName)
    context = try configuration.formatContext(
      sha256: SHA256Hash.hex(of: check.bytes), boot: "replay", epoch: "replay", previousEpoch: nil)
    var tried = [BacktestTrial(configured: configuration.floods)]
    for text in trials {
      tried.append(try BacktestTrial(text, changing: configuration.floods, of: configuration.sensors.map(\.plan)))
    }
    branches = tried.enumerated().map { [context] number, trial in
      let plan = configuration.stationPlan(in: context.zone, trying: trial.floods)
      // What is wrong with the watch list is said once.
      var quiet = logger
      if number > 0 { quiet.logLevel = .critical }
      let matcher = ReplayRun.matcher(for: configuration, logger: quiet)
      let replayer = Replayer(
        station: Station(plan: plan, identify: replayIdentifier), plan: plan, watch: matcher.plan,
        drivers: readingsOnly ? nil : ReplayRun.drivers(of: configuration, logger: quiet), resolve: matcher.resolve,
        search: matcher.search, keepsHeard: true)
      return Branch(replayer: replayer, log: BacktestLog(trial, plan: plan))
    }
  }

  /// Takes the next bytes of the recording.
  ///
  /// - Throws: `GatewayError` with 65 and `RECORDING:LINE: reason` for a line that is out of order or of no known form.
  public mutating func feed(_ bytes: Span<UInt8>) throws(GatewayError) {
    var splitter = self.splitter
    try splitter.feed(bytes) { (line) throws(GatewayError) in try take(line) }
    self.splitter = splitter
  }

  /// The recording is at its end: takes a last line without a line feed, and reports.
  public mutating func finish() throws(GatewayError) -> BacktestReport {
    var splitter = self.splitter
    try splitter.finish { (line) throws(GatewayError) in try take(line) }
    self.splitter = splitter
    ReplayRun.warn(of: branches[0].replayer, logger: logger)
    source.lines = branches[0].replayer.lineCount
    source.missingLines = branches[0].replayer.missingLineCount
    source.last = branches[0].replayer.now
    for index in branches.indices { branches[index].log.finish() }
    return BacktestReport(
      configuration: configuration, configurationSHA256: context.configurationSHA256, zone: context.zone,
      source: source, logs: branches.map(\.log))
  }

  private mutating func take(_ line: Span<UInt8>) throws(GatewayError) {
    for index in branches.indices {
      do {
        try branches[index].replayer.feed(line, into: &effects)
      } catch {
        throw GatewayError(.badInputData, "\(source.name):\(error)")
      }
      for heard in branches[index].replayer.heard { branches[index].log.take(heard) }
      if !effects.isEmpty { branches[index].log.take(effects) }
      effects.removeAll()
    }
    if source.first == nil { source.first = branches[0].replayer.now }
  }
}
