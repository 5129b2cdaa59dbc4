import Observations

/// Decides when the water rises fast enough to be an alert of its own, and when it no longer does.
///
/// It rises when the robust slope over the window makes at least `by` in `within`, and most slots stand above earlier
/// ones. It is over when the slope has made less than half of that for the hold time.
struct RiseWatch: Sendable {
  enum Change: Sendable, Hashable {
    /// It has risen so fast since this moment.
    case began(since: Moment)
    case over
  }

  /// What a restart must know; whether it is raised is the book's.
  struct Memory: Sendable, Hashable, Codable {
    var window: TrendWindow.Memory?
    var calmSince: MonotonicTime?
  }

  /// At least so much of all slopes between two slots must rise: seven in ten.
  private static let leastRising = 0.7
  /// A calm is worth remembering once it has lasted this long.
  private static let holdWorthSaving = TimeSpan.seconds(60)

  let rule: FloodRule.Rise
  private let hold: TimeSpan
  /// While the alert comes and goes, it is over only after this long.
  var leastHold = TimeSpan.zero
  private var window: TrendWindow
  private(set) var isRaised = false
  private var calmSince: MonotonicTime?
  private var isHoldSaved = false
  /// Whether something changed that must outlive a power cut.
  private(set) var needsSaving = false

  init(_ rule: FloodRule.Rise, hold: TimeSpan) {
    self.rule = rule
    self.hold = hold
    window = TrendWindow(span: rule.within, longest: rule.within * 2)
  }

  /// How much the water rises in `within`; nil while nobody can say.
  var amount: Measure? {
    window.slope.flatMap { Measure(rounding: $0.median * rule.within.seconds, for: .waterLevel) }
  }

  /// Metres an hour over the rule's window.
  var perHour: Measure? { window.slope?.perHour }

  /// Takes one believable reading.
  mutating func take(_ value: Measure, at moment: Moment) -> Change? {
    guard window.add(value, at: moment.monotonic), let slope = window.slope, let amount else { return nil }
    if !isRaised {
      guard amount >= rule.by, slope.rising >= Self.leastRising else { return nil }
      isRaised = true
      calmSince = nil
      let covered = TimeSpan(nanoseconds: Int64(slope.seconds * 1e9))
      return .began(since: moment.advanced(by: .zero - covered))
    }
    guard amount.thousandths * 2 < rule.by.thousandths else {
      calmSince = nil
      if isHoldSaved { needsSaving = true }
      return nil
    }
    let since = calmSince ?? moment.monotonic
    calmSince = since
    guard moment.monotonic - since >= max(hold, leastHold) else {
      if !isHoldSaved, moment.monotonic - since >= Self.holdWorthSaving { needsSaving = true }
      return nil
    }
    isRaised = false
    calmSince = nil
    needsSaving = isHoldSaved
    return .over
  }

  /// What was measured so far has nothing to do with what will be: the sensor failed.
  mutating func forget() {
    window.forget()
    calmSince = nil
    if isHoldSaved { needsSaving = true }
  }

  /// What is written while it goes on: the hold, not every slot.
  mutating func save() -> Memory {
    needsSaving = false
    isHoldSaved = calmSince != nil
    return Memory(window: nil, calmSince: calmSince)
  }

  var memory: Memory { Memory(window: window.memory, calmSince: calmSince) }

  mutating func restore(_ remembered: Memory, isRaised: Bool, shift: (MonotonicTime) -> MonotonicTime) {
    self.isRaised = isRaised
    if let slots = remembered.window { window.restore(slots, shift: shift) }
    calmSince = isRaised ? remembered.calmSince.map(shift) : nil
    isHoldSaved = calmSince != nil
  }

  mutating func restore(isRaised: Bool) {
    self.isRaised = isRaised
  }
}
