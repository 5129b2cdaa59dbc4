public import Observations

extension Formats {
  /// The bytes of a message for ever, decided at its first hand-over.
  ///
  /// What was made while the clock deserved less trust gets the right times (`corrected`), and a CAP document names the
  /// earlier messages by the times that these went out with. Of a late one `delayed` becomes true, and each description
  /// ends with when it was detected and when it was sent, in its language; of a CAP document the descriptions alone say it.
  ///
  /// Works on an alert, a notice, an observation and a CAP document as this type wrote them. Anything else
  /// comes back unchanged: only the document's own members count, not a text or an inner object that
  /// reads the same.
  ///
  /// - Parameters:
  ///   - made: when it was detected, on this boot's monotonic clock; nil: in another boot.
  ///   - earlier: of a CAP document: the bytes of the earlier messages of its id, by their revisions, at least as far as
  ///     their time of sending. One that is not there is named as the draft names it.
  public func freeze(
    draft: [UInt8], delayed: Bool, at now: Moment, made: MonotonicTime? = nil, earlier: [Int: [UInt8]] = [:]
  ) -> [UInt8] {
    var document = corrected(draft, made: made, at: now)
    if !earlier.isEmpty { document = naming(earlier, in: document) }
    guard delayed else { return document }
    return document.first == UInt8(ascii: "<") ? lateCAP(document, at: now) : late(document, at: now)
  }

  private func late(_ draft: [UInt8], at now: Moment) -> [UInt8] {
    let value = "false".utf8
    guard let start = Self.valueStart(ofTopLevelMember: "delayed", in: draft), draft[start...].starts(with: value)
    else {
      return draft
    }
    var edits = [DocumentEdit(start..<start + value.count, "true")]
    if let texts = Self.valueStart(ofTopLevelMember: "text", in: draft) {
      let detected = Self.valueStart(ofTopLevelMember: "detected", in: draft).flatMap { Self.time(at: $0, in: draft) }
      for (language, end) in Self.descriptions(in: draft, from: texts) {
        var json = JSONWriter(capacity: 256)
        json.string(" " + wording.lateNote(detected: detected, now: now, language))
        edits.append(DocumentEdit(end..<end, Array(json.bytes.dropFirst().dropLast())))
      }
    }
    return DocumentEdit.carryOut(edits, in: draft)
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
        guard let end = DocumentMembers.endOfString(from: index, in: document) else { return found }
        let name = document[(index + 1)..<end]
        index = end
        guard depth == 2, document.dropFirst(end + 1).starts(with: ":\"".utf8),
          let valueEnd = DocumentMembers.endOfString(from: end + 2, in: document)
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
      let end = DocumentMembers.endOfString(from: start, in: document)
    else { return nil }
    return WallTime(rfc3339: String(decoding: document[(start + 1)..<end], as: UTF8.self))
  }

  /// Where the value of `name` begins in a document without white space between its tokens, if it is there.
  static func valueStart(ofTopLevelMember name: String, in document: [UInt8]) -> Int? {
    guard document.first == UInt8(ascii: "{") else { return nil }
    var depth = 0
    var index = 0
    while index < document.count {
      switch document[index] {
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: "\""):
        guard let end = DocumentMembers.endOfString(from: index, in: document) else { return nil }
        let isKey = end + 1 < document.count && document[end + 1] == UInt8(ascii: ":")
        if depth == 1, isKey, document[(index + 1)..<end].elementsEqual(name.utf8) { return end + 2 }
        index = end
      default: break
      }
      index += 1
    }
    return nil
  }
}
