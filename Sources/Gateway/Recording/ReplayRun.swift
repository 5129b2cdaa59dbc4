import Alerts
import FoundationEssentials
import Glibc
public import Logging
import Observations
import SensorDrivers

/// Feeds a recording through the gateway's own detection, in the recording's own time: the same bytes out for the same
/// bytes in, on any machine and on any day.
public struct ReplayRun {
  private let formats: Formats
  private let logger: Logger
  private let inputName: String
  private let stateFile: String?
  private var replayer: Replayer
  private var splitter = LineSplitter()
  private var effects = Effects()
  private var sequences: [String: UInt64]

  /// What a replay leaves behind for the next one.
  private struct State: Codable {
    var sequences: [String: UInt64]
    var states: [SavedState]
  }

  private static let stateLimit = 64 << 20

  /// - Parameters:
  ///   - path: the configuration's file.
  ///   - inputName: how messages name the recording.
  ///   - stateFolder: where an earlier replay left its state and this one leaves its own; nil: neither.
  ///   - readingsOnly: pass over recorded bytes and edges, and take the readings beside them.
  /// - Throws: `GatewayError` when the configuration or the state cannot be used.
  public init(
    configuration path: String, inputName: String, stateFolder: String?, readingsOnly: Bool = false, logger: Logger
  ) throws(GatewayError) {
    let check = try ConfigurationChecker.check(path: path)
    guard let configuration = check.configuration else {
      throw GatewayError(.badConfiguration, check.problemText + "Failed to use \(path): mend the errors above")
    }
    self.logger = logger
    self.inputName = inputName
    let context = try configuration.formatContext(
      sha256: SHA256Hash.hex(of: check.bytes), boot: "replay", epoch: "replay", previousEpoch: nil)
    formats = Formats(context)
    let matcher = Self.matcher(for: configuration, logger: logger)
    replayer = Replayer(
      station: Station(plan: context.plan, identify: replayIdentifier), plan: context.plan,
      watch: matcher.plan, drivers: readingsOnly ? nil : Self.drivers(of: configuration, logger: logger),
      resolve: matcher.resolve, search: matcher.search)
    stateFile = stateFolder.map { "\($0)/replay-state.json" }
    sequences = [:]
    if let stateFile, OutputFile.exists(stateFile) { try restore(stateFile) }
  }

  /// Takes the next bytes of the recording and hands each alert and notice to `output` as one JSON line.
  ///
  /// - Throws: `GatewayError` with 65 and `RECORDING:LINE: reason` for a line that is out of order or of no known form.
  public mutating func feed(
    _ bytes: Span<UInt8>, output: (Span<UInt8>) throws(GatewayError) -> Void
  ) throws(GatewayError) {
    var splitter = self.splitter
    try splitter.feed(bytes) { (line) throws(GatewayError) in try take(line, output) }
    self.splitter = splitter
  }

  /// The recording is at its end: takes a last line without a line feed, and keeps the state where that was asked for.
  public mutating func finish(output: (Span<UInt8>) throws(GatewayError) -> Void) throws(GatewayError) {
    var splitter = self.splitter
    try splitter.finish { (line) throws(GatewayError) in try take(line, output) }
    self.splitter = splitter
    Self.warn(of: replayer, logger: logger)
    if let stateFile { try save(stateFile) }
  }

  /// Says what of a recording did not count.
  static func warn(of replayer: Replayer, logger: Logger) {
    if replayer.unknownSensorLineCount > 0 {
      let names = replayer.unknownSensors.joined(separator: ", ")
      logger.warning(
        "\(replayer.unknownSensorLineCount) lines were passed over: the configuration has no sensor \(names)")
    }
    if replayer.rawLineCount > 0 {
      logger.notice("\(replayer.rawLineCount) lines with raw bytes or edges were passed over, as --readings asks")
    }
    if replayer.unknownRawLineCount > 0 {
      logger.warning(
        "\(replayer.unknownRawLineCount) lines with raw bytes or edges were passed over: the configuration has no such port or sensor"
      )
    }
    if replayer.differentRequestCount > 0 {
      logger.warning(
        "\(replayer.differentRequestCount) requests in the recording are not those that this configuration makes: replay it with the configuration that it was recorded with, or with --readings"
      )
    }
    if replayer.missingLineCount > 0 {
      logger.warning("The recording says that \(replayer.missingLineCount) of its lines are missing")
    }
  }

