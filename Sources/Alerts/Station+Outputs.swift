import Observations

/// What sounds when, and outputs that cannot be switched.
extension Station {
  /// An output, the policy that switches it, and whether it can be switched.
  struct Siren: Sendable {
    let rule: OutputRule
    /// The channels that must all say danger; nil for one that the plan does not have.
    let required: [Int?]
    var policy: SirenPolicy
    /// Since when some input has been faulty without a break.
    var faultySince: MonotonicTime?
    /// Why it cannot be switched, and since when.
    var failure: OutputMemory.Failure?
    /// Notices when that comes and goes.
    var flicker = FaultFlicker()

    /// When time alone changes something for it.
    var deadline: MonotonicTime? {
      let times = [
        policy.deadline, trustsOthersAt, failure.flatMap { $0.isDeclared ? nil : $0.since + Self.confirmation },
        flicker.deadline,
      ]
      return times.compactMap { $0 }.min()
    }

    /// When the inputs that are not faulty decide, although one that is was to keep it silent.
    var trustsOthersAt: MonotonicTime? {
      guard let faultySince, !trustsOthers, let most = rule.soundAt?.silentAtMost else { return nil }
      return faultySince + most
    }

    /// Whether the fault has gone on for `silentAtMost`.
    var trustsOthers = false

    /// A line that is taken over from an earlier run is busy for a moment, and a converter misses a command now and then.
    static let confirmation = TimeSpan.seconds(5)

    var memory: OutputMemory {
      var memory = policy.memory
      memory.faultySince = faultySince
      memory.failure = failure
      memory.flicker = flicker.memory
      return memory
    }
  }

  /// Whether what an output waits for is so.
  enum Readiness: Sendable {
    case met, notMet
    /// It may be, and a faulty input keeps the output silent for now.
    case blocked
  }

  /// Every input must say danger. A sound input that says none decides: then it is not so.
  ///
  /// A faulty input keeps what it raised, which is not enough to begin with: with `other_decides` the inputs that are not
  /// faulty decide, and at least one of them must say danger. What sounds already goes on while all are faulty. With
  /// `silent` any faulty input keeps the output silent.
  func readiness(of siren: Siren, isSounding: Bool) -> Readiness {
    guard let rule = siren.rule.soundAt else { return .notMet }
    var (active, faulty, doubtful) = (0, 0, 0)
    for channel in siren.required {
      guard let channel else { return .notMet }
      let isActive = channels.span[channel].hazard.map { $0 >= rule.severity } ?? false
      if isBelieved(channel) {
        guard isActive else { return .notMet }
        active += 1
      } else {
        faulty += 1
        if isActive { doubtful += 1 }
      }
    }
    guard faulty > 0 else { return active > 0 ? .met : .notMet }
    guard active + doubtful > 0 else { return .notMet }
    if rule.whenOneIsFaulty == .silent, !siren.trustsOthers { return .blocked }
    return active > 0 || isSounding ? .met : .blocked
  }

  private func isBelieved(_ channel: Int) -> Bool {
    channels[channel].decides || isOtherSound(channel, at: latest)
  }

  mutating func updateSiren(_ index: Int, isNews: Bool, at moment: Moment, into effects: inout Effects) {
    let before = sirens[index].memory
    let time = moment.monotonic
    noteFaultyInputs(index, at: moment)
    let readiness = readiness(of: sirens[index], isSounding: sirens[index].policy.isSounding)
    let action = sirens[index].policy.take(
      holds: readiness == .met, isBlocked: readiness == .blocked, isNews: isNews, at: time)
    let drilled = sirens[index].policy.take(drill: drillMode(of: sirens[index]), at: time)
    if sirens[index].memory != before { saveSiren(index, at: moment, into: &effects) }
    carryOut(action, of: index, at: moment, into: &effects)
    carryOut(drilled, of: index, at: moment, into: &effects)
    watchDeadline(ofSiren: index)
  }

  /// Lets the outputs that depend on a sensor decide, though nothing new happened.
  mutating func updateSirens(of channel: Int, at moment: Moment, into effects: inout Effects) {
    for output in channels.span[channel].outputs { updateSiren(output, isNews: false, at: moment, into: &effects) }
  }

  private mutating func noteFaultyInputs(_ index: Int, at moment: Moment) {
    guard sirens[index].rule.soundAt?.silentAtMost != nil else { return }
    let isAnyFaulty = sirens[index].required.contains { $0.map { !isBelieved($0) } ?? false }
    guard isAnyFaulty else {
      sirens[index].faultySince = nil
      sirens[index].trustsOthers = false
      return
    }
    let since = sirens[index].faultySince ?? moment.monotonic
    sirens[index].faultySince = since
    if let due = sirens[index].trustsOthersAt, due <= moment.monotonic { sirens[index].trustsOthers = true }
  }

  /// The alerts that an output sounds for.
  private func reasons(_ index: Int) -> [String] {
    guard let rule = sirens[index].rule.soundAt else { return [] }
    return book.active.lazy.map(\.alert).filter { alert in
      alert.kind.isHazard && alert.mode == .actual && !alert.isUnproven && alert.severity >= rule.severity
        && rule.allOf.contains(alert.sensor)
    }.map(\.id)
  }

  private func faultyInputs(_ index: Int) -> [String] {
    sirens[index].required.compactMap { $0 }.filter { !isBelieved($0) }.map { channels[$0].plan.id.text }
  }

