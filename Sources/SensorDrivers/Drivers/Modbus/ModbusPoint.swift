public import Observations

/// What the bits or registers of a point mean.
public enum ModbusMeaning: Sendable, Hashable {
  /// A number: the value is number × scale + offset.
  case number
  /// A current loop behind a converter: number × scale + offset is the current in milliamperes.
  case currentLoop(CurrentLoop)
  /// A contact: active (wet) while the bit is set, or while it is not.
  case contact(activeWhenSet: Bool)
}

/// One sensor on a Modbus line: where its number or bit lies, what it means, and how often it is asked for.
public struct ModbusPoint: Sendable, Hashable {
  public var sensor: SensorID
  public var quantity: Quantity
  /// The device's address on the line: 1 to 247.
  public var unit: UInt8
  public var table: ModbusTable
  /// The first register or the bit, counted from 0.
  public var address: UInt16
  /// How the number lies in registers; without meaning for a bit.
  public var type: ModbusNumberType
  public var wordOrder: ModbusWordOrder
  public var meaning: ModbusMeaning
  /// The value in the quantity's unit is number × scale + offset.
  public var scale: Double
  public var offset: Double
  /// The grid of the polls: 10 ms or longer.
  public var every: TimeSpan
  /// From handing over the request to the last byte of the answer. Nil: what both take on the wire, and 300 ms.
  public var timeout: TimeSpan?
  /// How often a poll asks again before it fails: 0 to 10.
  public var retries: Int

  public init(
    sensor: SensorID, quantity: Quantity, unit: UInt8, table: ModbusTable, address: UInt16, type: ModbusNumberType,
    wordOrder: ModbusWordOrder = .abcd, meaning: ModbusMeaning = .number, scale: Double = 1, offset: Double = 0,
    every: TimeSpan, timeout: TimeSpan? = nil, retries: Int = 1
  ) {
    self.sensor = sensor
    self.quantity = quantity
    self.unit = unit
    self.table = table
    self.address = address
    self.type = type
    self.wordOrder = wordOrder
    self.meaning = meaning
    self.scale = scale
    self.offset = offset
    self.every = every
    self.timeout = timeout
    self.retries = retries
  }

  /// How many bits or registers it takes.
  public var width: Int { table.holdsBits ? 1 : type.registerCount }

  /// What the number that was read says.
  func observation(of number: Double) -> Observation {
    var value = number * scale + offset
    if case .currentLoop(let loop) = meaning {
      switch loop.reading(ofMilliamperes: value) {
      case .fault(let cause): return .fault(sensor, cause)
      case .value(let measured): value = measured
      }
    }
    guard let measure = Measure(rounding: value, for: quantity) else { return .fault(sensor, .outOfRange) }
    return .reading(sensor, measure)
  }

  /// What the bit that was read says.
  func observation(of bit: Bool) -> Observation {
    guard case .contact(let activeWhenSet) = meaning else { return observation(of: bit ? 1.0 : 0.0) }
    return .contact(sensor, active: bit == activeWhenSet)
  }
}

/// A register that tells one device from another at the same address: such as a type or serial number.
public struct ModbusIdentity: Sendable, Hashable {
  /// The device's address on the line: 1 to 247.
  public var unit: UInt8
  /// `input` or `holding`.
  public var table: ModbusTable
  public var address: UInt16
  public var type: ModbusNumberType
  public var wordOrder: ModbusWordOrder
  /// What the register holds in the right device.
  public var value: Double

  public init(
    unit: UInt8, table: ModbusTable, address: UInt16, type: ModbusNumberType, wordOrder: ModbusWordOrder, value: Double
  ) {
    self.unit = unit
    self.table = table
    self.address = address
    self.type = type
    self.wordOrder = wordOrder
    self.value = value
  }
}

/// An output behind a Modbus line: what is written to switch it.
public struct ModbusOutput: Sendable, Hashable {
  /// Where it is switched.
  public enum Target: Sendable, Hashable {
    /// A coil, written by function 5 and read back by function 1; `onWhenSet`: the set coil is the output that is on.
    case coil(UInt16, onWhenSet: Bool)
    /// A holding register, written by function 6 and read back by function 3.
    case register(UInt16, on: UInt16, off: UInt16)
  }

  public var output: OutputID
  /// The device's address on the line: 1 to 247.
  public var unit: UInt8
  public var target: Target
  /// Whether the output is on in its safe state: what it is set to before anything was decided.
  public var isSafeOn: Bool
  /// How often it is written and read back again while nothing changes: a converter that lost its supply, or that
  /// switches itself off when nobody speaks with it, stands right again.
  public var refresh: TimeSpan
  /// As for a sensor.
  public var timeout: TimeSpan?
  /// How often a command is sent again at once before it is a fault: 0 to 10.
  public var retries: Int

  public init(
    output: OutputID, unit: UInt8, target: Target, isSafeOn: Bool, refresh: TimeSpan = .seconds(10),
    timeout: TimeSpan? = nil, retries: Int = 3
  ) {
    self.output = output
    self.unit = unit
    self.target = target
    self.isSafeOn = isSafeOn
    self.refresh = refresh
    self.timeout = timeout
    self.retries = retries
  }
}

/// How requests are put on one Modbus line.
public struct ModbusLineManners: Sendable, Hashable {
  /// What a device needs between its answer and the next request, whoever that is for; beside the 3.5 characters of
  /// silence that the specification demands. At most 10 s.
  public var pause: TimeSpan
  /// Sensors of one unit and table whose registers or bits lie next to each other and that are asked equally often are
  /// read with one request. So many between them, which nobody wants, are read along: 0 to 124. Nil: each sensor has its
  /// own request.
  public var gap: Int?

  public init(pause: TimeSpan = .zero, gap: Int? = 0) {
    self.pause = pause
    self.gap = gap
  }
}

extension FaultCause {
  /// An output was written, and reads back as something else.
  public static let notSwitched = FaultCause(rawValue: "not_switched")
}
