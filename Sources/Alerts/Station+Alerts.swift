import Observations

/// How detectors' decisions become messages, and messages make the siren sound.
extension Station {
  /// The water moved from one step of its ladder to another.
  mutating func moveStep(_ index: Int, _ change: FloodLadder.Change, at moment: Moment, into effects: inout Effects) {
    let position = book.index(of: .waterLevel, for: channels[index].plan.id)
    guard let step = change.to else {
      guard let position else {
        return keptBack(index, .waterLevel, step: nil, isOver: true, at: moment, into: &effects)
      }
      var content = waterContent(index, step: channels[index].ladder?.lowestStep ?? .standby)
      content.urgency = .past
      return clear(position, reason: "released", content: content, at: moment, into: &effects)
    }
    let content = waterContent(index, step: step)
    let isRise = change.from.map { $0 < step } ?? true
    guard let position else {
      guard isRise else {
        return keptBack(index, .waterLevel, step: step, isOver: false, at: moment, into: &effects)
      }
      return tell(
        .waterLevel, channel: index, onset: change.onset, content: content, over: 1...step.level, at: moment,
        into: &effects)
    }
    update(position, reason: "step", content: content, isNews: isRise, at: moment, into: &effects)
    guard isRise else { return }
    noteRise(index, .waterLevel, over: (change.from?.level ?? 0) + 1...step.level, at: moment, into: &effects)
  }

  /// The contact was wet, or dry, for long enough.
  mutating func turnContact(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard let contact = channels[index].contact, let kind = contact.rule.use.alertKind else { return }
    let onset = contact.since ?? moment
    channels[index].contact?.turn()
    var content = contactContent(index, rule: contact.rule)
    let position = book.index(of: kind, for: channels[index].plan.id)
    if contact.isRaised {
      content.urgency = .past
      let reason = kind.isHazard ? "released" : "recovered"
      if let position { clear(position, reason: reason, content: content, at: moment, into: &effects) }
      keptBack(index, kind, step: nil, isOver: true, at: moment, into: &effects)
    } else if position == nil, kind.isHazard {
      tell(kind, channel: index, onset: onset, content: content, over: 0...0, at: moment, into: &effects)
    } else if position == nil {
      raise(kind, channel: index, onset: onset, content: content, at: moment, into: &effects)
    }
    saveContactIfVoid(index, at: moment, into: &effects)
  }

  /// A value of the board's own went over its limit, or came back.
  mutating func crossLimit(
    _ index: Int, _ change: LimitWatch.Change, at moment: Moment, into effects: inout Effects
  ) {
    guard let rule = channels[index].limit?.rule else { return }
    let kind = AlertKind(limitOf: channels[index].plan.quantity)
    var content = AlertContent(
      severity: rule.severity, urgency: .expected,
      observed: channels[index].observed(threshold: rule.threshold, isReading: true))
    let position = book.index(of: kind, for: channels[index].plan.id)
    switch change {
    case .crossed(let onset):
      guard position == nil else { return }
      raise(kind, channel: index, onset: onset, content: content, at: moment, into: &effects)
    case .recovered:
      guard let position else { return }
      content.urgency = .past
      clear(position, reason: "recovered", content: content, at: moment, into: &effects)
    }
  }

  /// Renews every active alert before it expires: what is still so is said again.
  mutating func renewAlerts(at moment: Moment, into effects: inout Effects) {
    while let position = book.indexToRenew(at: moment.monotonic) {
      guard let alert = book.active[position].told else { return }
      guard !endLedgerTrial(position, at: moment, into: &effects) else { continue }
      let content = presentContent(of: alert, position, at: moment)
      tell(position, reason: "renewed", content: content, isNews: false, at: moment, into: &effects)
    }
  }

  /// What an alert says when it is said again: of a hazard with what is measured now.
  func presentContent(of alert: Alert, _ position: Int, at moment: Moment) -> AlertContent {
    var content = alert.content
    guard let index = channelIndex[alert.sensor], alert.kind.isHazard, !alert.isUnproven,
      book.active[position].withheld == nil
    else { return content }
    content.observed = observed(index, alert, at: moment)
    if alert.kind == .rain { content.until = rainWaitsUntil(index, at: moment) }
    return content
  }

  func waterContent(_ index: Int, step: LadderStep) -> AlertContent {
    AlertContent(
      level: step.level, step: step, severity: step.severity, urgency: step >= .danger ? .immediate : .expected,
      observed: observedWater(index, threshold: channels[index].ladder?.threshold(of: step), isReading: true))
  }

