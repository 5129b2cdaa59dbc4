/// Opening on a disk that is full, read-only or dead: a gateway that waited for it would watch nothing.
extension LedgerOpener {
  /// Rows of a ledger that is begun in memory: above those of any that is found on the disk later.
  private static let lastRowInMemory: Int64 = 1 << 40

  /// Opens what is there for reading, and otherwise begins a ledger in memory, in an epoch of its own.
  func openWithoutWriting(
    lock: any FolderHold, because trouble: DeliveryError
  ) throws(DeliveryError) -> (ledger: Ledger, opening: Ledger.Opening) {
    if let (ledger, opening) = openToRead(lock: lock) {
      var known = opening
      known.trouble =
        "\(trouble). What it holds is known; alerts are sent from memory until it can be written"
      return (ledger, known)
    }
    do {
      var (ledger, opening) = try openInMemory(lock: lock)
      opening.trouble =
        "\(trouble). The gateway watches without what it knew: alerts are sent from memory in a new epoch until it can"
        + " be written"
      return (ledger, opening)
    } catch {
      throw explained(error)
    }
  }

  private func openToRead(lock: any FolderHold) -> (ledger: Ledger, opening: Ledger.Opening)? {
    // A log that nobody can read beside its database would be missing.
    let hasLog = disk.bytes(of: path + "-wal") > 0
    for mode in [SQLiteDatabase.Mode.alone] + (hasLog ? [] : [.immutable]) {
      guard disk.bytes(of: path) > 0, let database = try? SQLiteDatabase(path: path, mode: mode, disk: disk) else {
        continue
      }
      if let opened = try? open(database, lock: lock) { return opened }
    }
    return nil
  }

  private func openInMemory(
    lock: any FolderHold
  ) throws(SQLiteFailure) -> (ledger: Ledger, opening: Ledger.Opening) {
    let database = try SQLiteDatabase(path: "", mode: .inMemory, disk: disk)
    let epoch = try createTables(database, nil)
    let opening = Ledger.Opening(
      epoch: epoch, previousEpoch: nil, savedBoot: nil, records: [], streams: [], unstored: [],
      connectionNumber: 0, lastRow: LedgerOpener.lastRowInMemory, rows: 0, outboxRows: 0,
      outboxBytes: 0)
    return (try Ledger(database: database, lock: lock, epoch: epoch, digest: digest), opening)
  }

  /// Whether what lies on the disk can be read and a new ledger take its place, after one that was begun in memory.
  ///
  /// - Throws: why not yet. What is damaged is no reason: it is set aside.
  func awaitDisk(lock: any FolderHold) throws(DeliveryError) {
    _ = try LedgerExchange(folder: folder, wallMilliseconds: wallMilliseconds, disk: disk).settle()
    guard disk.bytes(of: path) > 0 else { return }
    do {
      _ = try openPatiently(lock: lock)
    } catch {
      guard error.isCorruption else { throw explained(error) }
    }
  }
}
