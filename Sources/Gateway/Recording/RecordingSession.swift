import Alerts
public import Logging
import Observations
import SensorDrivers

/// Reads every port of a configuration and records what the sensors say, until SIGTERM or SIGINT. It decides and
/// publishes nothing, and its outputs stay untouched.
public struct RecordingSession {
  private let configuration: GatewayConfiguration
  private let sha256: String
  private let path: String
  private let clearIDs: Bool
  private let logger: Logger

  /// - Parameters:
  ///   - configuration: the configuration's file.
  ///   - output: the recording, a new file.
  ///   - clearIDs: record every tag's identifier in the clear.
  public init(
    configuration file: String, output: String, clearIDs: Bool, logger: Logger
  ) throws(GatewayError) {
    let check = try ConfigurationChecker.check(path: file)
    guard let configuration = check.configuration else {
      throw GatewayError(.badConfiguration, check.problemText + "Failed to use \(file): mend the errors above")
    }
    self.configuration = configuration
    sha256 = SHA256Hash.hex(of: check.bytes)
    path = output
    self.clearIDs = clearIDs
    self.logger = logger
  }

  public func run() throws(GatewayError) {
    let signals = SignalSource(try SignalDescriptor())
    let boot = try Boot.identifier()
    let context = try configuration.formatContext(sha256: sha256, boot: boot, epoch: "", previousEpoch: nil)
    var clock = SystemClock()
    let start = clock.now()
    let recorder = try Recorder(
      path: path, gateway: configuration.gateway.id, configurationSHA256: sha256, zone: context.zone,
      clearIDs: clearIDs)
    if clearIDs {
      logger.warning(
        "\(path) holds tags' identifiers in the clear: keep it to yourself, and delete it when it has served")
    }
    let sink = RecordingSink(recorder: recorder, clock: clock)
    if let settings = configuration.watchlist {
      sink.matcher.use(try WatchListKeeper(configuration, settings, logger: logger).current(kept: nil, at: start).list)
    }

    let loop = EventLoop { SystemClock.kernel().monotonic }
    signals.handler = { request in
      if request == .stop { loop.stop() }
    }
    loop.add(signals)
    let wiring = Wiring(configuration: configuration, access: KernelGPIO(), logger: logger)
    for link in wiring.serialLinks(sink: sink, at: start.monotonic) { loop.add(link) }
    for link in wiring.gpioLinks(sink: sink, at: start.monotonic) { loop.add(link) }
    loop.add(sink)
    recorder.record(event: "start", boot: boot, at: start)
    logger.info("Recording to \(path).")
    loop.run()
    recorder.record(event: "stop", boot: boot, at: clock.now())
    recorder.flush()
    if let failure = recorder.failure { throw GatewayError(.inputOutputFailed, failure) }
  }
}

/// Hands observations to a recorder, and has them on disk at the latest after a second.
private final class RecordingSink: ObservationSink, EventSource {
  var matcher = TagMatcher()
  private let recorder: Recorder
  private var clock: SystemClock
  private var flushAt: MonotonicTime?
  private var lastTime = MonotonicTime(nanoseconds: .min)

  init(recorder: Recorder, clock: SystemClock) {
    self.recorder = recorder
    self.clock = clock
  }

  func take(_ observations: [TimedObservation]) {
    let now = clock.now()
    for timed in observations {
      lastTime = max(lastTime, timed.time)
      recorder.record(timed.observation, at: clock.moment(at: lastTime), matcher: matcher)
    }
    if flushAt == nil { flushAt = now.monotonic + .seconds(1) }
  }

  var interest: EventInterest? { nil }
  var nextDeadline: MonotonicTime? { flushAt }

  func ready(at time: MonotonicTime) {
    // It has no descriptor.
  }

  func wake(at time: MonotonicTime) {
    recorder.flush()
    flushAt = nil
  }
}
