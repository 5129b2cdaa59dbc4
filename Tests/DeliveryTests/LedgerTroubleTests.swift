import Delivery
import Foundation
import Testing

@Suite(.serialized) struct LedgerTroubleTests {
  @Test func `a sequence that does not continue its stream is refused, said and counted`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    harness.commit([harness.message("A")])
    var repeated = harness.message("B")
    repeated.sequence = 1
    harness.commit([repeated])
    let gap = harness.message("C")
    harness.commit([gap])
    #expect(harness.lines.wait { $0.filter { $0.hasPrefix("critical: Refused") }.count == 2 })
    #expect(harness.lines.all.contains { $0.contains("its sequence is 3 where 2 is next") })
    #expect(harness.lines.all.contains { $0.contains("its sequence is 1 but 1 was used already") })
    #expect(eventually { harness.service.statistics.refusedSequence == 2 })
    // One fault does not silence the stream.
    harness.commit([harness.message("D")])
    #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("D 1") } })
    harness.stop()
    let proof = try LedgerReader(stateFolder: harness.folder.path + "/state").verify(digest: testDigest)
    #expect(proof.streams.first?.missing == [2, 3])
    #expect(!proof.isWhole)
  }

  @Test func `an id and revision are taken once, also after a restart`() throws {
    let folder = try TemporaryFolder()
    let first = try DeliveryHarness(port: 1, folder: folder)
    try first.start()
    first.commit([first.message("A"), first.message("A", isSecondForm: true)])
    #expect(eventually { first.service.statistics.outbox == 2 })
    first.stop()
    let second = try DeliveryHarness(port: 1, folder: folder)
    try second.start()
    second.commit([second.message("A"), second.message("A", isSecondForm: true)])
    #expect(eventually { second.service.statistics.refusedSequence == 2 })
    #expect(second.service.statistics.outbox == 2)
  }

  @Test func `a lock ends with its owner, although a child that is being started has a copy of it`() throws {
    let folder = try TemporaryFolder()
    var first: FolderLock? = try FolderLock(folder: folder.path)
    #expect(first != nil)
    // What a fork does until the child's program begins.
    let number = try #require(
      (Int32(0)..<1024).first { number in
        let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
        return path == folder.path
      })
    let copy = dup(number)
    defer { close(copy) }
    #expect(throws: DeliveryError.self) { try FolderLock(folder: folder.path) }
    first = nil
    _ = try FolderLock(folder: folder.path)
  }

  @Test(.needsSmallFileSystem)
  func `while the disk is full, alerts go out from memory with bytes that stay, and are stored when there is room`()
    throws
  {
    let mount = try SmallFileSystem()
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port) { $0.stateFolder = mount.path + "/state" }
    try harness.start()
    harness.commit([harness.message("before")])
    #expect(harness.isDelivered())
    try mount.fill()
    for number in 1...8 {
      harness.commit([harness.message("A\(number)", text: "A\(number) 1 " + String(repeating: "x", count: 40_000))])
    }
    #expect(harness.lines.wait { $0.contains { $0.contains("Failed to write the ledger") } })
    #expect(
      subscriber.received.wait { items in (1...8).allSatisfy { n in items.contains { $0.text.hasPrefix("A\(n) 1") } } })
    #expect(eventually { harness.service.statistics.alertStream.deliveredThrough == 9 })
    guard case .failing = harness.service.statistics.ledger else {
      Issue.record("the statistics must say that the ledger fails")
      return
    }
    try mount.makeRoom()
    #expect(eventually { harness.service.statistics.ledger == .working && harness.service.statistics.unwritten == 0 })
    #expect(harness.lines.all.filter { $0.contains("Failed to write the ledger") }.count == 1)
    #expect(harness.lines.all.contains { $0.contains("can be written again") })
    #expect(harness.stop())
    let reader = try LedgerReader(stateFolder: mount.path + "/state")
    let proof = try reader.verify(digest: testDigest)
    #expect(proof.isWhole)
    #expect(proof.streams.first?.deliveredThrough == 9)
    let received = Dictionary(
      subscriber.received.all.filter { $0.topic == DeliveryHarness.alertTopic }.map { (words($0.text), $0.payload) },
      uniquingKeysWith: { first, second in
        #expect(first == second)
        return first
      })
    #expect(received.count == 9)
  }

  @Test(.needsSmallFileSystem)
  func `numbers that were sent from memory are never given again, although the process is killed on a full disk`()
    throws
  {
    let mount = try SmallFileSystem()
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port) { $0.stateFolder = mount.path + "/state" }
    try harness.start()
    harness.commit([harness.message("before")])
    #expect(harness.isDelivered())
    try mount.fill()
    let filler = String(repeating: "x", count: 40_000)
    for number in 1...8 { harness.commit([harness.message("A\(number)", text: "A\(number) 1 \(filler)")]) }
    let subject = "7f3a9c52e1b84d0f9a61c2d3"
    harness.commit([harness.message("N", stream: subject, text: "N 1 \(filler)")])
    #expect(
      subscriber.received.wait { items in
        (1...8).allSatisfy { n in items.contains { $0.text.hasPrefix("A\(n) 1") } }
          && items.contains { $0.text.hasPrefix("N 1") }
      })
    #expect(harness.service.statistics.ledger != .working)
    // What a killed process leaves behind is what its files hold at that moment.
    let left = try TemporaryFolder()
    try FileManager.default.copyItem(atPath: mount.path + "/state", toPath: left.path + "/state")
    let second = try DeliveryHarness(port: 1, folder: left)
    #expect(second.service.epoch.current == harness.service.epoch.current)
    #expect(second.service.lastSequences == ["alert": 9, subject: 1])
    #expect(second.lines.all.contains { $0.contains("sent the numbers 2 to 9 of the stream alert from memory") })
    #expect(!second.lines.all.contains { $0.contains(subject) })
    try second.start()
    second.commit([second.message("after")])
    #expect(eventually { second.service.statistics.outbox == 1 })
    #expect(second.service.statistics.refusedSequence == 0)
    second.stop()
    let proof = try LedgerReader(stateFolder: left.path + "/state").verify(digest: testDigest)
    #expect(proof.streams.map(\.stream) == ["alert", subject])
    #expect(proof.streams.map(\.unstored) == [[2...9], [1...1]])
    #expect(proof.streams.map(\.last) == [10, 1])
    #expect(proof.streams[0].missing == Array(2...9))
    #expect(!proof.isWhole)
    #expect(proof.chain?.breaks == [])
  }

  @Test func `a damaged ledger is set aside and a new one names its epoch`() throws {
    let folder = try TemporaryFolder()
    let first = try DeliveryHarness(port: 1, folder: folder)
    try first.start()
    first.commit((1...200).map { first.message("A\($0)") })
    #expect(eventually { first.service.statistics.outbox == 200 })
    let epoch = first.service.epoch.current
    #expect(first.service.epoch.previous == nil)
    first.stop()
    let path = folder.path + "/state/ledger.sqlite"
    let handle = try #require(FileHandle(forWritingAtPath: path))
    let size = try handle.seekToEnd()
    try handle.seek(toOffset: size / 2)
    handle.write(Data(repeating: 0xa5, count: Int(size / 4)))
    try handle.close()
    let second = try DeliveryHarness(port: 1, folder: folder)
    #expect(second.service.epoch.current != epoch)
    #expect(second.service.epoch.previous == epoch)
    #expect(second.service.lastSequences.isEmpty)
    #expect(second.lines.all.contains { $0.contains("set aside as ledger.sqlite.damaged-") })
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/state")
    #expect(names.contains { $0.hasPrefix("ledger.sqlite.damaged-") })
    #expect(second.service.wasSetAside)
    #expect(!first.service.wasSetAside)
  }

  @Test func `a file that is no database is set aside too`() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path + "/state", withIntermediateDirectories: true)
    try Data(repeating: 0x41, count: 5_000).write(to: URL(fileURLWithPath: folder.path + "/state/ledger.sqlite"))
    let harness = try DeliveryHarness(port: 1, folder: folder)
    #expect(harness.service.epoch.previous == nil)
    #expect(harness.service.epoch.current.count == 32)
  }

  @Test func `a second gateway on the same state folder is turned away with 75`() throws {
    let first = try DeliveryHarness(port: 1)
    let error = #expect(throws: DeliveryError.self) { try DeliveryHarness(port: 1, folder: first.folder) }
    #expect(error?.exitStatus == 75)
    #expect(error?.description.contains("another process uses it") == true)
  }

  @Test func `a state folder that is a file, or whose parent is missing, ends with 73 and says what to do`() throws {
    let folder = try TemporaryFolder()
    try Data().write(to: URL(fileURLWithPath: folder.path + "/state"))
    let asFile = #expect(throws: DeliveryError.self) { try DeliveryHarness(port: 1, folder: folder) }
    #expect(asFile?.exitStatus == 73)
    #expect(asFile?.description.contains("it is not a folder: name a folder in gateway.state") == true)
    let orphan = #expect(throws: DeliveryError.self) {
      try DeliveryHarness(port: 1) { $0.stateFolder = folder.path + "/nowhere/deep" }
    }
    #expect(orphan?.exitStatus == 73)
    #expect(orphan?.description.contains("create its parent folder") == true)
    let kernel = #expect(throws: DeliveryError.self) {
      try DeliveryHarness(port: 1) { $0.stateFolder = "/proc/mimamori" }
    }
    #expect(kernel != nil)
  }

  @Test func `the ledger is readable by its owner only`() throws {
    let harness = try DeliveryHarness(port: 1)
    try harness.start()
    harness.commit([harness.message("A")])
    #expect(eventually { harness.service.statistics.outbox == 1 })
    for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.memory"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: harness.folder.path + "/state/" + name)
      #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
    }
  }

  @Test func `the ledger is shown and verified while the gateway runs`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    let subject = "7f3a9c52e1b84d0f9a61c2d3"
    harness.commit([
      harness.message("A"), harness.message("A", isSecondForm: true), harness.message("N", stream: subject),
    ])
    #expect(harness.isDelivered())
    let reader = try LedgerReader(stateFolder: harness.folder.path + "/state")
    #expect(eventually { (try? reader.verify(digest: testDigest).streams.map(\.deliveredThrough)) == [1, 1] })
    let rows = try reader.rows(limit: 10)
    #expect(rows.map(\.stream) == ["alert", "alert", subject])
    #expect(rows.map(\.sequence) == [1, nil, 1])
    #expect(rows[2].topic == nil)
    #expect(rows[0].topic == DeliveryHarness.alertTopic)
    let proof = try reader.verify(digest: testDigest)
    #expect(proof.isWhole)
    #expect(proof.secondForms == 1)
    #expect(proof.epoch == harness.service.epoch.current)
    #expect(throws: DeliveryError.self) { try LedgerReader(stateFolder: "/nowhere") }
  }

  @Test func `a live alert costs one sync`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port)
    try harness.start()
    #expect(harness.isConnected())
    let before = harness.service.statistics.syncs
    for number in 1...20 {
      harness.commit([harness.message("A\(number)")], records: [StateRecord(key: "book", value: [UInt8(number)])])
      #expect(harness.isDelivered())
    }
    #expect(harness.service.statistics.syncs - before == 20)
  }
}

