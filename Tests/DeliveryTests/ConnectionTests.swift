import Delivery
import Foundation
import Testing

@Suite(.serialized) struct ConnectionTests {
  @Test func `CONNECT carries the will with its delay, and a session that outlasts it`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    #expect(harness.isConnected())
    let connect = try #require(peer.packets.all.first?.packet)
    #expect(connect.type == 1)
    #expect(connect.level == 5)
    let body = String(decoding: connect.body, as: UTF8.self)
    let will =
      #"{"schema":"mimamori.status/1","state":"offline","cause":"will","boot":"00112233445566778899aabbccddeeff","connection":1}"#
    #expect(body.contains(will))
    #expect(body.contains(DeliveryHarness.statusTopic))
    #expect(contains(connect.body, [0x18, 0, 0, 0, 30]), "will delay of 30 s")
    #expect(contains(connect.body, [0x11, 0, 0, 0, 60]), "session expiry of 60 s")
    // Will, will QoS 1, will retain; no clean start.
    #expect(connect.body[7] == 0b0010_1100)
  }

  @Test func `a client that takes over the id makes the broker publish the will, and the gateway says online again`()
    throws
  {
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port) { $0.broker.version = .three }
    try harness.start()
    #expect(harness.isConnected())
    let intruder = Process()
    intruder.executableURL = URL(fileURLWithPath: "/usr/bin/mosquitto_pub")
    intruder.arguments = [
      "-h", "127.0.0.1", "-p", "\(broker.port)", "-i", DeliveryHarness.gateway, "-t", "intruder", "-m", "x",
    ]
    try runChild(intruder)
    #expect(
      subscriber.received.wait { items in
        let states = items.filter { $0.topic == DeliveryHarness.statusTopic }.map(\.text)
        return states.count >= 3 && states[1].contains(#""cause":"will""#) && states[1].contains(#""connection":1"#)
          && states[2].contains(#""state":"online""#)
      })
    #expect(harness.service.statistics.protocolVersion == "3.1.1")
  }

  @Test func `a clean stop says offline, and within its time`() throws {
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port)
    try harness.start()
    #expect(harness.isConnected())
    harness.commit([harness.message("last")])
    #expect(harness.stop())
    #expect(subscriber.received.wait { $0.last?.text.contains(#""cause":"stop""#) == true })
    let texts = subscriber.received.all.map(\.text)
    #expect(texts.contains { $0.hasPrefix("last 1") }, "what was committed before the stop is delivered")
    #expect(!texts.contains { $0.contains("will") })
  }

  @Test func `a broker that never answers is named, and does not hold up the stop`() throws {
    let peer = ScriptedPeer()
    let harness = try DeliveryHarness(port: peer.port) { $0.timing.connectAnswerNanoseconds = 150_000_000 }
    try harness.start()
    harness.commit([harness.message("kept")])
    #expect(harness.lines.wait { $0.contains { $0.contains("no MQTT broker answers") } })
    #expect(peer.connections.wait { $0.count >= 3 })
    #expect(harness.lines.all.filter { $0.contains("no MQTT broker answers") }.count == 1, "said once, not each time")
    let begun = Date()
    #expect(harness.stop())
    #expect(Date().timeIntervalSince(begun) < 3)
    let rows = try LedgerReader(stateFolder: harness.folder.path + "/state").rows(limit: 10)
    #expect(rows.map(\.progress) == [.stored])
  }

  @Test(arguments: [
    (Array("HTTP/1.1 400 Bad Request\r\nContent-Length: 200\r\n\r\n".utf8) + [UInt8](repeating: 0x20, count: 200)),
    [0x40, 2, 0, 1], [0x30, 3, 0, 1, 65], [0xff, 0xff, 0xff, 0xff, 0xff, 1],
  ])
  func `a server that speaks something else is named`(greeting: [UInt8]) throws {
    let peer = ScriptedPeer(greeting: greeting)
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    #expect(harness.lines.wait { $0.contains { $0.contains("does not speak MQTT") } }, "\(harness.lines.all)")
    #expect(eventually { harness.service.statistics.lastError == "not_mqtt" })
  }

  @Test func `a web server that closes after its answer is named`() throws {
    let peer = ScriptedPeer { _, _ in nil }
    let answering = ScriptedPeer(greeting: Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)) { _, _ in nil }
    let closed = try DeliveryHarness(port: peer.port)
    try closed.start()
    #expect(eventually { closed.service.statistics.lastError == "closed" })
    let named = try DeliveryHarness(port: answering.port)
    try named.start()
    #expect(eventually { named.service.statistics.lastError == "not_mqtt" }, "\(named.lines.all)")
  }

  @Test func `a refused login is said once, and delivery begins when the login is right`() throws {
    let broker = try MosquittoBroker(extra: "password_file FOLDER/users", allowAnonymous: false)
    let passwords = Process()
    passwords.executableURL = URL(fileURLWithPath: "/usr/bin/mosquitto_passwd")
    passwords.arguments = ["-b", "-c", broker.path + "/users", "gateway", "right"]
    try runChild(passwords)
    #expect(eventually { FileManager.default.fileExists(atPath: broker.path + "/users") && !passwords.isRunning })
    try broker.start()
    let folder = try TemporaryFolder()
    let wrong = try DeliveryHarness(port: broker.port, folder: folder) {
      $0.broker.userName = "gateway"
      $0.broker.password = "wrong-secret"
    }
    try wrong.start()
    wrong.commit([wrong.message("A")])
    #expect(wrong.lines.wait { $0.contains { $0.contains("mqtt.username") || $0.contains("does not admit") } })
    #expect(eventually { wrong.service.statistics.connection >= 3 })
    #expect(wrong.lines.all.filter { $0.hasPrefix("warning") }.count == 1)
    #expect(!wrong.lines.all.contains { $0.contains("wrong-secret") })
    wrong.stop()
    let subscriber = try Subscriber(port: broker.port, login: ["-u", "gateway", "-P", "right"])
    let right = try DeliveryHarness(port: broker.port, folder: folder) {
      $0.broker.userName = "gateway"
      $0.broker.password = "right"
    }
    try right.start()
    #expect(subscriber.received.wait { $0.contains { $0.text.hasPrefix("A 1") } })
  }

  @Test(arguments: [[0x20, 3, 0, 0x84, 0] as [UInt8], [0x20, 2, 0, 1], nil])
  func `a broker that knows only 3.1.1 is spoken to in 3.1.1`(refusal: [UInt8]?) throws {
    let peer = ScriptedPeer { _, packet in
      packet.type == 1 && packet.level == 5 ? refusal : ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    harness.commit([harness.message("A")])
    #expect(harness.isDelivered())
    #expect(harness.service.statistics.protocolVersion == "3.1.1")
    #expect(peer.packets.all.filter { $0.packet.type == 1 }.map(\.packet.level).starts(with: [5, 4]))
  }

  @Test func `the broker's receive maximum bounds what is in flight`() throws {
    // CONNACK with a receive maximum of 3; nothing is acknowledged.
    let peer = ScriptedPeer { _, packet in packet.type == 1 ? [0x20, 6, 0, 0, 3, 0x21, 0, 3] : [] }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    #expect(harness.isConnected())
    for number in 0..<20 { harness.commit([harness.message("A\(number)")]) }
    #expect(eventually { harness.service.statistics.outbox == 20 && harness.service.statistics.inFlight == 3 })
    #expect(peer.packets.wait { $0.filter { $0.packet.type == 3 }.count == 3 })
  }

  @Test func `a message longer than the broker takes is kept, said, and holds up nothing else`() throws {
    // CONNACK with a maximum packet size of 300.
    let peer = ScriptedPeer { _, packet in
      packet.type == 1 ? [0x20, 8, 0, 0, 5, 0x27, 0, 0, 1, 44] : ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    #expect(harness.isConnected())
    harness.commit([harness.message("long", text: "long 1 " + String(repeating: "x", count: 400))])
    harness.commit([harness.message("short")])
    #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("short") } })
    #expect(eventually { harness.service.statistics.outbox == 1 })
    #expect(harness.lines.all.contains { $0.contains("refuses a message") })
    #expect(harness.service.statistics.alertStream.deliveredThrough == 0)
  }
}

private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
  bytes.indices.contains { bytes[$0...].starts(with: part) }
}
