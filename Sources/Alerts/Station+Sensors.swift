import Observations

/// What the station does with what sensors say.
extension Station {
  mutating func takeReading(_ index: Int, _ value: Measure, at moment: Moment, into effects: inout Effects) {
    if let range = channels[index].plan.range, !range.contains(value) {
      return takeFault(index, .outOfRange, at: moment)
    }
    believe(index, at: moment, into: &effects)
    channels[index].value = value
    if let change = channels[index].ladder?.take(value, at: moment) {
      moveStep(index, change, at: moment, into: &effects)
    }
    saveLadderIfNeeded(index, at: moment, into: &effects)
    if channels[index].reports.isDue(value, at: moment.monotonic, isRaised: channels[index].hazard != nil) {
      report(index, isReading: true, at: moment, into: &effects)
    }
    watchDeadline(ofChannel: index)
  }

  mutating func takeContact(_ index: Int, active: Bool, at moment: Moment, into effects: inout Effects) {
    believe(index, at: moment, into: &effects)
    let isChange = channels[index].isContactActive != active
    channels[index].isContactActive = active
    _ = channels[index].contact?.take(active, at: moment)
    saveContactIfVoid(index, at: moment, into: &effects)
    reportChange(index, isChange: isChange, at: moment, into: &effects)
    watchDeadline(ofChannel: index)
  }

  mutating func takeTips(_ index: Int, count: UInt64, at moment: Moment, into effects: inout Effects) {
    believe(index, at: moment, into: &effects)
    let rose = channels[index].rain?.take(count, at: moment.monotonic) ?? false
    if channels[index].rain?.needsSaving == true { saveRain(index, at: moment, into: &effects) }
    reportChange(index, isChange: rose, at: moment, into: &effects)
    watchDeadline(ofChannel: index)
  }

  mutating func takeAlive(_ index: Int, at moment: Moment, into effects: inout Effects) {
    believe(index, at: moment, into: &effects)
    if !channels[index].isReceiverHeard {
      channels[index].isReceiverHeard = true
      reportChange(index, isChange: true, at: moment, into: &effects)
    }
    watchDeadline(ofChannel: index)
  }

  mutating func takeLineAlive(_ index: Int, at moment: Moment, into effects: inout Effects) {
    believe(index, at: moment, into: &effects)
    watchDeadline(ofChannel: index)
  }

  /// A driver's fault or a reading out of range. It is an alert only if it goes on.
  mutating func takeFault(_ index: Int, _ cause: FaultCause, at moment: Moment) {
    channels[index].faults.failed(cause, at: moment.monotonic)
    if cause == .outOfRange || cause == .blindZone || cause == .noTarget {
      // The sensor measured, and nonsense: what it was about to confirm is in doubt. A lost answer says nothing.
      channels[index].ladder?.disbelieve()
    }
    watchDeadline(ofChannel: index)
  }

  /// Time alone changed something for a sensor.
  mutating func wakeChannel(_ index: Int, at moment: Moment, into effects: inout Effects) {
    let time = moment.monotonic
    if let due = channels[index].faults.deadline, due <= time { declareFault(index, at: moment, into: &effects) }
    if let due = channels[index].contact?.saveDeadline, due <= time { saveContact(index, at: moment, into: &effects) }
    if let due = channels[index].contact?.deadline, due <= time { turnContact(index, at: moment, into: &effects) }
    if let due = channels[index].rain?.saveDeadline, due <= time { saveRain(index, at: moment, into: &effects) }
    if let due = channels[index].reports.deadline(isRaised: channels[index].hazard != nil), due <= time {
      report(index, isReading: false, at: moment, into: &effects)
    }
  }
}

// MARK: Faults

extension Station {
  private mutating func believe(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard channels[index].faults.believed(at: moment.monotonic) else { return }
    let sensor = channels[index].plan.id
    if let position = book.index(of: channels[index].faultKind, for: sensor) {
      var content = faultContent(index, cause: book.active[position].alert.fault)
      content.urgency = .past
      clear(position, reason: "recovered", content: content, at: moment, into: &effects)
    }
    faultChanged(index, at: moment, into: &effects)
  }

  private mutating func declareFault(_ index: Int, at moment: Moment, into effects: inout Effects) {
    let onset = channels[index].faults.believableAt
    let cause = channels[index].faults.declare()
    channels[index].isContactActive = nil
    channels[index].contact?.disbelieve()
    saveContactIfVoid(index, at: moment, into: &effects)
    let began = min(onset, moment.monotonic)
    raise(
      channels[index].faultKind, channel: index,
      onset: Moment(monotonic: began, wall: moment.wall - (moment.monotonic - began), clock: moment.clock),
      content: faultContent(index, cause: cause), at: moment, into: &effects)
    faultChanged(index, at: moment, into: &effects)
  }

  /// Tells those who count on the sensor: the latest value, the places it listens at, the outputs it decides on.
  private mutating func faultChanged(_ index: Int, at moment: Moment, into effects: inout Effects) {
    report(index, isReading: false, at: moment, into: &effects)
    for position in channels[index].places.indices {
      updatePlace(channels[index].places[position].place, at: moment, into: &effects)
    }
    for position in channels[index].outputs.indices {
      updateSiren(channels[index].outputs[position], isNews: false, at: moment, into: &effects)
    }
  }

  func faultContent(_ index: Int, cause: FaultCause?) -> AlertContent {
    let isBlind = channels[index].faultKind == .blind
    return AlertContent(
      severity: isBlind ? .moderate : .minor, urgency: .expected, fault: cause,
      observed: Alert.Observed(quantity: channels[index].plan.quantity, value: nil))
  }
}

// MARK: Reports

extension Station {
  private mutating func report(_ index: Int, isReading: Bool, at moment: Moment, into effects: inout Effects) {
    effects.observations.append(
      Effects.ObservationReport(
        sensor: channels[index].plan.id, at: moment, value: channels[index].reportedValue(isReading: isReading),
        fault: channels[index].faults.declared))
    let value = isReading || !channels[index].isFaulty ? channels[index].value : nil
    channels[index].reports.reported(value, at: moment.monotonic)
    watchDeadline(ofChannel: index)
  }

  /// For sensors that speak only when something changes.
  private mutating func reportChange(_ index: Int, isChange: Bool, at moment: Moment, into effects: inout Effects) {
    guard isChange || channels[index].reports.isUnreported else { return }
    if channels[index].reports.changed(at: moment.monotonic) {
      report(index, isReading: false, at: moment, into: &effects)
    }
  }
}

// MARK: What must outlive a restart

extension Station {
  private mutating func saveLadderIfNeeded(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard channels[index].ladder?.needsSaving == true, let memory = channels[index].ladder?.save() else { return }
    effects.saves.append(
      SavedState(key: SavedKey.flood(channels[index].plan.id), savedAt: moment, part: .flood(memory)))
  }

  private mutating func saveContact(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard let memory = channels[index].contact?.save() else { return }
    effects.saves.append(
      SavedState(key: SavedKey.contact(channels[index].plan.id), savedAt: moment, part: .contact(memory)))
  }

  mutating func saveContactIfVoid(_ index: Int, at moment: Moment, into effects: inout Effects) {
    if channels[index].contact?.isVoid == true { saveContact(index, at: moment, into: &effects) }
  }

  private mutating func saveRain(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard let memory = channels[index].rain?.save() else { return }
    effects.saves.append(
      SavedState(key: SavedKey.rain(channels[index].plan.id), savedAt: moment, part: .rain(memory)))
  }
}
