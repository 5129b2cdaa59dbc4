import Observations

/// Faults that come and go, whoever's they are: from the third on the alert stays until all was sound for long enough.
extension Station {
  /// Whose fault an alert tells: a sensor's, that of the thing several sensors hang on, or an output's. By number.
  enum FaultOwner: Sendable {
    case sensor(Int)
    case group(Int)
    case output(Int)
  }

  private subscript(flickerOf owner: FaultOwner) -> FaultFlicker {
    get {
      switch owner {
      case .sensor(let index): channels[index].flicker
      case .group(let number): groups[number].flicker
      case .output(let index): sirens[index].flicker
      }
    }
    set {
      switch owner {
      case .sensor(let index): channels[index].flicker = newValue
      case .group(let number): groups[number].flicker = newValue
      case .output(let index): sirens[index].flicker = newValue
      }
    }
  }

  private func faultKind(of owner: FaultOwner) -> AlertKind {
    switch owner {
    case .sensor(let index): channels[index].faultKind
    case .group: .blind
    case .output: .outputFault
    }
  }

  /// Where the book has the alert of its fault.
  func faultAlert(of owner: FaultOwner) -> Int? {
    switch owner {
    case .sensor(let index): book.index(of: channels[index].faultKind, for: channels[index].plan.id)
    case .group(let number): book.index(of: .blind, for: groups[number].source)
    case .output(let index): book.index(of: .outputFault, for: Self.source(of: sirens[index].rule.id))
    }
  }

  /// What its alert says when it is said again, or for the last time.
  ///
  /// - Parameter cause: nil where it is the one that was told.
  private func faultContent(of owner: FaultOwner, at position: Int, cause: FaultCause?) -> AlertContent {
    let told = book.active[position].alert
    switch owner {
    case .sensor(let index): return faultContent(index, cause: cause ?? told.fault)
    case .group: return AlertContent(severity: told.severity, urgency: told.urgency, fault: cause ?? told.fault)
    case .output: return outputContent(cause ?? told.fault)
    }
  }

  /// Tells a fault, and notes that it was told.
  ///
  /// - Parameter onset: when it began; now where that lies ahead.
  mutating func raiseFault(
    of owner: FaultOwner, onset: MonotonicTime, content: AlertContent, at moment: Moment, into effects: inout Effects
  ) {
    let kind = faultKind(of: owner)
    let began = moment.advanced(by: min(onset, moment.monotonic) - moment.monotonic)
    switch owner {
    case .sensor(let index):
      raise(kind, channel: index, onset: began, content: content, at: moment, into: &effects)
    case .group(let number):
      raise(
        kind, sensor: groups[number].source, name: groups[number].name, onset: began, content: content, at: moment,
        into: &effects)
    case .output(let index):
      let output = sirens[index].rule.id
      raise(
        kind, sensor: Self.source(of: output), name: output.text, onset: began, content: content, at: moment,
        into: &effects)
    }
    self[flickerOf: owner].raised(kind, at: moment.monotonic)
    saveFlicker(of: owner, at: moment, into: &effects)
  }

  /// It is sound again. Returns whether its fault's alert stays all the same, because it came and went.
  mutating func keepsFaultAlert(
    of owner: FaultOwner, cause: FaultCause? = nil, at moment: Moment, into effects: inout Effects
  ) -> Bool {
    guard self[flickerOf: owner].recovered(at: moment.monotonic) else { return false }
    watchFlickerDeadline(of: owner)
    guard !self[flickerOf: owner].isSaid, let position = faultAlert(of: owner) else { return true }
    self[flickerOf: owner].isSaid = true
    saveFlicker(of: owner, at: moment, into: &effects)
    let content = faultContent(of: owner, at: position, cause: cause)
    update(position, reason: "unstable", content: content, isNews: false, at: moment, into: &effects)
    return true
  }

  /// It was sound for long enough: its fault is over.
  mutating func endFlicker(of owner: FaultOwner, at moment: Moment, into effects: inout Effects) {
    self[flickerOf: owner] = FaultFlicker()
    saveFlicker(of: owner, at: moment, into: &effects)
    clearFault(of: owner, at: moment, into: &effects)
  }

  /// Ends the alert of its fault, where there is one.
  mutating func clearFault(
    of owner: FaultOwner, cause: FaultCause? = nil, reason: String = "recovered", at moment: Moment,
    into effects: inout Effects
  ) {
    guard let position = faultAlert(of: owner) else { return }
    var content = faultContent(of: owner, at: position, cause: cause)
    content.urgency = .past
    clear(position, reason: reason, content: content, at: moment, into: &effects)
  }

  private mutating func watchFlickerDeadline(of owner: FaultOwner) {
    switch owner {
    case .sensor(let index): watchDeadline(ofChannel: index)
    case .group(let number):
      let first = groups[number].members[0]
      channels[first].settlesAt = groups[number].flicker.deadline
      watchDeadline(ofChannel: first)
    case .output(let index): watchDeadline(ofSiren: index)
    }
  }

  /// A sensor's has a record of its own; a group's and an output's is a part of theirs, which who changes them saves.
  private func saveFlicker(of owner: FaultOwner, at moment: Moment, into effects: inout Effects) {
    guard case .sensor(let index) = owner else { return }
    effects.saves.append(
      SavedState(
        key: SavedKey.flicker(channels[index].plan.id), savedAt: moment,
        part: channels[index].flicker.memory.map { .flicker($0) }))
  }

  /// Goes on from an earlier run, which left `memory` at the time of `state`.
  mutating func restoreFlicker(
    of owner: FaultOwner, _ memory: FaultFlicker.Memory?, in state: SavedState, shift: TimeShift
  ) {
    guard let memory else { return }
    let isRaised = faultAlert(of: owner) != nil
    self[flickerOf: owner].restore(
      memory, isRaised: isRaised, rises: { shift.throughPause($0, savedAt: state.savedAt) },
      sound: { shift.withoutPause($0) })
  }

  mutating func restoreSensorFlicker(_ index: Int, _ saved: [String: SavedState], shift: TimeShift) {
    guard let state = saved[SavedKey.flicker(channels[index].plan.id)], case .flicker(let memory)? = state.part else {
      return
    }
    restoreFlicker(of: .sensor(index), memory, in: state, shift: shift)
    // Between two saves it may have fallen again.
    if !shift.isExact(state) { channels[index].flicker.fell() }
  }
}
