public import Observations

/// Times that were stamped while the clock deserved less trust, written anew by what the clock tells now.
extension Formats {
  /// The document with right times, and with how far they can be trusted.
  ///
  /// Works on alerts, notices, observations and the states of outputs and places of this boot as this type wrote them, and
  /// on CAP documents and measures for a context broker, which do not say when in the boot they were made. Anything else
  /// comes back unchanged, as does what needs no correction: no number, no value, no satellite's time is touched.
  ///
  /// - Parameter made: when it was made, on this boot's monotonic clock; nil: in another boot, or the document says it.
  public func corrected(_ document: [UInt8], made: MonotonicTime?, at now: Moment) -> [UInt8] {
    if document.first == UInt8(ascii: "<") { return correctedCAP(document, made: made, at: now) }
    guard Self.valueStart(ofTopLevelMember: "clock", in: document) != nil, let members = DocumentMembers(document)
    else { return document }
    let schema = members.text("schema")
    guard let stamped = schema == nil ? measureStamp(members, made: made) : stamp(members, schema),
      let correction = TimeCorrection(of: stamped, by: now)
    else { return document }
    var edits: [DocumentEdit] = []
    var times = [(old: stamped.wall, new: correction.past(stamped.wall))]
    for member in members.all {
      let place = DocumentMembers.inner(member.value, in: document)
      switch schema == nil ? DocumentTimes.role(ofMeasure: member.path) : DocumentTimes.role(of: member.path) {
      case .clock: edits.append(DocumentEdit(place, correction.clock.rawValue))
      case .past: add(correction.past, to: &edits, &times, document, place)
      case .ahead: add(correction.ahead, to: &edits, &times, document, place)
      case nil: break
      }
    }
    edits += correctedTexts(members, in: document, times, correction.clock)
    return DocumentEdit.carryOut(edits, in: document)
  }

  /// One time, in the form that it is written in.
  private func add(
    _ right: (WallTime) -> WallTime, to edits: inout [DocumentEdit], _ times: inout [(old: WallTime, new: WallTime)],
    _ document: [UInt8], _ place: Range<Int>
  ) {
    guard let old = WallTime(rfc3339: String(decoding: document[place], as: UTF8.self)) else { return }
    let new = right(old)
    times.append((old, new))
    guard new != old else { return }
    edits.append(DocumentEdit(place, document[place].last == UInt8(ascii: "Z") ? universal(new) : text(new)))
  }

  /// When a document of this boot was made, by the clock of then.
  private func stamp(_ members: DocumentMembers, _ schema: String?) -> Moment? {
    guard let path = schema.flatMap({ DocumentTimes.made($0) }), members.text("boot") == context.boot,
      let seconds = members.text("uptime").flatMap({ Double($0) }), (0...1e9).contains(seconds),
      let wall = members.text(path).flatMap({ WallTime(rfc3339: $0) }),
      let clock = members.text("clock").flatMap({ ClockQuality(rawValue: $0) })
    else { return nil }
    let made = MonotonicTime(nanoseconds: Int64((seconds * 1000).rounded()) * 1_000_000)
    return Moment(monotonic: made, wall: wall, clock: clock)
  }

  private func measureStamp(_ members: DocumentMembers, made: MonotonicTime?) -> Moment? {
    let linked = members.all.first { $0.path.hasSuffix(".observedAt") }
    let instant = members.text("TimeInstant") ?? linked.flatMap { members.text($0.path) }
    guard let made, let wall = instant.flatMap({ WallTime(rfc3339: $0) }),
      let clock = (members.text("clock") ?? members.text("clock.value")).flatMap({ ClockQuality(rawValue: $0) })
    else { return nil }
    return Moment(monotonic: made, wall: wall, clock: clock)
  }

  /// The words of each language with the right times, and without saying that they are not.
  private func correctedTexts(
    _ members: DocumentMembers, in document: [UInt8], _ times: [(old: WallTime, new: WallTime)], _ clock: ClockQuality
  ) -> [DocumentEdit] {
    var edits: [DocumentEdit] = []
    var correction: TextCorrection?
    for member in members.all {
      let place = DocumentMembers.inner(member.value, in: document)
      switch member.path {
      case "text.language":
        let language = String(decoding: document[place], as: UTF8.self)
        correction = TextCorrection(
          wording, language, times: times, clock: clock, names: [members.text("name"), members.text("place_name")],
          escape: Self.escapedForJSON)
      case "text.headline", "text.description", "text.instruction":
        guard let correction else { continue }
        edits.append(DocumentEdit(place, correction.apply(to: document[place])))
      default: break
      }
    }
    return edits
  }

  private static func escapedForJSON(_ text: String) -> [UInt8] {
    var json = JSONWriter(capacity: 64)
    json.string(text)
    return Array(json.bytes.dropFirst().dropLast())
  }
}
