import Observations

/// How detectors' decisions become messages, and messages make the siren sound.
extension Station {
  /// The water moved from one step of its ladder to another.
  mutating func moveStep(_ index: Int, _ change: FloodLadder.Change, at moment: Moment, into effects: inout Effects) {
    let position = book.index(of: .waterLevel, for: channels[index].plan.id)
    guard let step = change.to else {
      guard let position else { return }
      var content = waterContent(index, step: channels[index].ladder?.lowestStep ?? .standby)
      content.urgency = .past
      return clear(position, reason: "released", content: content, at: moment, into: &effects)
    }
    let content = waterContent(index, step: step)
    guard let position else {
      return raise(.waterLevel, channel: index, onset: change.onset, content: content, at: moment, into: &effects)
    }
    let isRise = change.from.map { $0 < step } ?? true
    update(position, reason: "step", content: content, isNews: isRise, at: moment, into: &effects)
  }

  /// The contact was wet, or dry, for long enough.
  mutating func turnContact(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard let contact = channels[index].contact else { return }
    let onset = contact.since ?? moment
    channels[index].contact?.turn()
    var content = contactContent(index, rule: contact.rule)
    let position = book.index(of: .floodContact, for: channels[index].plan.id)
    if contact.isRaised {
      content.urgency = .past
      if let position { clear(position, reason: "released", content: content, at: moment, into: &effects) }
    } else if position == nil {
      raise(.floodContact, channel: index, onset: onset, content: content, at: moment, into: &effects)
    }
    saveContactIfVoid(index, at: moment, into: &effects)
  }

  /// Renews every active alert before it expires: what is still so is said again.
  mutating func renewAlerts(at moment: Moment, into effects: inout Effects) {
    while let position = book.indexToRenew(at: moment.monotonic) {
      let alert = book.active[position].alert
      var content = AlertContent(
        level: alert.level, step: alert.step, severity: alert.severity, urgency: alert.urgency,
        certainty: alert.certainty, fault: alert.fault, observed: alert.observed)
      if let index = channelIndex[alert.sensor], alert.kind.isHazard {
        content.observed = channels[index].observed(threshold: alert.observed?.threshold)
      }
      update(position, reason: "renewed", content: content, isNews: false, at: moment, into: &effects)
    }
  }

  private func waterContent(_ index: Int, step: LadderStep) -> AlertContent {
    AlertContent(
      level: step.level, step: step, severity: step.severity, urgency: step >= .danger ? .immediate : .expected,
      observed: channels[index].observed(threshold: channels[index].ladder?.threshold(of: step), isReading: true))
  }

  private func contactContent(_ index: Int, rule: ContactRule) -> AlertContent {
    AlertContent(
      level: rule.levelEquivalent, severity: rule.severity, urgency: rule.severity >= .severe ? .immediate : .expected,
      observed: channels[index].observed())
  }
}

// MARK: Messages

extension Station {
  mutating func raise(
    _ kind: AlertKind, channel: Int, onset: Moment, content: AlertContent, at moment: Moment,
    into effects: inout Effects
  ) {
    let plan = channels[channel].plan
    let alert = book.raise(kind, sensor: plan.id, name: plan.name, onset: onset, content: content, at: moment)
    effects.alerts.append(alert)
    save(alert, raisedAs: alert.sequence, at: moment, into: &effects)
    saveBook(at: moment, into: &effects)
    messageMade(alert, isNews: true, at: moment, into: &effects)
  }

  private mutating func update(
    _ position: Int, reason: String, content: AlertContent, isNews: Bool, at moment: Moment,
    into effects: inout Effects
  ) {
    let alert = book.update(position, reason: reason, content: content, at: moment)
    effects.alerts.append(alert)
    save(alert, raisedAs: book.active[position].raisedAs, at: moment, into: &effects)
    messageMade(alert, isNews: isNews, at: moment, into: &effects)
  }

  mutating func clear(
    _ position: Int, reason: String, content: AlertContent, at moment: Moment, into effects: inout Effects
  ) {
    let alert = book.clear(position, reason: reason, content: content, at: moment)
    effects.alerts.append(alert)
    effects.saves.append(SavedState(key: SavedKey.alert(alert.sensor, alert.kind), savedAt: moment, part: nil))
    messageMade(alert, isNews: false, at: moment, into: &effects)
  }

