/// Numbers of one stream that were given while the ledger could not be written, and never stored: the process was killed
/// before there was room, or so many waited in memory that they had to go.
package struct UnstoredNumbers: Sendable, Hashable, CustomStringConvertible {
  package var stream: String
  package var first: UInt64
  package var last: UInt64

  package init(stream: String, first: UInt64, last: UInt64) {
    self.stream = stream
    self.first = first
    self.last = last
  }

  package var description: String {
    let lane = OutgoingMessage.isPersonal(stream) ? "a person's stream" : "the stream \(stream)"
    return "An earlier run sent the numbers \(first) to \(last) of \(lane) from memory and was ended before they could"
      + " be stored: they are not given again. Compare with what was received."
  }
}

extension [UnstoredNumbers] {
  /// How many of a stream there are.
  func count(of stream: String) -> Int {
    filter { $0.stream == stream }.reduce(0) { $0 + Int(clamping: $1.last - $1.first + 1) }
  }

  /// Adds one number of a stream.
  mutating func add(_ number: UInt64, of stream: String) {
    if let index = lastIndex(where: { $0.stream == stream }), self[index].last + 1 == number {
      self[index].last = number
    } else {
      append(UnstoredNumbers(stream: stream, first: number, last: number))
    }
  }
}

/// The ledger's memory of them: a number that is used is never given again, also when its message is not here.
final class UnstoredTable {
  static let name = "unstored"

  private let insert: SQLiteStatement

  /// Beside the tables of messages: an older program does not know it and leaves it alone.
  static func install(in database: SQLiteDatabase) throws(SQLiteFailure) {
    try database.execute(
      "CREATE TABLE IF NOT EXISTS unstored(stream TEXT, first INTEGER, last INTEGER, PRIMARY KEY(stream, first))")
  }

  init(database: SQLiteDatabase) throws(SQLiteFailure) {
    try UnstoredTable.install(in: database)
    insert = try database.prepare("INSERT OR REPLACE INTO unstored(stream, first, last) VALUES(?, ?, ?)")
  }

  /// Within the caller's transaction.
  func write(_ numbers: [UnstoredNumbers]) throws(SQLiteFailure) {
    for numbers in numbers {
      try insert.run([
        .text(numbers.stream), .integer(Int64(clamping: numbers.first)), .integer(Int64(clamping: numbers.last)),
      ])
    }
  }
}
