import Foundation
import Testing

@testable import Delivery

@Suite struct ChainTests {
  /// A ledger of six alerts with rows 1 to 6, a CAP of the last, and an answer to a command with its note.
  private struct Site {
    let folder: TemporaryFolder
    let ledger: Ledger

    init() throws {
      folder = try TemporaryFolder()
      ledger = try Site.open(folder)
      for row in Int64(1)...6 { try append(row, sequence: UInt64(row)) }
      try append(7, id: "6", sequence: nil)
      try append(8, stream: "command", sequence: 1, note: "bousai-2026 silence")
    }

    static func open(_ folder: TemporaryFolder) throws -> Ledger {
      try LedgerOpener(folder: folder.path, boot: "b", wallMilliseconds: 0, digest: testDigest).open().ledger
    }

    static func stored(
      _ row: Int64, id: String? = nil, stream: String = "alert", sequence: UInt64?, isFrozen: Bool = true,
      note: String? = nil
    ) -> StoredMessage {
      var stored = StoredMessage(
        row: row, root: row,
        message: OutgoingMessage(
          stream: stream, sequence: sequence, id: id ?? "\(row)", revision: 1, topic: "t",
          draft: Array("message \(row)".utf8), detectedNanoseconds: row, note: note),
        boot: "b", createdMilliseconds: row)
      stored.isFrozen = isFrozen
      stored.acknowledgedMilliseconds = isFrozen ? 1 : nil
      return stored
    }

    func append(
      _ row: Int64, id: String? = nil, stream: String = "alert", sequence: UInt64?, isFrozen: Bool = true,
      note: String? = nil
    ) throws {
      var entry = LedgerEntry()
      entry.messages = [
        Site.stored(row, id: id, stream: stream, sequence: sequence, isFrozen: isFrozen, note: note)
      ]
      try ledger.write(entry)
    }

    func proof() throws -> LedgerProof { try LedgerReader(stateFolder: folder.path).verify(digest: testDigest) }

    func tamper(_ sql: String) throws {
      try SQLiteDatabase(path: LedgerOpener.path(in: folder.path), mode: .readWrite).execute(sql)
    }
  }

  @Test func `a ledger that nobody touched is whole, also after it was opened again`() throws {
    let folder: TemporaryFolder
    let proof: LedgerProof
    do {
      let site = try Site()
      folder = site.folder
      proof = try site.proof()
    }
    #expect(proof.isWhole)
    #expect(proof.chain?.links == 8)
    #expect(proof.chain?.head.count == 64)
    #expect(proof.chain?.closed == 0)
    #expect(proof.chain?.provenFromRow == 1)
    let again = try Site.open(folder)
    var entry = LedgerEntry()
    entry.messages = [Site.stored(9, sequence: 7)]
    try again.write(entry)
    let later = try LedgerReader(stateFolder: folder.path).verify(digest: testDigest)
    #expect(later.isWhole)
    #expect(later.chain?.links == 9)
    #expect(later.chain?.head != proof.chain?.head)
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let sql: String
    let breaks: [String]
  }

  private static let swapped = """
    UPDATE messages SET row = 99 WHERE row = 3; UPDATE messages SET row = 3 WHERE row = 4;
    UPDATE messages SET row = 4 WHERE row = 99;
    """

