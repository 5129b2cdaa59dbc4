import Observations

/// Who is where: sightings, arrivals and departures, and whether a place can be watched at all.
extension Station {
  /// At 60 km/h a vehicle goes 50 m in this time, as far as a tag is heard.
  static let longestFixAge = TimeSpan.seconds(3)

  mutating func takeSighting(
    _ index: Int, _ subject: SubjectID, signal: Int8, battery: UInt8?, button: Bool?, at moment: Moment,
    into effects: inout Effects
  ) {
    takeAlive(index, at: moment, into: &effects)
    let member = memberIndex[subject]
    if !searches.isEmpty { find(subject, member: member, by: index, signal: signal, at: moment, into: &effects) }
    guard let member else { return }
    if battery != nil || button != nil {
      takeTag(member, battery: battery, button: button, by: index, at: moment, into: &effects)
    }
    for position in channels[index].places.indices {
      let (place, receiver) = channels[index].places[position]
      if !places[place].apartFrom.isEmpty, signal >= places[place].watch.rule.enter {
        suspectCopy(member, at: place, by: index, at: moment, into: &effects)
      }
      let slot = Int(slots[place * memberCount + member])
      guard slot >= 0 else { continue }
      let confidence = places[place].watch.hear(slot, receiver: receiver, signal: signal, at: moment)
      watchDeadline(ofPlace: place)
      guard let confidence else { continue }
      announce(
        places[place].watch.rule.positionSensor == nil ? .arrival : .passage, place, places[place].watch.people[slot],
        confidence, at: moment, into: &effects)
      savePresence(place, slot: slot, at: moment, into: &effects)
    }
  }

  /// Time alone changed something at a place: somebody has left, or is missed.
  mutating func wakePlace(_ place: Int, at moment: Moment, into effects: inout Effects) {
    tellNews(place, at: moment, into: &effects)
    while let ending = places[place].watch.nextEnding(at: moment.monotonic) {
      announce(ending, place, at: moment, into: &effects)
      let person = places[place].watch.people[ending.index]
      if person.rules >= 0 {
        savePresence(place, slot: ending.index, at: moment, into: &effects)
      } else if !ending.isPassage {
        forgetPresence(place, person.subject, at: moment, into: &effects)
      }
    }
    lookAfterExpected(place, at: moment, into: &effects)
  }

  private mutating func announce(
    _ ending: PlaceWatch.Ending, _ place: Int, at moment: Moment, into effects: inout Effects
  ) {
    let watch = places[place].watch
    var person = watch.people[ending.index]
    // Nobody departs from a vehicle that drove by.
    guard watch.rule.positionSensor == nil else { return }
    if ending.isPassage {
      // When it was near, not when a faint rest of it was heard.
      let since = moment.monotonic - person.lastKept
      person.lastHeard =
        person.isHeardBeforeStart
        ? person.lastNear : Moment(monotonic: person.lastKept, wall: moment.wall - since, clock: moment.clock)
      return announce(.passage, place, person, ending.confidence, at: moment, into: &effects)
    }
    let isNightExit =
      moment.clock != .unsynchronized
      && watch.rules(of: ending.index)?.nightExit?.concerns(
        lastSeen: person.isLastSeenKnown ? person.lastSeen(by: moment).wall : nil, detected: moment.wall,
        in: plan.zone) ?? false
    announce(
      isNightExit ? .nightExit : .departure, place, person, ending.confidence, at: moment, into: &effects)
  }

  mutating func announce(
    _ kind: NoticeKind, _ place: Int, _ person: Presence, _ confidence: Double, at moment: Moment,
    into effects: inout Effects
  ) {
    let rule = places[place].watch.rule
    let source = "\(rule.id.text)/\(person.subject.text)"
    let lastSeen = person.lastSeen(by: moment)
    let isLeaving = kind == .departure || kind == .nightExit
    let onset = isLeaving && person.isLastSeenKnown ? lastSeen : moment
    effects.notices.append(
      Notice(
        id: book.makeID(source: source, kind: kind.rawValue, onset: onset.wall), revision: 1, mode: .actual,
        sequence: book.nextSequence(of: person.subject), subject: person.subject, person: person.person, kind: kind,
        place: rule.id, placeName: rule.name, sensor: places[place].watch.sensor(of: person), detected: moment,
        lastSeen: lastSeen, isLastSeenKnown: person.isLastSeenKnown, confidence: confidence,
        whereabouts: whereabouts(of: rule, at: moment.monotonic)))
    saveBook(at: moment, into: &effects)
  }

  /// Where the board is at this moment, if it moves: a fix that is older than some seconds was another place.
  func whereabouts(of rule: PlaceRule, at time: MonotonicTime) -> Notice.Whereabouts {
    guard let sensor = rule.positionSensor else { return .fixed }
    guard let index = channelIndex[sensor], let known = channels[index].fix, time - known.heard <= Self.longestFixAge
    else { return .moving(nil) }
    return .moving(known.fix)
  }

  /// Takes a new watch list: persons who stay keep their state, the others are forgotten.
  mutating func replaceWatchPlan(_ list: WatchPlan, at moment: Moment, into effects: inout Effects) {
    memberIndex.removeAll(keepingCapacity: true)
    for (number, member) in list.members.enumerated() where memberIndex[member.subject] == nil {
      memberIndex[member.subject] = number
    }
    memberCount = list.members.count
    slots = Array(repeating: -1, count: places.count * memberCount)
    replaceCarriers(list, at: moment, into: &effects)
    for place in places.indices {
      let id = places[place].watch.rule.id
      var members: [WatchPlan.Member] = []
      for (number, member) in list.members.enumerated()
      where memberIndex[member.subject] == number && member.places.contains(id) {
        slots[place * memberCount + number] = Int32(members.count)
        members.append(member)
      }
      let remembered = rememberedPresence.removeValue(forKey: id) ?? [:]
      let isNewList = places[place].watch.expectations.revision != list.revision
      let gone = places[place].watch.replace(
        members, revision: list.revision, remembered: remembered, at: moment)
      let watched = Set(members.map(\.subject))
      let unknown = remembered.keys.filter { !watched.contains($0) }.sorted { $0.text < $1.text }
      for subject in gone + unknown { forgetPresence(place, subject, at: moment, into: &effects) }
      places[place].watch.resumeRules(at: moment.monotonic)
      if isNewList { savePlace(place, at: moment, into: &effects) }
      watchDeadline(ofPlace: place)
    }
  }

  func savePresence(_ place: Int, slot: Int, at moment: Moment, into effects: inout Effects) {
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
