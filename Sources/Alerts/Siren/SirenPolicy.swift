import Observations

/// When one output sounds on the board's own decision.
///
/// It sounds from the moment its condition holds until it holds no longer, at most `max_on`. Switched off by `max_on` it
/// stays silent while the same danger goes on: it sounds again only for something new, which is a hazard raised or a
/// step risen since, and not before `cool_down` is over.
struct SirenPolicy: Sendable {
  enum Phase: Sendable, Hashable, Codable {
    case quiet
    case sounding(until: MonotonicTime)
    /// Switched off by `max_on`; `again`: something new happened since.
    case spent(coolUntil: MonotonicTime, again: Bool)
  }

  enum Action: Sendable, Hashable {
    case on(until: MonotonicTime)
    case off(cause: String)
  }

  private let maxOn: TimeSpan
  private let coolDown: TimeSpan
  private(set) var phase = Phase.quiet
  private var heldBefore = false

  init(maxOn: TimeSpan, coolDown: TimeSpan) {
    self.maxOn = maxOn
    self.coolDown = coolDown
  }

  var isSounding: Bool {
    if case .sounding = phase { true } else { false }
  }

  /// When to look again without anything new.
  var deadline: MonotonicTime? {
    switch phase {
    case .quiet: nil
    case .sounding(let until): until
    case .spent(let coolUntil, let again): again ? coolUntil : nil
    }
  }

  /// Takes what is so now.
  ///
  /// - Parameters:
  ///   - holds: whether every required input says danger.
  ///   - isNews: whether a hazard was raised or rose just now.
  mutating func take(holds: Bool, isNews: Bool, at time: MonotonicTime) -> Action? {
    let isNew = isNews || !heldBefore
    heldBefore = holds
    switch phase {
    case .quiet:
      return holds ? sound(at: time) : nil
    case .sounding(let until):
      if !holds {
        phase = .quiet
        return .off(cause: "released")
      }
      guard time >= until else { return nil }
      phase = .spent(coolUntil: until + coolDown, again: false)
      return .off(cause: "max_on")
    case .spent(let coolUntil, let again):
      guard holds else {
        phase = time >= coolUntil ? .quiet : .spent(coolUntil: coolUntil, again: false)
        return nil
      }
      guard again || isNew else { return nil }
      if time >= coolUntil { return sound(at: time) }
      phase = .spent(coolUntil: coolUntil, again: true)
      return nil
    }
  }

  private mutating func sound(at time: MonotonicTime) -> Action {
    phase = .sounding(until: time + maxOn)
    return .on(until: time + maxOn)
  }
}

/// What a restart must know of an output.
struct OutputMemory: Sendable, Hashable, Codable {
  var phase: SirenPolicy.Phase
}

extension SirenPolicy {
  /// Goes on from an earlier run; `holds` is whether the restored alerts still ask for it. What sounded when the
  /// program ended has sounded until it ended: the output is in its safe state, and sounds for what is left of `max_on`.
  mutating func restore(_ memory: OutputMemory, savedAt: Moment, shift: TimeShift, holds: Bool) {
    heldBefore = holds
    switch memory.phase {
    case .quiet: phase = .quiet
    case .sounding(let until): phase = .sounding(until: shift.throughPause(until, savedAt: savedAt))
    case .spent(let coolUntil, let again):
      phase = .spent(coolUntil: shift.throughPause(coolUntil, savedAt: savedAt), again: again)
    }
  }
}
