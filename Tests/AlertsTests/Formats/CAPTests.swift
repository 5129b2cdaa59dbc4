import Alerts
import Foundation
import Observations
import TestData
import Testing

@Suite struct `A CAP message` {
  static let documents: [(alert: Alert, bytes: [UInt8])] = {
    let unrestricted = Formats(Samples.context(scope: .unrestricted))
    return Samples.alerts.map { ($0, Samples.formats.cap($0) ?? []) }
      + Samples.alerts.prefix(40).map { ($0, unrestricted.cap($0) ?? []) }
  }()

  @Test(.needsSharedData, .needsXMLLint) func `is valid by the schema of OASIS, whatever it tells`() throws {
    let documents =
      Self.documents.map(\.bytes) + [
        Formats(Samples.context(contact: nil, position: nil, languages: ["ja"])).cap(Samples.alert()) ?? []
      ]
    let verdicts = try Peer.xmlVerdicts(documents, schema: SharedData.file("cap/CAP-v1.2.xsd"))
    for (document, verdict) in zip(documents, verdicts) {
      #expect(verdict == nil, "\(String(decoding: document, as: UTF8.self))")
    }
  }

  @Test(.needsSharedData, .needsXMLLint) func `is judged by a schema that knows wrong from right`() throws {
    let good = String(decoding: Samples.formats.cap(Samples.alert()) ?? [], as: UTF8.self)
    let specification = try SharedData.text("cap/cap_amber_alert_example.xml")
    let spoiled = [
      good.replacing("<status>Actual</status>\n", with: ""), good.replacing("15:02:20+09:00", with: "15:02:20.5+09:00"),
      good.replacing("15:02:20+09:00", with: "15:02:20Z"), good.replacing(">Severe<", with: ">severe<"),
      good.replacing("<urgency>Immediate</urgency>\n<severity>", with: "<severity>"),
      good.replacing("ja-JP", with: "ja_JP"),
      good.replacing("</alert>", with: ""), good.replacing("<scope>", with: "<msgType>Alert</msgType><scope>"),
    ]
    let documents = ([good, specification] + spoiled).map { Array($0.utf8) }
    let verdicts = try Peer.xmlVerdicts(documents, schema: SharedData.file("cap/CAP-v1.2.xsd"))
    #expect(verdicts[0] == nil)
    #expect(verdicts[1] == nil)
    for (index, verdict) in verdicts.enumerated().dropFirst(2) {
      #expect(verdict != nil, "spoiled document \(index) passes")
    }
  }

