/// Walks over one JSON object's text (RFC 8259) without making anything of it but ranges of bytes.
///
/// The bytes are passed to each step, so that they stay where they are. It never traps and never looks beyond the end.
struct JSONScanner: Sendable {
  /// What is wrong, for a person who mends the line.
  enum Problem: Error, Sendable, Hashable {
    case notAnObject
    case unexpectedEnd
    case unexpectedByte(at: Int)
    case tooDeep
    case trailingText(at: Int)

    var text: String {
      switch self {
      case .notAnObject: "the line is not a JSON object"
      case .unexpectedEnd: "the line ends in the middle of the object"
      case .unexpectedByte(let index): "no JSON at column \(index + 1)"
      case .tooDeep: "arrays and objects lie too deep in each other"
      case .trailingText(let index): "there is text after the object at column \(index + 1)"
      }
    }
  }

  /// One member's value.
  enum Value: Sendable {
    /// The bytes between the quotes; `isPlain` when nothing in them is escaped.
    case string(Range<Int>, isPlain: Bool)
    case number(Range<Int>)
    case bool(Bool)
    /// The bytes of an array, brackets included.
    case array(Range<Int>)
    /// Null or an object.
    case other
  }

  private static let deepest = 16
  private(set) var index = 0
  private var isFirst = true

  /// Enters the object.
  mutating func begin(_ bytes: Span<UInt8>) throws(Problem) {
    skipSpace(bytes)
    guard index < bytes.count, bytes[index] == UInt8(ascii: "{") else { throw .notAnObject }
    index += 1
  }

  /// The next member's key and value, or nil after the last, with nothing but space behind it.
  mutating func next(_ bytes: Span<UInt8>) throws(Problem) -> (key: Range<Int>, value: Value)? {
    skipSpace(bytes)
    let byte = try peek(bytes)
    if byte == UInt8(ascii: "}") {
      index += 1
      skipSpace(bytes)
      guard index == bytes.count else { throw .trailingText(at: index) }
      return nil
    }
    if isFirst {
      isFirst = false
    } else {
      guard byte == UInt8(ascii: ",") else { throw .unexpectedByte(at: index) }
      index += 1
      skipSpace(bytes)
    }
    let (key, _) = try string(bytes)
    skipSpace(bytes)
    guard try peek(bytes) == UInt8(ascii: ":") else { throw .unexpectedByte(at: index) }
    index += 1
    skipSpace(bytes)
    return (key, try value(bytes, depth: 0))
  }

  private mutating func value(_ bytes: Span<UInt8>, depth: Int) throws(Problem) -> Value {
    switch try peek(bytes) {
    case UInt8(ascii: "\""):
      let (range, isPlain) = try string(bytes)
      return .string(range, isPlain: isPlain)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      return .number(try number(bytes))
    case UInt8(ascii: "t"):
      try word(Self.trueWord, length: 4, bytes)
      return .bool(true)
    case UInt8(ascii: "f"):
      try word(Self.falseWord, length: 5, bytes)
      return .bool(false)
    case UInt8(ascii: "n"):
      try word(Self.nullWord, length: 4, bytes)
      return .other
    case UInt8(ascii: "["):
      let start = index
      try nested(bytes, depth: depth + 1)
      return .array(start..<index)
    case UInt8(ascii: "{"):
      try nested(bytes, depth: depth + 1)
      return .other
    default:
      throw .unexpectedByte(at: index)
    }
  }

  /// Passes over an array or an object that nobody asks for.
  private mutating func nested(_ bytes: Span<UInt8>, depth: Int) throws(Problem) {
    guard depth <= Self.deepest else { throw .tooDeep }
    let isObject = bytes[index] == UInt8(ascii: "{")
    let close = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
    index += 1
    skipSpace(bytes)
    if try peek(bytes) == close {
      index += 1
      return
    }
    while true {
      skipSpace(bytes)
      if isObject {
        _ = try string(bytes)
        skipSpace(bytes)
        guard try peek(bytes) == UInt8(ascii: ":") else { throw .unexpectedByte(at: index) }
        index += 1
        skipSpace(bytes)
      }
      _ = try value(bytes, depth: depth)
      skipSpace(bytes)
      let byte = try peek(bytes)
      guard byte == close || byte == UInt8(ascii: ",") else { throw .unexpectedByte(at: index) }
      index += 1
      if byte == close { return }
    }
  }

