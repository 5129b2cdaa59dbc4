/// A place in a text: line and column, both from 1; columns count Unicode code points.
public struct TextPosition: Sendable, Hashable, Comparable {
  public let line: Int
  public let column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// The first character of a text.
  public static let start = TextPosition(line: 1, column: 1)

  public static func < (left: TextPosition, right: TextPosition) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// A value of a TOML text and where it is written.
public struct TOMLValue: Sendable, Hashable {
  /// What is written there.
  public enum Content: Sendable, Hashable {
    case string(String)
    case integer(Int64)
    case float(Double)
    case boolean(Bool)
    case array([TOMLValue])
    case table(TOMLTable)
    /// A date, a time or both: no key of a configuration takes one.
    case date
  }

  public let content: Content
  public let position: TextPosition

  public init(_ content: Content, at position: TextPosition) {
    self.content = content
    self.position = position
  }

  /// What kind of value it is, in the words of a message.
  public var kind: String {
    switch content {
    case .string: "a string"
    case .integer: "a whole number"
    case .float: "a number"
    case .boolean: "true or false"
    case .array: "an array"
    case .table: "a table"
    case .date: "a date or time"
    }
  }
}

/// A table of a TOML text: its keys in the order of the text, and where its header or brace is written.
public struct TOMLTable: Sendable, Hashable {
  /// One key with its value.
  public struct Entry: Sendable, Hashable {
    public let key: String
    public let keyPosition: TextPosition
    public let value: TOMLValue

    public init(key: String, keyPosition: TextPosition, value: TOMLValue) {
      self.key = key
      self.keyPosition = keyPosition
      self.value = value
    }
  }

  public let entries: [Entry]
  public let position: TextPosition

  public init(entries: [Entry], position: TextPosition) {
    self.entries = entries
    self.position = position
  }

  /// The entry under `key`; a table has each key at most once.
  public func entry(_ key: String) -> Entry? {
    entries.first { $0.key == key }
  }

  /// The value under `key`.
  public subscript(key: String) -> TOMLValue? { entry(key)?.value }
}

extension TOMLValue {
  /// The value as TOML on one line, the same for every way of writing it: what a message and a comparison show.
  public var text: String {
    switch content {
    case .string(let string): return Self.quoted(string)
    case .integer(let integer): return String(integer)
    case .float(let number): return Self.decimal(number)
    case .boolean(let boolean): return boolean ? "true" : "false"
    case .array(let values): return "[" + values.map(\.text).joined(separator: ", ") + "]"
    case .table(let table):
      let members = table.entries.map { "\($0.key) = \($0.value.text)" }
      return members.isEmpty ? "{}" : "{ " + members.joined(separator: ", ") + " }"
    case .date: return "a date or time"
    }
  }

  static func decimal(_ number: Double) -> String {
    guard number.isFinite else { return number.isNaN ? "nan" : (number < 0 ? "-inf" : "inf") }
    return "\(number)"
  }

  /// `text` between quotation marks with TOML's escapes, so that a message stays on one line.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      default:
        if scalar.value < 0x20 || scalar.value == 0x7F {
          let digits = String(scalar.value, radix: 16, uppercase: true)
          result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}
