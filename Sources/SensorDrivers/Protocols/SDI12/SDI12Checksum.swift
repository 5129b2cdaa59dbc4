/// The checksum of SDI-12: CRC-16/ARC, initial value 0, reflected polynomial A001, sent as three printable characters
/// (SDI-12 specification 1.4, 4.4.12).
public enum SDI12Checksum {
  /// How many characters it takes on the wire.
  public static let length = 3

  /// The checksum of `bytes`.
  public static func compute(_ bytes: Span<UInt8>) -> UInt16 {
    var checksum: UInt16 = 0
    for index in bytes.indices {
      checksum ^= UInt16(bytes[index])
      for _ in 0..<8 { checksum = checksum & 1 == 1 ? (checksum >> 1) ^ 0xA001 : checksum >> 1 }
    }
    return checksum
  }

  /// The three characters of `checksum`: four, six and six of its bits, each with 40 added.
  public static func characters(_ checksum: UInt16) -> [UInt8] {
    [
      0x40 | UInt8(checksum >> 12), 0x40 | UInt8(checksum >> 6 & 0x3F), 0x40 | UInt8(checksum & 0x3F),
    ]
  }

  /// Whether the last three characters of `line`, which is without its line end, are the checksum of all before them.
  public static func isValid(_ line: Span<UInt8>) -> Bool {
    let end = line.count - length
    guard end > 0 else { return false }
    let expected = characters(compute(line.extracting(0..<end)))
    return expected.indices.allSatisfy { line[end + $0] == expected[$0] }
  }
}
