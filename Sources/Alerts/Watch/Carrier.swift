public import Observations

/// What goes with one person wherever it is heard: the button and the battery of its tag, and whether a copy is about.
struct Carrier: Sendable {
  let subject: SubjectID
  var person: WatchPlan.Person
  /// The last sighting with the button pressed, while that goes on.
  var pressedAt: MonotonicTime?
  /// The last call for help that was told.
  var sosAt: MonotonicTime?
  var isBatteryLow = false
  var batteryToldAt: Moment?
  var copyToldAt: Moment?
  /// The last strong sighting at a place that others are apart from.
  var strong: (place: Int, at: MonotonicTime)?
  /// Strong sightings at two places at once, and the first of them.
  var doubles: (count: Int, since: MonotonicTime)?

  init(subject: SubjectID, person: WatchPlan.Person) {
    self.subject = subject
    self.person = person
  }

  /// The button is released when it is heard not pressed, but not between two sightings: a second tag of the same person
  /// may say otherwise. Without a word it is released after a minute.
  private static let released = TimeSpan.seconds(10)
  private static let silentlyReleased = TimeSpan.minutes(1)
  /// Nobody calls more often than this.
  static let sosEvery = TimeSpan.minutes(1)
  /// A battery is low until it is charged this much more, in percent.
  static let batteryMargin = 10
  /// Somebody is reminded of a battery so often.
  static let batteryEvery = TimeSpan.hours(7 * 24)
  static let copyEvery = TimeSpan.hours(24)
  private static let atOnce = TimeSpan.seconds(2)
  private static let doublesNeeded = 3
  private static let doublesWithin = TimeSpan.minutes(1)

  /// Takes the button. Returns whether it is a new call for help.
  mutating func take(isPressed: Bool, at time: MonotonicTime) -> Bool {
    guard isPressed else {
      if let last = pressedAt, time - last >= Self.released { pressedAt = nil }
      return false
    }
    let isNew = pressedAt.map { time - $0 >= Self.silentlyReleased } ?? true
    pressedAt = time
    guard isNew, sosAt.map({ time - $0 >= Self.sosEvery }) ?? true else { return false }
    sosAt = time
    return true
  }

  /// Takes the charge in percent. Returns whether it is time to tell that it is low.
  mutating func take(battery: UInt8, low: UInt8, at moment: Moment) -> Bool {
    if battery <= low {
      isBatteryLow = true
    } else if Int(battery) >= Int(low) + Self.batteryMargin {
      isBatteryLow = false
    }
    guard isBatteryLow, isDue(batteryToldAt, every: Self.batteryEvery, at: moment) else { return false }
    batteryToldAt = moment
    return true
  }

  /// Takes a strong sighting at a place. Returns whether the tag is suspected to be there twice.
  mutating func takeStrong(at place: Int, apartFrom others: [Int], _ moment: Moment) -> Bool {
    let time = moment.monotonic
    defer { strong = (place, time) }
    guard let before = strong, before.place != place, time - before.at <= Self.atOnce, others.contains(before.place)
    else { return false }
    if let known = doubles, time - known.since <= Self.doublesWithin {
      doubles = (known.count + 1, known.since)
    } else {
      doubles = (1, time)
    }
    guard let found = doubles, found.count >= Self.doublesNeeded,
      isDue(copyToldAt, every: Self.copyEvery, at: moment)
    else { return false }
    copyToldAt = moment
    return true
  }

  private func isDue(_ last: Moment?, every span: TimeSpan, at moment: Moment) -> Bool {
    last.map { moment.monotonic - $0.monotonic >= span } ?? true
  }
}

/// What a restart must know of a person wherever it is.
struct CarrierMemory: Sendable, Hashable, Codable {
  var subject: SubjectID
  var pressedAt: MonotonicTime?
  var sosAt: MonotonicTime?
  var isBatteryLow: Bool
  var batteryToldAt: Moment?
  var copyToldAt: Moment?
  var strong: Strong?
  var doubles: Doubles?

  struct Strong: Sendable, Hashable, Codable {
    var place: PlaceID
    var at: MonotonicTime
  }

  struct Doubles: Sendable, Hashable, Codable {
    var count: Int
    var since: MonotonicTime
  }
}

/// A person who is searched for: told wherever the tag is heard, until an end.
public struct WatchSearch: Sendable, Hashable {
  public let subject: SubjectID
  /// What the words of the notices depend on, for a person who is not on this gateway's watch list.
  public let person: WatchPlan.Person
  /// What the search is known by, such as the police's number: 1 to 64 characters.
  public let searchCase: String
  /// Nothing is told after this, nor after 24 hours.
  public let until: WallTime

  public init(subject: SubjectID, person: WatchPlan.Person, searchCase: String, until: WallTime) {
    self.subject = subject
    self.person = person
    self.searchCase = searchCase
    self.until = until
  }
}

/// A search that goes on, as the station keeps it.
struct TagSearch: Sendable, Hashable, Codable {
  /// Where and when it was told last.
  struct Told: Sendable, Hashable, Codable {
    var place: PlaceID
    var at: MonotonicTime
  }

  /// So many at once.
  static let most = 16
  /// At one place it is told again after this.
  static let every = TimeSpan.minutes(5)

  var subject: SubjectID
  var person: WatchPlan.Person
  var searchCase: String
  var end: CommandEnd
  /// At most one for each place.
  var told: [Told] = []

  /// Whether a sighting at a place at `time` is to be told.
  mutating func isNews(at place: PlaceID, _ time: MonotonicTime) -> Bool {
    guard !end.isOver(at: time) else { return false }
    guard let index = told.firstIndex(where: { $0.place == place }) else {
      told.append(Told(place: place, at: time))
      return true
    }
    guard time - told[index].at >= Self.every else { return false }
    told[index].at = time
    return true
  }
}

extension TagSearch {
  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    subject = try values.decode(SubjectID.self, forKey: .subject)
    person = try values.decode(WatchPlan.Person.self, forKey: .person)
    searchCase = try values.decode(String.self, forKey: .searchCase)
    // Older records know only the time of the monotonic clock.
    end =
      try (try? values.decode(CommandEnd.self, forKey: .end))
      ?? CommandEnd(deadline: values.decode(MonotonicTime.self, forKey: .end))
    told = try values.decode([Told].self, forKey: .told)
  }
}
