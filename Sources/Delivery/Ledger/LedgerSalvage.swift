/// What can still be read of a damaged ledger and goes on in the one that is begun in its place: the station's memory, and
/// messages that the broker has not got.
///
/// A message goes on only if the chain of hashes proves that it reads as it was stored. It keeps its bytes, and with them
/// its number in the epoch that ended; in the new ledger it has none.
struct LedgerSalvage {
  var epoch: String?
  var previousEpoch: String?
  var boot: String?
  var connection: Int64?
  var records: [StateRecord] = []
  var messages: [StoredMessage] = []
  /// Undelivered messages that nothing proves, or that could not be read to their end.
  var doubtful = 0

  init(path: String, disk: any StateDisk, digest: LedgerDigest) {
    guard let database = try? SQLiteDatabase(path: path, mode: .readOnly, disk: disk) else { return }
    func meta(_ key: String) -> String? {
      (try? database.prepare("SELECT value FROM meta WHERE key = ?").first([.text(key)]) { $0.text(0) }) ?? nil
    }
    epoch = meta("epoch")
    previousEpoch = meta("previous_epoch")
    boot = meta("boot")
    connection = meta("connection").flatMap { Int64($0) }
    readRecords(database)
    if let epoch { readMessages(database, epoch: epoch, digest: digest) }
  }

  /// From both ends up to what cannot be read.
  private mutating func readRecords(_ database: SQLiteDatabase) {
    var byKey: [String: StateRecord] = [:]
    for direction in ["ASC", "DESC"] {
      guard let all = try? database.prepare("SELECT key, value FROM records ORDER BY key \(direction)") else {
        continue
      }
      while (try? all.step()) == true {
        byKey[all.text(0)] = StateRecord(key: all.text(0), value: all.bytes(1))
      }
      all.reset()
    }
    records = byKey.values.sorted { $0.key < $1.key }
  }

  private mutating func readMessages(_ database: SQLiteDatabase, epoch: String, digest: LedgerDigest) {
    let beginning = ChainLink.beginning(epoch: epoch, digest: digest)
    var hashes = [beginning.number: beginning.hash]
    if let runs = try? database.prepare("SELECT last, hash FROM chain_closed") {
      while (try? runs.step()) == true { hashes[runs.integer(0)] = runs.bytes(1) }
    }
    var waiting: [(stored: StoredMessage, link: ChainLink)] = []
    let notes = try? database.prepare("SELECT text FROM notes WHERE row = ?")
    _ = try? database.forEachReadable("\(LedgerSchema.columns), link, hash", of: "messages") { row in
      let link = ChainLink(number: row.integer(14), hash: row.bytes(15))
      hashes[link.number] = link.hash
      if row.isNull(10) {
        var stored = Ledger.message(from: row)
        stored.message.note = (try? notes?.first([.integer(stored.row)]) { $0.text(0) }) ?? nil
        waiting.append((stored, link))
      }
      return true
    }
    var names: Set<String> = []
    for (stored, link) in waiting {
      guard let before = hashes[link.number - 1],
        ChainLink(number: link.number - 1, hash: before).next(stored, digest: digest) == link
      else {
        doubtful += 1
        continue
      }
      // A damaged file may show a page twice; the new ledger would refuse the second.
      let name = "\(stored.form) \(stored.message.revision) \(stored.message.id)"
      if names.insert(name).inserted { messages.append(stored) }
    }
  }

  /// Puts what must be there before the ledger is read into its tables. Within the caller's transaction.
  func write(into database: SQLiteDatabase) throws(SQLiteFailure) {
    let save = try database.prepare("INSERT INTO meta(key, value) VALUES(?, ?)")
    if let epoch { try save.run([.text("previous_epoch"), .text(epoch)]) }
    if let boot, let connection {
      try save.run([.text("boot"), .text(boot)])
      try save.run([.text("connection"), .integer(connection)])
    }
    try writeRecords(into: database)
  }

  /// Puts the station's memory into its table. Within the caller's transaction.
  func writeRecords(
    into database: SQLiteDatabase, isWanted: (StateRecord) -> Bool = { _ in true }
  ) throws(SQLiteFailure) {
    let insert = try database.prepare("INSERT OR REPLACE INTO records(key, value) VALUES(?, ?)")
    for record in records where isWanted(record) {
      if let value = record.value { try insert.run([.text(record.key), .bytes(value)]) }
    }
  }

  /// The messages with the new ledger's rows, from 1 on, and without the numbers of the old epoch.
  var entry: LedgerEntry {
    var entry = LedgerEntry()
    var roots: [Int64: Int64] = [:]
    for (index, old) in messages.enumerated() {
      var stored = old
      stored.row = Int64(index + 1)
      stored.root = roots[old.root] ?? stored.row
      roots[old.root] = stored.root
      stored.message.sequence = nil
      entry.messages.append(stored)
    }
    return entry
  }
}
