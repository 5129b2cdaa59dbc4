import Delivery
import FaultyDisk
import Foundation
import Testing

/// The disk fails while names are looked for and exchanged.
@Suite struct ExchangeFaultTests {
  /// A disk on which a file cannot be looked for.
  private struct BlindDisk: StateDisk {
    let disk: FaultyDisk
    let unseen: String

    var databaseVFS: String? { disk.databaseVFS }
    var unlockedDatabaseVFS: String? { disk.unlockedDatabaseVFS }
    func hold(_ folder: String) throws(DeliveryError) -> any FolderHold { try disk.hold(folder) }
    func makePrivateFile(_ path: String) { disk.makePrivateFile(path) }
    func look(for path: String) -> Int32 { path == unseen ? EIO : disk.look(for: path) }
    func allowsWriting(_ path: String) -> Bool { disk.allowsWriting(path) }
    func bytes(of path: String) -> Int { disk.bytes(of: path) }
    func rename(_ path: String, to newPath: String) -> Int32 { disk.rename(path, to: newPath) }
    func remove(_ path: String) { disk.remove(path) }
    func names(in folder: String) -> [String] { disk.names(in: folder) }
    func sync(folder: String) -> Int32 { disk.sync(folder: folder) }
    func freeBytes(of folder: String) -> Int64? { disk.freeBytes(of: folder) }
    func read(_ path: String, limit: Int) -> [UInt8] { disk.read(path, limit: limit) }
    func reserve(_ path: String, bytes: Int) -> (any ReservedFile)? { disk.reserve(path, bytes: bytes) }
  }

  private static let folder = DeliveryHarness.stateFolder
  private static let path = LedgerOpener.path(in: folder)

  private func open(_ disk: any StateDisk) throws -> (ledger: Ledger, opening: Ledger.Opening) {
    try LedgerOpener(folder: Self.folder, boot: "b", wallMilliseconds: 5, digest: quickDigest, disk: disk).open()
  }

  private func ledger() throws -> (disk: FaultyDisk, epoch: String) {
    let disk = FaultyDisk()
    return (disk, try open(disk).opening.epoch)
  }

  private func put(_ name: String, on disk: FaultyDisk) throws {
    let file = try #require(disk.reserve(Self.folder + "/" + name, bytes: 16))
    #expect(file.write([UInt8](repeating: 7, count: 16), at: 0))
  }

  @Test(arguments: ["", "-wal", ".new"])
  func `a good ledger that cannot be looked for is not taken for one that was set aside`(suffix: String) throws {
    let (disk, epoch) = try ledger()
    try put("ledger.sqlite.new", on: disk)
    try put("ledger.sqlite.damaged-1", on: disk)
    let opening = try open(BlindDisk(disk: disk, unseen: Self.path + suffix)).opening
    #expect(opening.epoch == epoch && opening.setAside == nil)
    // What lies beside the ledger is only looked for when there is none.
    if suffix != "-wal" { #expect(opening.trouble?.contains("Failed to look for") == true) }
    let healed = try open(disk).opening
    #expect(healed.epoch == epoch && healed.setAside == nil && healed.trouble == nil)
    let names = disk.names(in: Self.folder)
    #expect(!names.contains("ledger.sqlite.new") && names.contains("ledger.sqlite.damaged-1"))
  }

  @Test func `a damaged ledger keeps its name while names do not reach the disk`() throws {
    let (disk, epoch) = try ledger()
    disk.damage(Self.path, at: 4_096, with: [UInt8](repeating: 0xa5, count: 4_096))
    // SQLite's own is the first of them.
    for synced in [1, 2] {
      disk.fail(.folderSync, after: synced)
      let opening = try open(disk).opening
      #expect(opening.trouble?.contains("Failed to bring the names") == true, "after \(synced)")
      #expect(opening.epoch != epoch)
      #expect(disk.names(in: Self.folder).contains("ledger.sqlite.damaged-5") == (synced > 1))
    }
    disk.heal()
    let opening = try open(disk).opening
    #expect(opening.epoch != epoch && opening.setAside?.contains("damaged-5") == true && opening.trouble == nil)
  }
}
