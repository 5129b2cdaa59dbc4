internal import Glibc

/// Reads the ledger of a state folder, also while a gateway writes it.
public final class LedgerReader {
  let database: SQLiteDatabase
  let path: String
  /// What SQLite said about damage that reading went around; nil where there was none.
  public internal(set) var damageFound: String?
  private static let longestListOfMissing = 100

  /// Opens the ledger of a state folder for reading.
  public convenience init(stateFolder: String) throws(DeliveryError) {
    try self.init(path: LedgerOpener.path(in: stateFolder))
  }

  /// Opens a ledger's file for reading: the one in use, or one that was set aside.
  public convenience init(path: String) throws(DeliveryError) {
    try self.init(path: path, disk: SystemDisk())
  }

  package init(path: String, disk: any StateDisk) throws(DeliveryError) {
    self.path = path
    let code = disk.look(for: path)
    guard code == 0 else {
      let kind: DeliveryError.Kind = code == EACCES ? .noPermission : .missing
      throw DeliveryError(
        kind, "Failed to open the ledger \(path): \(systemErrorText(code)): check gateway.state and who may read it")
    }
    do {
      database = try LedgerReader.open(path, disk)
    } catch {
      throw LedgerReader.explained(path, error)
    }
  }

  private static func open(_ path: String, _ disk: any StateDisk) throws(SQLiteFailure) -> SQLiteDatabase {
    do {
      let database = try SQLiteDatabase(path: path, mode: .readOnly, disk: disk)
      _ = try database.prepare("SELECT count(*) FROM meta").first { $0.integer(0) }
      return database
    } catch {
      // Without a running gateway, and without room or the right to write, SQLite cannot make what it reads a log with.
      guard error.cannotOpen || error.isPermission else { throw error }
      let hasLog = disk.bytes(of: path + "-wal") > 0
      return try SQLiteDatabase(path: path, mode: hasLog ? .alone : .immutable, disk: disk)
    }
  }

  /// The newest messages, oldest first.
  ///
  /// - Parameters:
  ///   - stream: only this one; nil for all.
  ///   - limit: how many at most.
  public func rows(stream: String? = nil, limit: Int) throws(DeliveryError) -> [LedgerRow] {
    let columns =
      "row, stream, sequence, id, revision, topic, detected, boot, created, acknowledged, frozen, length(bytes)"
    var rows: [LedgerRow] = []
    do {
      let condition = stream == nil ? "" : "WHERE stream = ?2"
      let statement = try database.prepare("SELECT \(columns) FROM messages \(condition) ORDER BY row DESC LIMIT ?1")
      try statement.start([.integer(Int64(limit))] + (stream.map { [.text($0)] } ?? []))
      while try statement.step() { rows.append(LedgerReader.row(statement)) }
      rows.reverse()
    } catch {
      guard error.isCorruption else { throw LedgerReader.explained(path, error) }
      rows = try readableRows(columns, stream: stream, limit: limit)
    }
    return try addingNotes(to: rows)
  }

  private func readableRows(_ columns: String, stream: String?, limit: Int) throws(DeliveryError) -> [LedgerRow] {
    var rows: [LedgerRow] = []
    do {
      damageFound = try database.forEachReadable(columns, of: "messages") { statement in
        let row = LedgerReader.row(statement)
        if stream == nil || row.stream == stream { rows.append(row) }
        // Only the newest are wanted, and which these are is known at the end.
        if rows.count >= 2 * limit { rows.removeFirst(limit) }
        return true
      }
    } catch {
      throw LedgerReader.explained(path, error)
    }
    return rows.suffix(limit)
  }

  private func addingNotes(to rows: [LedgerRow]) throws(DeliveryError) -> [LedgerRow] {
    let noted = try reading("notes") { (database) throws(SQLiteFailure) in
      var noted = rows
      let find = try database.prepare("SELECT text FROM notes WHERE row = ?")
      for index in noted.indices where noted[index].stream == OutgoingMessage.commandStream {
        noted[index].note = try find.first([.integer(noted[index].row)]) { $0.text(0) }
      }
      return noted
    }
    return noted ?? rows
  }

  private static func row(_ statement: SQLiteStatement) -> LedgerRow {
    let progress: LedgerRow.Progress =
      if statement.isNull(9) {
        statement.integer(10) == 0 ? .stored : .frozen
      } else if statement.integer(9) == LedgerSchema.givenUp {
        .givenUp
      } else {
        .acknowledged(milliseconds: statement.integer(9))
      }
    let stream = statement.text(1)
    return LedgerRow(
      row: statement.integer(0), stream: stream,
      sequence: statement.isNull(2) ? nil : UInt64(clamping: statement.integer(2)), id: statement.text(3),
      revision: Int(statement.integer(4)), topic: OutgoingMessage.isPersonal(stream) ? nil : statement.text(5),
      detectedNanoseconds: statement.integer(6), boot: statement.text(7), createdMilliseconds: statement.integer(8),
      progress: progress, length: Int(statement.integer(11)), note: nil)
  }

  /// The bytes of one message, as they were or will be sent; nil for one that the ledger does not hold.
  public func bytes(id: String, revision: Int) throws(DeliveryError) -> [UInt8]? {
    do {
      return try database.prepare("SELECT bytes FROM messages WHERE id = ?1 AND form = 0 AND revision = ?2").first(
        [.text(id), .integer(Int64(revision))]) { $0.bytes(0) }
    } catch {
      throw LedgerReader.explained(path, error)
    }
  }

