/// What a sensor promises when it is told to measure: `atttn` or `atttnn` (SDI-12 specification 1.4, 4.4.6 and 4.4.8).
public struct SDI12Promise: Sendable, Hashable {
  /// After how many seconds the values are ready at the latest: 0 to 999.
  public let seconds: Int
  /// How many values there will be: 0 to 9, or 0 to 99 of a concurrent measurement.
  public let count: Int

  /// Reads a line without its line end; nil unless it is exactly such an answer of the sensor at `address`.
  public init?(_ line: Span<UInt8>, from address: SDI12Address, to kind: SDI12Measurement.Kind) {
    let digits = kind == .concurrent ? 5 : 4
    guard kind != .continuous, line.count == 1 + digits, line[0] == address.character else { return nil }
    var number = 0
    for index in 1...digits {
      guard (0x30...0x39).contains(line[index]) else { return nil }
      number = number * 10 + Int(line[index] - 0x30)
    }
    let places = kind == .concurrent ? 100 : 10
    seconds = number / places
    count = number % places
  }
}

/// The values of one `aD0!` to `aD9!` or `aR0!` to `aR9!` (SDI-12 specification 1.4, 4.4.7, 4.4.9 and 4.4.12).
public enum SDI12Values {
  /// What became of a line.
  public enum Result: Sendable, Hashable {
    /// So many values were appended; none is how a sensor says that it has nothing, as after an aborted measurement.
    case values(Int)
    /// The checksum is wrong.
    case wrongChecksum
    /// It is no such line of this sensor.
    case malformed
  }

  /// The specification allows seven digits; some sensors send more.
  private static let mostDigits = 12

  /// Reads a line without its line end, such as `0+1.23-4.5`, and appends its values; on failure nothing is appended.
  public static func parse(
    _ line: Span<UInt8>, from address: SDI12Address, withChecksum: Bool, into values: inout [Double]
  ) -> Result {
    guard line.count > 0, line[0] == address.character else { return .malformed }
    var end = line.count
    if withChecksum {
      guard SDI12Checksum.isValid(line) else { return .wrongChecksum }
      end -= SDI12Checksum.length
    }
    let before = values.count
    var index = 1
    while index < end {
      guard let value = number(line, from: &index, end: end) else {
        values.removeLast(values.count - before)
        return .malformed
      }
      values.append(value)
    }
    return .values(values.count - before)
  }

  /// A sign, digits, and at most one decimal point among or before or behind them.
  private static func number(_ line: Span<UInt8>, from index: inout Int, end: Int) -> Double? {
    let sign = line[index]
    guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return nil }
    index += 1
    guard let magnitude = DecimalDigits.read(line, from: &index, end: end, most: mostDigits) else { return nil }
    return sign == UInt8(ascii: "-") ? -magnitude : magnitude
  }
}

/// Who a sensor says it is, as an answer to `aI!`: `allccccccccmmmmmmvvvxxx…` (SDI-12 specification 1.4, 4.4.2).
public struct SDI12Identification: Sendable, Hashable {
  /// The version of SDI-12 that it speaks, such as 14 for 1.4.
  public let version: Int
  /// Vendor (8 characters), model (6), the sensor's version (3) and up to 13 more, mostly the serial number.
  public let text: String

  /// Reads a line without its line end; nil unless it is such an answer of the sensor at `address`.
  public init?(_ line: Span<UInt8>, from address: SDI12Address) {
    guard (20...33).contains(line.count), line[0] == address.character,
      (0x30...0x39).contains(line[1]), (0x30...0x39).contains(line[2])
    else { return nil }
    version = Int(line[1] - 0x30) * 10 + Int(line[2] - 0x30)
    var text = ""
    for index in 3..<line.count {
      guard (0x20...0x7E).contains(line[index]) else { return nil }
      text.unicodeScalars.append(UnicodeScalar(line[index]))
    }
    self.text = text
  }

  /// Whether the sensor is the one that is meant: what it says begins with `identity`.
  public func matches(_ identity: String) -> Bool {
    text.utf8.starts(with: identity.utf8)
  }
}
