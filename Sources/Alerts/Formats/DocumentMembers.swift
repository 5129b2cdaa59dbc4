/// Where each value of a JSON document stands: of a document as this module wrote it, without white space between its
/// tokens. Only what the document itself says counts, not a text that reads the same.
struct DocumentMembers {
  /// A text, a number or a word.
  struct Member {
    /// The names that lead to it, with full stops: `observed.next.at`. The values of a list have the list's.
    var path: String
    /// Where it stands; of a text with its quotation marks.
    var value: Range<Int>
  }

  let all: [Member]
  private let document: [UInt8]

  /// Returns nil for what is not one whole object.
  init?(_ document: [UInt8]) {
    guard document.first == UInt8(ascii: "{") else { return nil }
    var all: [Member] = []
    var open: [(isList: Bool, path: String)] = []
    var name = ""
    var index = 0
    while index < document.count {
      let path = open.last.map { $0.isList ? $0.path : name } ?? ""
      switch document[index] {
      case UInt8(ascii: "{"): open.append((false, path))
      case UInt8(ascii: "["): open.append((true, path))
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        guard let closed = open.popLast(), closed.isList == (document[index] == UInt8(ascii: "]")) else { return nil }
        guard !open.isEmpty else {
          guard index == document.count - 1 else { return nil }
          self.all = all
          self.document = document
          return
        }
      case UInt8(ascii: ","), UInt8(ascii: ":"): break
      case UInt8(ascii: "\""):
        guard let end = Self.endOfString(from: index, in: document), let inside = open.last else { return nil }
        if !inside.isList, end + 1 < document.count, document[end + 1] == UInt8(ascii: ":") {
          let last = String(decoding: document[(index + 1)..<end], as: UTF8.self)
          name = inside.path.isEmpty ? last : inside.path + "." + last
        } else {
          all.append(Member(path: path, value: index..<end + 1))
        }
        index = end
      default:
        let end = document[index...].firstIndex { ",]}".utf8.contains($0) } ?? document.count
        all.append(Member(path: path, value: index..<end))
        index = end - 1
      }
      index += 1
    }
    return nil
  }

  /// The first value with this path, as it is written; of a text without its quotation marks.
  func text(_ path: String) -> String? {
    all.first { $0.path == path }.map { String(decoding: document[Self.inner($0.value, in: document)], as: UTF8.self) }
  }

  /// A value without quotation marks.
  static func inner(_ value: Range<Int>, in document: [UInt8]) -> Range<Int> {
    guard value.count >= 2, document[value.lowerBound] == UInt8(ascii: "\"") else { return value }
    return value.lowerBound + 1..<value.upperBound - 1
  }

  /// The index of the quotation mark that ends the string which begins at `start`.
  static func endOfString(from start: Int, in document: [UInt8]) -> Int? {
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

/// A change of a document's bytes.
struct DocumentEdit {
  var place: Range<Int>
  var bytes: [UInt8]

  init(_ place: Range<Int>, _ bytes: [UInt8]) {
    self.place = place
    self.bytes = bytes
  }

  init(_ place: Range<Int>, _ text: String) {
    self.init(place, Array(text.utf8))
  }

  /// The document with all of them carried out. No two may overlap.
  static func carryOut(_ edits: [DocumentEdit], in draft: [UInt8]) -> [UInt8] {
    guard !edits.isEmpty else { return draft }
    var changed = [UInt8]()
    changed.reserveCapacity(draft.count + edits.reduce(0) { $0 + $1.bytes.count })
    var done = 0
    for edit in edits.sorted(by: { $0.place.lowerBound < $1.place.lowerBound }) {
      changed.append(contentsOf: draft[done..<edit.place.lowerBound])
      changed.append(contentsOf: edit.bytes)
      done = edit.place.upperBound
    }
    changed.append(contentsOf: draft[done...])
    return changed
  }
}
