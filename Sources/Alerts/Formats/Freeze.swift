extension Formats {
  /// The bytes of a message for ever, decided at its first hand-over: `delayed` becomes true if it was late.
  ///
  /// Works on an alert and on a notice as this type wrote them. Anything else, such as CAP, comes back unchanged: only
  /// the document's own member counts, not a text or an inner object that reads the same.
  public static func freeze(draft: [UInt8], delayed: Bool) -> [UInt8] {
    guard delayed, let start = valueStart(ofTopLevelMember: "delayed", in: draft) else { return draft }
    let value = "false".utf8
    guard draft[start...].starts(with: value) else { return draft }
    var frozen = [UInt8]()
    frozen.reserveCapacity(draft.count)
    frozen.append(contentsOf: draft[..<start])
    frozen.append(contentsOf: "true".utf8)
    frozen.append(contentsOf: draft[(start + value.count)...])
    return frozen
  }

  /// Where the value of `name` begins in a document without white space between its tokens, if it is there.
  private static func valueStart(ofTopLevelMember name: String, in document: [UInt8]) -> Int? {
    guard document.first == UInt8(ascii: "{") else { return nil }
    var depth = 0
    var index = 0
    while index < document.count {
      switch document[index] {
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: "\""):
        guard let end = endOfString(from: index, in: document) else { return nil }
        let isKey = end + 1 < document.count && document[end + 1] == UInt8(ascii: ":")
        if depth == 1, isKey, document[(index + 1)..<end].elementsEqual(name.utf8) { return end + 2 }
        index = end
      default: break
      }
      index += 1
    }
    return nil
  }

  /// The index of the quotation mark that ends the string which begins at `start`.
  private static func endOfString(from start: Int, in document: [UInt8]) -> Int? {
    var index = start + 1
    while index < document.count {
      switch document[index] {
      case UInt8(ascii: "\\"): index += 2
      case UInt8(ascii: "\""): return index
      default: index += 1
      }
    }
    return nil
  }
}
