import Alerts
import Foundation
import Observations
import Testing

extension SeededGenerator {
  /// Scalars of all planes, most of them those that mean something to JSON or XML.
  mutating func text() -> String {
    let special: [Unicode.Scalar] = [
      "\"", "\\", "/", "<", ">", "&", "'", "]", "}", "{", "\u{0}", "\u{1}", "\u{8}", "\t", "\n", "\u{b}", "\r",
      "\u{1b}",
      "\u{7f}", "\u{85}", "\u{2028}", "\u{feff}", "\u{fffd}", "\u{fffe}", "\u{ffff}", "\u{10ffff}", "é", "橋", "🌊",
    ]
    var scalars = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...12, using: &self) {
      let isSpecial = Bool.random(using: &self)
      let any = Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &self)) ?? "x"
      scalars.append(isSpecial ? special.randomElement(using: &self) ?? "x" : any)
    }
    return String(scalars)
  }
}

@Suite struct `A name that nobody foresaw` {
  static let names: [String] = {
    var generator = SeededGenerator(seed: 2026)
    return (0..<400).map { _ in generator.text() }
  }()

  @Test func `comes through JSON as it is`() throws {
    for name in Self.names {
      let alert = try Self.names(in: Samples.formats.alert(Samples.alert(name: name)))
      let notice = try Self.names(in: Samples.formats.notice(Samples.notice(placeName: name)))
      let info = try Self.names(in: Formats(Samples.context(name: name)).info())
      for decoded in [alert.name, notice.placeName, info.name] {
        // Compared scalar by scalar: `==` takes different ways of composing a character for equal.
        #expect(decoded.map { Array($0.unicodeScalars) } == Array(name.unicodeScalars))
      }
    }
  }

  @Test(.needsSharedData, .needsXMLLint) func `leaves XML whole, without the characters that it forbids`() throws {
    let documents = try Self.names.map { name in
      try #require(Formats(Samples.context(name: name, contact: name)).cap(Samples.alert(name: name)))
    }
    let verdicts = try Peer.xmlVerdicts(documents, schema: SharedData.file("cap/CAP-v1.2.xsd"))
    for (name, verdict) in zip(Self.names, verdicts) {
      #expect(verdict == nil, "\(name.debugDescription)")
    }
  }

  @Test func `is escaped in XML and stripped of control characters`() throws {
    let name = "a<b>&\u{0}\u{1b}\u{ffff}c\r]]>"
    let bytes = try #require(Formats(Samples.context(name: name)).cap(Samples.alert()))
    #expect(Elements(bytes)["senderName"].first == "a&lt;b&gt;&amp;c&#13;]]&gt;")
  }

  private struct Names: Decodable {
    var name: String?
    var placeName: String?

    enum CodingKeys: String, CodingKey {
      case name
      case placeName = "place_name"
    }
  }

  private static func names(in bytes: [UInt8]) throws -> Names {
    try JSONDecoder().decode(Names.self, from: Data(bytes))
  }
}

@Suite struct `Freezing a draft` {
  static let mark = #""delayed":false"#

  static func drafts() -> [[UInt8]] {
    let trap = #"x"delayed":false,\"delayed\":false\\"#
    let formats = Formats(Samples.context(contact: trap))
    return [
      Samples.formats.alert(Samples.alert()), Samples.formats.notice(Samples.notice()),
      formats.alert(Samples.alert(name: trap)), formats.notice(Samples.notice(placeName: trap)),
    ] + `A name that nobody foresaw`.names.map { Samples.formats.alert(Samples.alert(name: $0)) }
  }

  @Test func `changes the late mark and nothing else`() throws {
    for draft in Self.drafts() {
      let frozen = Formats.freeze(draft: draft, delayed: true)
      var before = try #require(JSONSerialization.jsonObject(with: Data(draft)) as? [String: any Sendable])
      let after = try #require(JSONSerialization.jsonObject(with: Data(frozen)) as? [String: any Sendable])
      #expect(before["delayed"] as? Bool == false)
      #expect(after["delayed"] as? Bool == true)
      before["delayed"] = true
      #expect(NSDictionary(dictionary: before) == NSDictionary(dictionary: after))
      #expect(frozen.count == draft.count - 1)
      #expect(Formats.freeze(draft: frozen, delayed: true) == frozen)
    }
  }

  @Test func `leaves what is in time as it is`() {
    for draft in Self.drafts() {
      #expect(Formats.freeze(draft: draft, delayed: false) == draft)
    }
  }

  @Test(arguments: [
    "", "{", "{\"delayed\"", "{\"delayed\":", "{\"delayed\":fals", "{\"a\":\"\\", "[\"delayed\",false]",
    "{\"delayed\":true}",
    "{\"a\":{\"delayed\":false}}", "{\"a\":[{\"delayed\":false}]}", "{\"a\":\"\\\"delayed\\\":false\"}",
  ])
  func `leaves what has no late mark of its own as it is`(text: String) {
    #expect(Formats.freeze(draft: Array(text.utf8), delayed: true) == Array(text.utf8))
  }

  @Test func `leaves CAP as it is`() throws {
    let cap = try #require(Samples.formats.cap(Samples.alert()))
    #expect(Formats.freeze(draft: cap, delayed: true) == cap)
  }

  @Test func `takes any bytes without a trap`() {
    var generator = SeededGenerator(seed: 7)
    let letters = Array("{}[]\":\\,delayfs ".utf8)
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        letters.randomElement(using: &generator) ?? 0
      }
      let frozen = Formats.freeze(draft: Array("{".utf8) + bytes, delayed: true)
      #expect(frozen.count == bytes.count + 1 || frozen.count == bytes.count)
    }
  }
}