  static let faults = [
    Fault(
      testDescription: "a byte", sql: "UPDATE messages SET bytes = 'message X' WHERE row = 3",
      breaks: ["alert 3 (row 3) is not as it was stored"]),
    Fault(
      testDescription: "the bytes of two",
      sql: "UPDATE messages SET bytes = 'message ' || (7 - row) WHERE row IN (3, 4)",
      breaks: ["alert 3 (row 3) is not as it was stored", "alert 4 (row 4) is not as it was stored"]),
    Fault(
      testDescription: "the rows of two", sql: swapped,
      breaks: ["alert 3 (row 4) is not as it was stored", "alert 4 (row 3) is not as it was stored"]),
    Fault(
      testDescription: "the places of two",
      sql: "UPDATE messages SET link = 7 - link, hash = (SELECT hash FROM messages m WHERE m.row = 7 - messages.row) "
        + "WHERE row IN (3, 4)",
      breaks: ["alert 4 (row 4) is not as it was stored", "alert 3 (row 3) is not as it was stored"]),
    Fault(
      testDescription: "one in the middle removed", sql: "DELETE FROM messages WHERE row = 3",
      breaks: ["1 stored message is gone before alert 4 (row 4)"]),
    Fault(
      testDescription: "two removed", sql: "DELETE FROM messages WHERE row IN (3, 4)",
      breaks: ["2 stored messages are gone before alert 5 (row 5)"]),
    Fault(
      testDescription: "the first removed", sql: "DELETE FROM messages WHERE row = 1",
      breaks: ["1 stored message is gone before alert 2 (row 2)"]),
    Fault(
      testDescription: "the last removed", sql: "DELETE FROM messages WHERE row = 8",
      breaks: ["1 stored message is gone before the end"]),
    Fault(
      testDescription: "another form", sql: "UPDATE messages SET bytes = 'message X' WHERE row = 7",
      breaks: ["another form of a message in alert (row 7) is not as it was stored"]),
    Fault(
      testDescription: "the kept end removed", sql: "DELETE FROM meta WHERE key = 'chain_head'",
      breaks: ["the end of the chain is not as it was kept"]),
    Fault(
      testDescription: "the kept end written over", sql: "UPDATE meta SET value = 'x' WHERE key = 'chain_head'",
      breaks: ["the end of the chain is not as it was kept"]),
    Fault(
      testDescription: "a hash", sql: "UPDATE messages SET hash = zeroblob(32) WHERE row = 3",
      breaks: ["alert 3 (row 3) is not as it was stored", "alert 4 (row 4) is not as it was stored"]),
    Fault(
      testDescription: "the last hash", sql: "UPDATE messages SET hash = zeroblob(32) WHERE row = 8",
      breaks: ["command 1 (row 8) is not as it was stored", "the end of the chain is not as it was kept"]),
    Fault(
      testDescription: "one put in",
      sql: "INSERT INTO messages SELECT 9, 9, lane, stream, 7, '9', form, revision, topic, detected, boot, created, "
        + "acknowledged, frozen, bytes, NULL, NULL FROM messages WHERE row = 6",
      breaks: ["alert 7 (row 9) has no hash"]),
    Fault(
      testDescription: "one put in with a place",
      sql: "INSERT INTO messages SELECT 9, 9, lane, stream, 7, '9', form, revision, topic, detected, boot, created, "
        + "acknowledged, frozen, bytes, 6, hash FROM messages WHERE row = 6",
      breaks: ["alert 7 (row 9) stands where another message stands"]),
    Fault(
      testDescription: "who commanded", sql: "UPDATE notes SET text = 'nobody'",
      breaks: ["command 1 (row 8) is not as it was stored"]),
    Fault(
      testDescription: "the lane", sql: "UPDATE messages SET lane = 1 WHERE row = 2",
      breaks: ["alert 2 (row 2) is not as it was stored"]),
    Fault(
      testDescription: "when", sql: "UPDATE messages SET created = created + 1 WHERE row = 2",
      breaks: ["alert 2 (row 2) is not as it was stored"]),
    Fault(
      testDescription: "where to", sql: "UPDATE messages SET topic = 'u' WHERE row = 2",
      breaks: ["alert 2 (row 2) is not as it was stored"]),
    Fault(
      testDescription: "which ledger", sql: "UPDATE meta SET value = 'other' WHERE key = 'epoch'",
      breaks: ["alert 1 (row 1) is not as it was stored"]),
  ]

