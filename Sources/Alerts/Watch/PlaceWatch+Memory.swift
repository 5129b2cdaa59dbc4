import Observations

extension PlaceWatch {
  /// Watches over `members` from now on; those that stay keep their state, `remembered` is what an earlier run knew.
  ///
  /// Returns the persons who were remembered and are watched over no longer.
  mutating func replace(
    _ members: [WatchPlan.Member], revision: Int, remembered: [SubjectID: PresenceMemory], at moment: Moment
  ) -> [SubjectID] {
    var oldIndex: [SubjectID: Int] = [:]
    for (index, person) in people.enumerated() { oldIndex[person.subject] = index }
    let old = people
    let rings = old.indices.map { old[$0].filled > 0 ? ring(of: $0) : [] }
    let saved = Set(old.indices.filter { isSaved($0) }.map { old[$0].subject })
    var forgotten: [SubjectID] = []
    // Who was on the list before the program stopped has been listened for since then.
    let isKnownList = expectations.revision == revision
    clearTables(for: members.count)
    expectations.begin(members.map { $0.rules(at: rule.id) }, revision: revision)
    for (index, member) in members.enumerated() {
      if let before = oldIndex.removeValue(forKey: member.subject) {
        people.append(old[before])
        people[index].person = member.person
        if !rings[before].isEmpty { _ = setRing(of: index, to: rings[before]) }
        let isRuled = expectations.ruleNumbers[index] >= 0
        if !isRuled, !people[index].isPresent, saved.contains(member.subject) { forgotten.append(member.subject) }
      } else {
        people.append(Presence(subject: member.subject, person: member.person))
        if !isKnownList { people[index].watchedSince = moment.monotonic }
        if let memory = remembered[member.subject] { restore(index, memory) }
      }
      people[index].rules = expectations.ruleNumbers[index]
      if people[index].quietSince == Presence.nobodyHeard.monotonic, notSeenFor(index) != nil {
        // Never heard, and missed from now on.
        people[index].quietSince = moment.monotonic
        people[index].isHeardSinceSave = true
      }
      watchDeparture(index)
      watchSilence(index)
    }
    return forgotten + old.map(\.subject).filter { oldIndex[$0] != nil && saved.contains($0) }
  }

  private mutating func restore(_ index: Int, _ memory: PresenceMemory) {
    people[index].isPresent = memory.isPresent
    people[index].lastHeard = memory.lastHeard
    people[index].quietSince = memory.quietSince ?? memory.lastHeard.monotonic
    people[index].isHeardEarlier = memory.isHeardEarlier ?? true
    people[index].lastKept = memory.lastKept
    people[index].receiver = Int32(rule.sensors.firstIndex(of: memory.receiver) ?? 0)
    people[index].smoothedSignal = memory.smoothedSignal
    if let expected = memory.expected {
      people[index].interval = expected.interval
      people[index].isPassing = expected.isPassing
      people[index].passingSignal = expected.passingSignal
      people[index].arrivedAt = expected.arrivedAt
      people[index].isArrivedEarlier = expected.isArrivedEarlier ?? true
      people[index].watchedSince = expected.watchedSince
      people[index].settledDay = expected.settledDay
      people[index].isNotSeenTold = expected.isNotSeenTold
    }
    guard setRing(of: index, to: memory.times) else { return }
    guard Int(memory.head) < memory.times.count, Int(memory.filled) <= memory.times.count else { return }
    people[index].strong = memory.strong
    people[index].filled = memory.filled
    people[index].head = memory.head
    people[index].headReceivers = memory.headReceivers
    people[index].arrivingSince = memory.arrivingSince
  }

  /// What to remember of a person: with the ring of sightings where everything is saved.
  func memory(of index: Int, withSightings: Bool) -> PresenceMemory {
    let person = people[index]
    var memory = PresenceMemory(
      place: rule.id, subject: person.subject, isPresent: person.isPresent, lastHeard: person.lastHeard,
      lastKept: person.lastKept, receiver: sensor(of: person), smoothedSignal: person.smoothedSignal)
    memory.expected = PresenceMemory.Expected(
      interval: person.interval, isPassing: withSightings && person.isPassing, passingSignal: person.passingSignal,
      arrivedAt: person.arrivedAt, watchedSince: person.watchedSince, settledDay: person.settledDay,
      isNotSeenTold: person.isNotSeenTold, isArrivedEarlier: person.isArrivedEarlier)
    memory.quietSince = person.quietSince
    memory.isHeardEarlier = person.isHeardEarlier
    guard withSightings, person.filled > 0 else { return memory }
    memory.strong = person.strong
    memory.filled = person.filled
    memory.head = person.head
    memory.headReceivers = person.headReceivers
    memory.arrivingSince = person.arrivingSince
    memory.times = ring(of: index)
    return memory
  }

