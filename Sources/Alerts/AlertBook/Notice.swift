public import Observations

/// What a family is told. An open list on the wire.
public enum NoticeKind: String, Sendable, Codable, CaseIterable {
  case arrival
  case departure
  case passage
  case notArrived = "not_arrived"
  case nightExit = "night_exit"
  case notSeen = "not_seen"
  case sos
  case found
  case tagBattery = "tag_battery"
  case suspectedCopy = "suspected_copy"
  /// A receiver of the place has not worked for some minutes: less is noticed there, or nothing.
  case degraded
  /// All of them work again.
  case restored
}

/// One message about one person: a value that the formats turn into bytes. Holds a pseudonym, never a tag.
public struct Notice: Sendable, Hashable, Codable {
  /// The gateway's id, a slash, and 26 characters.
  public var id: String
  public var revision: Int
  public var mode: AlertMode
  /// Its number in the subject's stream, from 1, without a gap.
  public var sequence: UInt64
  public var subject: SubjectID
  public var person: WatchPlan.Person
  public var kind: NoticeKind
  public var place: PlaceID
  /// The place's name, as the family knows it.
  public var placeName: String
  public var sensor: SensorID
  public var detected: Moment
  /// When the tag was last heard; see `hasBeenSeen` and `isLastSeenKnown`.
  public var lastSeen: Moment
  /// Whether any clock told when that was; if not, the wall time of `lastSeen` tells nothing.
  public var isLastSeenKnown: Bool
  /// 0 to 1, from signal, count and silence.
  public var confidence: Double
  public var whereabouts: Whereabouts
  /// The case of the search that found the person.
  public var searchCase: String?

  /// Whether the tag was ever heard at the place; if not, `lastSeen` tells nothing.
  public var hasBeenSeen: Bool { lastSeen.wall != WallTime(milliseconds: 0) }

  /// Where it was.
  public enum Whereabouts: Sendable, Hashable, Codable {
    /// At the place, which stands still.
    case fixed
    /// Where the moving board was when it heard the tag; nil when it did not know.
    case moving(PositionFix?)
  }

  public init(
    id: String, revision: Int, mode: AlertMode, sequence: UInt64, subject: SubjectID, person: WatchPlan.Person,
    kind: NoticeKind, place: PlaceID, placeName: String, sensor: SensorID, detected: Moment, lastSeen: Moment,
    isLastSeenKnown: Bool = true, confidence: Double, whereabouts: Whereabouts = .fixed, searchCase: String? = nil
  ) {
    self.id = id
    self.revision = revision
    self.mode = mode
    self.sequence = sequence
    self.subject = subject
    self.person = person
    self.kind = kind
    self.place = place
    self.placeName = placeName
    self.sensor = sensor
    self.detected = detected
    self.lastSeen = lastSeen
    self.isLastSeenKnown = isLastSeenKnown
    self.confidence = confidence
    self.whereabouts = whereabouts
    self.searchCase = searchCase
  }
}
