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

  /// Reads the configuration again, or says why it cannot be used.
  typealias Reload = () throws(CommandRejection) -> GatewayRuntime.Loaded

  private let logger: Logger
  private let notifier: ServiceNotifier
  private let signals: SignalSource
  /// What this session's files held when they were read.
  let files: LoadedFiles
  private let loop: EventLoop
  private let delivery: DeliveryService
  private let watchkeeper: Watchkeeper
  private let outputs: [OutputSwitch]
  private let health: HealthReporter
  /// Nil where nobody may command.
  private let commands: CommandDesk?
  /// Nil where no list is taken from the broker.
  private let fetcher: WatchListFetcher?
  private var list: WatchList?
  private var ending = Ending.stopped
  private var isToldToStop = false

  /// How long an orderly stop may take for the last messages, of the five seconds that the contract gives.
  private static let deliveryGrace = TimeSpan.seconds(3)
  /// And for the outputs that are switched over a line: some commands and their repetitions.
  private static let outputGrace = TimeSpan.seconds(1)
  /// So long may a start take to open the ledger, of which a large one is checked: a slow card reads a few megabytes a
  /// second.
  private static let longestOpening = TimeSpan.minutes(3)

  /// - Parameter previous: the configuration that this one replaces; what only it published is cleared.
  /// - Throws: `GatewayError` when the ledger, a key or the loop cannot be had.
  init(
    _ loaded: GatewayRuntime.Loaded, previous: GatewayConfiguration?, additions: GatewayRuntime.Additions,
    recorder: Recorder?, signals: SignalSource, notifier: ServiceNotifier, logger: Logger
  ) throws(GatewayError) {
    self.signals = signals
    self.notifier = notifier
    self.logger = logger
    let configuration = loaded.configuration
    let satellites = configuration.hasSatelliteReceiver ? SatelliteClock() : nil
    var clock = SystemClock(satellites: satellites)
    let now = clock.now()
    // Before anything that waits for a disk: what an earlier run left switched on must be safe within a second.
    let wiring = Wiring(
      configuration: configuration, access: additions.access, logger: logger, recording: recorder?.request,
      controllerAddress: additions.controllerAddress)
    outputs = wiring.outputs(at: now.monotonic)
    additions.keptLines?.releaseUnclaimed()
    files = if let held = loaded.files { held } else { try LoadedFiles(of: configuration, logger: logger) }
    let boot = files.boot
    loop = EventLoop { SystemClock.kernel().monotonic }
    if previous == nil { notifier.extendStart(by: Self.longestOpening) } else { notifier.watchdog() }
    delivery = try Self.openDelivery(loaded, files, satellites: satellites, logger: logger)
    let context = configuration.formatContext(
      in: files.zone, sha256: loaded.sha256, boot: boot, epoch: delivery.epoch.current,
      previousEpoch: delivery.epoch.previous)
    let formats = Formats(context)

    let records = delivery.takeSavedRecords()
    var station = Station(plan: context.plan, identify: { LiveIdentifier.make(for: $0) })
    station.restore(
      BatchWriter.decode(records.filter { !$0.isOfGateway }), sequences: delivery.lastSequences, at: now,
      sameBoot: delivery.savedBoot == boot, boot: boot, lostMessages: delivery.unstoredAlerts)

    watchkeeper = Watchkeeper(
      station: station, clock: clock, formats: formats,
      latest: Self.latestMessages(of: station.activeAlerts, in: configuration.gateway.stateFolder), outputs: outputs,
      delivery: delivery, recorder: recorder, satellites: satellites, logger: logger, boot: boot,
      isReload: previous != nil)
    let keeper = files.keeper
    let kept = records.first { $0.key == WatchListKeeper.recordKey }?.value
    let list = Self.watchList(keeper, kept: kept, delivery, at: now)
    self.list = list

    let serialLinks = wiring.serialLinks(sink: watchkeeper, at: now.monotonic)
    wiring.connect(outputs, to: serialLinks, at: now.monotonic)
    let gpioLinks = wiring.gpioLinks(sink: watchkeeper, at: now.monotonic)
    commands = Self.commandDesk(
      configuration, files, watchkeeper, delivery, formats, records: records, at: now, logger: logger)
    fetcher = Self.fetcher(
      configuration, keeper, revision: max(list?.revision ?? 0, keeper?.acceptedRevision(kept: kept) ?? 0), watchkeeper,
      delivery, commands, logger: logger)
    health = HealthReporter(
      formats: formats, delivery: delivery, limits: delivery.limits,
      watchkeeper: watchkeeper, expiry: configuration.lanes.stateAge, links: serialLinks, gpioLinks: gpioLinks,
      outputs: outputs, clock: clock,
      watchList: { [watchkeeper, fetcher] in (watchkeeper.watchlistRevision, fetcher?.refusal) }, commands: commands,
      at: now.monotonic)
    loop.add(signals)
    let ports: [any EventSource] = try additions.sources(loop, now.monotonic) + serialLinks + gpioLinks
    for port in ports { loop.add(port) }
    if let board = try wiring.boardLink(sink: watchkeeper, at: now.monotonic) { loop.add(board) }
    if let certificates = try Self.certificates(configuration, watchkeeper, at: now.monotonic, logger) {
      loop.add(certificates)
    }
    for output in outputs { loop.add(output) }
    if let outputGuard = additions.outputGuard { loop.add(OutputGuardLink(outputGuard, logger: logger)) }
    loop.add(watchkeeper)
    listen(configuration)
    loop.add(health)
    if let watchdog = Watchdog(notifier, at: now.monotonic) { loop.add(watchdog) }

    delivery.retain(RetainedState(topic: context.topics.info, payload: formats.info(), urgency: .spread))
    clear(what: previous, notIn: configuration)
  }

  /// Watches until a signal ends the session.
  ///
  /// - Parameter reload: reads the configuration again, and throws when it cannot be used.
  /// - Throws: `GatewayError` when the delivery's threads cannot be started.
  func run(reload: @escaping Reload) throws(GatewayError) -> Ending {
    signals.handler = { [unowned self] request in
      switch request {
      case .stop:
        isToldToStop = true
        ending = .stopped
        loop.stop()
      case .reload: _ = takeUp(reload)
      }
    }
    commands?.errands = CommandDesk.Errands(
      report: { [unowned self] in
        delivery.refresh()
        health.reportNow(at: SystemClock.kernel().monotonic)
      },
      reload: { [unowned self] in takeUp(reload) })
    // Before anybody can connect: a receiver is told which alerts are active before anything else.
    watchkeeper.start(watching: list)
    commands?.resumeSearches()
    // It is the matcher's now; a list of ten thousand tags is not kept twice.
    list = nil
    do {
      try delivery.start()
    } catch {
      throw GatewayError(GatewayError.ExitStatus(rawValue: error.exitStatus) ?? .bug, "\(error)")
    }
    // Reading the configuration and the watch list took several times the memory that is left of them. The C library
    // would keep it for later, but nothing as large comes later.
    mimamori_give_back_memory()
    notifier.ready("watching")
    logger.info("Watching.")
    loop.run()

    let isReload = if case .reload = ending { true } else { false }
    // What comes now waits for outputs and for the disk: it has all of the watchdog's time, and no more.
    if isReload { notifier.watchdog() } else { notifier.stopping() }
    releaseOutputs()
    watchkeeper.stop(isReload: isReload)
    let isStopped = delivery.stop(within: Self.deliveryGrace.nanoseconds, cause: isReload ? "reload" : "stop")
    if isReload, !isStopped {
      // The next session needs the ledger: a slow disk is waited for. A thread that only waits for a connection is not.
      logger.warning("The ledger takes long to close.")
      delivery.stop(within: Self.deliveryGrace.nanoseconds)
    }
    logger.info("\(isReload ? "The new configuration is taken up." : "Stopped in order.")")
    return ending
  }

  /// Hands what the broker passes on to who waits for it.
  private func listen(_ configuration: GatewayConfiguration) {
    let commandTopics = Set(configuration.commandTopics)
    loop.add(
      IncomingSource(delivery.incoming) { [commands, fetcher] message in
        if commandTopics.contains(message.topic) { commands?.take(message) } else { fetcher?.take(message) }
      })
    if let fetcher { loop.add(fetcher) }
  }

  /// Ends the session for the configuration as it reads now.
  ///
  /// - Returns: why it goes on instead; nil when it ends.
  private func takeUp(_ reload: Reload) -> CommandRejection? {
    guard !isToldToStop else {
      return CommandRejection(
        .badConfiguration, "the gateway is being stopped: it reads its configuration when it is started again")
    }
    notifier.reloading(at: SystemClock.kernel().monotonic)
    do throws(CommandRejection) {
      try refuseWhileLedgerIsUnwell()
      ending = .reload(try reload())
    } catch {
      notifier.ready("watching with the configuration as it was")
      return error
    }
    loop.stop()
    return nil
  }

  private func refuseWhileLedgerIsUnwell() throws(CommandRejection) {
    let statistics = delivery.statistics
    guard
      let obstacle = statistics.obstacleToReload(
        stateFolder: files.delivery.stateFolder, at: SystemClock.kernel().monotonic)
    else { return }
    logger.error("The reload is refused and the old configuration stays: \(obstacle.explanation).")
    throw obstacle
  }

  /// Who looks after the certificates, where there are some.
  private static func certificates(
    _ configuration: GatewayConfiguration, _ watchkeeper: Watchkeeper, at time: MonotonicTime, _ logger: Logger
  ) throws(GatewayError) -> CertificateLink? {
    let points = configuration.mqtt.certificates.map {
      CertificateLink.Point(certificate: $0.certificate, path: $0.file.path)
    }
    guard !points.isEmpty else { return nil }
    return try CertificateLink(
      points: points, logger: logger, present: { [unowned watchkeeper] in watchkeeper.present() },
      found: { [unowned watchkeeper] in watchkeeper.take($0, $1) }, at: time)
  }

  /// Who takes commands, where somebody may command.
  private static func commandDesk(
    _ configuration: GatewayConfiguration, _ files: LoadedFiles, _ watchkeeper: Watchkeeper,
    _ delivery: DeliveryService, _ formats: Formats, records: [StateRecord], at now: Moment, logger: Logger
  ) -> CommandDesk? {
    guard !configuration.authorities.isEmpty else { return nil }
    let judge = CommandJudge(
      root: configuration.mqtt.root, gateway: configuration.gateway.id, groups: configuration.groups,
      authorities: files.authorities, boot: files.boot)
    return CommandDesk(
      judge: judge, watchkeeper: watchkeeper, delivery: delivery, formats: formats, logger: logger, records: records,
      boot: files.boot, at: now)
  }

  /// Sets every output to its safe state, and waits a moment for those that tell.
  private func releaseOutputs() {
    let start = SystemClock.kernel().monotonic
    for output in outputs { output.release(at: start) }
    let end = start + Self.outputGrace
    while outputs.contains(where: \.isWaiting), SystemClock.kernel().monotonic < end { loop.turn(atMost: end) }
    for output in outputs where output.isWaiting {
      logger.error("The output \(output.id) has not told that it stands in its safe state.")
    }
  }

  /// Who fetches watch lists from the broker, where there may be one.
  private static func fetcher(
    _ configuration: GatewayConfiguration, _ keeper: WatchListKeeper?, revision: Int, _ watchkeeper: Watchkeeper,
    _ delivery: DeliveryService, _ commands: CommandDesk?, logger: Logger
  ) -> WatchListFetcher? {
    guard let keeper, let settings = configuration.watchlist else { return nil }
    return WatchListFetcher(
      verifier: keeper.verifier, topics: configuration.topics, group: settings.group, revision: revision,
      within: settings.fetchWithin, logger: logger, now: { [unowned watchkeeper] in watchkeeper.present() },
      listen: { [delivery, others = configuration.subscriptions] in delivery.listen(to: others + $0) },
      accepted: { [unowned watchkeeper] accepted in
        watchkeeper.use(accepted.list, record: accepted.record)
        commands?.resumeSearches()
      })
  }

  private static func watchList(
    _ keeper: WatchListKeeper?, kept: [UInt8]?, _ delivery: DeliveryService, at now: Moment
  ) -> WatchList? {
    guard let keeper else { return nil }
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
