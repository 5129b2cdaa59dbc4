import Observations

/// An alert that would begin again a moment after its end.
extension Station {
  /// A detector decided for something new: it is told, unless it was over only a moment ago.
  mutating func tell(
    _ kind: AlertKind, channel index: Int, onset: Moment, content: AlertContent, over levels: ClosedRange<Int>,
    at moment: Moment, into effects: inout Effects
  ) {
    let isUrgent = content.severity >= .severe || channels.span[index].outputs.contains { isFor($0, content.severity) }
    if !isUrgent, let due = channels.span[index].realert.waits(kind, level: levels.upperBound, at: moment.monotonic) {
      channels[index].realert.hold(kind, step: content.step, onset: onset, until: due)
      saveRealert(index, at: moment, into: &effects)
      return watchDeadline(ofChannel: index)
    }
    let began = channels.span[index].realert.held(kind)?.onset ?? onset
    raise(kind, channel: index, onset: began, content: content, at: moment, into: &effects)
    noteRise(index, kind, over: levels, at: moment, into: &effects)
  }

  private func isFor(_ output: Int, _ severity: Severity) -> Bool {
    sirens[output].rule.soundAt.map { severity >= $0.severity } ?? false
  }

  /// What was kept back is over, or is at another step.
  mutating func keptBack(
    _ index: Int, _ kind: AlertKind, step: LadderStep?, isOver: Bool, at moment: Moment, into effects: inout Effects
  ) {
    guard let held = channels[index].realert.held(kind) else { return }
    if isOver {
      channels[index].realert.drop(kind)
    } else {
      channels[index].realert.hold(kind, step: step, onset: held.onset, until: held.due)
    }
    saveRealert(index, at: moment, into: &effects)
  }

  /// A reading came. What was kept back until now is told by it if it is at the threshold: a step also stands while the
  /// water is within the margin below it, or while nobody knows where it is, and neither is worth an alert.
  mutating func tellKeptBack(_ index: Int, by level: Measure, at moment: Moment, into effects: inout Effects) {
    guard let due = channels.span[index].realert.due, due <= moment.monotonic,
      channels.span[index].decides || isOtherSound(index, at: moment.monotonic)
    else { return }
    let sensor = channels.span[index].plan.id
    if let ladder = channels.span[index].ladder, let step = ladder.step, let threshold = ladder.threshold(of: step),
      level >= threshold, let held = channels[index].realert.takeDue(.waterLevel, at: moment.monotonic)
    {
      saveRealert(index, at: moment, into: &effects)
      if book.index(of: .waterLevel, for: sensor) == nil {
        raise(
          .waterLevel, channel: index, onset: held.onset, content: waterContent(index, step: step), at: moment,
          into: &effects)
        noteRise(index, .waterLevel, over: 1...step.level, at: moment, into: &effects)
      }
    }
    if let rise = channels.span[index].trend?.rise, rise.isRaised, let amount = rise.amount, amount >= rise.rule.by,
      let held = channels[index].realert.takeDue(.rateOfRise, at: moment.monotonic)
    {
      saveRealert(index, at: moment, into: &effects)
      guard book.index(of: .rateOfRise, for: sensor) == nil else { return }
      let content = AlertContent(
        severity: rise.rule.severity, urgency: .expected, observed: observedRise(index, isReading: true))
      raise(.rateOfRise, channel: index, onset: held.onset, content: content, at: moment, into: &effects)
      noteRise(index, .rateOfRise, over: 0...0, at: moment, into: &effects)
    }
  }

  /// The interval is over and the contact says what it said: that is told by time alone, as all that a contact says is.
  mutating func tellKeptBackContact(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard let contact = channels[index].contact, let kind = contact.rule.use.alertKind,
      let held = channels[index].realert.takeDue(kind, at: moment.monotonic)
    else { return }
    saveRealert(index, at: moment, into: &effects)
    guard book.index(of: kind, for: channels[index].plan.id) == nil else { return }
    raise(
      kind, channel: index, onset: held.onset, content: contactContent(index, rule: contact.rule), at: moment,
      into: &effects)
    noteRise(index, kind, over: 0...0, at: moment, into: &effects)
  }

  /// What hangs proves nothing: what was kept back of it is confirmed anew when it moves.
  mutating func dropKeptBack(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard channels[index].realert.due != nil else { return }
    if channels[index].realert.held(.waterLevel) != nil { channels[index].ladder?.leave() }
    if channels[index].realert.held(.rateOfRise) != nil { channels[index].trend?.rise?.restore(isRaised: false) }
    channels[index].realert.drop(.waterLevel)
    channels[index].realert.drop(.rateOfRise)
    saveRealert(index, at: moment, into: &effects)
  }

  /// Keeps in mind what messages told of, for as long as that matters.
  mutating func noteTold(_ alert: Alert, _ index: Int, at moment: Moment, into effects: inout Effects) {
    guard alert.kind.isHazard, channels[index].realert.interval > .zero else { return }
    let before = channels[index].realert.memory
    if alert.message == .clear {
      channels[index].realert.over(alert.kind, isMeasured: alert.reason == "released", at: moment.monotonic)
    } else {
      channels[index].realert.told(alert.kind, level: alert.step?.level ?? 0)
    }
    if channels[index].realert.memory != before { saveRealert(index, at: moment, into: &effects) }
  }

  private func saveRealert(_ index: Int, at moment: Moment, into effects: inout Effects) {
    effects.saves.append(
      SavedState(
        key: SavedKey.realert(channels[index].plan.id), savedAt: moment, part: .realert(channels[index].realert.memory))
    )
  }

  mutating func restoreRealert(_ index: Int, _ saved: [String: SavedState], shift: TimeShift) {
    guard channels[index].realert.interval > .zero, let state = saved[SavedKey.realert(channels[index].plan.id)],
      case .realert(let memory)? = state.part
    else { return }
    channels[index].realert.restore(memory) { shift.throughPause($0, savedAt: state.savedAt) }
    for held in memory.held {
      switch held.kind {
      case .waterLevel:
        if let step = held.step { _ = channels[index].ladder?.restore(step: step) }
      case .rateOfRise: channels[index].trend?.rise?.restore(isRaised: true)
      default: channels[index].contact?.restore(isRaised: true)
      }
    }
  }
}
