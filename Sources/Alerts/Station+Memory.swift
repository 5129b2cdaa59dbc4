public import Observations

/// What outlives a restart.
extension Station {
  /// Takes up what an earlier run left behind, before the first input.
  ///
  /// After `snapshot(at:)` the station goes on as if there had been no pause; silence during the pause counts against no
  /// sensor and nobody. After a crash there is what `Effects.saves` said: alerts, holds, presence, rain and outputs are as
  /// they were; readings that were still being confirmed, and sightings towards an arrival, are counted anew.
  ///
  /// - Parameters:
  ///   - states: the newest state of each key, in any order; of several with one key the last counts.
  ///   - sequences: the last number of each stream, from the ledger; nil: there is none, and the numbers go on.
  ///   - sameBoot: whether `states` were saved in this boot, so that their monotonic times still hold.
  ///   - boot: the present boot, by which states of an earlier one are told that no restart has saved anew since.
  ///   - lostMessages: how many messages of alerts an earlier run numbered and could not store before it was killed. Any of
  ///     them may have been the next revision of any active alert, and may have been sent.
  public mutating func restore(
    _ states: [SavedState], sequences: [String: UInt64]?, at moment: Moment, sameBoot: Bool, boot: String? = nil,
    lostMessages: Int = 0
  ) {
    self.lostMessages = lostMessages
    var saved: [String: SavedState] = [:]
    for state in states { saved[state.key] = state.part == nil ? nil : state }
    clock = moment
    latest = moment.monotonic
    let elsewhere = boot.map { boot in saved.values.filter { $0.boot ?? boot != boot }.map(\.savedAt) } ?? []
    let shift = TimeShift(
      now: moment, sameBoot: sameBoot, elsewhere: Set(elsewhere), stopped: saved[SavedKey.stopped]?.savedAt)
    let lastAlive = saved.values.lazy.map(\.savedAt).max { $0.wall < $1.wall }
    let ofThisBoot = saved.values.map(\.savedAt).filter { shift.isSameBoot($0) }
    let newest = (ofThisBoot.isEmpty ? saved.values.map(\.savedAt) : ofThisBoot).max { $0.monotonic < $1.monotonic }
    isTrustChanged = newest?.clock != moment.clock
    isClockBehind = saved.values.contains { shift.isClockBehind($0.savedAt) }
    restoreBook(saved, sequences: sequences, shift: shift)
    restoreMaintenance(saved, shift: shift)
    for index in channels.indices { restoreChannel(index, saved, shift: shift) }
    for index in groups.indices { restoreGroup(index, saved, shift: shift) }
    for index in sirens.indices { restoreSiren(index, saved, shift: shift) }
    for state in saved.values {
      guard case .presence(let memory)? = state.part else { continue }
      rememberedPresence[memory.place, default: [:]][memory.subject] = memory.shifted(
        by: shift, savedAt: state.savedAt, isExact: shift.isExact(state), lastAlive: lastAlive)
    }
    restorePlaces(saved, lastAlive: lastAlive, shift: shift)
    restoreNews(saved, shift: shift)
    restoreCarriers(saved, shift: shift)
    restoreRehearsals(saved, shift: shift)
    // A place whose receivers were all faulty still is blind: silence does not count there until one works.
    for index in places.indices where !places[index].receivers.isEmpty {
      if places[index].receivers.allSatisfy({ channels[$0].isFaulty }) {
        places[index].watch.setBlind(true, at: moment.monotonic)
      }
    }
  }

