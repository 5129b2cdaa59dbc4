internal import CFaultyDisk
package import Delivery
internal import Locks

/// A disk in memory that fails as it is told, and that knows what a power cut would leave of it.
///
/// It holds any number of state folders. The ledger runs on it as on the system's: give it to `LedgerOpener`,
/// `LedgerReader`, `MemoryMark` or `DeliveryClosures`. SQLite reaches it by a VFS of its own name, so that any number of
/// disks live beside each other; one costs some kilobytes and what is written to it, and is gone with its last user.
///
/// What a process or a machine that dies leaves is another disk: call `end()`, so that whoever still has files open
/// cannot do anything more, and go on with `copy()` after a kill, `afterPowerCut(_:)` after a power cut.
///
/// Nothing here looks at a clock. SQLite sleeps when it waits for a lock of another connection, up to a quarter of a
/// second; with one connection it never does.
@safe package final class FaultyDisk: StateDisk {
  /// What can be counted, slowed and made to fail.
  package enum Call: CaseIterable, Sendable {
    case read, write, truncate, sync, open, remove, rename, folderSync

    fileprivate var number: faulty_call {
      switch self {
      case .read: FAULTY_READ
      case .write: FAULTY_WRITE
      case .truncate: FAULTY_TRUNCATE
      case .sync: FAULTY_SYNC
      case .open: FAULTY_OPEN
      case .remove: FAULTY_REMOVE
      case .rename: FAULTY_RENAME
      case .folderSync: FAULTY_SYNC_FOLDER
      }
    }
  }

  package enum Failure: Sendable {
    /// EIO. After a failed sync the file reads as it was written, but part of it never reaches the platters, as with
    /// Linux: a later sync says nothing of it.
    case inputOutput
    /// ENOSPC, and nothing is written.
    case full
    /// Half of it is written, then ENOSPC.
    case short
  }

  /// Faults of the disk itself, by which a test of what a power cut leaves proves that it finds a loss.
  package enum Honesty: Sendable {
    case honest
    /// A sync does nothing and says that it did.
    case ignoresSyncs
    /// A sync brings to the platters what stood at the sync before it.
    case delaysSyncs
  }

  /// What happens to changes of files and of names that no sync covered.
  package enum PowerCut: Sendable, Hashable {
    case nothingUnsynced
    case everythingWritten
    /// Any part of them, in sectors of 512 bytes, in any order. The same seed tears the same changes alike.
    case torn(seed: UInt64)

    fileprivate var kind: (cut: faulty_cut, seed: UInt64) {
      switch self {
      case .nothingUnsynced: (FAULTY_CUT_NOTHING, 0)
      case .everythingWritten: (FAULTY_CUT_EVERYTHING, 0)
      case .torn(let seed): (FAULTY_CUT_TORN, seed)
      }
    }
  }

  /// One change of a file or of a name.
  package struct Operation: Sendable, CustomStringConvertible {
    package var call: Call
    package var path: String
    package var offset: Int64
    package var bytes: Int64

    package var description: String {
      let file = path.split(separator: "/").last ?? ""
      return call == .write ? "write of \(bytes) bytes at \(offset) of \(file)" : "\(call) of \(file)"
    }
  }

  fileprivate final class Held: Sendable {
    let folders = Locked<Set<String>>([])
  }

  fileprivate final class Hold: FolderHold {
    private let folder: String
    private let held: Held

    fileprivate init(_ folder: String, _ held: Held) {
      self.folder = folder
      self.held = held
    }

    deinit { _ = held.folders.withLock { $0.remove(folder) } }
  }

  fileprivate final class File: ReservedFile {
    private let disk: FaultyDisk
    private let path: String

    fileprivate init(_ path: String, _ disk: FaultyDisk) {
      self.path = path
      self.disk = disk
    }

    func write(_ bytes: [UInt8], at offset: Int) -> Bool {
      unsafe faulty_disk_put(disk.handle, path, Int64(offset), bytes, Int64(bytes.count)) == 0
        && faulty_disk_sync(disk.handle, path) == 0
    }
  }

  // SAFETY: made or taken in init, freed in deinit; its own mutex serializes all calls. A connection keeps the disk.
  fileprivate nonisolated(unsafe) let handle: OpaquePointer
  fileprivate let held = Held()
  fileprivate static let longestPath = 512

  /// An empty disk without faults and without a limit.
  package init() {
    unsafe handle = faulty_disk_make()
  }

  private init(taking handle: OpaquePointer) {
    unsafe self.handle = unsafe handle
  }

  deinit {
    unsafe faulty_disk_free(handle)
  }
}

