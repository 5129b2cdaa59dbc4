import Delivery
import FaultyDisk
import Foundation
import Testing

/// A gateway that starts while its disk is full, read-only or dead watches all the same.
@Suite(.serialized) struct StartWithoutDiskTests {
  enum Trouble: String, CaseIterable, CustomTestStringConvertible {
    case full, readOnly

    var testDescription: String { rawValue }

    func befall(_ disk: FaultyDisk) {
      switch self {
      case .full: disk.limit(bytes: disk.usedBytes)
      case .readOnly: disk.makeReadOnly()
      }
    }
  }

  /// How the run before ended: with a log beside the ledger, or without.
  enum Ending: String, CaseIterable, CustomTestStringConvertible {
    case stopped, powerCut

    var testDescription: String { rawValue }
  }

  private static let path = LedgerOpener.path(in: DeliveryHarness.stateFolder)

  /// What a run leaves that was told of two alerts and reached no broker.
  private func leave(_ ending: Ending) throws -> (disk: FaultyDisk, epoch: String) {
    let disk = FaultyDisk()
    let harness = try DeliveryHarness(port: 1, disk: disk)
    try harness.start()
    harness.commit(
      [harness.message("before"), harness.message("other")],
      records: [
        StateRecord(key: "book", value: [1]), StateRecord(key: "gateway/command/city/7", value: [2]),
      ])
    #expect(eventually { harness.service.statistics.outbox == 2 && harness.service.statistics.unwritten == 0 })
    let cut = disk.afterPowerCut(.everythingWritten)
    #expect(harness.stop())
    return (ending == .stopped ? disk.copy() : cut, harness.service.epoch.current)
  }

  private func proof(_ disk: FaultyDisk) throws -> LedgerProof {
    try LedgerReader(path: Self.path, disk: disk).verify(digest: testDigest)
  }

