public import Observations

/// The secret of a group of boards under which tags are hashed, so that a watch list tells nothing to who reads it.
///
/// Shows nothing of itself when printed.
public struct TagKey: Sendable, CustomStringConvertible, CustomReflectable {
  private let authentication: MessageAuthentication

  /// Takes a raw key. Nil unless there are 32 bytes that are not all the same, as in a file that was never filled.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 32, Set(bytes).count > 1 else { return nil }
    authentication = MessageAuthentication(key: bytes.span)
  }

  /// Reads a key file's contents: 32 bytes as they are, or 64 hexadecimal digits with at most one line end.
  public init?(text: [UInt8]) {
    if text.count == 32 {
      self.init(bytes: text)
      return
    }
    let line = text.last == UInt8(ascii: "\n") ? text.dropLast() : text[...]
    guard let bytes = Hexadecimal.bytes(of: line.span, allowingUpperCase: true) else { return nil }
    self.init(bytes: bytes)
  }

  /// HMAC-SHA-256 over `format:` and the identifier's lower-case hex: what a watch list calls the tag.
  public func hash(of tag: TagIdentifier) -> SHA256Hash {
    // The longest name, a colon and 40 digits are 57 bytes; 55 or fewer are hashed in one step.
    var text = InlineArray<64, UInt8>(repeating: 0)
    var count = 0
    tag.format.forEachCharacter { character in
      text[count] = character
      count += 1
    }
    text[count] = UInt8(ascii: ":")
    count += 1
    for index in 0..<Int(tag.count) {
      let byte = tag.byte(index)
      text[count] = Hexadecimal.digit(byte >> 4)
      text[count + 1] = Hexadecimal.digit(byte & 15)
      count += 2
    }
    return authentication.code(for: text.span.extracting(0..<count))
  }

  public var description: String { "TagKey" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
