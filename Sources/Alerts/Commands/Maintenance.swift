import Observations

/// Somebody works at one sensor, or at the whole gateway, until an end.
struct Maintenance: Sendable, Hashable, Codable {
  /// Nil: the whole gateway.
  var sensor: SensorID?
  var end: CommandEnd
}

extension Station {
  /// Begins maintenance, gives it another end, or ends it before its time.
  mutating func maintain(
    _ sensors: [SensorID]?, until: WallTime?, at moment: Moment, into effects: inout Effects
  ) -> CommandRefusal? {
    if let sensors {
      guard !sensors.isEmpty, sensors.allSatisfy({ channelIndex[$0] != nil }) else { return .unknownSensor }
    }
    var seen: Set<SensorID> = []
    let scopes: [SensorID?] = sensors.map { $0.filter { seen.insert($0).inserted } } ?? [nil]
    guard let until else {
      let meant = maintenances.filter { scopes.contains($0.sensor) }
      guard !meant.isEmpty else { return .nothingToEnd }
      endMaintenance(meant, at: moment, into: &effects)
      return nil
    }
    for sensor in scopes {
      let maintenance = Maintenance(sensor: sensor, end: CommandEnd(until: until, at: moment))
      maintenances.removeAll { $0.sensor == sensor }
      let index = maintenances.firstIndex { sensor.map(\.text) ?? "" < $0.sensor?.text ?? "" } ?? maintenances.count
      maintenances.insert(maintenance, at: index)
      saveMaintenance(index, at: moment, into: &effects)
      tellMaintenance(maintenance, at: moment, into: &effects)
    }
    markMaintenance()
    lockSirens(at: moment, into: &effects)
    watchCommandDeadline()
    return nil
  }

  /// Whether an alert that names this sensor, or the gateway, has maintenance behind it.
  func isMaintained(_ name: SensorID) -> Bool {
    maintenances.contains { alertName(of: $0) == name }
  }

  /// Whether an alert is kept back: a person at a sensor makes it say what it likes.
  func isWithheld(_ kind: AlertKind, of sensor: SensorID) -> Bool {
    guard kind.isHazard, !maintenances.isEmpty, let index = channelIndex[sensor] else { return false }
    return keepsBack(index)
  }

  /// Whether nothing that can be believed is left to raise a sensor's alerts: of two sensors of a station the other one
  /// decides while somebody works at this.
  func keepsBack(_ index: Int) -> Bool {
    guard channels[index].isUnderMaintenance else { return false }
    return channels[index].pair.map { channels[$0.other].isUnderMaintenance } ?? true
  }

  /// Whether an output must not sound because somebody works at what it depends on.
  func isLocked(_ siren: Siren) -> Bool {
    maintenances.contains { $0.sensor == nil }
      || siren.required.contains { channel in channel.map { keepsBack($0) } ?? false }
  }

  /// Alerts of the whole gateway name it where others name a sensor.
  private func alertName(of maintenance: Maintenance) -> SensorID {
    maintenance.sensor ?? SensorID(plan.gateway)
  }

  private mutating func tellMaintenance(
    _ maintenance: Maintenance, at moment: Moment, into effects: inout Effects
  ) {
    let content = AlertContent(severity: .minor, urgency: .expected, until: maintenance.end.until)
    let name = alertName(of: maintenance)
    if let position = book.index(of: .maintenance, for: name) {
      return update(position, reason: "until", content: content, isNews: false, at: moment, into: &effects)
    }
    let shown = channelIndex[name].map { channels[$0].plan.name } ?? name.text
    raise(
      .maintenance, sensor: name, name: shown, onset: moment, content: content, at: moment, into: &effects)
  }

  private mutating func markMaintenance() {
    let isWhole = maintenances.contains { $0.sensor == nil }
    for index in channels.indices { channels[index].isUnderMaintenance = isWhole }
    for maintenance in maintenances {
      guard let index = maintenance.sensor.flatMap({ channelIndex[$0] }) else { continue }
      channels[index].isUnderMaintenance = true
    }
  }

  private mutating func lockSirens(at moment: Moment, into effects: inout Effects) {
    for index in sirens.indices {
      let before = sirens[index].memory
      let action = sirens[index].policy.lock(isLocked(sirens[index]), at: moment.monotonic)
      guard action != nil else { continue }
      if sirens[index].memory != before { saveSiren(index, at: moment, into: &effects) }
      carryOut(action, of: index, at: moment, into: &effects)
      updateSiren(index, isNews: false, at: moment, into: &effects)
    }
  }

