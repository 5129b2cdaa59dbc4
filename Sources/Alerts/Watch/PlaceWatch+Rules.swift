import Observations

/// What is expected of people at one place, and when that is to be looked at.
struct PlaceExpectations: Sendable {
  /// Each kind of rules once: a whole school has the same.
  private(set) var rules: [WatchRules] = []
  /// For each person the number of its rules, or -1.
  private(set) var ruleNumbers: [Int32] = []
  /// The watch list that they are of.
  private(set) var revision: Int?
  var hearing = HearingRecord()
  /// When each person's silence is worth a notice.
  var silences = DeadlineQueue(count: 0)
  /// When the calendar is to be looked at, at the latest.
  var calendarAt: MonotonicTime?
  /// When what was heard is to be saved.
  var checkpointAt: MonotonicTime?

  var isEmpty: Bool { rules.isEmpty }

  var deadline: MonotonicTime? {
    guard let due = calendarAt else { return silences.earliest }
    return silences.earliest.map { min($0, due) } ?? due
  }

  mutating func begin(_ rules: [WatchRules?], revision: Int) {
    self.revision = revision
    self.rules = []
    var numbers: [WatchRules: Int32] = [:]
    ruleNumbers = rules.map { expected in
      guard let expected else { return -1 }
      if let number = numbers[expected] { return number }
      let number = Int32(self.rules.count)
      numbers[expected] = number
      self.rules.append(expected)
      return number
    }
    silences = DeadlineQueue(count: self.rules.contains { $0.notSeenFor != nil } ? rules.count : 0)
    if self.rules.isEmpty { (calendarAt, checkpointAt) = (nil, nil) }
  }

  /// Goes on from an earlier run.
  mutating func restore(revision: Int?, hearing: HearingRecord) {
    self.revision = revision
    self.hearing = hearing
  }
}

extension PlaceWatch {
  /// A tag is not missed before so many of its own intervals are over.
  private static let intervalsToBeMissed: Int64 = 10
  /// What could not be decided at its time is decided so much later at most.
  private static let grace = TimeSpan.minutes(30)
  /// Who came while nobody listened may be there: it counts for so long before the time…
  static let lookBack = TimeSpan.hours(1)
  /// …if nobody listened for longer than this in all.
  static let acceptedDeafness = TimeSpan.minutes(5)
  /// Somebody who is just arriving is waited for so long, or for twice the dwell.
  private static let wait = TimeSpan.minutes(1)
  private static let checkpointEvery = TimeSpan.hours(1)

  /// What is expected of a person.
  func rules(of index: Int) -> WatchRules? {
    let number = Int(people[index].rules)
    return number < 0 ? nil : expectations.rules[number]
  }

  // MARK: Not seen

  /// The silence that is worth a notice: longer for a tag that is heard seldom anyway.
  func notSeenFor(_ index: Int) -> TimeSpan? {
    guard let span = rules(of: index)?.notSeenFor else { return nil }
    guard let interval = people[index].interval.learned else { return span }
    return max(span, interval * Self.intervalsToBeMissed)
  }

  mutating func watchSilence(_ index: Int) {
    guard !people[index].isNotSeenTold, let span = notSeenFor(index) else { return }
    expectations.silences.notLater(index, than: silentSince(index) + span)
  }

  /// Silence counts only while somebody could hear.
  private func silentSince(_ index: Int) -> MonotonicTime {
    max(people[index].quietSince, silenceCountsFrom)
  }

  mutating func seenAgain(_ index: Int, at time: MonotonicTime) {
    people[index].isNotSeenTold = false
    guard let span = notSeenFor(index) else { return }
    expectations.silences.notLater(index, than: time + span)
  }

  /// Takes the next person who is not seen. While the rules are suspended nobody is.
  mutating func nextNotSeen(at time: MonotonicTime, isSuspended: Bool) -> Int? {
    while expectations.silences.isDue(at: time) {
      let index = expectations.silences.firstComponent
      expectations.silences.set(index, to: nil)
      guard !isSuspended, !people[index].isNotSeenTold, let span = notSeenFor(index) else { continue }
      let due = silentSince(index) + span
      guard due <= time else {
        expectations.silences.set(index, to: due)
        continue
      }
      people[index].isNotSeenTold = true
      return index
    }
    return nil
  }

  // MARK: Not arrived