  @Test func `keeps the rules of section 3 that no schema can hold`() throws {
    for (alert, bytes) in Self.documents {
      let elements = Elements(bytes)
      let text = Comment(rawValue: String(decoding: bytes, as: UTF8.self))
      for word in elements["identifier"] + elements["sender"] {
        #expect(!word.isEmpty && !word.contains { " ,<&;\n".contains($0) }, text)
      }
      #expect(elements["restriction"].count == (elements["scope"] == ["Restricted"] ? 1 : 0), text)
      #expect(elements["references"].count == (alert.message == .raise ? 0 : 1), text)
      for time in elements["sent"] + elements["onset"] + elements["expires"] {
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+09:00/) != nil, text)
      }
      #expect(elements["language"] == ["ja-JP", "ja-x-easy", "en-US", "vi-VN", "zh-CN", "pt-BR"], text)
      #expect(elements["circle"].allSatisfy { ["34.8,134.9 0", "34.7993,134.8862 0"].contains($0) }, text)
      #expect(elements["circle"].count == 6 && elements["value"].count { $0 == "282103" } == 6, text)
      #expect(elements.all.allSatisfy { !$0.isEmpty }, text)
      #expect(!text.rawValue.contains("<!"), text)
      #expect(elements["headline"].allSatisfy { $0.count <= 160 }, text)
    }
  }

  @Test func `never asks anyone to evacuate, nor gives the all-clear`() {
    let answers = Set(Self.documents.flatMap { Elements($0.bytes)["responseType"] })
    #expect(answers == ["Avoid", "Monitor", "Assess", "None"])
  }

  @Test(arguments: [
    (AlertKind.waterLevel, AlertMode.actual, "Actual", "Met"), (.floodContact, .exercise, "Exercise", "Met"),
    (.waterLevel, .test, "Test", "Met"), (.sensorFault, .actual, "System", "Infra"),
    (.blind, .exercise, "Exercise", "Infra"),
  ])
  func `says whether it is real, and of what kind`(
    kind: AlertKind, mode: AlertMode, status: String, category: String
  ) throws {
    let elements = Elements(try #require(Samples.formats.cap(Samples.alert(kind, mode: mode))))
    #expect(elements["status"] == [status])
    #expect(Set(elements["category"]) == [category])
    #expect(elements["note"].isEmpty == (mode == .actual))
    let mark = ["Exercise": "訓練", "Test": "試験"][status]
    if let mark { #expect(elements["headline"].first?.hasPrefix("【\(mark)】") == true) }
  }

  @Test func `refers to the whole chain, to the byte`() throws {
    var sent: [String] = []
    var references = ReferenceChain()
    for revision in 1...5 {
      var alert = Samples.alert(
        .waterLevel, revision == 1 ? .raise : revision == 5 ? .clear : .update, revision: revision)
      alert.detected = Samples.moment(Double(revision) * 0.7)
      alert.references = references
      let elements = Elements(try #require(Samples.formats.cap(alert)))
      #expect(elements["references"] == (revision == 1 ? [] : [sent.joined(separator: " ")]))
      #expect(elements["msgType"] == [revision == 1 ? "Alert" : revision == 5 ? "Cancel" : "Update"])
      sent.append(["sender", "identifier", "sent"].compactMap { elements[$0].first }.joined(separator: ","))
      references.append(.init(revision: revision, sent: alert.detected.wall))
    }
    #expect(sent[0] == "kakogawa-042@example.jp,kakogawa-042.01JDXYZ0123456789ABCDEFGHJ.1,2026-11-21T15:02:20+09:00")
  }

  @Test func `says in its note where the chain is not whole, and only there`() throws {
    let whole = Samples.alert(.waterLevel, .update, revision: ReferenceChain.limit + 1)
    let document = try #require(Samples.formats.cap(whole))
    #expect(Elements(document)["note"] == [])
    #expect(Elements(document)["references"].first?.split(separator: " ").count == 720)
    #expect(document.count < 100_000)
    let longer = Elements(try #require(Samples.formats.cap(Samples.alert(.waterLevel, .update, revision: 1001))))
    #expect(
      longer["note"] == [
        "References name the first and the newest 719 of 1000 earlier messages; the others were superseded by messages named"
          + " here."
      ])
    #expect(longer["references"].first?.split(separator: " ").first?.contains(".1,") == true)
    #expect(longer["references"].first?.split(separator: " ").last?.contains(".1000,") == true)
  }

  @Test(
    arguments: [
      ("", CAPIdentity.Scope.unrestricted, nil), ("a b@example.jp", .unrestricted, nil), ("a,b", .unrestricted, nil),
      ("a<b", .unrestricted, nil), ("a&b", .unrestricted, nil), ("a\tb", .unrestricted, nil), ("a", .restricted, nil),
      ("a", .restricted, ""),
    ] as [(String, CAPIdentity.Scope, String?)])
  func `has no sender and no scope that CAP forbids`(sender: String, scope: CAPIdentity.Scope, restriction: String?) {
    #expect(CAPIdentity(sender: sender, scope: scope, restriction: restriction) == nil)
  }
}

/// The elements of a document that has one element, or the begin or end of one, on each line.
struct Elements {
  private var texts: [String: [String]] = [:]

  init(_ bytes: [UInt8]) {
    for line in String(decoding: bytes, as: UTF8.self).utf8.split(separator: UInt8(ascii: "\n")) {
      guard line.first == UInt8(ascii: "<"), let end = line.firstIndex(of: UInt8(ascii: ">")),
        let close = line.lastIndex(of: UInt8(ascii: "<")), close > end
      else { continue }
      let name = Substring(line[line.index(after: line.startIndex)..<end])
      texts[String(name), default: []].append(String(Substring(line[line.index(after: end)..<close])))
    }
  }

  /// The text of each element of this name, in order.
  subscript(name: String) -> [String] { texts[name] ?? [] }

  var all: [String] { texts.values.flatMap(\.self) }
}
