/// Which of a device's register tables is read.
public enum ModbusTable: String, Sendable, Hashable, CaseIterable {
  /// Read-only registers, read by function 4 ("MODBUS Application Protocol" V1.1b3, 6.4).
  case input
  /// Registers that can also be written, read by function 3 (the same, 6.3).
  case holding

  /// The function code of the request.
  public var function: UInt8 {
    switch self {
    case .holding: 3
    case .input: 4
    }
  }
}

/// A request to read registers: functions 3 and 4, as an RTU frame of eight bytes.
public struct ModbusRequest: Sendable, Hashable {
  /// How many bytes a request takes on the wire.
  public static let frameLength = 8
  /// How many registers one answer can hold.
  public static let maximumQuantity = 125

  /// The device's address on the line: 1 to 247.
  public let unit: UInt8
  public let table: ModbusTable
  /// The first register, counted from 0.
  public let address: UInt16
  /// How many registers: 1 to 125.
  public let quantity: Int

  /// Returns nil unless the unit is 1 to 247 and the quantity 1 to 125.
  public init?(unit: UInt8, table: ModbusTable, address: UInt16, quantity: Int) {
    guard (1...247).contains(unit), (1...Self.maximumQuantity).contains(quantity) else { return nil }
    self.unit = unit
    self.table = table
    self.address = address
    self.quantity = quantity
  }

  /// Reads a whole request frame as a device sees it. Returns nil for a wrong length, checksum, function or range.
  public init?(frame: Span<UInt8>) {
    guard frame.count == Self.frameLength, ModbusChecksum.isValid(frame),
      let table = ModbusTable.allCases.first(where: { $0.function == frame[1] })
    else { return nil }
    self.init(
      unit: frame[0], table: table, address: UInt16(frame[2]) << 8 | UInt16(frame[3]),
      quantity: Int(frame[4]) << 8 | Int(frame[5]))
  }

  /// Appends the frame's eight bytes.
  public func encode(into bytes: inout [UInt8]) {
    let start = bytes.count
    bytes.append(unit)
    bytes.append(table.function)
    bytes.append(UInt8(truncatingIfNeeded: address >> 8))
    bytes.append(UInt8(truncatingIfNeeded: address))
    bytes.append(UInt8(truncatingIfNeeded: quantity >> 8))
    bytes.append(UInt8(truncatingIfNeeded: quantity))
    ModbusChecksum.append(to: &bytes, from: start)
  }

  /// How many bytes the good answer takes: address, function, byte count, registers, checksum.
  public var answerLength: Int { 5 + 2 * quantity }

  /// Appends the answer that a device gives to this request. `registers` has `quantity` elements.
  public func encodeAnswer(_ registers: [UInt16], into bytes: inout [UInt8]) {
    precondition(registers.count == quantity, "The answer has as many registers as were asked for")
    let start = bytes.count
    bytes.append(unit)
    bytes.append(table.function)
    bytes.append(UInt8(2 * quantity))
    for register in registers {
      bytes.append(UInt8(truncatingIfNeeded: register >> 8))
      bytes.append(UInt8(truncatingIfNeeded: register))
    }
    ModbusChecksum.append(to: &bytes, from: start)
  }

  /// Appends the answer of a device that cannot do what was asked.
  public func encodeException(_ exception: ModbusException, into bytes: inout [UInt8]) {
    let start = bytes.count
    bytes.append(unit)
    bytes.append(table.function | 0x80)
    bytes.append(exception.rawValue)
    ModbusChecksum.append(to: &bytes, from: start)
  }
}

/// Why a device did not do what it was asked: an answer, not an error of the line
/// ("MODBUS Application Protocol" V1.1b3, 7).
public struct ModbusException: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  /// How many bytes the answer takes on the wire.
  public static let frameLength = 5

  public let rawValue: UInt8

  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  public static let illegalFunction = ModbusException(rawValue: 0x01)
  public static let illegalDataAddress = ModbusException(rawValue: 0x02)
  public static let illegalDataValue = ModbusException(rawValue: 0x03)
  public static let deviceFailure = ModbusException(rawValue: 0x04)
  public static let acknowledge = ModbusException(rawValue: 0x05)
  public static let deviceBusy = ModbusException(rawValue: 0x06)
  public static let memoryParityError = ModbusException(rawValue: 0x08)
  public static let gatewayPathUnavailable = ModbusException(rawValue: 0x0A)
  public static let gatewayTargetFailedToRespond = ModbusException(rawValue: 0x0B)

  /// The specification's name in lower case, or the number of a code that it does not know.
  public var description: String {
    switch self {
    case .illegalFunction: "illegal function"
    case .illegalDataAddress: "illegal data address"
    case .illegalDataValue: "illegal data value"
    case .deviceFailure: "device failure"
    case .acknowledge: "acknowledge"
    case .deviceBusy: "device busy"
    case .memoryParityError: "memory parity error"
    case .gatewayPathUnavailable: "gateway path unavailable"
    case .gatewayTargetFailedToRespond: "gateway target device failed to respond"
    default: "exception \(rawValue)"
    }
  }
}
