extension LedgerReader {
  /// The paths of damaged ledgers that were set aside in a state folder, oldest first: at most three are kept.
  public static func setAside(in stateFolder: String) -> [String] {
    LedgerExchange.setAside(in: stateFolder, SystemDisk())
  }

  /// The observations from one time up to another, in the order of their arrival, page by page.
  ///
  /// - Parameters:
  ///   - milliseconds: by the wall clock since 1970.
  ///   - row: of the last page's last record; 0 for the first page.
  /// - Returns: at most `limit` records, each with its row.
  public func observations(
    in milliseconds: Range<Int64>, after row: Int64 = 0, limit: Int = 1_000
  ) throws(DeliveryError) -> [(row: Int64, record: ObservationRecord)] {
    try reading("observations") { (database) throws(SQLiteFailure) in
      var records: [(row: Int64, record: ObservationRecord)] = []
      let columns = "row, at, sensor, quantity, value, count, fault, clock"
      do throws(SQLiteFailure) {
        let statement = try database.prepare(
          "SELECT \(columns) FROM observations WHERE row > ?1 AND at >= ?2 AND at < ?3 ORDER BY row LIMIT ?4")
        try statement.start([
          .integer(row), .integer(milliseconds.lowerBound), .integer(milliseconds.upperBound), .integer(Int64(limit)),
        ])
        while try statement.step() { records.append(LedgerReader.observation(statement)) }
      } catch {
        guard error.isCorruption else { throw error }
        damageFound = error.message
        records = []
        _ = try database.forEachReadable(columns, of: "observations", after: row) { statement in
          if milliseconds.contains(statement.integer(1)) { records.append(LedgerReader.observation(statement)) }
          return records.count < limit
        }
      }
      return records
    } ?? []
  }

  private static func observation(_ statement: SQLiteStatement) -> (row: Int64, record: ObservationRecord) {
    (
      statement.integer(0),
      ObservationRecord(
        wallMilliseconds: statement.integer(1), sensor: statement.text(2), quantity: statement.text(3),
        thousandths: statement.isNull(4) ? nil : statement.integer(4),
        count: statement.isNull(5) ? nil : statement.integer(5), fault: statement.isNull(6) ? nil : statement.text(6),
        clock: statement.text(7))
    )
  }

  /// When the gateway ran, oldest first.
  public func runs() throws(DeliveryError) -> [LedgerRun] {
    try reading("runs") { (database) throws(SQLiteFailure) in
      var runs: [LedgerRun] = []
      let statement = try database.prepare("SELECT boot, began, alive, ended FROM runs ORDER BY run")
      while try statement.step() {
        runs.append(
          LedgerRun(
            boot: statement.text(0), beganMilliseconds: statement.integer(1), aliveMilliseconds: statement.integer(2),
            ended: statement.isNull(3) ? nil : statement.text(3)))
      }
      return runs
    } ?? []
  }

  /// The bytes of every message, in the order of raising, of each alert that was told of from one time up to another; also
  /// what was said of it before.
  ///
  /// - Parameter milliseconds: by the wall clock since 1970.
  public func alertMessages(
    in milliseconds: Range<Int64>, _ body: ([UInt8]) -> Void
  ) throws(DeliveryError) {
    _ = try reading("messages") { (database) throws(SQLiteFailure) in
      let statement = try database.prepare(
        """
        SELECT bytes FROM messages WHERE stream = ?1 AND form = 0 AND created < ?3 AND id IN (
          SELECT id FROM messages WHERE stream = ?1 AND form = 0 AND created >= ?2 AND created < ?3) ORDER BY row
        """)
      try statement.start([
        .text(OutgoingMessage.alertStream), .integer(milliseconds.lowerBound), .integer(milliseconds.upperBound),
      ])
      while try statement.step() { body(statement.bytes(0)) }
    }
  }
}
