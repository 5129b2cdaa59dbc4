import Observations

/// What the station does with what sensors say.
extension Station {
  mutating func takeContact(_ index: Int, active: Bool, at moment: Moment, into effects: inout Effects) {
    believe(index, at: moment, into: &effects)
    let isChange = channels.span[index].isContactActive != active
    // Pressed is what was not pressed before: a button that hangs silences nothing after a restart.
    if active, channels.span[index].isContactActive == false { press(index, at: moment, into: &effects) }
    channels[index].isContactActive = active
    if active { endRehearsal(by: index, at: moment, into: &effects) }
    _ = channels[index].contact?.take(active, at: moment)
    saveContactIfVoid(index, at: moment, into: &effects)
    reportChange(index, isChange: isChange, at: moment, into: &effects)
    watchDeadline(ofChannel: index)
  }

  mutating func takeTips(_ index: Int, count: UInt64, at moment: Moment, into effects: inout Effects) {
    believe(index, at: moment, into: &effects)
    let rose = channels[index].rain?.take(count, at: moment) ?? false
    if rose { judgeAmounts(index, at: moment, into: &effects) }
    if channels[index].rain?.total.needsSaving == true { saveRain(index, at: moment, into: &effects) }
    reportChange(index, isChange: rose, at: moment, into: &effects)
    watchDeadline(ofChannel: index)
  }

  mutating func takePosition(_ index: Int, _ fix: PositionFix, at moment: Moment, into effects: inout Effects) {
    channels[index].fix = (fix, moment.monotonic)
    takeAlive(index, at: moment, into: &effects)
  }

  mutating func takeAlive(_ index: Int, at moment: Moment, into effects: inout Effects) {
    believe(index, at: moment, into: &effects)
    if !channels.span[index].isReceiverHeard {
      channels[index].isReceiverHeard = true
      reportChange(index, isChange: true, at: moment, into: &effects)
    }
    watchDeadline(ofChannel: index)
  }

  mutating func takeLineAlive(_ index: Int, at moment: Moment, into effects: inout Effects) {
    believe(index, at: moment, into: &effects)
    channels[index].rain?.sound(at: moment)
    watchDeadline(ofChannel: index)
  }

  /// A driver's fault or a reading out of range. It is an alert only if it goes on.
  mutating func takeFault(_ index: Int, _ cause: FaultCause, at moment: Moment) {
    channels[index].faults.failed(cause, at: moment.monotonic)
    noteGroupCause(index, cause, at: moment)
    // No fix is no position, from this moment on.
    channels[index].fix = nil
    if cause == .outOfRange || cause == .blindZone || cause == .noTarget {
      // The sensor measured, and nonsense: what it was about to confirm is in doubt. A lost answer says nothing.
      if !isOtherSound(index, at: moment.monotonic) { channels[index].ladder?.disbelieve() }
    }
    channels[index].rain?.interrupt(at: moment)
    if cause == .cableBreak || cause == .shortCircuit {
      // A torn cable is neither wet nor dry: what it was about to confirm or to clear is void at once.
      channels[index].isContactActive = nil
      channels[index].contact?.disbelieve()
    }
    watchDeadline(ofChannel: index)
  }

  /// Time alone changed something for a sensor.
  mutating func wakeChannel(_ index: Int, at moment: Moment, into effects: inout Effects) {
    let time = moment.monotonic
    if let due = channels.span[index].faults.deadline, due <= time { declareFault(index, at: moment, into: &effects) }
    if let due = channels.span[index].settlesAt, due <= time { settleGroup(at: index, at: moment, into: &effects) }
    if let since = channels.span[index].unprovenSince, let rule = channels.span[index].ladder?.rule,
      since + rule.unprovenFor <= time
    {
      endUnproven(index, at: moment, into: &effects)
    }
    if let due = channels.span[index].flicker.deadline, due <= time {
      endFlicker(of: .sensor(index), at: moment, into: &effects)
    }
    if let due = channels.span[index].keptBackDeadline, due <= time {
      tellKeptBackContact(index, at: moment, into: &effects)
    }
    if channels.span[index].isMeasuring, channels[index].conditioner.wake(at: time) {
      report(index, isReading: false, at: moment, into: &effects)
    }
    if let due = channels.span[index].contact?.saveDeadline, due <= time {
      saveContact(index, at: moment, into: &effects)
    }
    if let due = channels.span[index].contact?.deadline, due <= time { turnContact(index, at: moment, into: &effects) }
    if let due = channels.span[index].trend?.forecastEnds, due <= time {
      withdrawForecast(index, at: moment, into: &effects)
    }
    wakeRain(index, at: moment, into: &effects)
    if let due = channels.span[index].reports.deadline(isRaised: channels.span[index].hazard != nil), due <= time {
      report(index, isReading: false, at: moment, into: &effects)
    }
  }
}

// MARK: Faults

