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
  /// The board itself: too hot, or short of memory.
  case board
  case certificate
  /// An output that cannot be switched.
  case outputFault = "output_fault"
  case maintenance

  /// The kind of alert that a limit on a quantity of the board's own is.
  init(limitOf quantity: Quantity) {
    switch quantity {
    case .voltage, .batteryCharge: self = .power
    case .storageFree: self = .storage
    default: self = .board
    }
  }

  /// Whether it comes of what a sensor measures, rather than of how it works.
  var isMeasured: Bool { isHazard || self == .power || self == .storage || self == .board }

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
    /// The time that the value and the threshold belong to: of a rise or of a sum.
    public var within: TimeSpan?
    /// Change an hour, where it is known.
    public var ratePerHour: Measure?
    /// When the next step will be reached, an estimate.
    public var next: Next?
    /// The sensors that the value comes from, where they are two.
    public var sensors: [SensorID]?

    public init(
      quantity: Quantity, value: Measure?, threshold: Measure? = nil, within: TimeSpan? = nil,
      ratePerHour: Measure? = nil, next: Next? = nil, sensors: [SensorID]? = nil
    ) {
      self.quantity = quantity
      self.value = value
      self.threshold = threshold
      self.within = within
      self.ratePerHour = ratePerHour
      self.next = next
      self.sensors = sensors
    }
  }

  /// An estimate of when the water will reach the next step, by the line of the last minutes.
  public struct Next: Sendable, Hashable, Codable {
    public var step: LadderStep
    public var at: WallTime
    /// From the spread of the slopes: nine of ten are slower.
    public var earliest: WallTime
    /// Nine of ten are faster; at most a day ahead.
    public var latest: WallTime

    public init(step: LadderStep, at: WallTime, earliest: WallTime, latest: WallTime) {
      self.step = step
      self.at = at
      self.earliest = earliest
      self.latest = latest
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

  /// Somebody has taken note of it and looks after it.
  public struct Acknowledgement: Sendable, Hashable, Codable {
    /// The `kid` of the authority that said so.
    public var authority: String
    public var at: WallTime
    public var until: WallTime
    /// What it was found to be: `real`, `false_alarm`, `test`, … An open list; nil: nothing was said.
    public var cause: String?

    public init(authority: String, at: WallTime, until: WallTime, cause: String? = nil) {
      self.authority = authority
      self.at = at
      self.until = until
      self.cause = cause
    }

    /// Whether a text may be a cause: 1 to 40 of a-z, 0-9 and underscores, as words of open lists are.
    public static func isCause(_ text: String) -> Bool {
      (1...40).contains(text.utf8.count) && text.utf8.first != UInt8(ascii: "_")
        && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "_") }
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
  /// The sensors that one cause has silenced together, where the alert is about what they hang on.
  public var affected: [SensorID]?
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
  /// The earlier messages of this id, oldest first.
  public var references: ReferenceChain
  /// Nil: nobody has taken note of it, or that is over, or it has risen since.
  public var acknowledged: Acknowledgement?
  /// When it ends by itself, for `maintenance`, and for rain that is below its amount and only waits.
  public var until: WallTime?

  public init(
    id: String, revision: Int, message: MessageType, reason: String?, mode: AlertMode, sequence: UInt64,
    sensor: SensorID, name: String, kind: AlertKind, level: Int?, step: LadderStep?, severity: Severity,
    urgency: Urgency, certainty: Certainty, fault: FaultCause?, onset: Moment, detected: Moment, expires: WallTime,
    observed: Observed?, references: ReferenceChain, acknowledged: Acknowledgement? = nil, until: WallTime? = nil,
    affected: [SensorID]? = nil
  ) {
    self.id = id
    self.revision = revision
    self.message = message
    self.reason = reason
    self.mode = mode
    self.sequence = sequence
    self.sensor = sensor
    self.name = name
    self.affected = affected
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
    self.acknowledged = acknowledged
    self.until = until
  }
}
