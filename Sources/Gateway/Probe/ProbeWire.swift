import Glibc
public import Observations
public import SensorDrivers

/// A serial port in the hands of a probe: opened with one setting after another, and given back when a signal comes.
public final class ProbeWire {
  public let path: String
  private let signals: SignalDescriptor
  private var port: SerialPort?
  private var buffer = [UInt8](repeating: 0, count: 4096)
  /// SIGINT or SIGTERM has come: nothing more is to be begun.
  public private(set) var isStopped = false

  public init(path: String) throws(GatewayError) {
    self.path = path
    signals = try SignalDescriptor()
  }

  /// Now, on the clock that deadlines are in.
  public var now: MonotonicTime { SystemClock.kernel().monotonic }

  /// Opens the port with these settings.
  ///
  /// - Throws: `GatewayError` with 75 when another program has it, 69 when it is not there, 77 without the right to it.
  public func configure(_ line: SerialLine) throws(GatewayError) {
    port = nil
    do {
      port = try SerialPort(path: path, line: line)
    } catch {
      throw Self.explain(error, path)
    }
  }

  private static func explain(_ error: SensorDriversError, _ path: String) -> GatewayError {
    switch error.cause {
    case .portBusy:
      let holders = SerialPortSurvey().port(at: path).holders.filter { $0.process != Int(getpid()) }
      let names = holders.map { "\($0.name) (process \($0.process))" }.joined(separator: ", ")
      return GatewayError(
        .alreadyRunning,
        "Failed to open \(path): \(names.isEmpty ? "another program" : names) uses it: stop that program, "
          + "such as with `systemctl stop mimamori-gateway`, and probe again")
    case .portMissing: return GatewayError(.serviceUnavailable, "\(error)")
    default:
      let isForbidden = unsafe access(path, R_OK | W_OK) != 0 && errno == EACCES
      return GatewayError(isForbidden ? .noPermission : .inputOutputFailed, "\(error)")
    }
  }

  /// Sends bytes; what the kernel does not take at once is lost, as on a wire that nobody listens to.
  public func send(_ bytes: [UInt8]) throws(GatewayError) {
    if case .lost(let error) = port?.write(bytes.span) { throw GatewayError(.inputOutputFailed, "\(error)") }
  }

  /// Hands on what comes until `deadline`, until `each` says that it is enough, or until a signal.
  ///
  /// - Throws: `GatewayError` with 74 when the port goes away.
  public func listen(
    until deadline: MonotonicTime, each: (Span<UInt8>, MonotonicTime) -> Bool
  ) throws(GatewayError) {
    while !isStopped {
      let rest = (deadline - now).nanoseconds
      guard rest > 0, let descriptor = port?.fileDescriptor else { return }
      var waiting = [
        pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
      ]
      _ = unsafe poll(&waiting, 2, Int32(clamping: (rest + 999_999) / 1_000_000))
      while let request = signals.next() {
        if request == .stop { isStopped = true }
      }
      guard waiting[1].revents != 0, !isStopped else { continue }
      var span = buffer.mutableSpan
      switch port?.read(into: &span) {
      case .bytes(let count):
        if each(buffer.span.extracting(0..<count), now) { return }
      case .lost(let error): throw GatewayError(.inputOutputFailed, "\(error)")
      case .nothing, nil: break
      }
    }
  }

  /// Waits without a port, until `deadline` or a signal.
  public func pause(until deadline: MonotonicTime) {
    while !isStopped {
      let rest = (deadline - now).nanoseconds
      guard rest > 0 else { return }
      var waiting = [pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)]
      _ = unsafe poll(&waiting, 1, Int32(clamping: (rest + 999_999) / 1_000_000))
      while let request = signals.next() {
        if request == .stop { isStopped = true }
      }
    }
  }
}
