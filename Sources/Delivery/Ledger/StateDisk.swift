/// What a state folder lies on: the system's file systems, or a disk of the tests that fails.
///
/// Everything that the ledger does with files goes through here or through the SQLite VFS that it names.
package protocol StateDisk: Sendable {
  /// The name of the SQLite VFS for databases; nil: SQLite's own.
  var databaseVFS: String? { get }

  /// The name of the same without locks, for a database that nobody else has open.
  var unlockedDatabaseVFS: String? { get }

  /// Makes a folder, if its parent exists, and holds it for its user alone for as long as the answer lives.
  func hold(_ folder: String) throws(DeliveryError) -> any FolderHold

  /// Makes a file for its user alone, if it is not there.
  func makePrivateFile(_ path: String)

  /// Whether a file can be seen.
  ///
  /// - Returns: 0, or the errno.
  func look(for path: String) -> Int32

  /// Whether the permissions allow to read and write a file, whatever the disk does.
  func allowsWriting(_ path: String) -> Bool

  /// Bytes of a file; 0 where there is none.
  func bytes(of path: String) -> Int

  /// - Returns: 0, or the errno.
  func rename(_ path: String, to newPath: String) -> Int32

  func remove(_ path: String)

  /// Names in a folder, in no order; none where it cannot be read.
  func names(in folder: String) -> [String]

  /// Returns when the names of a folder's files are on the disk.
  ///
  /// - Returns: 0, or the errno.
  func sync(folder: String) -> Int32

  /// What an ordinary user may still write, in bytes; nil where that cannot be told.
  func freeBytes(of folder: String) -> Int64?

  /// The beginning of a file, at most so many bytes; nothing where there is none.
  func read(_ path: String, limit: Int) -> [UInt8]

  /// Opens a file, made if it is not there, whose room is taken at once, so that writing over it needs none.
  func reserve(_ path: String, bytes: Int) -> (any ReservedFile)?
}

/// Holds a folder for one process.
package protocol FolderHold: AnyObject, Sendable {}

/// A file that is only written over.
package protocol ReservedFile: AnyObject, Sendable {
  /// Returns when the bytes are on the disk.
  ///
  /// - Returns: whether they are.
  func write(_ bytes: [UInt8], at offset: Int) -> Bool
}
