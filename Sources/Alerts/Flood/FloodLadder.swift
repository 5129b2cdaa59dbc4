import Observations

/// The level ladder of one gauge: which step the water stands at.
///
/// It sees believable readings and nothing else: silence and lost answers change nothing here. A value that cannot be
/// believed breaks what was being confirmed or held.
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

  /// A hold is worth remembering once it has lasted this long: waves would write at every reading otherwise.
  private static let holdWorthSaving = TimeSpan.seconds(60)

  let rule: FloodRule
  private var rungs: [Rung]
  /// The rung that the water stands at; -1 is below the lowest.
  private var current = -1
  private var isHoldSaved = false
  /// Whether something changed that must outlive a restart.
  private(set) var needsSaving = false

  init(_ rule: FloodRule) {
    self.rule = rule
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

  var lowestStep: LadderStep? { rungs.first?.step }

  /// Takes one believable reading. Returns the change of step, if it causes one.
  mutating func take(_ value: Measure, at moment: Moment) -> Change? {
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

  /// A reading came that cannot be believed.
  mutating func disbelieve() {
    for index in rungs.indices {
      rungs[index].reached = 0
      rungs[index].belowSince = nil
    }
    if isHoldSaved { needsSaving = true }
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
    return time - since >= rule.releaseHold
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
    guard let since = rungs[current].belowSince else {
      if isHoldSaved { needsSaving = true }
      return
    }
    if !isHoldSaved, time - since >= Self.holdWorthSaving { needsSaving = true }
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
}

extension FloodLadder {
  /// What to save; nothing more needs saving then.
  mutating func save() -> FloodMemory {
    needsSaving = false
    isHoldSaved = current >= 0 && rungs[current].belowSince != nil
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
      })
  }

  /// Takes up what is remembered of the steps that are still configured.
  mutating func restore(_ memory: FloodMemory, savedAt: Moment, shift: TimeShift) {
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
