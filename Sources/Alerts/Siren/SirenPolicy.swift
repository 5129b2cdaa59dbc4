import Observations

/// When one output sounds on the board's own decision.
///
/// It sounds from the moment its condition holds until it holds no longer, at least `min_on` and at most `max_on`.
/// Switched off by `max_on` it stays silent while the same danger goes on: it sounds again only for something new, which
/// is a hazard raised or a step risen since, and not before `cool_down` is over.
///
/// Silenced, it is off at once and stays off until the silence ends; then it sounds again for a danger that still holds,
/// unless that had its `max_on` already. Something new ends the silence, and sounds. Locked, it never sounds. A drill that
/// sounds too waits for what is real: it neither delays it nor takes of its time, and it never breaks a silence.
struct SirenPolicy: Sendable {
  enum Phase: Sendable, Hashable, Codable {
    case quiet
    case sounding(until: MonotonicTime)
    /// Switched off by `max_on`; `again`: something new happened since.
    case spent(coolUntil: MonotonicTime, again: Bool)
    /// Switched off by a faulty input: it sounds on when that is sound again, for what is left of its time.
    case interrupted(until: MonotonicTime)

    var isSounding: Bool { if case .sounding = self { true } else { false } }
  }

  enum Drill: Sendable, Hashable, Codable {
    case quiet
    case sounding(until: MonotonicTime, mode: AlertMode)
    /// It has sounded, or was stopped; `isOver`: its condition has ended since.
    case spent(coolUntil: MonotonicTime, isOver: Bool)
  }

  enum Action: Sendable, Hashable {
    case on(until: MonotonicTime, cause: String)
    /// Also where it is off already and something else is to be said of it.
    case off(cause: String)
  }

  private let maxOn: TimeSpan
  private let minOn: TimeSpan
  private let coolDown: TimeSpan
  private(set) var phase = Phase.quiet
  private(set) var drill = Drill.quiet
  /// It sounds until then also when its condition is over; what is past says nothing.
  private(set) var atLeastUntil: MonotonicTime?
  /// Nil: it is not silenced.
  private(set) var silencedUntil: MonotonicTime?
  private(set) var isLocked = false
  /// Whether its condition held when nothing faulty stood in between.
  private var heldBefore = false
  /// Whether it held last.
  private var holdsNow = false
  private var isBlockedNow = false

  var isSounding: Bool { phase.isSounding }

  init(maxOn: TimeSpan, minOn: TimeSpan = .zero, coolDown: TimeSpan) {
    self.maxOn = maxOn
    self.minOn = min(minOn, maxOn)
    self.coolDown = coolDown
  }

  /// Whether it may sound at all.
  private var isMuted: Bool { isLocked || silencedUntil != nil }

  /// Whether it goes on sounding at `time`, of which `holds` says whether its condition holds, and `drilled` whether a
  /// drill asks for it; until when at the latest, and why.
  func soundsOn(at time: MonotonicTime, holds: Bool, drilled: AlertMode?) -> (until: MonotonicTime, cause: String)? {
    guard !isMuted else { return nil }
    if case .sounding(let until) = phase, until > time, holds || (atLeastUntil ?? time) > time {
      return (until, "alert")
    }
    if case .sounding(let until, let mode) = drill, until > time, drilled == mode { return (until, mode.rawValue) }
    return nil
  }

  /// When to look again without anything new.
  var deadline: MonotonicTime? {
    guard !isMuted else { return silencedUntil }
    var due: MonotonicTime?
    switch phase {
    case .quiet: break
    case .interrupted(let until): due = until
    case .sounding(let until): due = holdsNow ? until : min(until, atLeastUntil ?? until)
    case .spent(let coolUntil, let again): due = again && !isBlockedNow ? coolUntil : nil
    }
    if case .sounding(let until, _) = drill { due = due.map { min($0, until) } ?? until }
    return due
  }

