internal import Glibc

/// A value that threads share: whoever wants it has it alone for as long as `withLock` lasts.
///
/// A lock of the C library: the thread sanitizer knows it, as it does not know `Synchronization.Mutex`, whose waiting is
/// out of its sight. Waiting is for a few instructions of another thread: nothing that may wait for anything else is done
/// under a lock.
@safe public struct Locked<Value: ~Copyable>: ~Copyable, Sendable {
  // What is sent in never leaves, and is touched by the one thread that holds the lock: that makes sharing safe.
  private nonisolated(unsafe) let lock: UnsafeMutablePointer<pthread_mutex_t>
  private nonisolated(unsafe) let value: UnsafeMutablePointer<Value>

  /// Shares `value` from now on.
  public init(_ value: consuming sending Value) {
    unsafe self.value = UnsafeMutablePointer.allocate(capacity: 1)
    unsafe self.value.initialize(to: value)
    unsafe lock = UnsafeMutablePointer.allocate(capacity: 1)
    var kind = pthread_mutexattr_t()
    // SAFETY: all three are documented to fail for want of memory or a wrong kind alone, and neither can be.
    unsafe pthread_mutexattr_init(&kind)
    unsafe pthread_mutexattr_settype(&kind, Int32(PTHREAD_MUTEX_ERRORCHECK))
    let result = unsafe pthread_mutex_init(lock, &kind)
    precondition(result == 0, "Failed to make a lock: error \(result)")
    unsafe pthread_mutexattr_destroy(&kind)
  }

  deinit {
    unsafe pthread_mutex_destroy(lock)
    unsafe lock.deallocate()
    unsafe value.deinitialize(count: 1)
    unsafe value.deallocate()
  }

  /// Gives `body` the value alone, and returns what it returns. It must not lock the same value again: that is a mistake
  /// in the program and ends it.
  public borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    let result = unsafe pthread_mutex_lock(lock)
    precondition(result == 0, "A thread waits for itself: error \(result)")
    defer { unsafe pthread_mutex_unlock(lock) }
    return try unsafe body(&value.pointee)
  }
}
