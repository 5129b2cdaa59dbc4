import Observations

/// What a believable level leads to: steps, a fast rise, a forecast; and what becomes of them when the sensor fails.
extension Station {
  /// Joins the two sensors of one station.
  static func join(_ channels: inout [SensorChannel], by rules: [FloodRule], index: [SensorID: Int]) {
    for rule in rules {
      guard let pair = rule.pair, let first = index[rule.sensor], let second = index[pair.second], first != second
      else { continue }
      channels[first].pair = StationPair(other: second, combination: pair.combination)
      channels[second].stationOf = first
    }
  }

  /// A sensor of a level said `value`, after all that is done to a reading: it counts for the ladder of its station.
  mutating func judgeLevel(_ index: Int, _ value: Measure, at moment: Moment, into effects: inout Effects) {
    let time = moment.monotonic
    // Somebody works at this one: the other decides alone.
    if let other = channels.span[index].stationOf ?? channels.span[index].pair?.other,
      channels.span[index].isUnderMaintenance,
      !channels.span[other].isUnderMaintenance
    {
      return
    }
    if let first = channels.span[index].stationOf {
      let firstValue = soundValue(of: first, at: time)
      guard channels[first].pair?.heardOther(isFirstSound: firstValue != nil) == true else { return }
      let isDisputed = channels.span[index].conditioner.contradictsSince != nil
      let level = channels[first].pair?.combine(first: isDisputed ? nil : firstValue, other: value)
      takeLevel(first, level ?? value, at: moment, into: &effects)
      return watchDeadline(ofChannel: first)
    }
    guard let pair = channels.span[index].pair else { return takeLevel(index, value, at: moment, into: &effects) }
    channels[index].pair?.heardFirst()
    // While the two contradict each other `value` is the one on the agreement's safe side already.
    let isDisputed = channels.span[index].conditioner.contradictsSince != nil
    let other = isDisputed ? nil : soundValue(of: pair.other, at: time)
    let own = channels.span[index].decides || other == nil ? value : nil
    let level = channels[index].pair?.combine(first: own, other: other)
    takeLevel(index, level ?? value, at: moment, into: &effects)
  }

  /// Whether the other sensor of a station can be believed, so that the station is not blind with this one.
  func isOtherSound(_ index: Int, at time: MonotonicTime) -> Bool {
    channels.span[index].pair.map { soundValue(of: $0.other, at: time) != nil } ?? false
  }

  private mutating func takeLevel(_ index: Int, _ level: Measure, at moment: Moment, into effects: inout Effects) {
    guard let lowest = channels.span[index].ladder?.lowestThreshold else { return }
    if level >= lowest { endRehearsal(by: index, at: moment, into: &effects) }
    switch channels[index].take(level: level, at: moment) {
    case .step(let change): moveStep(index, change, at: moment, into: &effects)
    case .forecast(let change): tellForecast(index, change, at: moment, into: &effects)
    case nil: break
    }
    if let change = channels[index].trend?.rise?.take(level, at: moment) {
      turnRise(index, change, at: moment, into: &effects)
    }
    tellKeptBack(index, by: level, at: moment, into: &effects)
    proveHazards(index, level, at: moment, into: &effects)
    saveLadderIfNeeded(index, at: moment, into: &effects)
    saveTrendIfNeeded(index, at: moment, into: &effects)
  }

  // MARK: Rise

  private mutating func turnRise(
    _ index: Int, _ change: RiseWatch.Change, at moment: Moment, into effects: inout Effects
  ) {
    guard let severity = channels[index].trend?.rise?.rule.severity else { return }
    var content = AlertContent(
      severity: severity, urgency: severity >= .severe ? .immediate : .expected,
      observed: observedRise(index, isReading: true))
    let position = book.index(of: .rateOfRise, for: channels[index].plan.id)
    switch change {
    case .began(let onset):
      guard position == nil else { return }
      tell(.rateOfRise, channel: index, onset: onset, content: content, over: 0...0, at: moment, into: &effects)
    case .over:
      guard let position else {
        return keptBack(index, .rateOfRise, step: nil, isOver: true, at: moment, into: &effects)
      }
      content.urgency = .past
      clear(position, reason: "released", content: content, at: moment, into: &effects)
    }
  }

