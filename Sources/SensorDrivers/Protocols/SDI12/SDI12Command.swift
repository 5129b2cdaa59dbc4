/// The address of a sensor on an SDI-12 line: one character of `0-9`, `A-Z` and `a-z` (SDI-12 specification 1.4, 4.3).
public struct SDI12Address: Sendable, Hashable, CustomStringConvertible {
  /// The character in ASCII.
  public let character: UInt8

  /// Returns nil unless the character is a digit or a letter of ASCII.
  public init?(_ character: UInt8) {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      self.character = character
    default: return nil
    }
  }

  /// Returns nil unless the text is one such character.
  public init?(text: String) {
    guard text.utf8.count == 1, let character = text.utf8.first else { return nil }
    self.init(character)
  }

  public var description: String { String(UnicodeScalar(character)) }
}

/// What a sensor is told to measure: one of `M`, `M1` to `M9`, `C`, `C1` to `C9` and `R0` to `R9`, with or without a
/// checksum behind the values (SDI-12 specification 1.4, 4.4.6 to 4.4.9).
public struct SDI12Measurement: Sendable, Hashable, CustomStringConvertible {
  public enum Kind: UInt8, Sendable, Hashable {
    /// The line belongs to this sensor until it has measured (4.4.6).
    case alone = 0x4D
    /// Other sensors may be asked while it measures (4.4.8).
    case concurrent = 0x43
    /// It measures all the time and answers with values at once (4.4.9).
    case continuous = 0x52
  }

  public let kind: Kind
  /// 0 to 9; 0 for the plain `M` and `C`.
  public let number: Int
  /// Whether a checksum is asked for: `MC`, `CC` and `RC`.
  public let withChecksum: Bool

  /// Reads `M`, `M1`, `C`, `R0` and the like; nil for anything else.
  public init?(text: String, withChecksum: Bool) {
    let bytes = Array(text.utf8)
    guard (1...2).contains(bytes.count), let kind = Kind(rawValue: bytes[0]) else { return nil }
    self.kind = kind
    self.withChecksum = withChecksum
    if bytes.count == 1 {
      guard kind != .continuous else { return nil }
      number = 0
    } else {
      let lowest: UInt8 = kind == .continuous ? 0x30 : 0x31
      guard (lowest...0x39).contains(bytes[1]) else { return nil }
      number = Int(bytes[1] - 0x30)
    }
  }

  /// As the configuration writes it: `M`, `M1`, `R0`.
  public var description: String {
    let digit = number > 0 || kind == .continuous ? "\(number)" : ""
    return String(UnicodeScalar(kind.rawValue)) + digit
  }

  /// How many values one such measurement can have.
  public var mostValues: Int {
    switch kind {
    case .alone: 9
    case .concurrent: 99
    case .continuous: 35 / 2
    }
  }
}

/// What a recorder says to one sensor (SDI-12 specification 1.4, 4.4).
public enum SDI12Command: Sendable, Hashable {
  /// `aI!`: say who you are.
  case identify
  /// `aM!` and its relatives: measure.
  case measure(SDI12Measurement)
  /// `aD0!` to `aD9!`: send what you measured.
  case data(Int)

  /// Appends the command for the sensor at `address`: 3 to 5 characters.
  public func encode(to address: SDI12Address, into bytes: inout [UInt8]) {
    bytes.append(address.character)
    switch self {
    case .identify: bytes.append(UInt8(ascii: "I"))
    case .measure(let measurement):
      bytes.append(measurement.kind.rawValue)
      if measurement.withChecksum { bytes.append(UInt8(ascii: "C")) }
      if measurement.number > 0 || measurement.kind == .continuous { bytes.append(0x30 + UInt8(measurement.number)) }
    case .data(let index):
      precondition((0...9).contains(index), "There are D0 to D9")
      bytes.append(UInt8(ascii: "D"))
      bytes.append(0x30 + UInt8(index))
    }
    bytes.append(UInt8(ascii: "!"))
  }
}
