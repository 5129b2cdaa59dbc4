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
    /// Served by the same loop; made when the loop and its time are there.
    public var sources: (_ loop: EventLoop, _ start: MonotonicTime) throws(GatewayError) -> [any EventSource]
    /// A recording of what the sensors said, beside everything else.
    public var recording: String?

    public init(
      access: any GPIOAccess, recording: String? = nil,
      sources: @escaping (EventLoop, MonotonicTime) throws(GatewayError) -> [any EventSource] = { _, _ in [] }
    ) {
      self.access = access
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
    while true {
      let session: GatewaySession
      do throws(GatewayError) {
        session = try makeSession(loaded, replacing: previous, signals)
      } catch {
        // A reload must never end the watch: what held before the reload is known to work.
        guard let old = previous else { throw error }
        logger.error("The new configuration cannot be used and the old one stays. \(error)")
        session = try makeSession(old, replacing: loaded, signals)
        loaded = old
      }
      let ending = try session.run(reload: reload)
      guard case .reload(let next) = ending else { return }
      previous = loaded
      loaded = next
    }
  }

  private func makeSession(
    _ loaded: Loaded, replacing previous: Loaded?, _ signals: SignalSource
  ) throws(GatewayError) -> GatewaySession {
    try GatewaySession(
      loaded, previous: previous?.configuration, additions: additions, signals: signals, notifier: notifier,
      logger: logger)
  }

  /// A configuration that can be run, and the digest of its text.
  struct Loaded {
    let configuration: GatewayConfiguration
    let sha256: String
  }

  private func load() throws(GatewayError) -> Loaded {
    let check = try ConfigurationChecker.check(path: path)
    guard let configuration = check.configuration else {
      throw GatewayError(.badConfiguration, check.problemText + "Failed to use \(path): mend the errors above")
    }
    for problem in check.problems { logger.warning("\(problem.text(file: path))") }
    return Loaded(configuration: configuration, sha256: SHA256Hash.hex(of: check.bytes))
  }

  /// The configuration as it reads now, or nil when it cannot be used.
  private func reload() -> Loaded? {
    do {
      return try load()
    } catch {
      logger.error("The new configuration is refused and the old one stays. \(error)")
      return nil
    }
  }
}
