/// Reading around damaged pages: what is readable is read.
extension SQLiteDatabase {
  /// So many rows of a hole are tried one by one.
  private static let triedRows: Int64 = 1_000_000

  /// Reads a table whose key is `row`, in ascending order, around pages that cannot be read.
  ///
  /// - Parameters:
  ///   - columns: what is selected; the first must be `row`.
  ///   - body: whether it wants more.
  /// - Returns: what SQLite said about damage that was found; nil where there was none.
  func forEachReadable(
    _ columns: String, of table: String, after row: Int64 = 0, _ body: (SQLiteStatement) -> Bool
  ) throws(SQLiteFailure) -> String? {
    var last = row
    do {
      _ = try scan(columns, of: table, from: row + 1, &last, body)
      return nil
    } catch {
      guard error.isCorruption else { throw error }
      guard let end = firstReadableFromTheEnd(of: table, above: last) else { return error.message }
      let find = try prepare("SELECT \(columns) FROM \(table) WHERE row = ?")
      for row in (last + 1)..<min(max(end, last + 1), last + 1 + SQLiteDatabase.triedRows) {
        var wantsMore = true
        // A row on a damaged page: the next may lie on a sound one.
        _ = try? find.first([.integer(row)]) { wantsMore = body($0) }
        guard wantsMore else { return error.message }
      }
      last = end - 1
      do {
        _ = try scan(columns, of: table, from: end, &last, body)
      } catch {
        guard error.isCorruption else { throw error }
      }
      return error.message
    }
  }

  /// Not "above the row before": to find that one, SQLite would read the page that it lies on, which may be the damaged one.
  private func scan(
    _ columns: String, of table: String, from row: Int64, _ last: inout Int64, _ body: (SQLiteStatement) -> Bool
  ) throws(SQLiteFailure) -> Bool {
    let statement = try prepare("SELECT \(columns) FROM \(table) WHERE row >= ? ORDER BY row")
    try statement.start([.integer(row)])
    defer { statement.reset() }
    while try statement.step() {
      last = statement.integer(0)
      guard body(statement) else { return false }
    }
    return true
  }

  /// The lowest row from which on all up to the end can be read.
  private func firstReadableFromTheEnd(of table: String, above row: Int64) -> Int64? {
    var lowest: Int64?
    guard let statement = try? prepare("SELECT row FROM \(table) WHERE row > ? ORDER BY row DESC") else { return nil }
    guard (try? statement.start([.integer(row)])) != nil else { return nil }
    while (try? statement.step()) == true { lowest = statement.integer(0) }
    statement.reset()
    return lowest
  }
}