  /// Looks through the whole ledger for gaps and contradictions.
  ///
  /// - Parameter digest: SHA-256.
  public func verify(digest: LedgerDigest) throws(DeliveryError) -> LedgerProof {
    do {
      // One view of all tables, while the gateway goes on.
      try database.execute("BEGIN")
      defer { try? database.execute("ROLLBACK") }
      var proof = LedgerProof(
        epoch: "", previousEpoch: nil, streams: [], secondForms: 0, acknowledgedUnfrozen: 0, damage: [], chain: nil)
      /// Of a damaged file, what can be told is told.
      func add(_ what: String, _ step: (inout LedgerProof) throws(SQLiteFailure) -> Void) throws(SQLiteFailure) {
        do {
          try step(&proof)
        } catch {
          guard error.isCorruption else { throw error }
          proof.damage.append("\(what) cannot be read to the end: \(error.message)")
        }
      }
      try add("the file") { (proof) throws(SQLiteFailure) in proof.damage += try damage() }
      try add("the epoch") { (proof) throws(SQLiteFailure) in
        proof.epoch = try meta("epoch") ?? ""
        proof.previousEpoch = try meta("previous_epoch")
      }
      try add("the list of numbers") { (proof) throws(SQLiteFailure) in proof.streams = try streams() }
      try add("the list of messages") { (proof) throws(SQLiteFailure) in
        proof.secondForms = try count("sequence IS NULL")
        proof.acknowledgedUnfrozen = try count("acknowledged IS NOT NULL AND acknowledged <> -1 AND frozen = 0")
      }
      try add("the chain") { (proof) throws(SQLiteFailure) in proof.chain = try proveChain(digest: digest) }
      return proof
    } catch {
      throw LedgerReader.explained(path, error)
    }
  }

  /// Reads from a table; nil where an older ledger has none of that name.
  func reading<Answer>(
    _ table: String, _ body: (SQLiteDatabase) throws(SQLiteFailure) -> Answer
  ) throws(DeliveryError) -> Answer? {
    do {
      return try hasTable(table) ? try body(database) : nil
    } catch {
      throw LedgerReader.explained(path, error)
    }
  }

  func meta(_ key: String) throws(SQLiteFailure) -> String? {
    try database.prepare("SELECT value FROM meta WHERE key = ?").first([.text(key)]) { $0.text(0) }
  }

  private func count(_ condition: String) throws(SQLiteFailure) -> Int {
    try database.prepare("SELECT count(*) FROM messages WHERE \(condition)").first { Int($0.integer(0)) } ?? 0
  }

  private func damage() throws(SQLiteFailure) -> [String] {
    var complaints: [String] = []
    let check = try database.prepare("PRAGMA quick_check(10)")
    while try check.step() { complaints.append(check.text(0)) }
    return complaints == ["ok"] ? [] : complaints
  }

  private func streams() throws(SQLiteFailure) -> [LedgerProof.Stream] {
    var streams: [String: LedgerProof.Stream] = [:]
    let pruned = try database.prepare("SELECT stream, through FROM pruned")
    while try pruned.step() {
      streams[pruned.text(0)] = LedgerReader.empty(pruned.text(0), prunedThrough: UInt64(clamping: pruned.integer(1)))
    }
    let statement = try database.prepare(
      "SELECT stream, sequence, acknowledged FROM messages WHERE sequence IS NOT NULL ORDER BY stream, sequence")
    while try statement.step() {
      let name = statement.text(0)
      var stream = streams[name] ?? LedgerReader.empty(name, prunedThrough: 0)
      let isOpen = statement.isNull(2)
      stream.add(
        UInt64(clamping: statement.integer(1)), isOpen: isOpen,
        isGivenUp: !isOpen && statement.integer(2) == LedgerSchema.givenUp, limit: LedgerReader.longestListOfMissing)
      streams[name] = stream
    }
    try addUnstored(to: &streams)
    let order = [OutgoingMessage.alertStream: 0, OutgoingMessage.commandStream: 1]
    return streams.values.sorted { (order[$0.stream] ?? 2, $0.stream) < (order[$1.stream] ?? 2, $1.stream) }
  }

  private func addUnstored(to streams: inout [String: LedgerProof.Stream]) throws(SQLiteFailure) {
    guard try hasTable(UnstoredTable.name) else { return }
    let statement = try database.prepare("SELECT stream, first, last FROM unstored ORDER BY stream, first")
    while try statement.step() {
      let (first, last) = (UInt64(clamping: statement.integer(1)), UInt64(clamping: statement.integer(2)))
      let name = statement.text(0)
      var stream = streams[name] ?? LedgerReader.empty(name, prunedThrough: 0)
      guard first <= last, last > stream.prunedThrough else { continue }
      stream.add(unstored: first...last, limit: LedgerReader.longestListOfMissing)
      streams[name] = stream
    }
  }

  /// Whether the ledger has a table: an older one has not all of them.
  func hasTable(_ name: String) throws(SQLiteFailure) -> Bool {
    let find = try database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?")
    return try find.first([.text(name)]) { _ in true } ?? false
  }

  private static func empty(_ stream: String, prunedThrough: UInt64) -> LedgerProof.Stream {
    LedgerProof.Stream(
      stream: stream, prunedThrough: prunedThrough, last: prunedThrough, deliveredThrough: prunedThrough, messages: 0,
      acknowledged: 0, givenUp: 0, missing: [])
  }

  static func explained(_ path: String, _ failure: SQLiteFailure) -> DeliveryError {
    let what = "Failed to read the ledger \(path): \(failure.message)"
    if failure.isPermission || failure.cannotOpen {
      return DeliveryError(.noPermission, "\(what): run it as the user that the gateway runs as")
    }
    return DeliveryError(.inputOutput, "\(what): keep a copy of the file and check the disk")
  }
}
