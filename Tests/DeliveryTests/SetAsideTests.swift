import Foundation
import Testing

@testable import Delivery

/// Ledgers of which some pages are damaged.
@Suite struct SetAsideTests {
  /// A stopped ledger of `count` undelivered alerts, with a record of the station's memory and observations.
  private func make(_ folder: TemporaryFolder, count: Int = 200) throws -> String {
    let ledger = try LedgerOpener(folder: folder.path, boot: "b", wallMilliseconds: 0, digest: testDigest).open().ledger
    var entry = LedgerEntry()
    entry.records = [StateRecord(key: "book", value: [1, 2, 3])]
    for row in Int64(1)...Int64(count) {
      entry.messages.append(
        StoredMessage(
          row: row, root: row,
          message: OutgoingMessage(
            stream: "alert", sequence: UInt64(row), id: "\(row)", revision: 1, topic: "t",
            draft: Array("alert \(row) \(String(repeating: "x", count: 700))".utf8), detectedNanoseconds: row),
          boot: "b", createdMilliseconds: row))
      entry.observations.append(
        ObservationRecord(
          wallMilliseconds: row, sensor: "river-1", quantity: "water_level", thousandths: row, count: nil, fault: nil,
          clock: "synchronized"))
    }
    try ledger.write(entry)
    try ledger.save("connection", .integer(41), durable: true)
    try ledger.checkpoint()
    return LedgerOpener.path(in: folder.path)
  }

  /// Overwrites the whole pages that hold `text`.
  private func damage(_ path: String, pagesWith text: String) throws {
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let needle = Array(text.utf8)
    var isFound = false
    for page in stride(from: 4_096, to: bytes.count, by: 4_096) {
      let range = page..<min(page + 4_096, bytes.count)
      guard Data(bytes[range]).range(of: Data(needle)) != nil else { continue }
      isFound = true
      bytes.replaceSubrange(range, with: repeatElement(0xa5, count: range.count))
    }
    try #require(isFound)
    try Data(bytes).write(to: URL(filePath: path))
  }

  @Test func `what a damaged ledger remembers and has not delivered goes on in the new one`() throws {
    let folder = try TemporaryFolder()
    let path = try make(folder)
    try damage(path, pagesWith: "alert 100 x")
    let (ledger, opening) = try LedgerOpener(folder: folder.path, boot: "b", wallMilliseconds: 5, digest: testDigest)
      .open()
    #expect(opening.setAside?.contains("set aside as ledger.sqlite.damaged-5") == true)
    #expect(opening.records == [StateRecord(key: "book", value: [1, 2, 3])])
    #expect(opening.savedBoot == "b" && opening.connectionNumber == 41)
    #expect(opening.streams.isEmpty)
    let waiting = try ledger.outbox(limit: 1_000) { _, _ in true }
    #expect(waiting.count == opening.outboxRows && waiting.count == opening.rows)
    // A page holds four or five of them, and the first behind the hole can be proven by nothing.
    #expect((190...197).contains(waiting.count), "\(waiting.count)")
    #expect(
      waiting.allSatisfy { $0.message.sequence == nil && $0.message.stream == "alert" && $0.message.form == .counted })
    #expect(waiting.allSatisfy { $0.message.draft.starts(with: "alert \($0.message.id) x".utf8) })
    #expect(Set(waiting.map(\.message.id)).isDisjoint(with: ["100"]))
    #expect(Set(waiting.map(\.message.id)).isSuperset(of: ["1", "90", "110", "200"]))
    let proof = try LedgerReader(stateFolder: folder.path).verify(digest: testDigest)
    #expect(proof.isWhole)
    #expect(proof.secondForms == waiting.count)
  }

  @Test func `what was changed in a damaged ledger is not sent`() throws {
    let folder = try TemporaryFolder()
    let path = try make(folder)
    try SQLiteDatabase(path: path, mode: .readWrite).execute(
      "UPDATE messages SET bytes = 'forged' WHERE row = 7; PRAGMA wal_checkpoint(TRUNCATE)")
    try damage(path, pagesWith: "alert 100 x")
    let (ledger, _) = try LedgerOpener(folder: folder.path, boot: "b", wallMilliseconds: 5, digest: testDigest).open()
    let waiting = try ledger.outbox(limit: 1_000) { _, _ in true }
    #expect(waiting.count > 180)
    #expect(!waiting.contains { $0.message.id == "7" || $0.message.draft == Array("forged".utf8) })
  }

  @Test func `what is readable of one that was set aside is shown, proven and exported`() throws {
    let folder = try TemporaryFolder()
    try damage(try make(folder), pagesWith: "alert 100 x")
    _ = try LedgerOpener(folder: folder.path, boot: "b", wallMilliseconds: 5, digest: testDigest).open()
    let path = try #require(LedgerReader.setAside(in: folder.path).first)
    let reader = try LedgerReader(path: path)
    let rows = try reader.rows(limit: 1_000)
    #expect(reader.damageFound != nil)
    #expect((191...198).contains(rows.count), "\(rows.count)")
    #expect(rows.map(\.row) == rows.map(\.row).sorted())
    #expect(rows.first?.row == 1 && rows.last?.row == 200 && !rows.contains { $0.row == 100 })
    #expect(try reader.rows(limit: 3).map(\.row) == [198, 199, 200])
    #expect(try LedgerReader(path: path).rows(limit: 3).map(\.row) == [198, 199, 200])
    let proof = try reader.verify(digest: testDigest)
    #expect(!proof.isWhole)
    #expect(!proof.damage.isEmpty)
    #expect(proof.epoch.count == 32)
    #expect(try reader.observations(in: .min ..< .max, limit: 1_000).count == 200)
  }

  @Test func `damaged pages of observations are gone around, page by page`() throws {
    let folder = try TemporaryFolder()
    let path = try make(folder, count: 2_000)
    // The observations lie on pages of their own; the quantity's word is found on each.
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let pages = stride(from: 4_096, to: bytes.count, by: 4_096).filter {
      Data(bytes[$0..<$0 + 4_096]).range(of: Data("water_level".utf8)) != nil
    }
    try #require(pages.count > 5)
    bytes.replaceSubrange(pages[2]..<pages[2] + 4_096, with: repeatElement(0xa5, count: 4_096))
    try Data(bytes).write(to: URL(filePath: path))
    let reader = try LedgerReader(path: path)
    var rows: [Int64] = []
    while true {
      let page = try reader.observations(in: .min ..< .max, after: rows.last ?? 0, limit: 300)
      guard !page.isEmpty else { break }
      rows += page.map(\.row)
    }
    #expect(reader.damageFound != nil)
    #expect(rows == rows.sorted() && Set(rows).count == rows.count)
    #expect(rows.first == 1 && rows.last == 2_000)
    #expect((1_800..<2_000).contains(rows.count), "\(rows.count)")
  }

  @Test func `a file that is no database at all is said to be none`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/x"
    try Data(repeating: 0x41, count: 5_000).write(to: URL(filePath: path))
    #expect(throws: DeliveryError.self) { try LedgerReader(path: path).rows(limit: 1) }
  }
}
