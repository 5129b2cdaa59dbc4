import Glibc

/// Reads small files whole.
enum FileBytes {
  /// Why a file could not be read.
  enum Failure: Error {
    /// The system's error number.
    case system(CInt)
    case tooLarge
  }

  /// The bytes of the file at `path`, at most `most`.
  static func read(_ path: String, most: Int) throws(Failure) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let number = errno
      throw .system(number)
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
      let number = errno
      if count < 0, number == EINTR { continue }
      guard count >= 0 else { throw .system(number) }
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
      guard bytes.count <= most else { throw .tooLarge }
    }
  }

  /// What the system calls the error `number`.
  static func describe(_ number: CInt) -> String {
    // glibc keeps this text for each thread by itself.
    guard let text = unsafe strerror(number) else { return "error \(number)" }
    return unsafe String(cString: text)
  }
}