  /// Says how the output stands at the start, and sounds it if what an earlier run left behind asks for it.
  mutating func startSiren(_ index: Int, at moment: Moment, into effects: inout Effects) {
    let policy = sirens[index].policy
    let holds = readiness(of: sirens[index], isSounding: policy.isSounding) == .met
    let sound = policy.soundsOn(at: moment.monotonic, holds: holds, drilled: drillMode(of: sirens[index]))
    let action = sound.map { SirenPolicy.Action.on(until: $0.until, cause: $0.cause) } ?? .off(cause: "start")
    carryOut(action, of: index, at: moment, into: &effects)
    updateSiren(index, isNews: false, at: moment, into: &effects)
  }

  /// Has an output switched, and everything said that there is to say of it.
  ///
  /// - Parameter who: who asked for it, where that is no alert and no fault: an authority's key, a button.
  mutating func carryOut(
    _ action: SirenPolicy.Action?, of index: Int, by who: [String] = [], at moment: Moment, into effects: inout Effects
  ) {
    func then(_ time: MonotonicTime) -> Moment { moment.advanced(by: time - moment.monotonic) }
    var change = Effects.OutputChange(
      output: sirens[index].rule.id, on: false, cause: "", until: nil,
      silencedUntil: sirens[index].policy.silencedUntil.map(then), isLocked: sirens[index].policy.isLocked, at: moment,
      by: who)
    switch action {
    case .on(let until, let cause):
      change.on = true
      change.cause = cause
      change.until = then(until)
      if cause == "alert" { change.by = reasons(index) }
    case .off(let cause):
      change.cause = cause
      if cause == "input_faulty" { change.by = faultyInputs(index) }
    case nil: return
    }
    effects.outputs.append(change)
  }

  /// A button that silences was pressed.
  mutating func press(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard let rule = channels[index].button else { return }
    _ = silence(
      rule.silenced, until: moment.wall + rule.silenceFor, by: channels[index].plan.id.text, at: moment, into: &effects)
  }

  func saveSiren(_ index: Int, at moment: Moment, into effects: inout Effects) {
    effects.saves.append(
      SavedState(
        key: SavedKey.output(sirens[index].rule.id), savedAt: moment, part: .output(sirens[index].memory)))
  }

  mutating func restoreSiren(_ index: Int, _ saved: [String: SavedState], shift: TimeShift) {
    guard let state = saved[SavedKey.output(sirens[index].rule.id)], case .output(let memory)? = state.part else {
      _ = sirens[index].policy.lock(isLocked(sirens[index]), at: shift.now.monotonic)
      return
    }
    sirens[index].faultySince = memory.faultySince.map { shift.throughPause($0, savedAt: state.savedAt) }
    sirens[index].failure = memory.failure
    if let since = memory.failure?.since {
      sirens[index].failure?.since = shift.throughPause(since, savedAt: state.savedAt)
    }
    restoreFlicker(of: .output(index), memory.flicker, in: state, shift: shift)
    if let due = sirens[index].trustsOthersAt, due <= clock.monotonic { sirens[index].trustsOthers = true }
    let readiness = readiness(of: sirens[index], isSounding: memory.phase.isSounding)
    sirens[index].policy.restore(
      memory, savedAt: state.savedAt, shift: shift, holds: readiness == .met, isBlocked: readiness == .blocked,
      isLocked: isLocked(sirens[index]))
  }
}

// MARK: Outputs that cannot be switched

extension Station {
  /// What the alert of an output's fault is about.
  static func source(of output: OutputID) -> SensorID { SensorID("output:\(output.text)") }

  /// Whether an output can be switched was told. One that cannot for a while is an alert until it can.
  mutating func takeOutput(_ index: Int, _ cause: FaultCause?, at moment: Moment, into effects: inout Effects) {
    let before = sirens[index].memory
    if let cause {
      let isDeclared = sirens[index].failure?.isDeclared ?? false
      let isOther = sirens[index].failure?.cause != cause
      sirens[index].failure = OutputMemory.Failure(
        cause: cause, since: sirens[index].failure?.since ?? moment.monotonic, isDeclared: isDeclared)
      sirens[index].flicker.fell()
      if isDeclared, isOther, !sirens[index].flicker.isSaid, let position = faultAlert(of: .output(index)) {
        update(
          position, reason: "cause", content: outputContent(cause), isNews: false, at: moment, into: &effects)
      }
    } else if let failure = sirens[index].failure {
      sirens[index].failure = nil
      if faultAlert(of: .output(index)) != nil,
        !keepsFaultAlert(of: .output(index), cause: failure.cause, at: moment, into: &effects)
      {
        clearFault(of: .output(index), cause: failure.cause, at: moment, into: &effects)
      }
    }
    if sirens[index].memory != before { saveSiren(index, at: moment, into: &effects) }
    watchDeadline(ofSiren: index)
  }

  /// Time alone changed something for an output.
  mutating func wakeOutput(_ index: Int, at moment: Moment, into effects: inout Effects) {
    if let due = sirens[index].flicker.deadline, due <= moment.monotonic {
      endFlicker(of: .output(index), at: moment, into: &effects)
      saveSiren(index, at: moment, into: &effects)
    }
    if let failure = sirens[index].failure, !failure.isDeclared,
      failure.since + Siren.confirmation <= moment.monotonic
    {
      sirens[index].failure?.isDeclared = true
      if faultAlert(of: .output(index)) == nil {
        raiseFault(
          of: .output(index), onset: failure.since, content: outputContent(failure.cause), at: moment, into: &effects)
      }
      saveSiren(index, at: moment, into: &effects)
    }
    updateSiren(index, isNews: false, at: moment, into: &effects)
  }

  func outputContent(_ cause: FaultCause?) -> AlertContent {
    AlertContent(severity: .moderate, urgency: .expected, fault: cause)
  }
}
