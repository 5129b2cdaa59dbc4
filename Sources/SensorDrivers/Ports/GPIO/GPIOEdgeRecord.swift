import Glibc
import Observations

/// The kernel's record of one edge (`gpio_v2_line_event` of linux/gpio.h): time, kind, line, sequence numbers.
///
/// A simulated board sends the same records, so that a reader cannot tell the difference.
public enum GPIOEdgeRecord {
  /// The size of a record: 8 + 4 + 4 + 4 + 4 bytes and 24 that are reserved.
  public static let byteCount = 48
  private static let rising: UInt32 = 1
  private static let falling: UInt32 = 2
  private static let recordsPerRead = 64
  private static let readsPerCall = 4
  /// The most edges that one `read` brings.
  public static let longestRead = recordsPerRead * readsPerCall

  /// The record of `edge` in this machine's byte order; `sequence` counts the edges of all lines of the request.
  public static func bytes(of edge: GPIOEdge, sequence: UInt32) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    unsafe bytes.withUnsafeMutableBytes { record in
      unsafe record.storeBytes(of: edge.time.nanoseconds, toByteOffset: 0, as: Int64.self)
      unsafe record.storeBytes(of: edge.isRising ? rising : falling, toByteOffset: 8, as: UInt32.self)
      unsafe record.storeBytes(of: edge.offset, toByteOffset: 12, as: UInt32.self)
      unsafe record.storeBytes(of: sequence, toByteOffset: 16, as: UInt32.self)
      unsafe record.storeBytes(of: edge.lineSequence, toByteOffset: 20, as: UInt32.self)
    }
    return bytes
  }

  /// Appends what waits at the non-blocking `descriptor`, at most 256 edges. Returns 0, or the error number.
  public static func read(from descriptor: Int32, into edges: inout [GPIOEdge]) -> Int32 {
    unsafe withUnsafeTemporaryAllocation(byteCount: recordsPerRead * byteCount, alignment: 8) { buffer in
      for _ in 0..<readsPerCall {
        let count = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        let code = errno
        if count < 0 {
          if code == EINTR { continue }
          return code == EAGAIN ? 0 : code
        }
        for record in 0..<count / byteCount {
          if let edge = unsafe decode(UnsafeRawBufferPointer(buffer), at: record * byteCount) { edges.append(edge) }
        }
        if count < recordsPerRead * byteCount { return 0 }
      }
      return 0
    }
  }

  private static func decode(_ bytes: UnsafeRawBufferPointer, at start: Int) -> GPIOEdge? {
    let kind = unsafe bytes.load(fromByteOffset: start + 8, as: UInt32.self)
    guard kind == rising || kind == falling else { return nil }
    let nanoseconds = unsafe bytes.load(fromByteOffset: start, as: UInt64.self)
    return unsafe GPIOEdge(
      offset: bytes.load(fromByteOffset: start + 12, as: UInt32.self), isRising: kind == rising,
      time: MonotonicTime(nanoseconds: Int64(clamping: nanoseconds)),
      lineSequence: bytes.load(fromByteOffset: start + 20, as: UInt32.self))
  }
}
