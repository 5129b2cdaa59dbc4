import Alerts
import Delivery
import Foundation
import Locks
import Observations
import Testing

/// What is decided of a message at its first hand-over, and never again.
@Suite(.serialized) struct HandOverTests {
  private static let boot = "00112233445566778899aabbccddeeff"
  /// 2026-11-21T15:02:20+09:00
  private static let afternoon = WallTime(milliseconds: 1_795_240_940_000)

  private static let formats = Formats(
    FormatContext(
      plan: StationPlan(
        gateway: DeliveryHarness.gateway,
        sensors: [SensorPlan(id: "river-1", name: "加古川 国包橋", quantity: .waterLevel)]),
      name: "国包 水位局", municipality: "282103", contact: nil, position: nil, zone: .fixed(seconds: 9 * 3600),
      zoneName: "Asia/Tokyo", languages: ["ja", "en"],
      cap: CAPIdentity(sender: "kakogawa-042@example.jp", scope: .unrestricted, restriction: nil),
      topics: Topics(root: "mimamori/282103", watchRoot: "watch", gateway: DeliveryHarness.gateway), version: "0",
      configurationSHA256: "", boot: boot, epoch: "e"))

  /// The board's clocks: the wall clock shows 1970 until it is set.
  private final class BoardClocks: Sendable {
    private let isSet = Locked(false)
    private let start = monotonicNanoseconds()

    func set() { isSet.withLock { $0 = true } }

    /// What the clocks show, or showed `secondsAgo`.
    func now(secondsAgo: Int64 = 0, isSet: Bool? = nil) -> Moment {
      let monotonic = monotonicNanoseconds() - secondsAgo * 1_000_000_000
      let isSet = isSet ?? self.isSet.withLock { $0 }
      let wall = isSet ? HandOverTests.afternoon.milliseconds + (monotonic - start) / 1_000_000 : monotonic / 1_000_000
      return Moment(
        monotonic: MonotonicTime(nanoseconds: monotonic), wall: WallTime(milliseconds: wall),
        clock: isSet ? .synchronized : .unsynchronized)
    }

    var freeze: @Sendable (HandedOver) -> [UInt8] {
      { [self] message in
        HandOverTests.formats.freeze(
          draft: message.draft, delayed: message.isDelayed, at: now(),
          made: message.detectedNanoseconds.map { MonotonicTime(nanoseconds: $0) }, earlier: message.earlier)
      }
    }

    var mayFreezeAhead: @Sendable () -> Bool { { [self] in now().clock != .unsynchronized } }
  }

  /// One message of an alert, in its forms.
  private static func messages(
    _ harness: DeliveryHarness, revision: Int, at detected: Moment, onset: Moment, earlier: [Moment] = []
  ) -> [OutgoingMessage] {
    let id = "\(DeliveryHarness.gateway)/01JDXYZ0123456789ABCDEFGHJ"
    let alert = Alert(
      id: id, revision: revision, message: revision == 1 ? .raise : .update, reason: revision == 1 ? nil : "value",
      mode: .actual, sequence: UInt64(revision), sensor: "river-1", name: "加古川 国包橋", kind: .waterLevel, level: 4,
      step: .danger, severity: .severe, urgency: .immediate, certainty: .observed, fault: nil, onset: onset,
      detected: detected, expires: detected.wall + .hours(2), observed: nil,
      references: ReferenceChain(
        earlier.enumerated().map { Alert.Reference(revision: $0.offset + 1, sent: $0.element.wall) }))
    var counted = harness.message("01JDXYZ0123456789ABCDEFGHJ", revision: revision)
    counted.draft = formats.alert(alert)
    var cap = harness.message("01JDXYZ0123456789ABCDEFGHJ", revision: revision, isSecondForm: true)
    cap.draft = formats.cap(alert) ?? []
    counted.detectedNanoseconds = detected.monotonic.nanoseconds
    cap.detectedNanoseconds = detected.monotonic.nanoseconds
    return [counted, cap]
  }

  private struct Wire: Decodable {
    var revision: Int
    var clock: String
    var detected: String
    var delayed: Bool
    var sequence: Int
  }

  private static func alerts(_ packets: [(connection: Int, packet: Packet)]) -> [Wire] {
    packets.compactMap { try? JSONDecoder().decode(Wire.self, from: Data(text($0.packet).utf8)) }
  }

  private static func element(_ name: String, _ document: String) -> String? {
    document.components(separatedBy: "<\(name)>").dropFirst().first?.components(separatedBy: "</\(name)>").first
  }

  private static func wall(_ text: String?) -> WallTime? { text.flatMap { WallTime(rfc3339: $0) } }

