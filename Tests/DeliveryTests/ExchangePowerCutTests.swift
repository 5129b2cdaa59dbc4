import Delivery
import FaultyDisk
import Testing

/// The power is cut while a damaged ledger is set aside and a new one begun in its place.
@Suite struct ExchangePowerCutTests {
  private static let path = LedgerOpener.path(in: LedgerCourse.folder)

  private static func opener(_ disk: FaultyDisk, wallMilliseconds: Int64 = 5) -> LedgerOpener {
    LedgerOpener(
      folder: LedgerCourse.folder, boot: "b", wallMilliseconds: wallMilliseconds, digest: quickDigest, disk: disk)
  }

  /// A ledger of undelivered alerts, one of whose pages was destroyed, with a log beside it.
  private func damaged() throws -> FaultyDisk {
    let disk = FaultyDisk()
    let ledger = try Self.opener(disk).open().ledger
    func alerts(_ rows: ClosedRange<Int64>) -> LedgerEntry {
      var entry = LedgerEntry()
      entry.records = [StateRecord(key: "book", value: [1, 2, 3])]
      for row in rows {
        let message = OutgoingMessage(
          stream: "alert", sequence: UInt64(row), id: "\(row)", revision: 1, topic: "t",
          draft: Array("alert \(row) \(String(repeating: "x", count: 700))".utf8), detectedNanoseconds: row)
        entry.messages.append(
          StoredMessage(row: row, root: row, message: message, boot: "b", createdMilliseconds: row))
      }
      return entry
    }
    try ledger.write(alerts(1...40))
    try ledger.checkpoint()
    try ledger.write(alerts(41...50))
    // As after a power cut: nobody closed it, its log is there.
    let left = disk.afterPowerCut(.nothingUnsynced)
    disk.end()
    let bytes = left.read(Self.path, limit: .max)
    let page = try #require(
      stride(from: 4_096, to: bytes.count, by: 4_096).first { start in
        let needle = Array("alert 20 x".utf8)
        return (start..<min(start + 4_000, bytes.count)).contains { bytes[$0...].starts(with: needle) }
      })
    left.damage(Self.path, at: page, with: [UInt8](repeating: 0xa5, count: 4_096))
    return left
  }

  private func waiting(_ ledger: Ledger) throws -> [String] {
    try ledger.outbox(limit: 1_000) { _, _ in true }.map(\.message.id).sorted()
  }

  /// Its log stays beside it as long as somebody reads it.
  @Test(arguments: [false, true])
  func `what goes on from a damaged ledger goes on after a power cut at any moment`(isRead: Bool) throws {
    let disk = try damaged()
    let reader = isRead ? try LedgerReader(path: Self.path, disk: disk) : nil
    let epoch = try LedgerReader(path: Self.path, disk: disk).verify(digest: quickDigest).epoch
    let history = disk.record()
    let (ledger, opening) = try Self.opener(disk).open()
    let expected = try waiting(ledger)
    #expect(expected.count > 40 && opening.setAside != nil && opening.previousEpoch == epoch)
    #expect(disk.names(in: LedgerCourse.folder).contains("ledger.sqlite.damaged-5-wal") == isRead)
    withExtendedLifetime(reader) { disk.end() }
    #expect(history.count > 30)
    var seen: Set<UInt64> = []
    for moment in 0...history.count {
      let stood = history.disk(after: moment)
      for seed in 0..<(PowerCutTests.isSoak ? 40 : isRead ? 3 : 2) {
        let cut: FaultyDisk.PowerCut =
          seed == 0 ? .nothingUnsynced : seed == 1 ? .everythingWritten : .torn(seed: UInt64(moment * 40 + seed))
        let left = stood.afterPowerCut(cut)
        guard seed == 2 || seen.insert(left.contentHash).inserted else { continue }
        let place: Comment = "\(cut) after \(moment) of \(history.count) changes"
        // Also when the power goes again while it is being opened.
        if seed == 2 { try? cutWhileOpening(left, seed: UInt64(moment)) }
        let (found, again) = try Self.opener(left, wallMilliseconds: 9).open()
        #expect(try waiting(found) == expected, place)
        #expect(again.records == [StateRecord(key: "book", value: [1, 2, 3])], place)
        #expect(again.previousEpoch == epoch, place)
        #expect(try LedgerReader(path: Self.path, disk: left).verify(digest: quickDigest).isWhole, place)
        // One damaged ledger is kept, with its log, and nothing half made.
        let asides = left.names(in: LedgerCourse.folder).filter { $0.contains("damaged") }
        #expect(asides.count { !$0.hasSuffix("-wal") } == 1, place)
        #expect(!left.names(in: LedgerCourse.folder).contains { $0.contains(".new") }, place)
      }
    }
  }

  private func cutWhileOpening(_ disk: FaultyDisk, seed: UInt64) throws {
    disk.fail(.write, after: Int(seed % 40))
    disk.fail(.rename, after: Int(seed % 3))
    defer { disk.heal() }
    _ = try Self.opener(disk, wallMilliseconds: 7).open()
  }
}
