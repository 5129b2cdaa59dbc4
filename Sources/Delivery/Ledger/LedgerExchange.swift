internal import Glibc

/// Puts a new ledger in the place of a damaged one. Wherever a power cut comes, one of the two is there.
///
/// The new one is made beside the old one, as a single file. Until the old one is renamed, it counts, and what lies beside
/// it is nothing. From then on the new one counts, and whoever opens the folder next ends the exchange.
struct LedgerExchange {
  /// How many damaged ledgers are kept.
  private static let kept = 3
  private static let mark = "ledger.sqlite.damaged-"
  /// What SQLite keeps beside a database that somebody might need with it.
  private static let companions = ["-wal", "-journal"]

  private let folder: String
  private let disk: any StateDisk
  /// As what the damaged ledger will lie in the folder.
  let name: String
  private let path: String
  /// Where the new one is made.
  let newPath: String

  init(folder: String, wallMilliseconds: Int64, disk: any StateDisk) {
    self.folder = folder
    self.disk = disk
    name = LedgerExchange.mark + String(wallMilliseconds)
    path = LedgerOpener.path(in: folder)
    newPath = path + ".new"
  }

  /// Ends an exchange that was interrupted, or removes what one left that had not begun to count.
  ///
  /// - Returns: as what the damaged ledger lies in the folder; nil where nothing was exchanged.
  func settle() throws(DeliveryError) -> String? {
    guard try isThere(newPath) else { return nil }
    guard try !isThere(path), let newest = LedgerExchange.setAside(in: folder, disk).last else {
      removeNew()
      return nil
    }
    let name = String(newest.dropFirst(folder.utf8.count + 1))
    try finish(name)
    return name
  }

  /// Makes the way free for a new one, complete and closed, at `newPath`.
  func removeNew() {
    for suffix in ["", "-shm"] + LedgerExchange.companions { disk.remove(newPath + suffix) }
  }

  /// The new ledger is complete: it takes the damaged one's place. Nobody may have either open.
  func exchange() throws(DeliveryError) {
    try syncFolder()
    if try isThere(path) { try rename(path, to: folder + "/" + name) }
    try syncFolder()
    try finish(name)
  }

  private func finish(_ name: String) throws(DeliveryError) {
    // Beside the new one, what belongs to the old one would be taken for its own.
    for suffix in LedgerExchange.companions where try isThere(path + suffix) {
      try rename(path + suffix, to: folder + "/" + name + suffix)
    }
    disk.remove(path + "-shm")
    try syncFolder()
    try rename(newPath, to: path)
    // The exchange is done. Should a power cut undo this last name, whoever opens the folder next ends it again.
    _ = disk.sync(folder: folder)
    removeNew()
    for path in LedgerExchange.setAside(in: folder, disk).dropLast(LedgerExchange.kept) {
      for suffix in ["", "-shm"] + LedgerExchange.companions { disk.remove(path + suffix) }
    }
  }

  /// Whether there is such a file. One that cannot be looked for may be there: nothing is put in its place.
  private func isThere(_ path: String) throws(DeliveryError) -> Bool {
    let code = disk.look(for: path)
    guard code != 0, code != ENOENT else { return code == 0 }
    throw DeliveryError(.inputOutput, "Failed to look for \(path): \(systemErrorText(code)): check the disk")
  }

  /// The names must reach the disk in the order in which they are given.
  private func syncFolder() throws(DeliveryError) {
    let code = disk.sync(folder: folder)
    // A file system that knows no such thing says EINVAL.
    guard code != 0, code != EINVAL else { return }
    throw DeliveryError(
      .inputOutput, "Failed to bring the names in \(folder) to the disk: \(systemErrorText(code)): check the disk")
  }

  private func rename(_ path: String, to newPath: String) throws(DeliveryError) {
    let code = disk.rename(path, to: newPath)
    guard code != 0 else { return }
    throw DeliveryError(
      .inputOutput,
      "Failed to set the damaged ledger \(self.path) aside: \(systemErrorText(code)): move it away by hand and keep it")
  }

  /// The paths of damaged ledgers that were set aside, oldest first.
  static func setAside(in folder: String, _ disk: any StateDisk) -> [String] {
    disk.names(in: folder).filter { name in
      name.hasPrefix(mark) && !(["-shm"] + companions).contains { name.hasSuffix($0) }
    }.sorted().map { folder + "/" + $0 }
  }
}
