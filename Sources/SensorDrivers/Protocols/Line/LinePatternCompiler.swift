/// Reads the text of a `LinePattern` from left to right.
struct LinePatternCompiler {
  private(set) var elements: [LinePattern.Element] = []
  private(set) var fields: [String] = []

  private static let longestPattern = 200
  private static let mostFields = 16

  mutating func compile(_ text: String) throws(LinePattern.Flaw) {
    let bytes = Array(text.utf8)
    guard bytes.count <= Self.longestPattern else {
      throw Self.flaw("the pattern has \(bytes.count) bytes", "use at most \(Self.longestPattern)")
    }
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      let next = index + 1 < bytes.count ? bytes[index + 1] : nil
      switch byte {
      case UInt8(ascii: "{") where next != byte:
        guard let end = bytes[index...].firstIndex(of: UInt8(ascii: "}")) else {
          throw Self.flaw("a { has no }", "close the field, or write {{ for a brace")
        }
        try field(String(decoding: bytes[index + 1..<end], as: UTF8.self))
        index = end + 1
      case UInt8(ascii: "}") where next != byte:
        throw Self.flaw("a } has no {", "write }} for a brace")
      case UInt8(ascii: " "):
        if elements.last != .spaces { elements.append(.spaces) }
        index += 1
      default:
        literal(byte)
        index += byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") ? 2 : 1
      }
    }
    try checkOrder()
  }

  /// Only literal bytes, spaces as they are.
  mutating func compileBytes(_ text: String) throws(LinePattern.Flaw) -> [UInt8] {
    try compile(text.replacing(" ", with: "{0x20}"))
    var bytes: [UInt8] = []
    for element in elements {
      guard case .literal(let literal) = element else {
        throw Self.flaw("a field means nothing here", "write plain text and bytes such as {0x0D}")
      }
      bytes += literal
    }
    return bytes
  }

  private mutating func literal(_ byte: UInt8) {
    if case .literal(let bytes) = elements.last {
      elements[elements.count - 1] = .literal(bytes + [byte])
    } else {
      elements.append(.literal([byte]))
    }
  }

  private mutating func field(_ text: String) throws(LinePattern.Flaw) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    switch (parts[0], parts.count) {
    case ("skip", 1): elements.append(.skip)
    case ("begin", 1): elements.append(.begin)
    case ("end", 1): elements.append(.end)
    case ("status", 2): try status(parts[1])
    case ("checksum", 2): try checksum(parts[1])
    case ("status", _), ("checksum", _):
      throw Self.flaw("{\(text)} says nothing", "write {status:OK} or {checksum:xor}")
    default:
      if text.hasPrefix("0x") {
        guard text.utf8.count == 4, let byte = UInt8(text.dropFirst(2), radix: 16) else {
          throw Self.flaw("{\(text)} is no byte", "write two hexadecimal digits, such as {0x02}")
        }
        literal(byte)
        return
      }
      try number(text)
    }
  }

  private mutating func status(_ text: String) throws(LinePattern.Flaw) {
    let words = text.split(separator: "|", omittingEmptySubsequences: false).map { Array($0.utf8) }
    guard words.allSatisfy({ !$0.isEmpty }) else {
      throw Self.flaw("{status:\(text)} has an empty word", "write the words of a sensor that is well: {status:OK|A}")
    }
    elements.append(.status(words))
  }

  private mutating func checksum(_ text: String) throws(LinePattern.Flaw) {
    guard let kind = LineChecksum(rawValue: text) else {
      let known = LineChecksum.allCases.map(\.rawValue).joined(separator: ", ")
      throw Self.flaw("{checksum:\(text)} is unknown", "known: \(known)")
    }
    elements.append(.checksum(kind))
  }

  private mutating func number(_ name: String) throws(LinePattern.Flaw) {
    let isName = name.utf8.allSatisfy { byte in
      (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "_")
    }
    guard isName, (1...20).contains(name.utf8.count), let first = name.utf8.first, (0x61...0x7A).contains(first) else {
      throw Self.flaw("{\(name)} is no field", "name a number by a-z, 0-9 and _, such as {value}")
    }
    guard !fields.contains(name) else {
      throw Self.flaw("the pattern has {\(name)} twice", "give each number its own name, or write {skip}")
    }
    guard fields.count < Self.mostFields else {
      throw Self.flaw("the pattern has more than \(Self.mostFields) numbers", "write {skip} for those not needed")
    }
    fields.append(name)
    elements.append(.number)
  }

  /// What stands beside what, so that a line is read without going back.
  private func checkOrder() throws(LinePattern.Flaw) {
    let visible = elements.filter { !$0.isMark }
    guard visible.count(where: { if case .checksum = $0 { true } else { false } }) <= 1 else {
      throw Self.flaw("the pattern has two checksums", "keep one")
    }
    guard elements.count(where: { $0 == .begin }) <= 1, elements.count(where: { $0 == .end }) <= 1 else {
      throw Self.flaw("the pattern has {begin} or {end} twice", "keep one of each")
    }
    for (element, next) in zip(visible, visible.dropFirst()) {
      switch (element, next) {
      case (.number, .number):
        throw Self.flaw("two numbers touch", "write what stands between them")
      case (.number, .literal(let bytes)) where (0x30...0x39).contains(bytes[0]) || bytes[0] == UInt8(ascii: "."):
        throw Self.flaw("a digit or point follows a number", "it belongs to the number: leave it out")
      case (.skip, .literal), (.skip, .spaces), (.status, .literal), (.status, .spaces): break
      case (.skip, _), (.status, _):
        throw Self.flaw("{skip} or {status:…} touches a field", "write what stands between them")
      default: break
      }
    }
  }

  private static func flaw(_ problem: String, _ advice: String) -> LinePattern.Flaw {
    LinePattern.Flaw(problem: problem, advice: advice)
  }
}
