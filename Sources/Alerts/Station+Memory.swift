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
  ///   - sequences: the last number of each stream, from the ledger.
  ///   - sameBoot: whether `states` were saved in this boot, so that their monotonic times still hold.
  public mutating func restore(
    _ states: [SavedState], sequences: [String: UInt64], at moment: Moment, sameBoot: Bool
  ) {
    var saved: [String: SavedState] = [:]
    for state in states { saved[state.key] = state.part == nil ? nil : state }
    clock = moment
    latest = moment.monotonic
    let shift = TimeShift(now: moment, sameBoot: sameBoot, stopped: saved[SavedKey.stopped]?.savedAt)
    restoreBook(saved, sequences: sequences, shift: shift)
    for index in channels.indices { restoreChannel(index, saved, shift: shift) }
    for index in sirens.indices { restoreSiren(index, saved, shift: shift) }
    for state in saved.values {
      guard case .presence(let memory)? = state.part, memory.isPresent || shift.isExact(state) else { continue }
      rememberedPresence[memory.place, default: [:]][memory.subject] = memory.shifted(by: shift)
    }
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
        .alert(AlertMemory(alert: active.alert, raisedAs: active.raisedAs)))
    }
    for channel in channels {
      add(SavedKey.channel(channel.plan.id), .channel(channel.faults.memory(value: channel.value)))
      if let ladder = channel.ladder { add(SavedKey.flood(channel.plan.id), .flood(ladder.memory)) }
      if let contact = channel.contact { add(SavedKey.contact(channel.plan.id), .contact(contact.memory)) }
      if let rain = channel.rain { add(SavedKey.rain(channel.plan.id), .rain(rain.memory)) }
    }
    for siren in sirens { add(SavedKey.output(siren.rule.id), .output(OutputMemory(phase: siren.policy.phase))) }
    for place in places {
      for index in place.watch.people.indices {
        guard place.watch.isWorthRemembering(index) else { continue }
        let memory = place.watch.memory(of: index, withSightings: true)
        add(SavedKey.presence(memory.place, memory.subject), .presence(memory))
      }
    }
    add(SavedKey.stopped, .stopped)
    return states
  }

  private mutating func restoreBook(_ saved: [String: SavedState], sequences: [String: UInt64], shift: TimeShift) {
    var ordinal: UInt64 = 0
    if case .book(let last)? = saved[SavedKey.book]?.part { ordinal = last }
    var alerts: [AlertBook.Active] = []
    for state in saved.values {
      guard case .alert(let memory)? = state.part else { continue }
      var alert = memory.alert
      let detected = alert.detected
      alert.detected = Moment(
        monotonic: shift.throughPause(detected.monotonic, savedAt: state.savedAt), wall: detected.wall,
        clock: detected.clock)
      alerts.append(AlertBook.Active(alert: alert, raisedAs: memory.raisedAs))
    }
    book.restore(alerts, ordinal: ordinal, sequences: sequences)
  }

  private mutating func restoreChannel(_ index: Int, _ saved: [String: SavedState], shift: TimeShift) {
    let sensor = channels[index].plan.id
    if let state = saved[SavedKey.channel(sensor)], case .channel(let memory)? = state.part, shift.isExact(state) {
      channels[index].faults.restore(memory, shift: shift)
      channels[index].value = memory.value
      channels[index].isRestored = true
    }
    if let position = book.index(of: channels[index].faultKind, for: sensor) {
      channels[index].faults.restore(declared: book.active[position].alert.fault ?? .silent)
    }
    if let position = book.index(of: .waterLevel, for: sensor), let step = book.active[position].alert.step {
      _ = channels[index].ladder?.restore(step: step)
    }
    if let state = saved[SavedKey.flood(sensor)], case .flood(let memory)? = state.part {
      channels[index].ladder?.restore(memory, savedAt: state.savedAt, shift: shift)
    }
    channels[index].contact?.restore(isRaised: book.index(of: .floodContact, for: sensor) != nil)
    if let state = saved[SavedKey.contact(sensor)], case .contact(let memory)? = state.part {
      channels[index].contact?.restore(memory, savedAt: state.savedAt, shift: shift, now: clock.monotonic)
      channels[index].isContactActive = memory.isActive
    }
    if case .rain(let memory)? = saved[SavedKey.rain(sensor)]?.part { channels[index].rain?.restore(memory) }
    channels[index].hazard = book.hazard(of: sensor)
  }

  private mutating func restoreSiren(_ index: Int, _ saved: [String: SavedState], shift: TimeShift) {
    guard let state = saved[SavedKey.output(sirens[index].rule.id)], case .output(let memory)? = state.part else {
      return
    }
    let held = holds(sirens[index])
    sirens[index].policy.restore(memory, savedAt: state.savedAt, shift: shift, holds: held)
  }

  /// Clears the alerts that nothing in the plan can clear any more, because it was configured away.
  mutating func clearOrphans(at moment: Moment, into effects: inout Effects) {
    func isOrphan(_ alert: Alert) -> Bool {
      guard let index = channelIndex[alert.sensor] else { return true }
      switch alert.kind {
      case .waterLevel: return channels[index].ladder?.step == nil
      case .floodContact: return channels[index].contact == nil
      case .sensorFault, .blind: return channels[index].faultKind != alert.kind
      default: return true
      }
    }
    while let position = book.active.firstIndex(where: { isOrphan($0.alert) }) {
      let alert = book.active[position].alert
      let content = AlertContent(
        level: alert.level, step: alert.step, severity: alert.severity, urgency: .past, certainty: alert.certainty,
        fault: alert.fault, observed: alert.observed)
      clear(position, reason: "removed", content: content, at: moment, into: &effects)
    }
  }
}

extension Station {
  /// When the run that left `states` behind stopped in order; nil after a crash.
  public static func stopMoment(of states: [SavedState]) -> Moment? {
    states.last { $0.key == SavedKey.stopped && $0.part != nil }?.savedAt
  }
}
