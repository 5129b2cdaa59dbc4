import Observations

/// Who is where: sightings, arrivals and departures, and whether a place can be watched at all.
extension Station {
  mutating func takeSighting(
    _ index: Int, _ subject: SubjectID, signal: Int8, at moment: Moment, into effects: inout Effects
  ) {
    takeAlive(index, at: moment, into: &effects)
    guard let member = memberIndex[subject] else { return }
    for position in channels[index].places.indices {
      let (place, receiver) = channels[index].places[position]
      let slot = Int(slots[place * memberCount + member])
      guard slot >= 0 else { continue }
      let confidence = places[place].watch.hear(slot, receiver: receiver, signal: signal, at: moment)
      watchDeadline(ofPlace: place)
      guard let confidence else { continue }
      announce(.arrival, place, places[place].watch.people[slot], confidence, at: moment, into: &effects)
      savePresence(place, slot: slot, at: moment, into: &effects)
    }
  }

  /// Says who has left a place by now.
  mutating func announceDepartures(_ place: Int, at moment: Moment, into effects: inout Effects) {
    while let (person, confidence) = places[place].watch.nextDeparture(at: moment.monotonic) {
      announce(.departure, place, person, confidence, at: moment, into: &effects)
      forgetPresence(place, person.subject, at: moment, into: &effects)
    }
  }

  private mutating func announce(
    _ kind: NoticeKind, _ place: Int, _ person: Presence, _ confidence: Double, at moment: Moment,
    into effects: inout Effects
  ) {
    let rule = places[place].watch.rule
    let source = "\(rule.id.text)/\(person.subject.text)"
    let onset = kind == .arrival ? moment : person.lastHeard
    effects.notices.append(
      Notice(
        id: book.makeID(source: source, kind: kind.rawValue, onset: onset.wall), revision: 1, mode: .actual,
        sequence: book.nextSequence(of: person.subject), subject: person.subject, person: person.person, kind: kind,
        place: rule.id, placeName: rule.name, sensor: places[place].watch.sensor(of: person), detected: moment,
        lastSeen: person.lastHeard, confidence: confidence))
    saveBook(at: moment, into: &effects)
  }

  /// Takes a new watch list: persons who stay keep their state, the others are forgotten.
  mutating func replaceWatchPlan(_ list: WatchPlan, at moment: Moment, into effects: inout Effects) {
    memberIndex.removeAll(keepingCapacity: true)
    for (number, member) in list.members.enumerated() where memberIndex[member.subject] == nil {
      memberIndex[member.subject] = number
    }
    memberCount = list.members.count
    slots = Array(repeating: -1, count: places.count * memberCount)
    for place in places.indices {
      let id = places[place].watch.rule.id
      var members: [WatchPlan.Member] = []
      for (number, member) in list.members.enumerated()
      where memberIndex[member.subject] == number && member.places.contains(id) {
        slots[place * memberCount + number] = Int32(members.count)
        members.append(member)
      }
      let remembered = rememberedPresence.removeValue(forKey: id) ?? [:]
      let gone = places[place].watch.replace(members, remembered: remembered)
      let watched = Set(members.map(\.subject))
      let unknown = remembered.keys.filter { !watched.contains($0) }.sorted { $0.text < $1.text }
      for subject in gone + unknown { forgetPresence(place, subject, at: moment, into: &effects) }
      watchDeadline(ofPlace: place)
    }
  }

  private func savePresence(_ place: Int, slot: Int, at moment: Moment, into effects: inout Effects) {
    let memory = places[place].watch.memory(of: slot, withSightings: false)
    effects.saves.append(
      SavedState(
        key: SavedKey.presence(memory.place, memory.subject), savedAt: moment, part: .presence(memory)))
  }

  private func forgetPresence(_ place: Int, _ subject: SubjectID, at moment: Moment, into effects: inout Effects) {
    effects.saves.append(
      SavedState(key: SavedKey.presence(places[place].watch.rule.id, subject), savedAt: moment, part: nil))
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
    places[place].state = state
    places[place].since = moment
    places[place].watch.setBlind(state == .blind, at: moment.monotonic)
    watchDeadline(ofPlace: place)
    reportPlace(place, into: &effects)
  }

  func reportPlace(_ place: Int, into effects: inout Effects) {
    effects.places.append(
      Effects.PlaceReport(
        place: places[place].watch.rule.id, state: places[place].state, since: places[place].since))
  }
}
