import Observations

/// Judges whether tips come no faster than a bucket can.
///
/// Over any time no more tips are believed than the highest rate allows; a single tip may come up to half an interval
/// early, because neither a bucket nor a kernel's clock is exact. A contact that goes on rattling faster than that for
/// a second is not believed at all until it has rested: what it lets through would be rain that never fell.
struct TipRate: Sendable {
  /// What to make of a tip.
  enum Verdict: Sendable {
    case believed
    /// Too soon after another: the bounce of one that was counted.
    case tooSoon
    /// The contact has rattled for long: nothing that it says is believed.
    case rattling
  }

  /// So long may it rattle before it is not believed at all, and so long must pass between two rejections to be two
  /// matters.
  static let patience = TimeSpan.seconds(1)
  /// So long must it rest to be believed again.
  static let rest = TimeSpan.seconds(5)

  /// From one tip to the next at the highest rate; zero believes each.
  private let interval: TimeSpan
  private var expected: MonotonicTime?
  private var lastTip: MonotonicTime?
  private var lastRejected: MonotonicTime?
  private var rattlesSince: MonotonicTime?
  private var isRattling = false

  init(interval: TimeSpan) {
    self.interval = interval
  }

  mutating func judge(_ time: MonotonicTime) -> Verdict {
    guard interval > .zero else { return .believed }
    if let lastTip, time - lastTip >= max(Self.rest, interval) {
      isRattling = false
      rattlesSince = nil
    }
    if let lastRejected, time - lastRejected > max(Self.patience, interval), !isRattling { rattlesSince = nil }
    lastTip = time
    let isTooSoon = expected.map { time < $0 + TimeSpan(nanoseconds: -interval.nanoseconds / 2) } ?? false
    guard isTooSoon || isRattling else {
      expected = max(time, expected ?? time) + interval
      return .believed
    }
    lastRejected = time
    let since = rattlesSince ?? time
    rattlesSince = since
    if time - since >= max(Self.patience, interval) { isRattling = true }
    return isRattling ? .rattling : .tooSoon
  }

  /// Whether the contact has rattled and not yet rested.
  func isRattling(at time: MonotonicTime) -> Bool {
    guard isRattling, let lastTip else { return false }
    return time - lastTip < max(Self.rest, interval)
  }

  /// The line was lost: nothing is known of the last tip.
  mutating func forget() {
    self = TipRate(interval: interval)
  }
}
