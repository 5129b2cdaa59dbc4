import Alerts
import Delivery
import Logging
public import Observations
public import SensorDrivers

/// The whole gateway: what `run` and `simulate` start.
public struct GatewayRuntime {
  /// What a simulation adds to a run; a real run adds nothing.
  public struct Additions {
    /// Who gives out GPIO lines.
    public var access: any GPIOAccess
    /// Where a Bluetooth controller of the board is, by its number.
    public var controllerAddress: (UInt16) -> DeviceAddress
    /// Served by the same loop; made when the loop and its time are there.
    public var sources: (_ loop: EventLoop, _ start: MonotonicTime) throws(GatewayError) -> [any EventSource]
    /// What guards the output lines that `access` gives out, if anything does: it is served by the same loop.
    public var outputGuard: OutputGuard?
    /// Where `access` keeps output lines from one configuration to the next, if it does.
    public var keptLines: KeptLines?
    /// A recording of what the sensors said, beside everything else.
    public var recording: RecordingRequest?

    public init(
      access: any GPIOAccess, outputGuard: OutputGuard? = nil, keptLines: KeptLines? = nil,
      recording: RecordingRequest? = nil,
      controllerAddress: @escaping (UInt16) -> DeviceAddress = { .controller($0) },
      sources: @escaping (EventLoop, MonotonicTime) throws(GatewayError) -> [any EventSource] = { _, _ in [] }
    ) {
      self.access = access
      self.controllerAddress = controllerAddress
      self.outputGuard = outputGuard
      self.keptLines = keptLines
      self.recording = recording
      self.sources = sources
    }
  }

  private let path: String
  private let additions: Additions
  private let logger = Logger(label: "mimamori-gateway")
  private let notifier = ServiceNotifier()

  /// - Parameter path: the configuration's file.
  public init(configuration path: String, additions: Additions = Additions(access: KernelGPIO())) {
    self.path = path
    self.additions = additions
  }

  /// Watches until SIGTERM or SIGINT. SIGHUP reads the configuration again; a bad one is refused and the old one stays.
  ///
  /// - Throws: `GatewayError` when it cannot start. Once it runs, nothing of the outside ends it.
  public func run() throws(GatewayError) {
    let signals = SignalSource(try SignalDescriptor())
    var loaded = try load()
    var previous: Loaded?
    let recorder = try makeRecorder(loaded)
    while true {
      let session: GatewaySession
      do throws(GatewayError) {
        session = try makeSession(loaded, replacing: previous, signals, recorder)
      } catch {
        // A reload must never end the watch: what held before the reload is known to work.
        guard let old = previous else { throw error }
        logger.error("The new configuration cannot be used and the old one stays. \(error)")
        session = try makeSession(old, replacing: loaded, signals, recorder)
        loaded = old
      }
      loaded.files = session.files
      let ending = try session.run(reload: reload)
      guard case .reload(let next) = ending else { return try finish(recorder) }
      previous = loaded
      loaded = next
    }
  }

  private func makeSession(
    _ loaded: Loaded, replacing previous: Loaded?, _ signals: SignalSource, _ recorder: Recorder?
  ) throws(GatewayError) -> GatewaySession {
    try GatewaySession(
      loaded, previous: previous?.configuration, additions: additions, recorder: recorder, signals: signals,
      notifier: notifier, logger: logger)
  }

  /// One recording for the whole run: a reload is an event in it.
  private func makeRecorder(_ loaded: Loaded) throws(GatewayError) -> Recorder? {
    guard let request = additions.recording else { return nil }
    let configuration = loaded.configuration
    let context = try configuration.formatContext(sha256: loaded.sha256, boot: "", epoch: "", previousEpoch: nil)
    return try Recorder(
      request, gateway: configuration.gateway.id, configurationSHA256: loaded.sha256, zone: context.zone,
      logger: logger)
  }

  /// - Throws: `GatewayError` with 74 when the recording is not whole. The watch went on all the same.
  private func finish(_ recorder: Recorder?) throws(GatewayError) {
    recorder?.finish()
    if let failure = recorder?.failure { throw GatewayError(.inputOutputFailed, failure) }
  }

  /// A configuration that can be run, and the digest of its text.
  struct Loaded {
    let configuration: GatewayConfiguration
    let sha256: String
    /// Nil until its first session has read them: a start makes the outputs safe before it looks for more on the disk.
    var files: LoadedFiles?
  }

  private func load() throws(GatewayError) -> Loaded {
    let check = try ConfigurationChecker.check(path: path)
    guard let configuration = check.configuration else {
      throw GatewayError(.badConfiguration, check.problemText + "Failed to use \(path): mend the errors above")
    }
    for problem in check.problems { logger.warning("\(problem.text(file: path))") }
    return Loaded(configuration: configuration, sha256: SHA256Hash.hex(of: check.bytes))
  }

  /// The configuration as it reads now, with all that its files hold: what cannot be read must show while the session
  /// before still watches.
  private func reload() throws(CommandRejection) -> Loaded {
    var next: Loaded
    do {
      next = try load()
    } catch {
      logger.error("The new configuration is refused and the old one stays. \(error)")
      throw CommandRejection(
        .badConfiguration,
        "the new configuration cannot be used and the old one stays: run 'mimamori-gateway check' there, or see its "
          + "log")
    }
    do {
      next.files = try LoadedFiles(of: next.configuration, logger: logger)
    } catch {
      logger.error("The new configuration is refused and the old one stays. \(error)")
      throw CommandRejection(
        .badConfiguration, "the new configuration cannot be used and the old one stays: \(error)")
    }
    return next
  }
}