  /// Everything, for a clean stop: with it a restart goes on as if there had been none.
  public func snapshot(at moment: Moment) -> [SavedState] {
    var states: [SavedState] = []
    func add(_ key: String, _ part: SavedState.Part?) {
      states.append(SavedState(key: key, savedAt: moment, part: part))
    }
    add(SavedKey.book, .book(ordinal: book.ordinal))
    for active in book.active {
      add(
        SavedKey.alert(active.alert.sensor, active.alert.kind),
        .alert(active.memory))
    }
    for channel in channels {
      add(
        SavedKey.channel(channel.plan.id),
        .channel(
          channel.faults.memory(
            value: channel.value, conditioner: channel.conditioner.memory, pair: channel.pair?.memory,
            beyondLimitSince: channel.limit?.beyondSince)))
      if let ladder = channel.ladder { add(SavedKey.flood(channel.plan.id), .flood(ladder.memory)) }
      if let trend = channel.trend { add(SavedKey.trend(channel.plan.id), .trend(trend.memory)) }
      if let since = channel.unprovenSince { add(SavedKey.unproven(channel.plan.id), .unproven(since: since)) }
      let realert = channel.realert.memory
      if realert != RealertWatch.Memory() { add(SavedKey.realert(channel.plan.id), .realert(realert)) }
      let rises = channel.flapping.rises
      if !rises.isEmpty { add(SavedKey.flapping(channel.plan.id), .flapping(rises)) }
      if let flicker = channel.flicker.memory { add(SavedKey.flicker(channel.plan.id), .flicker(flicker)) }
      if let contact = channel.contact { add(SavedKey.contact(channel.plan.id), .contact(contact.memory)) }
      if channel.button != nil {
        add(SavedKey.contact(channel.plan.id), .contact(ContactMemory(isActive: channel.isContactActive, since: nil)))
      }
      if let rain = channel.rain { add(SavedKey.rain(channel.plan.id), .rain(rain.memory)) }
    }
    for index in groups.indices where groups[index].isTold || groups[index].flicker.memory != nil {
      add(SavedKey.faultGroup(groups[index].source), .faultGroup(groupMemory(index)))
    }
    for siren in sirens { add(SavedKey.output(siren.rule.id), .output(siren.memory)) }
    for place in places {
      if place.news != PlaceNews() { add(SavedKey.news(place.watch.rule.id), .placeNews(place.news)) }
      if let memory = place.watch.memory { add(SavedKey.place(memory.place), .place(memory)) }
      for index in place.watch.people.indices {
        guard place.watch.isWorthRemembering(index) else { continue }
        let memory = place.watch.memory(of: index, withSightings: true)
        add(SavedKey.presence(memory.place, memory.subject), .presence(memory))
      }
    }
    for memory in carrierMemories { add(SavedKey.carrier(memory.subject), .carrier(memory)) }
    for maintenance in maintenances { add(SavedKey.maintenance(maintenance.sensor), .maintenance(maintenance)) }
    if rehearsalOrdinal > 0 { add(SavedKey.rehearsals, .book(ordinal: rehearsalOrdinal)) }
    for rehearsal in rehearsals {
      add(SavedKey.rehearsal(rehearsal.plan.sensor), .rehearsal(rehearsal.memory(at: moment)))
    }
    for search in searches { add(SavedKey.search(search.subject), .search(search)) }
    add(SavedKey.stopped, .stopped)
    return states
  }

  private mutating func restoreBook(_ saved: [String: SavedState], sequences: [String: UInt64]?, shift: TimeShift) {
    var ordinal: UInt64 = 0
    if case .book(let last)? = saved[SavedKey.book]?.part { ordinal = last }
    var alerts: [AlertBook.Active] = []
    for state in saved.values {
      guard case .alert(let memory)? = state.part else { continue }
      alerts.append(AlertBook.Active(memory, savedAt: state.savedAt, shift: shift))
      alerts[alerts.count - 1].lostRevisions += lostMessages
    }
    book.restore(alerts, ordinal: ordinal, sequences: sequences)
  }

  private mutating func restoreChannel(_ index: Int, _ saved: [String: SavedState], shift: TimeShift) {
    let sensor = channels[index].plan.id
    var beyondLimitSince: Moment?
    if let state = saved[SavedKey.channel(sensor)], case .channel(let memory)? = state.part, shift.isExact(state) {
      channels[index].faults.restore(memory, shift: shift)
      channels[index].value = memory.value
      if let pair = memory.pair { channels[index].pair?.restore(pair) }
      if let remembered = memory.conditioner {
        channels[index].conditioner.restore(remembered) { shift.throughPause($0, savedAt: state.savedAt) }
      }
      let heard = shift.throughPause(memory.believableAt, savedAt: state.savedAt)
      beyondLimitSince = channels[index].isGap(from: heard, to: clock.monotonic) ? nil : memory.beyondLimitSince
      beyondLimitSince = beyondLimitSince.map {
        Moment(monotonic: shift.throughPause($0.monotonic, savedAt: state.savedAt), wall: $0.wall, clock: $0.clock)
      }
      channels[index].isRestored = true
    }
    restoreSensorFlicker(index, saved, shift: shift)
    if let position = book.index(of: channels[index].faultKind, for: sensor), channels[index].flicker.soundSince == nil
    {
      channels[index].faults.restore(declared: book.active[position].alert.fault ?? .silent)
      if book.active[position].alert.fault == .stuck, !channels[index].isRestored {
        channels[index].conditioner.assumeStuck(at: clock.monotonic)
      }
    }
    if let position = book.index(of: .waterLevel, for: sensor), let step = book.active[position].alert.step {
      _ = channels[index].ladder?.restore(step: step)
    }
    restoreRealert(index, saved, shift: shift)
    if let state = saved[SavedKey.unproven(sensor)], case .unproven(let since)? = state.part {
      channels[index].unprovenSince = shift.throughPause(since, savedAt: state.savedAt)
    }
    if let state = saved[SavedKey.flood(sensor)], case .flood(let memory)? = state.part {
      channels[index].ladder?.restore(memory, savedAt: state.savedAt, shift: shift, isExact: shift.isExact(state))
    }
    let limitKind = AlertKind(limitOf: channels[index].plan.quantity)
    channels[index].limit?.restore(
      isBeyond: book.index(of: limitKind, for: sensor) != nil, beyondSince: beyondLimitSince)
    if let kind = channels[index].contact?.rule.use.alertKind {
      let isHeld = channels[index].realert.held(kind) != nil
      channels[index].contact?.restore(isRaised: isHeld || book.index(of: kind, for: sensor) != nil)
    }
    if let state = saved[SavedKey.contact(sensor)], case .contact(let memory)? = state.part {
      channels[index].contact?.restore(memory, savedAt: state.savedAt, shift: shift, now: clock.monotonic)
      // After a crash a button must be seen at rest first.
      if channels[index].button == nil || shift.isExact(state) { channels[index].isContactActive = memory.isActive }
    }
    if let state = saved[SavedKey.rain(sensor)], case .rain(let memory)? = state.part {
      channels[index].rain?.restore(
        memory, savedAt: state.savedAt, shift: shift, isExact: shift.isExact(state), at: clock)
    }
    restoreTrend(index, saved, shift: shift)
    restoreFlapping(index, saved, shift: shift)
    channels[index].hazard = book.hazard(of: sensor)
  }