  /// Whether there is anything to remember of a person when everything is saved.
  func isWorthRemembering(_ index: Int) -> Bool {
    people[index].isPresent || people[index].isPassing || people[index].filled > 0
      || people[index].interval.isBegun || people[index].rules >= 0
  }

  /// Whether a crash leaves a person's state in the ledger: who is here, and of whom something is expected.
  func isSaved(_ index: Int) -> Bool {
    people[index].isPresent || people[index].rules >= 0
  }

  /// The receiver that heard the person last.
  func sensor(of person: Presence) -> SensorID {
    rule.sensors.indices.contains(Int(person.receiver)) ? rule.sensors[Int(person.receiver)] : rule.sensors[0]
  }
}

extension PresenceMemory {
  /// The same on the clock of this run: silence while the program did not run is left out.
  func shifted(by shift: TimeShift, savedAt: Moment, isExact: Bool, lastAlive: Moment?) -> PresenceMemory {
    var memory = self
    memory.lastKept = shift.withoutPause(lastKept)
    let quiet = quietSince ?? lastHeard.monotonic
    var heard = shift.withoutPause(quiet)
    if !isExact, !isPresent {
      // After a crash: silent for as long as it was when this was saved, and on until the program was last alive.
      let silent = max(savedAt.monotonic - quiet, .zero)
      heard = shift.now.monotonic - (silent + Self.span(from: savedAt, to: lastAlive, shift))
    }
    memory.quietSince = heard
    if !shift.isSameBoot(savedAt) {
      let seen = Self.stamp(lastHeard, isEarlier: isHeardEarlier, savedAt: savedAt)
      memory.lastHeard = Moment(monotonic: heard, wall: seen.wall, clock: seen.clock)
      memory.isHeardEarlier = true
    }
    memory.arrivingSince = isExact ? arrivingSince.map(shift.withoutPause) : nil
    memory.times = isExact ? times.map(shift.withoutPause) : []
    if !isExact { memory.expected?.isPassing = false }
    if var expected = memory.expected {
      // It only matters for an hour: after a crash it is as if it had been forever.
      expected.watchedSince =
        isExact
        ? shift.throughPause(expected.watchedSince, savedAt: savedAt) : Presence.nobodyHeard.monotonic
      if let arrived = expected.arrivedAt, !shift.isSameBoot(savedAt) {
        let time = shift.throughPause(arrived.monotonic, savedAt: savedAt)
        let stamp = Self.stamp(arrived, isEarlier: expected.isArrivedEarlier, savedAt: savedAt)
        // What an untrusted clock said of another boot tells no day.
        expected.arrivedAt =
          isExact || stamp.clock != .unsynchronized
          ? Moment(monotonic: time, wall: stamp.wall, clock: stamp.clock) : nil
        expected.isArrivedEarlier = true
      }
      memory.expected = expected
    }
    return memory
  }

  /// A stamp as the boot that saved it knew it at the end, if it was of that boot.
  private static func stamp(_ stamp: Moment, isEarlier: Bool?, savedAt: Moment) -> Moment {
    isEarlier ?? true || Presence.isNobody(stamp) ? stamp : stamp.read(by: savedAt)
  }

  /// How long the program is known to have lived on after it saved this.
  private static func span(from savedAt: Moment, to lastAlive: Moment?, _ shift: TimeShift) -> TimeSpan {
    guard let lastAlive else { return .zero }
    if shift.isSameBoot(savedAt), shift.isSameBoot(lastAlive) {
      return max(lastAlive.monotonic - savedAt.monotonic, .zero)
    }
    let isTrusted = savedAt.clock != .unsynchronized && lastAlive.clock != .unsynchronized
    return isTrusted ? max(lastAlive.wall - savedAt.wall, .zero) : .zero
  }
}
