/// SHA-256: 32 bytes made from any number of them.
public typealias LedgerDigest = @Sendable (_ bytes: [UInt8]) -> [UInt8]

/// One link of the ledger's chain: where a stored message stands in it, and the hash over all up to it.
package struct ChainLink: Sendable, Hashable {
  /// From 1, without a gap. 0 stands before the first.
  package var number: Int64
  package var hash: [UInt8]

  package init(number: Int64, hash: [UInt8]) {
    self.number = number
    self.hash = hash
  }

  /// What the first link of a ledger follows.
  package static func beginning(epoch: String, digest: LedgerDigest) -> ChainLink {
    ChainLink(number: 0, hash: digest(Array("mimamori ledger 1 \(epoch)".utf8)))
  }

  /// The next link: its hash covers the hash before it, its number, and every column of the message but the time of
  /// its acknowledgment. Numbers are 8 bytes, the highest first; texts follow their length.
  package func next(_ stored: StoredMessage, digest: LedgerDigest) -> ChainLink {
    let message = stored.message
    var bytes = hash
    bytes.reserveCapacity(message.draft.count + 400)
    func add(_ value: Int64) { withEachByte(of: value) { bytes.append($0) } }
    func add(_ text: String) {
      add(Int64(text.utf8.count))
      bytes += text.utf8
    }
    for value in [number + 1, stored.row, stored.root, stored.lane.rawValue] { add(value) }
    add(message.stream)
    add(message.sequence.map { Int64(clamping: $0) } ?? 0)
    add(message.id)
    for value in [stored.form, Int64(message.revision)] { add(value) }
    add(message.topic)
    add(message.detectedNanoseconds)
    add(stored.boot)
    for value in [stored.createdMilliseconds, stored.isFrozen ? 1 : 0, Int64(message.draft.count)] { add(value) }
    bytes += message.draft
    if let note = message.note { add(note) } else { add(-1) }
    return ChainLink(number: number + 1, hash: digest(bytes))
  }

  private func withEachByte(of value: Int64, _ body: (UInt8) -> Void) {
    for shift in stride(from: 56, through: 0, by: -8) { body(UInt8(truncatingIfNeeded: value >> Int64(shift))) }
  }

  /// As it is kept for the newest link.
  package var text: String {
    let digits = Array("0123456789abcdef")
    return "\(number) " + String(hash.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }

  /// Reads `text`; nil for anything else.
  package init?(text: String) {
    let parts = text.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 2, let number = Int64(parts[0]), number >= 0, parts[1].utf8.count == 64 else { return nil }
    var hash: [UInt8] = []
    var rest = parts[1]
    while !rest.isEmpty {
      guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
      hash.append(byte)
      rest = rest.dropFirst(2)
    }
    self.init(number: number, hash: hash)
  }
}

/// The chain of hashes over what the ledger stored.
///
/// A message carries its link. Where messages are removed as old, and where a draft gave way to the final bytes, links
/// are closed: of each run of them only the last hash stays, so that what follows can still be proven.
///
/// The columns and the table are beside what an older program knows: it leaves them alone.
final class ChainTable {
  static let headKey = "chain_head"
  /// From which row on every message has a link; kept where an older program stored messages before.
  static let beginsKey = "chain_begins"
  static let closedTable = "chain_closed"

  private let digest: LedgerDigest
  private let linkOfRow: SQLiteStatement
  private let runBefore: SQLiteStatement
  private let runAfter: SQLiteStatement
  private let insertRun: SQLiteStatement
  private let deleteRun: SQLiteStatement
  private let extendRun: SQLiteStatement
  private let writeHead: SQLiteStatement
  /// The newest link on the disk, and that of the transaction under way.
  private var head: ChainLink
  private var next: ChainLink

  init(database: SQLiteDatabase, epoch: String, digest: @escaping LedgerDigest) throws(SQLiteFailure) {
    self.digest = digest
    try ChainTable.install(database)
    linkOfRow = try database.prepare("SELECT link, hash FROM messages WHERE row = ?")
    runBefore = try database.prepare("SELECT first FROM chain_closed WHERE last = ?")
    runAfter = try database.prepare("SELECT last, first FROM chain_closed WHERE last > ? ORDER BY last LIMIT 1")
    insertRun = try database.prepare("INSERT INTO chain_closed(last, first, hash) VALUES(?, ?, ?)")
    deleteRun = try database.prepare("DELETE FROM chain_closed WHERE last = ?")
    extendRun = try database.prepare("UPDATE chain_closed SET first = ? WHERE last = ?")
    writeHead = try database.prepare(
      "INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value")
    let saved = try database.prepare("SELECT value FROM meta WHERE key = ?").first([.text(ChainTable.headKey)]) {
      $0.text(0)
    }
    head = saved.flatMap { ChainLink(text: $0) } ?? .beginning(epoch: epoch, digest: digest)
    next = head
  }

  private static func install(_ database: SQLiteDatabase) throws(SQLiteFailure) {
    let isThere = try database.prepare("SELECT 1 FROM pragma_table_info('messages') WHERE name = 'link'")
      .first { _ in true }
    guard isThere == nil else { return }
    try database.transaction { () throws(SQLiteFailure) in
      try database.execute(
        """
        ALTER TABLE messages ADD COLUMN link INTEGER;
        ALTER TABLE messages ADD COLUMN hash BLOB;
        CREATE TABLE chain_closed(last INTEGER PRIMARY KEY, first INTEGER NOT NULL, hash BLOB NOT NULL);
        """)
      try database.prepare(
        "INSERT INTO meta(key, value) SELECT ?, ifnull(max(row), 0) + 1 FROM messages"
      ).run([.text(beginsKey)])
    }
  }

  // MARK: A transaction

  func begin() { next = head }

  /// Links the next message.
  func add(_ stored: StoredMessage) -> ChainLink {
    next = next.next(stored, digest: digest)
    return next
  }

  /// Closes the link of a row that goes, or whose bytes are replaced.
  func close(linkOf row: Int64) throws(SQLiteFailure) {
    let found = try linkOfRow.first([.integer(row)]) {
      ($0.isNull(0), ChainLink(number: $0.integer(0), hash: $0.bytes(1)))
    }
    guard let (isUnlinked, link) = found, !isUnlinked else { return }
    let before = try runBefore.first([.integer(link.number - 1)]) { $0.integer(0) }
    let first = before ?? link.number
    if before != nil { try deleteRun.run([.integer(link.number - 1)]) }
    let after = try runAfter.first([.integer(link.number)]) { ($0.integer(0), $0.integer(1)) }
    if let (last, start) = after, start == link.number + 1 {
      try extendRun.run([.integer(first), .integer(last)])
    } else {
      try insertRun.run([.integer(link.number), .integer(first), .bytes(link.hash)])
    }
  }

  /// Writes the newest link, so that the last messages cannot go unnoticed.
  func saveHead() throws(SQLiteFailure) {
    guard next != head else { return }
    try writeHead.run([.text(ChainTable.headKey), .text(next.text)])
  }

  /// The transaction is on the disk.
  func keep() { head = next }
}