  // MARK: Forecast

  /// Where a forecast is told: with the level's alert, else with that of the fast rise. Without either it is only
  /// published with the observation.
  private mutating func tellForecast(
    _ index: Int, _ change: LevelForecast.Change, at moment: Moment, into effects: inout Effects
  ) {
    let sensor = channels[index].plan.id
    guard let position = book.index(of: .waterLevel, for: sensor) ?? book.index(of: .rateOfRise, for: sensor) else {
      return
    }
    let alert = book.active[position].alert
    guard !alert.isUnproven, change == .revised || alert.observed?.next != nil else { return }
    let content = AlertContent(
      level: alert.level, step: alert.step, severity: alert.severity, urgency: alert.urgency,
      certainty: alert.certainty, observed: observed(index, alert, at: moment))
    let reason = change == .revised ? "forecast" : "forecast_withdrawn"
    update(position, reason: reason, content: content, isNews: false, at: moment, into: &effects)
  }

  mutating func withdrawForecast(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard let change = channels[index].trend?.withdraw(at: moment) else { return }
    tellForecast(index, change, at: moment, into: &effects)
  }

  /// The sensor became faulty. What its readings confirmed, held or were going to do is not known any more, unless the
  /// other sensor of the station goes on.
  mutating func beginAnew(_ index: Int, at moment: Moment, into effects: inout Effects) {
    let station = channels.span[index].stationOf ?? index
    let isSound = station == index ? isOtherSound(index, at: moment.monotonic) : channels.span[station].decides
    guard channels.span[station].trend != nil, !isSound else { return }
    channels[station].ladder?.disbelieve()
    saveLadderIfNeeded(station, at: moment, into: &effects)
    channels[station].trend?.forget()
    withdrawForecast(station, at: moment, into: &effects)
    saveTrendIfNeeded(station, at: moment, into: &effects)
  }
}

// MARK: What is observed

extension Station {
  /// What a later message of a hazard says was observed.
  func observed(_ index: Int, _ alert: Alert, at moment: Moment) -> Alert.Observed? {
    switch alert.kind {
    case .waterLevel: observedWater(index, threshold: alert.observed?.threshold, isReading: false)
    case .rateOfRise: observedRise(index, isReading: false)
    case .rain: observedRain(index, alert.observed, at: moment)
    default: channels[index].observed(threshold: alert.observed?.threshold)
    }
  }

  func observedWater(_ index: Int, threshold: Measure?, isReading: Bool) -> Alert.Observed {
    var observed = channels[index].observed(threshold: threshold, isReading: isReading)
    if let pair = channels[index].pair {
      let isSound = isReading || channels[index].decides || isOtherSound(index, at: latest)
      observed.value = isSound ? pair.level ?? observed.value : nil
      let second = channels[pair.other].plan.id
      observed.sensors = (pair.isFromFirst ? [channels[index].plan.id] : []) + (pair.isFromOther ? [second] : [])
    }
    guard observed.value != nil else { return observed }
    observed.ratePerHour = channels[index].trend?.perHour
    observed.next = channels[index].trend?.next
    return observed
  }

  /// How much the water rose in the time of the rule.
  func observedRise(_ index: Int, isReading: Bool) -> Alert.Observed {
    let rise = channels[index].trend?.rise
    var observed = Alert.Observed(
      quantity: channels[index].plan.quantity, value: nil, threshold: rise?.rule.by, within: rise?.rule.within)
    guard isReading || channels[index].decides || isOtherSound(index, at: latest) else { return observed }
    observed.value = rise?.amount
    observed.ratePerHour = rise?.perHour
    observed.next = channels[index].trend?.next
    return observed
  }
}

