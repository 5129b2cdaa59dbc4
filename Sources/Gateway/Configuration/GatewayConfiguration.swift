public import Alerts
public import Observations
public import SensorDrivers

/// A whole `gateway.toml`, checked: whatever made it through the reader can be run.
public struct GatewayConfiguration: Sendable, Hashable {
  public let gateway: BoardSettings
  public let mqtt: BrokerSettings
  /// Present: also speak to a FIWARE IoT Agent for JSON.
  public let fiware: FIWARESettings?
  /// Present: each alert is also published as CAP 1.2.
  public let cap: CAPSettings?
  public let authorities: [AuthoritySettings]
  /// In the order of the text; each id once.
  public let ports: [SerialPortSettings]
  public let sensors: [SensorSettings]
  public let outputs: [OutputSettings]
  public let floods: [FloodRule]
  public let contacts: [ContactRule]
  public let rains: [RainRule]
  public let places: [PlaceRule]
  public let watchlist: WatchlistSettings?

  /// What the station decides by: this configuration without wires, brokers and files.
  public func stationPlan() -> StationPlan {
    StationPlan(
      gateway: gateway.id, sensors: sensors.map(\.plan), floods: floods, contacts: contacts, places: places,
      outputs: outputs.map(\.rule))
  }

  public func port(_ id: PortID) -> SerialPortSettings? {
    ports.first { $0.id == id }
  }
}

/// `[gateway]`: who and where this board is.
public struct BoardSettings: Sendable, Hashable {
  /// A part of every topic and the MQTT client id: 1 to 40 of a-z, 0-9 and hyphens.
  public let id: String
  public let name: String
  /// The code of JIS X 0401 and 0402: five digits and the check digit.
  public let municipality: String
  public let position: Position
  /// A zone of the IANA database, such as `Asia/Tokyo`.
  public let timezone: String
  /// BCP 47 tags in the order of preference; at least one.
  public let languages: [String]
  /// Whom to ask about this board.
  public let contact: String?
  /// The folder of the ledger, the counters and the detectors' state.
  public let stateFolder: String
}

/// `[mqtt]`: the broker.
public struct BrokerSettings: Sendable, Hashable {
  /// The protocol that is tried first.
  public enum Version: String, Sendable, CaseIterable {
    case five = "5"
    case threeOneOne = "3.1.1"
  }

  /// `[mqtt.tls]`.
  public struct TLS: Sendable, Hashable {
    /// The certificates that are trusted, PEM.
    public let ca: FileReference
    /// The gateway's own certificate and key, PEM; both or none.
    public let certificate: FileReference?
    public let key: FileReference?
  }

  public let host: String
  /// 1 to 65535.
  public let port: Int
  public let version: Version
  /// The first levels of all topics about hazards and machines; no slash at either end.
  public let root: String
  /// The first levels of all topics about persons; neither under `root` nor above it.
  public let watchRoot: String
  public let username: String?
  public let passwordFile: FileReference?
  public let tls: TLS?
  /// Passwords and alerts may go over a network in the clear.
  public let isInsecureAllowed: Bool
}

/// `[fiware]`.
public struct FIWARESettings: Sendable, Hashable {
  /// Holds the API key that is a part of the topics.
  public let apiKeyFile: FileReference
}

/// `[cap]`: what CAP 1.2 wants to know about the sender.
public struct CAPSettings: Sendable, Hashable {
  /// For whom alerts are meant (CAP 1.2, section 3.2.1).
  public enum Scope: String, Sendable, CaseIterable {
    case `public` = "Public"
    case restricted = "Restricted"
  }

  /// Globally unique; without spaces, commas, `<` and `&`.
  public let sender: String
  public let scope: Scope
  /// Who may see it; always there when the scope is restricted.
  public let restriction: String?
}

/// `[[authority]]`: who may command this gateway or sign its watch list.
public struct AuthoritySettings: Sendable, Hashable {
  /// What an authority may do.
  public enum Right: String, Sendable, CaseIterable {
    case acknowledge, silence, exercise, test, maintenance, report, reload, search, watchlist
  }

  /// The `kid` of what it signs.
  public let keyID: String
  public let publicKeyFile: FileReference
  public let rights: Set<Right>
}

/// `[serial.…]`: a serial port.
public struct SerialPortSettings: Sendable, Hashable {
  public let id: PortID
  /// An absolute path, best one of `/dev/serial/by-path`.
  public let device: String
  public let line: SerialLine
}

/// `[[output]]`: a siren, a lamp, a relay.
public struct OutputSettings: Sendable, Hashable {
  public let rule: OutputRule
  public let wiring: GPIOOutputSettings
}

/// `[[rain]]`: amounts of rain that are alerts. Read and checked; rain is only published as an observation so far.
public struct RainRule: Sendable, Hashable {
  public struct Amount: Sendable, Hashable {
    /// Millimetres.
    public let amount: Measure
    public let within: TimeSpan
    public let severity: Severity
    /// Not said again for this long.
    public let suppress: TimeSpan
  }

  public let sensor: SensorID
  /// At least one.
  public let amounts: [Amount]
}

/// `[watchlist]`: whose persons this board watches over.
public struct WatchlistSettings: Sendable, Hashable {
  /// A key with which tags are hashed.
  public struct TagKey: Sendable, Hashable {
    public let keyID: String
    public let file: FileReference
  }

  public let group: String
  /// One, or two while a key is rotated.
  public let tagKeys: [TagKey]
  /// A signed list brought by hand.
  public let file: FileReference?
}
