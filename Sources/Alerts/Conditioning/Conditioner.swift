import Observations

/// What stands between a measuring sensor's readings and the detectors: plausibility and filters.
struct Conditioner: Sendable {
  /// What came of one reading.
  enum Verdict: Sendable, Equatable {
    case accepted(Measure)
    case rejected(FaultCause)
  }

  /// What a clean stop remembers.
  struct Memory: Sendable, Hashable, Codable {
    var stages: [FilterChain.Stage]
    var rate: RateGuard.Memory?
    var stillness: StillnessWatch.Memory?
    /// Older records do not have it.
    var noise: NoiseWatch.Memory?
    var rejected: [Rejection]
    var hasNews: Bool
    var isTimedOut: Bool
    var heardAt: MonotonicTime?
    var beatAt: MonotonicTime?
    var contradictsSince: MonotonicTime?
    var overruledBy: Measure?
  }

  /// How many readings were rejected for one cause.
  struct Rejection: Sendable, Hashable, Codable {
    var cause: FaultCause
    var count: UInt64
  }

  private let quantity: Quantity
  private let range: ClosedRange<Measure>?
  private var chain: FilterChain
  private var rate: RateGuard?
  private var stillness: StillnessWatch?
  private var noise: NoiseWatch?
  /// In the order in which the causes first came; there are only as many as this room has words for.
  private(set) var rejected: [Rejection] = []
  /// Whether a value passed every filter since the last one was published.
  private var hasNews = false
  /// No plausible reading came for as long as the filter `timeout` says.
  private(set) var isTimedOut = false
  private var heardAt: MonotonicTime?
  private var beatAt: MonotonicTime?
  /// Since when the other sensor of an agreement has said something else.
  var contradictsSince: MonotonicTime?
  /// The other sensor's word, where it counts instead of this one's.
  var overruledBy: Measure?

  init(_ plan: SensorPlan) {
    quantity = plan.quantity
    range = plan.range
    chain = FilterChain(plan.conditioning.filters, quantity: plan.quantity)
    rate = plan.conditioning.maxRate.map { RateGuard($0) }
    noise = plan.conditioning.maxNoise.map { NoiseWatch($0) }
    stillness = plan.conditioning.stuckAfter.map {
      StillnessWatch(
        stuckAfter: $0, isOnlyAboveLevels: plan.conditioning.isStuckOnlyAboveLevels, quantity: plan.quantity)
    }
  }

  /// Judges one reading and makes of it what the detectors see.
  ///
  /// - Parameters:
  ///   - raw: what the driver said.
  ///   - isHigh: whether a value stands for a flood.
  ///   - other: what the other sensor of an agreement says.
  mutating func take(
    _ raw: Measure, at time: MonotonicTime, isHigh: (Measure) -> Bool, other: (value: Measure, within: Measure)?
  ) -> Verdict {
    guard case .shaped(let measured, _) = chain.measured(raw.value) else { return reject(.filteredOut) }
    guard let level = chain.isEmpty ? raw : Measure(rounding: measured, for: quantity) else {
      return reject(.outOfRange)
    }
    if let range, !range.contains(level) { return reject(.outOfRange) }
    if let rate = rate?.accepts(level, at: time), !rate { return reject(.implausibleRate) }
    if let isStuck = stillness?.isStuck(level, at: time, isHigh: isHigh(level), other: other), isStuck {
      return reject(.stuck)
    }
    noise?.take(level, at: time)
    guard !chain.isEmpty else { return .accepted(raw) }
    switch chain.shape(measured, at: time) {
    case .rejected(let cause): return reject(cause)
    case .shaped(let value, let isPassed):
      guard let result = Measure(rounding: value, for: quantity) else { return reject(.outOfRange) }
      if let range, !range.contains(result) { return reject(.outOfRange) }
      if isPassed { hasNews = true }
      isTimedOut = false
      heardAt = time
      if let heartbeat = chain.heartbeat, beatAt == nil { beatAt = time + heartbeat }
      return .accepted(result)
    }
  }

  /// Whether the readings jump about.
  var isNoisy: Bool { noise?.isNoisy ?? false }

  private mutating func reject(_ cause: FaultCause) -> Verdict {
    count(cause)
    return .rejected(cause)
  }

  /// Notes that a reading was not taken at its word.
  mutating func count(_ cause: FaultCause) {
    if let index = rejected.firstIndex(where: { $0.cause == cause }) {
      rejected[index].count &+= 1
    } else {
      rejected.append(Rejection(cause: cause, count: 1))
    }
  }

  /// Whether the filters have an opinion about publishing the value, and which.
  var publishing: ObservationReporter.Gate {
    guard chain.isGating else { return .none }
    return hasNews ? .open(ignoresDeadBand: chain.hasDelta) : .closed
  }

  /// The value was published.
  mutating func published() {
    hasNews = false
  }

  /// The sensor became faulty: what it said before does not belong to what it will say.
  mutating func restart() {
    chain.restart()
    hasNews = false
    beatAt = nil
  }

  mutating func assumeStuck(at time: MonotonicTime) {
    stillness?.assumeStuck(at: time)
  }

  // MARK: Time

  /// When time alone changes something.
  var deadline: MonotonicTime? {
    guard let timeoutAt else { return beatAt }
    return beatAt.map { min($0, timeoutAt) } ?? timeoutAt
  }

  private var timeoutAt: MonotonicTime? {
    guard let timeout = chain.timeout, let heardAt, !isTimedOut else { return nil }
    return heardAt + timeout
  }

  /// Lets time pass. Returns whether what is published has to be said again: there is no value any more, or the
  /// heartbeat is due.
  mutating func wake(at time: MonotonicTime) -> Bool {
    var isDue = false
    if let timeoutAt, timeoutAt <= time {
      restart()
      isTimedOut = true
      isDue = true
    }
    if let due = beatAt, let heartbeat = chain.heartbeat, due <= time {
      beatAt = due + heartbeat
      isDue = true
    }
    return isDue
  }

  // MARK: Memory

  /// Nil where nothing is worth remembering.
  var memory: Memory? {
    guard
      !chain.isEmpty || rate != nil || stillness != nil || noise != nil || !rejected.isEmpty || contradictsSince != nil
    else {
      return nil
    }
    return Memory(
      stages: chain.stages, rate: rate?.memory, stillness: stillness?.memory, noise: noise?.memory,
      rejected: rejected, hasNews: hasNews,
      isTimedOut: isTimedOut, heardAt: heardAt, beatAt: beatAt, contradictsSince: contradictsSince,
      overruledBy: overruledBy)
  }

  mutating func restore(_ memory: Memory, shift: (MonotonicTime) -> MonotonicTime) {
    chain.restore(memory.stages, shift: shift)
    if let remembered = memory.rate { rate?.restore(remembered, shift: shift) }
    if let remembered = memory.stillness { stillness?.restore(remembered, shift: shift) }
    if let remembered = memory.noise { noise?.restore(remembered, shift: shift) }
    rejected = memory.rejected
    hasNews = memory.hasNews
    isTimedOut = memory.isTimedOut
    if !chain.isEmpty { heardAt = memory.heardAt.map(shift) }
    if chain.heartbeat != nil { beatAt = memory.beatAt.map(shift) }
    contradictsSince = memory.contradictsSince.map(shift)
    overruledBy = memory.overruledBy
  }
}
