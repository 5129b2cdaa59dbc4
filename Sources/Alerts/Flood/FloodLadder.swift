import Observations

/// The level ladder of one gauge: which step the water stands at.
///
/// It sees believable readings and nothing else: silence and lost answers change no step. But they prove nothing either: a
/// gap between two readings that is longer than the sensor may be silent, and a value that cannot be believed, break what
/// was being confirmed or held.
struct FloodLadder: Sendable {
  /// From which step to which; nil is below the lowest.
  struct Change: Sendable, Hashable {
    var from: LadderStep?
    var to: LadderStep?
    /// The first reading of those that confirmed `to`, when it rises.
    var onset: Moment
  }

  private struct Rung: Sendable {
    let step: LadderStep
    let threshold: Measure
    let releaseBelow: Measure
    /// Readings in a row at or above the threshold.
    var reached: Int32 = 0
    var reachedSince: Moment?
    /// Since when every reading is below `releaseBelow`.
    var belowSince: MonotonicTime?
  }

  /// A hold is saved when it begins and while it goes on, but not more often than this: waves would write at every reading
  /// otherwise.
  private static let holdSpacing = TimeSpan.seconds(60)

  let rule: FloodRule
  /// Readings further apart than this have nothing to do with each other; nil: however far.
  private let longestGap: TimeSpan?
  private var lastAt: MonotonicTime?
  private var holdSavedAt: MonotonicTime?
  private var rungs: [Rung]
  /// The rung that the water stands at; -1 is below the lowest.
  private var current = -1
  private var isHoldSaved = false
  /// While the alert comes and goes a step is left only after so long.
  var leastHold = TimeSpan.zero
  /// Whether something changed that must outlive a restart.
  private(set) var needsSaving = false

  /// - Parameter longestGap: how long the sensor may be silent.
  init(_ rule: FloodRule, longestGap: TimeSpan? = nil) {
    self.rule = rule
    self.longestGap = longestGap
    rungs = rule.levels.map {
      Rung(step: $0.step, threshold: $0.threshold, releaseBelow: $0.threshold - rule.releaseMargin)
    }
  }

  var step: LadderStep? { current < 0 ? nil : rungs[current].step }

  /// The threshold of `step`, or of the lowest step for nil.
  func threshold(of step: LadderStep?) -> Measure? {
    guard let step else { return rungs.first?.threshold }
    return rungs.first { $0.step == step }?.threshold
  }

  /// The step above the one that the water stands at.
  var next: FloodRule.Level? { current + 1 < rule.levels.count ? rule.levels[current + 1] : nil }

  var lowestStep: LadderStep? { rungs.first?.step }
  var lowestThreshold: Measure? { rungs.first?.threshold }

  /// Whether a reading at `time` comes so long after the last one that nobody knows what the water did meanwhile.
  func isGap(before time: MonotonicTime) -> Bool {
    guard let lastAt, let longestGap else { return false }
    return time - lastAt > longestGap
  }

  /// Takes one believable reading. Returns the change of step, if it causes one.
  mutating func take(_ value: Measure, at moment: Moment) -> Change? {
    if isGap(before: moment.monotonic) { disbelieve() }
    lastAt = moment.monotonic
    var next = -1
    for index in rungs.indices {
      if value >= rungs[index].threshold {
        if rungs[index].reached == 0 { rungs[index].reachedSince = moment }
        rungs[index].reached = min(rungs[index].reached, .max - 1) + 1
        rungs[index].belowSince = nil
        if index <= current || isConfirmed(index, at: moment.monotonic) { next = index }
      } else {
        rungs[index].reached = 0
        if value >= rungs[index].releaseBelow {
          rungs[index].belowSince = nil
        } else if rungs[index].belowSince == nil {
          rungs[index].belowSince = moment.monotonic
        }
        if index <= current, !isReleased(index, at: moment.monotonic) { next = index }
      }
    }
    guard next == current else { return move(to: next, at: moment) }
    noteHold(at: moment.monotonic)
    return nil
  }

