import Alerts
import Delivery
import Observations
import SensorDrivers

/// Publishes the heartbeat: every five minutes, give or take a fifth, so that a city's gateways do not all speak at once.
final class HealthReporter: EventSource {
  private let formats: Formats
  private let delivery: DeliveryService
  private let watchkeeper: Watchkeeper
  private let links: [SerialLink]
  private let gpioLinks: [GPIOLink]
  private let outputs: [OutputSwitch]
  private let limits: DeliverySettings.Limits
  private let watchList: () -> (revision: Int?, refusal: String?)
  private let commands: CommandDesk?
  private var clock: SystemClock
  private var due: MonotonicTime
  private var syncHistory: [(time: MonotonicTime, syncs: UInt64)] = []

  private static let interval = TimeSpan.minutes(5)
  private let expiry: TimeSpan

  init(
    formats: Formats, delivery: DeliveryService, limits: DeliverySettings.Limits, watchkeeper: Watchkeeper,
    expiry: TimeSpan, links: [SerialLink], gpioLinks: [GPIOLink] = [], outputs: [OutputSwitch], clock: SystemClock,
    watchList: @escaping () -> (revision: Int?, refusal: String?), commands: CommandDesk?, at time: MonotonicTime
  ) {
    self.commands = commands
    self.expiry = expiry
    self.formats = formats
    self.delivery = delivery
    self.watchkeeper = watchkeeper
    self.links = links
    self.gpioLinks = gpioLinks
    self.outputs = outputs
    self.clock = clock
    self.limits = limits
    self.watchList = watchList
    due = time + .seconds(2)
  }

  var interest: EventInterest? { nil }
  var nextDeadline: MonotonicTime? { due }

  func ready(at time: MonotonicTime) {
    // It has no descriptor.
  }

  /// The next heartbeat is due now.
  func reportNow(at time: MonotonicTime) {
    due = time
  }

  func wake(at time: MonotonicTime) {
    let now = clock.now()
    let wait = TimeSpan(nanoseconds: Self.interval.nanoseconds * Int64.random(in: 80...120) / 100)
    due = time + wait
    let payload = formats.health(report(at: now, next: now.wall + wait + .seconds(30)))
    delivery.retain(
      RetainedState(
        topic: formats.context.topics.health, payload: payload, urgency: .spread,
        expirySeconds: UInt32(clamping: expiry.nanoseconds / 1_000_000_000)))
  }

  private func report(at now: Moment, next: WallTime) -> HealthReport {
    let statistics = delivery.statistics
    let context = formats.context
    let sensors = context.plan.sensors.map { sensor in
      let liveness = watchkeeper.liveness(of: sensor.id)
      let state: HealthReport.Sensor.State =
        liveness.fault != nil ? .faulty : liveness.lastHeard == nil ? .unknown : .ok
      return HealthReport.Sensor(
        id: sensor.id, state: state, fault: liveness.fault, age: liveness.lastHeard.map { now.monotonic - $0 },
        rejected: watchkeeper.rejectedReadings(of: sensor.id),
        soilWaterIndex: sensor.quantity == .rain ? watchkeeper.soilWaterIndex(of: sensor.id, at: now) : nil)
    }
    let ports = links.map { link in
      HealthReport.Port(
        id: link.port.text, state: link.fault == nil ? .open : .retrying, fault: link.fault,
        counters: Self.counters(link.counters) + [.init(name: "reopenings", count: link.reopenings)])
    }
    let inputs = gpioLinks.map { link in
      HealthReport.Port(
        id: link.sensor.text, state: link.fault == nil ? .open : .retrying, fault: link.fault,
        counters: Self.counters(link.counters))
    }
    // An output that cannot be switched is known before it is needed.
    let lines = outputs.map { output in
      HealthReport.Port(
        id: output.id.text, state: output.fault == nil ? .open : .retrying, fault: output.fault,
        guarded: output.isGuarded, counters: [])
    }
    let head = statistics.alertStream
    return HealthReport(
      at: now, sensors: sensors, ports: ports + inputs + lines,
      queues: [
        .init(name: "waiting", length: statistics.waiting, capacity: limits.waitingMessages),
        .init(name: "outbox", length: statistics.outbox, capacity: limits.outboxRows),
        .init(name: "retained", length: statistics.retainedTopics, capacity: limits.retainedTopics),
      ],
      lanes: lanes(statistics),
      storage: HealthReport.Storage(
        freeBytes: statistics.freeBytes, reserveBytes: limits.reserveBytes, isYielding: statistics.isYielding,
        ledgersSetAside: statistics.timesSetAside),
      drops: [
        .init(name: "alerts", count: statistics.droppedAlerts),
        .init(name: "notices", count: statistics.droppedNotices),
        .init(name: "states", count: statistics.droppedStates),
        .init(name: "observations", count: statistics.droppedObservations),
        .init(name: "thinned_observations", count: statistics.thinnedObservations),
        // What listening for tags had to give up; each is bounded, so that a crowd costs memory no more than this.
        .init(name: "advertisements", count: links.reduce(0) { $0 + $1.counters.dropped }),
        .init(name: "postponed_addresses", count: watchkeeper.matcherDrops.postponedAddresses),
        .init(name: "early_forgets", count: watchkeeper.matcherDrops.earlyForgets),
      ],
      syncs: statistics.syncs, syncsLastHour: syncsLastHour(statistics.syncs, at: now.monotonic),
      watchlistRevision: watchList().revision, watchlistRefusal: watchList().refusal,
      commands: commands.map(commandCounters),
      broker: HealthReport.Broker(
        inUse: statistics.broker == 0 ? "first" : "fallback", isConnected: statistics.isConnected,
        reconnects: statistics.reconnects, lastError: statistics.lastError, lastRefusal: statistics.lastRefusal),
      alertStream: Alerts.StreamHead(
        stream: head.stream, epoch: head.epoch, previousEpoch: context.previousEpoch, last: head.last,
        deliveredThrough: head.deliveredThrough),
      nextExpectedBy: next)
  }

