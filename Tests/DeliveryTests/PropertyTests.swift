import Delivery
import Foundation
import Locks
import Testing

/// What MQTT 5 tells beside the payload, seen at the broker's end of the wire.
@Suite(.serialized) struct PropertyTests {
  private static let observation = "mimamori/282103/kakogawa-042/observation/river-1"

  /// CONNACK, accepting, with these properties.
  private static func accepting(_ properties: [UInt8]) -> [UInt8] {
    [0x20, UInt8(3 + properties.count), 0, 0, UInt8(properties.count)] + properties
  }

  private static func messages(_ peer: ScriptedPeer, on topic: String, connection: Int? = nil) -> [PublishedMessage] {
    peer.packets.all.filter { connection == nil || $0.connection == connection }.compactMap {
      PublishedMessage($0.packet)
    }.filter { $0.topic == topic }
  }

  @Test func `an alert says its schema, id, revision and format, and never expires`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    #expect(harness.isConnected())
    let json = #"{"schema":"mimamori.alert/1","id":"kakogawa-042/A"}"#
    harness.commit([
      harness.message("A", revision: 1, text: json),
      harness.message(
        "A", revision: 1, isSecondForm: true, text: #"<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">"#),
      harness.message("B", stream: "7f3a9c52e1b84d0f9a61c2d3", text: #"{"schema":"mimamori.notice/1"}"#),
    ])
    #expect(harness.isDelivered())
    let alert = try #require(Self.messages(peer, on: DeliveryHarness.alertTopic).first)
    #expect(alert.payloadFormat == 1)
    #expect(alert.user == ["schema": "mimamori.alert/1", "id": "kakogawa-042/A", "revision": "1"])
    #expect(alert.expirySeconds == nil && alert.alias == nil && !alert.isRetained)
    let cap = try #require(Self.messages(peer, on: "mimamori/282103/kakogawa-042/cap").first)
    #expect(cap.user["schema"] == "urn:oasis:names:tc:emergency:cap:1.2" && cap.expirySeconds == nil)
    let notice = try #require(
      Self.messages(peer, on: "mimamori-watch/282103/7f3a9c52e1b84d0f9a61c2d3/kakogawa-042").first)
    #expect(notice.user["schema"] == "mimamori.notice/1" && notice.expirySeconds == nil)
  }