/// A file system of one megabyte, where only root can make one.
final class SmallFileSystem {
  private let folder: TemporaryFolder
  var path: String { folder.path + "/mount" }

  init() throws {
    folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path + "/mount", withIntermediateDirectories: true)
    try #require(unsafe mount("tmpfs", path, "tmpfs", 0, "size=1m") == 0, "only root can mount a file system")
  }

  func fill() throws {
    let handle = unsafe open(path + "/filler", O_WRONLY | O_CREAT, 0o600)
    defer { close(handle) }
    let block = [UInt8](repeating: 0, count: 4_096)
    while unsafe write(handle, block, block.count) == block.count {}
  }

  func makeRoom() throws {
    try FileManager.default.removeItem(atPath: path + "/filler")
  }

  func remount(isReadOnly: Bool) throws {
    let flags = UInt(MS_REMOUNT) | (isReadOnly ? UInt(MS_RDONLY) : 0)
    try #require(unsafe mount("tmpfs", path, "tmpfs", flags, "size=1m") == 0)
  }

  deinit {
    unsafe umount2(path, Int32(MNT_DETACH))
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips by name whoever is not root, except with `CI=true`: there the test fails.
  static var needsSmallFileSystem: Self {
    .enabled(
      if: geteuid() == 0 || ProcessInfo.processInfo.environment["CI"] == "true",
      "only root can mount a small file system")
  }
}
