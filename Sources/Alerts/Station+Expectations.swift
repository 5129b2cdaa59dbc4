import Observations

/// What is expected of people, and where that cannot be said for now.
extension Station {
  /// Looks after who is not seen and who has not arrived.
  mutating func lookAfterExpected(_ place: Int, at moment: Moment, into effects: inout Effects) {
    guard !places[place].watch.expectations.isEmpty else { return }
    let time = moment.monotonic
    let isSuspended = moment.clock == .unsynchronized || places[place].state == .blind
    while let slot = places[place].watch.nextNotSeen(at: time, isSuspended: isSuspended) {
      announceMissed(.notSeen, place, slot, at: moment, into: &effects)
    }
    guard let due = places[place].watch.expectations.calendarAt, due <= time else { return }
    for slot in places[place].watch.nextMissing(at: moment, in: plan.zone) {
      announceMissed(.notArrived, place, slot, at: moment, into: &effects)
    }
    if places[place].watch.isCheckpointDue(at: time) {
      for slot in places[place].watch.takeUnsaved() { savePresence(place, slot: slot, at: moment, into: &effects) }
      savePlace(place, at: moment, into: &effects)
    }
    updateSuspensions(place, at: moment, into: &effects)
  }

  /// Nobody was heard, with every receiver listening or with some of them.
  private mutating func announceMissed(
    _ kind: NoticeKind, _ place: Int, _ slot: Int, at moment: Moment, into effects: inout Effects
  ) {
    let person = places[place].watch.people[slot]
    let confidence = places[place].watch.absenceConfidence(
      of: person, isWatching: places[place].state == .watching, at: moment.monotonic)
    announce(kind, place, person, confidence, at: moment, into: &effects)
    savePresence(place, slot: slot, at: moment, into: &effects)
  }

  /// The wall clock was set, or is trusted more or less: what waits for a time of day is looked at anew.
  mutating func clockWasSet(at moment: Moment, into effects: inout Effects) {
    clockIsKnown(at: moment, into: &effects)
    correctTimes(at: moment, into: &effects)
    for place in places.indices {
      places[place].since = places[place].since.read(by: moment)
      places[place].watch.resumeRules(at: moment.monotonic)
      watchDeadline(ofPlace: place)
      updateSuspensions(place, at: moment, into: &effects)
    }
  }

  func savePlace(_ place: Int, at moment: Moment, into effects: inout Effects) {
    guard let memory = places[place].watch.memory else { return }
    effects.saves.append(SavedState(key: SavedKey.place(memory.place), savedAt: moment, part: .place(memory)))
  }

  /// Takes up what an earlier run knew of the places: when they could hear, and that nobody heard since it ended.
  mutating func restorePlaces(_ saved: [String: SavedState], lastAlive: Moment?, shift: TimeShift) {
    let now = shift.now.monotonic
    for place in places.indices {
      guard let state = saved[SavedKey.place(places[place].watch.rule.id)], case .place(let memory)? = state.part else {
        continue
      }
      var hearing = memory.hearing.shifted { shift.throughPause($0, savedAt: state.savedAt) }
      let stopped = lastAlive.flatMap { shift.lastAlive($0) }
      hearing.setDeaf(false, at: stopped ?? now)
      // Where no clock tells for how long, it is taken for a day.
      hearing.add(HearingRecord.Gap(start: stopped ?? now - .hours(24), end: now))
      places[place].watch.expectations.restore(revision: memory.revision, hearing: hearing)
    }
  }
}

// MARK: The places' states

extension Station {
  /// Looks at a place's receivers anew, and says so if the place's state is another one.
  mutating func updatePlace(_ place: Int, at moment: Moment, into effects: inout Effects) {
    let faulty = places[place].receivers.count { channels[$0].isFaulty }
    let state: Effects.PlaceReport.State =
      faulty == 0 ? .watching : faulty == places[place].receivers.count ? .blind : .degraded
    guard state != places[place].state else { return }
    let hears = places[place].watch.expectations.hearing
    places[place].state = state
    places[place].since = moment
    places[place].watch.setBlind(state == .blind, at: moment.monotonic)
    watchDeadline(ofPlace: place)
    places[place].suspended = suspensions(of: place, at: moment)
    reportPlace(place, into: &effects)
    watchNews(place, at: moment, into: &effects)
    if places[place].watch.expectations.hearing != hears { savePlace(place, at: moment, into: &effects) }
  }

  private mutating func updateSuspensions(_ place: Int, at moment: Moment, into effects: inout Effects) {
    let suspended = suspensions(of: place, at: moment)
    guard suspended != places[place].suspended else { return }
    places[place].suspended = suspended
    reportPlace(place, into: &effects)
  }

  func suspensions(of place: Int, at moment: Moment) -> [Effects.PlaceReport.Suspension] {
    var suspended: [Effects.PlaceReport.Suspension] = []
    if moment.clock == .unsynchronized { suspended.append(.clock) }
    if places[place].state == .blind { suspended.append(.blind) }
    if places[place].watch.isDoubtful(at: moment.monotonic) { suspended.append(.gap) }
    return suspended
  }

  func reportPlace(_ place: Int, into effects: inout Effects) {
    effects.places.append(
      Effects.PlaceReport(
        place: places[place].watch.rule.id, state: places[place].state, since: places[place].since,
        suspended: places[place].suspended))
  }
}