extension Station {
  mutating func believe(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard channels[index].faults.believed(at: moment.monotonic) else { return }
    let stays = keepsFaultAlert(of: .sensor(index), at: moment, into: &effects)
    if channels.span[index].isGrouped {
      leaveGroup(index, at: moment, into: &effects)
    } else if !stays {
      clearFault(of: .sensor(index), at: moment, into: &effects)
    }
    // What the reading says of the water comes first: a siren must not blink because a sensor is sound again and calm.
    faultChanged(index, switchesOutputs: !channels.span[index].isMeasuring, at: moment, into: &effects)
  }

  mutating func declareFault(_ index: Int, at moment: Moment, into effects: inout Effects) {
    let onset = channels[index].faults.believableAt
    let cause = fall(index, at: moment, into: &effects)
    if let position = faultAlert(of: .sensor(index)) {
      // It was faulty already, and is now for a worse reason; or it comes and goes, which was said.
      if !channels[index].flicker.isSaid || cause == .stuck {
        update(
          position, reason: "cause", content: faultContent(index, cause: cause), isNews: false, at: moment,
          into: &effects)
      }
      return faultChanged(index, at: moment, into: &effects)
    }
    if joinGroup(index, cause, at: moment, into: &effects) { return }
    // It speaks, and hangs: that is its own affair.
    if channels[index].isGrouped { leaveGroup(index, at: moment, into: &effects) }
    raiseFault(
      of: .sensor(index), onset: onset, content: faultContent(index, cause: cause), at: moment, into: &effects)
    faultChanged(index, at: moment, into: &effects)
  }

  /// The sensor is faulty from now on: what it last said holds no longer. Returns why.
  @discardableResult
  mutating func fall(_ index: Int, at moment: Moment, into effects: inout Effects) -> FaultCause {
    let cause = channels[index].faults.declare()
    channels[index].flicker.fell()
    channels[index].isContactActive = nil
    channels[index].contact?.disbelieve()
    saveContactIfVoid(index, at: moment, into: &effects)
    if !cause.isDoubt {
      channels[index].conditioner.restart()
      channels[index].limit?.forget()
      beginAnew(index, at: moment, into: &effects)
    }
    return cause
  }

  /// Tells those who count on the sensor: the latest value, the places it listens at, the outputs it decides on.
  mutating func faultChanged(
    _ index: Int, switchesOutputs: Bool = true, at moment: Moment, into effects: inout Effects
  ) {
    report(index, isReading: false, at: moment, into: &effects)
    for position in channels.span[index].places.indices {
      updatePlace(channels.span[index].places[position].place, at: moment, into: &effects)
    }
    if switchesOutputs { updateSirens(of: index, at: moment, into: &effects) }
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
  mutating func report(_ index: Int, isReading: Bool, at moment: Moment, into effects: inout Effects) {
    let reported = channels.span[index].reportedValue(isReading: isReading)
    effects.observations.append(
      Effects.ObservationReport(
        sensor: channels.span[index].plan.id, at: moment, value: reported,
        fault: channels.span[index].faults.declared,
        ratePerHour: reported == nil ? nil : channels.span[index].trend?.perHour,
        next: channels.span[index].trend?.next, sums: channels[index].rain?.sums(at: moment)))
    let value = isReading || !channels.span[index].isFaulty ? channels.span[index].value : nil
    channels[index].reports.reported(value, at: moment.monotonic)
    channels[index].conditioner.published()
    watchDeadline(ofChannel: index)
  }

  /// For sensors that speak only when something changes.
  private mutating func reportChange(_ index: Int, isChange: Bool, at moment: Moment, into effects: inout Effects) {
    guard isChange || channels.span[index].reports.isUnreported else { return }
    if channels[index].reports.changed(at: moment.monotonic) {
      report(index, isReading: false, at: moment, into: &effects)
    }
  }
}

// MARK: What must outlive a restart

extension Station {
  mutating func saveLadderIfNeeded(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard channels.span[index].ladder?.needsSaving == true, let memory = channels[index].ladder?.save() else { return }
    effects.saves.append(
      SavedState(key: SavedKey.flood(channels.span[index].plan.id), savedAt: moment, part: .flood(memory)))
  }

  private mutating func saveContact(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard let memory = channels[index].contact?.save() else { return }
    effects.saves.append(
      SavedState(key: SavedKey.contact(channels[index].plan.id), savedAt: moment, part: .contact(memory)))
  }

  mutating func saveContactIfVoid(_ index: Int, at moment: Moment, into effects: inout Effects) {
    if channels.span[index].contact?.isVoid == true { saveContact(index, at: moment, into: &effects) }
  }

  mutating func saveRain(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard let memory = channels[index].rain?.save() else { return }
    effects.saves.append(
      SavedState(key: SavedKey.rain(channels[index].plan.id), savedAt: moment, part: .rain(memory)))
  }
}
