import Foundation
import Observations
import TestData
import Testing

@testable import Alerts

@Suite struct `A measure for an IoT Agent` {
  static let keyValues = Formats(Samples.context(fiware: FIWAREFormat(representation: .keyValues)))
  static let linkedData = Formats(Samples.context(fiware: FIWAREFormat(representation: .linkedData)))
  static let waterObserved = Formats(
    Samples.context(fiware: FIWAREFormat(representation: .linkedData, levelModel: .waterObserved)))
  static let unplaced = Formats(
    Samples.context(position: nil, plan: Samples.plan, fiware: FIWAREFormat(representation: .linkedData)))

  typealias Report = Effects.ObservationReport

  static let reports: [Report] = {
    let at = Samples.moment()
    return [
      Report(sensor: Samples.river, at: at, value: .measure(Samples.measure(4.12)), fault: nil),
      Report(sensor: Samples.river, at: at, value: .measure(Samples.measure(-0.05)), fault: nil),
      Report(sensor: Samples.river, at: at, value: .measure(Samples.measure(0)), fault: nil),
      Report(sensor: Samples.river, at: at, value: nil, fault: .timeout),
      Report(sensor: "underpass-1", at: at, value: .contact(active: true), fault: nil),
      Report(sensor: "underpass-1", at: at, value: .contact(active: false), fault: nil),
      Report(sensor: "underpass-1", at: at, value: nil, fault: .cableBreak),
      Report(sensor: "rain-1", at: at, value: .rain(total: Samples.measure(617.5, .rain), tips: 1235), fault: nil),
      Report(sensor: "rain-1", at: at, value: nil, fault: .edgesLost),
    ]
  }()

  static func measures(_ formats: Formats) -> [[UInt8]] {
    reports.compactMap { formats.measure($0) } + Samples.alerts.compactMap { formats.measure($0) }
  }

