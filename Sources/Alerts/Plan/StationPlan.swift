public import Observations

/// A `[[sensor]]` as the station sees it: what it measures and what may be believed; wiring belongs to the driver.
public struct SensorPlan: Sendable, Hashable {
  /// The height of the gauge's zero in a vertical datum.
  public struct Datum: Sendable, Hashable {
    /// Such as `T.P.` (Tokyo Peil).
    public let name: String
    /// Height of the gauge's zero above the datum's, in metres.
    public let zero: Measure

    public init(name: String, zero: Measure) {
      self.name = name
      self.zero = zero
    }
  }

  public let id: SensorID
  public let name: String
  public let quantity: Quantity
  /// A value outside is a fault, never a level.
  public let range: ClosedRange<Measure>?
  /// Silent for longer than this is a fault. Nil where silence is normal (a contact, a rain gauge).
  public let staleAfter: TimeSpan?
  public let datum: Datum?
  /// Millimetres of rain a tip, for a tipping bucket.
  public let tip: Measure?
  /// Where the sensor is, if not where the board is.
  public let position: Position?
  /// What is done to a measuring sensor's readings.
  public var conditioning: ConditioningPlan
  /// What it hangs on, perhaps with others: `port:rs485`, `receiver:gate-north`, `chip:gpiochip0`. When that fails it is
  /// one alert for all of them.
  public var source: String?

  public init(
    id: SensorID, name: String, quantity: Quantity, range: ClosedRange<Measure>? = nil, staleAfter: TimeSpan? = nil,
    datum: Datum? = nil, tip: Measure? = nil, position: Position? = nil,
    conditioning: ConditioningPlan = .none, source: String? = nil
  ) {
    self.id = id
    self.name = name
    self.quantity = quantity
    self.range = range
    self.staleAfter = staleAfter
    self.datum = datum
    self.tip = tip
    self.position = position
    self.conditioning = conditioning
    self.source = source
  }
}

/// All that the station decides by: the configuration without wires, brokers and files.
public struct StationPlan: Sendable, Hashable {
  /// The gateway's id.
  public let gateway: String
  public let sensors: [SensorPlan]
  public let floods: [FloodRule]
  public let contacts: [ContactRule]
  public let places: [PlaceRule]
  public let outputs: [OutputRule]
  public let limits: [LimitRule]
  /// Each sensor in one of them at most.
  public let agreements: [AgreementRule]
  public let rains: [RainRule]
  /// The gateway's time zone: the sum of a day and the days and hours of watch rules go by its clock.
  public let zone: TimeZoneOffsets
  /// A tag's battery is low at this charge or below it, in percent.
  public let lowBattery: UInt8
  /// The certificates whose end is watched.
  public let certificates: [BoardCertificate]

  public init(
    gateway: String, sensors: [SensorPlan], floods: [FloodRule] = [], contacts: [ContactRule] = [],
    places: [PlaceRule] = [], outputs: [OutputRule] = [], limits: [LimitRule] = [],
    agreements: [AgreementRule] = [], rains: [RainRule] = [], zone: TimeZoneOffsets = .fixed(seconds: 0),
    lowBattery: UInt8 = 20, certificates: [BoardCertificate] = []
  ) {
    self.certificates = certificates
    self.gateway = gateway
    self.sensors = sensors
    self.floods = floods
    self.contacts = contacts
    self.places = places
    self.outputs = outputs
    self.limits = limits
    self.agreements = agreements
    self.rains = rains
    self.zone = zone
    self.lowBattery = lowBattery
  }
}

/// Who is watched over where: the watch list with every tag taken out of it.
public struct WatchPlan: Sendable, Hashable {
  /// What the words of a notice depend on.
  public enum Person: String, Sendable, Codable {
    case child, elder
  }

  /// One person and the places of this gateway where it is watched over.
  public struct Member: Sendable, Hashable {
    public let subject: SubjectID
    public let person: Person
    public let places: [PlaceID]
    /// What is expected at each of `places`; fewer than these where nothing is expected at the rest.
    public let rules: [WatchRules?]

    public init(subject: SubjectID, person: Person, places: [PlaceID], rules: [WatchRules?] = []) {
      self.subject = subject
      self.person = person
      self.places = places
      self.rules = rules
    }

    /// What is expected at a place.
    func rules(at place: PlaceID) -> WatchRules? {
      guard let index = places.firstIndex(of: place), index < rules.count else { return nil }
      return rules[index]
    }
  }

  public let revision: Int
  public let members: [Member]

  public init(revision: Int, members: [Member]) {
    self.revision = revision
    self.members = members
  }

  /// Nobody.
  public static let empty = WatchPlan(revision: 0, members: [])
}
