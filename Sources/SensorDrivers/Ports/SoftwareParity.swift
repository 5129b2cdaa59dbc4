/// Puts seven bits and a parity bit into bytes of eight, as a port with seven bits and parity does by itself: on the wire
/// 7E1 and 8N1 differ in the meaning of one bit only.
struct SoftwareParity: Sendable, Hashable {
  private let isOdd: Bool

  /// Returns nil for a line that has no seven bits with parity and one stop bit.
  init?(_ line: SerialLine) {
    guard line.dataBits == 7, line.parity != .none, line.stopBits == 1 else { return nil }
    isOdd = line.parity == .odd
  }

  /// The byte whose highest bit makes the number of ones even, or odd.
  func encode(_ byte: UInt8) -> UInt8 {
    let character = byte & 0x7F
    let isUneven = character.nonzeroBitCount % 2 == 1
    return isUneven == isOdd ? character : character | 0x80
  }

  func encode(_ bytes: Span<UInt8>) -> [UInt8] {
    bytes.indices.map { encode(bytes[$0]) }
  }

  /// The character, or zero for a byte of wrong parity, as the kernel reads it.
  func decode(_ byte: UInt8) -> UInt8 {
    let character = byte & 0x7F
    return encode(character) == byte ? character : 0
  }

  func decode(_ buffer: inout MutableSpan<UInt8>, count: Int) {
    for index in 0..<count { buffer[index] = decode(buffer[index]) }
  }
}