// MARK: Alerts that come and go

extension Station {
  /// Something was raised, or rose over these levels.
  mutating func noteRise(
    _ index: Int, _ kind: AlertKind, over levels: ClosedRange<Int>, at moment: Moment, into effects: inout Effects
  ) {
    // Nothing comes and goes for those who are told.
    guard !keepsBack(index) else { return }
    let isNew = channels[index].flapping.rose(kind, over: levels, at: moment.monotonic)
    effects.saves.append(
      SavedState(
        key: SavedKey.flapping(channels.span[index].plan.id), savedAt: moment,
        part: .flapping(channels.span[index].flapping.rises)))
    guard isNew else { return }
    channels[index].hold(longer: true)
    let quantity = channels.span[index].plan.quantity
    let content = AlertContent(
      severity: .minor, urgency: .expected, observed: Alert.Observed(quantity: quantity, value: nil))
    raise(.unstable, channel: index, onset: moment, content: content, at: moment, into: &effects)
  }

  /// A sensor is steady again once all that it raised is over.
  mutating func endUnstable(_ sensor: SensorID, at moment: Moment, into effects: inout Effects) {
    guard let index = channelIndex[sensor], channels[index].flapping.isUnstable, !book.hasHazard(of: sensor) else {
      return
    }
    channels[index].flapping.end()
    channels[index].hold(longer: false)
    effects.saves.append(SavedState(key: SavedKey.flapping(sensor), savedAt: moment, part: nil))
    guard let position = book.index(of: .unstable, for: sensor) else { return }
    let content = AlertContent(
      severity: .minor, urgency: .past, observed: Alert.Observed(quantity: channels[index].plan.quantity, value: nil))
    clear(position, reason: "recovered", content: content, at: moment, into: &effects)
  }
}

// MARK: Memory

extension Station {
  mutating func saveTrendIfNeeded(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard channels.span[index].trend?.needsSaving == true, let memory = channels[index].trend?.save() else { return }
    effects.saves.append(
      SavedState(key: SavedKey.trend(channels.span[index].plan.id), savedAt: moment, part: .trend(memory)))
  }

  mutating func restoreTrend(_ index: Int, _ saved: [String: SavedState], shift: TimeShift) {
    guard channels[index].trend != nil else { return }
    let sensor = channels[index].plan.id
    let isRaised =
      book.index(of: .rateOfRise, for: sensor) != nil || channels[index].realert.held(.rateOfRise) != nil
    channels[index].trend?.rise?.restore(isRaised: isRaised)
    var isExact = false
    if let state = saved[SavedKey.trend(sensor)], case .trend(let memory)? = state.part {
      isExact = shift.isExact(state)
      channels[index].trend?.restore(memory, isRaised: isRaised, isExact: isExact) {
        shift.throughPause($0, savedAt: state.savedAt)
      }
    }
    guard !isExact else { return }
    let position = book.index(of: .waterLevel, for: sensor) ?? book.index(of: .rateOfRise, for: sensor)
    channels[index].trend?.restore(said: position.flatMap { book.active[$0].alert.observed?.next }, at: clock)
  }

  mutating func restoreFlapping(_ index: Int, _ saved: [String: SavedState], shift: TimeShift) {
    let sensor = channels[index].plan.id
    var rises: [FlapWatch.Rise] = []
    let state = saved[SavedKey.flapping(sensor)]
    if case .flapping(let remembered)? = state?.part { rises = remembered }
    let isUnstable = book.index(of: .unstable, for: sensor) != nil
    channels[index].flapping.restore(rises, isUnstable: isUnstable) { time in
      state.map { shift.throughPause(time, savedAt: $0.savedAt) } ?? time
    }
    if isUnstable { channels[index].hold(longer: true) }
  }
}
