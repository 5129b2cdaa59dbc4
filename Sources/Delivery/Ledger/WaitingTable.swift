/// An observation that a newer one of its sensor replaced before the broker had it.
package struct WaitingObservation: Sendable, Hashable {
  /// Where it goes now that it is not the newest any more.
  package var topic: String
  package var payload: [UInt8]
  /// When it was made, by the wall clock, in milliseconds since 1970.
  package var wallMilliseconds: Int64

  package init(topic: String, payload: [UInt8], wallMilliseconds: Int64) {
    self.topic = topic
    self.payload = payload
    self.wallMilliseconds = wallMilliseconds
  }

  /// What it counts against a budget, in bytes.
  package var size: Int { topic.utf8.count + payload.count }

  /// The number of the interval that it lies in.
  package func bucket(intervalMilliseconds: Int64) -> Int64 {
    let (quotient, remainder) = wallMilliseconds.quotientAndRemainder(dividingBy: intervalMilliseconds)
    return remainder < 0 ? quotient - 1 : quotient
  }
}

/// The backlog of observations. Bounded by whoever owns it: this table only tells how much it holds.
final class WaitingTable {
  /// How much is in it.
  struct Totals: Hashable {
    var rows = 0
    var bytes = 0
  }

  private struct Slot: Hashable {
    var topic: String
    var bucket: Int64
  }

  /// Beside the tables of messages: an older program does not know it and leaves it alone.
  private static let table = """
    CREATE TABLE IF NOT EXISTS waiting_observations(
      row INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, topic TEXT NOT NULL, bytes BLOB NOT NULL)
    """
  private static let size = "length(CAST(topic AS BLOB)) + length(bytes)"

  private let insert: SQLiteStatement
  private let sizeOfRow: SQLiteStatement
  private let delete: SQLiteStatement
  private let newest: SQLiteStatement
  private let following: SQLiteStatement
  private let shift: SQLiteStatement
  /// Where the rows of this run begin.
  private let firstRow: Int64
  /// What is on the disk, and what the transaction under way makes of it.
  private(set) var totals = Totals()
  private var next = Totals()

  init(database: SQLiteDatabase) throws(SQLiteFailure) {
    try database.execute(WaitingTable.table)
    insert = try database.prepare("INSERT INTO waiting_observations(at, topic, bytes) VALUES(?, ?, ?)")
    sizeOfRow = try database.prepare("SELECT \(WaitingTable.size) FROM waiting_observations WHERE row = ?")
    delete = try database.prepare("DELETE FROM waiting_observations WHERE row = ?")
    newest = try database.prepare("SELECT row, at, topic, bytes FROM waiting_observations ORDER BY row DESC")
    following = try database.prepare(
      "SELECT row, at, topic, \(WaitingTable.size) FROM waiting_observations WHERE row > ? ORDER BY row LIMIT ?")
    shift = try database.prepare("UPDATE waiting_observations SET at = at + ? WHERE row >= ?")
    let counted = try database.prepare(
      "SELECT count(*), ifnull(sum(\(WaitingTable.size)), 0), ifnull(max(row), 0) FROM waiting_observations"
    ).first { (Int($0.integer(0)), Int($0.integer(1)), $0.integer(2)) }
    let (rows, bytes, last) = counted ?? (0, 0, 0)
    totals = Totals(rows: rows, bytes: bytes)
    firstRow = last + 1
  }

  // MARK: Within the caller's transaction

  func begin() { next = totals }

  /// The transaction is on its way to the disk.
  func keep() { totals = next }

  func write(_ observations: [WaitingObservation]) throws(SQLiteFailure) {
    for observation in observations {
      try insert.run([
        .integer(observation.wallMilliseconds), .text(observation.topic), .bytes(observation.payload),
      ])
      next.rows += 1
      next.bytes += observation.size
    }
  }

  func remove(_ rows: [Int64]) throws(SQLiteFailure) {
    for row in rows {
      // It may have been thinned out meanwhile.
      guard let size = try sizeOfRow.first([.integer(row)], { Int($0.integer(0)) }) else { continue }
      try remove(row, size: size)
    }
  }

  private func remove(_ row: Int64, size: Int) throws(SQLiteFailure) {
    try delete.run([.integer(row)])
    next.rows -= 1
    next.bytes -= size
  }

