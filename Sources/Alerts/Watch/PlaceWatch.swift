import Observations

/// Who is at one place, decided from the sightings of its receivers.
///
/// An arrival is N of the last M sightings that reach `enter`, going on so for `dwell` from the first of them. Between
/// `leave` and `enter` a sighting keeps a person here and brings nobody. A departure is `gone_after` without a sighting
/// above `leave`, not counting the time in which the place was blind.
struct PlaceWatch: Sendable {
  /// Two receivers that hear one advertisement hear it within this time: together they count as one sighting, with the
  /// stronger signal. Otherwise a far second receiver would outvote the near one.
  private static let sameAdvertisement = TimeSpan.milliseconds(300)
  /// The most sightings that are looked back on, whatever the configuration says.
  static let ringLimit = 32
  static let receiverLimit = 64

  let rule: PlaceRule
  private let ringSize: Int
  private let strongNeeded: Int
  private(set) var people: [Presence] = []
  /// When each sighting of each person's ring was heard, in nanoseconds.
  private var times: [Int64] = []
  private var deadlines = DeadlineQueue(count: 0)
  private(set) var isBlind = false
  /// Silence before it does not count: nobody could hear.
  private var silenceCountsFrom = Presence.nobodyHeard.monotonic

  init(_ rule: PlaceRule) {
    self.rule = rule
    ringSize = min(max(rule.sightingsOf, 1), Self.ringLimit)
    strongNeeded = min(max(rule.sightingsCount, 1), ringSize)
  }

  /// When the first departure may be due.
  var deadline: MonotonicTime? { deadlines.earliest }

  /// Takes one sighting. Returns the confidence of the arrival, if it is one.
  mutating func hear(_ index: Int, receiver: Int, signal: Int8, at moment: Moment) -> Double? {
    let time = moment.monotonic
    let isAfterSilence = time - people[index].lastHeard.monotonic > rule.goneAfter
    people[index].smooth(signal, isFirst: isAfterSilence)
    if signal > rule.leave { people[index].lastKept = time }
    defer {
      people[index].lastHeard = moment
      people[index].receiver = Int32(truncatingIfNeeded: receiver)
    }
    guard !people[index].isPresent else {
      if !isBlind { deadlines.notLater(index, than: departure(of: index)) }
      return nil
    }
    if isAfterSilence { people[index].forgetSightings() }
    count(index, receiver: receiver, isStrong: signal >= rule.enter, at: time)
    guard people[index].strong.nonzeroBitCount >= strongNeeded else {
      people[index].arrivingSince = nil
      return nil
    }
    let since = people[index].arrivingSince ?? firstStrong(of: index)
    people[index].arrivingSince = since
    guard time - since >= rule.dwell else { return nil }
    let confidence = arrivalConfidence(of: people[index])
    people[index].isPresent = true
    people[index].lastKept = time
    people[index].forgetSightings()
    if !isBlind { deadlines.notLater(index, than: departure(of: index)) }
    return confidence
  }

  /// Takes the next person who is gone at `time`. Returns who, and with which confidence.
  mutating func nextDeparture(at time: MonotonicTime) -> (person: Presence, confidence: Double)? {
    while deadlines.isDue(at: time) {
      let index = deadlines.firstComponent
      guard people[index].isPresent, !isBlind else {
        deadlines.set(index, to: nil)
        continue
      }
      let due = departure(of: index)
      guard due <= time else {
        deadlines.set(index, to: due)
        continue
      }
      deadlines.set(index, to: nil)
      people[index].isPresent = false
      people[index].forgetSightings()
      return (people[index], departureConfidence(of: people[index]))
    }
    return nil
  }

  /// Every receiver is faulty, or one works again: silence is not counted meanwhile.
  mutating func setBlind(_ blind: Bool, at time: MonotonicTime) {
    guard blind != isBlind else { return }
    isBlind = blind
    guard !blind else { return }
    silenceCountsFrom = time
    for index in people.indices where people[index].isPresent {
      deadlines.notLater(index, than: departure(of: index))
    }
  }