  func contactContent(_ index: Int, rule: ContactRule) -> AlertContent {
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
    if kind.isMeasured { endRehearsal(by: channel, at: moment, into: &effects) }
    if isWithheld(kind, of: plan.id) {
      let position = book.withholdRaise(
        kind, sensor: plan.id, name: plan.name, onset: onset, content: content, at: moment)
      return save(position, at: moment, into: &effects)
    }
    raise(kind, sensor: plan.id, name: plan.name, onset: onset, content: content, at: moment, into: &effects)
  }

  mutating func raise(
    _ kind: AlertKind, sensor: SensorID, name: String, onset: Moment, content: AlertContent, at moment: Moment,
    into effects: inout Effects
  ) {
    let alert = book.raise(
      kind, sensor: sensor, name: name, onset: onset.read(by: moment), content: content, at: moment)
    effects.alerts.append(alert)
    save(book.active.count - 1, at: moment, into: &effects)
    saveBook(at: moment, into: &effects)
    messageMade(alert, isNews: true, at: moment, into: &effects)
  }

  mutating func update(
    _ position: Int, reason: String, content: AlertContent, isNews: Bool, at moment: Moment,
    into effects: inout Effects
  ) {
    let alert = book.active[position].alert
    guard isWithheld(alert.kind, of: alert.sensor) else {
      return tell(position, reason: reason, content: content, isNews: isNews, at: moment, into: &effects)
    }
    book.withholdUpdate(position, reason: reason, content: content)
    save(position, at: moment, into: &effects)
  }

  /// Makes an update whatever is withheld.
  mutating func tell(
    _ position: Int, reason: String, content: AlertContent, isNews: Bool, at moment: Moment,
    into effects: inout Effects
  ) {
    let alert = book.update(position, reason: reason, content: content, at: moment)
    effects.alerts.append(alert)
    save(position, at: moment, into: &effects)
    messageMade(alert, isNews: isNews, at: moment, into: &effects)
  }

  mutating func clear(
    _ position: Int, reason: String, content: AlertContent, at moment: Moment, into effects: inout Effects
  ) {
    let alert = book.active[position].alert
    guard isWithheld(alert.kind, of: alert.sensor) else {
      return tellClear(position, reason: reason, content: content, at: moment, into: &effects)
    }
    if book.withholdClear(position, reason: reason, content: content) {
      save(position, at: moment, into: &effects)
    } else {
      forget(alert, at: moment, into: &effects)
    }
  }

  /// Makes the last message whatever is withheld.
  mutating func tellClear(
    _ position: Int, reason: String, content: AlertContent, at moment: Moment, into effects: inout Effects
  ) {
    let alert = book.clear(position, reason: reason, content: content, at: moment)
    effects.alerts.append(alert)
    forget(alert, at: moment, into: &effects)
    messageMade(alert, isNews: false, at: moment, into: &effects)
    if alert.kind.isHazard { endUnstable(alert.sensor, at: moment, into: &effects) }
  }

  /// Keeps each sensor's worst hazard and lets the outputs that depend on it decide.
  private mutating func messageMade(_ alert: Alert, isNews: Bool, at moment: Moment, into effects: inout Effects) {
    watchBookDeadline()
    watchCommandDeadline()
    guard alert.kind.isHazard, let index = channelIndex[alert.sensor] else { return }
    channels[index].hazard = book.hazard(of: alert.sensor)
    noteTold(alert, index, at: moment, into: &effects)
    watchDeadline(ofChannel: index)
    for output in channels[index].outputs {
      let required = sirens[output].rule.soundAt?.severity ?? .extreme
      updateSiren(output, isNews: isNews && alert.severity >= required, at: moment, into: &effects)
    }
  }

  func save(_ position: Int, at moment: Moment, into effects: inout Effects) {
    let active = book.active[position]
    effects.saves.append(
      SavedState(
        key: SavedKey.alert(active.alert.sensor, active.alert.kind), savedAt: moment, part: .alert(active.memory)))
  }

  func forget(_ alert: Alert, at moment: Moment, into effects: inout Effects) {
    effects.saves.append(SavedState(key: SavedKey.alert(alert.sensor, alert.kind), savedAt: moment, part: nil))
  }

  func saveBook(at moment: Moment, into effects: inout Effects) {
    effects.saves.append(SavedState(key: SavedKey.book, savedAt: moment, part: .book(ordinal: book.ordinal)))
  }
}
