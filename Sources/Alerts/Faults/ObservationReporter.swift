import Observations

/// Decides when a sensor's latest value is worth publishing: on change, not too often, and now and then in any case.
struct ObservationReporter: Sendable {
  /// Never more often than this, but for a contact.
  static let spacing = TimeSpan.seconds(10)
  /// A contact that chatters is reported at most this often, with its last state.
  static let contactSpacing = TimeSpan.seconds(1)
  static let calmInterval = TimeSpan.minutes(10)
  static let raisedInterval = TimeSpan.minutes(1)

  /// What filters say about publishing a reading.
  enum Gate: Sendable, Equatable {
    /// There are none that have a say.
    case none
    case open(ignoresDeadBand: Bool)
    case closed
  }

  private let deadBand: Measure
  private let spacing: TimeSpan
  /// Whether it is reported by the clock too, because it speaks only when something changes.
  private let isDriven: Bool
  /// The crisis-management gauge's rule, where it is configured: by the clock alone.
  private let schedule: FloodRule.Reporting?
  private var lastAt: MonotonicTime?
  /// By the clock: when the last report was due, which counts on from there however late a reading came.
  private var lastDue: MonotonicTime?
  private var dueNow: MonotonicTime?
  private var lastReadingAt: MonotonicTime?
  private var lastValue: Measure?
  private var isPending = false

  init(_ quantity: Quantity, schedule: FloodRule.Reporting? = nil) {
    self.schedule = schedule
    switch quantity {
    case .waterLevel: deadBand = Measure(thousandths: 10)
    case .temperature: deadBand = Measure(thousandths: 500)
    case .voltage: deadBand = Measure(thousandths: 100)
    case .batteryCharge, .storageFree, .memoryFree: deadBand = Measure(thousandths: 2000)
    case .rain, .floodContact, .contact, .beacon, .position: deadBand = Measure(thousandths: 1)
    }
    isDriven = !quantity.isMeasured
    spacing = quantity.isContact ? Self.contactSpacing : Self.spacing
  }

  /// Whether it matters how fast the water rises.
  var goesByTheClock: Bool { schedule != nil }

  /// Whether nothing was reported yet.
  var isUnreported: Bool { lastAt == nil }

  /// Whether the reading is to be reported now.
  mutating func isDue(
    _ value: Measure, at time: MonotonicTime, isRaised: Bool, isRisingFast: Bool = false, gate: Gate
  ) -> Bool {
    let sinceReading = lastReadingAt.map { time - $0 } ?? .zero
    lastReadingAt = time
    guard let lastAt, let lastValue else { return true }
    let elapsed = time - lastAt
    guard elapsed >= spacing else { return false }
    if let schedule {
      if value >= schedule.from, lastValue < schedule.from { return true }
      let interval = schedule.interval(at: value, isRaised: isRaised, isRisingFast: isRisingFast)
      let due = (lastDue ?? lastAt) + interval
      // The reading that is nearest to the time counts: the next one would come half a spacing too late or more.
      let early = TimeSpan(nanoseconds: min(sinceReading, interval).nanoseconds / 2)
      guard time + early >= due else { return false }
      dueNow = time - due < interval ? due : time
      return true
    }
    if elapsed >= (isRaised ? Self.raisedInterval : Self.calmInterval) { return true }
    if case .closed = gate { return false }
    if case .open(ignoresDeadBand: true) = gate { return true }
    let change = (value - lastValue).thousandths.magnitude
    return change >= deadBand.thousandths.magnitude
  }

  /// Something changed in a sensor that speaks only then. Returns whether it is to be reported now; else it is due at
  /// `deadline`.
  mutating func changed(at time: MonotonicTime) -> Bool {
    guard let lastAt, time - lastAt < spacing else { return true }
    isPending = true
    return false
  }

  /// It was reported.
  mutating func reported(_ value: Measure?, at time: MonotonicTime) {
    lastAt = time
    lastDue = dueNow ?? time
    dueNow = nil
    lastValue = value
    isPending = false
  }

  /// When the next report is due without a change.
  func deadline(isRaised: Bool) -> MonotonicTime? {
    guard isDriven, let lastAt else { return nil }
    return lastAt + (isPending ? spacing : isRaised ? Self.raisedInterval : Self.calmInterval)
  }
}

extension FloodRule.Reporting {
  /// Between two reports of a level.
  fileprivate func interval(at value: Measure, isRaised: Bool, isRisingFast: Bool) -> TimeSpan {
    if isRisingFast { return min(Self.whileRisingFast, above) }
    return isRaised || value >= from ? above : below
  }
}
