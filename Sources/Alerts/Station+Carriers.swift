import Observations

/// What a tag says of itself, and who is searched for. It holds at every place of this gateway, also where the person is
/// not otherwise watched over, and for a sighting of any strength.
extension Station {
  mutating func takeTag(
    _ member: Int, battery: UInt8?, button: Bool?, by channel: Int, at moment: Moment,
    into effects: inout Effects
  ) {
    guard let place = channels[channel].places.first?.place else { return }
    if let button, carriers[member].take(isPressed: button, at: moment.monotonic) {
      announce(.sos, member, place: place, by: channel, confidence: 1, at: moment, into: &effects)
    }
    if let battery, carriers[member].take(battery: battery, low: plan.lowBattery, at: moment) {
      announce(.tagBattery, member, place: place, by: channel, confidence: 1, at: moment, into: &effects)
    }
  }

  /// A strong sighting at a place that others are apart from.
  mutating func suspectCopy(
    _ member: Int, at place: Int, by channel: Int, at moment: Moment, into effects: inout Effects
  ) {
    guard carriers[member].takeStrong(at: place, apartFrom: places[place].apartFrom, moment) else { return }
    announce(.suspectedCopy, member, place: place, by: channel, confidence: 0.8, at: moment, into: &effects)
  }

  private mutating func announce(
    _ kind: NoticeKind, _ member: Int, place: Int, by channel: Int, confidence: Double, at moment: Moment,
    into effects: inout Effects
  ) {
    announce(
      kind, carriers[member].subject, carriers[member].person, place: place, by: channel, confidence: confidence,
      at: moment, into: &effects)
    effects.saves.append(
      SavedState(
        key: SavedKey.carrier(carriers[member].subject), savedAt: moment,
        part: .carrier(memory(of: carriers[member]))))
  }

  /// What is told of a sighting itself.
  private mutating func announce(
    _ kind: NoticeKind, _ subject: SubjectID, _ person: WatchPlan.Person, place: Int, by channel: Int,
    confidence: Double, searchCase: String? = nil, at moment: Moment, into effects: inout Effects
  ) {
    let rule = places[place].watch.rule
    let source = "\(rule.id.text)/\(subject.text)"
    effects.notices.append(
      Notice(
        id: book.makeID(source: source, kind: kind.rawValue, onset: moment.wall), revision: 1, mode: .actual,
        sequence: book.nextSequence(of: subject), subject: subject, person: person, kind: kind, place: rule.id,
        placeName: rule.name, sensor: channels[channel].plan.id, detected: moment, lastSeen: moment,
        confidence: confidence, whereabouts: whereabouts(of: rule, at: moment.monotonic), searchCase: searchCase))
    saveBook(at: moment, into: &effects)
  }
}

// MARK: Searches

extension Station {
  /// Begins a search, or gives the one for this person another case and end.
  mutating func takeSearch(_ search: WatchSearch, at moment: Moment, into effects: inout Effects) -> CommandRefusal? {
    let known = searches.firstIndex { $0.subject == search.subject }
    guard (1...64).contains(search.searchCase.count) else { return .badCase }
    guard known != nil || searches.count < TagSearch.most else { return .tooMany }
    let begun = TagSearch(
      subject: search.subject, person: search.person, searchCase: search.searchCase,
      end: CommandEnd(until: search.until, at: moment), told: known.map { searches[$0].told } ?? [])
    if let known { searches[known] = begun } else { searches.append(begun) }
    save(begun, at: moment, into: &effects)
    watchCommandDeadline()
    return nil
  }

  /// A searched person's tag may have been heard.
  mutating func find(
    _ subject: SubjectID, member: Int?, by channel: Int, signal: Int8, at moment: Moment, into effects: inout Effects
  ) {
    guard let index = searches.firstIndex(where: { $0.subject == subject }),
      let place = channels[channel].places.first?.place
    else { return }
    let rule = places[place].watch.rule
    guard searches[index].isNews(at: rule.id, moment.monotonic) else { return }
    let person = member.map { carriers[$0].person } ?? searches[index].person
    announce(
      .found, subject, person, place: place, by: channel, confidence: signal >= rule.enter ? 0.9 : 0.7,
      searchCase: searches[index].searchCase, at: moment, into: &effects)
    save(searches[index], at: moment, into: &effects)
  }

  /// Forgets what is over.
  mutating func endSearches(at moment: Moment, into effects: inout Effects) {
    for search in searches where search.end.isOver(at: moment.monotonic) {
      effects.saves.append(SavedState(key: SavedKey.search(search.subject), savedAt: moment, part: nil))
    }
    searches.removeAll { $0.end.isOver(at: moment.monotonic) }
  }

  /// The board was started: that a search goes on once without a clock is known at the next start.
  mutating func startSearches(at moment: Moment, into effects: inout Effects) {
    for search in searches where search.end.isProvisional { save(search, at: moment, into: &effects) }
  }

