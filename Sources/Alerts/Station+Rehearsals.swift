import Observations

/// Exercises and tests: their alerts have ids, a mode and topics of their own, and share nothing with what is real but the
/// numbers of the stream.
extension Station {
  /// Begins an exercise or a test; one of the same sensor that goes on is ended by it.
  mutating func rehearse(
    _ wanted: RehearsalPlan, at moment: Moment, into effects: inout Effects
  ) -> CommandRefusal? {
    guard let index = channelIndex[wanted.sensor] else { return .unknownSensor }
    var plan = wanted
    guard plan.mode != .actual, let readings = injectable(wanted.readings, of: channels[index].plan) else {
      return .badReadings
    }
    plan.readings = readings
    let end = CommandEnd(until: plan.until, at: moment)
    guard let rehearsal = Rehearsal(plan, of: self.plan, end: end, at: moment.monotonic) else {
      return .notDetectable
    }
    guard !measuresHazard(index, at: moment.monotonic) else { return .realHazard }
    if let known = rehearsals.firstIndex(where: { $0.plan.sensor == plan.sensor }) {
      endRehearsal(known, reason: "ended", at: moment, into: &effects)
    }
    let place = rehearsals.firstIndex { plan.sensor.text < $0.plan.sensor.text } ?? rehearsals.count
    rehearsals.insert(rehearsal, at: place)
    var heard = Effects()
    rehearsals[place].start(at: moment, into: &heard)
    saveRehearsal(place, at: moment, into: &effects)
    tell(heard.alerts, of: place, at: moment, into: &effects)
    watchCommandDeadline()
    return nil
  }

  mutating func endRehearsals(
    of sensor: SensorID?, at moment: Moment, into effects: inout Effects
  ) -> CommandRefusal? {
    let meant = rehearsals.map(\.plan.sensor).filter { sensor == nil || $0 == sensor }
    guard !meant.isEmpty else { return .nothingToEnd }
    for sensor in meant {
      guard let index = rehearsals.firstIndex(where: { $0.plan.sensor == sensor }) else { continue }
      endRehearsal(index, reason: "ended", at: moment, into: &effects)
    }
    return nil
  }

  /// What is real goes first: a sensor that measures what it raises an alert at ends its exercise, whatever is said of it.
  mutating func endRehearsal(by channel: Int, at moment: Moment, into effects: inout Effects) {
    guard !rehearsals.isEmpty else { return }
    let sensor = channels.span[channel].plan.id
    guard let index = rehearsals.firstIndex(where: { $0.plan.sensor == sensor }) else { return }
    endRehearsal(index, reason: "real_reading", at: moment, into: &effects)
  }

  /// The siren's condition in a drill: every input it waits for is rehearsed aloud and says danger.
  func drillMode(of siren: Siren) -> AlertMode? {
    guard !rehearsals.isEmpty, let rule = siren.rule.soundAt, !siren.required.isEmpty else { return nil }
    var mode: AlertMode?
    for channel in siren.required {
      guard let channel, let rehearsal = rehearsals.first(where: { $0.plan.sensor == channels[channel].plan.id }),
        rehearsal.plan.soundsSiren, let hazard = rehearsal.hazard, hazard >= rule.severity
      else { return nil }
      mode = mode ?? rehearsal.plan.mode
    }
    return mode
  }

  /// The readings in the sensor's own precision; nil where the sensor could not say them.
  private func injectable(_ readings: [RehearsalPlan.Reading], of sensor: SensorPlan) -> [RehearsalPlan.Reading]? {
    guard (1...RehearsalPlan.mostReadings).contains(readings.count), readings[0].offset == .zero else { return nil }
    var rounded: [RehearsalPlan.Reading] = []
    for reading in readings {
      guard let value = Measure(rounding: reading.value.value, for: sensor.quantity),
        reading.offset <= Command.longest
      else { return nil }
      if let range = sensor.range, !range.contains(value) { return nil }
      if let last = rounded.last {
        guard reading.offset > last.offset else { return nil }
        if sensor.quantity == .rain, value < last.value { return nil }
      }
      if sensor.quantity == .rain, value.thousandths < 0 { return nil }
      rounded.append(RehearsalPlan.Reading(offset: reading.offset, value: value))
    }
    return rounded
  }

  private func measuresHazard(_ index: Int, at time: MonotonicTime) -> Bool {
    let sensor = channels[index].plan.id
    if book.active.contains(where: { $0.alert.sensor == sensor && $0.alert.kind.isMeasured }) { return true }
    if channels[index].isContactActive == true { return true }
    guard let lowest = channels[index].ladder?.lowestThreshold else { return false }
    let level = channels[index].pair?.level ?? soundValue(of: index, at: time)
    return level.map { $0 >= lowest } ?? false
  }
}

// MARK: What they tell

extension Station {
  mutating func wakeRehearsals(at moment: Moment, into effects: inout Effects) {
    var index = 0
    while index < rehearsals.count {
      if rehearsals[index].end.isOver(at: moment.monotonic) {
        endRehearsal(index, reason: "ended", at: moment, into: &effects)
        continue
      }
      if rehearsals[index].deadline <= moment.monotonic {
        var heard = Effects()
        rehearsals[index].advance(to: moment, into: &heard)
        tell(heard.alerts, of: index, at: moment, into: &effects)
      }
      index += 1
    }
  }

