/// Which of a device's tables is read or written.
public enum ModbusTable: String, Sendable, Hashable, CaseIterable {
  /// Read-only registers, read by function 4 ("MODBUS Application Protocol" V1.1b3, 6.4).
  case input
  /// Registers that can also be written, read by function 3 (the same, 6.3).
  case holding
  /// Single bits that can also be written, read by function 1 (the same, 6.1): relays, mostly.
  case coil
  /// Read-only single bits, read by function 2 (the same, 6.2): contacts, mostly.
  case discrete

  /// The function code of a request to read.
  public var function: UInt8 {
    switch self {
    case .coil: 1
    case .discrete: 2
    case .holding: 3
    case .input: 4
    }
  }

  /// Whether it holds single bits rather than registers.
  public var holdsBits: Bool { self == .coil || self == .discrete }

  /// How many bits or registers one answer can hold: 2000 or 125.
  public var maximumQuantity: Int { holdsBits ? 2000 : ModbusRequest.maximumQuantity }
}

/// A request to read a part of a table (functions 1 to 4), or to write one coil or holding register (functions 5 and 6),
/// as an RTU frame of eight bytes.
public struct ModbusRequest: Sendable, Hashable {
  /// How many bytes a request takes on the wire.
  public static let frameLength = 8
  /// How many registers one answer can hold.
  public static let maximumQuantity = 125
  /// What switches a coil on; 0 switches it off, and any other value is refused (the same, 6.5).
  private static let coilOn: UInt16 = 0xFF00

  /// The device's address on the line: 1 to 247.
  public let unit: UInt8
  public let table: ModbusTable
  /// The first bit or register, counted from 0.
  public let address: UInt16
  /// How many bits or registers: 1 to what the table allows; 1 for a request to write.
  public let quantity: Int
  /// What is written; nil for a request to read. For a coil FF00 or 0000, as on the wire.
  public let written: UInt16?

  /// A request to read. Returns nil unless the unit is 1 to 247 and the quantity 1 to what one answer of the table can
  /// hold.
  public init?(unit: UInt8, table: ModbusTable, address: UInt16, quantity: Int) {
    guard (1...247).contains(unit), (1...table.maximumQuantity).contains(quantity) else { return nil }
    self.init(unit: unit, table: table, address: address, quantity: quantity, written: nil)
  }

  /// A request to switch one coil (function 5). Returns nil unless the unit is 1 to 247.
  public init?(unit: UInt8, coil address: UInt16, on: Bool) {
    guard (1...247).contains(unit) else { return nil }
    self.init(unit: unit, table: .coil, address: address, quantity: 1, written: on ? Self.coilOn : 0)
  }

  /// A request to write one holding register (function 6). Returns nil unless the unit is 1 to 247.
  public init?(unit: UInt8, register address: UInt16, value: UInt16) {
    guard (1...247).contains(unit) else { return nil }
    self.init(unit: unit, table: .holding, address: address, quantity: 1, written: value)
  }

  private init(unit: UInt8, table: ModbusTable, address: UInt16, quantity: Int, written: UInt16?) {
    self.unit = unit
    self.table = table
    self.address = address
    self.quantity = quantity
    self.written = written
  }

  /// Reads a whole request frame as a device sees it. Returns nil for a wrong length, checksum, function or range.
  public init?(frame: Span<UInt8>) {
    guard frame.count == Self.frameLength, ModbusChecksum.isValid(frame) else { return nil }
    let unit = frame[0]
    let function = frame[1]
    let address = UInt16(frame[2]) << 8 | UInt16(frame[3])
    let number = UInt16(frame[4]) << 8 | UInt16(frame[5])
    switch function {
    case 5:
      guard number == 0 || number == Self.coilOn else { return nil }
      self.init(unit: unit, coil: address, on: number != 0)
    case 6:
      self.init(unit: unit, register: address, value: number)
    default:
      guard let table = ModbusTable.allCases.first(where: { $0.function == function }) else { return nil }
      self.init(unit: unit, table: table, address: address, quantity: Int(number))
    }
  }

  /// The function code: 1 to 4 to read, 5 and 6 to write.
  public var function: UInt8 {
    guard written != nil else { return table.function }
    return table == .coil ? 5 : 6
  }

  /// Appends the frame's eight bytes.
  public func encode(into bytes: inout [UInt8]) {
    let start = bytes.count
    let number = written ?? UInt16(quantity)
    bytes.append(unit)
    bytes.append(function)
    bytes.append(UInt8(truncatingIfNeeded: address >> 8))
    bytes.append(UInt8(truncatingIfNeeded: address))
    bytes.append(UInt8(truncatingIfNeeded: number >> 8))
    bytes.append(UInt8(truncatingIfNeeded: number))
    ModbusChecksum.append(to: &bytes, from: start)
  }
}

// MARK: - Answers

extension ModbusRequest {
  /// How many bytes of data the answer to a request to read holds.
  var dataByteCount: Int { table.holdsBits ? (quantity + 7) / 8 : 2 * quantity }

  /// How many bytes the good answer takes: address, function, byte count, data, checksum. What was written comes back as
  /// it was sent.
  public var answerLength: Int { written == nil ? 5 + dataByteCount : Self.frameLength }

  /// Whether the answer to another request to the same unit could be taken for the answer to this one.
  func answerLooksLike(thatOf other: ModbusRequest) -> Bool {
    guard written == nil, other.written == nil else { return self == other }
    return table == other.table && dataByteCount == other.dataByteCount
  }

  /// Appends the answer that a device gives to a request to read registers. `registers` has `quantity` elements.
  public func encodeAnswer(_ registers: [UInt16], into bytes: inout [UInt8]) {
    precondition(registers.count == quantity, "The answer has as many registers as were asked for")
    let start = bytes.count
    bytes.append(unit)
    bytes.append(function)
    bytes.append(UInt8(2 * quantity))
    for register in registers {
      bytes.append(UInt8(truncatingIfNeeded: register >> 8))
      bytes.append(UInt8(truncatingIfNeeded: register))
    }
    ModbusChecksum.append(to: &bytes, from: start)
  }

  /// Appends the answer that a device gives to a request to read bits: the first is the lowest bit of the first byte.
  /// `bits` has `quantity` elements.
  public func encodeAnswer(_ bits: [Bool], into bytes: inout [UInt8]) {
    precondition(bits.count == quantity, "The answer has as many bits as were asked for")
    let start = bytes.count
    bytes.append(unit)
    bytes.append(function)
    bytes.append(UInt8(dataByteCount))
    for first in stride(from: 0, to: quantity, by: 8) {
      var byte: UInt8 = 0
      for bit in 0..<min(8, quantity - first) where bits[first + bit] { byte |= 1 << UInt8(bit) }
      bytes.append(byte)
    }
    ModbusChecksum.append(to: &bytes, from: start)
  }

  /// Appends the answer of a device that cannot do what was asked.
  public func encodeException(_ exception: ModbusException, into bytes: inout [UInt8]) {
    let start = bytes.count
    bytes.append(unit)
    bytes.append(function | 0x80)
    bytes.append(exception.rawValue)
    ModbusChecksum.append(to: &bytes, from: start)
  }
}
