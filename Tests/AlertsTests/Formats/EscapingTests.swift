import Alerts
import Foundation
import Observations
import TestData
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

  /// 38 minutes after it was detected.
  static let sent = Samples.moment(2280)

  @Test func `a reading that is told late differs in that alone`() {
    let report = Effects.ObservationReport(
      sensor: "river-1", at: Samples.moment(), value: .measure(Samples.measure(4.12, .waterLevel)), fault: nil)
    let prompt = String(decoding: Samples.formats.observation(report), as: UTF8.self)
    let late = String(decoding: Self.freeze(Array(prompt.utf8)), as: UTF8.self)
    #expect(late != prompt)
    #expect(late == prompt.replacing(#""delayed":false"#, with: #""delayed":true"#))
  }

  private static func freeze(_ draft: [UInt8], delayed: Bool = true, at now: Moment = sent) -> [UInt8] {
    Samples.formats.freeze(draft: draft, delayed: delayed, at: now)
  }

  @Test func `changes the late mark and the ends of the descriptions, and nothing else`() throws {
    for draft in Self.drafts() {
      let frozen = Self.freeze(draft)
      var before = try #require(JSONSerialization.jsonObject(with: Data(draft)) as? [String: any Sendable])
      var after = try #require(JSONSerialization.jsonObject(with: Data(frozen)) as? [String: any Sendable])
      #expect(before["delayed"] as? Bool == false)
      #expect(after["delayed"] as? Bool == true)
      before["delayed"] = true
      var texts = try #require(after["text"] as? [[String: String]])
      let drafted = try #require(before["text"] as? [[String: String]])
      #expect(texts.count == drafted.count)
      for index in texts.indices {
        let description = try #require(drafted[index]["description"])
        let late = try #require(texts[index]["description"])
        // By scalars: a name may end with half a character.
        #expect(
          Array(late.unicodeScalars.prefix(description.unicodeScalars.count)) == Array(description.unicodeScalars))
        #expect(late.contains("15:02") && late.contains("15:40") || late.contains("15h40") || late.contains("3時40分"))
        texts[index]["description"] = description
      }
      after["text"] = texts
      #expect(NSDictionary(dictionary: before) == NSDictionary(dictionary: after))
      #expect(Self.freeze(frozen) == frozen)
    }
  }

  @Test func `says in each language when a late message was detected and when it was sent`() throws {
    struct Wire: Decodable {
      struct Text: Decodable { var description: String }
      var text: [Text]
    }
    let ends = [
      "（この通知は遅れて送られました。検知 15:02、送信 15:40。）",
      "（この おしらせは おそく なりました。みつけた じかんは ごご 3時2分、おくった じかんは ごご 3時40分です。）",
      "(This message is late: detected 15:02, sent 15:40.)", "(Tin này đến muộn: phát hiện lúc 15:02, gửi lúc 15:40.)",
      "（本通知延迟发送：检测于15:02，发送于15:40。）", "(Esta mensagem está atrasada: detecção 15h02, envio 15h40.)",
    ]
    for draft in [Samples.formats.alert(Samples.alert()), Samples.formats.notice(Samples.notice())] {
      let texts = try JSONDecoder().decode(Wire.self, from: Data(Self.freeze(draft))).text
      for (text, end) in zip(texts, ends) { #expect(text.description.hasSuffix(" " + end), "\(text.description)") }
    }
    let cap = Elements(Self.freeze(try #require(Samples.formats.cap(Samples.alert()))))
    #expect(cap["description"].count == ends.count)
    for (text, end) in zip(cap["description"], ends) { #expect(text.hasSuffix(" " + end), "\(text)") }
  }

  @Test func `names the day where it is another, and no time where the clock tells none`() throws {
    let draft = Samples.formats.alert(Samples.alert())
    let nextDay = String(decoding: Self.freeze(draft, at: Samples.moment(86_400)), as: UTF8.self)
    #expect(nextDay.contains("検知 11月21日15:02、送信 11月22日15:02。"))
    for now in [Samples.moment(2280, clock: .unsynchronized), Samples.moment(-2280)] {
      let untimed = String(decoding: Self.freeze(draft, at: now), as: UTF8.self)
      #expect(untimed.contains("（この通知は遅れて送られました。）") && !untimed.contains("送信"))
    }
  }

  @Test func `leaves what is in time as it is`() {
    for draft in Self.drafts() {
      #expect(Self.freeze(draft, delayed: false) == draft)
    }
  }

  @Test(arguments: [
    "", "{", "{\"delayed\"", "{\"delayed\":", "{\"delayed\":fals", "{\"a\":\"\\", "[\"delayed\",false]",
    "{\"delayed\":true}",
    "{\"a\":{\"delayed\":false}}", "{\"a\":[{\"delayed\":false}]}", "{\"a\":\"\\\"delayed\\\":false\"}",
  ])
  func `leaves what has no late mark of its own as it is`(text: String) {
    #expect(Self.freeze(Array(text.utf8)) == Array(text.utf8))
  }

  @Test(.needsSharedData, .needsXMLLint) func `leaves late CAP valid, and the rest of it as it is`() throws {
    let alerts = [Samples.alert(), Samples.alert(.sensorFault, .clear), Samples.alert(name: "<a>&\r]]>")]
    let drafts = try alerts.map { try #require(Samples.formats.cap($0)) }
    let verdicts = try Peer.xmlVerdicts(drafts.map { Self.freeze($0) }, schema: SharedData.file("cap/CAP-v1.2.xsd"))
    for (draft, verdict) in zip(drafts, verdicts) {
      #expect(verdict == nil)
      let lines = { (bytes: [UInt8]) in bytes.split(separator: UInt8(ascii: "\n")) }
      let changed = zip(lines(draft), lines(Self.freeze(draft))).filter { $0 != $1 }
      #expect(changed.count == 6 && changed.allSatisfy { $0.1.starts(with: "<description>".utf8) })
    }
    for bytes in ["<", "<sent>", "<language>ja-JP</language><description>", "<description>x</description>"] {
      #expect(Self.freeze(Array(bytes.utf8)) == Array(bytes.utf8))
    }
  }

  @Test func `takes any bytes without a trap`() {
    var generator = SeededGenerator(seed: 7)
    let letters = Array("{}[]\":\\,delayfs ".utf8)
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        letters.randomElement(using: &generator) ?? 0
      }
      let frozen = Self.freeze(Array("{".utf8) + bytes)
      #expect(frozen.count == bytes.count + 1 || frozen.count == bytes.count)
    }
  }
}
