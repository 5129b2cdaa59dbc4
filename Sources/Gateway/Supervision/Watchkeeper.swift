import Alerts
import Delivery
import Observations
import SensorDrivers

/// Stands between the drivers and the world on the sensing thread: hands observations to the station, switches outputs
/// at once, and gives everything else to the delivery, which never makes it wait.
final class Watchkeeper: ObservationSink, EventSource {
  private var station: Station
  private var matcher = TagMatcher()
  private var clock: SystemClock
  private var writer: BatchWriter
  private let outputs: [OutputID: OutputSwitch]
  private let delivery: DeliveryService
  private let recorder: Recorder?
  private var effects = Effects()
  private var lastTime = MonotonicTime(nanoseconds: .min)
  private var forgetAt: MonotonicTime

  private var liveness: [SensorID: SensorLiveness]

  /// When a sensor was last heard, and why it is not believed.
  struct SensorLiveness {
    var lastHeard: MonotonicTime?
    var fault: FaultCause?
  }

  init(
    station: Station, clock: SystemClock, formats: Formats, latest: [String: [UInt8]], outputs: [OutputSwitch],
    delivery: DeliveryService, recorder: Recorder? = nil
  ) {
    self.station = station
    self.clock = clock
    self.writer = BatchWriter(formats: formats, latest: latest)
    self.outputs = Dictionary(uniqueKeysWithValues: outputs.map { ($0.id, $0) })
    self.delivery = delivery
    self.recorder = recorder
    liveness = Dictionary(uniqueKeysWithValues: formats.context.plan.sensors.map { ($0.id, SensorLiveness()) })
    forgetAt = clock.moment(at: MonotonicTime(nanoseconds: 0)).monotonic
  }

  /// Starts watching, over the persons of `list` too: publishes what is known, and what an earlier run left active.
  func start(watching list: WatchList?) {
    let now = advance()
    station.start(at: now, into: &effects)
    matcher.use(list)
    station.handle(.watch(list?.plan ?? .empty), at: now, into: &effects)
    delivery.retain(writer.activeState(station.activeAlerts, through: station.lastAlertSequence, at: now))
    settle(at: now)
  }

  /// Saves what must not be lost by an orderly stop.
  func stop() {
    let now = advance()
    effects.saves += station.snapshot(at: now)
    settle(at: now)
  }

  var interest: EventInterest? { nil }

  var nextDeadline: MonotonicTime? {
    guard let due = station.nextDeadline else { return forgetAt }
    return min(due, forgetAt)
  }

  func ready(at time: MonotonicTime) {
    // It has no descriptor.
  }

  func wake(at time: MonotonicTime) {
    let now = advance()
    if now.monotonic >= forgetAt {
      matcher.forget(at: now.monotonic)
      forgetAt = now.monotonic + .minutes(1)
    }
    station.handle(.timePasses, at: now, into: &effects)
    settle(at: now)
  }

  func take(_ observations: [TimedObservation]) {
    readClock()
    for timed in observations {
      // A kernel's time stamp may be a little older than what was seen meanwhile; the station's time never goes back.
      lastTime = max(lastTime, timed.time)
      let moment = clock.moment(at: lastTime)
      note(timed.observation, at: lastTime)
      recorder?.record(timed.observation, at: moment, matcher: matcher)
      guard let input = input(for: timed.observation, at: lastTime) else { continue }
      station.handle(input, at: moment, into: &effects)
      switchOutputs(at: moment)
    }
    settle(at: clock.moment(at: lastTime))
  }

  /// The time now, not before anything that was handled.
  private func advance() -> Moment {
    lastTime = max(lastTime, readClock())
    return clock.moment(at: lastTime)
  }

  /// Reads the clocks; a step of the wall clock is told to the station and to the recording at once, so that a replay
  /// sees it where it happened.
  @discardableResult
  private func readClock() -> MonotonicTime {
    let steps = clock.steps
    let now = clock.now()
    if clock.steps != steps {
      lastTime = max(lastTime, now.monotonic)
      let moment = clock.moment(at: lastTime)
      recorder?.record(event: "clock_step", boot: nil, at: moment)
      station.handle(.timePasses, at: moment, into: &effects)
    }
    return now.monotonic
  }

  private func input(for observation: Observation, at time: MonotonicTime) -> StationInput? {
    switch observation {
    case .reading(let sensor, let measure): .reading(sensor, measure)
    case .contact(let sensor, let active): .contact(sensor, active: active)
    case .tips(let sensor, let count): .tips(sensor, count: count)
    case .sighting(let sensor, let sighting): matcher.input(for: sighting, from: sensor, at: time)
    case .alive(let sensor): .alive(sensor)
    case .fault(let sensor, let cause): .fault(sensor, cause)
    }
  }

  private func note(_ observation: Observation, at time: MonotonicTime) {
    switch observation {
    case .reading(let sensor, _), .contact(let sensor, _), .tips(let sensor, _), .alive(let sensor):
      liveness[sensor] = SensorLiveness(lastHeard: time, fault: nil)
    case .fault(let sensor, let cause): liveness[sensor]?.fault = cause
    case .sighting: break
    }
  }

  /// What the heartbeat tells of a sensor. One whose fault is an alert is faulty until that is cleared.
  func liveness(of sensor: SensorID) -> SensorLiveness {
    var known = liveness[sensor] ?? SensorLiveness()
    known.fault = station.declaredFault(of: sensor) ?? known.fault
    return known
  }

  /// The siren first: it waits neither for the ledger nor for the rest of a batch.
  private func switchOutputs(at moment: Moment) {
    for change in effects.outputs {
      outputs[change.output]?.set(on: change.on, at: moment.monotonic)
    }
    switched += effects.outputs
    effects.outputs.removeAll(keepingCapacity: true)
  }

  /// Changes of outputs that were carried out and are yet to be published.
  private var switched: [Effects.OutputChange] = []

  private func settle(at moment: Moment) {
    switchOutputs(at: moment)
    effects.outputs = switched
    switched.removeAll(keepingCapacity: true)
    guard !effects.isEmpty else { return }
    delivery.commit(
      writer.batch(
        for: effects, active: station.activeAlerts, through: station.lastAlertSequence, at: moment))
    effects.removeAll()
  }
}
