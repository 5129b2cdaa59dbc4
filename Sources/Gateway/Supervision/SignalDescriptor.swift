import CLinux
import Glibc

/// The signals that steer a command, read from a descriptor like any other input.
///
/// The signals are blocked for the whole process from the start on, before any thread is made.
public struct SignalDescriptor: ~Copyable {
  /// What a signal asks for.
  public enum Request: Sendable {
    /// SIGTERM or SIGINT.
    case stop
    /// SIGHUP.
    case reload
  }

  /// Readable when a signal waits.
  public let descriptor: Int32

  public init() throws(GatewayError) {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigaddset(&signals, SIGHUP)
    var blocked = signals
    // Whoever reads the log may end: that is an error of a write, and not the gateway's end.
    unsafe sigaddset(&blocked, SIGPIPE)
    unsafe pthread_sigmask(SIG_BLOCK, &blocked, nil)
    descriptor = unsafe mimamori_signal_descriptor(&signals)
    let code = errno
    guard descriptor >= 0 else {
      throw GatewayError(.bug, "Failed to open a signal descriptor: \(TextFile.reason(code))")
    }
  }

  deinit {
    close(descriptor)
  }

  /// The next waiting signal, if any.
  public func next() -> Request? {
    switch mimamori_next_signal(descriptor) {
    case 0: nil
    case UInt32(SIGHUP): .reload
    default: .stop
    }
  }
}
