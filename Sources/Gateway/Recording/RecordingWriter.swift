import Delivery
import Glibc
import Locks
import Logging

/// Writes a recording's lines to its file on a thread of its own, so that whoever records never waits for a disk.
///
/// What waits to be written is bounded: while the disk is too slow, lines are refused. A file that cannot be written any
/// more ends, is said once, and disturbs nothing else.
final class RecordingWriter {
  /// What both threads share.
  private final class Queue: Sendable {
    struct State {
      var pending: [UInt8] = []
      var isEnding = false
      var failure: String?
    }

    let state = Locked(State())
    let wake: Wake

    init() throws(DeliveryError) {
      wake = try Wake()
    }
  }

  private let queue: Queue
  private let thread: WorkerThread
  private let limit: Int

  /// How long the end waits for the disk.
  private static let longestEnd: Int64 = 3_000_000_000

  /// Takes over `descriptor` and closes it at its end.
  ///
  /// - Parameters:
  ///   - path: what messages call the file.
  ///   - limit: how many bytes may wait to be written.
  /// - Throws: `GatewayError` when the thread cannot be started.
  init(descriptor: Int32, path: String, limit: Int, logger: Logger) throws(GatewayError) {
    self.limit = limit
    do {
      let queue = try Queue()
      self.queue = queue
      thread = try WorkerThread(name: "recording") { Self.run(queue, descriptor, path, logger) }
    } catch {
      close(descriptor)
      throw GatewayError(.inputOutputFailed, "\(error)")
    }
  }

  deinit {
    finish()
  }

  /// Why the recording ended before its time, once it did.
  var failure: String? { queue.state.withLock { $0.failure } }

  /// Hands `lines` over. Returns false when there is no room for them, or nobody who writes them. Never waits.
  func append(_ lines: [UInt8]) -> Bool {
    let (isTaken, isFirst) = queue.state.withLock { state in
      guard !state.isEnding, state.failure == nil, state.pending.count + lines.count <= limit else {
        return (false, false)
      }
      let isFirst = state.pending.isEmpty
      state.pending += lines
      return (true, isFirst)
    }
    if isFirst { queue.wake.signal() }
    return isTaken
  }

  /// Writes what waits and closes the file; a disk that does not take it within three seconds is left alone.
  func finish() {
    queue.state.withLock { $0.isEnding = true }
    queue.wake.signal()
    guard !thread.join(nanoseconds: Self.longestEnd) else { return }
    queue.state.withLock { state in
      if state.failure == nil { state.failure = "Failed to finish the recording: the disk does not take it in time" }
    }
  }

  private static func run(_ queue: Queue, _ descriptor: Int32, _ path: String, _ logger: Logger) {
    var chunk: [UInt8] = []
    while true {
      queue.wake.wait(nanoseconds: nil)
      queue.wake.clear()
      let isEnding = queue.state.withLock { state in
        swap(&chunk, &state.pending)
        return state.isEnding
      }
      let code = write(chunk, to: descriptor)
      if code != 0 {
        let failure = "Failed to write the recording \(path): \(TextFile.reason(code)): make room on the disk"
        queue.state.withLock { state in
          state.failure = failure
          state.pending = []
        }
        logger.error("\(failure)")
      }
      chunk.removeAll(keepingCapacity: true)
      if isEnding || code != 0 { break }
    }
    close(descriptor)
  }

  /// Returns 0, or the error number.
  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    var written = 0
    while written < bytes.count {
      // SAFETY: write reads no more bytes than the rest of the array has.
      let (count, code) = unsafe bytes[written...].withUnsafeBytes { rest in
        let count = unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
        return (count, errno)
      }
      if count > 0 { written += count } else if code != EINTR { return code }
    }
    return 0
  }
}