  static func object(_ bytes: [UInt8]) throws -> [String: any Sendable] {
    try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? [String: any Sendable])
  }

  @Test(.needsPython, .needsSharedData) func `fits the published schema of its model, in either form`() throws {
    for formats in [Self.keyValues, Self.linkedData, Self.waterObserved, Self.unplaced] {
      let documents = Self.measures(formats)
      try #require(documents.count > 100)
      let verdicts = try Peer.modelVerdicts(documents, folder: SharedData.file("ngsi"))
      for (document, verdict) in zip(documents, verdicts) {
        #expect(verdict == nil, "\(String(decoding: document, as: UTF8.self))")
      }
    }
  }

  @Test(.needsPython) func `fits the project's own schema too`() throws {
    var documents: [(schema: String, bytes: [UInt8])] = []
    for formats in [Self.keyValues, Self.linkedData, Self.waterObserved, Self.unplaced] {
      documents += Self.measures(formats).map { ("measure", $0) }
    }
    for (document, verdict) in zip(documents, try Peer.schemaVerdicts(documents)) {
      #expect(verdict == nil, "\(String(decoding: document.bytes, as: UTF8.self))")
    }
    let good = String(decoding: try #require(Self.keyValues.measure(Self.reports[0])), as: UTF8.self)
    let spoiled = [
      good.replacing("加古川", with: "加古川 (上流)"), good.replacing(#""currentLevel":4.12"#, with: #""currentLevel":[4.12]"#),
      good.replacing("TimeInstant", with: "time"), good.replacing(":kakogawa-042_river-1", with: ":Kakogawa"),
      good.replacing("FloodMonitoring", with: "WaterObserved"),
    ]
    let verdicts = try Peer.schemaVerdicts(spoiled.map { ("measure", Array($0.utf8)) })
    for (document, verdict) in zip(spoiled, verdicts) { #expect(verdict != nil, "\(document)") }
  }

  @Test(.needsPython, .needsSharedData) func `is judged by schemas that know wrong from right`() throws {
    let alert = String(
      decoding: try #require(Self.keyValues.measure(Samples.alert())), as: UTF8.self)
    let level = String(decoding: try #require(Self.waterObserved.measure(Self.reports[0])), as: UTF8.self)
    let spoiled = [
      alert.replacing(#""severity":"high""#, with: #""severity":"severe""#),
      alert.replacing(#""category":"naturalDisaster","#, with: ""),
      alert.replacing(#""type":"Alert""#, with: #""type":"Alarm""#),
      alert.replacing(#""alertSource":"kakogawa-042_river-1""#, with: #""alertSource":42"#),
      alert.replacing("dateIssued", with: "date"), level.replacing(#""value":4.12"#, with: #""value":-4.12"#),
      level.replacing(#""location""#, with: #""place""#),
      level.replacing("GeoProperty", with: "Property").replacing("Point", with: "Dot"),
    ]
    let verdicts = try Peer.modelVerdicts(spoiled.map { Array($0.utf8) }, folder: SharedData.file("ngsi"))
    for (document, verdict) in zip(spoiled, verdicts) { #expect(verdict != nil, "\(document)") }
  }

  @Test func `of key values has one level of texts and numbers, and the time of the measure`() throws {
    for bytes in Self.measures(Self.keyValues) {
      let object = try Self.object(bytes)
      #expect(object.values.allSatisfy { $0 is String || $0 is NSNumber }, "\(object)")
      #expect((object["TimeInstant"] as? String)?.hasPrefix("2026-11-21T15:02:20") == true)
      #expect(
        (object["id"] as? String)?.hasPrefix("urn:ngsi-ld:\(object["type"] as? String ?? "?"):kakogawa-042") == true)
    }
  }

  @Test func `tells a level, its thresholds and where it stands among them`() throws {
    let high = try Self.object(#require(Self.keyValues.measure(Self.reports[0])))
    #expect(high["type"] as? String == "FloodMonitoring")
    #expect(high["currentLevel"] as? Double == 4.12)
    #expect(high["alertLevel"] as? Double == 3)
    #expect(high["dangerLevel"] as? Double == 4)
    #expect(high["floodLevelStatus"] as? String == "danger")
    let low = try Self.object(#require(Self.keyValues.measure(Self.reports[1])))
    #expect(low["currentLevel"] as? Double == -0.05)
    #expect(low["floodLevelStatus"] as? String == "normal")
    let unknown = try Self.object(#require(Self.keyValues.measure(Self.reports[3])))
    #expect(unknown["currentLevel"] == nil)
    #expect(unknown["floodLevelStatus"] as? String == "unknown")
    #expect(unknown["fault"] as? String == "timeout")
  }

  @Test func `never tells a height below zero as WaterObserved`() throws {
    for (index, height) in [4.12, nil, 0].enumerated() {
      let object = try Self.object(#require(Self.waterObserved.measure(Self.reports[index])))
      #expect(object["type"] as? String == "WaterObserved")
      #expect(((object["height"] as? [String: any Sendable])?["value"] as? Double) == height)
      #expect(object["stage"] != nil)
    }
  }

  @Test func `as linked data says longitude first, times in UTC and units by their common code`() throws {
    let text = String(decoding: try #require(Self.linkedData.measure(Self.reports[0])), as: UTF8.self)
    #expect(text.contains(#""coordinates":[134.9,34.8]"#))
    #expect(
      text.contains(
        #""currentLevel":{"type":"Property","value":4.12,"unitCode":"MTR","observedAt":"2026-11-21T06:02:20Z"}"#))
    #expect(text.hasSuffix(#""https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"]}"#))
  }

  @Test func `holds none of the characters that Orion refuses`() throws {
    let name = "橋<a>\"b'c=d;e(f)\n"
    for formats in [Self.keyValues, Self.linkedData] {
      let alert = try Self.object(#require(formats.measure(Samples.alert(name: name))))
      for text in Self.texts(alert) {
        #expect(!text.contains { "<>\"'=;()\n".contains($0) }, "\(text)")
      }
    }
    #expect(NGSIEntity.safe(name) == "橋＜a＞＂b＇c＝d；e（f） ")
    for formats in [Self.keyValues, Self.linkedData] {
      for bytes in Self.measures(formats) {
        for text in Self.texts(try Self.object(bytes)) {
          #expect(!text.contains { "<>\"'=;()".contains($0) }, "\(text)")
        }
      }
    }
  }

  private static func texts(_ value: any Sendable) -> [String] {
    switch value {
    case let text as String: [text]
    case let object as [String: any Sendable]: object.flatMap { [$0.key] + texts($0.value) }
    case let array as [any Sendable]: array.flatMap(texts)
    default: []
    }
  }

  @Test func `is of no drill, of no receiver of tags and of no person`() {
    for mode in [AlertMode.exercise, .test] { #expect(Self.keyValues.measure(Samples.alert(mode: mode)) == nil) }
    let receiver = Report(sensor: "gate-north", at: Samples.moment(), value: .receiver(working: true), fault: nil)
    #expect(Self.keyValues.measure(receiver) == nil)
    for bytes in Self.measures(Self.linkedData) {
      #expect(!String(decoding: bytes, as: UTF8.self).contains(Samples.subject.text))
    }
  }

  @Test func `is not made unless it is asked for`() {
    #expect(Samples.formats.measure(Samples.alert()) == nil)
    #expect(Samples.formats.measure(Self.reports[0]) == nil)
  }

  @Test func `goes to the agent's topic, without the key`() {
    #expect(Samples.topics.measures("river-1") == "/json/{secret}/kakogawa-042_river-1/attrs")
  }
}
