/// Writes the elements of one XML 1.0 document in UTF-8. Text only: no attributes but the root's name space.
struct XMLWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int) {
    bytes.reserveCapacity(capacity)
    bytes.append(contentsOf: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".utf8)
  }

  mutating func begin(_ name: String, namespace: String? = nil) {
    bytes.append(UInt8(ascii: "<"))
    bytes.append(contentsOf: name.utf8)
    if let namespace {
      bytes.append(contentsOf: " xmlns=\"".utf8)
      bytes.append(contentsOf: namespace.utf8)
      bytes.append(UInt8(ascii: "\""))
    }
    bytes.append(contentsOf: ">\n".utf8)
  }

  mutating func end(_ name: String) {
    bytes.append(contentsOf: "</".utf8)
    bytes.append(contentsOf: name.utf8)
    bytes.append(contentsOf: ">\n".utf8)
  }

  /// An element with `text`; nothing where there is none.
  mutating func element(_ name: String, _ text: String?) {
    guard let text else { return }
    bytes.append(UInt8(ascii: "<"))
    bytes.append(contentsOf: name.utf8)
    bytes.append(UInt8(ascii: ">"))
    append(text: text)
    end(name)
  }

  /// An element with `valueName` and `value`; nothing where there is no value.
  mutating func pair(_ element: String, _ valueName: String, _ value: String?) {
    guard let value else { return }
    begin(element)
    self.element("valueName", valueName)
    self.element("value", value)
    end(element)
  }

  private mutating func append(text: String) {
    if Self.isPlain(text) {
      bytes.append(contentsOf: text.utf8)
    } else {
      for scalar in text.unicodeScalars { append(scalar) }
    }
  }

  /// Whether no character needs a second look. What begins with EF BF may be U+FFFE or U+FFFF.
  private static func isPlain(_ text: String) -> Bool {
    var previous: UInt8 = 0
    return text.utf8.allSatisfy { byte in
      defer { previous = byte }
      switch byte {
      case 0..<0x20, UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"): return false
      default: return previous != 0xEF || byte != 0xBF
      }
    }
  }

  private mutating func append(_ scalar: Unicode.Scalar) {
    switch scalar {
    case "&": bytes.append(contentsOf: "&amp;".utf8)
    case "<": bytes.append(contentsOf: "&lt;".utf8)
    case ">": bytes.append(contentsOf: "&gt;".utf8)
    // A parser would make a line feed of a carriage return that stands bare.
    case "\r": bytes.append(contentsOf: "&#13;".utf8)
    default:
      if Self.isLegal(scalar) { bytes.append(contentsOf: scalar.utf8) }
    }
  }

  /// XML 1.0, production 2: what is outside cannot be written in any way, so it is left out.
  private static func isLegal(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
    default: false
    }
  }
}
