/// CRC-16/MODBUS: initial value FFFF, reflected polynomial A001 ("MODBUS over Serial Line" V1.02, 2.5.1.2 and appendix B).
public enum ModbusChecksum {
  private static let table: [UInt16] = (0..<256).map { index in
    var remainder = UInt16(index)
    for _ in 0..<8 {
      remainder = remainder & 1 == 1 ? (remainder >> 1) ^ 0xA001 : remainder >> 1
    }
    return remainder
  }

  /// The checksum of `bytes`. On the wire its low byte goes first.
  public static func compute(_ bytes: Span<UInt8>) -> UInt16 {
    var checksum: UInt16 = 0xFFFF
    for index in bytes.indices {
      checksum = (checksum >> 8) ^ table[Int(UInt8(truncatingIfNeeded: checksum) ^ bytes[index])]
    }
    return checksum
  }

  /// Whether the last two bytes of `frame` are the checksum of all before them.
  public static func isValid(_ frame: Span<UInt8>) -> Bool {
    let end = frame.count - 2
    guard end > 0 else { return false }
    let sent = UInt16(frame[end]) | UInt16(frame[end + 1]) << 8
    return compute(frame.extracting(0..<end)) == sent
  }

  /// Appends the checksum of what `bytes` holds from `start` on, low byte first.
  static func append(to bytes: inout [UInt8], from start: Int) {
    let checksum = compute(bytes.span.extracting(start..<bytes.count))
    bytes.append(UInt8(truncatingIfNeeded: checksum))
    bytes.append(UInt8(truncatingIfNeeded: checksum >> 8))
  }
}
