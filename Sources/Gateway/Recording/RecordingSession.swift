import Alerts
public import Logging
import Observations
import SensorDrivers

/// Reads every port of a configuration and records what the sensors say, until SIGTERM or SIGINT. It decides and
/// publishes nothing, and its outputs stay untouched.
public struct RecordingSession {
  private let configuration: GatewayConfiguration
  private let sha256: String
  private let request: RecordingRequest
  private let logger: Logger

  /// - Parameters:
  ///   - configuration: the configuration's file.
  ///   - request: what to record, and where.
  public init(
    configuration file: String, request: RecordingRequest, logger: Logger
  ) throws(GatewayError) {
    let check = try ConfigurationChecker.check(path: file)
    guard let configuration = check.configuration else {
      throw GatewayError(.badConfiguration, check.problemText + "Failed to use \(file): mend the errors above")
    }
    self.configuration = configuration
    sha256 = SHA256Hash.hex(of: check.bytes)
    self.request = request
    self.logger = logger
  }

  public func run() throws(GatewayError) {
    let signals = SignalSource(try SignalDescriptor())
    let boot = try Boot.identifier()
    let context = try configuration.formatContext(sha256: sha256, boot: boot, epoch: "", previousEpoch: nil)
    var clock = SystemClock()
    let start = clock.now()
    let recorder = try Recorder(
      request, gateway: configuration.gateway.id, configurationSHA256: sha256, zone: context.zone, logger: logger)
    let sink = RecordingSink(recorder: recorder, clock: clock)
    if let settings = configuration.watchlist {
      sink.matcher.use(try WatchListKeeper(configuration, settings, logger: logger).current(kept: nil, at: start).list)
    }

    let loop = EventLoop { SystemClock.kernel().monotonic }
    signals.handler = { request in
      if request == .stop { loop.stop() }
    }
    loop.add(signals)
    sink.failed = { loop.stop() }
    let wiring = Wiring(
      configuration: configuration, access: KernelGPIO(), logger: logger, recording: request)
    for link in wiring.serialLinks(sink: sink, at: start.monotonic) { loop.add(link) }
    for link in wiring.gpioLinks(sink: sink, at: start.monotonic) { loop.add(link) }
    if let board = try wiring.boardLink(sink: sink, at: start.monotonic) { loop.add(board) }
    loop.add(sink)
    recorder.record(event: "start", boot: boot, at: start)
    if configuration.watchlist != nil { recorder.record(event: "watchlist", at: start) }
    logger.info("Recording to \(request.path).")
    loop.run()
    recorder.record(event: "stop", boot: boot, at: sink.end())
    recorder.finish()
    if let failure = recorder.failure { throw GatewayError(.inputOutputFailed, failure) }
  }
}

/// Hands observations to a recorder, and ends the recording when the disk takes no more.
private final class RecordingSink: ObservationSink, EventSource {
  var matcher = TagMatcher()
  /// Called when the recording cannot go on.
  var failed: () -> Void = {}
  private let recorder: Recorder
  private var clock: SystemClock
  private var lookAt: MonotonicTime
  private var lastTime = MonotonicTime(nanoseconds: .min)

  private static let lookInterval = TimeSpan.milliseconds(500)

  init(recorder: Recorder, clock: SystemClock) {
    self.recorder = recorder
    self.clock = clock
    lookAt = clock.moment(at: MonotonicTime(nanoseconds: 0)).monotonic
  }

  func take(_ observations: [TimedObservation]) {
    readClock()
    record(observations)
  }

  func take(_ actions: DriverActions, from source: DriverSource) {
    guard !actions.observations.isEmpty || !actions.calls.isEmpty else { return }
    readClock()
    for call in actions.calls {
      lastTime = max(lastTime, call.time)
      recorder.record(call, of: source, at: clock.moment(at: lastTime))
    }
    record(actions.observations)
  }

  private func record(_ observations: [TimedObservation]) {
    for timed in observations {
      lastTime = max(lastTime, timed.time)
      if case .sighting(_, let sighting) = timed.observation { _ = matcher.match(sighting.tag, at: lastTime) }
      recorder.record(timed.observation, at: clock.moment(at: lastTime), matcher: matcher)
    }
  }

  /// Reads the clocks; a step of the wall clock is an event, and that it is trusted more or less.
  private func readClock() {
    let (steps, quality) = (clock.steps, clock.quality)
    let now = clock.now()
    matcher.follow(now.wall)
    guard clock.hasChanged(since: steps, quality) else { return }
    lastTime = max(lastTime, now.monotonic)
    recorder.record(event: "clock_step", at: clock.moment(at: lastTime))
  }

  /// The moment at which the recording ends.
  func end() -> Moment {
    lastTime = max(lastTime, clock.now().monotonic)
    return clock.moment(at: lastTime)
  }

  var interest: EventInterest? { nil }
  var nextDeadline: MonotonicTime? { lookAt }

  func ready(at time: MonotonicTime) {
    // It has no descriptor.
  }

  func wake(at time: MonotonicTime) {
    lookAt = time + Self.lookInterval
    if recorder.failure != nil { failed() }
  }
}
