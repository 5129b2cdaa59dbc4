import Observations

/// Decides when a sensor's latest value is worth publishing: on change, not too often, and now and then in any case.
struct ObservationReporter: Sendable {
  /// Never more often than this, but for a contact.
  static let spacing = TimeSpan.seconds(10)
  /// A contact that chatters is reported at most this often, with its last state.
  static let contactSpacing = TimeSpan.seconds(1)
  static let calmInterval = TimeSpan.minutes(10)
  static let raisedInterval = TimeSpan.minutes(1)

  private let deadBand: Measure
  private let spacing: TimeSpan
  /// Whether it is reported by the clock too, because it speaks only when something changes.
  private let isDriven: Bool
  private var lastAt: MonotonicTime?
  private var lastValue: Measure?
  private var isPending = false

  init(_ quantity: Quantity) {
    switch quantity {
    case .waterLevel: deadBand = Measure(thousandths: 10)
    case .temperature: deadBand = Measure(thousandths: 500)
    case .voltage: deadBand = Measure(thousandths: 100)
    case .rain, .floodContact, .beacon: deadBand = Measure(thousandths: 1)
    }
    isDriven = quantity == .rain || quantity == .floodContact || quantity == .beacon
    spacing = quantity == .floodContact ? Self.contactSpacing : Self.spacing
  }

  /// Whether nothing was reported yet.
  var isUnreported: Bool { lastAt == nil }

  /// Whether the reading is to be reported now.
  mutating func isDue(_ value: Measure, at time: MonotonicTime, isRaised: Bool) -> Bool {
    guard let lastAt, let lastValue else { return true }
    let elapsed = time - lastAt
    guard elapsed >= spacing else { return false }
    if elapsed >= (isRaised ? Self.raisedInterval : Self.calmInterval) { return true }
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
    lastValue = value
    isPending = false
  }

  /// When the next report is due without a change.
  func deadline(isRaised: Bool) -> MonotonicTime? {
    guard isDriven, let lastAt else { return nil }
    return lastAt + (isPending ? spacing : isRaised ? Self.raisedInterval : Self.calmInterval)
  }
}
