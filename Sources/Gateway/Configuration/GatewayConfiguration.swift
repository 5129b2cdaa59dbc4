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
  /// The formats of `[[tag_format]]`, in the order in which they are asked.
  public let tagFormats: [RawTagRule]
  public let sensors: [SensorSettings]
  public let outputs: [OutputSettings]
  public let floods: [FloodRule]
  public let contacts: [ContactRule]
  public let rains: [RainRule]
  public let limits: [LimitRule]
  public let agreements: [AgreementRule]
  public let places: [PlaceRule]
  public let watchlist: WatchlistSettings?
  public let history: HistorySettings
  public let lanes: LaneSettings

  /// What the station decides by: this configuration without wires, brokers and files.
  ///
  /// - Parameters:
  ///   - zone: the offsets of `gateway.timezone`, by which the hours of watch rules are judged.
  ///   - floods: rules to try instead of the configured ones.
  public func stationPlan(
    in zone: TimeZoneOffsets = .fixed(seconds: 0), trying floods: [FloodRule]? = nil
  ) -> StationPlan {
    StationPlan(
      gateway: gateway.id, sensors: sensors.map(plan(of:)), floods: floods ?? self.floods, contacts: contacts,
      places: places, outputs: outputs.map(\.rule), limits: limits, agreements: agreements, rains: rains, zone: zone,
      lowBattery: watchlist?.lowBattery ?? WatchlistSettings.usualLowBattery,
      certificates: mqtt.certificates.map(\.certificate))
  }

  /// A sensor's plan, with what it hangs on.
  private func plan(of sensor: SensorSettings) -> SensorPlan {
    var plan = sensor.plan
    switch sensor.driver {
    case .radioContact(let settings): plan.source = "receiver:\(settings.receiver)"
    case .hci where !radioContacts(of: sensor.id).isEmpty: plan.source = "receiver:\(sensor.id)"
    case .gpio(let settings): plan.source = "chip:\(Self.identifier(settings.line.chip))"
    default: plan.source = sensor.port.map { "port:\($0)" }
    }
    return plan
  }

  /// The last part of a path, or a label, in the letters of identifiers.
  private static func identifier(_ chip: String) -> String {
    let name = chip.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? chip
    let letters = name.lowercased().utf8.prefix(40).map { byte -> UInt8 in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
      default: UInt8(ascii: "-")
      }
    }
    return String(decoding: letters, as: UTF8.self)
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
  /// Whose commands this board takes beside its own; the watch list's group is one of them without being named.
  public let groups: [String]
  /// Whom to ask about this board.
  public let contact: String?
  /// The folder of the ledger, the counters and the detectors' state.
  public let stateFolder: String
}

/// `[history]`: what is kept for open data.
public struct HistorySettings: Sendable, Hashable {
  /// 0: no observations are kept.
  public let observationDays: Int
  /// At most so many, whatever their age.
  public let observationRows: Int

  public init(observationDays: Int, observationRows: Int) {
    self.observationDays = observationDays
    self.observationRows = observationRows
  }
}

/// `[delivery]`: how much may wait for the broker, how long, and how fast it goes afterwards.
public struct LaneSettings: Sendable, Hashable {
  /// What stays free of the state folder's file system: below it no observation is written. 0: nothing is asked.
  public var reserveMegabytes = 32
  /// Stored alerts, notices and answers a second after an outage. 0: unpaced.
  public var alertsPerSecond = 200
  /// What may wait of them, above which the oldest notices are given up; never an alert.
  public var alertMegabytes = 64
  public var alertDays = 14
  /// Of states, in memory.
  public var stateMegabytes = 4
  /// When a heartbeat expires at the broker.
  public var stateAge = TimeSpan.minutes(30)
  /// Observations a second after an outage. 0: unpaced.
  public var observationsPerSecond = 20
  /// Above it they are thinned. 0: none wait.
  public var observationMegabytes = 16
  public var observationAge = TimeSpan.hours(168)
  /// Of each sensor at most one waits for each.
  public var observationInterval = TimeSpan.minutes(1)
  /// How long they are gathered before they are written.
  public var observationBatch = TimeSpan.minutes(10)

  public init() {}
}

/// `[fiware]`.
public struct FIWARESettings: Sendable, Hashable {
  /// Holds the API key that is a part of the topics.
  public let apiKeyFile: FileReference
  /// What is sent.
  public let format: FIWAREFormat
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
  /// An absolute path, best one of `/dev/serial/by-path`, or `usb:VID:PID:SERIAL`.
  public let device: String
  public let line: SerialLine
  /// Who turns an RS-485 line round, if the adapter does not.
  public let direction: RS485Settings?
  /// How the requests of Modbus are put on it.
  public let manners: ModbusLineManners
  /// How a break is made on it; nil: as the port can.
  public let breakMethod: BreakMethod?
}

/// `[[output]]`: a siren, a lamp, a relay.
public struct OutputSettings: Sendable, Hashable {
  /// What it is, which says what its times are unless they are configured.
  public enum Kind: String, Sendable, CaseIterable {
    /// At most 3 minutes at a time, then 10 minutes of rest.
    case siren
    /// As long as there is danger, at most 24 hours.
    case lamp
    /// As a siren: whatever it switches is not known.
    case relay
  }

  /// What switches it.
  public enum Wiring: Sendable, Hashable {
    case gpio(GPIOOutputSettings)
    case modbus(ModbusOutputSettings)
  }

  public let rule: OutputRule
  public let kind: Kind
  /// Lengths of on and off in turn while it is on; empty: steadily on.
  public let pattern: [TimeSpan]
  public let wiring: Wiring

  /// The serial port that it is behind, if it is behind one.
  public var port: PortID? {
    if case .modbus(let settings) = wiring { settings.port } else { nil }
  }
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
  /// The keys of tags whose identifiers change.
  public let resolverKeys: FileReference?
  /// A signed list brought by hand.
  public let file: FileReference?
  /// A newer list is fetched from the broker at a random moment within this time, so that a city's gateways do not all
  /// come at once.
  public let fetchWithin: TimeSpan
  /// A tag's battery is low at this charge or below it, in percent.
  public let lowBattery: UInt8

  /// What is low where nothing is configured, in percent.
  public static let usualLowBattery: UInt8 = 20
}
