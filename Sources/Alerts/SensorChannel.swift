import Observations

/// All that the station knows of one sensor: what it last said, whether it is sound, and its detectors.
struct SensorChannel: Sendable {
  let plan: SensorPlan
  let isMeasuring: Bool
  var faults: FaultMonitor
  var reports: ObservationReporter
  var ladder: FloodLadder?
  var contact: ContactDwell?
  var rain: RainTotal?
  /// The last believable value of a measuring sensor.
  var value: Measure?
  /// What a contact last said.
  var isContactActive: Bool?
  /// Whether a receiver has shown that it works.
  var isReceiverHeard = false
  /// The worst active hazard.
  var hazard: Severity?
  /// Whether a restart left something behind for `faults`.
  var isRestored = false
  /// The places it is a receiver of: the place's number, and its own number there.
  var places: [(place: Int, receiver: Int)] = []
  /// The outputs whose condition it is a part of.
  var outputs: [Int] = []

  init(_ plan: SensorPlan) {
    self.plan = plan
    switch plan.quantity {
    case .waterLevel, .temperature, .voltage: isMeasuring = true
    case .rain, .floodContact, .beacon: isMeasuring = false
    }
    faults = FaultMonitor(plan)
    reports = ObservationReporter(plan.quantity)
    if plan.quantity == .rain { rain = RainTotal(tip: plan.tip) }
  }

  var isFaulty: Bool { faults.declared != nil }

  /// When time alone changes something for this sensor.
  var deadline: MonotonicTime? {
    var earliest = faults.deadline
    func consider(_ time: MonotonicTime?) {
      guard let time else { return }
      earliest = earliest.map { min($0, time) } ?? time
    }
    if !isMeasuring {
      consider(reports.deadline(isRaised: hazard != nil))
      consider(contact?.deadline)
      consider(contact?.saveDeadline)
      consider(rain?.saveDeadline)
    }
    return earliest
  }

  /// The kind of alert that a fault of this sensor is: nobody can be watched over by a deaf receiver.
  var faultKind: AlertKind { plan.quantity == .beacon ? .blind : .sensorFault }

  /// What there is to publish; `isReading`: a reading came just now, so that its value holds even during a fault.
  func reportedValue(isReading: Bool) -> Effects.ObservationReport.Value? {
    if plan.quantity == .beacon { return .receiver(working: !isFaulty) }
    guard isReading || !isFaulty else { return nil }
    switch plan.quantity {
    case .waterLevel, .temperature, .voltage: return value.map { .measure($0) }
    case .floodContact: return isContactActive.map { .contact(active: $0) }
    case .rain: return rain.map { .rain(total: $0.total, tips: $0.tips) }
    case .beacon: return nil
    }
  }

  /// What an alert says was observed; `isReading` as above.
  func observed(threshold: Measure? = nil, isReading: Bool = false) -> Alert.Observed {
    var seen: Measure?
    if isReading || !isFaulty {
      seen = plan.quantity == .floodContact ? isContactActive.map { Measure(thousandths: $0 ? 1000 : 0) } : value
    }
    return Alert.Observed(quantity: plan.quantity, value: seen, threshold: threshold)
  }
}
