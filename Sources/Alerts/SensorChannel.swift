import Observations

/// All that the station knows of one sensor: what it last said, whether it is sound, and its detectors.
///
/// It is large, and a copy of it takes longer than all that a reading leads to. What is asked at every reading is asked
/// in place: through `channels.span`, since an array hands out copies, or by a mutating function.
struct SensorChannel: Sendable {
  let plan: SensorPlan
  let isMeasuring: Bool
  var faults: FaultMonitor
  /// The group of what it hangs on, if others hang on it too.
  var group: Int?
  /// Whether its fault is told by its group's alert.
  var isGrouped = false
  /// At the first of a group: when the group's alert is brought up to date.
  var settlesAt: MonotonicTime?
  var reports: ObservationReporter
  var ladder: FloodLadder?
  var contact: ContactDwell?
  /// A contact that silences.
  var button: ContactRule?
  var rain: RainGauge?
  /// How the water moves.
  var trend: LevelTrend?
  /// The two sensors of one station, at the one that is named first.
  var pair: StationPair?
  /// At the other sensor of a station: the channel of the first.
  var stationOf: Int?
  /// Notices when its alerts come and go.
  var flapping: FlapWatch
  /// Notices when its fault comes and goes.
  var flicker = FaultFlicker()
  var limit: LimitWatch?
  /// Keeps back what was over a moment ago.
  var realert: RealertWatch
  /// Since when what it raised is not proven, because it hangs.
  var unprovenSince: MonotonicTime?
  /// Where the board was at last, as this receiver said, and when it said so.
  var fix: (fix: PositionFix, heard: MonotonicTime)?
  /// Plausibility and filters of a measuring sensor.
  var conditioner: Conditioner
  /// The other sensor of the same water.
  var agreement: Agreement?
  /// The last believable value of a measuring sensor.
  var value: Measure?
  /// What a contact last said.
  var isContactActive: Bool?
  /// Whether a receiver has shown that it works.
  var isReceiverHeard = false
  /// Somebody works at it: what it would tell of danger is kept back.
  var isUnderMaintenance = false
  /// The worst active hazard.
  var hazard: Severity?
  /// Whether a restart left something behind for `faults`.
  var isRestored = false
  /// The places it is a receiver of: the place's number, and its own number there.
  var places: [(place: Int, receiver: Int)] = []
  /// The outputs whose condition it is a part of.
  var outputs: [Int] = []

  struct Agreement: Sendable {
    /// The other sensor's channel.
    let other: Int
    let rule: AgreementRule
  }

  init(_ plan: SensorPlan, flood: FloodRule? = nil, rain rule: RainRule? = nil, zone: TimeZoneOffsets) {
    self.plan = plan
    realert = RealertWatch(interval: flood?.realertAfter ?? .zero)
    isMeasuring = plan.quantity.isMeasured
    faults = FaultMonitor(plan)
    flapping = flood.map { FlapWatch(unstableAfter: $0.unstableAfter) } ?? FlapWatch()
    conditioner = Conditioner(plan)
    reports = ObservationReporter(plan.quantity, schedule: flood?.reporting)
    if plan.quantity == .rain { rain = RainGauge(tip: plan.tip, rule: rule, zone: zone) }
    if let flood {
      ladder = FloodLadder(flood, longestGap: plan.staleAfter)
      trend = LevelTrend(flood)
    }
  }

  /// Whether what it said at these two times is so far apart that nobody knows what was in between.
  func isGap(from earlier: MonotonicTime, to later: MonotonicTime) -> Bool {
    plan.staleAfter.map { later - earlier > $0 } ?? false
  }

  var isFaulty: Bool { faults.declared != nil }

  /// Whether what it says counts: one that only contradicts another is overruled where need be, not passed over.
  var decides: Bool { faults.declared?.isDoubt ?? true }

