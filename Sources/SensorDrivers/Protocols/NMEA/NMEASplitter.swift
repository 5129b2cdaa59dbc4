/// Finds sentences in a stream of bytes: `$`, the body, `*` and the body's checksum in two hexadecimal digits
/// (NMEA 0183, section 5.3). A sentence without a checksum, or with a wrong one, is dropped and counted.
///
/// The result does not depend on how the bytes were split.
public struct NMEASplitter: Sendable {
  /// The standard allows 82 characters; receivers with several satellite systems send some more.
  public static let longestBody = 120

  /// Sentences with a wrong or missing checksum, too long ones included.
  public private(set) var checksumErrors: UInt64 = 0
  /// How often a sentence was found behind bytes that belonged to none.
  public private(set) var resynchronisations: UInt64 = 0

  private enum Phase: Sendable {
    case outside, body, firstDigit
    case secondDigit(high: UInt8)
  }
  private var phase = Phase.outside
  private var body: [UInt8] = []
  private var sum: UInt8 = 0
  private var hasStrayBytes = false

  public init() {
    body.reserveCapacity(Self.longestBody)
  }

  /// The line was opened again: a sentence under way is void.
  public mutating func discard() {
    phase = .outside
    hasStrayBytes = false
  }

  /// Takes one byte. Returns the body of the sentence that ends with it, if one does.
  public mutating func feed(_ byte: UInt8) -> [UInt8]? {
    if byte == UInt8(ascii: "$") {
      if case .outside = phase {} else { spoilt() }
      phase = .body
      body.removeAll(keepingCapacity: true)
      sum = 0
      return nil
    }
    switch phase {
    case .outside:
      if byte != UInt8(ascii: "\r"), byte != UInt8(ascii: "\n") { hasStrayBytes = true }
    case .body: take(byte)
    case .firstDigit:
      guard let high = Self.digit(byte) else {
        spoilt()
        return nil
      }
      phase = .secondDigit(high: high)
    case .secondDigit(let high):
      guard let low = Self.digit(byte), high << 4 | low == sum else {
        spoilt()
        return nil
      }
      phase = .outside
      if hasStrayBytes { resynchronisations += 1 }
      hasStrayBytes = false
      return body
    }
    return nil
  }

  private mutating func take(_ byte: UInt8) {
    if byte == UInt8(ascii: "*") {
      phase = .firstDigit
    } else if (0x20...0x7E).contains(byte), body.count < Self.longestBody {
      body.append(byte)
      sum ^= byte
    } else {
      spoilt()
    }
  }

  private mutating func spoilt() {
    checksumErrors += 1
    phase = .outside
    hasStrayBytes = true
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }

  /// The whole sentence around `body`, with its checksum and line end, as a receiver sends it.
  public static func encode(_ body: String) -> [UInt8] {
    let bytes = Array(body.utf8)
    let sum = bytes.reduce(0, ^)
    let digits = Array("0123456789ABCDEF".utf8)
    return [UInt8(ascii: "$")] + bytes
      + [UInt8(ascii: "*"), digits[Int(sum >> 4)], digits[Int(sum & 15)], UInt8(ascii: "\r"), UInt8(ascii: "\n")]
  }
}
