import Alerts
import Foundation
import Observations
import Testing

@Suite struct `A published payload` {
  @Test(.needsPython) func `validates against its schema, whatever it tells`() throws {
    let bare = Formats(Samples.context(contact: nil, position: nil, languages: ["en"]))
    var documents = Samples.states
    for formats in [Samples.formats, bare] {
      documents += Samples.alerts.map { ("alert", formats.alert($0)) }
      documents += Samples.notices.map { ("notice", formats.notice($0)) }
    }
    documents += documents.filter { $0.schema == "alert" || $0.schema == "notice" }
      .map { ($0.schema, Samples.formats.freeze(draft: $0.bytes, delayed: true, at: Samples.moment(2280))) }
    try #require(documents.count > 1500)
    for (document, verdict) in zip(documents, try Peer.schemaVerdicts(documents)) {
      #expect(verdict == nil, "\(document.schema): \(String(decoding: document.bytes, as: UTF8.self))")
    }
  }

  /// Each takes a good payload and spoils one thing.
  static let spoiled: [(schema: String, from: String, to: String)] = [
    ("alert", #""revision":1"#, #""revision":0"#), ("alert", #""revision":1"#, #""revision":2"#),
    ("alert", #""reason":null"#, #""reason":"step""#), ("alert", #""message":"raise""#, #""message":"update""#),
    ("alert", #""mode":"actual""#, #""mode":"drill""#), ("alert", #""mode":"actual""#, #""mode":"exercise""#),
    ("alert", #""mode":"actual""#, #""mode":"test""#), ("alert", #""level":4"#, #""level":6"#),
    ("alert", #""level":4"#, #""level":null"#), ("alert", #""step":"danger""#, #""step":"deep""#),
    ("alert", #""kind":"water_level""#, #""kind":"rain""#), ("alert", #""kind":"water_level""#, #""kind":"Rain!""#),
    ("alert", #""severity":"severe""#, #""severity":"bad""#), ("alert", #""delayed":false"#, #""delayed":0"#),
    ("alert", #""detected":"2026-11-21T15:02:20+09:00""#, #""detected":"2026-11-21T06:02:20Z""#),
    ("alert", #""detected":"2026-11-21T15:02:20+09:00""#, #""detected":"2026-11-21 15:02:20+09:00""#),
    ("alert", #""id":"kakogawa-042/"#, #""id":"kakogawa-042"#), ("alert", #""value":4.12"#, #""value":"4.12""#),
    ("alert", #""value":4.12"#, #""value":NaN"#), ("alert", #""latitude":34.8"#, #""latitude":134.8"#),
    ("alert", #""sequence":18"#, #""sequence":18,"sequence":19"#), ("alert", #","acknowledged":null"#, ""),
    ("alert", #""stream":"alert""#, #""stream":"7f3a9c52e1b84d0f9a61c2d3""#), ("alert", #"}]"#, #"}"#),
    ("notice", #""subject":"7f3a9c52e1b84d0f9a61c2d3""#, #""subject":"Taro""#),
    ("notice", #""confidence":0.97"#, #""confidence":97"#), ("notice", #","place_name":"国包小学校 正門""#, ""),
    ("notice", #""clock":"synchronized""#, #""clock":"ntp""#),
    ("status", #""state":"online""#, #""state":"up""#),
    ("place", #""state":"watching""#, #""person":"x","state":"watching""#),
    ("head", Samples.subject.text, "alert"),
    ("health", #""streams":{"alert""#, #""streams":{"7f3a9c52e1b84d0f9a61c2d3""#),
    ("info", #""municipality":"282103""#, #""municipality":"28210""#),
    ("active", #""message":"raise""#, #""message":"clear""#), ("active", #""through":18"#, #""through":-1"#),
    ("observation", #""tips":null"#, #""tips":"3""#), ("output", #""state":"off""#, #""state":false"#),
  ]

  @Test(.needsPython) func `is refused by its schema when one thing in it is wrong`() throws {
    var documents: [(schema: String, bytes: [UInt8])] = []
    for (schema, from, to) in Self.spoiled {
      let good = try #require(Self.goodDocuments(schema).first { $0.contains(from) }, "\(from) in \(schema)")
      let first = try #require(good.range(of: from))
      documents.append((schema, Array(good.replacingCharacters(in: first, with: to).utf8)))
    }
    for (document, verdict) in zip(Self.spoiled, try Peer.schemaVerdicts(documents)) {
      #expect(verdict != nil, "\(document) passes")
    }
  }

  private static func goodDocuments(_ schema: String) -> [String] {
    let bytes =
      switch schema {
      case "alert": [Samples.formats.alert(Samples.alert())]
      case "notice": [Samples.formats.notice(Samples.notice())]
      default: Samples.states.filter { $0.schema == schema }.map(\.bytes)
      }
    return bytes.map { String(decoding: $0, as: UTF8.self) }
  }

  /// What the gateway reads, in the words of the contract.
  static let read: [(schema: String, isGood: Bool, text: String)] = [
    (
      "reply", true,
      #"{"schema":"mimamori.reply/1","id":"c1","gateway":"g","result":"done","reason":null,"at":"2026-11-21T15:02:00+09:00"}"#
    ),
    (
      "reply", false,
      #"{"schema":"mimamori.reply/1","id":"c1","gateway":"g","result":"refused","reason":null,"at":"2026-11-21T15:02:00+09:00"}"#
    ),
    (
      "recording", true,
      #"{"schema":"mimamori.recording/1","gateway":"g","config_sha256":"\#(String(repeating: "a", count: 64))"}"#
    ),
    ("recording", true, #"{"time":"2025-09-24T02:50:00+09:00","sensor":"river-1","value":6.20}"#),
    ("recording", true, #"{"time":"2025-09-24T02:50:00Z","sensor":"river-1","fault":"timeout"}"#),
    ("recording", true, #"{"time":"2025-09-24T02:50:00+09:00","sensor":"underpass-1","active":true}"#),
    ("recording", true, #"{"time":"2025-09-24T02:50:00+09:00","sensor":"rain-1","count":1234}"#),
    (
      "recording", true,
      #"{"time":"2025-09-24T02:50:00+09:00","sensor":"gate","format":"ibeacon","id":"e2c56d","rssi":-71}"#
    ),
    (
      "recording", true,
      #"{"time":"2025-09-24T02:50:00+09:00","sensor":"gate","tag":"\#(String(repeating: "0", count: 64))","rssi":-71,"battery":80,"button":false}"#
    ),
    ("recording", true, #"{"mono":81.020,"port":"rs485","rx":"01040200644cd3"}"#),
    ("recording", true, #"{"mono":81.021,"sensor":"rain-1","edge":"rising","line_seq":81}"#),
    ("recording", true, #"{"mono":81.100,"time":"2025-09-24T02:50:00+09:00","boot":"b","event":"start"}"#),
    ("recording", true, #"{"time":"2025-09-24T03:50:00+09:00"}"#),
    ("recording", true, #"{"mono":81.020,"port":"rs485","tx":"01040000000131ca"}"#),
    ("recording", true, #"{"mono":81.020,"port":"beacon","frames":[44,7],"errors":1}"#),
    ("recording", true, #"{"mono":81.020,"at":81.019,"port":"rs485","event":"woken"}"#),
    ("recording", true, #"{"mono":81.020,"port":"rs485","event":"failed","cause":"port_lost"}"#),
    ("recording", true, #"{"mono":81.020,"sensor":"rain-1","event":"opened","lines":[27],"levels":[0]}"#),
    ("recording", true, #"{"mono":81.020,"sensor":"rain-1","event":"levels","levels":[1]}"#),
    ("recording", true, #"{"mono":81.021,"sensor":"rain-1","edge":"falling","line":27,"stamp":81.02}"#),
    ("recording", true, #"{"mono":81.020,"event":"dropped","missing":12}"#),
    ("recording", false, #"{"mono":81.020,"port":"rs485","event":"eaten"}"#),
    ("recording", false, #"{"mono":81.020,"port":"rs485","rx":"00","tx":"00"}"#),
    ("recording", false, #"{"mono":81.020,"sensor":"rain-1","event":"levels","levels":[2]}"#),
    ("recording", false, #"{"sensor":"river-1","value":6.20}"#),
    ("recording", false, #"{"time":"2025-09-24T02:50:00+09:00","sensor":"river-1"}"#),
    ("recording", false, #"{"time":"2025-09-24T02:50:00+09:00","sensor":"river-1","value":1,"fault":"timeout"}"#),
    ("recording", false, #"{"mono":81.020,"port":"rs485","rx":"010"}"#),
    ("recording", false, #"{"time":"2025-09-24T02:50:00+09:00","value":6.20}"#),
    (
      "command", true,
      #"{"id":"c1","root":"mimamori/282103","to":["g"],"issued":"2026-11-21T15:02:00+09:00","expires":"2026-11-21T16:02:00+09:00","do":"silence","with":{"end":"2026-11-21T15:32:00+09:00"}}"#
    ),
    (
      "command", false,
      #"{"id":"c1","root":"mimamori/282103","to":["g"],"issued":"2026-11-21T15:02:00+09:00","expires":"2026-11-21T16:02:00+09:00","do":"silence","with":{}}"#
    ),
    (
      "command", false,
      #"{"id":"c1","root":"mimamori/282103","to":[],"issued":"2026-11-21T15:02:00+09:00","expires":"2026-11-21T16:02:00+09:00","do":"silence"}"#
    ),
    (
      "watchlist-manifest", true,
      #"{"root":"m","group":"east","revision":3,"issued":"2026-11-21T15:02:00+09:00","valid_until":"2026-12-21T15:02:00+09:00","tag_kid":"2026-11","parts":[{"n":1,"sha256":"\#(String(repeating: "b", count: 64))","bytes":65536}]}"#
    ),
    (
      "watchlist-manifest", false,
      #"{"root":"m","group":"east","revision":3,"issued":"2026-11-21T15:02:00+09:00","valid_until":"2026-12-21T15:02:00+09:00","tag_kid":"2026-11","parts":[{"n":1,"sha256":"\#(String(repeating: "b", count: 64))","bytes":65537}]}"#
    ),
    (
      "watchlist-part", true,
      #"{"tags":[{"tag":"\#(String(repeating: "c", count: 64))","subject":"7f3a9c52e1b84d0f9a61c2d3","person":"child","at":[{"gateway":"kakogawa-042","place":"school-7-gate","rules":{"not_arrived_by":"08:30","days":["mon","fri"],"except":["2026-11-23"]}}]}]}"#
    ),
    ("watchlist-part", false, #"{"tags":[{"subject":"7f3a9c52e1b84d0f9a61c2d3","person":"child","at":[]}]}"#),
    (
      "watchlist-part", false,
      #"{"tags":[{"tag":"\#(String(repeating: "C", count: 64))","subject":"7f3a9c52e1b84d0f9a61c2d3","person":"child","at":[]}]}"#
    ),
  ]

  @Test(.needsPython) func `that the gateway reads has a schema that tells right from wrong`() throws {
    let verdicts = try Peer.schemaVerdicts(Self.read.map { ($0.schema, Array($0.text.utf8)) })
    for (document, verdict) in zip(Self.read, verdicts) {
      #expect((verdict == nil) == document.isGood, "\(document.text): \(verdict ?? "valid")")
    }
  }
}
