/// One observation as the ledger keeps it for open data. Never of a person, never of a receiver of tags.
public struct ObservationRecord: Sendable, Hashable {
  /// By the wall clock, in milliseconds since 1970.
  public var wallMilliseconds: Int64
  public var sensor: String
  /// The word of what is measured: `water_level`, `rain`, …
  public var quantity: String
  /// In thousandths of the quantity's unit; nil where nothing was measured. Of a contact 1000 is wet, 0 dry.
  public var thousandths: Int64?
  /// A rain gauge's tips so far.
  public var count: Int64?
  /// Why nothing is measured.
  public var fault: String?
  /// `synchronized`, `rtc` or `unsynchronized`.
  public var clock: String

  public init(
    wallMilliseconds: Int64, sensor: String, quantity: String, thousandths: Int64?, count: Int64?, fault: String?,
    clock: String
  ) {
    self.wallMilliseconds = wallMilliseconds
    self.sensor = sensor
    self.quantity = quantity
    self.thousandths = thousandths
    self.count = count
    self.fault = fault
    self.clock = clock
  }
}

/// One time that the gateway ran, from its start to its end.
public struct LedgerRun: Sendable, Hashable {
  public var boot: String
  /// By the wall clock, in milliseconds since 1970.
  public var beganMilliseconds: Int64
  /// When it was last known to run.
  public var aliveMilliseconds: Int64
  /// The word of its end, such as `stop` or `reload`; nil while it runs, and where it ended without saying so.
  public var ended: String?

  public init(boot: String, beganMilliseconds: Int64, aliveMilliseconds: Int64, ended: String?) {
    self.boot = boot
    self.beganMilliseconds = beganMilliseconds
    self.aliveMilliseconds = aliveMilliseconds
    self.ended = ended
  }
}

/// The ledger's bounded memory of observations and of when the gateway ran: for open data and the monthly summary.
package final class ObservationTable {
  /// Beside the tables of messages: an older program does not know them and leaves them alone.
  private static let tables = """
    CREATE TABLE IF NOT EXISTS observations(
      row INTEGER PRIMARY KEY, at INTEGER NOT NULL, sensor TEXT NOT NULL, quantity TEXT NOT NULL, value INTEGER,
      count INTEGER, fault TEXT, clock TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS runs(
      run INTEGER PRIMARY KEY, boot TEXT NOT NULL, began INTEGER NOT NULL, alive INTEGER NOT NULL, ended TEXT);
    """
  /// How many runs are remembered: years, unless it restarts all the time.
  private static let keptRuns: Int64 = 5_000

  private let insert: SQLiteStatement
  private let saveRun: SQLiteStatement
  private let pruneByCount: SQLiteStatement
  private let pruneByAge: SQLiteStatement
  private let pruneRuns: SQLiteStatement
  /// The number of the present run.
  private let run: Int64

  package init(database: SQLiteDatabase) throws(SQLiteFailure) {
    try database.execute(ObservationTable.tables)
    insert = try database.prepare(
      "INSERT INTO observations(at, sensor, quantity, value, count, fault, clock) VALUES(?, ?, ?, ?, ?, ?, ?)")
    saveRun = try database.prepare(
      """
      INSERT INTO runs(run, boot, began, alive, ended) VALUES(?, ?, ?, ?, ?)
      ON CONFLICT(run) DO UPDATE SET began = excluded.began, alive = excluded.alive, ended = excluded.ended
      """)
    pruneByCount = try database.prepare(
      """
      DELETE FROM observations WHERE row <= (SELECT max(row) FROM observations) - ?1
        AND row < (SELECT min(row) FROM observations) + ?2
      """)
    pruneByAge = try database.prepare(
      """
      DELETE FROM observations WHERE at < ?1 AND row IN (SELECT row FROM observations ORDER BY row LIMIT ?2)
      """)
    pruneRuns = try database.prepare("DELETE FROM runs WHERE run <= (SELECT max(run) FROM runs) - ?")
    run = try database.prepare("SELECT ifnull(max(run), 0) + 1 FROM runs").first { $0.integer(0) } ?? 1
  }

  /// Within the caller's transaction.
  package func write(_ observations: [ObservationRecord], run: LedgerRun?) throws(SQLiteFailure) {
    for record in observations {
      try insert.run([
        .integer(record.wallMilliseconds), .text(record.sensor), .text(record.quantity),
        record.thousandths.map { .integer($0) } ?? .null, record.count.map { .integer($0) } ?? .null,
        record.fault.map { .text($0) } ?? .null, .text(record.clock),
      ])
    }
    guard let run else { return }
    try saveRun.run([
      .integer(self.run), .text(run.boot), .integer(run.beganMilliseconds), .integer(run.aliveMilliseconds),
      run.ended.map { .text($0) } ?? .null,
    ])
  }

  /// Removes what is too old or too much: at most `limit` observations, oldest first. Within the caller's transaction.
  package func prune(before wallMilliseconds: Int64, above rows: Int, limit: Int) throws(SQLiteFailure) {
    try pruneByCount.run([.integer(Int64(rows)), .integer(Int64(limit))])
    try pruneByAge.run([.integer(wallMilliseconds), .integer(Int64(limit))])
    try pruneRuns.run([.integer(ObservationTable.keptRuns)])
  }
}