  private mutating func string(_ bytes: Span<UInt8>) throws(Problem) -> (Range<Int>, isPlain: Bool) {
    guard try peek(bytes) == UInt8(ascii: "\"") else { throw .unexpectedByte(at: index) }
    index += 1
    let start = index
    var isPlain = true
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") {
        let range = start..<index
        index += 1
        return (range, isPlain)
      }
      guard byte >= 0x20 else { throw .unexpectedByte(at: index) }
      if byte == UInt8(ascii: "\\") {
        isPlain = false
        index += 1
      }
      index += 1
    }
    throw .unexpectedEnd
  }

  private mutating func number(_ bytes: Span<UInt8>) throws(Problem) -> Range<Int> {
    let start = index
    if bytes[index] == UInt8(ascii: "-") { index += 1 }
    let isZero = try peek(bytes) == UInt8(ascii: "0")
    let whole = try digits(bytes)
    guard !isZero || whole == 1 else { throw .unexpectedByte(at: start) }
    if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
      index += 1
      _ = try digits(bytes)
    }
    if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
      index += 1
      let sign = try peek(bytes)
      if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { index += 1 }
      _ = try digits(bytes)
    }
    return start..<index
  }

  private mutating func digits(_ bytes: Span<UInt8>) throws(Problem) -> Int {
    let start = index
    while index < bytes.count, bytes[index] &- UInt8(ascii: "0") <= 9 { index += 1 }
    guard index > start else {
      throw index < bytes.count ? .unexpectedByte(at: index) : .unexpectedEnd
    }
    return index - start
  }

  private mutating func word(_ word: UInt64, length: Int, _ bytes: Span<UInt8>) throws(Problem) {
    guard bytes.count - index >= length else { throw .unexpectedEnd }
    guard Self.packed(bytes, index..<index + length) == word else { throw .unexpectedByte(at: index) }
    index += length
  }

  /// Up to eight bytes as one number, by which short words are told apart; nil for more.
  static func packed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
    guard range.count <= 8 else { return nil }
    var word: UInt64 = 0
    for index in range { word = word << 8 | UInt64(bytes[index]) }
    return word
  }

  /// The same for a word of the program.
  static func packed(_ word: String) -> UInt64 {
    word.utf8.reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static let trueWord = packed("true")
  private static let falseWord = packed("false")
  private static let nullWord = packed("null")

  private mutating func skipSpace(_ bytes: Span<UInt8>) {
    while index < bytes.count {
      let byte = bytes[index]
      guard byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D else { return }
      index += 1
    }
  }

  private func peek(_ bytes: Span<UInt8>) throws(Problem) -> UInt8 {
    guard index < bytes.count else { throw .unexpectedEnd }
    return bytes[index]
  }
}

extension JSONScanner {
  /// The bytes that a string with escapes means; nil for an escape that JSON does not know.
  static func unescape(_ bytes: Span<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        continue
      }
      guard index < bytes.count else { return nil }
      let escape = bytes[index]
      index += 1
      switch escape {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(escape)
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "u"):
        guard let scalar = scalar(bytes, &index) else { return nil }
        result.append(contentsOf: String(Character(scalar)).utf8)
      default: return nil
      }
    }
    return result
  }

  /// The scalar after `\u`, of one escape or of a surrogate pair.
  private static func scalar(_ bytes: Span<UInt8>, _ index: inout Int) -> Unicode.Scalar? {
    guard let first = codeUnit(bytes, &index) else { return nil }
    guard (0xD800...0xDBFF).contains(first) else { return Unicode.Scalar(first) }
    guard index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
      return nil
    }
    index += 2
    guard let second = codeUnit(bytes, &index), (0xDC00...0xDFFF).contains(second) else { return nil }
    return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
  }

  private static func codeUnit(_ bytes: Span<UInt8>, _ index: inout Int) -> UInt32? {
    guard index + 4 <= bytes.count else { return nil }
    var unit: UInt32 = 0
    for position in index..<index + 4 {
      guard let digit = Hexadecimal.value(bytes[position]) else { return nil }
      unit = unit << 4 | UInt32(digit)
    }
    index += 4
    return unit
  }
}
