internal import Glibc

/// One message of the ledger, as `ledger show` prints it. A person appears by pseudonym only, and without a topic.
public struct LedgerRow: Sendable, Hashable {
  /// Where a message stands on its way.
  public enum Progress: Sendable, Hashable {
    /// Not handed to the broker yet.
    case stored
    /// Its bytes are fixed: it was handed over, or was about to be.
    case frozen
    /// By the wall clock, in milliseconds since 1970.
    case acknowledged(milliseconds: Int64)
    /// Too many notices waited for the broker: this one was never sent.
    case givenUp
  }

  /// Counts all messages of this ledger.
  public var row: Int64
  public var stream: String
  /// Nil for a second form, such as CAP.
  public var sequence: UInt64?
  public var id: String
  public var revision: Int
  /// Nil for a person's message: it would say nothing that the stream does not.
  public var topic: String?
  /// On the monotonic clock of `boot`, in nanoseconds.
  public var detectedNanoseconds: Int64
  public var boot: String
  /// When it was stored, by the wall clock, in milliseconds since 1970.
  public var createdMilliseconds: Int64
  public var progress: Progress
  /// Bytes of the message.
  public var length: Int
}

/// What a look through the whole ledger found.
public struct LedgerProof: Sendable, Hashable {
  /// What was found about one stream.
  public struct Stream: Sendable, Hashable {
    public var stream: String
    /// History up to this number was removed as old; 0 when all is there.
    public var prunedThrough: UInt64
    public var last: UInt64
    public var deliveredThrough: UInt64
    public var messages: Int
    public var acknowledged: Int
    public var givenUp: Int
    /// Numbers above `prunedThrough` that are not there: at most the first 100.
    public var missing: [UInt64]
  }

  public var epoch: String
  public var previousEpoch: String?
  /// Sorted by name, `alert` first.
  public var streams: [Stream]
  /// Messages without a sequence: second forms.
  public var secondForms: Int
  /// Acknowledged messages whose bytes were never fixed: there must be none.
  public var acknowledgedUnfrozen: Int
  /// What SQLite's own check of the file says against it.
  public var damage: [String]

  /// Whether every sequence is whole and nothing contradicts.
  public var isWhole: Bool {
    damage.isEmpty && acknowledgedUnfrozen == 0 && streams.allSatisfy { $0.missing.isEmpty }
  }
}

/// Reads the ledger of a state folder, also while a gateway writes it.
public final class LedgerReader {
  private let database: SQLiteDatabase
  private let path: String
  private static let longestListOfMissing = 100

  /// Opens the ledger for reading.
  public init(stateFolder: String) throws(DeliveryError) {
    path = LedgerOpener.path(in: stateFolder)
    let found = unsafe access(path, F_OK)
    let code = errno
    guard found == 0 else {
      let kind: DeliveryError.Kind = code == EACCES ? .noPermission : .missing
      throw DeliveryError(
        kind, "Failed to open the ledger \(path): \(systemErrorText(code)): check gateway.state and who may read it")
    }
    do {
      database = try LedgerReader.open(path)
    } catch {
      throw LedgerReader.explained(path, error)
    }
  }

  private static func open(_ path: String) throws(SQLiteFailure) -> SQLiteDatabase {
    do {
      let database = try SQLiteDatabase(path: path, mode: .readOnly)
      _ = try database.prepare("SELECT count(*) FROM meta").first { $0.integer(0) }
      return database
    } catch {
      // Without a running gateway and without the right to write, SQLite cannot make what it reads a log with.
      let hasLog = unsafe access(path + "-wal", F_OK) == 0
      guard !hasLog, error.cannotOpen || error.isPermission else { throw error }
      return try SQLiteDatabase(path: path, mode: .immutable)
    }
  }

  /// The newest messages, oldest first.
  ///
  /// - Parameters:
  ///   - stream: only this one; nil for all.
  ///   - limit: how many at most.
  public func rows(stream: String? = nil, limit: Int) throws(DeliveryError) -> [LedgerRow] {
    do {
      var rows: [LedgerRow] = []
      let condition = stream == nil ? "" : "WHERE stream = ?2"
      let statement = try database.prepare(
        """
        SELECT row, stream, sequence, id, revision, topic, detected, boot, created, acknowledged, frozen, length(bytes)
        FROM messages \(condition) ORDER BY row DESC LIMIT ?1
        """)
      try statement.start([.integer(Int64(limit))] + (stream.map { [.text($0)] } ?? []))
      while try statement.step() { rows.append(LedgerReader.row(statement)) }
      return rows.reversed()
    } catch {
      throw LedgerReader.explained(path, error)
    }
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
      revision: Int(statement.integer(4)), topic: stream == OutgoingMessage.alertStream ? statement.text(5) : nil,
      detectedNanoseconds: statement.integer(6), boot: statement.text(7), createdMilliseconds: statement.integer(8),
      progress: progress, length: Int(statement.integer(11)))
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
  public func verify() throws(DeliveryError) -> LedgerProof {
    do {
      // One view of all tables, while the gateway goes on.
      try database.execute("BEGIN")
      defer { try? database.execute("ROLLBACK") }
      let proof = LedgerProof(
        epoch: try meta("epoch") ?? "", previousEpoch: try meta("previous_epoch"), streams: try streams(),
        secondForms: try count("sequence IS NULL"),
        acknowledgedUnfrozen: try count("acknowledged IS NOT NULL AND acknowledged <> -1 AND frozen = 0"),
        damage: try damage())
      return proof
    } catch {
      throw LedgerReader.explained(path, error)
    }
  }

  private func meta(_ key: String) throws(SQLiteFailure) -> String? {
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
    let alert = OutgoingMessage.alertStream
    return streams.values.sorted { ($0.stream != alert ? 1 : 0, $0.stream) < ($1.stream != alert ? 1 : 0, $1.stream) }
  }

  private static func empty(_ stream: String, prunedThrough: UInt64) -> LedgerProof.Stream {
    LedgerProof.Stream(
      stream: stream, prunedThrough: prunedThrough, last: prunedThrough, deliveredThrough: prunedThrough, messages: 0,
      acknowledged: 0, givenUp: 0, missing: [])
  }

  private static func explained(_ path: String, _ failure: SQLiteFailure) -> DeliveryError {
    let what = "Failed to read the ledger \(path): \(failure.message)"
    if failure.isPermission || failure.cannotOpen {
      return DeliveryError(.noPermission, "\(what): run it as the user that the gateway runs as")
    }
    return DeliveryError(.inputOutput, "\(what): keep a copy of the file and check the disk")
  }
}

extension LedgerProof.Stream {
  /// Adds the next message in the order of sequences.
  fileprivate mutating func add(_ sequence: UInt64, isOpen: Bool, isGivenUp: Bool, limit: Int) {
    var expected = last + 1
    while expected < sequence, missing.count < limit {
      missing.append(expected)
      expected += 1
    }
    if isOpen {
      deliveredThrough = min(deliveredThrough, sequence - 1)
    } else if deliveredThrough == last {
      deliveredThrough = sequence
    }
    last = max(last, sequence)
    messages += 1
    if isGivenUp { givenUp += 1 } else if !isOpen { acknowledged += 1 }
  }
}
