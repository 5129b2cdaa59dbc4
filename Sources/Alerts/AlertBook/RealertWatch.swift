import Observations

/// Keeps back an alert that would be raised again a moment after its end, until the interval is over: then it is raised
/// by the first reading that says so. A higher step, whatever is severe and whatever an output sounds for is never kept
/// back.
struct RealertWatch: Sendable {
  /// An alert's end.
  struct Ended: Sendable, Hashable, Codable {
    var kind: AlertKind
    /// The highest level that it told of; 0 for what has no steps.
    var level: Int
    /// Nil while the alert is active.
    var at: MonotonicTime?
  }

  /// What would have been raised.
  struct Held: Sendable, Hashable, Codable {
    var kind: AlertKind
    var step: LadderStep?
    var onset: Moment
    var due: MonotonicTime
  }

  /// What a restart must know.
  struct Memory: Sendable, Hashable, Codable {
    var ended: [Ended] = []
    var held: [Held] = []
  }

  var interval: TimeSpan
  private(set) var memory = Memory()

  init(interval: TimeSpan) {
    self.interval = interval
  }

  /// When the interval of what is held is over; it may be long since.
  var due: MonotonicTime? { memory.held.map(\.due).min() }

  func held(_ kind: AlertKind) -> Held? { memory.held.first { $0.kind == kind } }

  /// Until when an alert of this kind is kept back; nil: it is told now.
  func waits(_ kind: AlertKind, level: Int, at time: MonotonicTime) -> MonotonicTime? {
    guard interval > .zero, let ended = memory.ended.first(where: { $0.kind == kind }), let end = ended.at,
      level <= ended.level, time - end < interval
    else { return nil }
    return end + interval
  }

  /// It would be raised, and waits.
  mutating func hold(_ kind: AlertKind, step: LadderStep?, onset: Moment, until due: MonotonicTime) {
    if let index = memory.held.firstIndex(where: { $0.kind == kind }) {
      memory.held[index].step = step
    } else {
      memory.held.append(Held(kind: kind, step: step, onset: onset, due: due))
    }
  }

  mutating func drop(_ kind: AlertKind) {
    memory.held.removeAll { $0.kind == kind }
  }

  /// What is held of this kind, if its interval is over at `time`; it waits no longer.
  mutating func takeDue(_ kind: AlertKind, at time: MonotonicTime) -> Held? {
    guard let index = memory.held.firstIndex(where: { $0.kind == kind && $0.due <= time }) else { return nil }
    return memory.held.remove(at: index)
  }

  /// An alert tells of this level.
  mutating func told(_ kind: AlertKind, level: Int) {
    drop(kind)
    if let index = memory.ended.firstIndex(where: { $0.kind == kind }) {
      let isSameAlert = memory.ended[index].at == nil
      memory.ended[index].level = isSameAlert ? max(memory.ended[index].level, level) : level
      memory.ended[index].at = nil
    } else {
      memory.ended.append(Ended(kind: kind, level: level, at: nil))
    }
  }

  /// It is over. `isMeasured`: because what was measured is.
  mutating func over(_ kind: AlertKind, isMeasured: Bool, at time: MonotonicTime) {
    guard let index = memory.ended.firstIndex(where: { $0.kind == kind }) else { return }
    if isMeasured { memory.ended[index].at = time } else { memory.ended.remove(at: index) }
  }

  mutating func restore(_ remembered: Memory, shift: (MonotonicTime) -> MonotonicTime) {
    memory = remembered
    for index in memory.ended.indices { memory.ended[index].at = memory.ended[index].at.map(shift) }
    for index in memory.held.indices {
      memory.held[index].due = shift(memory.held[index].due)
      let onset = memory.held[index].onset
      memory.held[index].onset = Moment(monotonic: shift(onset.monotonic), wall: onset.wall, clock: onset.clock)
    }
  }
}