  /// Looks at `limit` rows after `row` and removes, of each topic, all but the newest of each interval.
  ///
  /// - Returns: the last row looked at; nil at the end of the table.
  func thin(after row: Int64, limit: Int, intervalMilliseconds: Int64) throws(SQLiteFailure) -> Int64? {
    var seen: [(row: Int64, size: Int, slot: Slot)] = []
    try following.start([.integer(row), .integer(Int64(limit))])
    while try following.step() {
      let observation = WaitingObservation(
        topic: following.text(2), payload: [], wallMilliseconds: following.integer(1))
      let bucket = observation.bucket(intervalMilliseconds: intervalMilliseconds)
      seen.append((following.integer(0), Int(following.integer(3)), Slot(topic: observation.topic, bucket: bucket)))
    }
    var kept: Set<Slot> = []
    for (row, size, slot) in seen.reversed() where !kept.insert(slot).inserted { try remove(row, size: size) }
    return seen.count == limit ? seen.last?.row : nil
  }

  /// Removes at most `limit` of the oldest rows: those made before a time.
  func expire(before wallMilliseconds: Int64, limit: Int) throws(SQLiteFailure) -> Int {
    var victims: [(row: Int64, size: Int)] = []
    try following.start([.integer(0), .integer(Int64(limit))])
    while try following.step() {
      if following.integer(1) < wallMilliseconds { victims.append((following.integer(0), Int(following.integer(3)))) }
    }
    for (row, size) in victims { try remove(row, size: size) }
    return victims.count
  }

  /// The wall clock was set: what this run wrote is dated anew.
  func shift(by milliseconds: Int64) throws(SQLiteFailure) {
    try shift.run([.integer(milliseconds), .integer(firstRow)])
  }

  // MARK: Reading

  /// The newest rows that are wanted, newest first.
  func page(limit: Int, isWanted: (Int64) -> Bool) throws(SQLiteFailure) -> [(row: Int64, WaitingObservation)] {
    var found: [(row: Int64, WaitingObservation)] = []
    try newest.start()
    defer { newest.reset() }
    while found.count < limit, try newest.step() {
      guard isWanted(newest.integer(0)) else { continue }
      found.append(
        (
          newest.integer(0),
          WaitingObservation(topic: newest.text(2), payload: newest.bytes(3), wallMilliseconds: newest.integer(1))
        ))
    }
    return found
  }
}

/// The backlog of observations, as the ledger's thread uses it.
extension Ledger {
  /// Observations that wait, and their bytes.
  package var waitingRows: Int { waiting.totals.rows }
  package var waitingBytes: Int { waiting.totals.bytes }

  /// The newest observations that wait and are wanted, newest first.
  package func waitingPage(
    limit: Int, isWanted: (Int64) -> Bool
  ) throws(SQLiteFailure) -> [(row: Int64, WaitingObservation)] {
    try waiting.page(limit: limit, isWanted: isWanted)
  }

  /// Keeps, of each topic, the newest observation of each interval among `limit` rows after `row`.
  ///
  /// - Returns: the last row looked at; nil at the end.
  package func thinWaiting(
    after row: Int64, limit: Int, intervalMilliseconds: Int64
  ) throws(SQLiteFailure) -> Int64? {
    var last: Int64?
    try transaction(durable: false) { () throws(SQLiteFailure) in
      last = try waiting.thin(after: row, limit: limit, intervalMilliseconds: intervalMilliseconds)
    }
    return last
  }

  /// Removes observations made before a time, at most `limit`, oldest first.
  ///
  /// - Returns: how many were removed.
  package func expireWaiting(before wallMilliseconds: Int64, limit: Int) throws(SQLiteFailure) -> Int {
    guard waitingRows > 0 else { return 0 }
    var removed = 0
    try transaction(durable: false) { () throws(SQLiteFailure) in
      removed = try waiting.expire(before: wallMilliseconds, limit: limit)
    }
    return removed
  }

  /// Dates what this run wrote anew, after the wall clock was set.
  package func shiftWaiting(by milliseconds: Int64) throws(SQLiteFailure) {
    guard waitingRows > 0 else { return }
    try transaction(durable: false) { () throws(SQLiteFailure) in try waiting.shift(by: milliseconds) }
  }
}
