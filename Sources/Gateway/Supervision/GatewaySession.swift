import Alerts
import CLinux
import Delivery
import Logging
import Observations
import SensorDrivers

/// The gateway with one configuration, from its ledger to its ports.
final class GatewaySession {
  /// Why a session ended.
  enum Ending {
    case stopped
    case reload(GatewayRuntime.Loaded)
  }

  private let logger: Logger
  private let notifier: ServiceNotifier
  private let signals: SignalSource
  private let loop: EventLoop
  private let delivery: DeliveryService
  private let watchkeeper: Watchkeeper
  private var list: WatchList?
  private var ending = Ending.stopped
  private var isToldToStop = false

  /// How long an orderly stop may take for the last messages, of the five seconds that the contract gives.
  private static let deliveryGrace = TimeSpan.seconds(3)

  /// - Parameter previous: the configuration that this one replaces; what only it published is cleared.
  /// - Throws: `GatewayError` when the ledger, a key or the loop cannot be had.
  init(
    _ loaded: GatewayRuntime.Loaded, previous: GatewayConfiguration?, additions: GatewayRuntime.Additions,
    signals: SignalSource, notifier: ServiceNotifier, logger: Logger
  ) throws(GatewayError) {
    self.signals = signals
    self.notifier = notifier
    self.logger = logger
    let configuration = loaded.configuration
    var clock = SystemClock()
    let now = clock.now()
    let boot = try Boot.identifier()
    loop = EventLoop { SystemClock.kernel().monotonic }
    delivery = try Self.openDelivery(configuration, sha256: loaded.sha256, boot: boot, logger: logger)
    let context = try configuration.formatContext(
      sha256: loaded.sha256, boot: boot, epoch: delivery.epoch.current, previousEpoch: delivery.epoch.previous)
    let formats = Formats(context)

    let records = delivery.takeSavedRecords()
    var station = Station(plan: context.plan, identify: { LiveIdentifier.make(for: $0) })
    station.restore(
      BatchWriter.decode(records.filter { !$0.key.hasPrefix("gateway/") }), sequences: delivery.lastSequences, at: now,
      sameBoot: delivery.savedBoot == boot)

    let wiring = Wiring(configuration: configuration, access: additions.access, logger: logger)
    let outputs = wiring.outputs(at: now.monotonic)
    let recorder: Recorder?
    if let path = additions.recording {
      recorder = try Recorder(
        path: path, gateway: configuration.gateway.id, configurationSHA256: loaded.sha256, zone: context.zone,
        clearIDs: false)
    } else {
      recorder = nil
    }
    watchkeeper = Watchkeeper(
      station: station, clock: clock, formats: formats,
      latest: Self.latestMessages(of: station.activeAlerts, in: configuration.gateway.stateFolder), outputs: outputs,
      delivery: delivery, recorder: recorder)
    let list = try watchList(configuration, records: records, at: now)
    self.list = list

    let serialLinks = wiring.serialLinks(sink: watchkeeper, at: now.monotonic)
    let health = HealthReporter(
      formats: formats, delivery: delivery, limits: DeliverySettings.Limits(), watchkeeper: watchkeeper,
      links: serialLinks, outputs: outputs, clock: clock,
      watchlistRevision: list?.revision, at: now.monotonic)
    let gpioLinks = wiring.gpioLinks(sink: watchkeeper, at: now.monotonic)
    loop.add(signals)
    for source in try additions.sources(loop, now.monotonic) { loop.add(source) }
    for link in serialLinks { loop.add(link) }
    for link in gpioLinks { loop.add(link) }
    for output in outputs { loop.add(output) }
    loop.add(watchkeeper)
    loop.add(health)
    if let watchdog = Watchdog(notifier, at: now.monotonic) { loop.add(watchdog) }

    delivery.retain(RetainedState(topic: context.topics.info, payload: formats.info(), urgency: .spread))
    clear(what: previous, notIn: configuration)
  }

