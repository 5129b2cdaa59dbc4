import Observations

/// Which of a gauge's configured amounts are in force.
///
/// An amount comes into force when the rolling sum of its window reaches it, and leaves when the sum is below it and it
/// was in force for its `suppress` time: so it is said once in that time. All amounts of a gauge are one alert, whose
/// severity is that of the worst.
struct RainAmounts: Sendable {
  /// What changed at one moment.
  struct Change: Sendable, Hashable {
    /// The worst of those that came into force just now.
    var reached: Int?
    /// The worst that is in force now; nil: none.
    var worst: Int?
    var worstBefore: Int?
  }

  /// What a restart must know of an amount in force.
  struct Memory: Sendable, Hashable, Codable {
    var amount: Measure
    var within: TimeSpan
    var since: MonotonicTime
    var belowSince: MonotonicTime?
  }

  private struct InForce: Sendable {
    var since: MonotonicTime
    /// Since when the sum is below it, if it is.
    var belowSince: MonotonicTime?
  }

  let amounts: [RainRule.Amount]
  /// Tips that make each amount.
  private let tips: [UInt64]
  /// Each that is in force.
  private var inForce: [InForce?]
  /// While the alert comes and goes each stays in force for so long after the sum fell below it.
  var leastHold = TimeSpan.zero

  init(_ amounts: [RainRule.Amount], tip: Measure) {
    self.amounts = amounts
    let size = max(tip.thousandths, 1)
    tips = amounts.map { UInt64(max(($0.amount.thousandths + size - 1) / size, 1)) }
    inForce = Array(repeating: nil, count: amounts.count)
  }

  /// The worst amount in force: by severity, then the later in the text.
  var worst: Int? {
    amounts.indices.filter { inForce[$0] != nil }.max { amounts[$0].severity < amounts[$1].severity }
  }

  var isInForce: Bool { inForce.contains { $0 != nil } }

  /// When the last amount leaves, if every one in force is below its sum and only waits; nil while one is reached, or none
  /// is in force.
  var waitsUntil: MonotonicTime? {
    var latest: MonotonicTime?
    for (index, state) in inForce.enumerated() {
      guard let state else { continue }
      guard let below = state.belowSince else { return nil }
      let end = max(state.since + amounts[index].suppress, below + leastHold)
      latest = latest.map { max($0, end) } ?? end
    }
    return latest
  }

  /// Looks at every sum as it is at `time`. Nil: nothing changed.
  mutating func judge(_ history: RainHistory, at time: MonotonicTime) -> Change? {
    let before = worst
    var reached: Int?
    var hasChanged = false
    for index in amounts.indices {
      let isReached = history.tips(within: amounts[index].within, at: time) >= tips[index]
      if let state = inForce[index] {
        let below = isReached ? nil : state.belowSince ?? time
        inForce[index]?.belowSince = below
        guard let below, time - state.since >= amounts[index].suppress, time - below >= leastHold else { continue }
        inForce[index] = nil
        hasChanged = true
      } else if isReached {
        inForce[index] = InForce(since: time)
        hasChanged = true
        if reached.map({ amounts[$0].severity <= amounts[index].severity }) ?? true { reached = index }
      }
    }
    guard hasChanged else { return nil }
    return Change(reached: reached, worst: worst, worstBefore: before)
  }

  /// When an amount leaves, if it does not rain any more.
  func deadline(_ history: RainHistory, at time: MonotonicTime) -> MonotonicTime? {
    var earliest: MonotonicTime?
    for (index, state) in inForce.enumerated() {
      guard let state else { continue }
      let suppressed = state.since + amounts[index].suppress
      let due: MonotonicTime
      if let below = state.belowSince {
        due = max(suppressed, below + leastHold)
      } else {
        due = history.time(whenFewerThan: tips[index], within: amounts[index].within, at: time) ?? suppressed
      }
      earliest = earliest.map { min($0, due) } ?? due
    }
    return earliest
  }

  var memory: [Memory] {
    amounts.indices.compactMap { index in
      inForce[index].map { state in
        Memory(
          amount: amounts[index].amount, within: amounts[index].within, since: state.since,
          belowSince: state.belowSince)
      }
    }
  }

  mutating func restore(_ remembered: [Memory], shift: (MonotonicTime) -> MonotonicTime) {
    for memory in remembered {
      let found = amounts.firstIndex { $0.amount == memory.amount && $0.within == memory.within }
      if let found { inForce[found] = InForce(since: shift(memory.since), belowSince: memory.belowSince.map(shift)) }
    }
  }
}
