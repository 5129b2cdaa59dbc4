import Delivery
import Foundation
import Testing

@Suite(.serialized) struct OutageTests {
  @Test func `every message arrives, with the same bytes each time and revisions in order, over broker restarts`()
    throws
  {
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port) { $0.limits.backlogPerSecond = 0 }
    try harness.start()
    #expect(harness.isConnected())
    var expected: Set<String> = []
    for round in 0..<4 {
      if round % 2 == 1 { broker.stop() }
      for number in 0..<40 {
        for revision in 1...3 {
          harness.commit([harness.message("A\(round)-\(number)", revision: revision)])
          expected.insert("A\(round)-\(number) \(revision)")
        }
        harness.commit([harness.message("N\(round)-\(number)", stream: "7f3a9c52e1b84d0f9a61c2d3")])
        expected.insert("N\(round)-\(number) 1")
      }
      if round % 2 == 1 { try broker.start() }
    }
    #expect(harness.isDelivered())
    #expect(subscriber.received.wait { expected.isSubset(of: Set($0.map { words($0.text) })) })
    expectSameBytesAndOrder(subscriber.received.all)
    #expect(harness.service.statistics.alertStream.deliveredThrough == 480)
    #expect(harness.service.statistics.reconnects >= 1)
    #expect(harness.stop())
    let proof = try LedgerReader(stateFolder: harness.folder.path + "/state").verify(digest: testDigest)
    #expect(proof.isWhole)
    #expect(proof.streams.map(\.last) == [480, 160])
    #expect(proof.streams.map(\.deliveredThrough) == [480, 160])
  }

  @Test func `what was in flight when the line broke is sent again with its frozen bytes`() throws {
    // The first connection acknowledges nothing and ends with the third message.
    let counter = Arrivals<Bool>()
    let peer = ScriptedPeer { connection, packet in
      if connection == 1, packet.type == 3 {
        counter.add(true)
        return counter.all.count > 3 ? nil : []
      }
      return ScriptedPeer.agreeable(packet)
    }
    let calls = Arrivals<Bool>()
    let harness = try DeliveryHarness(
      port: peer.port,
      freeze: {
        calls.add(true)
        return $0.draft + Array(" frozen \(calls.all.count)".utf8)
      })
    try harness.start()
    #expect(harness.isConnected())
    harness.commit(["A", "B", "C"].map { harness.message($0) })
    #expect(harness.isDelivered())
    let published = peer.packets.all.filter { $0.packet.type == 3 && text($0.packet).contains("frozen") }
    let again = published.filter { $0.connection > 1 }.map { text($0.packet) }
    let first = published.filter { $0.connection == 1 }.map { text($0.packet) }
    #expect(first == ["A 1 frozen 1", "B 1 frozen 2", "C 1 frozen 3"])
    #expect(again == first)
    #expect(calls.all.count == 3)
    #expect(harness.service.statistics.resent == 3)
  }

  @Test func `a broker that stops acknowledging gets a fresh connection and the messages again`() throws {
    let peer = ScriptedPeer { connection, packet in
      connection == 1 && packet.type == 3 ? [] : ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port) { $0.timing.acknowledgmentNanoseconds = 100_000_000 }
    try harness.start()
    harness.commit([harness.message("A")])
    #expect(harness.isDelivered())
    #expect(harness.lines.all.contains { $0.contains("has not acknowledged") })
    #expect(harness.service.statistics.lastError == "stuck")
  }

  @Test func `a live alert overtakes the paced backlog, and each id stays in order`() throws {
    let broker = try MosquittoBroker()
    let folder = try TemporaryFolder()
    do {
      let alone = try DeliveryHarness(port: broker.port, folder: folder)
      try alone.start()
      for number in 0..<150 { alone.commit([alone.message("old\(number)")]) }
      alone.commit([alone.message("held", revision: 1)])
      #expect(eventually { alone.service.statistics.outbox == 151 })
      #expect(alone.stop())
    }
    try broker.start()
    // Subscribed before the gateway can connect: a subscriber that comes later has not seen what was sent at once.
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port, folder: folder) { $0.limits.backlogPerSecond = 50 }
    try harness.start()
    #expect(harness.isConnected())
    harness.commit([harness.message("held", revision: 2), harness.message("live")])
    #expect(subscriber.received.wait { $0.contains { words($0.text) == "live 1" } })
    let outboxThen = harness.service.statistics.outbox
    #expect(outboxThen > 20, "the live alert must not wait for the backlog")
    #expect(harness.isDelivered())
    #expect(
      subscriber.received.wait {
        Set($0.filter { $0.topic == DeliveryHarness.alertTopic }.map(\.text)).count == 153
      })
    expectSameBytesAndOrder(subscriber.received.all)
  }

  @Test func `a copy of the ledger taken in mid-flight delivers the rest, with the same bytes`() throws {
    let peer = ScriptedPeer { _, packet in packet.type == 1 ? ScriptedPeer.accepting(packet) : [] }
    let first = try DeliveryHarness(port: peer.port)
    try first.start()
    #expect(first.isConnected())
    first.commit((1...30).map { first.message("A\($0)") }, records: [StateRecord(key: "book", value: [1, 2, 3])])
    #expect(peer.packets.wait { $0.filter { text($0.packet).contains("prompt") }.count >= 15 })
    let copy = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: copy.path + "/state", withIntermediateDirectories: true)
    for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
      try FileManager.default.copyItem(
        atPath: first.folder.path + "/state/" + name, toPath: copy.path + "/state/" + name)
    }
    let sent = Set(peer.packets.all.map { text($0.packet) }.filter { $0.contains("prompt") })

    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let second = try DeliveryHarness(port: broker.port, folder: copy) { $0.timing.delayedNanoseconds = -1 }
    #expect(second.service.lastSequences == ["alert": 30])
    #expect(second.service.takeSavedRecords() == [StateRecord(key: "book", value: [1, 2, 3])])
    #expect(second.service.epoch == first.service.epoch)
    try second.start()
    #expect(second.isDelivered())
    #expect(subscriber.received.wait { $0.filter { $0.topic == DeliveryHarness.alertTopic }.count >= 30 })
    let arrived = Set(subscriber.received.all.filter { $0.topic == DeliveryHarness.alertTopic }.map(\.text))
    #expect(Set(arrived.map(words)) == Set((1...30).map { "A\($0) 1" }))
    #expect(sent.isSubset(of: arrived), "frozen bytes must not change")
    #expect(arrived.contains { $0.hasSuffix("late") }, "what was never handed over is marked as delayed")
  }

  @Test func `numbers of connections rise over a restart within one boot and begin anew in the next`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let folder = try TemporaryFolder()
    var numbers: [UInt64] = []
    for boot in ["aa", "aa", "bb"] {
      let harness = try DeliveryHarness(port: peer.port, folder: folder) { $0.bootID = boot }
      try harness.start()
      #expect(harness.isConnected())
      numbers.append(harness.service.statistics.connection)
      #expect(harness.stop())
    }
    #expect(numbers[0] == 1)
    #expect(numbers[1] > numbers[0])
    #expect(numbers[2] == 1)
  }
}

/// The id and revision of a test's message.
func words(_ text: String) -> String { text.split(separator: " ").prefix(2).joined(separator: " ") }

/// Each (id, revision) has one form of bytes, and revisions of one id first arrive in order.
func expectSameBytesAndOrder(_ received: [Received]) {
  var bytes: [String: [UInt8]] = [:]
  var revisions: [String: Int] = [:]
  for item in received where item.topic == DeliveryHarness.alertTopic {
    let name = words(item.text)
    if let earlier = bytes[name] {
      #expect(earlier == item.payload, "\(name) arrived with other bytes")
      continue
    }
    bytes[name] = item.payload
    let parts = name.split(separator: " ")
    let revision = Int(parts[1]) ?? 0
    #expect(revision == revisions[String(parts[0]), default: 0] + 1, "\(name) is out of order")
    revisions[String(parts[0])] = revision
  }
}
