import Observations

/// One part of the station's memory that outlives a restart: a detector's state, an active alert, who is where.
///
/// It encodes as it is; what is inside is the station's own affair. A record that an older or newer version wrote and
/// this one cannot decode may be dropped: the station then starts that part from nothing.
public struct SavedState: Sendable, Hashable, Codable {
  /// Names the part: a later state of the same key replaces the earlier.
  public var key: String
  /// True: the key is to be deleted, because there is nothing left to remember.
  public var isForgotten: Bool { part == nil }

  /// When it was saved: what monotonic times inside are measured from if the boot is another one.
  var savedAt: Moment
  /// The boot in which it was saved, as the one who keeps it knows: a restart keeps records that it does not change, so that
  /// those of several boots may lie beside each other. Nil: an older version saved it, or nobody said.
  public var boot: String?
  var part: Part?

  init(key: String, savedAt: Moment, part: Part?) {
    self.key = key
    self.savedAt = savedAt
    self.part = part
  }

  /// What can be remembered.
  enum Part: Sendable, Hashable, Codable {
    case alert(AlertMemory)
    /// How many alerts and notices have got an id.
    case book(ordinal: UInt64)
    case channel(ChannelMemory)
    case flood(FloodMemory)
    case trend(LevelTrend.Memory)
    case flapping([FlapWatch.Rise])
    case flicker(FaultFlicker.Memory)
    case contact(ContactMemory)
    case rain(RainMemory)
    case presence(PresenceMemory)
    case place(PlaceMemory)
    case placeNews(PlaceNews)
    case carrier(CarrierMemory)
    case search(TagSearch)
    case output(OutputMemory)
    case faultGroup(FaultGroup.Memory)
    case realert(RealertWatch.Memory)
    /// Since when what a sensor raised is not proven.
    case unproven(since: MonotonicTime)
    case maintenance(Maintenance)
    case rehearsal(RehearsalMemory)
    /// The program stopped in order at `savedAt`, having saved everything.
    case stopped
  }
}

/// The keys of the parts.
enum SavedKey {
  static let book = "book"
  static let rehearsals = "rehearsals"
  static let stopped = "stopped"

  static func alert(_ sensor: SensorID, _ kind: AlertKind) -> String { "alert/\(sensor.text)/\(kind.rawValue)" }
  static func channel(_ sensor: SensorID) -> String { "channel/\(sensor.text)" }
  static func flood(_ sensor: SensorID) -> String { "flood/\(sensor.text)" }
  static func trend(_ sensor: SensorID) -> String { "trend/\(sensor.text)" }
  static func flicker(_ sensor: SensorID) -> String { "flicker/\(sensor.text)" }
  static func flapping(_ sensor: SensorID) -> String { "flapping/\(sensor.text)" }
  static func contact(_ sensor: SensorID) -> String { "contact/\(sensor.text)" }
  static func rain(_ sensor: SensorID) -> String { "rain/\(sensor.text)" }
  static func faultGroup(_ source: SensorID) -> String { "group/\(source.text)" }
  static func realert(_ sensor: SensorID) -> String { "realert/\(sensor.text)" }
  static func unproven(_ sensor: SensorID) -> String { "unproven/\(sensor.text)" }
  static func output(_ output: OutputID) -> String { "output/\(output.text)" }
  static func carrier(_ subject: SubjectID) -> String { "carrier/\(subject.text)" }
  static func search(_ subject: SubjectID) -> String { "search/\(subject.text)" }
  static func maintenance(_ sensor: SensorID?) -> String { sensor.map { "maintenance/\($0.text)" } ?? "maintenance" }
  static func rehearsal(_ sensor: SensorID) -> String { "rehearsal/\(sensor.text)" }
  static func place(_ place: PlaceID) -> String { "place/\(place.text)" }
  static func news(_ place: PlaceID) -> String { "news/\(place.text)" }
  static func presence(_ place: PlaceID, _ subject: SubjectID) -> String { "presence/\(place.text)/\(subject.text)" }
}

/// How the monotonic times of an earlier run read on the clock of this one.
struct TimeShift: Sendable {
  let now: Moment
  /// Whether both are of one boot, so that monotonic times hold, but for what was saved at these moments.
  private let isSameBoot: Bool
  private let elsewhere: Set<Moment>
  /// When the earlier run stopped, if it stopped in order.
  private let stopped: Moment?

  /// - Parameter elsewhere: when states of other boots were saved.
  init(now: Moment, sameBoot: Bool, elsewhere: Set<Moment> = [], stopped: Moment?) {
    self.now = now
    isSameBoot = sameBoot
    self.elsewhere = elsewhere
    self.stopped = stopped
  }

  /// Whether what was saved then was saved in the present boot.
  func isSameBoot(_ savedAt: Moment) -> Bool { isSameBoot && !elsewhere.contains(savedAt) }

  /// Whether the earlier run saved it as it stopped, so that it is exact.
  func isExact(_ state: SavedState) -> Bool { state.savedAt == stopped }

  /// For what goes on while the program does not run, such as a hold time.
  ///
  /// In another boot the wall clock bridges the gap. Where it does not tell how long that was no time has passed: a hold
  /// is then kept too long, never too short.
  func throughPause(_ time: MonotonicTime, savedAt: Moment) -> MonotonicTime {
    guard !isSameBoot(savedAt) else { return time }
    return time + ((now.monotonic - (elapsed(since: savedAt) ?? .zero)) - savedAt.monotonic)
  }

  /// How long ago a moment was by the wall clock; nil where that does not tell. A clock that shows an earlier time than
  /// then is proven wrong, whatever it is said to be worth: it tells nothing.
  func elapsed(since moment: Moment) -> TimeSpan? {
    guard now.clock != .unsynchronized, moment.clock != .unsynchronized, now.wall >= moment.wall else { return nil }
    return now.wall - moment.wall
  }

  /// Whether what was saved in another boot proves that the clock has lost time since.
  func isClockBehind(_ savedAt: Moment) -> Bool {
    !isSameBoot(savedAt) && savedAt.clock != .unsynchronized && now.wall < savedAt.wall
  }

  /// When the program was last known to be alive, on this run's clock; nil where no clock tells.
  func lastAlive(_ moment: Moment) -> MonotonicTime? {
    guard isSameBoot(moment) || elapsed(since: moment) != nil else { return nil }
    return min(throughPause(moment.monotonic, savedAt: moment), now.monotonic)
  }

  /// For silence, which nobody could hear while the program did not run: the pause is left out. After a crash, when
  /// nobody knows what was heard last, it is as if it were heard now.
  func withoutPause(_ time: MonotonicTime) -> MonotonicTime {
    guard let stopped else { return now.monotonic }
    return min(time + (now.monotonic - stopped.monotonic), now.monotonic)
  }
}
