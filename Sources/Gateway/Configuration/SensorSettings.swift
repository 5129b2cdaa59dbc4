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
  }

  /// What the station knows of it.
  public let plan: SensorPlan
  public let driver: Driver

  public var id: SensorID { plan.id }

  /// The serial port that it is on, if it is on one.
  public var port: PortID? {
    switch driver {
    case .modbus(let settings): settings.port
    case .a02yyuw(let settings): settings.port
    case .hci(let settings): settings.port
    case .gpio: nil
    }
  }
}

/// A value in the registers of a Modbus RTU device (Modbus application protocol 1.1b3, sections 6.3 and 6.4).
public struct ModbusSensorSettings: Sendable, Hashable {
  public let port: PortID
  /// The device's address, 1 to 247.
  public let unit: Int
  public let table: ModbusTable
  /// The first register, counted from 0 as on the wire.
  public let address: Int
  public let type: ModbusNumberType
  public let wordOrder: ModbusWordOrder
  /// Value = raw × scale + offset, in the quantity's unit; never zero.
  public let scale: Double
  public let offset: Double
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

/// A line of a GPIO chip.
public struct GPIOLineReference: Sendable, Hashable {
  /// A path such as `/dev/gpiochip0`, or a chip's label.
  public let chip: String
  public let line: GPIOLine
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
    case floodContact(wet: ContactState)
    /// A tipping bucket: each closing of the contact is a tip of so many millimetres.
    case rain(tip: Measure)
  }

  public let line: GPIOLineReference
  public let bias: GPIOBias
  /// A change counts when it has stood for this long.
  public let debounce: TimeSpan
  public let kind: Kind
}

/// A Bluetooth controller that listens for tags (HCI over UART).
public struct BeaconReceiverSettings: Sendable, Hashable {
  public let port: PortID
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
