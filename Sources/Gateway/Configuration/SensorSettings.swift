public import Alerts
public import Observations
public import SensorDrivers

/// `[[sensor]]`: what it measures, and how it is wired.
public struct SensorSettings: Sendable, Hashable {
  /// Which driver speaks with it. A new driver is a case here.
  public enum Driver: Sendable, Hashable {
    case modbus(ModbusSensorSettings)
    case a02yyuw(UltrasonicSensorSettings)
    case gpio(GPIOSensorSettings)
    case hci(BeaconReceiverSettings)
    case nmea(SatelliteReceiverSettings)
    case board(BoardSensorSettings)
    case sdi12(SDI12SensorSettings)
    case maxbotix(MaxBotixSensorSettings)
    case line(LineSensorSettings)
    case radioContact(RadioContactSettings)
  }

  /// What the station knows of it.
  public internal(set) var plan: SensorPlan
  public let driver: Driver

  public var id: SensorID { plan.id }

  /// From one poll to the next; nil for what speaks by itself.
  public var every: TimeSpan? {
    switch driver {
    case .modbus(let settings): settings.every
    case .board(let settings): settings.every
    case .sdi12(let settings): settings.point.every
    case .line(let settings): settings.point.poll?.every
    case .a02yyuw, .gpio, .hci, .nmea, .maxbotix, .radioContact: nil
    }
  }

  /// The serial port that it is on, if it is on one.
  public var port: PortID? {
    switch driver {
    case .modbus(let settings): settings.port
    case .a02yyuw(let settings): settings.port
    case .hci(let settings): settings.port
    case .nmea(let settings): settings.port
    case .sdi12(let settings): settings.port
    case .maxbotix(let settings): settings.port
    case .line(let settings): settings.port
    case .gpio, .board, .radioContact: nil
    }
  }
}

/// A value in the registers, or a contact in the bits, of a Modbus RTU device (Modbus application protocol 1.1b3,
/// sections 6.1 to 6.4).
public struct ModbusSensorSettings: Sendable, Hashable {
  public let port: PortID
  /// The device's address, 1 to 247.
  public let unit: Int
  public let table: ModbusTable
  /// The first register or the bit, counted from 0 as on the wire.
  public let address: Int
  public let type: ModbusNumberType
  public let wordOrder: ModbusWordOrder
  public let meaning: ModbusMeaning
  /// Value = raw × scale + offset, in the quantity's unit; never zero.
  public let scale: Double
  public let offset: Double
  /// By what the right device at this address is known, if it is checked.
  public let identity: ModbusIdentity?
  /// From one poll to the next.
  public let every: TimeSpan
  /// How long an answer is waited for; nil: what it takes on the wire and a device's usual time.
  public let timeout: TimeSpan?
  /// How often a failed poll is repeated at once, 0 to 5.
  public let retries: Int
}

/// An A02YYUW ultrasonic distance sensor over the water.
public struct UltrasonicSensorSettings: Sendable, Hashable {
  public let port: PortID
  /// Height of the sensor above the gauge's zero, in metres: level = mount height - distance.
  public let mountHeight: Measure
}

/// A value of a device on an SDI-12 line.
public struct SDI12SensorSettings: Sendable, Hashable {
  public let port: PortID
  public let point: SDI12Point
}

/// A MaxBotix ultrasonic distance sensor over the water.
public struct MaxBotixSensorSettings: Sendable, Hashable {
  public let port: PortID
  /// Height of the sensor above the gauge's zero, in metres: level = mount height - distance.
  public let mountHeight: Measure
  public let output: MaxBotixOutput
  /// This number and all above it mean no target; nil: what the most common models say.
  public let noTarget: Int?
  /// A target at this distance or nearer is in the blind zone, in metres.
  public let leastDistance: Measure?
}

/// A number in the lines of a sensor that speaks in text.
public struct LineSensorSettings: Sendable, Hashable {
  public let port: PortID
  public let point: LinePoint
  /// What ends a line; empty: each carriage return and each line feed.
  public let terminator: [UInt8]
}

/// A line of a GPIO chip.
public struct GPIOLineReference: Sendable, Hashable {
  /// A path such as `/dev/gpiochip0`, or a chip's label.
  public let chip: String
  public let line: GPIOLine

  public init(chip: String, line: GPIOLine) {
    self.chip = chip
    self.line = line
  }
}

/// A contact or a tipping bucket on a GPIO line.
public struct GPIOSensorSettings: Sendable, Hashable {
  /// The position of a contact.
  public enum ContactState: String, Sendable, CaseIterable {
    case closed, open
  }

  /// What is read from the line.
  public enum Kind: Sendable, Hashable {
    /// A flood contact that is wet in this position.
    case floodContact(wet: ContactState, supervision: Supervision?)
    /// A tipping bucket: each closing of the contact is a tip of so many millimetres. Tips that follow each other sooner
    /// than `minimumInterval` are not believed.
    case rain(tip: Measure, minimumInterval: TimeSpan)
  }

  /// The second line of a contact whose cable is watched.
  public struct Supervision: Sendable, Hashable {
    /// On the contact's chip.
    public let line: GPIOLine
    public let wiring: SupervisedContact.Wiring
    /// How long the two lines must contradict each other to be a fault.
    public let transition: TimeSpan
  }

  public let line: GPIOLineReference
  public let bias: GPIOBias
  /// A change counts when it has stood for this long.
  public let debounce: TimeSpan
  public let kind: Kind
}

/// A satellite receiver that speaks NMEA 0183.
public struct SatelliteReceiverSettings: Sendable, Hashable {
  public let port: PortID
}

/// A value that the kernel knows of the board itself.
public struct BoardSensorSettings: Sendable, Hashable {
  public let source: BoardSource
  /// Value = what is read in the quantity's unit × scale + offset; never zero.
  public let scale: Double
  public let offset: Double
  /// From one poll to the next.
  public let every: TimeSpan
}

/// An output on a GPIO line.
public struct GPIOOutputSettings: Sendable, Hashable {
  /// Which level of the line switches it on.
  public enum ActiveLevel: String, Sendable, CaseIterable {
    case high, low
  }

  /// The state at start, stop and crash.
  public enum SafeState: String, Sendable, CaseIterable {
    case off, on
  }

  public let line: GPIOLineReference
  public let active: ActiveLevel
  public let safe: SafeState
}

/// An output that a Modbus RTU device switches (Modbus application protocol 1.1b3, sections 6.5 and 6.6).
public struct ModbusOutputSettings: Sendable, Hashable {
  public let port: PortID
  /// The device's address, 1 to 247.
  public let unit: Int
  public let target: ModbusOutput.Target
  public let safe: GPIOOutputSettings.SafeState
  /// By what the right device at this address is known, if it is checked.
  public let identity: ModbusIdentity?
  /// From one writing and reading back to the next while nothing changes.
  public let refresh: TimeSpan
  /// How long an answer is waited for; nil: what it takes on the wire and a device's usual time.
  public let timeout: TimeSpan?
  /// How often a command is sent again at once, 0 to 10.
  public let retries: Int
}
