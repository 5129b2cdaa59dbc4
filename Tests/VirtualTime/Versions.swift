/// In what a message may differ from its draft.
enum Versions {
  /// Whether these are the bytes of a draft, or those that it gets when it is late.
  static func isVersion(_ payload: [UInt8], of draft: [UInt8]) -> Bool {
    if payload == draft { return true }
    // A CAP document says it in its descriptions alone, and names the earlier ones by the times at which they went out.
    if draft.first == UInt8(ascii: "<") { return beginning(payload) == beginning(draft) }
    guard payload.count > draft.count else { return false }
    // What is late differs where it says so, and in the descriptions, to which a sentence is added.
    return isLater(payload[...], draft[...])
  }

  /// Whether `later` is `draft` with `true` for `false` after "delayed", and with something added to its end parts.
  private static func isLater(_ later: ArraySlice<UInt8>, _ draft: ArraySlice<UInt8>) -> Bool {
    let mark = Array(#""delayed":"#.utf8)
    guard let place = draft.firstRange(of: mark) else { return false }
    let head = draft[..<place.upperBound]
    guard later.starts(with: head), later.dropFirst(head.count).starts(with: Array("true".utf8)) else { return false }
    let rest = draft[place.upperBound...].dropFirst("false".utf8.count)
    let before = rest.prefix(upTo: rest.firstRange(of: Array(#""description":"#.utf8))?.lowerBound ?? rest.endIndex)
    return later.dropFirst(head.count + "true".utf8.count).starts(with: before)
  }

  /// A CAP document up to its references, or to its texts.
  private static func beginning(_ document: [UInt8]) -> ArraySlice<UInt8> {
    let ends = ["<references>", "<info>"].compactMap { document.firstRange(of: Array($0.utf8))?.lowerBound }
    return document[..<(ends.min() ?? document.endIndex)]
  }

  /// Whether it is the draft but for its times, how far they can be trusted, whether it is late, and the texts, which name
  /// times.
  static func isCorrected(_ payload: [UInt8], of draft: [UInt8]) -> Bool {
    if draft.first == UInt8(ascii: "<") {
      let mark = Array("<sent>".utf8)
      guard let place = draft.firstRange(of: mark), payload.firstRange(of: mark) == place else { return false }
      return payload[..<place.upperBound] == draft[..<place.upperBound]
    }
    return timeless(payload) == timeless(draft)
  }

  /// A JSON document up to its texts, without its times.
  private static func timeless(_ document: [UInt8]) -> [UInt8] {
    let end = document.firstRange(of: Array(#""text":"#.utf8))?.lowerBound ?? document.endIndex
    var kept: [UInt8] = []
    var index = 0
    while index < end {
      if let length = timeLength(document[index..<end]) ?? trustLength(document[index..<end]) {
        index += length
      } else {
        kept.append(document[index])
        index += 1
      }
    }
    return kept
  }

  /// The length of a time by RFC 3339 at the beginning, with its fraction and its zone.
  private static func timeLength(_ rest: ArraySlice<UInt8>) -> Int? {
    let shape = Array("0000-00-00T00:00:00".utf8)
    guard rest.count > shape.count, zip(rest, shape).allSatisfy({ $1 == UInt8(ascii: "0") ? isDigit($0) : $0 == $1 })
    else { return nil }
    let after = rest.dropFirst(shape.count).prefix { $0 != UInt8(ascii: "\"") }
    return shape.count + after.count
  }

  /// The length of what says how far the clock is trusted, or whether the message is late.
  private static func trustLength(_ rest: ArraySlice<UInt8>) -> Int? {
    for name in [#""clock":"#, #""delayed":"#] where rest.starts(with: name.utf8) {
      return rest.prefix { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "}") }.count
    }
    return nil
  }

  /// Where a message begins to differ from its draft, in words.
  static func difference(_ payload: [UInt8], _ draft: [UInt8]) -> String {
    let same = zip(payload, draft).prefix { $0 == $1 }.count
    func part(_ bytes: [UInt8]) -> String {
      String(decoding: bytes[max(0, min(same, bytes.count) - 40)..<min(same + 60, bytes.count)], as: UTF8.self)
    }
    return "«\(part(payload))» for «\(part(draft))»"
  }

  private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
}
