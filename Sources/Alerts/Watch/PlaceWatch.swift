import Observations

/// Who is at one place, decided from the sightings of its receivers.
///
/// An arrival is N of the last M sightings that reach `enter`, going on so for `dwell` from the first of them. Between
/// `leave` and `enter` a sighting keeps a person here and brings nobody. A departure is `gone_after` without a sighting
/// above `leave`, not counting the time in which the place was blind. Who was heard N of M times and is gone before the
/// dwell was over has passed.
struct PlaceWatch: Sendable {
  /// Two receivers that hear one advertisement hear it within this time: together they count as one sighting, with the
  /// stronger signal. Otherwise a far second receiver would outvote the near one.
  private static let sameAdvertisement = TimeSpan.milliseconds(300)
  /// The most sightings that are looked back on, whatever the configuration says.
  static let ringLimit = 32
  static let receiverLimit = 64
  /// A tag that is heard seldom is gone after so many of its intervals, if that is longer than `gone_after`: with half of
  /// its advertisements lost it is then silent for so long once in 1,024 times.
  static let intervalsToBeGone: Int64 = 10
  /// …and after this at the latest.
  static let longestStretch = TimeSpan.minutes(10)

  let rule: PlaceRule
  let ringSize: Int
  private let strongNeeded: Int
  var people: [Presence] = []
  /// When each sighting of each person's ring was heard, in nanoseconds.
  private var times: [Int64] = []
  private var deadlines = DeadlineQueue(count: 0)
  private(set) var isBlind = false
  /// Silence before it does not count: nobody could hear.
  private(set) var silenceCountsFrom = Presence.nobodyHeard.monotonic
  /// What is expected of people here.
  var expectations = PlaceExpectations()

  init(_ rule: PlaceRule) {
    self.rule = rule
    ringSize = min(max(rule.sightingsOf, 1), Self.ringLimit)
    strongNeeded = min(max(rule.sightingsCount, 1), ringSize)
  }

  /// When the first departure may be due, or a rule is to be looked at.
  var deadline: MonotonicTime? {
    guard let due = expectations.deadline else { return deadlines.earliest }
    return deadlines.earliest.map { min($0, due) } ?? due
  }

  /// Takes one sighting. Returns the confidence of the arrival, if it is one.
  mutating func hear(_ index: Int, receiver: Int, signal: Int8, at moment: Moment) -> Double? {
    let time = moment.monotonic
    let silence = time - people[index].quietSince
    let isAfterSilence = silence > goneAfter(index) || people[index].isNeverHeard
    if !isAfterSilence, silence > Self.sameAdvertisement || Int(people[index].receiver) == receiver {
      people[index].interval.learn(silence)
    }
    people[index].isHeardSinceSave = true
    if people[index].isNotSeenTold { seenAgain(index, at: time) }
    people[index].smooth(signal, isFirst: isAfterSilence)
    if signal > rule.leave { people[index].lastKept = time }
    defer {
      people[index].lastHeard = moment
      people[index].quietSince = time
      people[index].isHeardEarlier = false
      people[index].receiver = Int32(truncatingIfNeeded: receiver)
    }
    guard !people[index].isPresent else {
      if !isBlind { deadlines.notLater(index, than: departure(of: index)) }
      return nil
    }
    if isAfterSilence { people[index].forgetSightings() }
    count(index, receiver: receiver, isStrong: signal >= rule.enter, at: time)
    let strong = people[index].strong.nonzeroBitCount
    // One weak report more than usual does not set back who stands here: a moment's lapse would begin the dwell anew.
    let isStillArriving = people[index].arrivingSince != nil && strong >= max(strongNeeded - 1, 1)
    guard strong >= strongNeeded || isStillArriving else {
      people[index].arrivingSince = nil
      return nil
    }
    let since = people[index].arrivingSince ?? firstStrong(of: index)
    people[index].arrivingSince = since
    guard strong >= strongNeeded, time - since >= rule.dwell else {
      if rule.passages, rule.positionSensor == nil { passes(index) }
      return nil
    }
    let confidence = arrivalConfidence(of: people[index])
    people[index].isPresent = true
    people[index].isPassing = false
    people[index].arrivedAt = moment
    people[index].isArrivedEarlier = false
    people[index].lastKept = time
    people[index].forgetSightings()
    if !isBlind { deadlines.notLater(index, than: departure(of: index)) }
    return confidence
  }

