/// Bytes as two hexadecimal digits each.
public enum Hexadecimal {
  /// The bytes in lower case.
  public static func text(of bytes: Span<UInt8>) -> String {
    var digits = [UInt8]()
    digits.reserveCapacity(2 * bytes.count)
    for index in bytes.indices {
      digits.append(digit(bytes[index] >> 4))
      digits.append(digit(bytes[index] & 15))
    }
    return String(decoding: digits, as: UTF8.self)
  }

  /// The bytes that `text` writes, or nil for an odd count or anything that is no digit.
  ///
  /// - Parameter allowingUpperCase: what people type may be upper case; what is compared as text may not.
  public static func bytes(of text: Span<UInt8>, allowingUpperCase: Bool = false) -> [UInt8]? {
    guard text.count.isMultiple(of: 2) else { return nil }
    var bytes = [UInt8]()
    bytes.reserveCapacity(text.count / 2)
    for index in stride(from: 0, to: text.count, by: 2) {
      guard let high = value(text[index], allowingUpperCase), let low = value(text[index + 1], allowingUpperCase)
      else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  /// The digit of a value from 0 to 15, as ASCII.
  static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
  }

  /// What a digit of either case stands for; nil for anything else.
  static func value(_ character: UInt8) -> UInt8? { value(character, true) }

  private static func value(_ character: UInt8, _ allowingUpperCase: Bool) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F") where allowingUpperCase: character - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
