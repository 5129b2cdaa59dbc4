import Observations

/// Tells water from waves, birds and driftwood by how fast the reading changes.
///
/// It is never deaf for ever: readings that went too far but agree with each other are a real step, and what is allowed
/// grows with the time since the last plausible reading.
struct RateGuard: Sendable {
  /// So many readings at least must agree with each other.
  static let readingsToConfirm = 3

  /// What a restart must know.
  struct Memory: Sendable, Hashable, Codable {
    var last: Measure?
    var lastAt: MonotonicTime?
    /// The newest of the readings that went too far and agree with each other.
    var candidate: Measure?
    var candidateAt: MonotonicTime?
    var candidateSince: MonotonicTime?
    var candidateCount = 0
  }

  private let rule: ConditioningPlan.MaxRate
  private(set) var memory = Memory()

  init(_ rule: ConditioningPlan.MaxRate) {
    self.rule = rule
  }

  /// Whether the reading is plausible.
  mutating func accepts(_ value: Measure, at time: MonotonicTime) -> Bool {
    guard let last = memory.last, let lastAt = memory.lastAt, !isReachable(value, from: last, in: time - lastAt) else {
      accept(value, at: time)
      return true
    }
    if let candidate = memory.candidate, let candidateAt = memory.candidateAt,
      isReachable(value, from: candidate, in: time - candidateAt)
    {
      memory.candidateCount = min(memory.candidateCount, .max - 1) + 1
    } else {
      memory.candidateSince = time
      memory.candidateCount = 1
    }
    memory.candidate = value
    memory.candidateAt = time
    guard let since = memory.candidateSince, memory.candidateCount >= Self.readingsToConfirm,
      time - since >= rule.confirm
    else { return false }
    accept(value, at: time)
    return true
  }

  private mutating func accept(_ value: Measure, at time: MonotonicTime) {
    memory = Memory(last: value, lastAt: time)
  }

  /// Whether water can go from one value to the other in this time.
  private func isReachable(_ value: Measure, from start: Measure, in elapsed: TimeSpan) -> Bool {
    let within = max(rule.within.nanoseconds, 1)
    let spans = max((max(elapsed.nanoseconds, 0) - 1) / within + 1, 1)
    let allowed = rule.by.thousandths.magnitude.multipliedReportingOverflow(by: UInt64(spans))
    return allowed.overflow || (value - start).thousandths.magnitude <= allowed.partialValue
  }

  mutating func restore(_ remembered: Memory, shift: (MonotonicTime) -> MonotonicTime) {
    memory = remembered
    memory.lastAt = remembered.lastAt.map(shift)
    memory.candidateAt = remembered.candidateAt.map(shift)
    memory.candidateSince = remembered.candidateSince.map(shift)
  }
}
