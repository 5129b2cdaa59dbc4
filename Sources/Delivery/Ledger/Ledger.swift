/// The ledger of one gateway: what was raised, what is still to be delivered, what the station remembers.
///
/// One file, one epoch. Every method belongs to the thread that owns the ledger.
package final class Ledger {
  /// What the ledger knew when it was opened.
  package struct Opening: Sendable {
    /// The random id made with this ledger, and that of the one before it.
    package var epoch: String
    package var previousEpoch: String?
    /// The boot in which the ledger was last used.
    package var savedBoot: String?
    package var records: [StateRecord]
    package var streams: [StreamOpening]
    /// The highest number of a connection that may have been used.
    package var connectionNumber: UInt64
    package var lastRow: Int64
    package var rows: Int
    package var outboxRows: Int
    /// What had to be set aside, for the log.
    package var setAside: String?
  }

  /// How far one stream had come.
  package struct StreamOpening: Sendable {
    package var stream: String
    package var last: UInt64
    package var firstUnacknowledged: UInt64?
  }

  private let database: SQLiteDatabase
  /// Keeps other processes out as long as the ledger lives.
  private let lock: FolderLock
  private let insertMessage: SQLiteStatement
  private let saveRecord: SQLiteStatement
  private let deleteRecord: SQLiteStatement
  private let freezeMessage: SQLiteStatement
  private let acknowledgeMessage: SQLiteStatement
  private let saveMeta: SQLiteStatement
  private let rootOfID: SQLiteStatement
  private let revisionExists: SQLiteStatement
  private let messageAtRow: SQLiteStatement
  private let outbox: SQLiteStatement
  private let outboxOfRoot: SQLiteStatement
  private let nextUnacknowledged: SQLiteStatement
  private let oldestNotices: SQLiteStatement
  private let history: SQLiteStatement
  private let deleteMessage: SQLiteStatement
  private let savePruned: SQLiteStatement

  /// Transactions, and requests to the disk to make them durable.
  package private(set) var commits: UInt64 = 0
  package private(set) var syncs: UInt64 = 0
  private var isSynced = true

  /// Takes a database whose tables stand.
  package init(database: SQLiteDatabase, lock: FolderLock) throws(SQLiteFailure) {
    self.database = database
    self.lock = lock
    let columns = LedgerSchema.columns
    insertMessage = try database.prepare(
      """
      INSERT INTO messages(row, root, lane, stream, sequence, id, form, revision, topic, detected, boot, created,
        acknowledged, frozen, bytes) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """)
    saveRecord = try database.prepare(
      "INSERT INTO records(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value")
    deleteRecord = try database.prepare("DELETE FROM records WHERE key = ?")
    freezeMessage = try database.prepare("UPDATE messages SET frozen = 1, bytes = ? WHERE row = ? AND frozen = 0")
    acknowledgeMessage = try database.prepare(
      "UPDATE messages SET acknowledged = ? WHERE row = ? AND acknowledged IS NULL")
    saveMeta = try database.prepare(
      "INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value")
    rootOfID = try database.prepare(
      "SELECT root FROM messages WHERE id = ? AND form = ? ORDER BY revision LIMIT 1")
    revisionExists = try database.prepare("SELECT 1 FROM messages WHERE id = ? AND form = ? AND revision = ?")
    messageAtRow = try database.prepare("SELECT \(columns) FROM messages WHERE row = ?")
    outbox = try database.prepare(
      "SELECT \(columns) FROM messages WHERE acknowledged IS NULL ORDER BY lane, root DESC, row")
    outboxOfRoot = try database.prepare(
      "SELECT row FROM messages WHERE acknowledged IS NULL AND lane = ? AND root = ? ORDER BY row")
    nextUnacknowledged = try database.prepare(
      "SELECT sequence, row, acknowledged FROM messages WHERE stream = ? AND sequence > ? ORDER BY sequence")
    oldestNotices = try database.prepare(
      """
      SELECT row, stream, sequence FROM messages WHERE acknowledged IS NULL AND lane = 1 ORDER BY lane DESC, root LIMIT ?
      """)
    history = try database.prepare(
      "SELECT row, lane, stream, sequence, acknowledged, boot, detected, created FROM messages ORDER BY row")
    deleteMessage = try database.prepare("DELETE FROM messages WHERE row = ?")
    savePruned = try database.prepare(
      """
      INSERT INTO pruned(stream, through) VALUES(?, ?)
      ON CONFLICT(stream) DO UPDATE SET through = max(through, excluded.through)
      """)
  }

  // MARK: Writing

  /// Writes everything or nothing. Returns when it is on the disk, unless nothing in it must be.
  package func write(_ entry: LedgerEntry) throws(SQLiteFailure) {
    try transaction(durable: entry.mustBeDurable) { () throws(SQLiteFailure) in
      for message in entry.messages { try insert(message) }
      for record in entry.records {
        if let value = record.value {
          try saveRecord.run([.text(record.key), .bytes(value)])
        } else {
          try deleteRecord.run([.text(record.key)])
        }
      }
      for (row, bytes) in entry.frozen { try freezeMessage.run([.bytes(bytes), .integer(row)]) }
      for (row, milliseconds) in entry.acknowledged {
        try acknowledgeMessage.run([.integer(milliseconds), .integer(row)])
      }
    }
  }

  private func insert(_ stored: StoredMessage) throws(SQLiteFailure) {
    let message = stored.message
    try insertMessage.run([
      .integer(stored.row), .integer(stored.root), .integer(stored.lane.rawValue), .text(message.stream),
      message.sequence.map { .integer(Int64(clamping: $0)) } ?? .null, .text(message.id), .integer(stored.form),
      .integer(Int64(message.revision)), .text(message.topic), .integer(message.detectedNanoseconds),
      .text(stored.boot), .integer(stored.createdMilliseconds),
      stored.acknowledgedMilliseconds.map { .integer($0) } ?? .null, .integer(stored.isFrozen ? 1 : 0),
      .bytes(message.draft),
    ])
  }

  /// Saves a single value beside the messages.
  package func save(_ key: String, _ value: SQLiteValue, durable: Bool) throws(SQLiteFailure) {
    try transaction(durable: durable) { () throws(SQLiteFailure) in
      try saveMeta.run([.text(key), value])
    }
  }

  private func transaction(
    durable: Bool, _ body: () throws(SQLiteFailure) -> Void
  ) throws(SQLiteFailure) {
    if durable != isSynced {
      try database.execute(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL")
      isSynced = durable
    }
    try database.transaction(body)
    commits += 1
    if durable { syncs += 1 }
  }

  // MARK: Reading

  /// The row of the first revision of an id, nil when none is stored.
  package func root(id: String, form: Int64) throws(SQLiteFailure) -> Int64? {
    try rootOfID.first([.text(id), .integer(form)]) { $0.integer(0) }
  }

  /// Whether this revision of an id is stored.
  package func contains(id: String, form: Int64, revision: Int) throws(SQLiteFailure) -> Bool {
    try revisionExists.first([.text(id), .integer(form), .integer(Int64(revision))]) { _ in true } ?? false
  }

  package func message(row: Int64) throws(SQLiteFailure) -> StoredMessage? {
    try messageAtRow.first([.integer(row)], Ledger.message(from:))
  }

  /// The next messages to deliver: alerts before notices, what was raised last first, revisions of one id in order.
  ///
  /// - Parameter isWanted: told row and root; what it refuses is left out.
  package func outbox(
    limit: Int, isWanted: (_ row: Int64, _ root: Int64) -> Bool
  ) throws(SQLiteFailure) -> [StoredMessage] {
    var found: [StoredMessage] = []
    try outbox.start()
    defer { outbox.reset() }
    while found.count < limit, try outbox.step() {
      if isWanted(outbox.integer(0), outbox.integer(1)) { found.append(Ledger.message(from: outbox)) }
    }
    return found
  }

  /// The undelivered rows of one id and form, in order.
  package func outbox(lane: Lane, root: Int64) throws(SQLiteFailure) -> [Int64] {
    var rows: [Int64] = []
    try outboxOfRoot.start([.integer(lane.rawValue), .integer(root)])
    defer { outboxOfRoot.reset() }
    while try outboxOfRoot.step() { rows.append(outboxOfRoot.integer(0)) }
    return rows
  }

  /// The first sequence above `sequence` in a stream that is not acknowledged.
  ///
  /// - Parameter isAcknowledged: rows whose acknowledgment is not written yet.
  package func firstUnacknowledged(
    stream: String, above sequence: UInt64, isAcknowledged: (Int64) -> Bool
  ) throws(SQLiteFailure) -> UInt64? {
    try nextUnacknowledged.start([.text(stream), .integer(Int64(clamping: sequence))])
    defer { nextUnacknowledged.reset() }
    while try nextUnacknowledged.step() {
      if nextUnacknowledged.isNull(2), !isAcknowledged(nextUnacknowledged.integer(1)) {
        return UInt64(clamping: nextUnacknowledged.integer(0))
      }
    }
    return nil
  }

  package static func message(from row: SQLiteStatement) -> StoredMessage {
    let message = OutgoingMessage(
      stream: row.text(2), sequence: row.isNull(3) ? nil : UInt64(clamping: row.integer(3)), id: row.text(4),
      revision: Int(row.integer(5)), topic: row.text(6), draft: row.bytes(12), detectedNanoseconds: row.integer(7))
    var stored = StoredMessage(
      row: row.integer(0), root: row.integer(1), message: message, boot: row.text(8),
      createdMilliseconds: row.integer(9))
    stored.acknowledgedMilliseconds = row.isNull(10) ? nil : row.integer(10)
    stored.isFrozen = row.integer(11) != 0
    return stored
  }

  // MARK: Housekeeping

  /// Pages that wait to be moved into the database.
  package var writeAheadPages: Int { database.writeAheadPages }

  package func checkpoint() throws(SQLiteFailure) {
    try database.checkpoint()
    syncs += 2
  }

  /// Gives up the oldest undelivered notices.
  ///
  /// - Returns: the rows, with stream and sequence, for the caller's books.
  package func giveUpNotices(_ count: Int) throws(SQLiteFailure) -> [(row: Int64, stream: String, sequence: UInt64?)] {
    var victims: [(row: Int64, stream: String, sequence: UInt64?)] = []
    try oldestNotices.start([.integer(Int64(count))])
    while try oldestNotices.step() {
      let sequence = oldestNotices.isNull(2) ? nil : UInt64(clamping: oldestNotices.integer(2))
      victims.append((oldestNotices.integer(0), oldestNotices.text(1), sequence))
    }
    try transaction(durable: false) { () throws(SQLiteFailure) in
      for victim in victims {
        try acknowledgeMessage.run([.integer(LedgerSchema.givenUp), .integer(victim.row)])
      }
    }
    return victims
  }

  /// What history may be removed.
  package struct Retention: Sendable {
    /// Acknowledged messages above this number are removed, oldest first.
    package var historyRows: Int
    package var noticeAgeNanoseconds: Int64
    package var boot: String
    package var nowNanoseconds: Int64
    package var wallMilliseconds: Int64

    package init(
      historyRows: Int, noticeAgeNanoseconds: Int64, boot: String, nowNanoseconds: Int64, wallMilliseconds: Int64
    ) {
      self.historyRows = historyRows
      self.noticeAgeNanoseconds = noticeAgeNanoseconds
      self.boot = boot
      self.nowNanoseconds = nowNanoseconds
      self.wallMilliseconds = wallMilliseconds
    }
  }

  /// Removes at most `limit` messages that need not be kept.
  ///
  /// A message of this boot is dated by the monotonic clock. One of an earlier boot is dated by the wall clock: if that
  /// was wrong then, the message goes too early rather than never, because it is about a person.
  ///
  /// - Parameter excess: how many acknowledged messages there are too many.
  /// - Returns: how many were removed.
  package func prune(_ retention: Retention, excess: Int, limit: Int) throws(SQLiteFailure) -> Int {
    var victims: [(row: Int64, stream: String, sequence: Int64?)] = []
    try history.start()
    defer { history.reset() }
    while victims.count < limit, try history.step() {
      let isOld =
        history.text(5) == retention.boot
        ? retention.nowNanoseconds - history.integer(6) > retention.noticeAgeNanoseconds
        : retention.wallMilliseconds - history.integer(7) > retention.noticeAgeNanoseconds / 1_000_000
      if !isOld, victims.count >= excess { break }
      let isNotice = history.integer(1) == Lane.notice.rawValue
      guard !history.isNull(4), victims.count < excess || isNotice else { continue }
      victims.append((history.integer(0), history.text(2), history.isNull(3) ? nil : history.integer(3)))
    }
    history.reset()
    guard !victims.isEmpty else { return 0 }
    try transaction(durable: false) { () throws(SQLiteFailure) in
      for victim in victims {
        try deleteMessage.run([.integer(victim.row)])
        if let sequence = victim.sequence { try savePruned.run([.text(victim.stream), .integer(sequence)]) }
      }
    }
    return victims.count
  }
}
