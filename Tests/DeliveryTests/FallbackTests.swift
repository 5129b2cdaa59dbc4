import Delivery
import Foundation
import Locks
import Testing

/// Two brokers: the first whenever it answers, the fallback while it does not.
@Suite(.serialized) struct FallbackTests {
  private func harness(first: Int, fallback: Int, adjust: (inout DeliverySettings) -> Void = { _ in }) throws
    -> DeliveryHarness
  {
    try DeliveryHarness(port: first) {
      $0.fallback = .init(host: "127.0.0.1", port: fallback)
      $0.timing.returnNanoseconds = 100_000_000
      adjust(&$0)
    }
  }

  /// The newest status that a broker keeps.
  private func keptStatus(_ port: Int) throws -> String {
    let subscriber = try Subscriber(port: port, filter: DeliveryHarness.statusTopic)
    subscriber.received.wait { !$0.isEmpty }
    return subscriber.received.all.first?.text ?? ""
  }

  @Test func `the fallback is used while the first is away, and each broker keeps the right status`() throws {
    let first = try MosquittoBroker()
    let fallback = try MosquittoBroker()
    try fallback.start()
    let harness = try harness(first: first.port, fallback: fallback.port)
    try harness.start()
    #expect(harness.isConnected())
    #expect(harness.service.statistics.broker == 1)
    harness.commit([harness.message("A")])
    #expect(harness.isDelivered())
    #expect(try keptStatus(fallback.port).contains(#""state":"online""#))
    try first.start()
    #expect(eventually { harness.service.statistics.broker == 0 && harness.service.statistics.isConnected })
    harness.commit([harness.message("B")])
    #expect(harness.isDelivered())
    let left = try keptStatus(fallback.port)
    #expect(left.contains(#""state":"offline","cause":"moved""#), "\(left)")
    let used = try keptStatus(first.port)
    #expect(used.contains(#""state":"online""#), "\(used)")
    #expect(harness.lines.all.filter { $0.contains("broker=first") && $0.contains("Connected") }.count == 1)
    first.stop()
    #expect(eventually { harness.service.statistics.broker == 1 && harness.service.statistics.isConnected })
    #expect(try keptStatus(fallback.port).contains(#""state":"online""#))
  }

