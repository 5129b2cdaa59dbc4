internal import Glibc

/// The file systems of the operating system.
package struct SystemDisk: StateDisk {
  private final class Reserved: ReservedFile {
    private let descriptor: Int32

    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    func write(_ bytes: [UInt8], at offset: Int) -> Bool {
      let written = unsafe pwrite(descriptor, bytes, bytes.count, off_t(offset))
      return written == bytes.count && fdatasync(descriptor) == 0
    }
  }

  package init() {}

  package var databaseVFS: String? { nil }

  package var unlockedDatabaseVFS: String? { "unix-none" }

  package func hold(_ folder: String) throws(DeliveryError) -> any FolderHold { try FolderLock(folder: folder) }

  package func makePrivateFile(_ path: String) {
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if descriptor >= 0 { close(descriptor) }
  }

  package func look(for path: String) -> Int32 {
    let found = unsafe access(path, F_OK)
    let code = errno
    return found == 0 ? 0 : code
  }

  package func allowsWriting(_ path: String) -> Bool {
    let allowed = unsafe access(path, R_OK | W_OK)
    let code = errno
    return allowed == 0 || code != EACCES && code != EPERM
  }

  package func bytes(of path: String) -> Int {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? status.st_size : 0
  }

  package func rename(_ path: String, to newPath: String) -> Int32 {
    let result = unsafe Glibc.rename(path, newPath)
    let code = errno
    return result == 0 ? 0 : code
  }

  package func remove(_ path: String) { unsafe unlink(path) }

  package func names(in folder: String) -> [String] {
    guard let directory = unsafe opendir(folder) else { return [] }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      names.append(
        unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
        })
    }
    unsafe closedir(directory)
    return names
  }

  package func sync(folder: String) -> Int32 {
    let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    let openCode = errno
    guard descriptor >= 0 else { return openCode }
    defer { close(descriptor) }
    let result = fsync(descriptor)
    let code = errno
    return result == 0 ? 0 : code
  }

  package func freeBytes(of folder: String) -> Int64? {
    var status = statvfs()
    guard unsafe statvfs(folder, &status) == 0 else { return nil }
    let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return overflow ? .max : Int64(clamping: bytes)
  }

  package func read(_ path: String, limit: Int) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = unsafe pread(descriptor, &bytes, limit, 0)
    return Array(bytes.prefix(max(0, count)))
  }

  package func reserve(_ path: String, bytes: Int) -> (any ReservedFile)? {
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    if unsafe fstat(descriptor, &status) == 0, status.st_size < off_t(bytes) {
      // Real blocks: a hole would need room when it is written.
      _ = posix_fallocate(descriptor, 0, off_t(bytes))
      _ = fsync(descriptor)
    }
    return Reserved(descriptor: descriptor)
  }
}
