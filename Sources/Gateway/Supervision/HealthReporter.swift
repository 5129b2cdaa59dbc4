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
  private let outputs: [OutputSwitch]
  private let limits: DeliverySettings.Limits
  private let watchlistRevision: Int?
  private var clock: SystemClock
  private var due: MonotonicTime
  private var syncHistory: [(time: MonotonicTime, syncs: UInt64)] = []

  private static let interval = TimeSpan.minutes(5)
  private static let expirySeconds: UInt32 = 1800

  init(
    formats: Formats, delivery: DeliveryService, limits: DeliverySettings.Limits, watchkeeper: Watchkeeper,
    links: [SerialLink], outputs: [OutputSwitch], clock: SystemClock,
    watchlistRevision: Int?, at time: MonotonicTime
  ) {
    self.formats = formats
    self.delivery = delivery
    self.watchkeeper = watchkeeper
    self.links = links
    self.outputs = outputs
    self.clock = clock
    self.limits = limits
    self.watchlistRevision = watchlistRevision
    due = time + .seconds(2)
  }

  var interest: EventInterest? { nil }
  var nextDeadline: MonotonicTime? { due }

  func ready(at time: MonotonicTime) {
    // It has no descriptor.
  }

  func wake(at time: MonotonicTime) {
    let now = clock.now()
    let wait = TimeSpan(nanoseconds: Self.interval.nanoseconds * Int64.random(in: 80...120) / 100)
    due = time + wait
    let payload = formats.health(report(at: now, next: now.wall + wait + .seconds(30)))
    delivery.retain(
      RetainedState(
        topic: formats.context.topics.health, payload: payload, urgency: .spread, expirySeconds: Self.expirySeconds))
  }

  private func report(at now: Moment, next: WallTime) -> HealthReport {
    let statistics = delivery.statistics
    let context = formats.context
    let sensors = context.plan.sensors.map { sensor in
      let liveness = watchkeeper.liveness(of: sensor.id)
      let state: HealthReport.Sensor.State =
        liveness.fault != nil ? .faulty : liveness.lastHeard == nil ? .unknown : .ok
      return HealthReport.Sensor(
        id: sensor.id, state: state, fault: liveness.fault, age: liveness.lastHeard.map { now.monotonic - $0 })
    }
    let ports = links.map { link in
      HealthReport.Port(
        id: link.port.text, state: link.fault == nil ? .open : .retrying, fault: link.fault,
        counters: Self.counters(link.counters))
    }
    // An output that cannot be switched is known before it is needed.
    let lines = outputs.map { output in
      HealthReport.Port(
        id: output.id.text, state: output.fault == nil ? .open : .retrying, fault: output.fault, counters: [])
    }
    let head = statistics.alertStream
    return HealthReport(
      at: now, sensors: sensors, ports: ports + lines,
      queues: [
        .init(name: "waiting", length: statistics.waiting, capacity: limits.waitingMessages),
        .init(name: "outbox", length: statistics.outbox, capacity: limits.outboxRows),
        .init(name: "retained", length: statistics.retainedTopics, capacity: limits.retainedTopics),
      ],
      drops: [
        .init(name: "alerts", count: statistics.droppedAlerts),
        .init(name: "notices", count: statistics.droppedNotices),
        .init(name: "states", count: statistics.droppedStates),
      ],
      syncs: statistics.syncs, syncsLastHour: syncsLastHour(statistics.syncs, at: now.monotonic),
      watchlistRevision: watchlistRevision,
      alertStream: Alerts.StreamHead(
        stream: head.stream, epoch: head.epoch, previousEpoch: context.previousEpoch, last: head.last,
        deliveredThrough: head.deliveredThrough),
      nextExpectedBy: next)
  }

  private func syncsLastHour(_ syncs: UInt64, at time: MonotonicTime) -> UInt64 {
    syncHistory.append((time, syncs))
    while let oldest = syncHistory.first, time - oldest.time > .hours(1) { syncHistory.removeFirst() }
    return syncs - (syncHistory.count > 1 ? syncHistory[0].syncs : 0)
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
