import Alerts
import Foundation
import Observations
import Testing

@Suite struct `A payload` {
  /// Files whose bytes are compared, so that no change of the wire goes unseen.
  static let golden: [(file: String, bytes: [UInt8])] = [
    ("alert-water-level-raise.json", Samples.formats.alert(Samples.alert())),
    (
      "alert-flood-contact-exercise-clear.json",
      Samples.formats.alert(Samples.alert(.floodContact, .clear, mode: .exercise))
    ),
    (
      "alert-sensor-fault-raise.json",
      Samples.formats.alert(Samples.alert(.sensorFault, fault: .noTarget, clock: .unsynchronized))
    ),
    ("cap-water-level-update.xml", Samples.formats.cap(Samples.alert(.waterLevel, .update, reason: "step")) ?? []),
    ("notice-child-arrival.json", Samples.formats.notice(Samples.notice())),
    ("notice-elder-departure.json", Samples.formats.notice(Samples.notice(.departure, person: .elder, lastSeen: -61))),
    ("status-will.json", Samples.formats.status(.offline, cause: "will", connection: 12, at: nil)),
    ("info.json", Samples.formats.info()),
    ("health.json", Samples.formats.health(Samples.health())),
    (
      "observation-rain.json",
      Samples.formats.observation(
        .init(
          sensor: "rain-1", at: Samples.moment(), value: .rain(total: Samples.measure(617.5, .rain), tips: 1235),
          fault: nil))
    ),
  ]

  /// `MIMAMORI_WRITE_GOLDEN=1` writes the files anew, for a reader to compare; the test then fails all the same.
  @Test func `has the bytes that it always had`() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Golden")
    for (file, bytes) in Self.golden {
      let content = Data(bytes + [UInt8(ascii: "\n")])
      let url = folder.appending(path: file)
      if ProcessInfo.processInfo.environment["MIMAMORI_WRITE_GOLDEN"] == "1" {
        try content.write(to: url)
        Issue.record("\(file) was written anew: look at it, and run again without MIMAMORI_WRITE_GOLDEN")
      }
      #expect(try String(decoding: Data(contentsOf: url), as: UTF8.self) == String(decoding: content, as: UTF8.self))
    }
  }

  @Test func `has the contract's members in the contract's order`() throws {
    let alert = String(decoding: Samples.formats.alert(Samples.alert()), as: UTF8.self)
    let members = [
      "schema", "id", "revision", "message", "reason", "mode", "gateway", "stream", "epoch", "sequence", "boot",
      "uptime", "clock", "sensor", "name", "kind", "level", "step", "severity", "urgency", "certainty", "onset",
      "detected", "expires", "delayed", "observed", "quantity", "unit", "value", "threshold", "rate_per_hour", "next",
      "position", "latitude", "longitude", "acknowledged", "text", "language", "headline", "description",
      "instruction",
    ]
    #expect(alert.keys.prefix(members.count).elementsEqual(members))
    let notice = String(decoding: Samples.formats.notice(Samples.notice()), as: UTF8.self)
    #expect(
      notice.keys.prefix(25).elementsEqual([
        "schema", "id", "revision", "mode", "gateway", "stream", "epoch", "sequence", "boot", "uptime", "clock",
        "subject", "kind", "place", "place_name", "sensor", "detected", "last_seen", "confidence", "delayed",
        "position", "latitude", "longitude", "text", "language",
      ]))
    let will = String(decoding: Samples.formats.status(.offline, cause: "will", connection: 12, at: nil), as: UTF8.self)
    #expect(
      will == """
        {"schema":"mimamori.status/1","state":"offline","cause":"will","boot":"01JDB000000000000000000000",\
        "connection":12}
        """)
  }

  @Test(arguments: [
    (4.12, "4.12"), (4.0, "4"), (-0.05, "-0.05"), (0.001, "0.001"), (-12.345, "-12.345"), (0.0, "0"),
    (165.91, "165.91"), (10.01, "10.01"),
  ])
  func `writes a measure as the shortest plain decimal`(value: Double, text: String) {
    let alert = String(decoding: Samples.formats.alert(Samples.alert(value: value)), as: UTF8.self)
    #expect(alert.contains("\"value\":\(text),"))
  }

  @Test func `says where the sensor is, else where the board is, else nothing`() {
    let river = String(decoding: Samples.formats.alert(Samples.alert()), as: UTF8.self)
    #expect(river.contains(#""position":{"latitude":34.8,"longitude":134.9}"#))
    let gate = String(decoding: Samples.formats.alert(Samples.alert(.blind)), as: UTF8.self)
    #expect(gate.contains(#""position":{"latitude":34.7993,"longitude":134.8862}"#))
    let nowhere = Formats(Samples.context(position: Position(latitude: .nan, longitude: 0)))
    #expect(String(decoding: nowhere.alert(Samples.alert(.blind)), as: UTF8.self).contains(#""latitude":null"#))
  }

  @Test func `makes no CAP where none is configured`() {
    let context = Samples.context()
    let formats = Formats(
      FormatContext(
        plan: context.plan, name: "", municipality: "282103", contact: nil, position: nil, zone: context.zone,
        zoneName: "", languages: ["ja"], cap: nil, topics: context.topics, version: "0", configurationSHA256: "",
        boot: "b", epoch: "e"))
    #expect(formats.cap(Samples.alert()) == nil)
  }
}

