public import Observations

/// What an authority asks for. Each command is answered once, with the effects of its input.
extension Station {
  mutating func takeCommand(_ command: Command, at moment: Moment, into effects: inout Effects) {
    let refusal = carryOut(command, at: moment, into: &effects)
    effects.answers.append(
      CommandAnswer(command: command.id, result: refusal.map { .refused($0) } ?? .done))
  }

  private mutating func carryOut(
    _ command: Command, at moment: Moment, into effects: inout Effects
  ) -> CommandRefusal? {
    if let until = command.action.until {
      guard until > moment.wall else { return .over }
      guard until - moment.wall <= Command.longest + Command.clockTolerance else { return .tooLong }
    }
    switch command.action {
    case .acknowledge(let name, let until, let cause):
      let known = Alert.Acknowledgement(authority: command.authority, at: moment.wall, until: until, cause: cause)
      return acknowledge(name, known, at: moment, into: &effects)
    case .silence(let output, let until):
      return silence(output, until: until, by: command.authority, at: moment, into: &effects)
    case .search(let search):
      return takeSearch(search, at: moment, into: &effects)
    case .maintenance(let sensors, let until):
      return maintain(sensors, until: until, at: moment, into: &effects)
    case .rehearse(let plan):
      return rehearse(plan, at: moment, into: &effects)
    case .endRehearsal(let sensor):
      return endRehearsals(of: sensor, at: moment, into: &effects)
    }
  }

  /// The command as a recording holds it: an alert is named by what it is about, since a replay gives other ids.
  public func recorded(_ command: Command) -> Command {
    guard case .acknowledge(.id(let id), let until, let cause) = command.action, let alert = activeAlert(.id(id)) else {
      return command
    }
    return Command(
      id: command.id, authority: command.authority,
      action: .acknowledge(.source(alert.sensor, alert.kind, alert.mode), until: until, cause: cause))
  }
}

extension Command.Action {
  /// When it is over; nil of what ends something.
  public var until: WallTime? {
    switch self {
    case .acknowledge(_, let until, _): until
    case .silence(_, let until), .maintenance(_, let until): until
    case .rehearse(let plan): plan.until
    case .search(let search): search.until
    case .endRehearsal: nil
    }
  }
}

// MARK: Silence

extension Station {
  /// A button beside the siren does the same.
  mutating func silence(
    _ output: OutputID?, until: WallTime?, by who: String, at moment: Moment, into effects: inout Effects
  ) -> CommandRefusal? {
    let meant = sirens.indices.filter { output == nil || sirens[$0].rule.id == output }
    guard !meant.isEmpty else { return .unknownOutput }
    guard let until else {
      var isEnded = false
      for index in meant where sirens[index].policy.endSilence(at: moment.monotonic) {
        isEnded = true
        updateSiren(index, isNews: false, at: moment, into: &effects)
      }
      return isEnded ? nil : .nothingToEnd
    }
    for index in meant {
      let end = CommandEnd(until: until, at: moment)
      let action = sirens[index].policy.silence(until: end.deadline, at: moment.monotonic)
      carryOut(action, of: index, by: [who], at: moment, into: &effects)
      saveSiren(index, at: moment, into: &effects)
      watchDeadline(ofSiren: index)
    }
    return nil
  }
}

// MARK: Acknowledgement

extension Station {
  /// The alert's latest message, in whatever mode.
  func activeAlert(_ name: Command.AlertName) -> Alert? {
    func isMeant(_ alert: Alert) -> Bool {
      switch name {
      case .id(let id): alert.id == id
      case .source(let sensor, let kind, let mode): alert.sensor == sensor && alert.kind == kind && alert.mode == mode
      }
    }
    return book.active.compactMap(\.told).first(where: isMeant)
      ?? rehearsals.lazy.flatMap(\.alerts).map(\.alert).first(where: isMeant)
  }

  private mutating func acknowledge(
    _ name: Command.AlertName, _ known: Alert.Acknowledgement, at moment: Moment, into effects: inout Effects
  ) -> CommandRefusal? {
    guard let alert = activeAlert(name) else { return .unknownAlert }
    let end = CommandEnd(until: known.until, at: moment)
    setAcknowledgement(of: alert, known, until: end, reason: "acknowledged", at: moment, into: &effects)
    return nil
  }

