internal import Glibc

/// What somebody found an alert to be, said at the gateway itself: also of one that is over.
public struct AlertMark: Sendable, Hashable {
  /// The alert's id.
  public var alert: String
  /// `real`, `false_alarm`, `test`, … An open list.
  public var cause: String
  /// Who said so.
  public var by: String
  /// By the wall clock, in milliseconds since 1970.
  public var wallMilliseconds: Int64

  public init(alert: String, cause: String, by: String, wallMilliseconds: Int64) {
    self.alert = alert
    self.cause = cause
    self.by = by
    self.wallMilliseconds = wallMilliseconds
  }
}

/// Writes marks into the ledger of a state folder, also while a gateway writes it. Nothing of it is ever sent.
public final class LedgerMarker {
  /// Beside the tables of messages: an older program does not know it and leaves it alone.
  private static let table = """
    CREATE TABLE IF NOT EXISTS marks(
      row INTEGER PRIMARY KEY, alert TEXT NOT NULL, cause TEXT NOT NULL, who TEXT NOT NULL, at INTEGER NOT NULL)
    """
  /// Of so many the newest are kept: one a day for 27 years.
  private static let kept: Int64 = 10_000

  private let database: SQLiteDatabase
  private let path: String

  /// Opens the ledger for writing; it must be there.
  public init(stateFolder: String) throws(DeliveryError) {
    path = LedgerOpener.path(in: stateFolder)
    let found = unsafe access(path, R_OK | W_OK)
    let code = errno
    guard found == 0 else {
      let kind: DeliveryError.Kind = code == EACCES || code == EROFS ? .noPermission : .missing
      throw DeliveryError(
        kind,
        "Failed to open the ledger \(path): \(systemErrorText(code)): check gateway.state, and run it as the user that the"
          + " gateway runs as")
    }
    do {
      database = try SQLiteDatabase(path: path, mode: .readWrite)
    } catch {
      throw Self.explained(path, error)
    }
  }

  /// Keeps one mark; a later one of the same alert counts instead of it.
  ///
  /// - Throws: `missing` where the ledger knows no such alert.
  public func write(_ mark: AlertMark) throws(DeliveryError) {
    try write(mark, keeping: Self.kept)
  }

  package func write(_ mark: AlertMark, keeping kept: Int64) throws(DeliveryError) {
    var isKnown = false
    do {
      let find = try database.prepare("SELECT 1 FROM messages WHERE id = ? AND form = 0 AND stream = ? LIMIT 1")
      isKnown = try find.first([.text(mark.alert), .text(OutgoingMessage.alertStream)]) { _ in true } ?? false
      if isKnown { try insert(mark, keeping: kept) }
    } catch {
      throw Self.explained(path, error)
    }
    guard isKnown else {
      throw DeliveryError(
        .missing,
        "Failed to mark \(mark.alert): the ledger holds no alert of this id: take one from 'ledger show --stream alert'"
      )
    }
  }

  private func insert(_ mark: AlertMark, keeping kept: Int64) throws(SQLiteFailure) {
    try database.execute(Self.table)
    let insert = try database.prepare("INSERT INTO marks(alert, cause, who, at) VALUES(?, ?, ?, ?)")
    let prune = try database.prepare("DELETE FROM marks WHERE row <= (SELECT max(row) FROM marks) - ?")
    try database.transaction { () throws(SQLiteFailure) in
      try insert.run([.text(mark.alert), .text(mark.cause), .text(mark.by), .integer(mark.wallMilliseconds)])
      try prune.run([.integer(kept)])
    }
  }

  private static func explained(_ path: String, _ failure: SQLiteFailure) -> DeliveryError {
    let what = "Failed to write into the ledger \(path): \(failure.message)"
    if failure.isPermission || failure.cannotOpen {
      return DeliveryError(.noPermission, "\(what): run it as the user that the gateway runs as")
    }
    return DeliveryError(.inputOutput, "\(what): try again in a moment; if it goes on, check the disk")
  }
}

extension LedgerReader {
  /// Every mark, oldest first; none in a ledger where nobody has marked anything.
  public func marks() throws(DeliveryError) -> [AlertMark] {
    try reading("marks") { (database) throws(SQLiteFailure) in
      var marks: [AlertMark] = []
      let statement = try database.prepare("SELECT alert, cause, who, at FROM marks ORDER BY row")
      while try statement.step() {
        marks.append(
          AlertMark(
            alert: statement.text(0), cause: statement.text(1), by: statement.text(2),
            wallMilliseconds: statement.integer(3)))
      }
      return marks
    } ?? []
  }
}