  /// Keeps each sensor's worst hazard and lets the outputs that depend on it decide.
  private mutating func messageMade(_ alert: Alert, isNews: Bool, at moment: Moment, into effects: inout Effects) {
    watchBookDeadline()
    guard alert.kind.isHazard, let index = channelIndex[alert.sensor] else { return }
    channels[index].hazard = book.hazard(of: alert.sensor)
    watchDeadline(ofChannel: index)
    for output in channels[index].outputs {
      let required = sirens[output].rule.soundAt?.severity ?? .extreme
      updateSiren(output, isNews: isNews && alert.severity >= required, at: moment, into: &effects)
    }
  }

  private func save(_ alert: Alert, raisedAs: UInt64, at moment: Moment, into effects: inout Effects) {
    effects.saves.append(
      SavedState(
        key: SavedKey.alert(alert.sensor, alert.kind), savedAt: moment,
        part: .alert(AlertMemory(alert: alert, raisedAs: raisedAs))))
  }

  func saveBook(at moment: Moment, into effects: inout Effects) {
    effects.saves.append(SavedState(key: SavedKey.book, savedAt: moment, part: .book(ordinal: book.ordinal)))
  }
}

// MARK: Outputs

extension Station {
  /// Whether everything an output waits for says danger.
  ///
  /// A faulty input keeps its active hazard. With `other_decides` the inputs that are not faulty decide, and at least one
  /// of all must have an active hazard; with `silent` any faulty input keeps the output silent.
  func holds(_ siren: Siren) -> Bool {
    guard let rule = siren.rule.soundAt else { return false }
    var isAnyActive = false
    for channel in siren.required {
      guard let channel else { return false }
      let isActive = channels[channel].hazard.map { $0 >= rule.severity } ?? false
      if channels[channel].isFaulty {
        guard rule.whenOneIsFaulty == .otherDecides else { return false }
      } else if !isActive {
        return false
      }
      isAnyActive = isAnyActive || isActive
    }
    return isAnyActive
  }

  mutating func updateSiren(_ index: Int, isNews: Bool, at moment: Moment, into effects: inout Effects) {
    let before = sirens[index].policy.phase
    let action = sirens[index].policy.take(holds: holds(sirens[index]), isNews: isNews, at: moment.monotonic)
    if sirens[index].policy.phase != before { saveSiren(index, at: moment, into: &effects) }
    switch action {
    case .on(let until): switchOutput(index, on: true, cause: "alert", until: until, at: moment, into: &effects)
    case .off(let cause): switchOutput(index, on: false, cause: cause, until: nil, at: moment, into: &effects)
    case nil: break
    }
    watchDeadline(ofSiren: index)
  }

  /// Says how the output stands at the start, and sounds it if what an earlier run left behind asks for it.
  mutating func startSiren(_ index: Int, at moment: Moment, into effects: inout Effects) {
    if case .sounding(let until) = sirens[index].policy.phase, until > moment.monotonic, holds(sirens[index]) {
      switchOutput(index, on: true, cause: "alert", until: until, at: moment, into: &effects)
    } else {
      switchOutput(index, on: false, cause: "start", until: nil, at: moment, into: &effects)
    }
    updateSiren(index, isNews: false, at: moment, into: &effects)
  }

  private func switchOutput(
    _ index: Int, on: Bool, cause: String, until: MonotonicTime?, at moment: Moment, into effects: inout Effects
  ) {
    effects.outputs.append(
      Effects.OutputChange(
        output: sirens[index].rule.id, on: on, cause: cause,
        until: until.map { moment.advanced(by: $0 - moment.monotonic) }, at: moment))
  }

  private func saveSiren(_ index: Int, at moment: Moment, into effects: inout Effects) {
    effects.saves.append(
      SavedState(
        key: SavedKey.output(sirens[index].rule.id), savedAt: moment,
        part: .output(OutputMemory(phase: sirens[index].policy.phase))))
  }
}