  /// Makes the messages of a rehearsal's own station messages of this one.
  private mutating func tell(
    _ heard: [Alert], of index: Int, at moment: Moment, into effects: inout Effects
  ) {
    guard !heard.isEmpty else { return }
    for alert in heard {
      let position = rehearsals[index].alerts.firstIndex { $0.alert.kind == alert.kind }
      if let position {
        let message = book.follow(
          rehearsals[index].alerts[position].alert, alert.message == .clear ? .clear : .update,
          reason: alert.reason ?? "value", content: alert.content,
          lostRevisions: rehearsals[index].alerts[position].lostRevisions, at: alert.detected)
        rehearsals[index].alerts[position].tell(message)
        if message.message == .clear { rehearsals[index].alerts.remove(at: position) }
        effects.alerts.append(message)
      } else {
        rehearsalOrdinal += 1
        let message = book.raise(
          rehearsing: alert, mode: rehearsals[index].plan.mode, ordinal: rehearsalOrdinal)
        rehearsals[index].alerts.append(AlertBook.Active(alert: message, raisedAs: message.sequence))
        effects.alerts.append(message)
        effects.saves.append(
          SavedState(key: SavedKey.rehearsals, savedAt: moment, part: .book(ordinal: rehearsalOrdinal)))
      }
    }
    saveRehearsal(index, at: moment, into: &effects)
    updateSirens(rehearsing: rehearsals[index].plan.sensor, at: moment, into: &effects)
  }

  private mutating func endRehearsal(
    _ index: Int, reason: String, at moment: Moment, into effects: inout Effects
  ) {
    let ended = rehearsals.remove(at: index)
    for active in ended.alerts {
      var content = active.alert.content
      content.urgency = .past
      effects.alerts.append(
        book.follow(
          active.alert, .clear, reason: reason, content: content, lostRevisions: active.lostRevisions, at: moment))
    }
    effects.saves.append(
      SavedState(key: SavedKey.rehearsal(ended.plan.sensor), savedAt: moment, part: nil))
    updateSirens(rehearsing: ended.plan.sensor, at: moment, into: &effects)
  }

  private mutating func updateSirens(rehearsing sensor: SensorID, at moment: Moment, into effects: inout Effects) {
    guard let channel = channelIndex[sensor] else { return }
    for output in channels[channel].outputs { updateSiren(output, isNews: false, at: moment, into: &effects) }
  }
}

// MARK: Memory

extension Station {
  func saveRehearsal(_ index: Int, at moment: Moment, into effects: inout Effects) {
    let rehearsal = rehearsals[index]
    effects.saves.append(
      SavedState(
        key: SavedKey.rehearsal(rehearsal.plan.sensor), savedAt: moment,
        part: .rehearsal(rehearsal.memory(at: moment))))
  }

  mutating func restoreRehearsals(_ saved: [String: SavedState], shift: TimeShift) {
    if case .book(let last)? = saved[SavedKey.rehearsals]?.part { rehearsalOrdinal = last }
    for state in saved.values {
      guard case .rehearsal(let memory)? = state.part else { continue }
      if var rehearsal = Rehearsal(memory, of: plan, savedAt: state.savedAt, shift: shift) {
        for index in rehearsal.alerts.indices { rehearsal.alerts[index].lostRevisions += lostMessages }
        rehearsals.append(rehearsal)
      } else {
        lostRehearsals.append(memory)
      }
    }
    rehearsals.sort { $0.plan.sensor.text < $1.plan.sensor.text }
    lostRehearsals.sort { $0.plan.sensor.text < $1.plan.sensor.text }
  }

  mutating func startRehearsals(at moment: Moment, into effects: inout Effects) {
    for memory in lostRehearsals {
      for known in memory.alerts {
        effects.alerts.append(
          book.follow(
            known.alert, .clear, reason: "removed", content: known.alert.content,
            lostRevisions: (known.lostRevisions ?? 0) + lostMessages, at: moment))
      }
      effects.saves.append(
        SavedState(key: SavedKey.rehearsal(memory.plan.sensor), savedAt: moment, part: nil))
    }
    lostRehearsals = []
    for index in rehearsals.indices {
      var heard = Effects()
      rehearsals[index].station.start(at: moment, into: &heard)
      tell(heard.alerts, of: index, at: moment, into: &effects)
      if rehearsals[index].end.isProvisional { saveRehearsal(index, at: moment, into: &effects) }
    }
  }
}

extension AlertBook {
  /// The first message of an exercise's or a test's alert. Its id comes from a count of its own, so that what is real
  /// keeps the ids that it would have without.
  mutating func raise(rehearsing alert: Alert, mode: AlertMode, ordinal: UInt64) -> Alert {
    var message = alert
    message.id = identifyRehearsal(of: alert, mode: mode, ordinal: ordinal)
    message.mode = mode
    message.sequence = nextSequence()
    return message
  }
}
