import Glibc

/// Files that a command creates: whole or not at all.
public enum OutputFile {
  /// Writes `bytes` to a new file and syncs it.
  ///
  /// - Parameters:
  ///   - isSecret: only the file's owner may read it.
  ///   - replacing: whether a file that is already there may be replaced.
  /// - Throws: status 73 when it cannot be created or is there already, 74 when writing fails.
  public static func create(
    _ path: String, bytes: [UInt8], isSecret: Bool, replacing: Bool
  ) throws(GatewayError) {
    let temporary = "\(path).\(getpid()).new"
    let descriptor = unsafe open(
      temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, isSecret ? 0o600 : 0o644)
    guard descriptor >= 0 else { throw cannotCreate(path, errno) }
    defer { unsafe unlink(temporary) }
    let failure = write(bytes, to: descriptor)
    close(descriptor)
    guard failure == 0 else {
      throw GatewayError(
        .inputOutputFailed, "Failed to write \(path): \(TextFile.reason(failure)): make room on the disk")
    }
    // A link fails when the name is taken, also when it was taken a moment ago; a rename replaces.
    let result = replacing ? unsafe rename(temporary, path) : unsafe link(temporary, path)
    guard result == 0 else { throw cannotCreate(path, errno) }
  }

  /// Whether something has this name already.
  public static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        let code = errno
        if code == EINTR { continue }
        return code
      }
      rest = rest.dropFirst(count)
    }
    return fsync(descriptor) == 0 ? 0 : errno
  }

  private static func cannotCreate(_ path: String, _ code: Int32) -> GatewayError {
    let advice = code == EEXIST ? "choose another name, or give --force" : "check the folder and its mode"
    return GatewayError(.cannotCreateOutput, "Failed to create \(path): \(TextFile.reason(code)): \(advice)")
  }
}
