public import Observations

/// How readings become what the detectors see: plausibility, filters and the word of a second sensor.
extension Station {
  mutating func takeReading(_ index: Int, _ raw: Measure, at moment: Moment, into effects: inout Effects) {
    let other = otherValue(of: index, at: moment.monotonic)
    let lowest = channels.span[channels.span[index].stationOf ?? index].ladder?.lowestThreshold
    let verdict = channels[index].conditioner.take(
      raw, at: moment.monotonic, isHigh: { value in lowest.map { value >= $0 } ?? false }, other: other)
    switch verdict {
    case .rejected(let cause): reject(index, cause, at: moment, into: &effects)
    case .accepted(let value): accept(index, value, other: other?.value, at: moment, into: &effects)
    }
  }

  private mutating func accept(
    _ index: Int, _ value: Measure, other: Measure?, at moment: Moment, into effects: inout Effects
  ) {
    channels[index].value = value
    channels[index].conditioner.overruledBy = nil
    if channels.span[index].isGap(from: channels.span[index].faults.believableAt, to: moment.monotonic) {
      channels[index].limit?.forget()
    }
    let fault = channels.span[index].faults.declared
    let judged = agreed(index, value, other: other, at: moment, into: &effects)
    if judged != value { channels[index].conditioner.overruledBy = judged }
    judgeLevel(index, judged, at: moment, into: &effects)
    if channels.span[index].faults.declared != fault { updateSirens(of: index, at: moment, into: &effects) }
    if let change = channels[index].limit?.take(value, at: moment) {
      crossLimit(index, change, at: moment, into: &effects)
    }
    let isRisingFast = channels.span[index].reports.goesByTheClock && channels.span[index].isRisingFast
    let isDue = channels[index].reports.isDue(
      value, at: moment.monotonic, isRaised: channels.span[index].hazard != nil,
      isRisingFast: isRisingFast, gate: channels.span[index].conditioner.publishing)
    if isDue { report(index, isReading: true, at: moment, into: &effects) }
    watchDeadline(ofChannel: index)
  }

  /// A reading that is not believed. It is counted, and a fault if it goes on; a sensor that hangs is one at once.
  private mutating func reject(_ index: Int, _ cause: FaultCause, at moment: Moment, into effects: inout Effects) {
    takeFault(index, cause, at: moment)
    guard cause == .stuck, channels.span[index].faults.declared != .stuck else { return }
    declareFault(index, at: moment, into: &effects)
    doubtHazards(index, cause, at: moment, into: &effects)
  }

  /// Readings that were not believed, or overruled by another sensor, since the start; each cause once.
  public func rejectedReadings(of sensor: SensorID) -> [(cause: FaultCause, count: UInt64)] {
    guard let index = channelIndex[sensor] else { return [] }
    return channels[index].conditioner.rejected.map { ($0.cause, $0.count) }
  }
}

// MARK: Agreement

extension Station {
  /// Which channels watch each other, from the plan; both ways.
  static func pair(_ channels: inout [SensorChannel], by rules: [AgreementRule], index: [SensorID: Int]) {
    for rule in rules {
      guard let first = index[rule.first], let second = index[rule.second], first != second else { continue }
      channels[first].agreement = SensorChannel.Agreement(other: second, rule: rule)
      channels[second].agreement = SensorChannel.Agreement(other: first, rule: rule)
    }
  }

  /// What the other sensor of the same water says, if it can be believed now.
  private func otherValue(of index: Int, at time: MonotonicTime) -> (value: Measure, within: Measure)? {
    guard let agreement = channels.span[index].agreement, !channels.span[index].isUnderMaintenance,
      let value = soundValue(of: agreement.other, at: time)
    else { return nil }
    return (value, agreement.rule.within)
  }

  /// What a measuring sensor says, if it can be believed now, which it cannot while somebody works at it.
  func soundValue(of index: Int, at time: MonotonicTime) -> Measure? {
    guard let value = channels.span[index].value, channels.span[index].decides,
      !channels.span[index].isUnderMaintenance,
      !channels.span[index].conditioner.isTimedOut,
      time - channels.span[index].faults.believableAt
        <= channels.span[index].plan.staleAfter ?? FaultMonitor.measuringConfirmation
    else { return nil }
    return value
  }

  /// The value by which the sensor's flood is judged. While two sensors contradict each other it is the one on the safe
  /// side, at once; it is a fault of both when it goes on.
  private mutating func agreed(
    _ index: Int, _ value: Measure, other: Measure?, at moment: Moment, into effects: inout Effects
  ) -> Measure {
    guard let agreement = channels.span[index].agreement, let other,
      (value - other).thousandths.magnitude > agreement.rule.within.thousandths.magnitude
    else {
      channels[index].conditioner.contradictsSince = nil
      hear(index, at: moment, into: &effects)
      return value
    }
    let since = channels.span[index].conditioner.contradictsSince ?? moment.monotonic
    channels[index].conditioner.contradictsSince = since
    if moment.monotonic - since >= agreement.rule.after || channels.span[index].faults.declared == .contradicting {
      for channel in [index, agreement.other] {
        channels[channel].faults.doubted(.contradicting, isHeard: channel == index, at: moment.monotonic)
        if channels.span[channel].faults.declared == nil { declareFault(channel, at: moment, into: &effects) }
      }
    } else {
      hear(index, at: moment, into: &effects)
    }
    let safe = agreement.rule.safeSide == .higher ? max(value, other) : min(value, other)
    if safe != value { channels[index].conditioner.count(.contradicting) }
    return safe
  }

  /// A sensor says what can be, and is believed by that unless its readings jump about.
  private mutating func hear(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard channels.span[index].conditioner.isNoisy else { return believe(index, at: moment, into: &effects) }
    channels[index].faults.doubted(.noisy, isHeard: true, at: moment.monotonic)
    if channels.span[index].faults.declared == nil { declareFault(index, at: moment, into: &effects) }
  }
}
