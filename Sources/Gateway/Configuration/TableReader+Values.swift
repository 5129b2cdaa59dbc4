public import Observations

extension TableReader {
  /// A text of one line, 1 to `most` characters.
  public func string(_ key: String, most: Int = 200, required advice: String? = nil) -> Located<String>? {
    guard let value = value(key, required: advice) else { return nil }
    return string(value, of: key, most: most)
  }

  private func string(_ value: TOMLValue, of key: String, most: Int) -> Located<String>? {
    guard case .string(let text) = value.content else {
      wrongType(key, value, expected: "a string", advice: "put it between quotation marks")
      return nil
    }
    guard !text.isEmpty else {
      problems.error(name(key), at: value.position, "\(key) is empty", advice: "write something, or remove the key")
      return nil
    }
    guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) else {
      problems.error(
        name(key), at: value.position, "\(key) holds a control character",
        advice: "write one line of plain text, without tabs and line ends")
      return nil
    }
    guard text.unicodeScalars.count <= most else {
      problems.error(
        name(key), at: value.position, "\(key) has \(text.unicodeScalars.count) characters",
        advice: "use at most \(most)")
      return nil
    }
    return Located(text, at: value.position)
  }

  /// The first string of an array, which `strings` reads and judges as a whole; nil where there is none.
  func firstString(_ key: String) -> Located<String>? {
    guard case .array(let values)? = table[key]?.content, let first = values.first,
      case .string(let text) = first.content
    else { return nil }
    return Located(text, at: first.position)
  }

  /// The strings of an array of 1 to `most`, each at most once.
  public func strings(_ key: String, most: Int, required advice: String? = nil) -> [Located<String>] {
    guard let value = value(key, required: advice) else { return [] }
    guard case .array(let values) = value.content else {
      wrongType(key, value, expected: "an array", advice: "write it as [\"…\", \"…\"]")
      return []
    }
    guard (1...most).contains(values.count) else {
      problems.error(
        name(key), at: value.position, "\(key) has \(values.count) members", advice: "give 1 to \(most)")
      return []
    }
    var seen: Set<String> = []
    return values.compactMap { value in
      guard let located = string(value, of: key, most: 200) else { return nil }
      guard seen.insert(located.value).inserted else {
        problems.error(
          name(key), at: located.position, "\(key) names \(TOMLValue.quoted(located.value)) twice",
          advice: "remove one of the two")
        return nil
      }
      return located
    }
  }

  /// A whole number in `range`.
  public func integer(_ key: String, in range: ClosedRange<Int>, required advice: String? = nil) -> Int? {
    guard let value = value(key, required: advice) else { return nil }
    guard case .integer(let integer) = value.content else {
      wrongType(key, value, expected: "a whole number", advice: "write \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    guard let integer = Int(exactly: integer), range.contains(integer) else {
      problems.error(
        name(key), at: value.position, "\(key) = \(value.text) is out of range",
        advice: "write \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return integer
  }

  /// A number, whole or not, in `range`.
  public func number(_ key: String, in range: ClosedRange<Double>, required advice: String? = nil) -> Double? {
    guard let value = value(key, required: advice) else { return nil }
    return number(value, of: key, in: range)
  }

  func number(_ value: TOMLValue, of key: String, in range: ClosedRange<Double>) -> Double? {
    let number: Double
    switch value.content {
    case .integer(let integer): number = Double(integer)
    case .float(let float): number = float
    default:
      wrongType(key, value, expected: "a number", advice: "write it without quotation marks, such as 1.5")
      return nil
    }
    guard number.isFinite, range.contains(number) else {
      problems.error(
        name(key), at: value.position, "\(key) = \(value.text) is out of range",
        advice: "write \(Self.plain(range.lowerBound)) to \(Self.plain(range.upperBound))")
      return nil
    }
    return number
  }

  private static func plain(_ number: Double) -> String {
    number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : "\(number)"
  }

  /// A number in the unit of `quantity`, in `range`, rounded to the quantity's decimals.
  public func measure(
    _ key: String, of quantity: Quantity, in range: ClosedRange<Double>, required advice: String? = nil
  ) -> Measure? {
    number(key, in: range, required: advice).flatMap { Measure(rounding: $0, for: quantity) }
  }

  public func boolean(_ key: String) -> Bool? {
    guard let value = value(key) else { return nil }
    guard case .boolean(let boolean) = value.content else {
      wrongType(key, value, expected: "true or false", advice: "write true or false without quotation marks")
      return nil
    }
    return boolean
  }

  /// A length of time such as `"250ms"`, in `range`.
  public func duration(
    _ key: String, in range: ClosedRange<TimeSpan>, required advice: String? = nil
  ) -> TimeSpan? {
    guard let value = value(key, required: advice) else { return nil }
    return duration(value, of: key, in: range)
  }

  func duration(_ value: TOMLValue, of key: String, in range: ClosedRange<TimeSpan>) -> TimeSpan? {
    guard case .string(let text) = value.content, let span = TimeSpan(configured: text) else {
      problems.error(
        name(key), at: value.position, "\(key) = \(value.text) is not a length of time",
        advice: "write a whole number and its unit between quotation marks: \"250ms\", \"10s\", \"10m\" or \"24h\"")
      return nil
    }
    guard range.contains(span) else {
      problems.error(
        name(key), at: value.position, "\(key) = \(value.text) is out of range",
        advice: "write \"\(range.lowerBound.configured)\" to \"\(range.upperBound.configured)\"")
      return nil
    }
    return span
  }

  /// One of the words of `Word`.
  public func choice<Word: CaseIterable & RawRepresentable<String>>(
    _ key: String, _: Word.Type, required advice: String? = nil
  ) -> Word? {
    choice(key, words: Word.allCases.map { ($0.rawValue, $0) }, required: advice)
  }

  /// One of `words`, for what it stands for.
  public func choice<Meaning>(
    _ key: String, words: [(word: String, meaning: Meaning)], required advice: String? = nil
  ) -> Meaning? {
    guard let value = value(key, required: advice) else { return nil }
    let list = words.map { TOMLValue.quoted($0.word) }.joined(separator: ", ")
    guard case .string(let text) = value.content else {
      wrongType(key, value, expected: "a string", advice: "write one of \(list)")
      return nil
    }
    if let found = words.first(where: { $0.word == text }) { return found.meaning }
    let near = NearestName.find(text, among: words.map(\.word)).map { "did you mean \(TOMLValue.quoted($0))? " }
    problems.error(
      name(key), at: value.position, "\(key) = \(value.text) is unknown",
      advice: "\(near ?? "")known: \(list)")
    return nil
  }

  /// The name of a thing: 1 to 40 of a-z, 0-9 and hyphens.
  public func identifier(_ key: String, required advice: String? = nil) -> Located<String>? {
    guard let located = string(key, required: advice) else { return nil }
    return checkIdentifier(located, key: key) ? located : nil
  }

  /// Whether `located` can name a thing; says so where it cannot.
  func checkIdentifier(_ located: Located<String>, key: String) -> Bool {
    let isName = located.value.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || byte == UInt8(ascii: "-")
    }
    guard isName, (1...40).contains(located.value.utf8.count) else {
      problems.error(
        name(key), at: located.position, "\(TOMLValue.quoted(located.value)) cannot be a name",
        advice: "use 1 to 40 characters of a-z, 0-9 and hyphens")
      return false
    }
    return true
  }
}

extension TimeSpan {
  /// Reads a length of time as configurations write it: a whole number and `ms`, `s`, `m` or `h`; nil for anything
  /// else and beyond 100 years.
  public init?(configured text: String) {
    let digits = text.prefix { ("0"..."9").contains($0) && $0.isASCII }
    guard (1...12).contains(digits.utf8.count), let count = Int64(digits) else { return nil }
    let milliseconds: Int64
    switch text.dropFirst(digits.count) {
    case "ms": milliseconds = 1
    case "s": milliseconds = 1000
    case "m": milliseconds = 60_000
    case "h": milliseconds = 3_600_000
    default: return nil
    }
    let (product, overflow) = count.multipliedReportingOverflow(by: milliseconds)
    guard !overflow, product <= 100 * 366 * 86_400_000 else { return nil }
    self = .milliseconds(product)
  }

  /// The length as a configuration would write it, in the largest unit that divides it.
  public var configured: String {
    let milliseconds = self.milliseconds
    if milliseconds == 0 { return "0s" }
    if milliseconds % 3_600_000 == 0 { return "\(milliseconds / 3_600_000)h" }
    if milliseconds % 60_000 == 0 { return "\(milliseconds / 60_000)m" }
    if milliseconds % 1000 == 0 { return "\(milliseconds / 1000)s" }
    return "\(milliseconds)ms"
  }
}