  /// The clock was set or the place hears again: everything is looked at anew.
  mutating func resumeRules(at time: MonotonicTime) {
    guard !expectations.isEmpty else { return }
    expectations.calendarAt = time
    for index in people.indices { watchSilence(index) }
  }

  /// Whether nobody listened for so long, within the last hour, that who has not arrived may have.
  func isDoubtful(at time: MonotonicTime) -> Bool {
    !expectations.isEmpty && !isBlind
      && expectations.hearing.deaf(from: time - Self.lookBack, to: time) > Self.acceptedDeafness
  }

  /// Looks at the calendar. Returns who should have arrived by now, each once a day.
  mutating func nextMissing(at moment: Moment, in zone: TimeZoneOffsets) -> [Int] {
    let time = moment.monotonic
    // A clock that is slewed, and not set, is followed so.
    var next = time + .hours(1)
    defer { expectations.calendarAt = expectations.isEmpty ? nil : next }
    if let heard = expectations.hearing.hearsSince, isDoubtful(at: time) { next = min(next, heard + Self.lookBack) }
    guard moment.clock != .unsynchronized else { return [] }
    var missing: [Int] = []
    let today = zone.day(at: moment.wall)
    for (number, rules) in expectations.rules.enumerated() {
      guard let timeOfDay = rules.notArrivedBy else { continue }
      for day in today - 1...today + 1 where rules.expects(onDay: day) {
        let expected = zone.time(ofDay: day, timeOfDay)
        let due = expected + max(Self.wait, rule.dwell * 2)
        guard due <= moment.wall else {
          next = min(next, time + (due - moment.wall))
          continue
        }
        // The end of blindness looks here again.
        guard moment.wall - expected < Self.grace, !isBlind else { continue }
        if let heard = expectations.hearing.hearsSince, time - heard < rule.goneAfter {
          next = min(next, heard + rule.goneAfter)
          continue
        }
        missing += settle(
          Int32(number), onDay: Int32(day), lookBackFrom: time - (moment.wall - expected) - Self.lookBack, at: moment,
          in: zone)
      }
    }
    return missing
  }

  /// Decides of everybody with these rules whether they arrived on a day. Returns who did not.
  private mutating func settle(
    _ number: Int32, onDay day: Int32, lookBackFrom: MonotonicTime, at moment: Moment, in zone: TimeZoneOffsets
  ) -> [Int] {
    let isHeard = expectations.hearing.deaf(from: lookBackFrom, to: moment.monotonic) <= Self.acceptedDeafness
    var missing: [Int] = []
    for index in people.indices where people[index].rules == number {
      // The day after too: a clock that ran ahead of midnight and was set back tells nothing twice.
      guard people[index].settledDay != day, people[index].settledDay != day + 1 else { continue }
      people[index].settledDay = day
      guard isHeard, people[index].watchedSince <= lookBackFrom, !people[index].isPresent,
        !hasArrived(index, onDay: day, at: moment, in: zone)
      else { continue }
      missing.append(index)
    }
    return missing
  }

  private func hasArrived(_ index: Int, onDay day: Int32, at now: Moment, in zone: TimeZoneOffsets) -> Bool {
    guard let arrived = people[index].arrivedAt else { return false }
    // A clock's word of an earlier boot stays. Where there was none, the board is taken to have been off for no time.
    let isFinal = people[index].isArrivedEarlier && arrived.clock != .unsynchronized
    return zone.day(at: (isFinal ? arrived : arrived.read(by: now)).wall) == Int(day)
  }

  // MARK: What is saved

  /// Whether it is time to save who was heard, which a crash would forget otherwise.
  mutating func isCheckpointDue(at time: MonotonicTime) -> Bool {
    guard !expectations.isEmpty else { return false }
    let isDue = expectations.checkpointAt.map { $0 <= time } ?? false
    if isDue || expectations.checkpointAt == nil { expectations.checkpointAt = time + Self.checkpointEvery }
    return isDue
  }

  /// Whom to save then: those whose silence counts, if they were heard since.
  mutating func takeUnsaved() -> [Int] {
    people.indices.filter { index in
      guard people[index].isHeardSinceSave, notSeenFor(index) != nil else { return false }
      people[index].isHeardSinceSave = false
      return true
    }
  }

  /// What a restart must know of the place; nil where nothing is expected.
  var memory: PlaceMemory? {
    expectations.isEmpty
      ? nil : PlaceMemory(place: rule.id, revision: expectations.revision, hearing: expectations.hearing)
  }
}
