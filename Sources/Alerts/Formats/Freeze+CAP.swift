import Observations

/// What is decided of a CAP document at its first hand-over.
extension Formats {
  /// Adds to each description when it was detected and when it was sent.
  func lateCAP(_ draft: [UInt8], at now: Moment) -> [UInt8] {
    let sent = Self.time("sent", in: draft)
    var edits: [DocumentEdit] = []
    forEachText(["description"], in: draft) { language, place in
      let note = Self.escapedForXML(" " + wording.lateNote(detected: sent, now: now, language))
      edits.append(DocumentEdit(place.upperBound..<place.upperBound, note))
    }
    return DocumentEdit.carryOut(edits, in: draft)
  }

  /// The document with right times, which are whole seconds here. What says how far they can be trusted is a parameter.
  func correctedCAP(_ draft: [UInt8], made: MonotonicTime?, at now: Moment) -> [UInt8] {
    guard let made, let sent = Self.time("sent", in: draft),
      let clock = Self.parameters(in: draft).first(where: { $0.name == "clock" })
        .flatMap({ ClockQuality(rawValue: String(decoding: draft[$0.value], as: UTF8.self)) }),
      let correction = TimeCorrection(of: Moment(monotonic: made, wall: sent, clock: clock), by: now)
    else { return draft }
    var edits: [DocumentEdit] = []
    var times = [(old: sent, new: correction.past(sent))]
    func correct(_ place: Range<Int>, _ right: (WallTime) -> WallTime, _ form: (WallTime) -> String) {
      guard let old = WallTime(rfc3339: String(decoding: draft[place], as: UTF8.self)) else { return }
      let new = right(old)
      times.append((old, new))
      if new != old { edits.append(DocumentEdit(place, form(new))) }
    }
    for place in Self.elements("sent", in: draft).prefix(1) { correct(place, correction.past, wholeSeconds) }
    for place in Self.elements("onset", in: draft) { correct(place, correction.past, wholeSeconds) }
    for place in Self.elements("expires", in: draft) { correct(place, correction.ahead, wholeSeconds) }
    for parameter in Self.parameters(in: draft) {
      switch parameter.name {
      case "clock": edits.append(DocumentEdit(parameter.value, correction.clock.rawValue))
      case "next_at", "next_earliest", "next_latest", "until", "acknowledged_until":
        correct(parameter.value, correction.ahead, text)
      default: break
      }
    }
    let name = Self.element("areaDesc", in: draft, from: 0).map { String(decoding: draft[$0], as: UTF8.self) }
    forEachText(["headline", "description", "instruction"], in: draft) { language, place in
      let words = TextCorrection(
        wording, language, times: times, clock: correction.clock, names: [name], escape: Self.escapedForXML)
      edits.append(DocumentEdit(place, words.apply(to: draft[place])))
    }
    return DocumentEdit.carryOut(edits, in: draft)
  }

  /// Names the earlier messages of a CAP document by the times that they went out with.
  func naming(_ earlier: [Int: [UInt8]], in draft: [UInt8]) -> [UInt8] {
    guard draft.first == UInt8(ascii: "<"), let place = Self.element("references", in: draft, from: 0) else {
      return draft
    }
    let references = draft[place].split(separator: UInt8(ascii: " ")).map { reference -> [UInt8] in
      // CAP 1.2, section 3.2.1: sender,identifier,sent.
      var parts = reference.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      guard parts.count == 3,
        let revision = parts[1].split(separator: UInt8(ascii: ".")).last.flatMap({
          Int(String(decoding: $0, as: UTF8.self))
        }),
        let document = earlier[revision], let sent = Self.element("sent", in: document, from: 0)
      else { return Array(reference) }
      parts[2] = document[sent]
      return Array(parts.joined(separator: [UInt8(ascii: ",")]))
    }
    return DocumentEdit.carryOut(
      [DocumentEdit(place, Array(references.joined(separator: [UInt8(ascii: " ")])))], in: draft)
  }

  // MARK: Elements

  /// Tells of each text with one of these names, in the order of the document, with its language.
  private func forEachText(_ names: [String], in draft: [UInt8], _ body: (String, Range<Int>) -> Void) {
    let tags = Self.elements("language", in: draft)
    for (index, tag) in tags.enumerated() {
      let name = String(decoding: draft[tag], as: UTF8.self)
      guard let language = context.languages.first(where: { Self.regionalTag($0) == name }) else { continue }
      let end = index + 1 < tags.count ? tags[index + 1].lowerBound : draft.count
      for name in names {
        guard let text = Self.element(name, in: draft, from: tag.upperBound), text.upperBound <= end else { continue }
        body(language, text)
      }
    }
  }

  private static func time(_ name: String, in document: [UInt8]) -> WallTime? {
    element(name, in: document, from: 0).flatMap { WallTime(rfc3339: String(decoding: document[$0], as: UTF8.self)) }
  }

  /// Names and values, as `XMLWriter.pair` wrote them.
  private static func parameters(in document: [UInt8]) -> [(name: String, value: Range<Int>)] {
    elements("valueName", in: document).compactMap { name in
      element("value", in: document, from: name.upperBound).map {
        (String(decoding: document[name], as: UTF8.self), $0)
      }
    }
  }

  private static func elements(_ name: String, in document: [UInt8]) -> [Range<Int>] {
    var found: [Range<Int>] = []
    while let next = element(name, in: document, from: found.last?.upperBound ?? 0) { found.append(next) }
    return found
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

  private static func escapedForXML(_ text: String) -> [UInt8] {
    var xml = XMLWriter(capacity: 256)
    let head = xml.bytes.count + "<d>".utf8.count
    xml.element("d", text)
    return Array(xml.bytes[head...].dropLast("</d>\n".utf8.count))
  }
}
