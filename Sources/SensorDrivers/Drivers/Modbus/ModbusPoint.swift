public import Observations

/// One sensor on a Modbus line: where its number lies, what it means, and how often it is asked for.
public struct ModbusPoint: Sendable, Hashable {
  public var sensor: SensorID
  public var quantity: Quantity
  /// The device's address on the line: 1 to 247.
  public var unit: UInt8
  public var table: ModbusTable
  /// The first register, counted from 0.
  public var address: UInt16
  public var type: ModbusNumberType
  public var wordOrder: ModbusWordOrder
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
    wordOrder: ModbusWordOrder = .abcd, scale: Double = 1, offset: Double = 0, every: TimeSpan,
    timeout: TimeSpan? = nil, retries: Int = 1
  ) {
    self.sensor = sensor
    self.quantity = quantity
    self.unit = unit
    self.table = table
    self.address = address
    self.type = type
    self.wordOrder = wordOrder
    self.scale = scale
    self.offset = offset
    self.every = every
    self.timeout = timeout
    self.retries = retries
  }

  /// What is waited for the answer on `line`.
  public func effectiveTimeout(on line: SerialLine) -> TimeSpan {
    if let timeout { return max(timeout, .milliseconds(1)) }
    let characters = Int64(ModbusRequest.frameLength + 5 + 2 * type.registerCount)
    return TimeSpan(nanoseconds: characters * line.characterNanoseconds) + .milliseconds(300)
  }
}
