import FoundationEssentials

/// Why a JSON text is refused: where, and what is wrong there.
public struct StrictJSONError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// Reads JSON (RFC 8259) that decides something: one meaning only, and bounded.
///
/// What parsers elsewhere take differently is refused: a member given twice in one object, anything after the value,
/// bytes that are not UTF-8. So is what only an attacker writes: deep nesting.
public enum StrictJSON {
  /// Objects and arrays within each other.
  static let maximumDepth = 8

  /// Decodes `bytes` into a value. Members that `Value` does not know are ignored.
  public static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8]
  ) throws(StrictJSONError) -> Value {
    try check(bytes)
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as DecodingError {
      throw StrictJSONError(text(of: error))
    } catch {
      throw StrictJSONError("not JSON")
    }
  }

  /// Throws unless `bytes` are one JSON text in which no object gives a member twice.
  public static func check(_ bytes: [UInt8]) throws(StrictJSONError) {
    guard String(validating: bytes, as: UTF8.self) != nil else { throw StrictJSONError("not UTF-8") }
    var scanner = Scanner(bytes: bytes)
    try scanner.value(depth: 0)
    scanner.skipWhiteSpace()
    guard scanner.index == bytes.count else { throw scanner.error("something follows the JSON value") }
  }

  /// Encodes a value with its members in alphabetical order, so that the same value always gives the same bytes.
  public static func encode(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Only numbers that are not finite and top-level fragments can fail, and no value here holds them.
    return (try? encoder.encode(value)).map { Array($0) } ?? []
  }

  /// Where decoding failed and why, without the value: it may be a tag's identifier.
  private static func text(of error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, let context): "\(path(context.codingPath + [key])) is missing"
    case .valueNotFound(_, let context): "\(path(context.codingPath)) is null"
    case .typeMismatch(_, let context): "\(path(context.codingPath)) is of the wrong kind"
    case .dataCorrupted(let context) where context.codingPath.isEmpty: "a value is not known or not in range"
    case .dataCorrupted(let context): "\(path(context.codingPath)) has a value that is not known or not in range"
    @unknown default: "not JSON"
    }
  }

  private static func path(_ keys: [any CodingKey]) -> String {
    var path = ""
    for key in keys {
      if let index = key.intValue {
        path += "[\(index)]"
      } else {
        path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
      }
    }
    return path.isEmpty ? "the JSON value" : path
  }
}

extension StrictJSON {
  /// Walks a text's structure. Numbers and escapes are checked as far as the structure needs; the decoder does the rest.
  private struct Scanner {
    let bytes: [UInt8]
    var index = 0

    init(bytes: [UInt8]) {
      self.bytes = bytes
    }

    func error(_ problem: String) -> StrictJSONError {
      StrictJSONError("byte \(index + 1): \(problem)")
    }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    mutating func skipWhiteSpace() {
      while let character = next, character == 0x20 || (0x09...0x0A).contains(character) || character == 0x0D {
        index += 1
      }
    }

    private mutating func take(_ character: UInt8) -> Bool {
      guard next == character else { return false }
      index += 1
      return true
    }

    mutating func value(depth: Int) throws(StrictJSONError) {
      skipWhiteSpace()
      switch next {
      case UInt8(ascii: "{"): try object(depth: depth + 1)
      case UInt8(ascii: "["): try array(depth: depth + 1)
      case UInt8(ascii: "\""): _ = try string()
      case let character? where Self.isDigit(character) || character == UInt8(ascii: "-"): number()
      default:
        guard ["true", "false", "null"].contains(where: { literal($0) }) else { throw error("a JSON value is missing") }
      }
    }

    private mutating func object(depth: Int) throws(StrictJSONError) {
      guard depth <= StrictJSON.maximumDepth else { throw error("more than \(StrictJSON.maximumDepth) levels deep") }
      index += 1
      skipWhiteSpace()
      if take(UInt8(ascii: "}")) { return }
      var names = Set<String>(minimumCapacity: 8)
      repeat {
        skipWhiteSpace()
        guard next == UInt8(ascii: "\"") else { throw error("a member's name is missing") }
        guard names.insert(try name()).inserted else { throw error("a member is given twice") }
        skipWhiteSpace()
        guard take(UInt8(ascii: ":")) else { throw error("a colon is missing") }
        try value(depth: depth)
        skipWhiteSpace()
      } while take(UInt8(ascii: ","))
      guard take(UInt8(ascii: "}")) else { throw error("an object is not closed") }
    }

    private mutating func array(depth: Int) throws(StrictJSONError) {
      guard depth <= StrictJSON.maximumDepth else { throw error("more than \(StrictJSON.maximumDepth) levels deep") }
      index += 1
      skipWhiteSpace()
      if take(UInt8(ascii: "]")) { return }
      repeat {
        try value(depth: depth)
        skipWhiteSpace()
      } while take(UInt8(ascii: ","))
      guard take(UInt8(ascii: "]")) else { throw error("an array is not closed") }
    }

    /// A member's name with its escapes resolved, so that no spelling of it hides a second one.
    private mutating func name() throws(StrictJSONError) -> String {
      let start = index + 1
      guard try string() else { return String(decoding: bytes[start..<(index - 1)], as: UTF8.self) }
      var text = [UInt16]()
      var plain = start
      var resolver = self
      for position in start..<(index - 1) where position >= plain && bytes[position] == UInt8(ascii: "\\") {
        text.append(contentsOf: String(decoding: bytes[plain..<position], as: UTF8.self).utf16)
        resolver.index = position
        text.append(try resolver.escape())
        plain = resolver.index
      }
      text.append(contentsOf: String(decoding: bytes[plain..<(index - 1)], as: UTF8.self).utf16)
      return String(decoding: text, as: UTF16.self)
    }

    /// Walks over the string at `index`. Returns whether it has escapes.
    private mutating func string() throws(StrictJSONError) -> Bool {
      index += 1
      var hasEscapes = false
      while let character = next {
        switch character {
        case UInt8(ascii: "\""):
          index += 1
          return hasEscapes
        case UInt8(ascii: "\\"):
          _ = try escape()
          hasEscapes = true
        case 0..<0x20: throw error("a control character in a string")
        default: index += 1
        }
      }
      throw error("a string is not closed")
    }

    /// The UTF-16 code unit of the escape at `index`.
    private mutating func escape() throws(StrictJSONError) -> UInt16 {
      let simple: [(UInt8, UInt16)] = [
        (0x22, 0x22), (0x5C, 0x5C), (0x2F, 0x2F), (0x62, 0x08), (0x66, 0x0C), (0x6E, 0x0A), (0x72, 0x0D), (0x74, 0x09),
      ]
      guard index + 1 < bytes.count else { throw error("a string is not closed") }
      let letter = bytes[index + 1]
      if let found = simple.first(where: { $0.0 == letter }) {
        index += 2
        return found.1
      }
      guard letter == UInt8(ascii: "u"), index + 6 <= bytes.count,
        let unit = Hexadecimal.bytes(of: bytes[(index + 2)..<(index + 6)].span, allowingUpperCase: true)
      else { throw error("an escape that JSON does not have") }
      index += 6
      return UInt16(unit[0]) << 8 | UInt16(unit[1])
    }

    private mutating func number() {
      while let character = next,
        Self.isDigit(character) || "+-.eE".utf8.contains(character)
      {
        index += 1
      }
    }

    private static func isDigit(_ character: UInt8) -> Bool {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character)
    }

    private mutating func literal(_ word: String) -> Bool {
      guard bytes[index...].starts(with: word.utf8) else { return false }
      index += word.utf8.count
      return true
    }
  }
}
