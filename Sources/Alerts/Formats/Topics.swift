public import Observations

/// Every MQTT topic that a gateway uses, made in this one place.
public struct Topics: Sendable, Hashable {
  /// Hazards and machines, such as `mimamori/282103`.
  public let root: String
  /// Persons; never below `root`.
  public let watchRoot: String
  /// The gateway's id.
  public let gateway: String

  /// Takes the roots as configured: without wildcards and without a slash at either end.
  public init(root: String, watchRoot: String, gateway: String) {
    self.root = root
    self.watchRoot = watchRoot
    self.gateway = gateway
  }

  /// `<root>/<gateway>`: everything of this gateway that is not about a person lies below.
  public var base: String { "\(root)/\(gateway)" }
  /// Retained: online or offline; also the will's.
  public var status: String { "\(base)/status" }
  /// Retained: who and what this is.
  public var info: String { "\(base)/info" }
  /// Retained: the heartbeat.
  public var health: String { "\(base)/health" }
  /// Retained: the latest message of each active alert of mode actual.
  public var active: String { "\(base)/active" }

  /// The alerts of one mode: a subscriber to the actual ones never sees a drill.
  public func alert(_ mode: AlertMode) -> String { "\(base)/alert\(Self.suffix(mode))" }

  /// The alerts of one mode as CAP.
  public func cap(_ mode: AlertMode) -> String { "\(base)/cap\(Self.suffix(mode))" }

  /// Retained: a sensor's latest reading.
  public func observation(_ sensor: SensorID) -> String { "\(base)/observation/\(sensor)" }

  /// A sensor's earlier readings, which the broker did not get in time: where only the newest counts, none is missed.
  public func delayedObservation(_ sensor: SensorID) -> String { "\(observation(sensor))/delayed" }

  /// Retained: whether an output is on.
  public func output(_ output: OutputID) -> String { "\(base)/output/\(output)" }

  /// Retained: whether a place can be watched; no person.
  public func place(_ place: PlaceID) -> String { "\(base)/place/\(place)" }

  /// The notices of one person.
  public func notice(_ subject: SubjectID) -> String { "\(watchRoot)/\(subject)/\(gateway)" }

  /// Retained: the head of one person's stream.
  public func head(_ subject: SubjectID) -> String { "\(notice(subject))/head" }

  /// In: signed commands to this gateway.
  public var command: String { "\(base)/command" }

  /// In: signed commands to a group of gateways.
  public func groupCommand(_ group: String) -> String { "\(root)/group/\(group)/command" }

  /// Where every command is answered.
  public var reply: String { "\(base)/reply" }

  /// A response topic of a command is used only if it begins so.
  public var replyPrefix: String { "\(root)/reply/" }

  /// In: signed commands by way of a FIWARE IoT Agent for JSON.
  public var agentCommand: String { "/\(Self.keyMark)/\(gateway)/cmd" }

  /// Where a command that came by way of an IoT Agent is answered.
  public var agentResult: String { "/json/\(Self.keyMark)/\(gateway)/cmdexe" }

  /// In, retained: the signed manifest of a group's watch list.
  public func watchlist(_ group: String) -> String { "\(root)/watchlist/\(group)" }

  /// In, retained: one signed part of a watch list; `number` counts from 1.
  public func watchlistPart(_ group: String, revision: Int, number: Int) -> String {
    "\(root)/watchlist/\(group)/\(revision)/\(number)"
  }

  /// A sensor's measures at a FIWARE IoT Agent for JSON; the leading slash is part of the topic. Where the API key stands
  /// is a mark: the key itself is known to the delivery alone.
  public func measures(_ sensor: SensorID) -> String { "/json/\(Self.keyMark)/\(gateway)_\(Self.device(sensor))/attrs" }

  /// A device's name after the gateway's: a port or an output is told from a sensor of the same name.
  static func device(_ sensor: SensorID) -> String {
    sensor.about.map { "\($0)-\(sensor.bare)" } ?? sensor.text
  }

  /// What stands in a topic for the API key.
  public static let keyMark = "{secret}"

  private static func suffix(_ mode: AlertMode) -> String {
    switch mode {
    case .actual: ""
    case .exercise: "/exercise"
    case .test: "/test"
    }
  }
}