  func saveMaintenance(_ index: Int, at moment: Moment, into effects: inout Effects) {
    let maintenance = maintenances[index]
    effects.saves.append(
      SavedState(
        key: SavedKey.maintenance(maintenance.sensor), savedAt: moment, part: .maintenance(maintenance)))
  }
}

// MARK: The end

extension Station {
  /// Ends what is over by itself.
  mutating func endMaintenance(at moment: Moment, into effects: inout Effects) {
    let over = maintenances.filter { $0.end.isOver(at: moment.monotonic) }
    if !over.isEmpty { endMaintenance(over, at: moment, into: &effects) }
  }

  /// Nobody works there any more: what holds now is told now, and sirens sound for it.
  private mutating func endMaintenance(
    _ ended: [Maintenance], at moment: Moment, into effects: inout Effects
  ) {
    maintenances.removeAll { ended.contains($0) }
    for maintenance in ended {
      effects.saves.append(
        SavedState(key: SavedKey.maintenance(maintenance.sensor), savedAt: moment, part: nil))
      let name = alertName(of: maintenance)
      guard !isMaintained(name), let position = book.index(of: .maintenance, for: name) else { continue }
      var content = book.active[position].alert.content
      content.urgency = .past
      clear(position, reason: "recovered", content: content, at: moment, into: &effects)
    }
    markMaintenance()
    lockSirens(at: moment, into: &effects)
    release(at: moment, into: &effects)
    watchCommandDeadline()
  }

  private mutating func release(at moment: Moment, into effects: inout Effects) {
    for index in channels.indices where !keepsBack(index) { release(index, at: moment, into: &effects) }
  }

  /// Tells what was kept back of a sensor, as far as it is so now.
  private mutating func release(_ index: Int, at moment: Moment, into effects: inout Effects) {
    let sensor = channels[index].plan.id
    for kind in AlertKind.allCases {
      guard let position = book.withheldIndex(of: kind, for: sensor) else { continue }
      let active = book.active[position]
      guard let withheld = active.withheld else { continue }
      var content = active.alert.content
      if !active.alert.isUnproven, !withheld.isOver {
        content.observed = observed(index, active.alert, at: moment)
      }
      guard let told = withheld.told else {
        book.dropUntold(position)
        raise(kind, channel: index, onset: active.alert.onset, content: content, at: moment, into: &effects)
        continue
      }
      book.active[position].alert = told
      book.active[position].withheld = nil
      if withheld.isOver {
        clear(position, reason: withheld.reason, content: content, at: moment, into: &effects)
      } else if told.step != content.step {
        let isRise = content.severity > told.severity || content.level ?? 0 > told.level ?? 0
        update(position, reason: "step", content: content, isNews: isRise, at: moment, into: &effects)
      } else if told.severity != content.severity || told.certainty != content.certainty || told.fault != content.fault
      {
        update(
          position, reason: withheld.reason, content: content, isNews: content.severity > told.severity,
          at: moment, into: &effects)
      } else {
        save(position, at: moment, into: &effects)
      }
    }
    channels[index].hazard = book.hazard(of: sensor)
  }
}

// MARK: Memory

extension Station {
  mutating func restoreMaintenance(_ saved: [String: SavedState], shift: TimeShift) {
    for state in saved.values {
      guard case .maintenance(var maintenance)? = state.part else { continue }
      maintenance.end = maintenance.end.shifted(by: shift, savedAt: state.savedAt)
      maintenances.append(maintenance)
    }
    maintenances.sort { ($0.sensor?.text ?? "") < ($1.sensor?.text ?? "") }
    markMaintenance()
  }

  /// Says what goes on, and forgets what concerns a sensor that was configured away.
  mutating func startMaintenance(at moment: Moment, into effects: inout Effects) {
    let gone = maintenances.filter { maintenance in maintenance.sensor.map { channelIndex[$0] == nil } ?? false }
    if !gone.isEmpty { endMaintenance(gone, at: moment, into: &effects) }
    for index in maintenances.indices where maintenances[index].end.isProvisional {
      saveMaintenance(index, at: moment, into: &effects)
    }
    // Nothing stays kept back for which there is no reason any more.
    release(at: moment, into: &effects)
  }
}