  @Test func `nothing is lost while the brokers come and go, and each id stays in order`() throws {
    let brokers = [try MosquittoBroker(), try MosquittoBroker()]
    // Optimised code would let go of them, and so end them, after their last use.
    defer { for broker in brokers { broker.stop() } }
    for broker in brokers { try broker.start() }
    let subscribers = try brokers.map { try Subscriber(port: $0.port) }
    let harness = try harness(first: brokers[0].port, fallback: brokers[1].port) {
      $0.limits.backlogPerSecond = 0
    }
    try harness.start()
    var revision = 0
    for round in 0..<6 {
      for _ in 0..<20 {
        revision += 1
        harness.commit((0..<5).map { harness.message("id\($0)", revision: revision) })
        usleep(2_000)
      }
      if round % 2 == 0 { brokers[0].stop() } else { try brokers[0].start() }
    }
    // Each revision waits for the one before it, and for the disk.
    #expect(
      eventually(seconds: 90) { harness.service.statistics.outbox == 0 && harness.service.statistics.waiting == 0 },
      "\(harness.service.statistics)\n\(harness.lines.all.suffix(12).joined(separator: "\n"))")
    let expected = Set((1...revision).flatMap { number in (0..<5).map { "id\($0) \(number)" } })
    func heard() -> Set<String> {
      Set(
        subscribers.flatMap { $0.received.all }.filter { $0.topic == DeliveryHarness.alertTopic }.map { words($0.text) }
      )
    }
    #expect(eventually { heard().isSuperset(of: expected) }, "missing: \(expected.subtracting(heard()).prefix(5))")
    // No broker hears a revision after a later one, but again.
    for subscriber in subscribers {
      var newest: [Substring: Int] = [:]
      var seen: Set<String> = []
      for item in subscriber.received.all where item.topic == DeliveryHarness.alertTopic {
        let parts = item.text.split(separator: " ")
        guard seen.insert(words(item.text)).inserted, let number = Int(parts[1]) else { continue }
        #expect(number > newest[parts[0], default: 0])
        newest[parts[0]] = number
      }
    }
    // In the bytes of one (id, revision) both brokers agree.
    var bytes: [String: [UInt8]] = [:]
    for item in subscribers.flatMap({ $0.received.all }) where item.topic == DeliveryHarness.alertTopic {
      let name = words(item.text)
      #expect(bytes[name] == nil || bytes[name] == item.payload)
      bytes[name] = item.payload
    }
  }

  @Test func `a first broker that answers but does not admit is not returned to`() throws {
    let isAdmitting = Locked(false)
    let first = ScriptedPeer { _, packet in
      guard packet.type == 1 else { return ScriptedPeer.agreeable(packet) }
      return isAdmitting.withLock { $0 } ? ScriptedPeer.accepting(packet) : [0x20, 3, 0, 0x87, 0]
    }
    let fallback = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try harness(first: first.port, fallback: fallback.port)
    try harness.start()
    #expect(eventually { harness.service.statistics.broker == 1 && harness.service.statistics.isConnected })
    #expect(first.connections.wait { $0.count >= 5 }, "it is tried again and again")
    #expect(fallback.connections.all.count == 1 && harness.service.statistics.isConnected)
    harness.commit([harness.message("A")])
    #expect(harness.isDelivered())
    isAdmitting.withLock { $0 = true }
    #expect(eventually { harness.service.statistics.broker == 0 && harness.service.statistics.isConnected })
    harness.commit([harness.message("B")])
    #expect(harness.isDelivered())
    #expect(first.packets.all.contains { text($0.packet).hasPrefix("B 1") })
  }

  /// Accepted, and thrown out at once: quota exceeded, not authorized, session taken over.
  @Test(arguments: [0x97, 0x87, 0x8E] as [UInt8])
  func `a first broker that accepts and then drops is left, and returned to less and less often`(
    reason: UInt8
  ) throws {
    let isWell = Locked(false)
    let first = ScriptedPeer { _, packet in
      let isDropping = packet.type == 1 && !isWell.withLock { $0 }
      return isDropping ? ScriptedPeer.accepting(packet) + [0xE0, 2, reason, 0] : ScriptedPeer.agreeable(packet)
    }
    let fallback = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try harness(first: first.port, fallback: fallback.port) {
      $0.timing.returnNanoseconds = 200_000_000
    }
    harness.commit([harness.message("A")])
    try harness.start()
    #expect(harness.isDelivered(), "\(harness.lines.all)")
    #expect(first.connections.all.count <= 4 && harness.service.statistics.broker == 1)
    // Three lives, and a return each after 0.2, 0.4, 0.8 and 1.6 s, give or take a fifth.
    let begun = Date()
    #expect(first.connections.wait(seconds: 20) { $0.count >= 7 }, "\(harness.lines.all) \(harness.service.statistics)")
    #expect(Date().timeIntervalSince(begun) >= 0.8 * 2.5)
    harness.commit([harness.message("B")])
    #expect(harness.isDelivered())
    isWell.withLock { $0 = true }
    #expect(eventually { harness.service.statistics.broker == 0 && harness.service.statistics.isConnected })
    harness.commit([harness.message("C")])
    #expect(harness.isDelivered())
    #expect(first.packets.all.contains { text($0.packet).hasPrefix("C 1") })
  }

  @Test(arguments: [true, false])
  func `a message that the first broker drops on goes to the fallback, and none waits for it`(isTaken: Bool) throws {
    let answer: ScriptedPeer.Answer = { _, packet in
      packet.type == 3 && text(packet).hasPrefix("A 1") ? nil : ScriptedPeer.agreeable(packet)
    }
    let first = ScriptedPeer(answer: answer)
    let fallback = isTaken ? ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) } : ScriptedPeer(answer: answer)
    let harness = try harness(first: first.port, fallback: fallback.port) {
      $0.timing.returnNanoseconds = 60_000_000_000
    }
    harness.commit([harness.message("A"), harness.message("B")])
    try harness.start()
    func isDone(_ messages: Int) -> Bool {
      eventually(seconds: 20) {
        let statistics = harness.service.statistics
        return statistics.acknowledged == UInt64(isTaken ? messages : messages - 1) && statistics.isConnected
      }
    }
    #expect(isDone(2), "\(harness.lines.all)")
    #expect(fallback.packets.wait { $0.contains { text($0.packet).hasPrefix("A 1") } }, "it is tried there")
    harness.commit([harness.message("C")])
    #expect(isDone(3), "\(harness.lines.all)")
    #expect(first.connections.all.count <= 4 && fallback.connections.all.count <= 2)
  }

  @Test func `a first broker that hangs costs no more than the time for an answer`() throws {
    let first = ScriptedPeer()
    let fallback = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try harness(first: first.port, fallback: fallback.port) {
      $0.timing.connectAnswerNanoseconds = 300_000_000
    }
    let begun = Date()
    try harness.start()
    harness.commit([harness.message("A")])
    #expect(harness.isDelivered())
    #expect(Date().timeIntervalSince(begun) < 3)
    #expect(harness.service.statistics.reconnects == 0, "looking after the first does not disturb the fallback")
    #expect(first.connections.wait { $0.count >= 3 })
    #expect(harness.service.statistics.reconnects == 0)
  }

  @Test func `a stop ends within its time although the first broker is being looked after`() throws {
    let first = ScriptedPeer()
    let fallback = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try harness(first: first.port, fallback: fallback.port)
    harness.commit([])
    try harness.start()
    #expect(eventually { harness.service.statistics.broker == 1 && harness.service.statistics.isConnected })
    #expect(first.connections.wait { $0.count >= 2 })
    let begun = Date()
    #expect(harness.stop())
    #expect(Date().timeIntervalSince(begun) < 3)
    #expect(fallback.packets.all.contains { text($0.packet).contains(#""cause":"stop""#) })
  }

  @Test func `another client with the same id is told, and waited for longer and longer`() throws {
    let peer = ScriptedPeer { _, packet in
      // Accepted, and thrown out with the first message: DISCONNECT, session taken over.
      packet.type == 1 ? ScriptedPeer.accepting(packet) : [0xE0, 2, 0x8E, 0]
    }
    let harness = try DeliveryHarness(port: peer.port) {
      $0.timing.firstBackOffNanoseconds = 100_000_000
      $0.timing.longestBackOffNanoseconds = 10_000_000_000
    }
    let begun = Date()
    try harness.start()
    #expect(peer.connections.wait { $0.count >= 5 })
    // At least half of 0.1, 0.2, 0.4 and 0.8 s.
    #expect(Date().timeIntervalSince(begun) >= 0.75)
    #expect(eventually { harness.service.statistics.lastError == "taken_over" })
    #expect(harness.lines.all.contains { $0.contains("give every gateway an id of its own") })
  }
}