  /// What a person's silence means.
  struct Ending {
    let index: Int
    /// Passed by; otherwise departed.
    let isPassage: Bool
    let confidence: Double
  }

  /// Takes the next person who is gone at `time`.
  mutating func nextEnding(at time: MonotonicTime) -> Ending? {
    while deadlines.isDue(at: time) {
      let index = deadlines.firstComponent
      guard isVisiting(index), !isBlind else {
        deadlines.set(index, to: nil)
        continue
      }
      let due = departure(of: index)
      guard due <= time else {
        deadlines.set(index, to: due)
        continue
      }
      deadlines.set(index, to: nil)
      let isPassage = !people[index].isPresent
      people[index].isPresent = false
      people[index].isPassing = false
      people[index].forgetSightings()
      return Ending(
        index: index, isPassage: isPassage,
        confidence: isPassage ? passageConfidence(of: people[index]) : departureConfidence(of: people[index], at: time))
    }
    return nil
  }

  /// Every receiver is faulty, or one works again: silence is not counted meanwhile.
  mutating func setBlind(_ blind: Bool, at time: MonotonicTime) {
    guard blind != isBlind else { return }
    isBlind = blind
    expectations.hearing.setDeaf(blind, at: time)
    guard !blind else { return }
    silenceCountsFrom = time
    for index in people.indices { watchDeparture(index) }
    resumeRules(at: time)
  }

  /// Whether somebody's silence will mean something.
  private func isVisiting(_ index: Int) -> Bool { people[index].isPresent || people[index].isPassing }

  /// Sees to it that the end of a visit is noticed.
  mutating func watchDeparture(_ index: Int) {
    guard isVisiting(index), !isBlind else { return }
    deadlines.notLater(index, than: departure(of: index))
  }

  private mutating func passes(_ index: Int) {
    let signal = people[index].smoothedSignal
    people[index].passingSignal = people[index].isPassing ? max(people[index].passingSignal, signal) : signal
    people[index].isPassing = true
    watchDeparture(index)
  }

  /// How long this person's tag may be silent.
  func goneAfter(_ index: Int) -> TimeSpan {
    guard let interval = people[index].interval.learned else { return rule.goneAfter }
    return max(rule.goneAfter, min(interval * Self.intervalsToBeGone, Self.longestStretch))
  }

  private func departure(of index: Int) -> MonotonicTime {
    max(people[index].lastKept, silenceCountsFrom) + goneAfter(index)
  }

  private mutating func count(_ index: Int, receiver: Int, isStrong: Bool, at time: MonotonicTime) {
    let receiverBit = UInt64(1) << UInt64(receiver % Self.receiverLimit)
    let head = Int(people[index].head)
    if people[index].filled > 0, people[index].headReceivers & receiverBit == 0,
      time.nanoseconds - times[index * ringSize + head] <= Self.sameAdvertisement.nanoseconds
    {
      people[index].headReceivers |= receiverBit
      if isStrong { people[index].strong |= 1 << UInt32(head) }
      return
    }
    let next = people[index].filled == 0 ? 0 : head + 1 == ringSize ? 0 : head + 1
    people[index].head = UInt8(next)
    people[index].filled = min(people[index].filled + 1, UInt8(ringSize))
    people[index].headReceivers = receiverBit
    let bit: UInt32 = 1 << UInt32(next)
    people[index].strong = isStrong ? people[index].strong | bit : people[index].strong & ~bit
    times[index * ringSize + next] = time.nanoseconds
  }

  private func firstStrong(of index: Int) -> MonotonicTime {
    var first = Int64.max
    for position in 0..<ringSize where people[index].strong & (1 << UInt32(position)) != 0 {
      first = min(first, times[index * ringSize + position])
    }
    return MonotonicTime(nanoseconds: first)
  }

  /// Makes room for the times of `count` persons' sightings, and for their deadlines.
  mutating func clearTables(for count: Int) {
    people = []
    times = Array(repeating: 0, count: count * ringSize)
    deadlines = DeadlineQueue(count: count)
  }

  /// A person's ring of sightings.
  func ring(of index: Int) -> [MonotonicTime] {
    (0..<ringSize).map { MonotonicTime(nanoseconds: times[index * ringSize + $0]) }
  }

  /// A ring of another size cannot be read on: false, and the count begins anew.
  mutating func setRing(of index: Int, to ring: [MonotonicTime]) -> Bool {
    guard ring.count == ringSize else { return false }
    for position in 0..<ringSize { times[index * ringSize + position] = ring[position].nanoseconds }
    return true
  }
}