  func save(_ search: TagSearch, at moment: Moment, into effects: inout Effects) {
    effects.saves.append(
      SavedState(key: SavedKey.search(search.subject), savedAt: moment, part: .search(search)))
  }
}

// MARK: Memory

extension Station {
  /// Takes a new list: who stays keeps its state.
  mutating func replaceCarriers(_ list: WatchPlan, at moment: Moment, into effects: inout Effects) {
    var before: [SubjectID: Carrier] = [:]
    for carrier in carriers { before[carrier.subject] = carrier }
    let remembered = rememberedCarriers
    rememberedCarriers = [:]
    carriers = list.members.map { member in
      let known = before.removeValue(forKey: member.subject)
      var carrier = known ?? Carrier(subject: member.subject, person: member.person)
      carrier.person = member.person
      if let memory = remembered[member.subject] { restore(&carrier, memory) }
      return carrier
    }
    let gone = before.values.filter { isWorthRemembering($0) }.map(\.subject)
    let unknown = remembered.keys.filter { memberIndex[$0] == nil }
    for subject in (gone + unknown).sorted(by: { $0.text < $1.text }) {
      effects.saves.append(SavedState(key: SavedKey.carrier(subject), savedAt: moment, part: nil))
    }
  }

  mutating func restoreCarriers(_ saved: [String: SavedState], shift: TimeShift) {
    for state in saved.values {
      switch state.part {
      case .carrier(let memory)?:
        rememberedCarriers[memory.subject] = memory.shifted(
          by: shift, savedAt: state.savedAt, isExact: shift.isExact(state))
      case .search(var search)?:
        search.end = search.end.shifted(by: shift, savedAt: state.savedAt)
        for index in search.told.indices {
          search.told[index].at = shift.throughPause(search.told[index].at, savedAt: state.savedAt)
        }
        searches.append(search)
      default: break
      }
    }
    searches.sort { $0.subject.text < $1.subject.text }
  }

  var carrierMemories: [CarrierMemory] {
    carriers.filter { isWorthRemembering($0) }.map { memory(of: $0) }
  }

  private func isWorthRemembering(_ carrier: Carrier) -> Bool {
    carrier.pressedAt != nil || carrier.sosAt != nil || carrier.isBatteryLow || carrier.batteryToldAt != nil
      || carrier.copyToldAt != nil || carrier.strong != nil
  }

  private func memory(of carrier: Carrier) -> CarrierMemory {
    CarrierMemory(
      subject: carrier.subject, pressedAt: carrier.pressedAt, sosAt: carrier.sosAt,
      isBatteryLow: carrier.isBatteryLow, batteryToldAt: carrier.batteryToldAt, copyToldAt: carrier.copyToldAt,
      strong: carrier.strong.map { CarrierMemory.Strong(place: places[$0.place].watch.rule.id, at: $0.at) },
      doubles: carrier.doubles.map { CarrierMemory.Doubles(count: $0.count, since: $0.since) })
  }

  private func restore(_ carrier: inout Carrier, _ memory: CarrierMemory) {
    carrier.pressedAt = memory.pressedAt
    carrier.sosAt = memory.sosAt
    carrier.isBatteryLow = memory.isBatteryLow
    carrier.batteryToldAt = memory.batteryToldAt
    carrier.copyToldAt = memory.copyToldAt
    carrier.strong = memory.strong.flatMap { strong in
      places.firstIndex { $0.watch.rule.id == strong.place }.map { ($0, strong.at) }
    }
    carrier.doubles = memory.doubles.map { ($0.count, $0.since) }
  }
}

extension CarrierMemory {
  /// The same on the clock of this run.
  func shifted(by shift: TimeShift, savedAt: Moment, isExact: Bool) -> CarrierMemory {
    let now = shift.now
    /// By the wall clock, since it may have been several boots ago. Where no clock tells, as if it had been told now.
    func told(_ moment: Moment?) -> Moment? {
      guard let moment else { return nil }
      return Moment(
        monotonic: now.monotonic - (shift.elapsed(since: moment) ?? .zero), wall: moment.wall, clock: moment.clock)
    }
    /// Where no clock tells, as if it had never been: better one call for help too many.
    func pressed(_ time: MonotonicTime?) -> MonotonicTime? {
      guard let time else { return nil }
      if let pause = shift.elapsed(since: savedAt) { return now.monotonic - (pause + (savedAt.monotonic - time)) }
      return isExact ? shift.withoutPause(time) : nil
    }
    var memory = self
    memory.pressedAt = pressed(pressedAt)
    memory.sosAt = pressed(sosAt)
    memory.batteryToldAt = told(batteryToldAt)
    memory.copyToldAt = told(copyToldAt)
    memory.strong = isExact ? strong.map { Strong(place: $0.place, at: shift.withoutPause($0.at)) } : nil
    memory.doubles = isExact ? doubles.map { Doubles(count: $0.count, since: shift.withoutPause($0.since)) } : nil
    return memory
  }
}
