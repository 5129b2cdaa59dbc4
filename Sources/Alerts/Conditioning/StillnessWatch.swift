import Observations

/// Tells a sensor that hangs from water that stands still.
///
/// The same value for `stuck_after`, but for a few millimetres of the last digits, is a fault where it cannot be: at or
/// above the lowest flood level, because a flood moves; while the other sensor of an agreement moved; or, where
/// `stuck_after` is configured, after readings that never stood still for so long. Still water below every level, read by
/// a coarse sensor, is none.
struct StillnessWatch: Sendable {
  /// A value that was seen fewer times has hardly been looked at.
  static let fewestReadings = 5
  /// After so many changes in a row, each within a sixth of `stuck_after`, the sensor is known to be restless.
  static let changesOfARestlessSensor = 20
  static let partOfStuckAfter: Int64 = 6
  /// What a converter's last digits do while nothing moves.
  static let band = Measure(thousandths: 5)

  /// What a restart must know.
  struct Memory: Sendable, Hashable, Codable {
    var value: Measure?
    /// How far it went from `value` since; absent in what an older version left behind.
    var lowest: Measure?
    var highest: Measure?
    var since: MonotonicTime?
    /// The last reading; absent in what an older version left behind.
    var lastAt: MonotonicTime?
    var readings = 0
    var quickChanges = 0
    /// The lowest and highest value of the other sensor since `since`.
    var otherLowest: Measure?
    var otherHighest: Measure?
    var isStuck = false
  }

  private let stuckAfter: TimeSpan
  private let isOnlyAboveLevels: Bool
  private let band: Measure
  private(set) var memory = Memory()

  /// - Parameters:
  ///   - isOnlyAboveLevels: whether a sensor below every level never hangs, however restless it was.
  ///   - quantity: the band is for levels; anything else hangs at one value.
  init(stuckAfter: TimeSpan, isOnlyAboveLevels: Bool = false, quantity: Quantity) {
    self.stuckAfter = stuckAfter
    self.isOnlyAboveLevels = isOnlyAboveLevels
    band = quantity == .waterLevel ? Self.band : Measure(thousandths: 0)
  }

  /// Whether the sensor hangs.
  ///
  /// - Parameters:
  ///   - value: what the sensor measures, before it is smoothed.
  ///   - isHigh: whether it stands for a flood.
  ///   - other: what the other sensor of an agreement says, and how far it may go without having moved.
  mutating func isStuck(
    _ value: Measure, at time: MonotonicTime, isHigh: Bool, other: (value: Measure, within: Measure)?
  ) -> Bool {
    defer { memory.lastAt = time }
    // What nobody heard for half of the time may have moved meanwhile; a line that fails for a moment hides nothing.
    let isGap = memory.lastAt.map { (time - $0).nanoseconds > stuckAfter.nanoseconds / 2 } ?? false
    let lowest = min(memory.lowest ?? memory.value ?? value, value)
    let highest = max(memory.highest ?? memory.value ?? value, value)
    guard let since = memory.since, highest - lowest <= band, !isGap || memory.isStuck else {
      begin(value, at: time, other: other?.value)
      return false
    }
    memory.value = value
    (memory.lowest, memory.highest) = (lowest, highest)
    memory.readings = min(memory.readings, .max - 1) + 1
    if let other {
      memory.otherLowest = min(memory.otherLowest ?? other.value, other.value)
      memory.otherHighest = max(memory.otherHighest ?? other.value, other.value)
    }
    if memory.isStuck { return true }
    guard time - since >= stuckAfter, memory.readings >= Self.fewestReadings else { return false }
    var hasOtherMoved = false
    if let other, let otherLowest = memory.otherLowest, let otherHighest = memory.otherHighest {
      hasOtherMoved = otherHighest - otherLowest > other.within
    }
    let wasRestless = !isOnlyAboveLevels && memory.quickChanges >= Self.changesOfARestlessSensor
    memory.isStuck = isHigh || hasOtherMoved || wasRestless
    return memory.isStuck
  }

  private mutating func begin(_ value: Measure, at time: MonotonicTime, other: Measure?) {
    var quickChanges = 0
    if let since = memory.since, (time - since) < TimeSpan(nanoseconds: stuckAfter.nanoseconds / Self.partOfStuckAfter)
    {
      quickChanges = min(memory.quickChanges + 1, Self.changesOfARestlessSensor)
    }
    memory = Memory(
      value: value, since: time, readings: 1, quickChanges: quickChanges, otherLowest: other, otherHighest: other)
  }

  /// An earlier run said that it hangs and left nothing else behind: it does until it says a second value.
  mutating func assumeStuck(at time: MonotonicTime) {
    memory = Memory(value: nil, since: time, isStuck: true)
  }

  mutating func restore(_ remembered: Memory, shift: (MonotonicTime) -> MonotonicTime) {
    memory = remembered
    memory.since = remembered.since.map(shift)
    memory.lastAt = remembered.lastAt.map(shift)
  }
}
