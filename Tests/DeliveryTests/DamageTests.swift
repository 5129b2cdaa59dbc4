import Delivery
import Foundation
import Testing

/// Damage that is met while the ledger is used, and the numbers of what was never stored.
@Suite(.serialized) struct DamageTests {
  private static let filler = String(repeating: "x", count: 700)

  /// A ledger of undelivered alerts, larger than what SQLite keeps in memory of it.
  private func fill(_ folder: TemporaryFolder, _ count: Int) throws {
    let alone = try DeliveryHarness(port: 1, folder: folder)
    try alone.start()
    for start in stride(from: 1, through: count, by: 100) {
      alone.commit((start..<start + 100).map { alone.message("A\($0)", text: "A\($0) 1 \(Self.filler)") })
    }
    alone.commit([], records: [StateRecord(key: "book", value: [1, 2, 3])])
    #expect(eventually { alone.service.statistics.outbox == count })
    #expect(alone.stop())
  }

  /// Overwrites, where they lie, pages that hold alerts of one hundred.
  private func damage(_ folder: TemporaryFolder, holding text: String) throws -> Int {
    let path = folder.path + "/state/ledger.sqlite"
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    var pages = 0
    for page in stride(from: 4_096, to: bytes.count, by: 4_096) {
      guard Data(bytes[page..<page + 4_096]).range(of: Data(text.utf8)) != nil else { continue }
      try handle.seek(toOffset: UInt64(page))
      handle.write(Data(repeating: 0xa5, count: 4_096))
      pages += 1
    }
    try handle.close()
    return pages
  }

  @Test func `a page that is found damaged in use costs its messages, and nothing else, without a restart`() throws {
    let folder = try TemporaryFolder()
    try fill(folder, 4_000)
    let broker = try MosquittoBroker()
    let harness = try DeliveryHarness(port: broker.port, folder: folder) {
      $0.limits.backlogPerSecond = 0
      $0.timing.ledgerRetryNanoseconds = 100_000_000
    }
    let epoch = harness.service.epoch
    try harness.start()
    harness.commit([harness.message("before")])
    #expect(eventually { harness.service.statistics.outbox == 4_001 })
    #expect(try damage(folder, holding: "A1000 1 ") == 1)
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    #expect(eventually(seconds: 60) { harness.service.statistics.timesSetAside == 1 })
    harness.commit([harness.message("after")])
    #expect(
      eventually(seconds: 60) { harness.service.statistics.outbox == 0 && harness.service.statistics.waiting == 0 })
    #expect(harness.service.statistics.ledger == .working)
    #expect(harness.service.statistics.refusedSequence == 0)
    #expect(harness.service.statistics.alertStream.last == 4_002)
    #expect(harness.service.statistics.alertStream.deliveredThrough == 4_002)
    #expect(harness.lines.all.contains { $0.contains("set aside as ledger.sqlite.damaged-") })
    // A page holds four or five of them, and the first behind the hole can be proven by nothing.
    #expect(subscriber.received.wait { $0.count { $0.topic == DeliveryHarness.alertTopic } >= 3_994 })
    #expect(subscriber.received.wait { $0.contains { words($0.text) == "after 1" } })
    let arrived = Set(
      subscriber.received.all.filter { $0.topic == DeliveryHarness.alertTopic }.map { words($0.text) })
    #expect((3_994..<4_002).contains(arrived.count), "\(arrived.count)")
    #expect(!arrived.contains("A1000 1") && arrived.contains("before 1"))
    #expect(harness.stop())

    // The numbers go on in the same epoch, and none is given twice.
    let next = try DeliveryHarness(port: 1, folder: folder)
    #expect(next.service.epoch == epoch && !next.service.wasSetAside)
    #expect(next.service.lastSequences == ["alert": 4_002])
    #expect(next.service.takeSavedRecords() == [StateRecord(key: "book", value: [1, 2, 3])])
    let proof = try LedgerReader(stateFolder: folder.path + "/state").verify(digest: testDigest)
    #expect(proof.isWhole)
    #expect(proof.streams.map(\.last) == [4_002])
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/state")
    #expect(names.contains { $0.hasPrefix("ledger.sqlite.damaged-") && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") })
  }

  @Test(.needsSmallFileSystem)
  func `numbers of messages that memory had no room for are known after a restart, without the mark too`() throws {
    let mount = try SmallFileSystem()
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port) {
      $0.stateFolder = mount.path + "/state"
      $0.limits.waitingMessages = 4
    }
    try harness.start()
    harness.commit([harness.message("before")])
    #expect(harness.isDelivered())
    try mount.fill()
    let subject = "7f3a9c52e1b84d0f9a61c2d3"
    for number in 1...12 {
      harness.commit([
        harness.message("A\(number)", stream: subject, text: "A\(number) 1 " + String(repeating: "x", count: 40_000))
      ])
      #expect(subscriber.received.wait { $0.contains { $0.text.hasPrefix("A\(number) 1") } })
    }
    #expect(eventually { harness.service.statistics.unwritten <= 4 && harness.service.statistics.outbox == 0 })
    try mount.makeRoom()
    #expect(eventually { harness.service.statistics.ledger == .working && harness.service.statistics.unwritten == 0 })
    harness.stop()
    let left = try TemporaryFolder()
    try FileManager.default.copyItem(atPath: mount.path + "/state", toPath: left.path + "/state")
    try FileManager.default.removeItem(atPath: left.path + "/state/ledger.memory")
    let second = try DeliveryHarness(port: 1, folder: left)
    #expect(second.service.lastSequences == ["alert": 1, subject: 12])
    let proof = try LedgerReader(stateFolder: left.path + "/state").verify(digest: testDigest)
    let person = try #require(proof.streams.first { $0.stream == subject })
    #expect(person.unstored.reduce(0) { $0 + $1.count } == person.missing.count && !person.missing.isEmpty)
  }

  @Test(.needsSmallFileSystem)
  func `numbers noted as never stored count, although the mark was written over since`() throws {
    let mount = try SmallFileSystem()
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port) { $0.stateFolder = mount.path + "/state" }
    try harness.start()
    harness.commit([harness.message("before")])
    #expect(harness.isDelivered())
    try mount.fill()
    for number in 1...3 {
      harness.commit([harness.message("A\(number)", text: "A\(number) 1 " + String(repeating: "x", count: 40_000))])
    }
    #expect(subscriber.received.wait { items in items.contains { $0.text.hasPrefix("A3 1") } })
    let left = try TemporaryFolder()
    try FileManager.default.copyItem(atPath: mount.path + "/state", toPath: left.path + "/state")
    // A planted fault: without the mark the numbers would be given again. This is what the mark is for.
    let planted = try TemporaryFolder()
    try FileManager.default.copyItem(atPath: left.path + "/state", toPath: planted.path + "/state")
    try FileManager.default.removeItem(atPath: planted.path + "/state/ledger.memory")
    #expect(try DeliveryHarness(port: 1, folder: planted).service.lastSequences == ["alert": 1])

    let second = try DeliveryHarness(port: 1, folder: left)
    #expect(second.service.lastSequences == ["alert": 4])
    try second.start()
    #expect(second.stop())
    // It is in the ledger now; the mark may say something else.
    try Data("\(second.service.epoch.current)\nalert 2\n\n".utf8).write(
      to: URL(filePath: left.path + "/state/ledger.memory"))
    #expect(try DeliveryHarness(port: 1, folder: left).service.lastSequences == ["alert": 4])
  }
}
