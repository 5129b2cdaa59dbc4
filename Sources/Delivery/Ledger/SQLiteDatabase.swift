internal import CSQLite

/// A call of SQLite that failed.
package struct SQLiteFailure: Error, Sendable, Hashable, CustomStringConvertible {
  /// The extended result code.
  package let code: Int32
  /// SQLite's own words: "database or disk is full".
  package let message: String

  package var description: String { message }

  /// Whether the file itself is damaged or is no database, so that trying again cannot help.
  package var isCorruption: Bool {
    let primary = code & 0xff
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB
  }

  package var isPermission: Bool {
    let primary = code & 0xff
    return primary == SQLITE_PERM || primary == SQLITE_READONLY
  }

  /// Whether the system could not bring to the disk what it had taken to be written.
  package var isSync: Bool { code == SQLITE_IOERR | 4 << 8 || code == SQLITE_IOERR | 5 << 8 }

  /// Whether something that is there could not be read: any SQLITE_IOERR but those of WRITE, FSYNC, DIR_FSYNC, TRUNCATE and
  /// of the log's index.
  package var isReading: Bool {
    code & 0xff == SQLITE_IOERR && !(3...6).contains(code >> 8) && !isIndex
  }

  /// Whether the index that SQLite keeps beside a log could not be made: SHMOPEN, SHMSIZE, SHMLOCK and SHMMAP.
  private var isIndex: Bool { code & 0xff == SQLITE_IOERR && (18...21).contains(code >> 8) }

  package var cannotOpen: Bool { code & 0xff == SQLITE_CANTOPEN || isIndex }
}

/// A value to bind.
package enum SQLiteValue: Sendable, Hashable {
  case null
  case integer(Int64)
  case text(String)
  case bytes([UInt8])
}

/// One connection to one database file. Belongs to the thread that uses it.
@safe package final class SQLiteDatabase {
  /// How a file is opened.
  package enum Mode: Sendable, Hashable {
    case readWrite
    /// Works while another process writes.
    case readOnly
    /// For a file that nobody writes, in a folder that cannot be written.
    case immutable
    /// For a file that nobody else has open, on a disk without room for the index that SQLite keeps beside a log.
    case alone
    /// No file at all.
    case inMemory
  }

  package let mode: Mode

  // SAFETY: opened in init, closed in deinit, used in between only; SQLite's own mutex serializes all calls.
  private let handle: OpaquePointer
  private let walPages: UnsafeMutablePointer<Int32>
  /// Keeps the VFS for as long as the connection uses it.
  private let disk: any StateDisk

  /// Opens the file at `path`, making it in mode `readWrite`.
  package init(path: String, mode: Mode, disk: any StateDisk = SystemDisk()) throws(SQLiteFailure) {
    self.disk = disk
    self.mode = mode
    let flags =
      switch mode {
      case .readWrite, .inMemory: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
      case .readOnly, .alone: SQLITE_OPEN_READONLY
      case .immutable: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
      }
    let name =
      switch mode {
      case .immutable: "file:\(SQLiteDatabase.percentEncoded(path))?immutable=1"
      case .inMemory: ":memory:"
      case .readWrite, .readOnly, .alone: path
      }
    let vfs = mode == .alone ? disk.unlockedDatabaseVFS : mode == .inMemory ? nil : disk.databaseVFS
    var opened: OpaquePointer?
    let code = unsafe sqlite3_open_v2(name, &opened, flags | SQLITE_OPEN_FULLMUTEX, vfs)
    guard code == SQLITE_OK, let handle = unsafe opened else {
      let failure = unsafe SQLiteDatabase.failure(opened, code)
      unsafe sqlite3_close_v2(opened)
      throw failure
    }
    unsafe self.handle = unsafe handle
    unsafe walPages = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
    unsafe walPages.initialize(to: 0)
    unsafe sqlite3_extended_result_codes(handle, 1)
    unsafe sqlite3_busy_timeout(handle, 250)
    if mode == .readWrite {
      // Replaces SQLite's own checkpoint within a commit: it is made when nothing waits.
      unsafe sqlite3_wal_hook(
        handle,
        { context, _, _, pages in
          unsafe context?.assumingMemoryBound(to: Int32.self).pointee = pages
          return SQLITE_OK
        }, walPages)
    }
    if mode == .alone {
      // The index is kept in memory. The log stays where it is: whoever can write may use it already.
      unsafe mimamori_leave_log_on_close(handle)
      try execute("PRAGMA locking_mode = EXCLUSIVE")
    }
  }

  deinit {
    unsafe sqlite3_close_v2(handle)
    unsafe walPages.deallocate()
  }

  /// Whether it can only be read, whatever was asked for.
  package var isReadOnly: Bool { unsafe sqlite3_db_readonly(handle, "main") == 1 }

  /// Pages in the write-ahead log after the last commit.
  package var writeAheadPages: Int { Int(unsafe walPages.pointee) }

  /// Runs statements that return nothing.
  package func execute(_ sql: String) throws(SQLiteFailure) {
    let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw unsafe SQLiteDatabase.failure(handle, code) }
  }

  /// Compiles one statement.
  package func prepare(_ sql: String) throws(SQLiteFailure) -> SQLiteStatement {
    var statement: OpaquePointer?
    let code = unsafe sqlite3_prepare_v3(
      handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard code == SQLITE_OK, let statement = unsafe statement else {
      throw unsafe SQLiteDatabase.failure(handle, code)
    }
    return unsafe SQLiteStatement(database: self, handle: statement)
  }

  /// Runs `body` in a transaction; whatever goes wrong, nothing of it stays.
  package func transaction(_ body: () throws(SQLiteFailure) -> Void) throws(SQLiteFailure) {
    try execute("BEGIN IMMEDIATE")
    do {
      try body()
      try execute("COMMIT")
    } catch {
      // A full disk may have rolled back already; a second ROLLBACK would only be refused.
      if unsafe sqlite3_get_autocommit(handle) == 0 { try? execute("ROLLBACK") }
      throw error
    }
  }

  /// Moves the write-ahead log into the database as far as no reader is in the way.
  package func checkpoint() throws(SQLiteFailure) {
    var moved: Int32 = 0
    var pages: Int32 = 0
    let code = unsafe sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved)
    guard code == SQLITE_OK || code == SQLITE_BUSY else { throw unsafe SQLiteDatabase.failure(handle, code) }
    unsafe walPages.pointee = pages - moved
  }

  /// Moves the whole write-ahead log into the database, which is then on the disk, and begins a new log.
  package func beginNewLog() throws(SQLiteFailure) {
    let code = unsafe sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_RESTART, nil, nil)
    guard code == SQLITE_OK else { throw unsafe SQLiteDatabase.failure(handle, code) }
    unsafe walPages.pointee = 0
  }

  /// What the last call on this connection complained of.
  fileprivate func failure(_ code: Int32) -> SQLiteFailure {
    unsafe SQLiteDatabase.failure(handle, code)
  }

  private static func failure(_ handle: OpaquePointer?, _ code: Int32) -> SQLiteFailure {
    guard let handle = unsafe handle, let text = unsafe sqlite3_errmsg(handle) else {
      return SQLiteFailure(code: code, message: unsafe String(cString: sqlite3_errstr(code)))
    }
    return SQLiteFailure(code: code, message: unsafe String(cString: text))
  }

  private static func percentEncoded(_ path: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var encoded: [UInt8] = []
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "%"), 0x80...:
        encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: encoded.append(byte)
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }
}

