internal import Glibc
internal import Locks

/// Closes serial ports so that nobody waits for their devices.
///
/// The kernel lets close(2) wait, for up to half a minute, until a port has sent what was written to it; drivers of USB
/// adapters keep it even when they are told to throw it away. Such a port is closed by a thread that does nothing else:
/// one for the process, there for as long as something is being closed. A device is not opened again before that
/// (`isClosing`), so that there is never more to be closed than there are devices.
final class PortCloser: Sendable {
  /// The process has this one.
  static let shared = PortCloser()

  private struct Port {
    let descriptor: Int32
    let device: UInt
  }

  private struct State {
    /// What is being closed, the first of it at this moment.
    var ports: [Port] = []
    var hasThread = false
  }

  private let state = Locked(State())
  private let unsentBytes: @Sendable (Int32) -> Int
  private let closeDescriptor: @Sendable (Int32) -> Void

  /// - Parameters:
  ///   - unsentBytes: how many bytes the port of a descriptor has taken and not sent.
  ///   - closeDescriptor: closes a descriptor, however long that takes.
  init(
    unsentBytes: @escaping @Sendable (Int32) -> Int = { SerialPort.unsentBytes($0) },
    closeDescriptor: @escaping @Sendable (Int32) -> Void = { _ = Glibc.close($0) }
  ) {
    self.unsentBytes = unsentBytes
    self.closeDescriptor = closeDescriptor
  }

  /// Closes the port of `descriptor`: at once if there is nothing to wait for.
  func close(_ descriptor: Int32) {
    guard unsentBytes(descriptor) > 0 else { return closeDescriptor(descriptor) }
    var status = stat()
    // SAFETY: fstat fills in the one struct.
    guard unsafe fstat(descriptor, &status) == 0 else { return closeDescriptor(descriptor) }
    let port = Port(descriptor: descriptor, device: UInt(status.st_rdev))
    state.withLock { $0.ports.append(port) }
    startThread()
  }

  /// Whether the device at `path` is still being closed: opening it would wait for that.
  func isClosing(_ path: String) -> Bool {
    guard state.withLock({ !$0.ports.isEmpty }) else { return false }
    // There may have been no thread to be had before.
    startThread()
    var status = stat()
    // SAFETY: stat reads the path to its end and fills in the one struct.
    guard unsafe stat(path, &status) == 0 else { return false }
    let device = UInt(status.st_rdev)
    return state.withLock { $0.ports.contains { $0.device == device } }
  }

  /// Starts the thread unless there is one.
  private func startThread() {
    let isNeeded = state.withLock { state in
      guard !state.hasThread, !state.ports.isEmpty else { return false }
      state.hasThread = true
      return true
    }
    guard isNeeded else { return }
    let closer = unsafe Unmanaged.passRetained(self)
    var thread = pthread_t()
    // SAFETY: the thread takes over the one reference that is passed to it.
    let code = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<PortCloser>.fromOpaque(argument).takeRetainedValue().closeAll()
        return nil
      }, closer.toOpaque())
    guard code == 0 else {
      unsafe closer.release()
      state.withLock { $0.hasThread = false }
      return
    }
    pthread_detach(thread)
  }

  /// What the thread does: signals are for the others.
  private func closeAll() {
    var signals = sigset_t()
    unsafe sigfillset(&signals)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    while let descriptor = nextDescriptor() {
      closeDescriptor(descriptor)
      state.withLock { _ = $0.ports.removeFirst() }
    }
  }

  /// What is to be closed next, or nil when the thread is not needed any more.
  private func nextDescriptor() -> Int32? {
    state.withLock { state in
      state.hasThread = !state.ports.isEmpty
      return state.ports.first?.descriptor
    }
  }
}