  @Test(arguments: Trouble.allCases, Ending.allCases)
  func `what the ledger holds is known, alerts go out from memory, and all is stored when the disk has healed`(
    trouble: Trouble, ending: Ending
  ) throws {
    let (disk, epoch) = try leave(ending)
    trouble.befall(disk)
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port, disk: disk) { $0.bootID = String(repeating: "ab", count: 16) }
    #expect(!harness.service.isWithoutPast && !harness.service.wasSetAside)
    #expect(harness.service.epoch.current == epoch)
    #expect(harness.service.lastSequences == ["alert": 2])
    #expect(harness.service.takeSavedRecords().map(\.key) == ["book", "gateway/command/city/7"])
    try harness.start()
    harness.commit([harness.message("now")])
    for words in ["now 1", "before 1", "other 1"] {
      #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix(words) } }, "\(words)")
    }
    #expect(eventually { harness.service.statistics.ledger != .working })
    #expect(harness.lines.all.contains { $0.hasPrefix("critical: Failed to") })
    disk.heal()
    #expect(eventually { harness.service.statistics.ledger == .working && harness.service.statistics.unwritten == 0 })
    #expect(harness.isDelivered())
    // What it was opened with does not stay: the next failure is one of a ledger like any other.
    harness.commit([harness.message("after")])
    #expect(harness.isDelivered())
    #expect(harness.stop())
    let left = disk.afterPowerCut(.nothingUnsynced)
    let proof = try proof(left)
    #expect(proof.isWhole && proof.epoch == epoch)
    #expect(proof.streams.map(\.messages) == [4])
    let second = try DeliveryHarness(port: 1, disk: left) { $0.bootID = String(repeating: "ab", count: 16) }
    #expect(second.service.savedBoot == String(repeating: "ab", count: 16))
  }

  @Test(arguments: [false, true])
  func `numbers sent from memory are noted as soon as the disk has healed`(isDead: Bool) throws {
    let (disk, _) = try leave(.stopped)
    disk.remove(DeliveryHarness.stateFolder + "/ledger.memory")
    if isDead { disk.fail(.open) } else { disk.makeReadOnly() }
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port, disk: disk)
    try harness.start()
    harness.commit([harness.message("now")])
    if isDead {
      // Of an epoch in memory no number can be given again: none is noted.
      #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("now 1") } })
    } else {
      #expect(harness.lines.wait { $0.contains { $0.hasPrefix("critical: Failed to note which numbers") } })
    }
    disk.heal()
    #expect(eventually { harness.service.statistics.ledger == .working && harness.service.statistics.unwritten == 0 })
    disk.limit(bytes: disk.usedBytes)
    harness.commit([harness.message("later", text: "later 1 " + String(repeating: "x", count: 9_000))])
    #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("later 1") } })
    let left = disk.copy()
    left.heal()
    let next = try DeliveryHarness(port: 1, disk: left)
    #expect(next.service.lastSequences == ["alert": isDead ? 2 : 4])
    harness.stop()
  }

  @Test func `a ledger that cannot be opened at all is set aside when it can be, and what it held goes on`() throws {
    let (disk, epoch) = try leave(.stopped)
    disk.fail(.open)
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port, disk: disk)
    #expect(harness.service.isWithoutPast && !harness.service.wasSetAside)
    #expect(harness.service.epoch.current != epoch)
    #expect(harness.service.lastSequences == [:] && harness.service.takeSavedRecords() == [])
    #expect(harness.lines.all.contains { $0.contains("The gateway watches without what it knew") })
    try harness.start()
    harness.commit([harness.message("now")], records: [StateRecord(key: "floods", value: [3])])
    #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("now 1") } })
    #expect(!peer.packets.all.contains { text($0.packet).hasPrefix("before 1") })
    disk.heal()
    for words in ["before 1", "other 1"] {
      #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix(words) } }, "\(words)")
    }
    #expect(eventually { harness.service.statistics.outbox == 0 && harness.service.statistics.ledger == .working })
    #expect(harness.service.statistics.timesSetAside == 1)
    harness.commit([harness.message("after")])
    #expect(harness.isDelivered())
    #expect(harness.stop())
    let left = disk.afterPowerCut(.nothingUnsynced)
    #expect(left.names(in: DeliveryHarness.stateFolder).count { $0.hasPrefix("ledger.sqlite.damaged-") } == 1)
    let proof = try proof(left)
    #expect(proof.isWhole && proof.epoch == harness.service.epoch.current)
    #expect(proof.streams.map(\.last) == [2])
    let next = try DeliveryHarness(port: 1, disk: left)
    #expect(next.service.epoch.current == harness.service.epoch.current && next.service.epoch.previous == epoch)
    // The station of that run had a memory of its own.
    #expect(next.service.takeSavedRecords().map(\.key) == ["floods", "gateway/command/city/7"])
  }

  @Test(arguments: Trouble.allCases)
  func `where there never was a ledger, one is begun when the disk has healed`(trouble: Trouble) throws {
    let disk = FaultyDisk()
    trouble.befall(disk)
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port, disk: disk)
    #expect(harness.service.isWithoutPast)
    try harness.start()
    harness.commit([harness.message("now")])
    #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("now 1") } })
    #expect(harness.service.statistics.ledger != .working)
    disk.heal()
    #expect(eventually { harness.service.statistics.ledger == .working && harness.service.statistics.unwritten == 0 })
    #expect(harness.service.statistics.timesSetAside == 0)
    #expect(harness.stop())
    let left = disk.afterPowerCut(.nothingUnsynced)
    let proof = try proof(left)
    #expect(proof.isWhole && proof.epoch == harness.service.epoch.current && proof.streams.map(\.messages) == [1])
  }

  /// The names are exchanged in several steps, any of which may fail once more.
  @Test func `the disk may fail again wherever the ledger is exchanged`() throws {
    let (beginning, _) = try leave(.stopped)
    for renames in 0..<3 {
      for call in [FaultyDisk.Call.rename, .sync, .write] {
        let disk = beginning.copy()
        disk.fail(.open)
        let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
        let harness = try DeliveryHarness(port: peer.port, disk: disk)
        try harness.start()
        harness.commit([harness.message("now")])
        #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("now 1") } })
        disk.heal()
        disk.fail(call, after: renames, times: 2)
        #expect(eventually { harness.service.statistics.ledger == .working }, "\(call) \(renames)")
        #expect(eventually { harness.service.statistics.outbox == 0 }, "\(call) \(renames)")
        for words in ["before 1", "other 1"] {
          #expect(peer.packets.all.contains { text($0.packet).hasPrefix(words) }, "\(words), \(call) \(renames)")
        }
        #expect(harness.stop())
        #expect(try proof(disk).isWhole, "\(call) \(renames)")
      }
    }
  }

  @Test func `a ledger of a newer version is no fault of the disk`() throws {
    let (disk, _) = try leave(.stopped)
    let database = try SQLiteDatabase(path: Self.path, mode: .readWrite, disk: disk)
    try database.execute("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)")
    let error = #expect(throws: DeliveryError.self) { try DeliveryHarness(port: 1, disk: disk) }
    #expect(error?.exitStatus == 74)
    #expect(error?.description.contains("install that version again") == true)
  }

  @Test(.needsSmallFileSystem, arguments: Trouble.allCases, Ending.allCases)
  func `the same with the file systems of the operating system`(trouble: Trouble, ending: Ending) throws {
    let mount = try SmallFileSystem()
    let state = mount.path + "/state"
    let first = try DeliveryHarness(port: 1) { $0.stateFolder = state }
    try first.start()
    first.commit([first.message("before")])
    #expect(eventually { first.service.statistics.outbox == 1 && first.service.statistics.unwritten == 0 })
    let kept = try TemporaryFolder()
    if ending == .powerCut { try FileManager.default.copyItem(atPath: state, toPath: kept.path + "/state") }
    #expect(first.stop())
    if ending == .powerCut {
      try FileManager.default.removeItem(atPath: state)
      try FileManager.default.copyItem(atPath: kept.path + "/state", toPath: state)
      try FileManager.default.removeItem(atPath: state + "/ledger.sqlite-shm")
    }
    if trouble == .full { try mount.fill() } else { try mount.remount(isReadOnly: true) }
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let harness = try DeliveryHarness(port: peer.port) { $0.stateFolder = state }
    #expect(harness.service.epoch.current == first.service.epoch.current)
    #expect(harness.service.lastSequences == ["alert": 1])
    #expect(try LedgerReader(stateFolder: state).rows(limit: 5).count == 1)
    try harness.start()
    harness.commit([harness.message("now")])
    for words in ["now 1", "before 1"] {
      #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix(words) } }, "\(words)")
    }
    if trouble == .full { try mount.makeRoom() } else { try mount.remount(isReadOnly: false) }
    #expect(eventually { harness.service.statistics.ledger == .working && harness.service.statistics.unwritten == 0 })
    #expect(harness.isDelivered())
    #expect(harness.stop())
    let proof = try LedgerReader(stateFolder: state).verify(digest: testDigest)
    #expect(proof.isWhole && proof.streams.map(\.messages) == [2])
  }
}
