public import Observations

/// What an alert is about. An open list on the wire.
public enum AlertKind: String, Sendable, Codable, CaseIterable {
  case waterLevel = "water_level"
  case rateOfRise = "rate_of_rise"
  case rain
  case floodContact = "flood_contact"
  case sensorFault = "sensor_fault"
  case blind
  case unstable
  case tamper
  case power
  case storage
  case certificate
  case maintenance

  /// Whether it tells of danger to people, rather than of the gateway's own health.
  public var isHazard: Bool {
    switch self {
    case .waterLevel, .rateOfRise, .rain, .floodContact: true
    default: false
    }
  }
}

/// Where a message stands in its alert's life.
public enum MessageType: String, Sendable, Codable {
  case raise, update, clear
}

/// Whether it is real.
public enum AlertMode: String, Sendable, Codable {
  case actual, exercise, test
}

/// CAP's urgency, in lower case.
public enum Urgency: String, Sendable, Codable {
  case immediate, expected, future, past, unknown
}

/// CAP's certainty, in lower case.
public enum Certainty: String, Sendable, Codable {
  case observed, likely, possible, unlikely, unknown
}

/// One message of an alert: a value that the formats turn into bytes. Immutable once made.
public struct Alert: Sendable, Hashable, Codable {
  /// What was measured when the message was made.
  public struct Observed: Sendable, Hashable, Codable {
    public var quantity: Quantity
    /// Nil while nothing can be measured.
    public var value: Measure?
    public var threshold: Measure?
    /// Change an hour, where it is known.
    public var ratePerHour: Measure?

    public init(quantity: Quantity, value: Measure?, threshold: Measure? = nil, ratePerHour: Measure? = nil) {
      self.quantity = quantity
      self.value = value
      self.threshold = threshold
      self.ratePerHour = ratePerHour
    }
  }

  /// An earlier message of the same alert: what a CAP Update or Cancel refers to.
  public struct Reference: Sendable, Hashable, Codable {
    public var revision: Int
    /// When that message was detected: its `sent` in CAP.
    public var sent: WallTime

    public init(revision: Int, sent: WallTime) {
      self.revision = revision
      self.sent = sent
    }
  }

  /// One id through the alert's whole life: the gateway's id, a slash, and 26 characters.
  public var id: String
  /// 1, 2, 3…
  public var revision: Int
  public var message: MessageType
  /// Why an update or a clear was made: `step`, `value`, `renewed`, `released`, … An open list.
  public var reason: String?
  public var mode: AlertMode
  /// Its number in the stream `alert`, from 1, without a gap.
  public var sequence: UInt64
  public var sensor: SensorID
  /// The sensor's name, as people know it.
  public var name: String
  public var kind: AlertKind
  /// 1 to 5, for a water level or where the configuration says what it is equivalent to.
  public var level: Int?
  public var step: LadderStep?
  public var severity: Severity
  public var urgency: Urgency
  public var certainty: Certainty
  /// Why a sensor is faulty, for `sensorFault` and `blind`.
  public var fault: FaultCause?
  /// When it began: the first reading that was to be confirmed.
  public var onset: Moment
  /// When this message was decided.
  public var detected: Moment
  public var expires: WallTime
  public var observed: Observed?
  /// The earlier messages of this id, oldest first: all of them up to 64, then the first and the last 63.
  public var references: [Reference]

  public init(
    id: String, revision: Int, message: MessageType, reason: String?, mode: AlertMode, sequence: UInt64,
    sensor: SensorID, name: String, kind: AlertKind, level: Int?, step: LadderStep?, severity: Severity,
    urgency: Urgency, certainty: Certainty, fault: FaultCause?, onset: Moment, detected: Moment, expires: WallTime,
    observed: Observed?, references: [Reference]
  ) {
    self.id = id
    self.revision = revision
    self.message = message
    self.reason = reason
    self.mode = mode
    self.sequence = sequence
    self.sensor = sensor
    self.name = name
    self.kind = kind
    self.level = level
    self.step = step
    self.severity = severity
    self.urgency = urgency
    self.certainty = certainty
    self.fault = fault
    self.onset = onset
    self.detected = detected
    self.expires = expires
    self.observed = observed
    self.references = references
  }
}
