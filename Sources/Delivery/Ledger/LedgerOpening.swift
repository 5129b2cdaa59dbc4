internal import Glibc

/// Opens the ledger of a state folder, makes one, or sets a damaged one aside.
package struct LedgerOpener: Sendable {
  /// A file up to this size is checked at every start, a larger one only after a reboot: a power cut may have torn it.
  private static let alwaysCheckedBytes = 8 * 1_048_576
  /// How many damaged ledgers are kept.
  private static let setAsideFiles = 3

  package let folder: String
  package let boot: String
  package let wallMilliseconds: Int64

  package init(folder: String, boot: String, wallMilliseconds: Int64) {
    self.folder = folder
    self.boot = boot
    self.wallMilliseconds = wallMilliseconds
  }

  /// The ledger's file in a state folder.
  package static func path(in folder: String) -> String { folder + "/ledger.sqlite" }

  private var path: String { LedgerOpener.path(in: folder) }

  /// Opens it for this process alone.
  package func open() throws(DeliveryError) -> (ledger: Ledger, opening: Ledger.Opening) {
    let lock = try FolderLock(folder: folder)
    do {
      return try open(lock: lock, previousEpoch: nil)
    } catch {
      guard error.isCorruption else { throw explained(error) }
      let previousEpoch = readEpochOfDamaged()
      let newName = try setAside()
      do {
        var (ledger, opening) = try open(lock: lock, previousEpoch: previousEpoch)
        opening.setAside = "the ledger is damaged (\(error.message)): set aside as \(newName), a new one is begun"
        return (ledger, opening)
      } catch {
        throw explained(error)
      }
    }
  }

  private func open(
    lock: FolderLock, previousEpoch: String?
  ) throws(SQLiteFailure) -> (ledger: Ledger, opening: Ledger.Opening) {
    makePrivateFile()
    let database = try SQLiteDatabase(path: path, mode: .readWrite)
    try database.execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304; "
        + "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024")
    let version = try database.prepare("PRAGMA user_version").first { $0.integer(0) } ?? 0
    guard version <= LedgerSchema.version else {
      throw SQLiteFailure(code: SQLiteFailure.newerSchema, message: "it was written by a newer version (\(version))")
    }
    if version == 0 { try createTables(database, previousEpoch: previousEpoch) }
    let savedBoot = try meta(database, "boot")
    if savedBoot != boot || fileBytes() <= LedgerOpener.alwaysCheckedBytes { try check(database) }
    let opening = try read(database, savedBoot: savedBoot)
    let ledger = try Ledger(database: database, lock: lock)
    if savedBoot != boot { try ledger.save("boot", .text(boot), durable: true) }
    return (ledger, opening)
  }

  private func createTables(_ database: SQLiteDatabase, previousEpoch: String?) throws(SQLiteFailure) {
    let epoch = LedgerOpener.randomIdentifier()
    try database.transaction { () throws(SQLiteFailure) in
      try database.execute(LedgerSchema.tables)
      let save = try database.prepare("INSERT INTO meta(key, value) VALUES(?, ?)")
      try save.run([.text("epoch"), .text(epoch)])
      if let previousEpoch { try save.run([.text("previous_epoch"), .text(previousEpoch)]) }
    }
  }

  private func check(_ database: SQLiteDatabase) throws(SQLiteFailure) {
    let answer = try database.prepare("PRAGMA quick_check(1)").first { $0.text(0) } ?? ""
    guard answer == "ok" else {
      throw SQLiteFailure(code: SQLiteFailure.corruption, message: answer)
    }
  }

  private func read(_ database: SQLiteDatabase, savedBoot: String?) throws(SQLiteFailure) -> Ledger.Opening {
    guard let epoch = try meta(database, "epoch") else {
      throw SQLiteFailure(code: SQLiteFailure.corruption, message: "it has no epoch")
    }
    var records: [StateRecord] = []
    let allRecords = try database.prepare("SELECT key, value FROM records ORDER BY key")
    while try allRecords.step() { records.append(StateRecord(key: allRecords.text(0), value: allRecords.bytes(1))) }
    let counts = try database.prepare(
      "SELECT ifnull(max(row), 0), count(*), (SELECT count(*) FROM messages WHERE acknowledged IS NULL) FROM messages"
    ).first { ($0.integer(0), Int($0.integer(1)), Int($0.integer(2))) }
    let (lastRow, rows, outboxRows) = counts ?? (0, 0, 0)
    return Ledger.Opening(
      epoch: epoch, previousEpoch: try meta(database, "previous_epoch"), savedBoot: savedBoot, records: records,
      streams: try readStreams(database), connectionNumber: savedBoot == boot ? try connectionNumber(database) : 0,
      lastRow: lastRow, rows: rows, outboxRows: outboxRows, setAside: nil)
  }

  private func readStreams(_ database: SQLiteDatabase) throws(SQLiteFailure) -> [Ledger.StreamOpening] {
    var last: [String: UInt64] = [:]
    let pruned = try database.prepare("SELECT stream, through FROM pruned")
    while try pruned.step() { last[pruned.text(0)] = UInt64(clamping: pruned.integer(1)) }
    // Read from the index alone: the messages may be many megabytes.
    let newest = try database.prepare(
      "SELECT stream, max(sequence) FROM messages WHERE sequence IS NOT NULL GROUP BY stream")
    while try newest.step() {
      last[newest.text(0)] = max(last[newest.text(0)] ?? 0, UInt64(clamping: newest.integer(1)))
    }
    var first: [String: UInt64] = [:]
    let waiting = try database.prepare(
      "SELECT stream, min(sequence) FROM messages WHERE acknowledged IS NULL AND sequence IS NOT NULL GROUP BY stream")
    while try waiting.step() { first[waiting.text(0)] = UInt64(clamping: waiting.integer(1)) }
    return last.keys.sorted().map {
      Ledger.StreamOpening(stream: $0, last: last[$0] ?? 0, firstUnacknowledged: first[$0])
    }
  }

  private func meta(_ database: SQLiteDatabase, _ key: String) throws(SQLiteFailure) -> String? {
    try database.prepare("SELECT value FROM meta WHERE key = ?").first([.text(key)]) { $0.text(0) }
  }

  private func connectionNumber(_ database: SQLiteDatabase) throws(SQLiteFailure) -> UInt64 {
    let saved = try database.prepare("SELECT value FROM meta WHERE key = 'connection'").first { $0.integer(0) }
    return UInt64(clamping: saved ?? 0)
  }

  // MARK: Files

  /// The ledger holds pseudonyms: nobody else may read it, nor what SQLite puts beside it with the same mode.
  private func makePrivateFile() {
    let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if descriptor >= 0 { close(descriptor) }
  }

  private func fileBytes() -> Int {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? status.st_size : 0
  }

  private func readEpochOfDamaged() -> String? {
    guard let database = try? SQLiteDatabase(path: path, mode: .readOnly) else { return nil }
    return try? meta(database, "epoch")
  }

  /// Renames the ledger and what belongs to it.
  private func setAside() throws(DeliveryError) -> String {
    let newName = "ledger.sqlite.damaged-\(wallMilliseconds)"
    let result = unsafe rename(path, folder + "/" + newName)
    let code = errno
    guard result == 0 else {
      throw DeliveryError(
        .inputOutput,
        "Failed to set the damaged ledger \(path) aside: \(systemErrorText(code)): move it away by hand and keep it")
    }
    for suffix in ["-wal", "-shm"] { _ = unsafe rename(path + suffix, folder + "/" + newName + suffix) }
    removeOldest()
    return newName
  }

  private func removeOldest() {
    guard let directory = unsafe opendir(folder) else { return }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name.hasPrefix("ledger.sqlite.damaged-"), !name.hasSuffix("-wal"), !name.hasSuffix("-shm") {
        names.append(name)
      }
    }
    unsafe closedir(directory)
    for name in names.sorted().dropLast(LedgerOpener.setAsideFiles) {
      for suffix in ["", "-wal", "-shm"] { unsafe unlink(folder + "/" + name + suffix) }
    }
  }

  private func explained(_ failure: SQLiteFailure) -> DeliveryError {
    let what = "Failed to open the ledger \(path): \(failure.message)"
    if failure.code == SQLiteFailure.newerSchema {
      return DeliveryError(.inputOutput, "\(what): install that version again, or move the file away")
    }
    if failure.isPermission {
      return DeliveryError(.noPermission, "\(what): give the file to the user that the gateway runs as")
    }
    if failure.cannotOpen {
      return DeliveryError(.cannotCreate, "\(what): let the gateway's user create files in the folder")
    }
    return DeliveryError(.inputOutput, "\(what): make room on the file system and check the disk")
  }

  /// 128 random bits in hexadecimal.
  package static func randomIdentifier() -> String {
    var generator = SystemRandomNumberGenerator()
    let words = [UInt64.random(in: .min ... .max, using: &generator), .random(in: .min ... .max, using: &generator)]
    return words.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}

extension SQLiteFailure {
  /// SQLITE_CORRUPT, for damage that SQLite itself reports in words.
  package static let corruption: Int32 = 11
  /// Ours, outside SQLite's range.
  package static let newerSchema: Int32 = -1
}
