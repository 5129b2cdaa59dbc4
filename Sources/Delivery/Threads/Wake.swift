internal import CMosquitto
internal import Glibc

/// Wakes a thread that waits for it. Backed by an eventfd, so that it can be waited for beside sockets.
package final class Wake: Sendable {
  package let descriptor: Int32

  package init() throws(DeliveryError) {
    descriptor = mimamori_make_event()
    let code = errno
    guard descriptor >= 0 else {
      throw DeliveryError(
        .inputOutput, "Failed to make an event descriptor: \(systemErrorText(code)): raise the limit of open files")
    }
  }

  deinit {
    close(descriptor)
  }

  /// Never blocks.
  package func signal() {
    _ = eventfd_write(descriptor, 1)
  }

  /// Forgets earlier signals.
  package func clear() {
    var count: eventfd_t = 0
    _ = unsafe eventfd_read(descriptor, &count)
  }

  /// Waits until it is signalled or the time is over. Nil waits without an end. The signal stays.
  ///
  /// - Returns: whether it is signalled.
  @discardableResult
  package func wait(nanoseconds: Int64?) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let ready = unsafe poll(&entry, 1, pollMilliseconds(nanoseconds))
    return ready > 0
  }
}

/// A wait for `poll`: rounded up, so that a wait of less than a millisecond does not spin; -1 is without an end.
package func pollMilliseconds(_ nanoseconds: Int64?) -> Int32 {
  guard let nanoseconds else { return -1 }
  return Int32(clamping: max(0, (nanoseconds + 999_999) / 1_000_000))
}

/// The text of an errno.
package func systemErrorText(_ code: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 128)
  let count = buffer.count
  let failed = unsafe strerror_r(code, &buffer, count)
  let text = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
  return failed == 0 ? String(decoding: text, as: UTF8.self) : "error \(code)"
}
