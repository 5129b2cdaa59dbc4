internal import Glibc

/// Folders, links and small files of `/sys`, `/proc` and `/dev`, in which the kernel shows its devices. What cannot be read
/// is as if it were not there, except where it is said otherwise.
public enum KernelFiles {
  /// The number of an error, as `errno` has it.
  struct Failure: Error {
    let number: Int32
  }

  /// The longest line that is read, in bytes: longer than any name that a device gives itself.
  private static let longestLine = 4096

  /// The names in a folder, in order, without those that begin with a point.
  public static func names(in folder: String) -> [String] {
    guard let directory = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      // SAFETY: d_name is a C string in an array of 256 bytes, and is copied before the next call.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// Whether there is something at the path.
  public static func exists(_ path: String) -> Bool {
    unsafe access(path, F_OK) == 0
  }

  /// Where a symbolic link leads, as it says.
  public static func link(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The path without any link in it.
  public static func resolved(_ path: String) -> String? {
    // SAFETY: realpath returns a C string of its own memory, which is copied and freed.
    guard let resolved = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  /// The first line of a small file, without the spaces before it; nil if there is none. Waits for nothing.
  public static func line(of path: String) -> String? {
    guard let bytes = try? bytes(of: path, atMost: longestLine, waits: false) else { return nil }
    let line = bytes.prefix { $0 != UInt8(ascii: "\n") }.drop { $0 == UInt8(ascii: " ") }
    return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
  }

  /// The beginning of a file.
  ///
  /// - Parameter waits: whether to wait for a device that answers slowly.
  static func bytes(of path: String, atMost most: Int, waits: Bool) throws(Failure) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | (waits ? 0 : O_NONBLOCK))
    let code = errno
    guard descriptor >= 0 else { throw Failure(number: code) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while bytes.count < most {
      let count = unsafe Glibc.read(descriptor, &buffer, min(buffer.count, most - bytes.count))
      let code = errno
      if count == 0 { break }
      if count > 0 {
        bytes += buffer[..<count]
      } else if code != EINTR {
        throw Failure(number: code)
      }
    }
    return bytes
  }
}