  /// When time alone changes something for this sensor. Mutating only so that it is asked in place.
  mutating func deadline() -> MonotonicTime? {
    var earliest = faults.deadline
    func consider(_ time: MonotonicTime?) {
      guard let time else { return }
      earliest = earliest.map { min($0, time) } ?? time
    }
    consider(settlesAt)
    consider(keptBackDeadline)
    consider(flicker.deadline)
    if let unprovenSince, let unprovenFor = ladder?.rule.unprovenFor { consider(unprovenSince + unprovenFor) }
    if isMeasuring {
      consider(conditioner.deadline)
      consider(trend?.forecastEnds)
    } else {
      consider(reports.deadline(isRaised: hazard != nil))
      consider(contact?.deadline)
      consider(contact?.saveDeadline)
      consider(rain?.total.saveDeadline)
      consider(rain?.nextChange)
    }
    return earliest
  }

  /// When what is kept back of a contact is told. A level waits for a reading instead.
  var keptBackDeadline: MonotonicTime? {
    guard contact?.isRaised == true, contact?.isActive == true, decides else { return nil }
    return realert.due
  }

  /// The kind of alert that a fault of this sensor is: nobody can be watched over by a deaf receiver.
  var faultKind: AlertKind { plan.quantity == .beacon ? .blind : .sensorFault }

  /// What there is to publish; `isReading`: a reading came just now, so that its value holds even during a fault.
  func reportedValue(isReading: Bool) -> Effects.ObservationReport.Value? {
    // Where a vehicle is tells where its driver is: only that the receiver works is published.
    if plan.quantity == .beacon || plan.quantity == .position { return .receiver(working: !isFaulty) }
    guard isReading || decides, !conditioner.isTimedOut else { return nil }
    switch plan.quantity {
    case .floodContact, .contact: return isContactActive.map { .contact(active: $0) }
    case .rain: return rain.map { .rain(total: $0.total.total, tips: $0.total.tips) }
    default: return value.map { .measure($0) }
    }
  }

  /// What an alert says was observed; `isReading` as above.
  func observed(threshold: Measure? = nil, isReading: Bool = false) -> Alert.Observed {
    var seen: Measure?
    if isReading || decides, !conditioner.isTimedOut {
      let measured = conditioner.overruledBy ?? value
      seen = plan.quantity.isContact ? isContactActive.map { Measure(thousandths: $0 ? 1000 : 0) } : measured
    }
    return Alert.Observed(quantity: plan.quantity, value: seen, threshold: threshold)
  }

  /// Whether the water rises so fast that it is worth a report a minute.
  var isRisingFast: Bool {
    if let isRaised = trend?.rise?.isRaised { return isRaised }
    return trend?.perHour.map { $0 >= Self.fastRise } ?? false
  }

  /// Half a metre in ten minutes, where the configuration does not say what is fast.
  private static let fastRise = Measure(thousandths: 3000)

  /// Shows the ladder and the forecast a level. Returns what they make of it.
  mutating func take(level: Measure, at moment: Moment) -> LevelChange? {
    if ladder?.isGap(before: moment.monotonic) == true { trend?.forget() }
    let isNewSlope = trend?.add(level, at: moment.monotonic) ?? false
    if let change = ladder?.take(level, at: moment) {
      trend?.restate(next: ladder?.next, at: moment)
      return .step(change)
    }
    guard isNewSlope else { return nil }
    return trend?.judge(next: ladder?.next, at: moment).map { .forecast($0) }
  }

  enum LevelChange: Sendable {
    case step(FloodLadder.Change)
    case forecast(LevelForecast.Change)
  }

  /// What its detectors raised is released no sooner than after a long calm, or as configured again.
  mutating func hold(longer isUnstable: Bool) {
    let hold = isUnstable ? FlapWatch.longHold : .zero
    ladder?.leastHold = hold
    contact?.leastHold = hold
    trend?.rise?.leastHold = hold
    rain?.amounts?.leastHold = hold
  }
}