  /// What was lost is remembered until the next message of each alert: the ledger counts it once.
  mutating func saveLostRevisions(at moment: Moment, into effects: inout Effects) {
    guard lostMessages > 0 else { return }
    for active in book.active {
      effects.saves.append(
        SavedState(
          key: SavedKey.alert(active.alert.sensor, active.alert.kind), savedAt: moment, part: .alert(active.memory)))
    }
    for index in rehearsals.indices { saveRehearsal(index, at: moment, into: &effects) }
  }

  /// Clears the alerts that nothing in the plan can clear any more, because it was configured away.
  mutating func clearOrphans(at moment: Moment, into effects: inout Effects) {
    func isOrphan(_ active: AlertBook.Active) -> Bool {
      let alert = active.alert
      if alert.kind == .maintenance { return !isMaintained(alert.sensor) }
      guard let index = channelIndex[alert.sensor] else { return !isOfAGroupOrAnOutput(alert) }
      // What is kept back may well be over.
      let isOver = active.withheld?.isOver ?? false
      switch alert.kind {
      case .waterLevel: return isOver ? channels[index].ladder == nil : channels[index].ladder?.step == nil
      case .rateOfRise: return channels[index].trend?.rise == nil
      case .rain:
        return isOver ? channels[index].rain?.amounts == nil : channels[index].rain?.amounts?.isInForce != true
      case .unstable: return !book.hasHazard(of: alert.sensor)
      case .floodContact, .tamper: return channels[index].contact?.rule.use.alertKind != alert.kind
      case .sensorFault, .blind: return channels[index].faultKind != alert.kind
      case .power where channels[index].plan.quantity.isContact:
        return channels[index].contact?.rule.use.alertKind != .power
      case .power, .storage, .board:
        return channels[index].limit == nil || AlertKind(limitOf: channels[index].plan.quantity) != alert.kind
      default: return true
      }
    }
    while let position = book.active.firstIndex(where: { isOrphan($0) }) {
      guard let alert = book.active[position].told else {
        forget(book.active[position].alert, at: moment, into: &effects)
        book.dropUntold(position)
        continue
      }
      var content = alert.content
      content.urgency = .past
      tellClear(position, reason: "removed", content: content, at: moment, into: &effects)
    }
  }
}

extension Station {
  /// Whether something can still clear an alert that is about no sensor.
  private func isOfAGroupOrAnOutput(_ alert: Alert) -> Bool {
    alert.sensor == Self.ledgerSource || isOfACertificate(alert)
      || groups.contains { $0.source == alert.sensor && $0.isTold }
      || alert.kind == .outputFault && sirens.contains { Self.source(of: $0.rule.id) == alert.sensor }
  }

  /// When the run that left `states` behind stopped in order; nil after a crash.
  public static func stopMoment(of states: [SavedState]) -> Moment? {
    states.last { $0.key == SavedKey.stopped && $0.part != nil }?.savedAt
  }
}
