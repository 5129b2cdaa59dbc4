/// Opens the ledger of a state folder, makes one, or sets a damaged one aside.
package struct LedgerOpener: Sendable {
  /// A file up to this size is checked at every start, a larger one only after a reboot: a power cut may have torn it.
  private static let alwaysCheckedBytes = 8 * 1_048_576

  package let folder: String
  package let boot: String
  package let wallMilliseconds: Int64
  /// SHA-256.
  package let digest: LedgerDigest
  package let disk: any StateDisk
  /// Makes the epoch of a new ledger.
  let identify: @Sendable () -> String

  package init(
    folder: String, boot: String, wallMilliseconds: Int64, digest: @escaping LedgerDigest,
    disk: any StateDisk = SystemDisk(), identify: @escaping @Sendable () -> String = LedgerOpener.randomIdentifier
  ) {
    self.identify = identify
    self.digest = digest
    self.disk = disk
    self.folder = folder
    self.boot = boot
    self.wallMilliseconds = wallMilliseconds
  }

  /// So often a ledger that cannot be read is tried before it is taken for damaged.
  private static let readingAttempts = 3

  /// The ledger's file in a state folder.
  package static func path(in folder: String) -> String { folder + "/ledger.sqlite" }

  var path: String { LedgerOpener.path(in: folder) }

  /// Opens it for this process alone. Where the disk forbids it, the ledger can only be read, or is one in memory: watching
  /// does not wait for the disk.
  ///
  /// - Throws: what no disk is to blame for: another gateway, permissions, a newer version, a folder that cannot be made.
  package func open() throws(DeliveryError) -> (ledger: Ledger, opening: Ledger.Opening) {
    let lock = try disk.hold(folder)
    do {
      return try openToWrite(lock: lock)
    } catch {
      guard error.kind == .inputOutput || error.kind == .cannotCreate else { throw error }
      return try openWithoutWriting(lock: lock, because: error)
    }
  }

  private func openToWrite(lock: any FolderHold) throws(DeliveryError) -> (ledger: Ledger, opening: Ledger.Opening) {
    let exchange = LedgerExchange(folder: folder, wallMilliseconds: wallMilliseconds, disk: disk)
    let interrupted = try exchange.settle()
    do {
      var (ledger, opening) = try openPatiently(lock: lock)
      opening.setAside = interrupted.map {
        "a damaged ledger was being set aside as \($0) when the gateway was ended: the one begun in its place goes on"
      }
      return (ledger, opening)
    } catch {
      guard error.isCorruption else { throw explained(error) }
      let salvage = LedgerSalvage(path: path, disk: disk, digest: digest)
      do {
        try build(exchange, salvage, lock: lock)
      } catch {
        throw explained(error)
      }
      try exchange.exchange()
      do {
        var (ledger, opening) = try open(lock: lock, isBegunAnew: true)
        opening.setAside =
          "the ledger is damaged (\(error.message)): set aside as \(exchange.name), a new one is begun with"
          + " \(salvage.records.count) records of the station's memory and \(salvage.messages.count) undelivered"
          + " messages, without \(salvage.doubtful) that nothing proves"
        return (ledger, opening)
      } catch {
        throw explained(error)
      }
    }
  }

  /// What cannot be read is tried again: that may have been the cable. What cannot be read time after time is damaged: a
  /// gateway that waits for a bad sector to heal would watch nothing.
  func openPatiently(lock: any FolderHold) throws(SQLiteFailure) -> (ledger: Ledger, opening: Ledger.Opening) {
    for _ in 1..<LedgerOpener.readingAttempts {
      do {
        return try open(lock: lock)
      } catch {
        guard error.isReading else { throw error }
      }
    }
    do {
      return try open(lock: lock)
    } catch {
      throw error.isReading ? SQLiteFailure(code: SQLiteFailure.corruption, message: error.message) : error
    }
  }

  private func open(
    lock: any FolderHold, isBegunAnew: Bool = false
  ) throws(SQLiteFailure) -> (ledger: Ledger, opening: Ledger.Opening) {
    try open(try openDatabase(), lock: lock, isBegunAnew: isBegunAnew)
  }

  func open(
    _ database: SQLiteDatabase, lock: any FolderHold, isBegunAnew: Bool = false
  ) throws(SQLiteFailure) -> (ledger: Ledger, opening: Ledger.Opening) {
    let version = try database.prepare("PRAGMA user_version").first { $0.integer(0) } ?? 0
    guard version <= LedgerSchema.version else {
      throw SQLiteFailure(code: SQLiteFailure.newerSchema, message: "it was written by a newer version (\(version))")
    }
    if version == 0 { try createTables(database, nil) }
    let savedBoot = try meta(database, "boot")
    if savedBoot != boot || disk.bytes(of: path) <= LedgerOpener.alwaysCheckedBytes { try check(database) }
    let opening = try read(database, savedBoot: savedBoot, isBegunAnew: isBegunAnew)
    let ledger = try Ledger(
      database: database, lock: lock, epoch: opening.epoch, digest: digest, isLogDoubtful: savedBoot == boot,
      unsavedBoot: savedBoot == boot ? nil : boot)
    return (ledger, opening)
  }

  /// Opens the file of a ledger that is in use anew.
  func reopen(_ ledger: Ledger, epoch: String) throws(SQLiteFailure) -> Ledger {
    let newer = try Ledger(
      database: try openDatabase(), lock: ledger.lock, epoch: epoch, digest: digest, isLogDoubtful: true,
      unsavedBoot: ledger.unsavedBoot)
    newer.goOnCounting(from: ledger)
    return newer
  }

  /// Makes a ledger of what goes on from a damaged one.
  private func build(
    _ exchange: LedgerExchange, _ salvage: LedgerSalvage, lock: any FolderHold
  ) throws(SQLiteFailure) {
    let database = try newDatabase(exchange)
    let epoch = try createTables(database, salvage)
    let entry = salvage.entry
    guard !entry.messages.isEmpty else { return }
    try Ledger(database: database, lock: lock, epoch: epoch, digest: digest).write(entry)
  }

  /// A database that takes the ledger's place once it is closed. It is a single file: it has no write-ahead log yet.
  func newDatabase(_ exchange: LedgerExchange) throws(SQLiteFailure) -> SQLiteDatabase {
    exchange.removeNew()
    disk.makePrivateFile(exchange.newPath)
    let database = try SQLiteDatabase(path: exchange.newPath, mode: .readWrite, disk: disk)
    try database.execute("PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY")
    return database
  }

  /// The file, made if it is not there, and set as the ledger needs it.
  func openDatabase() throws(SQLiteFailure) -> SQLiteDatabase {
    // The ledger holds pseudonyms: nobody else may read it, nor what SQLite puts beside it with the same mode.
    disk.makePrivateFile(path)
    let database = try SQLiteDatabase(path: path, mode: .readWrite, disk: disk)
    try database.execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304; "
        + "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024")
    return database
  }

  /// - Returns: the new ledger's epoch.
  @discardableResult
  func createTables(_ database: SQLiteDatabase, _ salvage: LedgerSalvage?) throws(SQLiteFailure) -> String {
    let epoch = identify()
    try database.transaction { () throws(SQLiteFailure) in
      try database.execute(LedgerSchema.tables)
      let save = try database.prepare("INSERT INTO meta(key, value) VALUES(?, ?)")
      try save.run([.text("epoch"), .text(epoch)])
      try salvage?.write(into: database)
    }
    return epoch
  }

  private func check(_ database: SQLiteDatabase) throws(SQLiteFailure) {
    let answer = try database.prepare("PRAGMA quick_check(1)").first { $0.text(0) } ?? ""
    guard answer == "ok" else {
      throw SQLiteFailure(code: Self.readingFailure(in: answer) ?? SQLiteFailure.corruption, message: answer)
    }
  }

  /// The code by which SQLite says within its answer that it could not read a page. The next time it may be read.
  private static func readingFailure(in answer: String) -> Int32? {
    if answer.contains("failed to get page") { return SQLiteFailure.reading }
    guard let mark = answer.firstRange(of: "error code=") else { return nil }
    let code = Int32(answer[mark.upperBound...].prefix { $0.isASCII && $0.isNumber })
    return code.flatMap { SQLiteFailure(code: $0, message: answer).isCorruption ? nil : $0 }
  }

  private func read(
    _ database: SQLiteDatabase, savedBoot: String?, isBegunAnew: Bool
  ) throws(SQLiteFailure) -> Ledger.Opening {
    guard let epoch = try meta(database, "epoch") else {
      throw SQLiteFailure(code: SQLiteFailure.corruption, message: "it has no epoch")
    }
    var records: [StateRecord] = []
    let allRecords = try database.prepare("SELECT key, value FROM records ORDER BY key")
    while try allRecords.step() { records.append(StateRecord(key: allRecords.text(0), value: allRecords.bytes(1))) }
    let counts = try database.prepare(
      "SELECT ifnull(max(row), 0), count(*) FROM messages"
    ).first { ($0.integer(0), Int($0.integer(1))) }
    let (lastRow, rows) = counts ?? (0, 0)
    // By the outbox's index: only what waits is read.
    let waiting = try database.prepare(
      "SELECT count(*), ifnull(sum(length(bytes)), 0) FROM messages WHERE acknowledged IS NULL"
    ).first { (Int($0.integer(0)), Int($0.integer(1))) }
    let (outboxRows, outboxBytes) = waiting ?? (0, 0)
    // Of a new epoch nothing was sent.
    let marked = isBegunAnew ? [:] : try MemoryMark.readWhole(folder: folder, epoch: epoch, disk: disk)
    let (streams, unstored) = Self.streams(try readStreams(database), marked: marked)
    return Ledger.Opening(
      epoch: epoch, previousEpoch: try meta(database, "previous_epoch"), savedBoot: savedBoot, records: records,
      streams: streams, unstored: unstored, connectionNumber: savedBoot == boot ? try connectionNumber(database) : 0,
      lastRow: lastRow, rows: rows, outboxRows: outboxRows, outboxBytes: outboxBytes,
      setAside: nil)
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
    // Numbers that were used and never stored are not given again.
    try UnstoredTable.install(in: database)
    let unstored = try database.prepare("SELECT stream, max(last) FROM unstored GROUP BY stream")
    while try unstored.step() {
      last[unstored.text(0)] = max(last[unstored.text(0)] ?? 0, UInt64(clamping: unstored.integer(1)))
    }
    var first: [String: UInt64] = [:]
    let waiting = try database.prepare(
      "SELECT stream, min(sequence) FROM messages WHERE acknowledged IS NULL AND sequence IS NOT NULL GROUP BY stream")
    while try waiting.step() { first[waiting.text(0)] = UInt64(clamping: waiting.integer(1)) }
    return last.keys.sorted().map {
      Ledger.StreamOpening(stream: $0, last: last[$0] ?? 0, firstUnacknowledged: first[$0])
    }
  }

  /// Numbers that were sent from memory and never stored are used all the same.
  private static func streams(
    _ stored: [Ledger.StreamOpening], marked: [String: UInt64]
  ) -> ([Ledger.StreamOpening], [UnstoredNumbers]) {
    var byName = Dictionary(uniqueKeysWithValues: stored.map { ($0.stream, $0) })
    var unstored: [UnstoredNumbers] = []
    for (stream, last) in marked.sorted(by: { $0.key < $1.key }) {
      let known = byName[stream] ?? Ledger.StreamOpening(stream: stream, last: 0, firstUnacknowledged: nil)
      guard last > known.last else { continue }
      unstored.append(UnstoredNumbers(stream: stream, first: known.last + 1, last: last))
      byName[stream] = Ledger.StreamOpening(
        stream: stream, last: last, firstUnacknowledged: known.firstUnacknowledged)
    }
    return (byName.values.sorted { $0.stream < $1.stream }, unstored)
  }

  private func meta(_ database: SQLiteDatabase, _ key: String) throws(SQLiteFailure) -> String? {
    try database.prepare("SELECT value FROM meta WHERE key = ?").first([.text(key)]) { $0.text(0) }
  }

  private func connectionNumber(_ database: SQLiteDatabase) throws(SQLiteFailure) -> UInt64 {
    let saved = try database.prepare("SELECT value FROM meta WHERE key = 'connection'").first { $0.integer(0) }
    return UInt64(clamping: saved ?? 0)
  }

  func explained(_ failure: SQLiteFailure) -> DeliveryError {
    let what = "Failed to open the ledger \(path): \(failure.message)"
    if failure.code == SQLiteFailure.newerSchema {
      return DeliveryError(.newerVersion, "\(what): install that version again, or move the file away")
    }
    if !disk.allowsWriting(path) {
      return DeliveryError(.noPermission, "\(what): give the file to the user that the gateway runs as")
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
  /// SQLITE_IOERR_READ.
  package static let reading: Int32 = 10 | 1 << 8
  /// Ours, outside SQLite's range.
  package static let newerSchema: Int32 = -1
}
