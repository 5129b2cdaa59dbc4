/// The ledger of one gateway: what was raised, what is still to be delivered, what the station remembers.
///
/// One file, one epoch. Every method belongs to the thread that owns the ledger.
package final class Ledger {
  private let database: SQLiteDatabase
  /// Keeps other processes out as long as the ledger lives.
  let lock: any FolderHold
  private let insertMessage: SQLiteStatement
  private let saveRecord: SQLiteStatement
  private let deleteRecord: SQLiteStatement
  private let freezeMessage: SQLiteStatement
  private let acknowledgeMessage: SQLiteStatement
  private let saveMeta: SQLiteStatement
  private let rootOfID: SQLiteStatement
  private let revisionExists: SQLiteStatement
  private let messageAtRow: SQLiteStatement
  private let beginningsOfID: SQLiteStatement
  private let outbox: SQLiteStatement
  private let outboxOfRoot: SQLiteStatement
  private let nextUnacknowledged: SQLiteStatement
  private let oldestNotices: SQLiteStatement
  private let history: SQLiteStatement
  private let deleteMessage: SQLiteStatement
  private let savePruned: SQLiteStatement
  private let observations: ObservationTable
  private let notes: NoteTable
  private let unstored: UnstoredTable
  private let chain: ChainTable
  private let actions: ActionTable
  let waiting: WaitingTable

  /// Transactions, and requests to the disk to make them durable.
  package private(set) var commits: UInt64 = 0
  package private(set) var syncs: UInt64 = 0
  private var isSynced = true
  /// A sync has failed, perhaps: before the next transaction all goes from the log into the database.
  private var isLogDoubtful: Bool
  /// The present boot, until the first transaction has saved it.
  private(set) var unsavedBoot: String?

  /// Takes a database whose tables stand.
  ///
  /// - Parameters:
  ///   - isLogDoubtful: whether an earlier connection of this boot may have failed to sync what stands in its log.
  ///   - unsavedBoot: the present boot, if the database does not know it yet.
  package init(
    database: SQLiteDatabase, lock: any FolderHold, epoch: String, digest: @escaping LedgerDigest,
    isLogDoubtful: Bool = false, unsavedBoot: String? = nil
  ) throws(SQLiteFailure) {
    self.isLogDoubtful = isLogDoubtful
    self.unsavedBoot = unsavedBoot
    self.database = database
    self.lock = lock
    notes = try NoteTable(database: database)
    unstored = try UnstoredTable(database: database)
    chain = try ChainTable(database: database, epoch: epoch, digest: digest)
    let columns = LedgerSchema.columns
    insertMessage = try database.prepare(
      """
      INSERT INTO messages(row, root, lane, stream, sequence, id, form, revision, topic, detected, boot, created,
        acknowledged, frozen, bytes, link, hash) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """)
    saveRecord = try database.prepare(
      "INSERT INTO records(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value")
    deleteRecord = try database.prepare("DELETE FROM records WHERE key = ?")
    freezeMessage = try database.prepare(
      "UPDATE messages SET frozen = 1, bytes = ?, link = ?, hash = ? WHERE row = ? AND frozen = 0")
    acknowledgeMessage = try database.prepare(
      "UPDATE messages SET acknowledged = ? WHERE row = ? AND acknowledged IS NULL")
    saveMeta = try database.prepare(
      "INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value")
    rootOfID = try database.prepare(
      "SELECT root FROM messages WHERE id = ? AND form = ? ORDER BY revision LIMIT 1")
    revisionExists = try database.prepare("SELECT 1 FROM messages WHERE id = ? AND form = ? AND revision = ?")
    messageAtRow = try database.prepare("SELECT \(columns) FROM messages WHERE row = ?")
    beginningsOfID = try database.prepare(
      "SELECT row, revision, frozen, substr(bytes, 1, \(Ledger.beginningBytes)) FROM messages"
        + " WHERE id = ? AND form = ? AND revision < ?")
    outbox = try database.prepare(
      "SELECT \(columns) FROM messages WHERE acknowledged IS NULL ORDER BY lane, root DESC, row")
    outboxOfRoot = try database.prepare(
      "SELECT row FROM messages WHERE acknowledged IS NULL AND lane = ? AND root = ? AND row < ? ORDER BY row")
    nextUnacknowledged = try database.prepare(
      "SELECT sequence, row, acknowledged FROM messages WHERE stream = ? AND sequence > ? ORDER BY sequence")
    oldestNotices = try database.prepare(
      """
      SELECT row, stream, sequence, length(bytes), boot, detected, created FROM messages
        WHERE acknowledged IS NULL AND lane = 1 ORDER BY lane DESC, root LIMIT ?
      """)
    history = try database.prepare(
      "SELECT row, lane, stream, sequence, acknowledged, boot, detected, created FROM messages ORDER BY row")
    deleteMessage = try database.prepare("DELETE FROM messages WHERE row = ?")
    observations = try ObservationTable(database: database)
    actions = try ActionTable(database: database)
    waiting = try WaitingTable(database: database)
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
      for (row, bytes) in entry.frozen { try freeze(row, bytes) }
      for (row, milliseconds) in entry.acknowledged {
        try acknowledgeMessage.run([.integer(milliseconds), .integer(row)])
      }
      try observations.write(entry.observations, run: entry.run)
      try actions.write(entry.actions)
      try unstored.write(entry.unstored)
      try waiting.write(entry.waiting)
      try waiting.remove(entry.delivered)
    }
  }

  /// The final bytes take the draft's place, and a link of the chain of their own.
  private func freeze(_ row: Int64, _ bytes: [UInt8]) throws(SQLiteFailure) {
    guard var stored = try message(row: row), !stored.isFrozen else { return }
    stored.message.draft = bytes
    stored.message.note = try notes.text(row: row)
    stored.isFrozen = true
    try chain.close(linkOf: row)
    let link = chain.add(stored)
    try freezeMessage.run([.bytes(bytes), .integer(link.number), .bytes(link.hash), .integer(row)])
  }

  private func insert(_ stored: StoredMessage) throws(SQLiteFailure) {
    let message = stored.message
    let link = chain.add(stored)
    try insertMessage.run([
      .integer(stored.row), .integer(stored.root), .integer(stored.lane.rawValue), .text(message.stream),
      message.sequence.map { .integer(Int64(clamping: $0)) } ?? .null, .text(message.id), .integer(stored.form),
      .integer(Int64(message.revision)), .text(message.topic), .integer(message.detectedNanoseconds),
      .text(stored.boot), .integer(stored.createdMilliseconds),
      stored.acknowledgedMilliseconds.map { .integer($0) } ?? .null, .integer(stored.isFrozen ? 1 : 0),
      .bytes(message.draft), .integer(link.number), .bytes(link.hash),
    ])
    if let note = message.note { try notes.save(note, row: stored.row) }
  }

  /// Saves a single value beside the messages.
  package func save(_ key: String, _ value: SQLiteValue, durable: Bool) throws(SQLiteFailure) {
    try transaction(durable: durable) { () throws(SQLiteFailure) in
      try saveMeta.run([.text(key), value])
    }
  }

  func transaction(
    durable: Bool, _ body: () throws(SQLiteFailure) -> Void
  ) throws(SQLiteFailure) {
    try watchingSyncs { () throws(SQLiteFailure) in
      if isLogDoubtful {
        try database.beginNewLog()
        isLogDoubtful = false
      }
      if durable != isSynced {
        try database.execute(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL")
        isSynced = durable
      }
      chain.begin()
      waiting.begin()
      try database.transaction { () throws(SQLiteFailure) in
        try body()
        if let unsavedBoot { try saveMeta.run([.text("boot"), .text(unsavedBoot)]) }
        try chain.saveHead()
      }
      unsavedBoot = nil
      chain.keep()
      waiting.keep()
      commits += 1
      if durable { syncs += 1 }
    }
  }

  /// After a sync that failed, the kernel takes the pages for clean that it could not write, and says so no more. What an
  /// earlier transaction left in the log without a sync may be among them, and all after it would be lost with it.
  private func watchingSyncs(_ body: () throws(SQLiteFailure) -> Void) throws(SQLiteFailure) {
    do {
      try body()
    } catch {
      if error.isSync { isLogDoubtful = true }
      throw error
    }
  }

  /// Takes the counts of the ledger that this one takes the place of: they only ever rise.
  func goOnCounting(from earlier: Ledger) {
    commits += earlier.commits
    syncs += earlier.syncs
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

  /// So much of a message is enough for its identifier, its sender and when it was sent.
  private static let beginningBytes = 2_048

  /// How the messages of an id and form below a revision begin.
  package func beginnings(
    id: String, form: Int64, before revision: Int
  ) throws(SQLiteFailure) -> [(row: Int64, revision: Int, isFrozen: Bool, bytes: [UInt8])] {
    var found: [(row: Int64, revision: Int, isFrozen: Bool, bytes: [UInt8])] = []
    try beginningsOfID.start([.text(id), .integer(form), .integer(Int64(revision))])
    defer { beginningsOfID.reset() }
    while try beginningsOfID.step() {
      found.append(
        (
          beginningsOfID.integer(0), Int(beginningsOfID.integer(1)), beginningsOfID.integer(2) != 0,
          beginningsOfID.bytes(3)
        ))
    }
    return found
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

  /// The undelivered rows of one id and form below `row`, in order.
  package func outbox(lane: Lane, root: Int64, before row: Int64) throws(SQLiteFailure) -> [Int64] {
    var rows: [Int64] = []
    try outboxOfRoot.start([.integer(lane.rawValue), .integer(root), .integer(row)])
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
      stream: row.text(2), sequence: row.isNull(3) ? nil : UInt64(clamping: row.integer(3)),
      form: OutgoingMessage.Form(rawValue: row.integer(13)), id: row.text(4), revision: Int(row.integer(5)),
      topic: row.text(6), draft: row.bytes(12), detectedNanoseconds: row.integer(7))
    var stored = StoredMessage(
      row: row.integer(0), root: row.integer(1), message: message, boot: row.text(8),
      createdMilliseconds: row.integer(9))
    stored.acknowledgedMilliseconds = row.isNull(10) ? nil : row.integer(10)
    stored.isFrozen = row.integer(11) != 0
    return stored
  }

  // MARK: Housekeeping

  /// Whether the file could only be opened for reading, because the disk was full or read-only: what was opened so is never
  /// written.
  package var isReadOnly: Bool { database.isReadOnly }

  /// Whether there is no file: none could be opened, or the one that was is being replaced.
  package var isInMemory: Bool { database.mode == .inMemory }

  /// Pages that wait to be moved into the database.
  package var writeAheadPages: Int { database.writeAheadPages }

  package func checkpoint() throws(SQLiteFailure) {
    try watchingSyncs { () throws(SQLiteFailure) in try database.checkpoint() }
    syncs += 2
  }

  /// Removes observations for open data: those before a time and those above a number, at most `limit` of each.
  package func pruneObservations(before wallMilliseconds: Int64, above rows: Int, limit: Int) throws(SQLiteFailure) {
    try transaction(durable: false) { () throws(SQLiteFailure) in
      try observations.prune(before: wallMilliseconds, above: rows, limit: limit)
    }
  }

  /// Gives up the oldest undelivered notices.
  ///
  /// - Parameter retention: if it is given, only those that are older than it allows.
  /// - Returns: which, for the caller's books.
  package func giveUpNotices(
    _ count: Int, olderThan retention: Retention? = nil
  ) throws(SQLiteFailure) -> [GivenUpNotice] {
    var victims: [GivenUpNotice] = []
    try oldestNotices.start([.integer(Int64(count))])
    defer { oldestNotices.reset() }
    while try oldestNotices.step() {
      let isOld = retention?.isOver(
        boot: oldestNotices.text(4), detectedNanoseconds: oldestNotices.integer(5),
        createdMilliseconds: oldestNotices.integer(6))
      guard isOld ?? true else { break }
      victims.append(
        GivenUpNotice(
          row: oldestNotices.integer(0), stream: oldestNotices.text(1),
          sequence: oldestNotices.isNull(2) ? nil : UInt64(clamping: oldestNotices.integer(2)),
          bytes: Int(oldestNotices.integer(3))))
    }
    oldestNotices.reset()
    guard !victims.isEmpty else { return [] }
    try transaction(durable: false) { () throws(SQLiteFailure) in
      for victim in victims {
        try acknowledgeMessage.run([.integer(LedgerSchema.givenUp), .integer(victim.row)])
      }
    }
    return victims
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
      let isOld = retention.isOver(
        boot: history.text(5), detectedNanoseconds: history.integer(6), createdMilliseconds: history.integer(7))
      if !isOld, victims.count >= excess { break }
      let isNotice = history.integer(1) == Lane.notice.rawValue
      guard !history.isNull(4), victims.count < excess || isNotice else { continue }
      victims.append((history.integer(0), history.text(2), history.isNull(3) ? nil : history.integer(3)))
    }
    history.reset()
    guard !victims.isEmpty else { return 0 }
    try transaction(durable: false) { () throws(SQLiteFailure) in
      for victim in victims {
        try chain.close(linkOf: victim.row)
        try deleteMessage.run([.integer(victim.row)])
        try notes.remove(row: victim.row)
        if let sequence = victim.sequence { try savePruned.run([.text(victim.stream), .integer(sequence)]) }
      }
    }
    return victims.count
  }
}
