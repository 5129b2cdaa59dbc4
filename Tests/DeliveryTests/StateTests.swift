import Delivery
import Foundation
import Testing

@Suite(.serialized) struct StateTests {
  private func state(_ topic: String, _ text: String, _ urgency: RetainedState.Urgency = .spread) -> RetainedState {
    RetainedState(topic: "mimamori/282103/kakogawa-042/" + topic, payload: Array(text.utf8), urgency: urgency)
  }

  @Test func `after each connect come status, active and then the rest, newest of each topic only`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port)
    harness.commit([harness.message("A")])
    for (topic, text) in [("info", "old"), ("output/siren", "off"), ("info", "new")] {
      harness.service.retain(state(topic, text))
    }
    harness.service.retain(state("active", "none", .atOnce))
    try harness.start()
    #expect(peer.packets.wait { $0.filter { $0.packet.type == 3 }.count >= 5 })
    let publishes = peer.packets.all.map(\.packet).filter { $0.type == 3 }
    #expect(publishes.map(topic).prefix(3) == ["status", "active", "alert"])
    #expect(Set(publishes.map(topic).dropFirst(3)) == ["info", "output/siren"])
    #expect(publishes.first { topic($0) == "info" }.map(text) == "new")
    #expect(publishes.map { $0.head & 1 == 1 } == [true, true, false, true, true])
    #expect(publishes.allSatisfy { $0.head >> 1 & 3 == 1 }, "QoS 1")
  }

  @Test func `a state that changes while connected goes out at once, and an empty one clears`() throws {
    let broker = try MosquittoBroker()
    try broker.start()
    let harness = try DeliveryHarness(port: broker.port)
    try harness.start()
    #expect(harness.isConnected())
    let subscriber = try Subscriber(port: broker.port)
    harness.service.retain(state("place/school", "watching"))
    #expect(subscriber.received.wait { $0.contains { $0.text == "watching" } })
    harness.service.retain(state("place/school", "blind"))
    #expect(subscriber.received.wait { $0.last?.text == "blind" })
    harness.service.retain(state("place/school", ""))
    #expect(subscriber.received.wait { $0.last?.payload == [] })
    #expect(eventually { harness.service.statistics.retainedTopics == 0 })
    let late = try Subscriber(port: broker.port)
    #expect(late.received.wait { $0.contains { $0.topic == DeliveryHarness.statusTopic } })
    #expect(!late.received.all.contains { $0.topic.hasSuffix("place/school") })
  }

  @Test func `a person's head follows the stream, retained, and no topic of a person is logged`() throws {
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port)
    try harness.start()
    let subject = "7f3a9c52e1b84d0f9a61c2d3"
    for number in 1...5 { harness.commit([harness.message("N\(number)", stream: subject)]) }
    let topic = "mimamori-watch/282103/\(subject)/kakogawa-042/head"
    #expect(subscriber.received.wait { $0.last { $0.topic == topic }?.text == "5/5" })
    harness.skip(1, of: subject)
    harness.commit([harness.message("N7", stream: subject)])
    #expect(harness.lines.wait { $0.contains { $0.hasPrefix("critical") } })
    #expect(!harness.lines.all.contains { $0.contains(subject) })
    let late = try Subscriber(port: broker.port)
    #expect(late.received.wait { $0.contains { $0.topic == topic && $0.isRetained } })
  }

  @Test func `too many topics are dropped and counted`() throws {
    let harness = try DeliveryHarness(port: 1) { $0.limits.retainedTopics = 3 }
    try harness.start()
    for number in 0..<5 { harness.service.retain(state("observation/\(number)", "1")) }
    #expect(eventually { harness.service.statistics.droppedStates == 2 })
    #expect(harness.lines.wait { $0.contains { $0.contains("Dropped messages") } })
  }

  private func topic(_ packet: Packet) -> String {
    let length = Int(packet.body[0]) << 8 | Int(packet.body[1])
    let topic = String(decoding: packet.body[2..<(2 + length)], as: UTF8.self)
    return topic.replacingOccurrences(of: "mimamori/282103/kakogawa-042/", with: "")
  }
}