  private func departure(of index: Int) -> MonotonicTime {
    max(people[index].lastKept, silenceCountsFrom) + rule.goneAfter
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

  /// Half for the rule being met, a quarter for how far the signal lies above `enter`, up to 12 dB, and a quarter for
  /// how many of the sightings reached it.
  private func arrivalConfidence(of person: Presence) -> Double {
    let above = Int(person.smoothedSignal) - Int(rule.enter) * 16
    let signalPart = min(max(above, 0), 192) * 2500 / 192
    let countPart = person.strong.nonzeroBitCount * 2500 / ringSize
    return Double((5000 + signalPart + countPart + 50) / 100) / 100
  }

  /// A person who went away was heard fainter and fainter: 0.95 at `leave` or below. A tag that fell silent while it was
  /// heard well may have stopped or been covered: down to 0.6 at 20 dB above `leave`.
  private func departureConfidence(of person: Presence) -> Double {
    let above = Int(person.smoothedSignal) - Int(rule.leave) * 16
    let part = min(max(above, 0), 320) * 3500 / 320
    return Double((9500 - part + 50) / 100) / 100
  }
}

extension PlaceWatch {
  /// Watches over `members` from now on; those that stay keep their state, `remembered` is what an earlier run knew.
  ///
  /// Returns the persons who were here and are watched over no longer.
  mutating func replace(_ members: [WatchPlan.Member], remembered: [SubjectID: PresenceMemory]) -> [SubjectID] {
    var oldIndex: [SubjectID: Int] = [:]
    for (index, person) in people.enumerated() { oldIndex[person.subject] = index }
    let old = people
    let oldTimes = times
    people = []
    times = Array(repeating: 0, count: members.count * ringSize)
    deadlines = DeadlineQueue(count: members.count)
    for (index, member) in members.enumerated() {
      if let before = oldIndex.removeValue(forKey: member.subject) {
        people.append(old[before])
        people[index].person = member.person
        for position in 0..<ringSize {
          times[index * ringSize + position] = oldTimes[before * ringSize + position]
        }
      } else {
        people.append(Presence(subject: member.subject, person: member.person))
        if let memory = remembered[member.subject] { restore(index, memory) }
      }
      if people[index].isPresent, !isBlind { deadlines.set(index, to: departure(of: index)) }
    }
    return old.filter { $0.isPresent && oldIndex[$0.subject] != nil }.map(\.subject)
  }

  private mutating func restore(_ index: Int, _ memory: PresenceMemory) {
    people[index].isPresent = memory.isPresent
    people[index].lastHeard = memory.lastHeard
    people[index].lastKept = memory.lastKept
    people[index].receiver = Int32(rule.sensors.firstIndex(of: memory.receiver) ?? 0)
    people[index].smoothedSignal = memory.smoothedSignal
    // A ring of another size cannot be read on: the count begins anew.
    guard memory.times.count == ringSize, memory.head < ringSize, memory.filled <= ringSize else { return }
    people[index].strong = memory.strong
    people[index].filled = memory.filled
    people[index].head = memory.head
    people[index].headReceivers = memory.headReceivers
    people[index].arrivingSince = memory.arrivingSince
    for position in 0..<ringSize { times[index * ringSize + position] = memory.times[position].nanoseconds }
  }

  /// What to remember of a person: with the ring of sightings where everything is saved.
  func memory(of index: Int, withSightings: Bool) -> PresenceMemory {
    let person = people[index]
    var memory = PresenceMemory(
      place: rule.id, subject: person.subject, isPresent: person.isPresent, lastHeard: person.lastHeard,
      lastKept: person.lastKept, receiver: sensor(of: person), smoothedSignal: person.smoothedSignal)
    guard withSightings, person.filled > 0 else { return memory }
    memory.strong = person.strong
    memory.filled = person.filled
    memory.head = person.head
    memory.headReceivers = person.headReceivers
    memory.arrivingSince = person.arrivingSince
    memory.times = (0..<ringSize).map { MonotonicTime(nanoseconds: times[index * ringSize + $0]) }
    return memory
  }

  /// Whether there is anything to remember of a person.
  func isWorthRemembering(_ index: Int) -> Bool {
    people[index].isPresent || people[index].filled > 0
  }

  /// The receiver that heard the person last.
  func sensor(of person: Presence) -> SensorID {
    rule.sensors.indices.contains(Int(person.receiver)) ? rule.sensors[Int(person.receiver)] : rule.sensors[0]
  }
}

extension PresenceMemory {
  /// The same on the clock of this run: silence while the program did not run is left out.
  func shifted(by shift: TimeShift) -> PresenceMemory {
    var memory = self
    memory.lastKept = shift.withoutPause(lastKept)
    memory.lastHeard = Moment(
      monotonic: shift.withoutPause(lastHeard.monotonic), wall: lastHeard.wall, clock: lastHeard.clock)
    memory.arrivingSince = arrivingSince.map(shift.withoutPause)
    memory.times = times.map(shift.withoutPause)
    return memory
  }
}
