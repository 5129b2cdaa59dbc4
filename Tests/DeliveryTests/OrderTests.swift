import Delivery
import Foundation
import Locks
import Testing

/// The revisions of one id are handed over in order, whatever the broker and the disk do meanwhile: seen at the broker's
/// end of the wire, where no broker's own order hides ours.
@Suite(.serialized) struct OrderTests {
  /// PUBACK with MQTT 5's reason 0x97, quota exceeded: another try may succeed.
  private static func refusing(_ packet: Packet) -> [UInt8] { [0x40, 3] + packet.identifier + [0x97] }

  /// The revisions of an id in the order in which they came over a connection, or over all.
  private static func revisions(of id: String, in peer: ScriptedPeer, connection: Int? = nil) -> [Int] {
    peer.packets.all.filter { connection == nil || $0.connection == connection }.compactMap { item in
      let parts = text(item.packet).split(separator: " ")
      return parts.count >= 2 && parts[0] == id ? Int(parts[1]) : nil
    }
  }

  @Test func `a revision is handed over when the one before it is acknowledged, and not before`() throws {
    // The first is answered only when another id's message has come.
    let held = Locked<[UInt8]>([])
    let peer = ScriptedPeer { _, packet in
      guard packet.type == 3 else { return ScriptedPeer.agreeable(packet) }
      if text(packet).hasPrefix("A 1") {
        held.withLock { $0 = ScriptedPeer.agreeable(packet) }
        return []
      }
      guard text(packet).hasPrefix("B") else { return ScriptedPeer.agreeable(packet) }
      return held.withLock { $0 } + ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    #expect(harness.isConnected())
    harness.commit((1...5).map { harness.message("A", revision: $0) })
    #expect(eventually { harness.service.statistics.outbox == 5 && harness.service.statistics.inFlight <= 2 })
    #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("A 1") } })
    #expect(OrderTests.revisions(of: "A", in: peer) == [1])
    harness.commit([harness.message("B")])
    #expect(harness.isDelivered())
    #expect(OrderTests.revisions(of: "A", in: peer) == [1, 2, 3, 4, 5])
  }

  @Test(arguments: [0x80, 0x83, 0x87, 0x97] as [UInt8])
  func `no revision is taken before one that was refused, although the broker would take it`(reason: UInt8) throws {
    let taken = Locked<[String]>([])
    let peer = ScriptedPeer { _, packet in
      guard packet.type == 3, text(packet).hasPrefix("A ") else { return ScriptedPeer.agreeable(packet) }
      return taken.withLock { taken in
        taken.append(String(text(packet).prefix(3)))
        // Revision 1 is refused three times; every other is taken at once.
        let isRefused = text(packet).hasPrefix("A 1") && taken.filter { $0 == "A 1" }.count <= 3
        return isRefused ? [0x40, 3] + packet.identifier + [reason] : ScriptedPeer.agreeable(packet)
      }
    }
    let harness = try DeliveryHarness(port: peer.port) { $0.timing.refusedRetryNanoseconds = 50_000_000 }
    try harness.start()
    #expect(harness.isConnected())
    harness.commit((1...4).map { harness.message("A", revision: $0) })
    harness.commit([harness.message("other")])
    #expect(harness.isDelivered())
    #expect(taken.withLock { $0 } == ["A 1", "A 1", "A 1", "A 1", "A 2", "A 3", "A 4"])
  }

  @Test func `a refused revision goes before those that wait for it, on the next connection too`() throws {
    let peer = ScriptedPeer { connection, packet in
      switch text(packet).prefix(3) {
      case "A 1" where connection == 1: OrderTests.refusing(packet)
      case "end" where connection == 1: nil
      default: ScriptedPeer.agreeable(packet)
      }
    }
    let harness = try DeliveryHarness(port: peer.port) { $0.timing.refusedRetryNanoseconds = 300_000_000 }
    try harness.start()
    #expect(harness.isConnected())
    harness.commit([harness.message("A", revision: 1), harness.message("A", revision: 2)])
    #expect(eventually { harness.service.statistics.refusedByBroker == 1 })
    harness.commit([harness.message("end")])
    #expect(harness.isDelivered())
    #expect(OrderTests.revisions(of: "A", in: peer, connection: 1) == [1])
    #expect(OrderTests.revisions(of: "A", in: peer, connection: 2) == [1, 2])
  }

  @Test func `a refused revision of the backlog holds back those that come after it, and no other id`() throws {
    let folder = try TemporaryFolder()
    do {
      let alone = try DeliveryHarness(port: 1, folder: folder)
      try alone.start()
      alone.commit((1...40).map { alone.message("A", revision: $0) } + (1...40).map { alone.message("B\($0)") })
      #expect(eventually { alone.service.statistics.outbox == 80 })
      #expect(alone.stop())
    }
    let isRefusing = Locked(true)
    let peer = ScriptedPeer { _, packet in
      guard text(packet).hasPrefix("A 1 "), isRefusing.withLock({ $0 }) else { return ScriptedPeer.agreeable(packet) }
      return OrderTests.refusing(packet)
    }
    let harness = try DeliveryHarness(port: peer.port, folder: folder) {
      $0.limits.backlogPerSecond = 0
      $0.timing.refusedRetryNanoseconds = 100_000_000
    }
    try harness.start()
    #expect(eventually { harness.service.statistics.outbox == 40 }, "every other id goes on")
    #expect(Set(OrderTests.revisions(of: "A", in: peer)) == [1])
    isRefusing.withLock { $0 = false }
    #expect(harness.isDelivered())
    let tries = OrderTests.revisions(of: "A", in: peer).filter { $0 == 1 }.count
    #expect(OrderTests.revisions(of: "A", in: peer) == Array(repeating: 1, count: tries) + Array(2...40))
  }

  @Test func `a broker that ends the connection with each message it refuses still gets all others`() throws {
    // As mosquitto 2.0 does: the refusal, and the end.
    let peer = ScriptedPeer { _, packet in
      let topic = PublishedMessage(packet)?.topic ?? ""
      guard topic.hasSuffix("/cap") || topic.hasSuffix("/place/gate") else { return ScriptedPeer.agreeable(packet) }
      return [0x40, 3] + packet.identifier + [0x87] + [0xE0, 2, 0x87, 0]
    }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    #expect(harness.isConnected())
    harness.commit(
      [],
      retained: [
        RetainedState(topic: "mimamori/282103/kakogawa-042/place/gate", payload: Array("x".utf8), urgency: .spread)
      ])
    for number in 1...10 {
      harness.commit([harness.message("A\(number)"), harness.message("A\(number)", isSecondForm: true)])
      #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("A\(number) 1") } })
    }
    #expect(eventually { harness.service.statistics.outbox == 10 && harness.service.statistics.isConnected })
    // Each refused message costs one connection at most, and the state another.
    let connections = peer.connections.all.count
    #expect(connections <= 12, "\(connections)")
    #expect(harness.service.statistics.alertStream.deliveredThrough == 10)
  }

  @Test(.needsSmallFileSystem)
  func `what is only in memory goes after what the full disk already holds of its id`() throws {
    let mount = try SmallFileSystem()
    let isOpen = Locked(false)
    let peer = ScriptedPeer { _, packet in
      packet.type != 1 || isOpen.withLock { $0 } ? ScriptedPeer.agreeable(packet) : nil
    }
    let harness = try DeliveryHarness(port: peer.port) { $0.stateFolder = mount.path + "/state" }
    try harness.start()
    harness.commit([harness.message("A", revision: 1)])
    #expect(eventually { harness.service.statistics.outbox == 1 && harness.service.statistics.unwritten == 0 })
    try mount.fill()
    for revision in 2...8 {
      let long = "A \(revision) " + String(repeating: "x", count: 40_000)
      harness.commit([harness.message("A", revision: revision, text: long)])
    }
    #expect(harness.lines.wait { $0.contains { $0.contains("Failed to write the ledger") } })
    isOpen.withLock { $0 = true }
    #expect(harness.isDelivered())
    #expect(OrderTests.revisions(of: "A", in: peer) == Array(1...8))
  }

  @Test(arguments: 1...12)
  func `no revision is handed over before an earlier one that the broker has not got`(seed: UInt64) throws {
    let wire = Locked(Wire(seed: seed))
    let peer = ScriptedPeer { connection, packet in
      guard packet.type == 3, text(packet).hasPrefix("id") else { return ScriptedPeer.agreeable(packet) }
      return wire.withLock { $0.answer(packet, on: connection) }
    }
    let harness = try DeliveryHarness(port: peer.port) {
      $0.limits.backlogPerSecond = 0
      $0.timing.longestBackOffNanoseconds = 20_000_000
      $0.timing.acknowledgmentNanoseconds = 300_000_000
      $0.timing.refusedRetryNanoseconds = 20_000_000
    }
    try harness.start()
    var chance = Chance(state: seed)
    var revisions = [Int](repeating: 0, count: 5)
    for _ in 0..<80 {
      harness.commit(
        (0..<Int.random(in: 1...6, using: &chance)).map { _ in
          let number = Int.random(in: 0..<revisions.count, using: &chance)
          revisions[number] += 1
          return harness.message("id\(number)", revision: revisions[number])
        })
      // Sometimes the sending keeps up with what is raised, and sometimes not.
      let seen = peer.packets.all.count
      peer.packets.wait(seconds: 0.02) { $0.count >= seen + Int.random(in: 0...4, using: &chance) }
    }
    #expect(harness.isDelivered())
    #expect(wire.withLock { $0.early } == [])
    #expect(wire.withLock { $0.untidy } == [])
    #expect(wire.withLock { $0.troubles } == Wire.mostTroubles)
  }
}

/// A broker that closes, refuses and keeps silent by chance, and writes down what came too early.
private struct Wire: Sendable {
  private struct Revision: Hashable {
    var id: Substring
    var number: Int
  }