  /// The drivers that recorded bytes and edges are fed to, as a live run would wire them.
  static func drivers(of configuration: GatewayConfiguration, logger: Logger) -> ReplayDrivers {
    let wiring = Wiring(configuration: configuration, access: KernelGPIO(), logger: logger)
    return ReplayDrivers(
      serial: { id in
        configuration.port(id).flatMap { wiring.serialDriver(for: $0) } ?? wiring.controllerDriver(for: id)
      },
      gpio: { id in
        guard let sensor = configuration.sensors.first(where: { $0.id == id }),
          case .gpio(let settings) = sensor.driver
        else { return nil }
        return wiring.gpioDriver(for: sensor, settings)
      })
  }

  private mutating func take(
    _ line: Span<UInt8>, _ output: (Span<UInt8>) throws(GatewayError) -> Void
  ) throws(GatewayError) {
    do {
      try replayer.feed(line, into: &effects)
    } catch {
      throw GatewayError(.badInputData, "\(inputName):\(error)")
    }
    guard !effects.isEmpty else { return }
    for answer in effects.answers {
      guard case .refused(let reason) = answer.result else { continue }
      logger.warning("The recording's command \(answer.command) was refused: \(reason.rawValue)")
    }
    for alert in effects.alerts {
      sequences["alert"] = alert.sequence
      try output((formats.alert(alert) + [UInt8(ascii: "\n")]).span)
    }
    for notice in effects.notices {
      sequences[notice.subject.text] = notice.sequence
      try output((formats.notice(notice) + [UInt8(ascii: "\n")]).span)
    }
    effects.removeAll()
  }

  /// Whom the recording's tags belong to. A list that is missing or refused is said; the replay then knows nobody.
  static func matcher(
    for configuration: GatewayConfiguration, logger: Logger
  ) -> (plan: WatchPlan, resolve: (RecordedTag) -> SubjectID?, search: (String, WatchSearch, Moment) -> Void) {
    // A recording outlives its list: whether the list is still valid today is not asked.
    let anyDay = Moment(
      monotonic: MonotonicTime(nanoseconds: 0), wall: WallTime(milliseconds: 0), clock: .unsynchronized)
    guard let settings = configuration.watchlist, settings.file != nil else {
      return (.empty, { _ in nil }, { _, _, _ in })
    }
    let list: WatchList?
    do {
      list = try WatchListKeeper(configuration, settings, logger: logger).current(kept: nil, at: anyDay).list
    } catch {
      logger.warning("Nobody is watched over in this replay. \(error)")
      list = nil
    }
    var matcher = TagMatcher()
    matcher.use(list)
    return (
      list?.plan ?? .empty,
      { tag in
        switch tag {
        case .hash(let hex): SHA256Hash(hex: hex).flatMap { matcher.subject(forHash: $0) }
        case .clear(let identifier): matcher.match(identifier, at: anyDay.monotonic)
        }
      },
      { hex, wanted, moment in
        matcher.endSearches(at: moment)
        guard let hash = SHA256Hash(hex: hex),
          matcher.search(for: hash, as: wanted.subject, until: wanted.end(at: moment))
        else {
          return logger.warning(
            "The recording's search \(wanted.searchCase) was passed over: there is no watch list, or too many searches")
        }
      }
    )
  }

  private mutating func restore(_ path: String) throws(GatewayError) {
    let bytes = try InputFile.read(path, limit: Self.stateLimit)
    guard let state = try? JSONDecoder().decode(State.self, from: Data(bytes)) else {
      throw GatewayError(.badInputData, "Failed to read \(path): it is no state of a replay: remove it to start anew")
    }
    sequences = state.sequences
    replayer.restore(state.states, sequences: state.sequences)
  }

  private func save(_ path: String) throws(GatewayError) {
    guard let now = replayer.now else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let state = State(sequences: sequences, states: replayer.station.snapshot(at: now))
    guard let data = try? encoder.encode(state) else {
      throw GatewayError(.bug, "Failed to encode the state of the replay")
    }
    try OutputFile.create(path, bytes: Array(data), isSecret: true, replacing: true)
  }
}
