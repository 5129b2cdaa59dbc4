import Glibc

/// Input files of a command, read whole.
public enum InputFile {
  /// The file's bytes.
  ///
  /// - Throws: status 66 when it is missing, 77 when it may not be read, 65 when it is longer than `limit` bytes, 74
  ///   when reading fails.
  public static func read(_ path: String, limit: Int) throws(GatewayError) -> [UInt8] {
    if let bytes = TextFile.bytes(path, limit: limit) { return bytes }
    let code = errno
    let reason = TextFile.reason(code)
    switch code {
    case ENOENT, ENOTDIR:
      throw GatewayError(.inputMissing, "Failed to read \(path): \(reason): check the path")
    case EACCES, EPERM:
      throw GatewayError(.noPermission, "Failed to read \(path): \(reason): check its owner and its mode")
    case EFBIG:
      throw GatewayError(
        .badInputData, "Failed to read \(path): it has more than \(limit) bytes: check that it is the right file")
    default:
      throw GatewayError(.inputOutputFailed, "Failed to read \(path): \(reason): check the disk")
    }
  }
}
