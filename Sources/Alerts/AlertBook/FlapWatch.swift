import Observations

/// Notices a source whose alerts come and go, such as a gauge whose water stands at a threshold.
///
/// Nothing is ever held back because of it: a rise that is confirmed is told each time. But from the third rise to the
/// same step on (or the one that the configuration says) the source is unstable, which is told once, and then a step is
/// left only after a long calm. So a source flickers at most three times, whatever it does.
struct FlapWatch: Sendable {
  /// So many rises to the same step make a source unstable unless the configuration says otherwise…
  static let usualRises = 3
  /// …within this time.
  static let span = TimeSpan.hours(2)
  /// While a source is unstable what it raised is released no sooner than after so long below the release.
  static let longHold = TimeSpan.minutes(30)

  struct Rise: Sendable, Hashable, Codable {
    var kind: AlertKind
    /// The level of the step that was reached; 0 for what has no steps.
    var level: Int
    var at: MonotonicTime
  }

  /// Nil: never unstable.
  private let limit: Int?
  private(set) var rises: [Rise] = []
  /// Whether the alert `unstable` is active.
  private(set) var isUnstable = false

  init(unstableAfter limit: Int? = usualRises) {
    self.limit = limit
  }

  /// Something was raised, or rose over these levels. Returns whether the source is unstable from now on.
  mutating func rose(_ kind: AlertKind, over levels: ClosedRange<Int>, at time: MonotonicTime) -> Bool {
    guard let limit else { return false }
    rises.removeAll { time - $0.at >= Self.span }
    var isOften = false
    for level in levels {
      rises.append(Rise(kind: kind, level: level, at: time))
      let same = rises.indices.filter { rises[$0].kind == kind && rises[$0].level == level }
      isOften = isOften || same.count >= limit
      // No more of one step are kept than it takes.
      if same.count > limit { rises.remove(at: same[0]) }
    }
    guard isOften, !isUnstable else { return false }
    isUnstable = true
    return true
  }

  /// All that it raised is over.
  mutating func end() {
    self = FlapWatch(unstableAfter: limit)
  }

  /// Goes on from an earlier run; the book says whether the alert is active.
  mutating func restore(_ remembered: [Rise], isUnstable: Bool, shift: (MonotonicTime) -> MonotonicTime) {
    rises = remembered.map { Rise(kind: $0.kind, level: $0.level, at: shift($0.at)) }
    self.isUnstable = isUnstable
  }
}
