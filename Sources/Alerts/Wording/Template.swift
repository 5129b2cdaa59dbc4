/// What a text of the catalogue may have filled in.
enum Placeholder: Int, CaseIterable, Sendable {
  case sensor, sensors, place, value, threshold, within, per, step, equivalent, level, time, onset, lastSeen
  case next, earliest, latest, sent, until, cause, fault, todo, kind, contact, count
  case year, month, month2, day, day2, clock, half, hour, hour2, hour12, minute, minute2

  private static let byWord = Dictionary(uniqueKeysWithValues: allCases.map { ($0.word, $0) })

  /// The word in braces.
  var word: String { self == .lastSeen ? "last_seen" : "\(self)" }

  init?(word: String) {
    guard let placeholder = Self.byWord[word] else { return nil }
    self = placeholder
  }
}

/// A text of the catalogue, taken apart at its placeholders.
struct Template: Sendable, Hashable {
  enum Segment: Sendable, Hashable {
    case literal(String)
    case placeholder(Placeholder)
  }

  /// The first word in braces that is no placeholder, or a brace without its other half.
  struct Malformed: Error {
    let word: String
  }

  let segments: [Segment]

  /// A text without placeholders.
  init(literal: String) {
    segments = [.literal(literal)]
  }

  init(parsing text: Substring) throws(Malformed) {
    var segments: [Segment] = []
    var rest = text.utf8[...]
    while let open = rest.firstIndex(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }) {
      guard rest[open] == UInt8(ascii: "{"), let close = rest[open...].firstIndex(of: UInt8(ascii: "}")) else {
        throw Malformed(word: String(Substring(rest[open...])))
      }
      let word = String(Substring(rest[rest.index(after: open)..<close]))
      guard let placeholder = Placeholder(word: word) else { throw Malformed(word: word) }
      if open > rest.startIndex { segments.append(.literal(String(Substring(rest[..<open])))) }
      segments.append(.placeholder(placeholder))
      rest = rest[rest.index(after: close)...]
    }
    if !rest.isEmpty { segments.append(.literal(String(Substring(rest)))) }
    self.segments = segments
  }

  var placeholders: [Placeholder] {
    segments.compactMap { if case .placeholder(let placeholder) = $0 { placeholder } else { nil } }
  }

  /// The text with `values` filled in. An empty value takes the space before it along.
  func render(_ values: Values) -> String {
    if segments.count == 1, case .literal(let literal) = segments[0] { return literal }
    var text = ""
    text.reserveCapacity(256)
    for segment in segments {
      switch segment {
      case .literal(let literal): text += literal
      case .placeholder(let placeholder):
        let value = values[placeholder]
        if value.isEmpty, text.utf8.last == UInt8(ascii: " ") { text.unicodeScalars.removeLast() }
        text += value
      }
    }
    return text
  }

  /// What is filled in; empty where nothing was set.
  struct Values: Sendable {
    private static let empty = [String](repeating: "", count: Placeholder.allCases.count)
    private var texts = Self.empty

    subscript(placeholder: Placeholder) -> String {
      get { texts[placeholder.rawValue] }
      set { texts[placeholder.rawValue] = newValue }
    }
  }
}