  /// Takes what is so now.
  ///
  /// - Parameters:
  ///   - holds: whether every required input says danger.
  ///   - isBlocked: they may, and one that is faulty keeps it silent for now. That is not the end of the danger; nor is it
  ///     anything new when the fault is over.
  ///   - isNews: whether a hazard was raised or rose just now.
  mutating func take(holds: Bool, isBlocked: Bool = false, isNews: Bool, at time: MonotonicTime) -> Action? {
    let isNew = isNews || !heldBefore
    if !isBlocked { heldBefore = holds }
    holdsNow = holds
    isBlockedNow = isBlocked
    if case .interrupted(let until) = phase, time >= until {
      phase = .spent(coolUntil: until + coolDown, again: false)
    }
    let isSilenceOver = silencedUntil.map { isNews || $0 <= time } ?? false
    if isSilenceOver { silencedUntil = nil }
    if isMuted {
      if case .spent(let coolUntil, let again) = phase, !isBlocked {
        phase = holds || time < coolUntil ? .spent(coolUntil: coolUntil, again: holds && (again || isNew)) : .quiet
      }
      return isSilenceOver ? .off(cause: "silence_over") : nil
    }
    return decide(holds: holds, isBlocked: isBlocked, isNew: isNew, isNews: isNews, at: time)
      ?? (isSilenceOver ? .off(cause: "silence_over") : nil)
  }

  private mutating func decide(
    holds: Bool, isBlocked: Bool, isNew: Bool, isNews: Bool, at time: MonotonicTime
  ) -> Action? {
    switch phase {
    case .quiet:
      return holds ? sound(at: time) : nil
    case .sounding(let until):
      if !holds, time >= atLeastUntil ?? time {
        phase = .quiet
        if isBlocked {
          phase = time < until ? .interrupted(until: until) : .spent(coolUntil: until + coolDown, again: false)
        }
        return .off(cause: isBlocked ? "input_faulty" : "released")
      }
      guard time >= until else { return nil }
      phase = .spent(coolUntil: until + coolDown, again: false)
      return .off(cause: "max_on")
    case .interrupted(let until):
      if !holds {
        if !isBlocked { phase = .quiet }
        return nil
      }
      phase = .sounding(until: until)
      return .on(until: until, cause: "alert")
    case .spent(let coolUntil, let again):
      if isBlocked {
        phase = .spent(coolUntil: coolUntil, again: again || isNews)
        return nil
      }
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
    atLeastUntil = minOn > .zero ? time + minOn : nil
    return .on(until: time + maxOn, cause: "alert")
  }
}

// MARK: Silence and lock

extension SirenPolicy {
  /// Silences it until `end`, or until something new happens; another end replaces the one before.
  mutating func silence(until end: MonotonicTime, at time: MonotonicTime) -> Action {
    silencedUntil = end
    stop(at: time)
    return .off(cause: "silenced")
  }

  /// The silence is ended before its time; `take` says what follows. False: it was not silenced.
  mutating func endSilence(at time: MonotonicTime) -> Bool {
    guard silencedUntil != nil else { return false }
    silencedUntil = time
    return true
  }

  /// Somebody begins to work at what it depends on, or has ended. Nil: it was so before.
  mutating func lock(_ isLocked: Bool, at time: MonotonicTime) -> Action? {
    guard isLocked != self.isLocked else { return nil }
    self.isLocked = isLocked
    if isLocked { stop(at: time) }
    return .off(cause: isLocked ? "maintenance" : "maintenance_over")
  }

