/// What a line of a sensor that speaks in text looks like: literal text, and fields in braces.
///
/// | in the pattern | stands for |
/// |---|---|
/// | any other character | itself |
/// | a space | one or more spaces or tabs |
/// | `{name}` | a decimal number, called so: `-1.25`, `+3`, `.5`, with spaces before it or not |
/// | `{skip}` | anything, up to the first place where the following text stands |
/// | `{status:OK}`, `{status:OK\|A}` | one of these words; anything else there means that the sensor is not well |
/// | `{checksum:xor}` | hexadecimal digits that check all from `{begin}`, or the line's beginning, to `{end}`, or here |
/// | `{begin}`, `{end}` | nothing: they mark what is checked |
/// | `{0x02}` | the byte of this value |
/// | `{{`, `}}` | a brace |
///
/// A line matches as a whole; spaces at its end do not count. It is read once from left to right, without going back, so
/// no line takes long.
public struct LinePattern: Sendable, Hashable {
  /// Why a text is no pattern, and what to do about it.
  public struct Flaw: Error, Sendable, Hashable {
    /// What is wrong.
    public let problem: String
    public let advice: String
  }

  /// What became of a line.
  public enum Match: Sendable, Hashable {
    /// It fits; so many numbers were appended, in the order of `fields`.
    case values
    /// It fits, and the sensor says that it is not well.
    case unwell
    /// It fits but for its checksum.
    case wrongChecksum
    /// It is another line.
    case different
  }

  enum Element: Sendable, Hashable {
    case literal([UInt8])
    case spaces
    case number
    case skip
    case status([[UInt8]])
    case begin, end
    case checksum(LineChecksum)

    var isMark: Bool { self == .begin || self == .end }
  }

  /// The longest number has so many digits.
  private static let mostDigits = 15

  /// The pattern as it was written.
  public let text: String
  /// The names of the numbers, in their order.
  public let fields: [String]
  let elements: [Element]

  /// Reads a pattern.
  public init(_ text: String) throws(Flaw) {
    var compiler = LinePatternCompiler()
    try compiler.compile(text)
    self.text = text
    fields = compiler.fields
    elements = compiler.elements
  }

  /// The bytes of a pattern that is only text and `{0x…}`, for what is sent and for what ends a line.
  public static func bytes(_ text: String) throws(Flaw) -> [UInt8] {
    var compiler = LinePatternCompiler()
    return try compiler.compileBytes(text)
  }

  /// Compares a line, without its end, and appends its numbers to `values` if it fits.
  public func match(_ line: Span<UInt8>, into values: inout [Double]) -> Match {
    let before = values.count
    let result = walk(line, &values)
    if result != .values { values.removeLast(values.count - before) }
    return result
  }

  private func walk(_ line: Span<UInt8>, _ values: inout [Double]) -> Match {
    var position = 0
    var begin = 0
    var end: Int?
    var isWell = true
    var isChecked = true
    for (index, element) in elements.enumerated() {
      switch element {
      case .begin: begin = position
      case .end: end = position
      case .literal(let bytes):
        guard Self.stands(bytes, in: line, at: position) else { return .different }
        position += bytes.count
      case .spaces:
        let start = position
        position = Self.pastSpaces(line, position)
        guard position > start else { return .different }
      case .number:
        guard let number = Self.number(line, &position) else { return .different }
        values.append(number)
      case .skip:
        guard let next = place(after: index, in: line, from: position) else { return .different }
        position = next
      case .status(let words):
        guard let next = place(after: index, in: line, from: position) else { return .different }
        isWell = words.contains { $0.count == next - position && Self.stands($0, in: line, at: position) }
        position = next
      case .checksum(let kind):
        guard let sent = Self.hexadecimal(line, position, digits: kind.digits) else { return .different }
        let checked = line.extracting(begin..<max(begin, end ?? position))
        isChecked = kind.compute(checked) == sent
        position += kind.digits
      }
    }
    guard Self.pastSpaces(line, position) == line.count else { return .different }
    return !isChecked ? .wrongChecksum : isWell ? .values : .unwell
  }

  /// The first place from `start` on where what follows the element stands; nil if it stands nowhere.
  private func place(after index: Int, in line: Span<UInt8>, from start: Int) -> Int? {
    let next = elements[(index + 1)...].first { !$0.isMark }
    switch next {
    case .literal(let bytes):
      guard line.count >= bytes.count else { return nil }
      return (start..<max(start, line.count - bytes.count + 1)).first { Self.stands(bytes, in: line, at: $0) }
    case .spaces: return (start..<max(start, line.count)).first { Self.isSpace(line[$0]) }
    default:
      var end = line.count
      while end > start, Self.isSpace(line[end - 1]) { end -= 1 }
      return end
    }
  }

  private static func stands(_ bytes: [UInt8], in line: Span<UInt8>, at position: Int) -> Bool {
    guard position + bytes.count <= line.count else { return false }
    return bytes.indices.allSatisfy { line[position + $0] == bytes[$0] }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  private static func pastSpaces(_ line: Span<UInt8>, _ start: Int) -> Int {
    var position = start
    while position < line.count, isSpace(line[position]) { position += 1 }
    return position
  }

  /// Spaces, a sign or none, digits, and at most one decimal point.
  private static func number(_ line: Span<UInt8>, _ position: inout Int) -> Double? {
    var index = pastSpaces(line, position)
    var isNegative = false
    if index < line.count, line[index] == UInt8(ascii: "-") || line[index] == UInt8(ascii: "+") {
      isNegative = line[index] == UInt8(ascii: "-")
      index += 1
    }
    guard let magnitude = DecimalDigits.read(line, from: &index, end: line.count, most: mostDigits) else { return nil }
    position = index
    return isNegative ? -magnitude : magnitude
  }

  private static func hexadecimal(_ line: Span<UInt8>, _ start: Int, digits: Int) -> UInt16? {
    guard start + digits <= line.count else { return nil }
    var number: UInt16 = 0
    for index in start..<start + digits {
      let digit: UInt8
      switch line[index] {
      case 0x30...0x39: digit = line[index] - 0x30
      case 0x41...0x46: digit = line[index] - 0x41 + 10
      case 0x61...0x66: digit = line[index] - 0x61 + 10
      default: return nil
      }
      number = number << 4 | UInt16(digit)
    }
    return number
  }
}