@Suite struct `A heartbeat` {
  @Test(arguments: [0, 1, 4, 16, 40, 80, 200, 2000], [0, 4, 40, 400])
  func `has at most 8 KB, and says what it left out`(sensors: Int, ports: Int) throws {
    for faulty in Set([0, 1, sensors / 2, sensors]) where faulty <= sensors {
      let bytes = Samples.formats.health(Samples.health(sensors: sensors, ports: ports, faulty: faulty))
      #expect(bytes.count <= Formats.healthLimit)
      let health = try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
      #expect(health["sensors_total"] as? Int == sensors)
      #expect(health["sensors_faulty"] as? Int == faulty)
      let omitted = Set(try #require(health["omitted"] as? [String]))
      let told = try #require(health["sensors"] as? [[String: Any]])
      #expect(
        (told.count < sensors) == !omitted.isDisjoint(with: ["good_sensors", "all_sensors"]) || sensors == faulty)
      #expect((told.count { $0["state"] as? String == "faulty" } < faulty) == omitted.contains("other_faulty_sensors"))
      #expect(((health["ports"] as? [Any])?.count ?? 0) == (omitted.contains("ports") ? 0 : ports))
    }
  }

  @Test func `has at most 8 KB even when drops and queues are beyond counting`() {
    var report = Samples.health(sensors: 32, ports: 8, faulty: 32)
    report.drops = (0..<1000).map { .init(name: "drop_\($0)", count: .max) }
    #expect(Samples.formats.health(report).count <= Formats.healthLimit)
  }
}

@Suite struct `Every topic` {
  @Test func `of the contract is made from its roots`() {
    let topics = Samples.topics
    #expect(
      [
        topics.status, topics.info, topics.health, topics.alert(.actual), topics.alert(.exercise), topics.alert(.test),
        topics.active, topics.cap(.actual), topics.cap(.exercise), topics.cap(.test),
        topics.observation(Samples.river), topics.output("siren"), topics.place("school-7-gate"), topics.command,
        topics.reply,
      ]
        == [
          "status", "info", "health", "alert", "alert/exercise", "alert/test", "active", "cap", "cap/exercise",
          "cap/test", "observation/river-1", "output/siren", "place/school-7-gate", "command", "reply",
        ].map { "mimamori/282103/kakogawa-042/\($0)" })
    #expect(topics.groupCommand("east") == "mimamori/282103/group/east/command")
    #expect(topics.watchlist("east") == "mimamori/282103/watchlist/east")
    #expect(topics.watchlistPart("east", revision: 12, number: 3) == "mimamori/282103/watchlist/east/12/3")
    #expect(topics.replyPrefix == "mimamori/282103/reply/")
    #expect(topics.notice(Samples.subject) == "mimamori-watch/282103/7f3a9c52e1b84d0f9a61c2d3/kakogawa-042")
    #expect(topics.head(Samples.subject) == topics.notice(Samples.subject) + "/head")
  }

  @Test func `stands in the AsyncAPI document, and every schema that it names exists`() throws {
    let text = try String(contentsOf: Peer.checkout.appending(path: "docs/asyncapi.yaml"), encoding: .utf8)
    let described = Set(text.matches(of: /address: '([^']+)'/).map { String($0.1) })
    let topics = Topics(root: "{root}", watchRoot: "{watch_root}", gateway: "{gateway}")
    let made: Set = [
      topics.status, topics.info, topics.health, topics.alert(.actual), topics.alert(.exercise), topics.alert(.test),
      topics.active, topics.cap(.actual), topics.cap(.exercise), topics.cap(.test), topics.observation("{sensor}"),
      topics.delayedObservation("{sensor}"),
      topics.output("{output}"), topics.place("{place}"), topics.notice("{subject}"), topics.head("{subject}"),
      topics.command, topics.groupCommand("{group}"), topics.reply, topics.watchlist("{group}"),
      topics.watchlist("{group}") + "/{revision}/{n}",
      topics.measures("{sensor}").replacing(Topics.keyMark, with: "{apiKey}"),
      topics.agentCommand.replacing(Topics.keyMark, with: "{apiKey}"),
      topics.agentResult.replacing(Topics.keyMark, with: "{apiKey}"),
    ]
    #expect(described == made)
    let names = text.matches(of: /schemas\/([a-z-]+\.schema\.json)/).map { String($0.1) }
    #expect(Set(names).count >= 14)
    for name in names {
      #expect(FileManager.default.fileExists(atPath: Peer.schemaFolder.appending(path: name).path), "\(name)")
    }
  }
}

extension String {
  /// The names of all members of a JSON text that has no colon after a quotation mark inside its strings.
  fileprivate var keys: [String] {
    matches(of: /"([a-z_0-9]+)":/).map { String($0.1) }
  }
}