  @Test func `stored while the clock was wrong, a message goes out with right times, and again with the same bytes`()
    throws
  {
    let clocks = BoardClocks()
    // The first connection takes all and acknowledges nothing, and ends with the second message.
    let counter = Arrivals<Bool>()
    let peer = ScriptedPeer { connection, packet in
      guard connection == 1, packet.type == 3, text(packet).contains("01JDXYZ") else {
        return ScriptedPeer.agreeable(packet)
      }
      counter.add(true)
      return counter.all.count > 1 ? nil : []
    }
    let folder = try TemporaryFolder()
    let detected = clocks.now(secondsAgo: 200)
    do {
      let alone = try DeliveryHarness(
        port: freePort(), folder: folder, freeze: clocks.freeze, mayFreezeAhead: clocks.mayFreezeAhead)
      try alone.start()
      alone.commit(Self.messages(alone, revision: 1, at: detected, onset: clocks.now(secondsAgo: 220)))
      #expect(eventually { alone.service.statistics.outbox == 2 })
      #expect(alone.stop())
    }
    clocks.set()
    let harness = try DeliveryHarness(
      port: peer.port, folder: folder, freeze: clocks.freeze, mayFreezeAhead: clocks.mayFreezeAhead)
    try harness.start()
    #expect(harness.isDelivered())
    let published = peer.packets.all.filter { $0.packet.type == 3 && text($0.packet).contains("01JDXYZ") }
    let first = published.filter { $0.connection == 1 }.map { text($0.packet) }
    let again = published.filter { $0.connection > 1 }.map { text($0.packet) }
    #expect(first.count == 2 && Set(again) == Set(first))
    let alert = try #require(Self.alerts(peer.packets.all).first)
    let right = clocks.now(secondsAgo: 0)
    let expected = right.wall - (right.monotonic - detected.monotonic)
    let told = try #require(Self.wall(alert.detected))
    #expect(abs(told.milliseconds - expected.milliseconds) <= 5)
    #expect(alert.clock == "synchronized" && alert.delayed && alert.sequence == 1)
    let cap = try #require(first.first { $0.hasPrefix("<") })
    let sent = try #require(Self.wall(Self.element("sent", cap)))
    #expect((-5...1_005).contains(told.milliseconds - sent.milliseconds), "whole seconds")
    let ledger = try LedgerReader(stateFolder: folder.path + "/state")
    let stored = try ledger.bytes(id: "\(DeliveryHarness.gateway)/01JDXYZ0123456789ABCDEFGHJ", revision: 1)
    #expect(stored.map { String(decoding: $0, as: UTF8.self) } == first.first { $0.hasPrefix("{") })
    #expect(harness.stop())
    #expect(try ledger.verify(digest: testDigest).isWhole)
  }

