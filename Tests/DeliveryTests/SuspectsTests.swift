import Delivery
import Locks
import Testing

/// A broker that ends the connection over a message, and gives no answer to it: that message waits, and no other.
@Suite(.serialized) struct SuspectsTests {
  /// The end, or DISCONNECT with a reason and the end.
  static let endings: [UInt8?] = [nil, 0x87, 0x90, 0x95, 0x97]

  private static func topic(_ packet: Packet) -> String { PublishedMessage(packet)?.topic ?? "" }

  private func count(_ start: String, in peer: ScriptedPeer) -> Int {
    peer.packets.all.filter { $0.packet.type == 3 && text($0.packet).hasPrefix(start) }.count
  }

  @Test(arguments: SuspectsTests.endings)
  func `a message that ends each connection holds back its own id, and only for a time`(reason: UInt8?) throws {
    let isWell = Locked(false)
    let ended = Locked<Set<Int>>([])
    let peer = ScriptedPeer { connection, packet in
      guard !ended.withLock({ $0.contains(connection) }) else { return nil }
      guard packet.type == 3, text(packet).hasPrefix("A 1"), !isWell.withLock({ $0 }) else {
        return ScriptedPeer.agreeable(packet)
      }
      ended.withLock { _ = $0.insert(connection) }
      return reason.map { [0xE0, 2, $0, 0] }
    }
    let harness = try DeliveryHarness(port: peer.port) { $0.timing.refusedRetryNanoseconds = 1_500_000_000 }
    harness.commit([harness.message("A"), harness.message("A", revision: 2)])
    try harness.start()
    #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("A 1") } })
    harness.commit([harness.message("B")])
    #expect(
      eventually(seconds: 20) {
        harness.service.statistics.acknowledged == 1 && harness.service.statistics.isConnected
      },
      "\(harness.lines.all)")
    #expect(count("B 1", in: peer) >= 1 && count("A 2", in: peer) == 0)
    // It is tried again, and costs one connection then.
    let tries = count("A 1", in: peer)
    let connections = peer.connections.all.count
    #expect(connections == 4 && tries == 3, "\(connections) \(tries)")
    #expect(eventually { count("A 1", in: peer) == tries + 1 && peer.connections.all.count == connections + 1 })
    #expect(harness.lines.all.filter { $0.contains("does not say why") }.count == 1, "\(harness.lines.all)")
    #expect(harness.lines.all.contains { $0.contains("does not say why") && $0.contains("kakogawa-042/A") })
    isWell.withLock { $0 = true }
    #expect(harness.isDelivered())
    let heard = peer.packets.all.map { text($0.packet) }.filter { $0.hasPrefix("A") }.map { String($0.prefix(3)) }
    #expect(heard.last == "A 2" && heard.dropLast().allSatisfy { $0 == "A 1" })
  }

  @Test func `each of many such messages costs one connection`() throws {
    let peer = ScriptedPeer { _, packet in
      SuspectsTests.topic(packet).hasSuffix("/cap") && packet.type == 3 ? nil : ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port)
    harness.commit(
      (1...6).flatMap { [harness.message("A\($0)", isSecondForm: true), harness.message("A\($0)")] }
        + [harness.message("B")])
    try harness.start()
    #expect(
      eventually(seconds: 30) { harness.service.statistics.outbox == 6 && harness.service.statistics.isConnected })
    #expect(count("B 1", in: peer) >= 1)
    #expect(peer.connections.all.count <= 9, "three for the first, and one for each other")
    #expect(harness.service.statistics.alertStream.deliveredThrough == 7)
  }

  @Test(arguments: ["status", "active", "place/gate", "reply/x"])
  func `a state or an answer that ends each connection keeps no alert back`(end: String) throws {
    let peer = ScriptedPeer { _, packet in
      packet.type == 3 && SuspectsTests.topic(packet).hasSuffix(end) ? nil : ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port)
    let root = "mimamori/282103/kakogawa-042/"
    var batch = DeliveryBatch()
    batch.retained = [
      RetainedState(topic: root + "active", payload: Array("active".utf8), urgency: .atOnce),
      RetainedState(topic: root + "place/gate", payload: Array("x".utf8), urgency: .spread),
    ]
    if end == "reply/x" { batch.answers = [Answer(topic: root + end, payload: Array("x".utf8), correlationData: nil)] }
    harness.service.commit(batch)
    try harness.start()
    #expect(eventually { peer.connections.all.count >= 2 })
    harness.commit([harness.message("A"), harness.message("B")])
    #expect(harness.isDelivered(), "\(harness.lines.all)")
    #expect(eventually { peer.connections.all.count >= 4 && harness.service.statistics.isConnected })
    harness.commit([harness.message("C")])
    #expect(harness.isDelivered())
    #expect(peer.connections.all.count <= 5)
  }

  @Test func `short connections by chance lose nothing`() throws {
    let peer = ScriptedPeer { connection, packet in
      packet.type == 3 && connection <= 3 ? nil : ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port) { $0.timing.refusedRetryNanoseconds = 200_000_000 }
    harness.commit((1...3).flatMap { [harness.message("A", revision: $0), harness.message("B\($0)")] })
    try harness.start()
    #expect(harness.isDelivered())
    #expect(peer.connections.all.count == 4)
  }

  // MARK: By itself

  private let short: Int64 = 1_000_000_000
  private let long: Int64 = 60_000_000_000

  private func ending(_ suspects: [Suspects.Suspect?], broker: Int = 0, lasted: Int64, isExplained: Bool = false)
    -> Suspects.Ending
  {
    Suspects.Ending(broker: broker, lastedNanoseconds: lasted, inFlight: suspects, isExplained: isExplained)
  }

  @Test func `only short endings in succession with something in flight, or over the same, arouse suspicion`() {
    func blamed(_ endings: [Suspects.Ending]) -> Int? {
      var suspects = Suspects()
      var found: Int?
      for ending in endings { found = suspects.ended(ending) }
      return found
    }
    let a = Suspects.Suspect.message(root: 1)
    let b = Suspects.Suspect.message(root: 2)
    let hit = ending([a], lasted: short)
    #expect(blamed([hit, hit]) == nil)
    #expect(blamed([hit, hit, hit]) == 0)
    #expect(blamed([hit, hit, ending([], lasted: short), hit]) == nil)
    #expect(blamed([hit, hit, ending([b], lasted: long), hit]) == nil)
    #expect(blamed([hit, hit, ending([a], lasted: short, isExplained: true)]) == nil)
    #expect(blamed(Array(repeating: ending([a, b], lasted: long), count: 4)) == 0)
    #expect(blamed([hit, hit, ending([nil, a], lasted: short)]) == nil)
  }

  @Test func `what was held back goes one at a time, when the rest has gone, and the longest held first`() {
    var suspects = Suspects()
    let a = Suspects.Suspect.message(root: 1)
    let b = Suspects.Suspect.message(root: 2)
    suspects.hold(a, broker: 0, until: 60_000_000_000)
    suspects.hold(b, broker: 0, until: 61_000_000_000)
    func next(_ at: Int64, isIdle: Bool = true, broker: Int = 0) -> Suspects.Suspect? {
      let trial = Suspects.Trial(broker: broker, acceptedAt: 59_000_000_000, isIdle: isIdle)
      return suspects.next(on: trial, now: at, isUnderWay: { _ in true })
    }
    #expect(next(59_999_999_999) == nil)
    #expect(next(61_000_000_000, broker: 1) == nil, "another broker may take it")
    #expect(next(68_999_999_999, isIdle: false) == nil)
    #expect(next(69_000_000_000, isIdle: false) == a)
    #expect(next(69_000_000_000) == nil, "one at a time")
    // The connection ends with it: it alone is held back, although the other stands before it.
    let blamed = suspects.ended(ending([.message(root: 3), a], lasted: long))
    #expect(blamed == 1)
    suspects.hold(a, broker: 0, until: 129_000_000_000)
    #expect(next(70_000_000_000) == b)
    suspects.acquit(b, broker: 0)
    #expect(next(128_999_999_999) == nil && next(129_000_000_000) == a)
    suspects.acquit(a, broker: 0)
    #expect(suspects.suspects(broker: 0) == [])
  }

  @Test func `a state waits for a connection that lasts, but not for ever`() {
    var suspects = Suspects()
    suspects.hold(.status, broker: 0, until: 60_000_000_000)
    func due(_ acceptedAt: Int64) -> Int64? {
      suspects.nextNanoseconds(on: Suspects.Trial(broker: 0, acceptedAt: acceptedAt, isIdle: true))
    }
    #expect(due(20_000_000_000) == 60_000_000_000)
    #expect(due(59_000_000_000) == 69_000_000_000)
    #expect(due(400_000_000_000) == 360_000_000_000)
  }
}
