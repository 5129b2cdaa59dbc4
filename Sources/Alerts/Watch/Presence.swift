import Observations

/// One person at one place: here or not, and the sightings on which an arrival is being decided.
struct Presence: Sendable {
  static let nobodyHeard = Moment(
    monotonic: MonotonicTime(nanoseconds: -4_000_000_000_000_000), wall: WallTime(milliseconds: 0),
    clock: .unsynchronized)

  let subject: SubjectID
  var person: WatchPlan.Person
  var isPresent = false
  /// The last sighting of any strength, as it was stamped.
  var lastHeard = Presence.nobodyHeard
  /// What silence counts from: that sighting, or later by the pauses in which the program did not run. Of a tag that
  /// nobody has heard here, when listening for it began.
  var quietSince = Presence.nobodyHeard.monotonic
  /// Whether `lastHeard` is of an earlier boot, so that this one's monotonic clock tells nothing of it.
  var isHeardEarlier = false
  /// The last sighting above `leave`.
  var lastKept = Presence.nobodyHeard.monotonic
  /// The receiver of the last sighting, by its number at the place.
  var receiver: Int32 = 0
  /// Mean of the latest signals, each weighing a quarter, in sixteenths of a dBm.
  var smoothedSignal: Int16 = 0

  // The latest sightings while the person is not here, as a ring whose times lie in the place's table.
  /// A bit for each that reached `enter`.
  var strong: UInt32 = 0
  /// How many places of the ring are filled.
  var filled: UInt8 = 0
  /// The newest.
  var head: UInt8 = 0
  /// The receivers that heard the newest, a bit each.
  var headReceivers: UInt64 = 0
  /// The first of the sightings that began what may become an arrival.
  var arrivingSince: MonotonicTime?

  /// How often the tag is heard here.
  var interval = AdvertisingInterval()
  /// Heard well enough to arrive, on a visit that is not over: it may turn out to have been a passage.
  var isPassing = false
  /// The highest `smoothedSignal` of that.
  var passingSignal: Int16 = 0

  // What is expected of the person here.
  /// The rules, by their number at the place; -1 for none.
  var rules: Int32 = -1
  /// The last arrival.
  var arrivedAt: Moment?
  /// Whether `arrivedAt` is of an earlier boot.
  var isArrivedEarlier = false
  /// Before this nobody listened for this person here.
  var watchedSince = Presence.nobodyHeard.monotonic
  /// The local day of which it is known whether the person arrived in time.
  var settledDay = Int32.min
  /// It was said that the person is not seen, and it still is so.
  var isNotSeenTold = false
  /// Heard since this was saved last.
  var isHeardSinceSave = false

  init(subject: SubjectID, person: WatchPlan.Person) {
    self.subject = subject
    self.person = person
  }

  /// When the tag was heard last, as the clock of `now` tells it if that deserves more trust. What was stamped in an
  /// earlier boot stays: no clock ran on to tell how long the board was off.
  func lastSeen(by now: Moment) -> Moment { isNeverHeard || isHeardEarlier ? lastHeard : lastHeard.read(by: now) }

  /// Whether that is a time of day: what no clock told in an earlier boot, none will tell.
  var isLastSeenKnown: Bool { isNeverHeard || !isHeardEarlier || lastHeard.clock != .unsynchronized }

  /// The last sighting above `leave`, stamped by the clock that stamped the last of any strength.
  var lastNear: Moment {
    let rest = quietSince - lastKept
    return Moment(monotonic: lastHeard.monotonic - rest, wall: lastHeard.wall - rest, clock: lastHeard.clock)
  }

  /// Whether the tag was heard last before the program was started.
  var isHeardBeforeStart: Bool { isHeardEarlier || quietSince != lastHeard.monotonic }

  /// Nobody has heard the tag here.
  var isNeverHeard: Bool { Self.isNobody(lastHeard) }

  static func isNobody(_ heard: Moment) -> Bool { heard.wall == nobodyHeard.wall && heard.clock == nobodyHeard.clock }

  /// Forgets the sightings that counted towards an arrival.
  mutating func forgetSightings() {
    strong = 0
    filled = 0
    head = 0
    headReceivers = 0
    arrivingSince = nil
  }

  /// Keeps the running mean of the signal; `isFirst` starts it anew.
  mutating func smooth(_ signal: Int8, isFirst: Bool) {
    let scaled = Int16(signal) * 16
    smoothedSignal = isFirst ? scaled : smoothedSignal + (scaled - smoothedSignal) / 4
  }
}

/// What a restart must know of one person at one place.
struct PresenceMemory: Sendable, Hashable, Codable {
  var place: PlaceID
  var subject: SubjectID
  var isPresent: Bool
  var lastHeard: Moment
  var lastKept: MonotonicTime
  var receiver: SensorID
  var smoothedSignal: Int16
  /// The ring of sightings, kept by a clean stop.
  var strong: UInt32 = 0
  var filled: UInt8 = 0
  var head: UInt8 = 0
  var headReceivers: UInt64 = 0
  var arrivingSince: MonotonicTime?
  var times: [MonotonicTime] = []
  /// What a version before this one did not save.
  var expected: Expected?
  /// The same: it saved in `lastHeard` what silence counts from, with the pauses left out.
  var quietSince: MonotonicTime?
  /// Where nobody said, the stamp is taken for one of an earlier boot, which nothing reads anew.
  var isHeardEarlier: Bool?

  /// What belongs to the rules, and to passages.
  struct Expected: Sendable, Hashable, Codable {
    var interval: AdvertisingInterval
    var isPassing: Bool
    var passingSignal: Int16
    var arrivedAt: Moment?
    var watchedSince: MonotonicTime
    var settledDay: Int32
    var isNotSeenTold: Bool
    /// As `isHeardEarlier`.
    var isArrivedEarlier: Bool?
  }
}

/// What a restart must know of a place where something is expected of people.
struct PlaceMemory: Sendable, Hashable, Codable {
  var place: PlaceID
  /// The watch list in force.
  var revision: Int?
  var hearing: HearingRecord
}