/// In place of SHA-256 where a ledger is proven thousands of times: quick, and changed by every bit of the input.
package let quickDigest: LedgerDigest = { bytes in
  var digest = [UInt8](repeating: 0, count: 32)
  unsafe faulty_disk_digest(bytes, Int64(bytes.count), &digest)
  return digest
}

// MARK: Faults

extension FaultyDisk {
  /// After so many more calls of this kind, the next `times` fail. Takes the place of what was told of this kind before.
  package func fail(_ call: Call, after: Int = 0, times: Int = .max, with failure: Failure = .inputOutput) {
    let kind =
      switch failure {
      case .inputOutput: FAULTY_INPUT_OUTPUT
      case .full: FAULTY_FULL
      case .short: FAULTY_SHORT
      }
    unsafe faulty_disk_fail(handle, call.number, UInt64(after), UInt64(times), kind)
  }

  /// No call fails any more, there is room, and it can be written.
  package func heal() { unsafe faulty_disk_heal(handle) }

  /// Bytes of all files.
  package var usedBytes: Int { Int(unsafe faulty_disk_used(handle)) }

  /// Bytes of memory that the disk takes for itself.
  package var heldBytes: Int { Int(unsafe faulty_disk_held(handle)) }

  /// Bytes of memory that this process has taken from the C library.
  package static var processHeapBytes: Int { Int(faulty_disk_process_heap()) }

  /// Bytes that all files may hold together; what does not fit is not written. Nil: no limit.
  package func limit(bytes: Int?) { unsafe faulty_disk_set_capacity(handle, bytes.map { Int64($0) } ?? -1) }

  /// As after a remount: what is open can be read, and nothing can be changed.
  package func makeReadOnly() { unsafe faulty_disk_set_read_only(handle, true) }

  package func become(_ honesty: Honesty) {
    let kind =
      switch honesty {
      case .honest: FAULTY_HONEST
      case .ignoresSyncs: FAULTY_IGNORES_SYNCS
      case .delaysSyncs: FAULTY_DELAYS_SYNCS
      }
    unsafe faulty_disk_set_honesty(handle, kind)
  }

  /// What each call of a kind takes from now on. Nobody waits for it: see `takeDelay`.
  package func slow(_ call: Call, nanoseconds: Int64) { unsafe faulty_disk_slow(handle, call.number, nanoseconds) }

  /// What the calls since the last question took, in nanoseconds: for a clock of the test to go forward by.
  package func takeDelay() -> Int64 { unsafe faulty_disk_take_delay(handle) }

  /// How many calls of a kind there were, failed ones too.
  package func calls(_ call: Call) -> Int { Int(unsafe faulty_disk_calls(handle, call.number)) }

  /// The process was killed or the power is gone: every call fails from now on and changes nothing.
  package func end() { unsafe faulty_disk_end(handle) }
}

// MARK: What is left

extension FaultyDisk {
  /// What the next process finds after a kill: all that was written, with what no sync has covered yet.
  package func copy() -> FaultyDisk { unsafe FaultyDisk(taking: faulty_disk_copy(handle)) }

  /// What the next boot finds after a power cut at this moment.
  package func afterPowerCut(_ cut: PowerCut) -> FaultyDisk {
    let (kind, seed) = cut.kind
    return unsafe FaultyDisk(taking: faulty_disk_after_cut(handle, kind, seed))
  }

  /// Of all names and bytes: equal for disks that read alike.
  package var contentHash: UInt64 { unsafe faulty_disk_hash(handle) }

  /// All files, sorted.
  package var paths: [String] {
    var paths: [String] = []
    var buffer = [CChar](repeating: 0, count: FaultyDisk.longestPath)
    while unsafe faulty_disk_path(handle, UInt64(paths.count), &buffer, Int32(FaultyDisk.longestPath)) {
      paths.append(FaultyDisk.text(buffer))
    }
    return paths.sorted()
  }

  /// Changes a file's bytes where they lie, as a worn-out flash does.
  package func damage(_ path: String, at offset: Int, with bytes: [UInt8]) {
    _ = unsafe faulty_disk_put(handle, path, Int64(offset), bytes, Int64(bytes.count))
    _ = unsafe faulty_disk_sync(handle, path)
  }