  @Test(arguments: faults)
  func `what was changed, swapped, removed or put in is found, and where`(fault: Fault) throws {
    let site = try Site()
    try site.tamper(fault.sql)
    let proof = try site.proof()
    let found = try #require(proof.chain).breaks.map(\.description)
    #expect(found.count == fault.breaks.count, "\(found)")
    for (text, expected) in zip(found, fault.breaks) { #expect(text.hasPrefix(expected)) }
    #expect(!proof.isWhole)
  }

  @Test func `an acknowledgment changes nothing that is proven`() throws {
    let site = try Site()
    try site.append(9, sequence: 7, isFrozen: false)
    var entry = LedgerEntry()
    entry.acknowledged = [(9, 5)]
    let before = try site.proof().chain
    try site.ledger.write(entry)
    #expect(try site.proof().chain == before)
  }

  @Test func `a transaction that fails leaves the chain as it was`() throws {
    let site = try Site()
    let before = try site.proof().chain
    var entry = LedgerEntry()
    entry.messages = [Site.stored(9, sequence: 7), Site.stored(10, id: "1", sequence: 8)]
    #expect(throws: SQLiteFailure.self) { try site.ledger.write(entry) }
    #expect(try site.proof().chain == before)
    try site.append(9, sequence: 7)
    let after = try site.proof()
    #expect(after.isWhole)
    #expect(after.chain?.links == 9)
  }

  @Test func `removed history and replaced drafts stay provable, whatever their order`() throws {
    var generator = SplitMix(state: 7)
    for _ in 0..<8 {
      let site = try Site()
      var nextRow: Int64 = 9
      var sequences: [String: UInt64] = ["alert": 6, "command": 1]
      var drafts: [Int64] = []
      for _ in 0..<120 {
        var entry = LedgerEntry()
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<6:
          let stream = ["alert", "person", "command"][Int.random(in: 0..<3, using: &generator)]
          sequences[stream, default: 0] += 1
          let isFrozen = Bool.random(using: &generator)
          entry.messages = [Site.stored(nextRow, stream: stream, sequence: sequences[stream], isFrozen: isFrozen)]
          if !isFrozen { drafts.append(nextRow) }
          nextRow += 1
        case 6..<9:
          guard !drafts.isEmpty else { continue }
          let row = drafts.remove(at: Int.random(in: 0..<drafts.count, using: &generator))
          entry.frozen = [(row, Array("final \(row)".utf8))]
          entry.acknowledged = [(row, 1)]
        default:
          let retention = Ledger.Retention(
            historyRows: 10, noticeAgeNanoseconds: 20, boot: "b", nowNanoseconds: nextRow, wallMilliseconds: 0)
          _ = try site.ledger.prune(
            retention, excess: Int.random(in: 0..<10, using: &generator),
            limit: Int.random(in: 1..<10, using: &generator))
        }
        if !entry.isEmpty { try site.ledger.write(entry) }
      }
      let proof = try site.proof()
      #expect(proof.chain?.breaks == [])
      let chain = try #require(proof.chain)
      let messages = proof.streams.map(\.messages).reduce(proof.secondForms, +)
      #expect(chain.links == chain.closed + Int64(messages))
      #expect(chain.closed > 0)
      // What is left is still proven.
      try site.tamper("UPDATE messages SET topic = 'u' WHERE row = (SELECT max(row) FROM messages)")
      #expect(try site.proof().chain?.breaks.count == 1)
    }
  }

  @Test func `a ledger from before is proven from its next message on, and says so`() throws {
    let folder = try TemporaryFolder()
    do {
      let database = try SQLiteDatabase(path: LedgerOpener.path(in: folder.path), mode: .readWrite)
      try database.execute(LedgerSchema.tables)
      try database.execute("INSERT INTO meta(key, value) VALUES('epoch', 'e')")
      for row in 1...3 {
        try database.execute(
          "INSERT INTO messages VALUES(\(row), \(row), 0, 'alert', \(row), '\(row)', 0, 1, 't', 1, 'b', 1, 1, 1, 'x')")
      }
    }
    let old = try LedgerReader(stateFolder: folder.path).verify(digest: testDigest)
    #expect(old.isWhole)
    #expect(old.chain == nil)
    let ledger = try Site.open(folder)
    var entry = LedgerEntry()
    entry.messages = [Site.stored(4, sequence: 4)]
    try ledger.write(entry)
    let proof = try LedgerReader(stateFolder: folder.path).verify(digest: testDigest)
    #expect(proof.isWhole)
    #expect(proof.chain?.unproven == 3)
    #expect(proof.chain?.provenFromRow == 4)
    #expect(proof.chain?.links == 1)
    let retention = Ledger.Retention(
      historyRows: 0, noticeAgeNanoseconds: 1_000, boot: "b", nowNanoseconds: 5, wallMilliseconds: 0)
    #expect(try ledger.prune(retention, excess: 3, limit: 10) == 3)
    let later = try LedgerReader(stateFolder: folder.path).verify(digest: testDigest)
    #expect(later.isWhole)
    #expect(later.chain?.unproven == 0)
  }

  @Test func `the newest link is read as it was written, and nothing else is`() {
    let link = ChainLink(number: 17, hash: (0..<32).map { UInt8($0 * 8) })
    #expect(ChainLink(text: link.text) == link)
    for text in [
      "", "17", "x " + String(repeating: "0", count: 64), link.text + "0", "-1 " + String(repeating: "0", count: 64),
    ] {
      #expect(ChainLink(text: text) == nil, "\(text)")
    }
  }
}

/// Random numbers that are the same in every run.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}
