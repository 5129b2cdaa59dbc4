/// A new ledger in place of one that was found damaged while it was used, or that could not be opened at the start.
///
/// Unlike at the start, every number that was given is known. The new ledger therefore goes on in the epoch of the present
/// run. What is proven of the undelivered messages keeps its row and its number, and no number is given twice; where the
/// old ledger was never opened and is of another epoch, its messages go on without numbers.
package struct LedgerReplacement {
  /// What the one who used the ledger knows of it.
  package struct Knowledge: Sendable {
    package var epoch: String
    /// The newest number of each stream.
    package var lastSequences: [String: UInt64]
    /// Numbers of connections are set aside up to this one.
    package var connectionNumber: UInt64
  }

  private let opener: LedgerOpener
  private let lock: any FolderHold
  private let knowledge: Knowledge
  private let salvage: LedgerSalvage
  private let exchange: LedgerExchange
  private var isExchanged = false
  /// Whether the old ledger may have lost its name already: from then on nothing is read of it again.
  private(set) var isUnderWay = false
  /// Whether there was an old ledger at all.
  let setsAside: Bool
  /// Undelivered messages of the old ledger that go on.
  let messages: [StoredMessage]

  /// Reads what is readable of the damaged ledger, which may still be open.
  package init(_ opener: LedgerOpener, lock: any FolderHold, knowledge: Knowledge) {
    self.opener = opener
    self.lock = lock
    self.knowledge = knowledge
    exchange = LedgerExchange(
      folder: opener.folder, wallMilliseconds: opener.wallMilliseconds, disk: opener.disk)
    let path = LedgerOpener.path(in: opener.folder)
    setsAside = opener.disk.bytes(of: path) > 0
    salvage = LedgerSalvage(path: path, disk: opener.disk, digest: opener.digest)
    messages = salvage.epoch == knowledge.epoch ? salvage.messages : salvage.entry.messages
  }

  /// As what the damaged one lies in the folder.
  package var newName: String { exchange.name }

  /// How many undelivered messages do not go on, because nothing proves them or they could not be read.
  package var doubtful: Int { salvage.doubtful }

  /// The row of the first revision of an id among what goes on, nil when there is none.
  func root(id: String, form: Int64) -> Int64? {
    messages.first { $0.message.id == id && $0.form == form }?.root
  }

  /// A message that goes on, nil when none has this row.
  func message(row: Int64) -> StoredMessage? { messages.first { $0.row == row } }

  /// The rows of one id and form that go on, below `row`.
  func rows(lane: Lane, root: Int64, before row: Int64) -> [Int64] {
    messages.filter { $0.root == root && $0.lane == lane && $0.row < row }.map(\.row)
  }

  /// Sets the damaged ledger aside and opens the new one. Nobody may have the damaged one open. May be tried again.
  package mutating func open() throws(DeliveryError) -> Ledger {
    do {
      // An attempt that failed may have come far.
      if !isExchanged, try exchange.settle() == nil {
        try build()
        isUnderWay = true
        try exchange.exchange()
      }
      isExchanged = true
      return try Ledger(
        database: try opener.openDatabase(), lock: lock, epoch: knowledge.epoch, digest: opener.digest)
    } catch let error as SQLiteFailure {
      throw opener.explained(error)
    } catch {
      throw error as? DeliveryError ?? DeliveryError(.inputOutput, "\(error)")
    }
  }

  private func build() throws(SQLiteFailure) {
    let database = try opener.newDatabase(exchange)
    try database.transaction { () throws(SQLiteFailure) in
      try database.execute(LedgerSchema.tables)
      let meta = try database.prepare("INSERT INTO meta(key, value) VALUES(?, ?)")
      try meta.run([.text("epoch"), .text(knowledge.epoch)])
      let isSameEpoch = salvage.epoch == knowledge.epoch
      if let previous = isSameEpoch ? salvage.previousEpoch : salvage.epoch {
        try meta.run([.text("previous_epoch"), .text(previous)])
      }
      try meta.run([.text("boot"), .text(opener.boot)])
      try meta.run([.text("connection"), .integer(Int64(clamping: knowledge.connectionNumber))])
      let pruned = try database.prepare("INSERT INTO pruned(stream, through) VALUES(?, ?)")
      for (stream, last) in knowledge.lastSequences {
        try pruned.run([.text(stream), .integer(Int64(clamping: last))])
      }
      // The station of a run that began without the past has a memory of its own by now.
      try salvage.writeRecords(into: database) { isSameEpoch || $0.isOfGateway }
    }
    var entry = LedgerEntry()
    entry.messages = messages
    guard !entry.messages.isEmpty else { return }
    try Ledger(database: database, lock: lock, epoch: knowledge.epoch, digest: opener.digest).write(entry)
  }
}

extension Ledger {
  /// A ledger in memory, for the moment in which the damaged one is closed and the new one is not open yet.
  static func placeholder(
    lock: any FolderHold, epoch: String, digest: @escaping LedgerDigest
  ) throws(SQLiteFailure) -> Ledger {
    let database = try SQLiteDatabase(path: "", mode: .inMemory)
    try database.execute(LedgerSchema.tables)
    return try Ledger(database: database, lock: lock, epoch: epoch, digest: digest)
  }
}
