import Glibc

/// Small files, read and written whole.
public enum TextFile {
  /// The file's bytes, or nil with `errno` set. A file longer than `limit` bytes is refused with `EFBIG`.
  public static func bytes(_ path: String, limit: Int) -> [UInt8]? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8]()
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return nil }
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk[..<count])
      guard bytes.count <= limit else {
        errno = EFBIG
        return nil
      }
    }
  }

  /// The file as text; bytes that are not UTF-8 become replacement characters.
  public static func read(_ path: String, limit: Int) -> String? {
    bytes(path, limit: limit).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The words of the C library for `errno`.
  public static func reason(_ code: Int32) -> String {
    unsafe String(cString: strerror(code))
  }
}