  fileprivate static func text(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

// MARK: The journal of changes

extension FaultyDisk {
  /// Changes since recording began, or since the disk was made.
  package var operations: Int { Int(unsafe faulty_disk_operations(handle)) }

  /// Keeps every change from now on.
  package func record() -> DiskHistory {
    let beginning = copy()
    unsafe faulty_disk_record(handle)
    return DiskHistory(disk: self, beginning: beginning)
  }

  fileprivate func operation(_ index: Int) -> Operation {
    var buffer = [CChar](repeating: 0, count: FaultyDisk.longestPath)
    let told = unsafe faulty_disk_operation(handle, UInt64(index), &buffer, Int32(FaultyDisk.longestPath))
    let call = Call.allCases.first { $0.number == told.call } ?? .write
    return Operation(call: call, path: FaultyDisk.text(buffer), offset: told.offset, bytes: told.length)
  }

  fileprivate func replay(_ index: Int, on copy: FaultyDisk) {
    unsafe faulty_disk_replay(copy.handle, handle, UInt64(index))
  }
}

/// Every change of a disk since a moment, and the disk as it stood between any two of them.
package final class DiskHistory {
  private let disk: FaultyDisk
  /// The disk as it was after `position` changes.
  private var present: FaultyDisk
  private(set) package var position = 0

  fileprivate init(disk: FaultyDisk, beginning: FaultyDisk) {
    self.disk = disk
    present = beginning
  }

  /// How many changes there were.
  package var count: Int { disk.operations }

  package subscript(index: Int) -> FaultyDisk.Operation { disk.operation(index) }

  /// Goes forward to the moment after so many changes, and gives the disk as it stood there: to be cut or copied, not
  /// to be used.
  package func disk(after count: Int) -> FaultyDisk {
    precondition(count >= position && count <= self.count)
    while position < count {
      disk.replay(position, on: present)
      position += 1
    }
    return present
  }
}

// MARK: The folder's files

extension FaultyDisk {
  package var databaseVFS: String? { unsafe String(cString: faulty_disk_vfs(handle)) }

  package var unlockedDatabaseVFS: String? { unsafe String(cString: faulty_disk_unlocked_vfs(handle)) }

  package func allowsWriting(_ path: String) -> Bool { true }

  package func hold(_ folder: String) throws(DeliveryError) -> any FolderHold {
    guard held.folders.withLock({ $0.insert(folder).inserted }) else {
      throw DeliveryError(.alreadyRunning, "Failed to lock the state folder \(folder): another process uses it")
    }
    return Hold(folder, held)
  }

  package func makePrivateFile(_ path: String) { _ = unsafe faulty_disk_create(handle, path) }

  package func look(for path: String) -> Int32 { unsafe faulty_disk_look(handle, path) }

  package func bytes(of path: String) -> Int { Int(unsafe faulty_disk_size(handle, path)) }

  package func rename(_ path: String, to newPath: String) -> Int32 { unsafe faulty_disk_rename(handle, path, newPath) }

  package func remove(_ path: String) { _ = unsafe faulty_disk_remove(handle, path) }

  package func names(in folder: String) -> [String] {
    paths.compactMap { path in
      guard path.hasPrefix(folder + "/") else { return nil }
      let name = path.dropFirst(folder.utf8.count + 1)
      return name.contains("/") ? nil : String(name)
    }
  }

  package func sync(folder: String) -> Int32 { unsafe faulty_disk_sync_folder(handle) }

  package func freeBytes(of folder: String) -> Int64? { unsafe faulty_disk_free_bytes(handle) }

  package func read(_ path: String, limit: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: min(limit, self.bytes(of: path)))
    let count = unsafe faulty_disk_get(handle, path, 0, &bytes, Int64(bytes.count))
    return Array(bytes.prefix(Int(count)))
  }

  package func reserve(_ path: String, bytes: Int) -> (any ReservedFile)? {
    guard unsafe faulty_disk_create(handle, path) == 0 else { return nil }
    let missing = bytes - self.bytes(of: path)
    if missing > 0 {
      let zeros = [UInt8](repeating: 0, count: missing)
      _ = unsafe faulty_disk_put(handle, path, Int64(bytes - missing), zeros, Int64(missing))
      _ = unsafe faulty_disk_sync(handle, path)
    }
    return File(path, self)
  }
}