  /// So many, and then it behaves: everything must get through in the end.
  static let mostTroubles = 40

  private(set) var troubles = 0
  /// What came before an earlier revision that was neither taken nor handed over on the same connection.
  private(set) var early: [String] = []
  /// What was taken although an earlier revision was not.
  private(set) var untidy: [String] = []
  private var chance: Chance
  private var taken: Set<Revision> = []
  private var handedOver: [Int: Set<Revision>] = [:]

  init(seed: UInt64) {
    chance = Chance(state: ~seed)
  }

  mutating func answer(_ packet: Packet, on connection: Int) -> [UInt8]? {
    let parts = text(packet).split(separator: " ")
    let revision = Revision(id: parts[0], number: Int(parts[1]) ?? 0)
    for number in 1..<max(1, revision.number) {
      let earlier = Revision(id: revision.id, number: number)
      guard !taken.contains(earlier), handedOver[connection]?.contains(earlier) != true else { continue }
      early.append("\(revision.id) \(revision.number) before \(number) on connection \(connection)")
    }
    handedOver[connection, default: []].insert(revision)
    if troubles < Wire.mostTroubles {
      troubles += 1
      switch Int.random(in: 0..<20, using: &chance) {
      case 0..<2: return nil
      case 2..<5: return [0x40, 3] + packet.identifier + [0x97]
      case 5..<6: return []
      default: troubles -= 1
      }
    }
    if (1..<max(1, revision.number)).contains(where: { !taken.contains(Revision(id: revision.id, number: $0)) }) {
      untidy.append("\(revision.id) \(revision.number)")
    }
    taken.insert(revision)
    return ScriptedPeer.agreeable(packet)
  }
}

/// SplitMix64: the same numbers for the same seed.
private struct Chance: RandomNumberGenerator, Sendable {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