  /// A reading came that cannot be believed, or none for too long.
  mutating func disbelieve() {
    for index in rungs.indices {
      rungs[index].reached = 0
      rungs[index].belowSince = nil
    }
    if isHoldSaved { needsSaving = true }
  }

  /// The step is given up without a reading below it: what is reached is confirmed anew.
  mutating func leave() {
    current = -1
    disbelieve()
  }

  private func isConfirmed(_ index: Int, at time: MonotonicTime) -> Bool {
    switch rule.confirm {
    case .readings(let count): return Int(rungs[index].reached) >= count
    case .duration(let span):
      guard let since = rungs[index].reachedSince else { return false }
      return time - since.monotonic >= span
    }
  }

  private func isReleased(_ index: Int, at time: MonotonicTime) -> Bool {
    guard let since = rungs[index].belowSince else { return false }
    return time - since >= max(rule.releaseHold, leastHold)
  }

  private mutating func move(to next: Int, at moment: Moment) -> Change {
    let from = step
    let onset = next > current ? rungs[next].reachedSince ?? moment : moment
    current = next
    needsSaving = true
    return Change(from: from, to: step, onset: onset)
  }

  private mutating func noteHold(at time: MonotonicTime) {
    guard current >= 0 else { return }
    guard rungs[current].belowSince != nil else {
      if isHoldSaved { needsSaving = true }
      return
    }
    if holdSavedAt.map({ time - $0 >= Self.holdSpacing }) ?? true { needsSaving = true }
  }
}

/// What a restart must know of a ladder. The step itself is the active alert's.
struct FloodMemory: Sendable, Hashable, Codable {
  struct Rung: Sendable, Hashable, Codable {
    var step: LadderStep
    var reached: Int32
    var reachedSince: Moment?
    var belowSince: MonotonicTime?
  }

  var rungs: [Rung]
  /// The last reading; absent in what an older version left behind.
  var lastAt: MonotonicTime?
}

extension FloodLadder {
  /// What to save; nothing more needs saving then.
  mutating func save() -> FloodMemory {
    needsSaving = false
    isHoldSaved = current >= 0 && rungs[current].belowSince != nil
    if isHoldSaved { holdSavedAt = lastAt }
    var memory = memory
    // What is being confirmed changes with every reading and is not saved each time: better none than an old count.
    for index in memory.rungs.indices {
      memory.rungs[index].reached = 0
      memory.rungs[index].reachedSince = nil
    }
    return memory
  }

  var memory: FloodMemory {
    FloodMemory(
      rungs: rungs.map {
        FloodMemory.Rung(
          step: $0.step, reached: $0.reached, reachedSince: $0.reached > 0 ? $0.reachedSince : nil,
          belowSince: $0.belowSince)
      }, lastAt: lastAt)
  }

  /// Takes up what is remembered of the steps that are still configured.
  ///
  /// - Parameter isExact: whether it was saved as the earlier run stopped. Else a hold may have gone on until the next
  ///   time it would have been saved.
  mutating func restore(_ memory: FloodMemory, savedAt: Moment, shift: TimeShift, isExact: Bool) {
    lastAt = memory.lastAt.map {
      let last = shift.throughPause($0, savedAt: savedAt)
      return isExact ? last : min(last + Self.holdSpacing, shift.now.monotonic)
    }
    for saved in memory.rungs {
      guard let index = rungs.firstIndex(where: { $0.step == saved.step }) else { continue }
      rungs[index].reached = saved.reached
      rungs[index].reachedSince = saved.reachedSince.map {
        Moment(monotonic: shift.throughPause($0.monotonic, savedAt: savedAt), wall: $0.wall, clock: $0.clock)
      }
      rungs[index].belowSince = saved.belowSince.map { shift.throughPause($0, savedAt: savedAt) }
    }
    isHoldSaved = current >= 0 && rungs[current].belowSince != nil
  }

  /// Takes the step of the active alert, or the highest below it that is still configured. Returns whether there is one.
  mutating func restore(step: LadderStep) -> Bool {
    current = rungs.lastIndex { $0.step <= step } ?? -1
    return current >= 0
  }
}
