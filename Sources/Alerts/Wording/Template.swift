/// What a text of the catalogue may have filled in.
enum Placeholder: String, CaseIterable, Sendable {
  case sensor, place, value, threshold, step, equivalent, level, time, onset, cause, fault, kind, contact
  case lastSeen = "last_seen"
  case year, month, day, clock
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
    var rest = text
    while let open = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
      guard rest[open] == "{", let close = rest[open...].firstIndex(of: "}") else {
        throw Malformed(word: String(rest[open...]))
      }
      let word = String(rest[rest.index(after: open)..<close])
      guard let placeholder = Placeholder(rawValue: word) else { throw Malformed(word: word) }
      if open > rest.startIndex { segments.append(.literal(String(rest[..<open]))) }
      segments.append(.placeholder(placeholder))
      rest = rest[rest.index(after: close)...]
    }
    if !rest.isEmpty { segments.append(.literal(String(rest))) }
    self.segments = segments
  }

  var placeholders: [Placeholder] {
    segments.compactMap { if case .placeholder(let placeholder) = $0 { placeholder } else { nil } }
  }

  /// The text with `values` filled in. An empty value takes the space before it along.
  func render(_ values: Values) -> String {
    var text = ""
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
    private var texts: [Placeholder: String] = [:]

    init() {
      texts.reserveCapacity(12)
    }

    subscript(placeholder: Placeholder) -> String {
      get { texts[placeholder] ?? "" }
      set { texts[placeholder] = newValue }
    }
  }
}
