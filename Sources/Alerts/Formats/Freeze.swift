public import Observations

extension Formats {
  /// The bytes of a message for ever, decided at its first hand-over. Of a late one `delayed` becomes true, and each
  /// description ends with when it was detected and when it was sent, in its language.
  ///
  /// Works on an alert, a notice, an observation and a CAP document as this type wrote them; of a late CAP document the descriptions alone
  /// say it. Anything else comes back unchanged: only the document's own members count, not a text or an inner object that
  /// reads the same.
  public func freeze(draft: [UInt8], delayed: Bool, at now: Moment) -> [UInt8] {
    guard delayed else { return draft }
    if draft.first == UInt8(ascii: "<") { return lateCAP(draft, at: now) }
    let value = "false".utf8
    guard let start = Self.valueStart(ofTopLevelMember: "delayed", in: draft), draft[start...].starts(with: value)
    else {
      return draft
    }
    var edits = [Edit(place: start, removed: value.count, added: Array("true".utf8))]
    if let texts = Self.valueStart(ofTopLevelMember: "text", in: draft) {
      let detected = Self.valueStart(ofTopLevelMember: "detected", in: draft).flatMap { Self.time(at: $0, in: draft) }
      for (language, end) in Self.descriptions(in: draft, from: texts) {
        var json = JSONWriter(capacity: 256)
        json.string(" " + wording.lateNote(detected: detected, now: now, language))
        edits.append(Edit(place: end, removed: 0, added: Array(json.bytes.dropFirst().dropLast())))
      }
    }
    return Self.carryOut(edits, in: draft)
  }

  /// A change of a document's bytes.
  private struct Edit {
    var place: Int
    var removed: Int
    var added: [UInt8]
  }

  private static func carryOut(_ edits: [Edit], in draft: [UInt8]) -> [UInt8] {
    var frozen = [UInt8]()
    frozen.reserveCapacity(draft.count + edits.reduce(0) { $0 + $1.added.count })
    var done = 0
    for edit in edits.sorted(by: { $0.place < $1.place }) {
      frozen.append(contentsOf: draft[done..<edit.place])
      frozen.append(contentsOf: edit.added)
      done = edit.place + edit.removed
    }
    frozen.append(contentsOf: draft[done...])
    return frozen
  }

  // MARK: CAP

  private func lateCAP(_ draft: [UInt8], at now: Moment) -> [UInt8] {
    let sent = Self.element("sent", in: draft, from: 0).flatMap {
      WallTime(rfc3339: String(decoding: draft[$0], as: UTF8.self))
    }
    var edits: [Edit] = []
    var index = 0
    while let tag = Self.element("language", in: draft, from: index),
      let text = Self.element("description", in: draft, from: tag.upperBound)
    {
      index = text.upperBound
      let name = String(decoding: draft[tag], as: UTF8.self)
      guard let language = context.languages.first(where: { Self.regionalTag($0) == name }) else { continue }
      var xml = XMLWriter(capacity: 256)
      let head = xml.bytes.count + "<d>".utf8.count
      xml.element("d", " " + wording.lateNote(detected: sent, now: now, language))
      edits.append(
        Edit(place: text.upperBound, removed: 0, added: Array(xml.bytes[head...].dropLast("</d>\n".utf8.count))))
    }
    return Self.carryOut(edits, in: draft)
  }

  /// Where the text of the next element of this name stands. No text has an angle bracket of its own.
  private static func element(_ name: String, in document: [UInt8], from start: Int) -> Range<Int>? {
    guard let begin = firstIndex(of: "<\(name)>", in: document, from: start) else { return nil }
    let textStart = begin + name.utf8.count + 2
    return firstIndex(of: "</\(name)>", in: document, from: textStart).map { textStart..<$0 }
  }

  private static func firstIndex(of text: String, in document: [UInt8], from start: Int) -> Int? {
    let needle = Array(text.utf8)
    var index = start
    while index + needle.count <= document.count {
      guard let found = document[index...].firstIndex(of: needle[0]) else { return nil }
      if document[found...].starts(with: needle) { return found }
      index = found + 1
    }
    return nil
  }

  // MARK: JSON

  /// Where each description of a list of texts ends, with its language, which stands before it.
  private static func descriptions(in document: [UInt8], from start: Int) -> [(language: String, end: Int)] {
    var found: [(language: String, end: Int)] = []
    var language: String?
    var depth = 0
    var index = start
    while index < document.count {
      switch document[index] {
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        if depth <= 0 { return found }
      case UInt8(ascii: "\""):
        guard let end = endOfString(from: index, in: document) else { return found }
        let name = document[(index + 1)..<end]
        index = end
        guard depth == 2, document.dropFirst(end + 1).starts(with: ":\"".utf8),
          let valueEnd = endOfString(from: end + 2, in: document)
        else { break }
        if name.elementsEqual("language".utf8) {
          language = String(decoding: document[(end + 3)..<valueEnd], as: UTF8.self)
        } else if name.elementsEqual("description".utf8), let language {
          found.append((language, valueEnd))
        }
        index = valueEnd
      default: break
      }
      index += 1
    }
    return found
  }

  private static func time(at start: Int, in document: [UInt8]) -> WallTime? {
    guard start < document.count, document[start] == UInt8(ascii: "\""),
      let end = endOfString(from: start, in: document)
    else { return nil }
    return WallTime(rfc3339: String(decoding: document[(start + 1)..<end], as: UTF8.self))
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