  private func lanes(_ statistics: DeliveryStatistics) -> [HealthReport.Lane] {
    [
      .init(
        name: "alert", messages: statistics.outbox, bytes: statistics.outboxBytes, mostBytes: limits.outboxBytes),
      .init(
        name: "state", messages: statistics.retainedTopics, bytes: statistics.retainedBytes,
        mostBytes: limits.retainedBytes),
      .init(
        name: "observation", messages: statistics.waitingObservations, bytes: statistics.waitingObservationBytes,
        mostBytes: limits.observationBytes,
        interval: TimeSpan(nanoseconds: statistics.observationIntervalMilliseconds * 1_000_000)),
    ]
  }

  private func commandCounters(_ desk: CommandDesk) -> [HealthReport.Counter] {
    let (counters, drops) = (desk.counters, delivery.incoming.drops)
    return [
      .init(name: "done", count: counters.done), .init(name: "refused", count: counters.refused),
      .init(name: "repeated", count: counters.repeated),
      .init(name: "ignored_retained", count: counters.retained),
      .init(name: "ignored_unsigned", count: counters.unsigned),
      .init(name: "ignored_unreadable", count: counters.unreadable),
      .init(name: "ignored_too_long", count: drops.tooLong),
      .init(name: "ignored_too_many", count: counters.tooMany + drops.overflow),
    ]
  }

  private func syncsLastHour(_ syncs: UInt64, at time: MonotonicTime) -> UInt64 {
    syncHistory.append((time, syncs))
    while let oldest = syncHistory.first, time - oldest.time > .hours(1) { syncHistory.removeFirst() }
    return syncs - (syncHistory.count > 1 ? syncHistory[0].syncs : 0)
  }

  private static func counters(_ counters: GPIOCounters) -> [HealthReport.Counter] {
    [
      .init(name: "edges", count: counters.edges),
      .init(name: "lost_edges", count: counters.lostEdges),
      .init(name: "rejected_tips", count: counters.rejectedTips),
    ]
  }

  private static func counters(_ counters: PortCounters) -> [HealthReport.Counter] {
    [
      .init(name: "bytes_received", count: counters.bytesReceived),
      .init(name: "bytes_sent", count: counters.bytesSent),
      .init(name: "frames", count: counters.frames),
      .init(name: "checksum_errors", count: counters.checksumErrors),
      .init(name: "resynchronisations", count: counters.resynchronisations),
      .init(name: "timeouts", count: counters.timeouts),
      .init(name: "late_replies", count: counters.lateReplies),
      .init(name: "exceptions", count: counters.exceptions),
    ]
  }
}
