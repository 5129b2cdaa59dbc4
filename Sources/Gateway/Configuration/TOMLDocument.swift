import CTOML

/// What is wrong with a text that is not TOML, and where.
public struct TOMLSyntaxError: Error, Sendable, Hashable {
  public let message: String
  public let position: TextPosition
}

/// Reads TOML 1.0 into a tree that knows the place of every key and value.
public enum TOMLDocument {
  /// The longest text that is read, in bytes: a hundred times what a large site needs.
  public static let mostBytes = 256 * 1024

  /// Reads `text`, which is UTF-8.
  ///
  /// - Throws: `TOMLSyntaxError` at the first place that is not TOML, for a text longer than `mostBytes`, and for keys
  ///   nested beyond any use (more than 32 tables deep, 64 dots on a line).
  public static func parse(_ text: [UInt8]) throws(TOMLSyntaxError) -> TOMLTable {
    guard text.count <= mostBytes else {
      throw TOMLSyntaxError(
        message: "the text has \(text.count) bytes, and only \(mostBytes) are read", position: .start)
    }
    let handle = try Handle(text)
    var index = 1
    let root = unsafe handle.node(0)
    return unsafe handle.table(root, next: &index)
  }
}

/// Owns the parsed document of the C++ side while it is copied into Swift values.
@safe
private final class Handle {
  // SAFETY: made once in `init`, freed once in `deinit`, and never leaves this file.
  private let document: OpaquePointer

  init(_ text: [UInt8]) throws(TOMLSyntaxError) {
    let parsed = unsafe text.withUnsafeBytes { bytes in
      // An empty array may have no address at all; the parser only wants to know that there is nothing.
      unsafe ctoml_parse(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    guard let parsed = unsafe parsed else {
      throw TOMLSyntaxError(message: "there is not enough memory to read the text", position: .start)
    }
    unsafe document = parsed
    var line: UInt32 = 0
    var column: UInt32 = 0
    if let message = unsafe ctoml_error(parsed, &line, &column) {
      let position = TextPosition(line: max(1, Int(line)), column: max(1, Int(column)))
      let text = unsafe String(cString: message)
      throw TOMLSyntaxError(message: Self.onOneLine(text), position: position)
    }
  }

  deinit {
    unsafe ctoml_free(document)
  }

  /// A message may quote what it found: control characters in it must not break the output.
  private static func onOneLine(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
  }

  func node(_ index: Int) -> CTOMLNode {
    unsafe ctoml_node(document, index)
  }

  /// The table `node`, whose members start at `next`; moves `next` behind them.
  func table(_ node: CTOMLNode, next: inout Int) -> TOMLTable {
    var entries: [TOMLTable.Entry] = []
    let count = unsafe Int(node.count)
    entries.reserveCapacity(count)
    for _ in 0..<count {
      let member = unsafe self.node(next)
      let position = unsafe TextPosition(line: Int(member.key_line), column: Int(member.key_column))
      let key = unsafe Self.string(member.key)
      let value = self.value(&next)
      entries.append(.init(key: key, keyPosition: position, value: value))
    }
    // toml++ sorts by name; people expect the order in which they wrote.
    entries.sort { $0.keyPosition < $1.keyPosition }
    return unsafe TOMLTable(entries: entries, position: Self.position(node))
  }

  private func value(_ next: inout Int) -> TOMLValue {
    let node = unsafe self.node(next)
    next += 1
    let content: TOMLValue.Content
    switch unsafe node.type {
    case CTOML_STRING: content = unsafe .string(Self.string(node.string))
    case CTOML_INTEGER: content = unsafe .integer(node.integer)
    case CTOML_FLOAT: content = unsafe .float(node.number)
    case CTOML_BOOLEAN: content = unsafe .boolean(node.integer != 0)
    case CTOML_TABLE: content = unsafe .table(table(node, next: &next))
    case CTOML_ARRAY:
      var values: [TOMLValue] = []
      for _ in 0..<(unsafe Int(node.count)) { values.append(value(&next)) }
      content = .array(values)
    default: content = .date
    }
    return unsafe TOMLValue(content, at: Self.position(node))
  }

  private static func position(_ node: CTOMLNode) -> TextPosition {
    unsafe TextPosition(line: max(1, Int(node.line)), column: max(1, Int(node.column)))
  }

  private static func string(_ text: CTOMLText) -> String {
    let bytes = unsafe UnsafeRawBufferPointer(start: text.bytes, count: text.count)
    return unsafe String(decoding: bytes, as: UTF8.self)
  }
}