  private mutating func setAcknowledgement(
    of alert: Alert, _ known: Alert.Acknowledgement?, until end: CommandEnd?, reason: String, at moment: Moment,
    into effects: inout Effects
  ) {
    if let position = book.active.firstIndex(where: { $0.told?.id == alert.id }) {
      book.active[position].acknowledge(known, until: end)
      tell(position, reason: reason, content: alert.content, isNews: false, at: moment, into: &effects)
    } else if let index = rehearsals.firstIndex(where: { $0.alerts.contains { $0.alert.id == alert.id } }),
      let position = rehearsals[index].alerts.firstIndex(where: { $0.alert.id == alert.id })
    {
      rehearsals[index].alerts[position].acknowledge(known, until: end)
      let message = book.follow(
        rehearsals[index].alerts[position].alert, .update, reason: reason, content: alert.content,
        lostRevisions: rehearsals[index].alerts[position].lostRevisions, at: moment)
      rehearsals[index].alerts[position].tell(message)
      effects.alerts.append(message)
      saveRehearsal(index, at: moment, into: &effects)
    }
    watchCommandDeadline()
  }

  /// Who took note of an alert does not look after it any more.
  private mutating func endAcknowledgements(at moment: Moment, into effects: inout Effects) {
    func isOver(_ active: AlertBook.Active) -> Bool {
      active.acknowledgedUntil?.isOver(at: moment.monotonic) ?? false
    }
    while let alert = book.active.first(where: isOver)?.told
      ?? rehearsals.lazy.flatMap(\.alerts).first(where: isOver)?.alert
    {
      setAcknowledgement(of: alert, nil, until: nil, reason: "acknowledgement_over", at: moment, into: &effects)
    }
  }
}

extension AlertBook.Active {
  fileprivate mutating func acknowledge(_ known: Alert.Acknowledgement?, until end: CommandEnd?) {
    acknowledgedUntil = end
    if withheld == nil { alert.acknowledged = known } else { withheld?.told?.acknowledged = known }
  }
}

// MARK: Ends

extension Station {
  /// When the first of what was commanded changes by itself.
  var commandDeadline: MonotonicTime? {
    var earliest: MonotonicTime?
    func consider(_ time: MonotonicTime?) {
      guard let time else { return }
      earliest = earliest.map { min($0, time) } ?? time
    }
    for maintenance in maintenances { consider(maintenance.end.deadline) }
    for search in searches { consider(search.end.deadline) }
    for active in book.active { consider(active.acknowledgedUntil?.deadline) }
    for rehearsal in rehearsals {
      consider(rehearsal.deadline)
      for active in rehearsal.alerts { consider(active.acknowledgedUntil?.deadline) }
    }
    return earliest
  }

  mutating func wakeCommanded(at moment: Moment, into effects: inout Effects) {
    endMaintenance(at: moment, into: &effects)
    wakeRehearsals(at: moment, into: &effects)
    endAcknowledgements(at: moment, into: &effects)
    endSearches(at: moment, into: &effects)
  }

  /// The board was started: what an earlier run left behind is looked at before anything is heard.
  mutating func startCommanded(at moment: Moment, into effects: inout Effects) {
    startMaintenance(at: moment, into: &effects)
    startRehearsals(at: moment, into: &effects)
    startSearches(at: moment, into: &effects)
    if !isClockBehind { clockIsKnown(at: moment, into: &effects) }
  }

  /// The wall clock was set, or can be trusted more or less. Where it can be trusted each end is read by it; none is moved
  /// but those of which no clock told how much was left.
  mutating func clockIsKnown(at moment: Moment, into effects: inout Effects) {
    guard moment.clock != .unsynchronized else { return }
    for index in maintenances.indices {
      maintenances[index].end.clockIsKnown(at: moment)
      saveMaintenance(index, at: moment, into: &effects)
    }
    for index in rehearsals.indices {
      rehearsals[index].end.clockIsKnown(at: moment)
      for position in rehearsals[index].alerts.indices {
        rehearsals[index].alerts[position].acknowledgedUntil?.clockIsKnown(at: moment)
      }
      saveRehearsal(index, at: moment, into: &effects)
    }
    for position in book.active.indices where book.active[position].acknowledgedUntil != nil {
      book.active[position].acknowledgedUntil?.clockIsKnown(at: moment)
      save(position, at: moment, into: &effects)
    }
    for index in searches.indices {
      searches[index].end.clockIsKnown(at: moment)
      save(searches[index], at: moment, into: &effects)
    }
    watchCommandDeadline()
  }
}
