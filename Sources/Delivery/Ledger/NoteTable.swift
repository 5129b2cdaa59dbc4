/// What is kept beside messages and never sent. Beside the tables of messages: an older program does not know it and
/// leaves it alone.
package final class NoteTable {
  private let insert: SQLiteStatement
  private let delete: SQLiteStatement
  private let find: SQLiteStatement

  package init(database: SQLiteDatabase) throws(SQLiteFailure) {
    try database.execute("CREATE TABLE IF NOT EXISTS notes(row INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    insert = try database.prepare("INSERT OR REPLACE INTO notes(row, text) VALUES(?, ?)")
    delete = try database.prepare("DELETE FROM notes WHERE row = ?")
    find = try database.prepare("SELECT text FROM notes WHERE row = ?")
  }

  /// Within the caller's transaction.
  package func save(_ text: String, row: Int64) throws(SQLiteFailure) {
    try insert.run([.integer(row), .text(text)])
  }

  package func text(row: Int64) throws(SQLiteFailure) -> String? {
    try find.first([.integer(row)]) { $0.text(0) }
  }

  /// Within the caller's transaction.
  package func remove(row: Int64) throws(SQLiteFailure) {
    try delete.run([.integer(row)])
  }
}