  /// Watches until a signal ends the session.
  ///
  /// - Parameter reload: reads the configuration again; nil when it cannot be used.
  /// - Throws: `GatewayError` when the delivery's threads cannot be started.
  func run(reload: @escaping () -> GatewayRuntime.Loaded?) throws(GatewayError) -> Ending {
    signals.handler = { [unowned self] request in
      switch request {
      case .stop:
        isToldToStop = true
        ending = .stopped
        loop.stop()
      case .reload where isToldToStop:
        break
      case .reload:
        notifier.reloading(at: SystemClock.kernel().monotonic)
        if let loaded = reload() {
          ending = .reload(loaded)
          loop.stop()
        } else {
          notifier.ready("watching with the configuration as it was")
        }
      }
    }
    do {
      try delivery.start()
    } catch {
      throw GatewayError(GatewayError.ExitStatus(rawValue: error.exitStatus) ?? .bug, "\(error)")
    }
    watchkeeper.start(watching: list)
    // It is the matcher's now; a list of ten thousand tags is not kept twice.
    list = nil
    // Reading the configuration and the watch list took several times the memory that is left of them. The C library
    // would keep it for later, but nothing as large comes later.
    mimamori_give_back_memory()
    notifier.ready("watching")
    logger.info("Watching.")
    loop.run()

    let isReload = if case .reload = ending { true } else { false }
    if !isReload { notifier.stopping() }
    watchkeeper.stop()
    let isStopped = delivery.stop(within: Self.deliveryGrace.nanoseconds, cause: isReload ? "reload" : "stop")
    if isReload, !isStopped {
      // The next session needs the ledger: a slow disk is waited for. A thread that only waits for a connection is not.
      logger.warning("The ledger takes long to close.")
      delivery.stop(within: Self.deliveryGrace.nanoseconds)
    }
    logger.info("\(isReload ? "The new configuration is taken up." : "Stopped in order.")")
    return ending
  }

  private static func openDelivery(
    _ configuration: GatewayConfiguration, sha256: String, boot: String, logger: Logger
  ) throws(GatewayError) -> DeliveryService {
    let settings = try configuration.deliverySettings(boot: boot)
    // A person's head is written on the ledger's thread, so it needs the formats but no epoch: the head carries its own.
    let formats = Formats(try configuration.formatContext(sha256: sha256, boot: boot, epoch: "", previousEpoch: nil))
    do {
      return try DeliveryService(
        settings: settings,
        freeze: { draft, delayed in Formats.freeze(draft: draft, delayed: delayed) },
        head: { head in
          var clock = SystemClock()
          let payload = formats.head(
            Alerts.StreamHead(
              stream: head.stream, epoch: head.epoch, previousEpoch: nil, last: head.last,
              deliveredThrough: head.deliveredThrough),
            at: clock.now())
          return RetainedState(
            topic: formats.context.topics.head(SubjectID(head.stream)), payload: payload, urgency: .spread)
        },
        logger: logger,
        now: { SystemClock.kernel().monotonic.nanoseconds })
    } catch {
      throw GatewayError(GatewayError.ExitStatus(rawValue: error.exitStatus) ?? .bug, "\(error)")
    }
  }

  /// The bytes in which the alerts that an earlier run left active were last told. One that cannot be read is told anew.
  private static func latestMessages(of alerts: [Alert], in stateFolder: String) -> [String: [UInt8]] {
    guard !alerts.isEmpty, let reader = try? LedgerReader(stateFolder: stateFolder) else { return [:] }
    var latest: [String: [UInt8]] = [:]
    for alert in alerts { latest[alert.id] = (try? reader.bytes(id: alert.id, revision: alert.revision)) ?? nil }
    return latest
  }

  private func watchList(
    _ configuration: GatewayConfiguration, records: [StateRecord], at now: Moment
  ) throws(GatewayError) -> WatchList? {
    guard let settings = configuration.watchlist else { return nil }
    let keeper = try WatchListKeeper(configuration, settings, logger: logger)
    let kept = records.first { $0.key == WatchListKeeper.recordKey }?.value
    let (list, record) = keeper.current(kept: kept, at: now)
    if let record {
      var batch = DeliveryBatch()
      batch.records = [record]
      delivery.commit(batch)
    }
    return list
  }

  /// Clears the retained states of what a reload removed.
  private func clear(what previous: GatewayConfiguration?, notIn configuration: GatewayConfiguration) {
    guard let previous, previous.topics == configuration.topics else { return }
    let topics = previous.topics
    let sensors = Set(previous.sensors.map(\.id)).subtracting(configuration.sensors.map(\.id))
    let places = Set(previous.places.map(\.id)).subtracting(configuration.places.map(\.id))
    let outputs = Set(previous.outputs.map(\.rule.id)).subtracting(configuration.outputs.map(\.rule.id))
    let gone = sensors.map(topics.observation) + places.map(topics.place) + outputs.map(topics.output)
    for topic in gone.sorted() { delivery.retain(RetainedState(topic: topic, payload: [], urgency: .spread)) }
  }
}
