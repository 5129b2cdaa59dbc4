import Observations

/// A flood contact: wet for long enough raises, dry for long enough clears.
struct ContactDwell: Sendable {
  /// What is under way is worth remembering once it has lasted this long: a chattering contact would write each time.
  private static let dwellWorthSaving = TimeSpan.seconds(60)

  let rule: ContactRule
  /// While the alert comes and goes it is dry only after so long.
  var leastHold = TimeSpan.zero
  private(set) var isRaised = false
  /// What the contact last said; nil while nobody knows.
  private(set) var isActive: Bool?
  /// Since when it says so without a break.
  private(set) var since: Moment?
  /// After a restart: what fell due meanwhile waits until the contact is heard.
  private var heardAfter: MonotonicTime?
  private var isSaved = false

  init(_ rule: ContactRule) {
    self.rule = rule
  }

  /// Takes the contact's state. Returns whether it is another than before.
  mutating func take(_ active: Bool, at moment: Moment) -> Bool {
    heardAfter = nil
    guard active != isActive else { return false }
    isActive = active
    since = moment
    isVoid = isSaved
    return true
  }

  /// The sensor is faulty: what it last said holds no longer, what was raised stays.
  mutating func disbelieve() {
    isActive = nil
    since = nil
    isVoid = isSaved
  }

  /// Whether what is remembered of it holds no longer.
  private(set) var isVoid = false

  /// When what is under way should be remembered, if it is not.
  var saveDeadline: MonotonicTime? {
    guard !isSaved, let isActive, isActive != isRaised, let since else { return nil }
    return since.monotonic + Self.dwellWorthSaving
  }

  /// When it raises or clears, if nothing changes before.
  var deadline: MonotonicTime? {
    guard let isActive, isActive != isRaised, let since else { return nil }
    let due = since.monotonic + (isActive ? rule.wetAfter : max(rule.dryAfter, leastHold))
    if let heardAfter, due <= heardAfter { return nil }
    return due
  }

  /// The deadline was reached: raised becomes cleared, or the other way round.
  mutating func turn() {
    isRaised.toggle()
    isVoid = isSaved
  }
}

/// What a restart must know of a contact. Whether it is raised is the book's.
struct ContactMemory: Sendable, Hashable, Codable {
  var isActive: Bool?
  var since: Moment?
}

extension ContactDwell {
  /// What to save; it stands until `isVoid`.
  mutating func save() -> ContactMemory {
    isSaved = !isVoid
    isVoid = false
    return memory
  }

  var memory: ContactMemory { ContactMemory(isActive: isActive, since: since) }

  mutating func restore(_ memory: ContactMemory, savedAt: Moment, shift: TimeShift, now: MonotonicTime) {
    isActive = memory.isActive
    since = memory.since.map {
      Moment(monotonic: shift.throughPause($0.monotonic, savedAt: savedAt), wall: $0.wall, clock: $0.clock)
    }
    heardAfter = now
    isSaved = true
  }

  mutating func restore(isRaised: Bool) {
    self.isRaised = isRaised
  }
}
