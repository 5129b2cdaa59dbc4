import Observations

/// An exercise or a test that goes on: one sensor seen by a small station of its own, which hears only what was injected.
/// So the same detectors decide as when it is real, and what is real never meets what is not.
struct Rehearsal: Sendable {
  /// The sensor says its injected value so often.
  static let interval = TimeSpan.seconds(10)

  let plan: RehearsalPlan
  let quantity: Quantity
  /// Millimetres a tip, of a rain gauge.
  let tip: Measure
  var end: CommandEnd
  /// When the command was taken.
  private(set) var began: MonotonicTime
  /// When the sensor says its value next.
  private(set) var next: MonotonicTime
  /// The alerts that were told and not cleared, in the order of raising.
  var alerts: [AlertBook.Active] = []
  var station: Station

  /// Nil where nothing is detected from readings of this sensor.
  init?(_ plan: RehearsalPlan, of whole: StationPlan, end: CommandEnd, at time: MonotonicTime) {
    guard let sensor = whole.sensors.first(where: { $0.id == plan.sensor }),
      let part = StationPlan(rehearsing: sensor, of: whole)
    else { return nil }
    self.plan = plan
    self.end = end
    quantity = sensor.quantity
    tip = sensor.tip ?? RainTotal.usualTip
    began = time
    next = time
    station = Station(plan: part, identify: { _ in "" })
    station.isRehearsing = true
  }

  var deadline: MonotonicTime {
    let due = min(next, end.deadline)
    return station.nextDeadline.map { min($0, due) } ?? due
  }

  /// The worst danger that it tells of.
  var hazard: Severity? {
    alerts.lazy.map(\.alert).filter { $0.kind.isHazard && !$0.isUnproven }.map(\.severity).max()
  }

  /// Lets the sensor say what is due, and time pass.
  mutating func advance(to moment: Moment, into effects: inout Effects) {
    if next <= moment.monotonic {
      station.handle(input(at: moment.monotonic), at: moment, into: &effects)
      next = following(moment.monotonic)
    } else {
      station.handle(.timePasses, at: moment, into: &effects)
    }
  }

  /// Begins it; `effects` get what the station says to that.
  mutating func start(at moment: Moment, into effects: inout Effects) {
    station.start(at: moment, into: &effects)
    // Where counting begins.
    if quantity == .rain { station.handle(.tips(plan.sensor, count: 0), at: moment, into: &effects) }
    advance(to: moment, into: &effects)
  }

  private func input(at time: MonotonicTime) -> StationInput {
    let value = plan.readings.last { began + $0.offset <= time }?.value ?? Measure(thousandths: 0)
    switch quantity {
    case .floodContact: return .contact(plan.sensor, active: value.thousandths != 0)
    case .rain:
      return .tips(plan.sensor, count: UInt64(max(value.thousandths / max(tip.thousandths, 1), 0)))
    default: return .reading(plan.sensor, value)
    }
  }

  /// The next whole interval or the next reading, whichever comes first.
  private func following(_ time: MonotonicTime) -> MonotonicTime {
    let interval = Self.interval.nanoseconds
    let tick = began + TimeSpan(nanoseconds: ((time - began).nanoseconds / interval + 1) * interval)
    let reading = plan.readings.lazy.map { began + $0.offset }.first { $0 > time }
    return reading.map { min($0, tick) } ?? tick
  }
}

// MARK: Memory

/// What a restart must know of an exercise or a test.
struct RehearsalMemory: Sendable, Hashable, Codable {
  var plan: RehearsalPlan
  var end: CommandEnd
  var began: MonotonicTime
  var next: MonotonicTime
  var alerts: [AlertMemory]
  /// The snapshot of its own station.
  var states: [SavedState]
}

extension Rehearsal {
  func memory(at moment: Moment) -> RehearsalMemory {
    RehearsalMemory(
      plan: plan, end: end, began: began, next: next, alerts: alerts.map(\.memory),
      states: station.snapshot(at: moment))
  }

  /// Nil where nothing is detected from readings of this sensor any more.
  init?(_ memory: RehearsalMemory, of whole: StationPlan, savedAt: Moment, shift: TimeShift) {
    self.init(
      memory.plan, of: whole, end: memory.end.shifted(by: shift, savedAt: savedAt), at: shift.now.monotonic)
    began = shift.throughPause(memory.began, savedAt: savedAt)
    next = shift.throughPause(memory.next, savedAt: savedAt)
    alerts = memory.alerts.map { AlertBook.Active($0, savedAt: savedAt, shift: shift) }
    station.restore(memory.states, sequences: nil, at: shift.now, sameBoot: shift.isSameBoot(savedAt))
  }
}

extension StationPlan {
  /// The part of a plan that decides by one sensor alone; nil where there is none.
  fileprivate init?(rehearsing sensor: SensorPlan, of whole: StationPlan) {
    let floods = whole.floods.filter { $0.sensor == sensor.id }.map {
      FloodRule(
        sensor: $0.sensor, levels: $0.levels, confirm: $0.confirm, releaseMargin: $0.releaseMargin,
        releaseHold: $0.releaseHold, rise: $0.rise, forecast: $0.forecast)
    }
    let contacts = whole.contacts.filter { $0.sensor == sensor.id }
    let limits = whole.limits.filter { $0.sensor == sensor.id }
    let rains = whole.rains.filter { $0.sensor == sensor.id && !$0.amounts.isEmpty }
    guard !floods.isEmpty || !contacts.isEmpty || !limits.isEmpty || !rains.isEmpty else { return nil }
    let plain = SensorPlan(
      id: sensor.id, name: sensor.name, quantity: sensor.quantity, datum: sensor.datum, tip: sensor.tip,
      position: sensor.position)
    self.init(
      gateway: whole.gateway, sensors: [plain], floods: floods, contacts: contacts, limits: limits, rains: rains,
      zone: whole.zone)
  }
}
