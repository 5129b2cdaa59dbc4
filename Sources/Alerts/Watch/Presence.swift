import Observations

/// One person at one place: here or not, and the sightings on which an arrival is being decided.
struct Presence: Sendable {
  static let nobodyHeard = Moment(
    monotonic: MonotonicTime(nanoseconds: -4_000_000_000_000_000), wall: WallTime(milliseconds: 0),
    clock: .unsynchronized)

  let subject: SubjectID
  var person: WatchPlan.Person
  var isPresent = false
  /// The last sighting of any strength.
  var lastHeard = Presence.nobodyHeard
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

  init(subject: SubjectID, person: WatchPlan.Person) {
    self.subject = subject
    self.person = person
  }

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
}