  @Test func `what went out with a wrong time keeps it when the clock is set, also over a crash, and CAP names it so`()
    throws
  {
    let clocks = BoardClocks()
    // Takes the first revision and never acknowledges it.
    let peer = ScriptedPeer { _, packet in packet.type == 1 ? ScriptedPeer.accepting(packet) : [] }
    let first = try DeliveryHarness(port: peer.port, freeze: clocks.freeze, mayFreezeAhead: clocks.mayFreezeAhead)
    try first.start()
    #expect(first.isConnected())
    let raised = clocks.now()
    first.commit(Self.messages(first, revision: 1, at: raised, onset: raised))
    #expect(peer.packets.wait { $0.filter { text($0.packet).contains("01JDXYZ") }.count >= 2 })
    let sent = Set(peer.packets.all.map { text($0.packet) }.filter { $0.contains("01JDXYZ") })
    // This one waits for the acknowledgment of the first, and so is not handed over.
    let updated = clocks.now()
    first.commit(Self.messages(first, revision: 2, at: updated, onset: raised, earlier: [raised]))
    #expect(eventually { first.service.statistics.outbox == 4 })
    let copy = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: copy.path + "/state", withIntermediateDirectories: true)
    for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
      try FileManager.default.copyItem(
        atPath: first.folder.path + "/state/" + name, toPath: copy.path + "/state/" + name)
    }
    clocks.set()
    let agreeable = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let second = try DeliveryHarness(
      port: agreeable.port, folder: copy, freeze: clocks.freeze, mayFreezeAhead: clocks.mayFreezeAhead)
    try second.start()
    #expect(second.isDelivered())
    let arrived = agreeable.packets.all.map { text($0.packet) }.filter { $0.contains("01JDXYZ") }
    #expect(sent.count == 2 && sent.isSubset(of: arrived), "what was handed over once keeps its bytes")
    let alerts = Self.alerts(agreeable.packets.all)
    #expect(alerts.map(\.revision) == [1, 2] && alerts.map(\.clock) == ["unsynchronized", "synchronized"])
    #expect((Self.wall(alerts.last?.detected) ?? raised.wall) >= Self.afternoon - .seconds(1))
    let documents = arrived.filter { $0.hasPrefix("<") }
    let names = documents.last.flatMap { Self.element("references", $0) }
    #expect(names?.hasSuffix("," + (Self.element("sent", documents.first ?? "") ?? "?")) == true)
    #expect((Self.wall(Self.element("sent", documents.last ?? "")) ?? raised.wall) >= Self.afternoon - .seconds(1))
    #expect(first.stop() && second.stop())
  }

  @Test func `CAP names an earlier message by the time that it was corrected to`() throws {
    let clocks = BoardClocks()
    let folder = try TemporaryFolder()
    let raised = clocks.now(secondsAgo: 90)
    do {
      let alone = try DeliveryHarness(
        port: freePort(), folder: folder, freeze: clocks.freeze, mayFreezeAhead: clocks.mayFreezeAhead)
      try alone.start()
      alone.commit(Self.messages(alone, revision: 1, at: raised, onset: raised))
      alone.commit(
        Self.messages(alone, revision: 2, at: clocks.now(secondsAgo: 80), onset: raised, earlier: [raised]))
      #expect(eventually { alone.service.statistics.outbox == 4 })
      #expect(alone.stop())
    }
    clocks.set()
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(
      port: peer.port, folder: folder, freeze: clocks.freeze, mayFreezeAhead: clocks.mayFreezeAhead)
    try harness.start()
    #expect(harness.isDelivered())
    let documents = peer.packets.all.map { text($0.packet) }.filter { $0.hasPrefix("<") }
    #expect(documents.count == 2)
    let sent = try #require(documents.first.flatMap { Self.element("sent", $0) })
    #expect(sent.hasPrefix("2026-11-21T15:0"))
    #expect(documents.last.flatMap { Self.element("references", $0) }?.hasSuffix(",\(sent)") == true)
  }

  @Test func `what another boot left behind is handed over without a moment of this one`() throws {
    let folder = try TemporaryFolder()
    let told = Arrivals<HandedOver>()
    let runs: [(boot: String, port: Int?)] = [("another", freePort()), (Self.boot, nil)]
    for (boot, port) in runs {
      let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
      defer { withExtendedLifetime(peer) {} }
      let harness = try DeliveryHarness(
        port: port ?? peer.port, folder: folder, adjust: { $0.bootID = boot },
        freeze: {
          told.add($0)
          return $0.draft
        })
      try harness.start()
      harness.commit([harness.message("A-\(boot)")])
      #expect(port == nil ? harness.isDelivered() : eventually { harness.service.statistics.outbox == 1 })
      #expect(harness.stop())
    }
    #expect(told.all.count == 2)
    for message in told.all {
      let isOther = String(decoding: message.draft, as: UTF8.self).contains("another")
      #expect((message.detectedNanoseconds == nil) == isOther && (!isOther || message.isDelayed))
    }
  }

  @Test(arguments: [true, false]) func `what is late is frozen ahead of its hand-over only where no clock will be set`(
    mayFreezeAhead: Bool
  ) throws {
    let folder = try TemporaryFolder()
    do {
      let alone = try DeliveryHarness(port: freePort(), folder: folder)
      try alone.start()
      for number in 0..<60 { alone.commit([alone.message("A\(number)")]) }
      #expect(eventually { alone.service.statistics.outbox == 60 })
      #expect(alone.stop())
    }
    let frozen = Arrivals<Bool>()
    let peer = ScriptedPeer { _, packet in packet.type == 1 ? ScriptedPeer.accepting(packet) : [] }
    let harness = try DeliveryHarness(
      port: peer.port, folder: folder,
      adjust: {
        $0.timing.delayedNanoseconds = -1
        $0.limits.inFlight = 8
      },
      freeze: {
        frozen.add(true)
        return $0.draft
      }, mayFreezeAhead: { mayFreezeAhead })
    try harness.start()
    #expect(peer.packets.wait { $0.filter { text($0.packet).hasPrefix("A") }.count >= 6 })
    #expect((frozen.all.count > 8) == mayFreezeAhead)
    #expect(harness.stop())
  }

  @Test func `a state is corrected with each hand-over, and told when it was made`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(
      port: peer.port,
      correct: { payload, made in payload + Array(made.map { " made \($0)" }?.utf8 ?? " corrected".utf8) })
    try harness.start()
    var measure = harness.observation("river-1", "measure")
    (measure.topic, measure.isRetained, measure.madeNanoseconds) = ("json/river-1", false, 42)
    harness.commit([], retained: [harness.observation("river-1", "level"), measure])
    #expect(
      peer.packets.wait {
        let texts = $0.map { text($0.packet) }
        return texts.contains("level corrected") && texts.contains("measure made 42")
      })
    #expect(harness.stop())
  }
}
