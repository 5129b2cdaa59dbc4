/// One action of an output, as the ledger keeps it: what was switched, when, and who or what caused it.
public struct OutputAction: Sendable, Hashable {
  /// By the wall clock, in milliseconds since 1970.
  public var wallMilliseconds: Int64
  public var output: String
  public var isOn: Bool
  /// `alert`, `released`, `max_on`, `input_faulty`, `silenced`, … An open list.
  public var cause: String
  /// The ids of alerts, faulty sensors, a button or an authority's key; empty where the cause says all.
  public var by: [String]
  /// When it is switched off at the latest.
  public var untilMilliseconds: Int64?

  public init(
    wallMilliseconds: Int64, output: String, isOn: Bool, cause: String, by: [String] = [],
    untilMilliseconds: Int64? = nil
  ) {
    self.wallMilliseconds = wallMilliseconds
    self.output = output
    self.isOn = isOn
    self.cause = cause
    self.by = by
    self.untilMilliseconds = untilMilliseconds
  }
}

/// The ledger's bounded memory of what outputs did.
final class ActionTable {
  /// Beside the tables of messages: an older program does not know it and leaves it alone.
  private static let table = """
    CREATE TABLE IF NOT EXISTS actions(
      row INTEGER PRIMARY KEY, at INTEGER NOT NULL, output TEXT NOT NULL, state INTEGER NOT NULL, cause TEXT NOT NULL,
      because TEXT NOT NULL, until INTEGER);
    """
  /// Of so many the newest are kept: years, unless a siren sounds every hour.
  private static let kept: Int64 = 10_000

  private let insert: SQLiteStatement
  private let prune: SQLiteStatement

  init(database: SQLiteDatabase) throws(SQLiteFailure) {
    try database.execute(ActionTable.table)
    insert = try database.prepare(
      "INSERT INTO actions(at, output, state, cause, because, until) VALUES(?, ?, ?, ?, ?, ?)")
    prune = try database.prepare("DELETE FROM actions WHERE row <= (SELECT max(row) FROM actions) - ?")
  }

  /// Within the caller's transaction.
  func write(_ actions: [OutputAction]) throws(SQLiteFailure) {
    guard !actions.isEmpty else { return }
    for action in actions {
      try insert.run([
        .integer(action.wallMilliseconds), .text(action.output), .integer(action.isOn ? 1 : 0), .text(action.cause),
        .text(action.by.joined(separator: " ")), action.untilMilliseconds.map { .integer($0) } ?? .null,
      ])
    }
    try prune.run([.integer(ActionTable.kept)])
  }
}

extension LedgerReader {
  /// What the outputs did last, oldest first, at most `limit` actions; none in an older ledger.
  public func actions(limit: Int) throws(DeliveryError) -> [OutputAction] {
    try reading("actions") { (database) throws(SQLiteFailure) in
      var actions: [OutputAction] = []
      let statement = try database.prepare(
        "SELECT at, output, state, cause, because, until FROM actions ORDER BY row DESC LIMIT ?1")
      try statement.start([.integer(Int64(limit))])
      while try statement.step() {
        actions.append(
          OutputAction(
            wallMilliseconds: statement.integer(0), output: statement.text(1), isOn: statement.integer(2) != 0,
            cause: statement.text(3), by: statement.text(4).split(separator: " ").map(String.init),
            untilMilliseconds: statement.isNull(5) ? nil : statement.integer(5)))
      }
      return actions.reversed()
    } ?? []
  }
}
