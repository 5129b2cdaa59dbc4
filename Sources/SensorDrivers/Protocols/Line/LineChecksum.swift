/// The checks that lines of text carry, written in hexadecimal digits.
public enum LineChecksum: String, Sendable, Hashable, CaseIterable {
  /// The exclusive or of all bytes, as in NMEA 0183: two digits.
  case xor
  /// The sum of all bytes modulo 256: two digits.
  case sum8
  /// CRC-16/MODBUS, highest digit first: four digits.
  case crc16Modbus = "crc16-modbus"
  /// CRC-16/ARC, highest digit first: four digits.
  case crc16ARC = "crc16-arc"
  /// CRC-16/CCITT-FALSE (polynomial 1021, initial value FFFF), highest digit first: four digits.
  case crc16CCITT = "crc16-ccitt"
  /// CRC-16/XMODEM (polynomial 1021, initial value 0), highest digit first: four digits.
  case crc16XMODEM = "crc16-xmodem"

  /// How many hexadecimal digits it has.
  public var digits: Int {
    switch self {
    case .xor, .sum8: 2
    case .crc16Modbus, .crc16ARC, .crc16CCITT, .crc16XMODEM: 4
    }
  }

  /// The check of `bytes`.
  public func compute(_ bytes: Span<UInt8>) -> UInt16 {
    switch self {
    case .xor: return bytes.indices.reduce(0) { $0 ^ UInt16(bytes[$1]) }
    case .sum8: return bytes.indices.reduce(0) { ($0 + UInt16(bytes[$1])) & 0xFF }
    case .crc16Modbus: return ModbusChecksum.compute(bytes)
    case .crc16ARC: return SDI12Checksum.compute(bytes)
    case .crc16CCITT: return Self.forward(bytes, from: 0xFFFF)
    case .crc16XMODEM: return Self.forward(bytes, from: 0)
    }
  }

  /// Polynomial 1021, highest bit first.
  private static func forward(_ bytes: Span<UInt8>, from initial: UInt16) -> UInt16 {
    var checksum = initial
    for index in bytes.indices {
      checksum ^= UInt16(bytes[index]) << 8
      for _ in 0..<8 { checksum = checksum & 0x8000 != 0 ? (checksum << 1) ^ 0x1021 : checksum << 1 }
    }
    return checksum
  }
}