  private mutating func stop(at time: MonotonicTime) {
    switch phase {
    case .sounding, .interrupted: phase = .quiet
    case .quiet, .spent: break
    }
    atLeastUntil = nil
    if case .sounding = drill { drill = .spent(coolUntil: time, isOver: false) }
  }
}

// MARK: Drills

extension SirenPolicy {
  /// Takes whether a drill asks for it to sound, after `take` has seen to what is real.
  mutating func take(drill mode: AlertMode?, at time: MonotonicTime) -> Action? {
    switch drill {
    case .quiet:
      guard let mode else { return nil }
      guard !isMuted, phase == .quiet else {
        drill = .spent(coolUntil: time, isOver: false)
        return nil
      }
      drill = .sounding(until: time + maxOn, mode: mode)
      return .on(until: time + maxOn, cause: mode.rawValue)
    case .sounding(let until, _):
      if phase != .quiet {
        // What is real has taken the siren over.
        drill = .spent(coolUntil: time, isOver: mode == nil)
        return nil
      }
      guard mode == nil || time >= until else { return nil }
      drill = .spent(coolUntil: min(time, until) + coolDown, isOver: mode == nil)
      return .off(cause: mode == nil ? "released" : "max_on")
    case .spent(let coolUntil, let isOver):
      guard mode != nil else {
        drill = time >= coolUntil ? .quiet : .spent(coolUntil: coolUntil, isOver: true)
        return nil
      }
      guard isOver else { return nil }
      drill = time >= coolUntil ? .quiet : .spent(coolUntil: coolUntil, isOver: false)
      return time >= coolUntil ? take(drill: mode, at: time) : nil
    }
  }
}

// MARK: Memory

/// What a restart must know of an output.
struct OutputMemory: Sendable, Hashable, Codable {
  var phase: SirenPolicy.Phase
  /// Until when it sounds at least, if it sounds; older records do not have it, nor what follows.
  var atLeastUntil: MonotonicTime?
  var silencedUntil: MonotonicTime?
  var drill: SirenPolicy.Drill?
  /// Since when an input is faulty, where that matters.
  var faultySince: MonotonicTime?
  /// Why it cannot be switched.
  var failure: Failure?
  /// How often that came and went.
  var flicker: FaultFlicker.Memory?

  struct Failure: Sendable, Hashable, Codable {
    var cause: FaultCause
    var since: MonotonicTime
    /// Whether it is an alert.
    var isDeclared: Bool
  }
}

extension SirenPolicy {
  var memory: OutputMemory {
    OutputMemory(
      phase: phase, atLeastUntil: atLeastUntil, silencedUntil: silencedUntil, drill: drill == .quiet ? nil : drill)
  }

  /// Goes on from an earlier run; `holds` is whether the restored alerts still ask for it. What sounded when the
  /// program ended has sounded until it ended: the output is in its safe state, and sounds for what is left of `max_on`.
  /// A silence of which no clock tells how much is left is over.
  mutating func restore(
    _ memory: OutputMemory, savedAt: Moment, shift: TimeShift, holds: Bool, isBlocked: Bool, isLocked: Bool
  ) {
    heldBefore = holds || isBlocked
    holdsNow = holds
    isBlockedNow = isBlocked
    self.isLocked = isLocked
    func shifted(_ time: MonotonicTime) -> MonotonicTime { shift.throughPause(time, savedAt: savedAt) }
    atLeastUntil = memory.atLeastUntil.map(shifted)
    if shift.lastAlive(savedAt) != nil { silencedUntil = memory.silencedUntil.map(shifted) }
    switch memory.phase {
    case .quiet: phase = .quiet
    case .interrupted(let until): phase = isLocked ? .quiet : .interrupted(until: shifted(until))
    case .sounding(let until): phase = isLocked ? .quiet : .sounding(until: shifted(until))
    case .spent(let coolUntil, let again): phase = .spent(coolUntil: shifted(coolUntil), again: again)
    }
    switch memory.drill {
    case nil, .quiet: drill = .quiet
    case .sounding(let until, let mode): drill = .sounding(until: shifted(until), mode: mode)
    case .spent(let coolUntil, let isOver): drill = .spent(coolUntil: shifted(coolUntil), isOver: isOver)
    }
  }
}