/// A compiled statement.
@safe package final class SQLiteStatement {
  private let database: SQLiteDatabase
  // SAFETY: made by the database that is kept alive here, finalized in deinit.
  private let handle: OpaquePointer

  fileprivate init(database: SQLiteDatabase, handle: OpaquePointer) {
    self.database = database
    unsafe self.handle = unsafe handle
  }

  deinit {
    unsafe sqlite3_finalize(handle)
  }

  /// Runs it to its end.
  package func run(_ values: [SQLiteValue] = []) throws(SQLiteFailure) {
    try start(values)
    while try step() {}
  }

  /// Binds the values from the first position on and makes it ready to step.
  package func start(_ values: [SQLiteValue] = []) throws(SQLiteFailure) {
    unsafe sqlite3_reset(handle)
    for (index, value) in values.enumerated() {
      let position = Int32(index + 1)
      let code =
        switch value {
        case .null: unsafe sqlite3_bind_null(handle, position)
        case .integer(let number): unsafe sqlite3_bind_int64(handle, position, number)
        case .text(let text): unsafe mimamori_bind_text(handle, position, text, Int32(text.utf8.count))
        case .bytes(let bytes): unsafe mimamori_bind_blob(handle, position, bytes, Int32(bytes.count))
        }
      guard code == SQLITE_OK else { throw database.failure(code) }
    }
  }

  /// The next row; false, and reset, at the end.
  package func step() throws(SQLiteFailure) -> Bool {
    let code = unsafe sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    let failure = code == SQLITE_DONE ? nil : database.failure(code)
    unsafe sqlite3_reset(handle)
    if let failure { throw failure }
    return false
  }

  /// Gives up the rows that were not stepped through: an open read would hold back checkpoints.
  package func reset() {
    unsafe sqlite3_reset(handle)
  }

  /// The first row, made by `row`, or nil.
  package func first<Row>(_ values: [SQLiteValue] = [], _ row: (SQLiteStatement) -> Row) throws(SQLiteFailure) -> Row? {
    try start(values)
    defer { reset() }
    return try step() ? row(self) : nil
  }

  package func isNull(_ column: Int32) -> Bool { unsafe sqlite3_column_type(handle, column) == SQLITE_NULL }

  package func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }

  package func text(_ column: Int32) -> String {
    guard let text = unsafe sqlite3_column_text(handle, column) else { return "" }
    return unsafe String(cString: text)
  }

  package func bytes(_ column: Int32) -> [UInt8] {
    let count = Int(unsafe sqlite3_column_bytes(handle, column))
    guard count > 0, let start = unsafe sqlite3_column_blob(handle, column) else { return [] }
    return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }
}