  @Test func `a state that expires says how long it is good, and one that does not says nothing`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    #expect(harness.isConnected())
    harness.commit(
      [],
      retained: [
        RetainedState(topic: Self.observation, payload: Array("1".utf8), urgency: .spread, expirySeconds: 1_800),
        RetainedState(topic: "mimamori/282103/kakogawa-042/active", payload: Array("2".utf8), urgency: .atOnce),
        RetainedState(topic: "mimamori/282103/kakogawa-042/place/old", payload: [], urgency: .spread),
      ])
    #expect(peer.packets.wait { $0.filter { $0.packet.type == 3 }.count >= 4 })
    let observation = try #require(Self.messages(peer, on: Self.observation).first)
    #expect((1_798...1_800).contains(observation.expirySeconds ?? 0) && observation.isRetained)
    let active = try #require(Self.messages(peer, on: "mimamori/282103/kakogawa-042/active").first)
    #expect(active.expirySeconds == nil && active.payloadFormat == 1)
    let cleared = try #require(Self.messages(peer, on: "mimamori/282103/kakogawa-042/place/old").first)
    #expect(cleared.payloadFormat == nil && cleared.payload.isEmpty, "what clears has no format")
  }

  @Test func `a number stands for a repeated topic once the broker has acknowledged its meaning`() throws {
    let peer = ScriptedPeer { _, packet in
      packet.type == 1 ? PropertyTests.accepting([0x22, 0, 1]) : ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    #expect(harness.isConnected())
    let other = "mimamori/282103/kakogawa-042/observation/river-2"
    for number in 1...3 {
      for topic in [Self.observation, other] {
        harness.commit(
          [],
          retained: [
            RetainedState(topic: topic, payload: Array("\(number)".utf8), urgency: .spread, expirySeconds: 600)
          ])
      }
      #expect(peer.packets.wait { $0.filter { text($0.packet) == "\(number)" }.count == 2 })
      #expect(eventually { harness.service.statistics.inFlight == 0 })
    }
    harness.commit([harness.message("A")])
    #expect(harness.isDelivered())
    let written = peer.packets.all.compactMap { PublishedMessage($0.packet) }
    #expect(Self.messages(peer, on: Self.observation).map(\.alias) == [1], "written out once, with its number")
    #expect(written.filter { $0.topic.isEmpty }.map(\.alias) == [1, 1])
    #expect(Self.messages(peer, on: other).map(\.alias) == [nil, nil, nil], "the broker lets one topic have a number")
    #expect(Self.messages(peer, on: DeliveryHarness.alertTopic).map(\.alias) == [nil], "an alert is always written out")
  }

  @Test func `a broker that does not know a number gets every topic written out from then on`() throws {
    let peer = ScriptedPeer { connection, packet in
      if packet.type == 1 { return PropertyTests.accepting([0x22, 0, 10]) }
      // DISCONNECT, topic alias invalid.
      if connection == 1, PublishedMessage(packet)?.topic.isEmpty == true { return [0xE0, 2, 0x94, 0] }
      return ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    for number in 1...4 {
      harness.commit(
        [],
        retained: [
          RetainedState(topic: Self.observation, payload: Array("\(number)".utf8), urgency: .spread, expirySeconds: 600)
        ])
      #expect(peer.packets.wait { $0.contains { text($0.packet) == "\(number)" } })
      #expect(eventually { harness.service.statistics.inFlight == 0 && harness.service.statistics.isConnected })
    }
    #expect(peer.packets.wait { $0.contains { $0.connection == 2 && text($0.packet) == "4" } })
    let second = peer.packets.all.filter { $0.connection == 2 }.compactMap { PublishedMessage($0.packet) }
    #expect(second.allSatisfy { !$0.topic.isEmpty && $0.alias == nil })
  }

  @Test func `a real broker understands numbers and properties`() throws {
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port)
    try harness.start()
    #expect(harness.isConnected())
    let topics = (1...14).map { "mimamori/282103/kakogawa-042/observation/river-\($0)" }
    for round in 1...4 {
      harness.commit(
        [],
        retained: topics.map {
          RetainedState(topic: $0, payload: Array("\($0) \(round)".utf8), urgency: .spread, expirySeconds: 600)
        })
      #expect(subscriber.received.wait { $0.filter { $0.text.hasSuffix(" \(round)") }.count == topics.count })
    }
    let observations = subscriber.received.all.filter { $0.topic.contains("/observation/") }
    #expect(observations.allSatisfy { $0.text.hasPrefix($0.topic + " ") }, "each under its own topic")
    #expect(harness.service.statistics.reconnects == 0)
  }

  @Test func `3.1.1 carries the same bytes and no properties`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port) { $0.broker.version = .three }
    try harness.start()
    harness.commit([harness.message("A")])
    #expect(harness.isDelivered())
    let alert = try #require(Self.messages(peer, on: DeliveryHarness.alertTopic).first)
    #expect(alert.payload == Array("A 1 prompt".utf8) && alert.user.isEmpty && alert.payloadFormat == nil)
  }

  @Test func `the broker's keep-alive is obeyed`() throws {
    let peer = ScriptedPeer { _, packet in
      packet.type == 1 ? PropertyTests.accepting([0x13, 0, 1]) : ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    #expect(peer.packets.wait(seconds: 6) { $0.filter { $0.packet.type == 12 }.count >= 3 }, "PINGREQ each second")
    #expect(harness.service.statistics.reconnects == 0)
  }

  @Test(arguments: [true, false])
  func `a broker of which nothing comes is given up within one and a half keep-alive periods`(isTold: Bool) throws {
    let period = isTold ? 2.0 : 5
    // It takes everything and answers nothing but the first CONNECT.
    let peer = ScriptedPeer { connection, packet in
      if connection > 1 { return ScriptedPeer.agreeable(packet) }
      return packet.type == 1 ? PropertyTests.accepting(isTold ? [0x13, 0, 2] : []) : []
    }
    let harness = try DeliveryHarness(port: peer.port) { $0.keepAliveSeconds = isTold ? 60 : 5 }
    try harness.start()
    #expect(harness.isConnected())
    let begun = Date()
    harness.commit([harness.message("A")])
    #expect(eventually { harness.service.statistics.lastError == "silent" })
    let waited = Date().timeIntervalSince(begun)
    #expect(waited <= 1.5 * period, "\(waited) s")
    #expect(harness.isDelivered(), "on the next connection")
    #expect(Self.messages(peer, on: DeliveryHarness.alertTopic).count == 2)
  }

  @Test func `a message longer than the broker takes is said once, not tried again, and goes with a larger limit`()
    throws
  {
    let limit = Locked<UInt8>(1)
    let peer = ScriptedPeer { _, packet in
      packet.type == 1
        ? PropertyTests.accepting([0x27, 0, 0, limit.withLock { $0 }, 0x90]) : ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port) { $0.timing.refusedRetryNanoseconds = 5_000_000 }
    try harness.start()
    #expect(harness.isConnected())
    harness.commit([harness.message("long", text: "long 1 " + String(repeating: "x", count: 500))])
    for number in 1...20 {
      harness.commit([harness.message("short\(number)")])
      #expect(eventually { harness.service.statistics.outbox == 1 })
    }
    #expect(harness.service.statistics.refusedByBroker == 1, "not tried again on this connection")
    #expect(harness.service.statistics.lastRefusal == "too_large")
    #expect(harness.lines.all.filter { $0.contains("more than the broker takes, which is 400 bytes") }.count == 1)
    limit.withLock { $0 = 8 }
    harness.service.stop(within: 3_000_000_000)
    let next = try DeliveryHarness(port: peer.port, folder: harness.folder)
    try next.start()
    #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("long 1") } })
  }
}
