internal import Glibc
internal import Observations

/// An open serial port. It owns its descriptor and is alone on it: a second open is refused on both sides.
///
/// Nothing here ever waits: reading and writing do what can be done at once, and closing throws away what was not sent.
@safe
public struct SerialPort: ~Copyable {
  /// What one read brought.
  public enum ReadResult: Sendable, Hashable {
    /// So many bytes, at least one, are at the start of the buffer.
    case bytes(Int)
    /// Nothing has arrived.
    case nothing
    /// The port is gone: close it, and open it again later.
    case lost(SensorDriversError)
  }

  /// What became of the bytes to be written.
  public enum WriteResult: Sendable, Hashable {
    /// So many of them, from the first, were taken: all, or fewer if the kernel's buffer is full, even none.
    case written(Int)
    /// The port is gone: close it, and open it again later.
    case lost(SensorDriversError)
  }

  public let path: String
  /// For ppoll(2); it stays this port's.
  public let fileDescriptor: Int32
  /// What the kernel did not take over of the line's settings, as a sentence for the log; nil if it took all. A
  /// pseudo-terminal, for one, has no parity and no seven bits.
  public let warning: String?
  private let isMarkedExclusive: Bool
  let line: SerialLine
  /// How seven bits and parity are put into bytes of eight, if the port does not do it by itself.
  private let softwareParity: SoftwareParity?
  private let closer: PortCloser

  /// Opens the port at `path` and sets it to `line`.
  ///
  /// - Throws: an error whose cause is `port_missing`, `port_busy`, `port_error`, or `port_lost` while it is still being
  ///   closed because its device does not take what was written to it.
  public init(path: String, line: SerialLine) throws(SensorDriversError) {
    try self.init(path: path, line: line, closer: .shared)
  }

  init(path: String, line: SerialLine, closer: PortCloser) throws(SensorDriversError) {
    guard !closer.isClosing(path) else { throw Self.stillClosing(path) }
    let descriptor = unsafe Glibc.open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
    let openError = errno
    guard descriptor >= 0 else { throw Self.openError(path, openError) }
    let prepared: (isMarkedExclusive: Bool, configured: Configured)
    do throws(SensorDriversError) {
      prepared = (try Self.claim(descriptor, path), try Self.configure(descriptor, path, line))
    } catch {
      closer.close(descriptor)
      throw error
    }
    isMarkedExclusive = prepared.isMarkedExclusive
    warning = prepared.configured.warning
    softwareParity = prepared.configured.parity
    self.line = line
    self.path = path
    self.closer = closer
    fileDescriptor = descriptor
  }

  deinit {
    // What a driver keeps in spite of the flush, closing would wait for.
    _ = tcflush(fileDescriptor, TCIOFLUSH)
    if isMarkedExclusive { _ = ioctl(fileDescriptor, UInt(TIOCNXCL)) }
    // A child that was forked a moment ago may still have a copy: closing ours would not end the lock.
    _ = flock(fileDescriptor, LOCK_UN)
    closer.close(fileDescriptor)
  }

  /// Reads what has arrived, at most as much as `buffer` holds.
  public func read(into buffer: inout MutableSpan<UInt8>) -> ReadResult {
    while true {
      // SAFETY: read writes at most as many bytes as the buffer has.
      let (count, errorNumber) = unsafe buffer.withUnsafeMutableBytes { bytes in
        let count = unsafe Glibc.read(fileDescriptor, bytes.baseAddress, bytes.count)
        return (count, errno)
      }
      if count > 0 {
        softwareParity?.decode(&buffer, count: count)
        return .bytes(count)
      }
      if count == 0 { return .lost(lost("read from", "the other side has hung up")) }
      switch errorNumber {
      case EINTR: continue
      case EAGAIN: return .nothing
      default: return .lost(lost("read from", SensorDriversError.message(errorNumber)))
      }
    }
  }

  /// Writes as much of `bytes` as the kernel takes at once.
  public func write(_ bytes: Span<UInt8>) -> WriteResult {
    if let softwareParity {
      let encoded = softwareParity.encode(bytes)
      return writeRaw(encoded.span)
    }
    return writeRaw(bytes)
  }

  /// Writes without software parity.
  func writeRaw(_ bytes: Span<UInt8>) -> WriteResult {
    while true {
      // SAFETY: write reads no more bytes than the span has.
      let (count, errorNumber) = unsafe bytes.withUnsafeBytes { bytes in
        let count = unsafe Glibc.write(fileDescriptor, bytes.baseAddress, bytes.count)
        return (count, errno)
      }
      if count >= 0 { return .written(count) }
      switch errorNumber {
      case EINTR: continue
      case EAGAIN: return .written(0)
      default: return .lost(lost("write to", SensorDriversError.message(errorNumber)))
      }
    }
  }

  func lost(_ verb: String, _ reason: String) -> SensorDriversError {
    SensorDriversError(
      action: "\(verb) the serial port \(path)", reason: reason,
      advice: "Check the cable and the adapter; the port is opened again as soon as it is back.", cause: .portLost)
  }
}

// MARK: - Opening

extension SerialPort {
  private static func openError(_ path: String, _ errorNumber: Int32) -> SensorDriversError {
    let (advice, cause): (String, FaultCause) =
      switch errorNumber {
      case ENOENT, ENXIO, ENODEV, ENOTDIR:
        ("Connect the adapter, or correct `device`; `ls -l /dev/serial/by-path` shows what is there.", .portMissing)
      case EBUSY:
        (busyAdvice(path), .portBusy)
      case EACCES, EPERM:
        ("Give the gateway's user access to it, usually by the group dialout.", .portError)
      default:
        ("Check that `device` names a serial port.", .portError)
      }
    return SensorDriversError(
      action: "open the serial port \(path)", errorNumber: errorNumber, advice: advice, cause: cause)
  }

  private static func stillClosing(_ path: String) -> SensorDriversError {
    SensorDriversError(
      action: "open the serial port \(path)",
      reason: "it is still being closed, because its device does not take what was written to it",
      advice: "Check the device, its supply and its cable; the port is opened again as soon as it is closed.",
      cause: .portLost)
  }

  private static func busyAdvice(_ path: String) -> String {
    "Another program uses it: end that program (`fuser -v \(path)` names it), or correct `device`."
  }

  /// Makes sure that it is a serial port that nobody else uses. Returns whether the terminal was marked exclusive.
  ///
  /// The mark (TIOCEXCL) refuses later opens, but not root's; so there is a lock (flock) too, as other serial programs
  /// set it. A pseudo-terminal would keep the mark after a crash, as long as its other side is open: it gets the lock only.
  private static func claim(_ descriptor: Int32, _ path: String) throws(SensorDriversError) -> Bool {
    func busy() -> SensorDriversError { openError(path, EBUSY) }
    guard TerminalSettings(of: descriptor) != nil else {
      throw SensorDriversError(
        action: "open the serial port \(path)", errorNumber: errno,
        advice: "It is no serial port: correct `device`.", cause: .portError)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw busy() }
    guard !isPseudoTerminal(descriptor) else { return false }
    var mark: Int32 = 0
    // SAFETY: TIOCGEXCL writes one int.
    if unsafe ioctl(descriptor, getExclusive, &mark) == 0, mark != 0 { throw busy() }
    return ioctl(descriptor, UInt(TIOCEXCL)) == 0
  }

  /// TIOCGEXCL of asm-generic/ioctls.h, a macro that is not imported.
  private static let getExclusive: UInt = 0x8004_5440

  static func isPseudoTerminal(_ descriptor: Int32) -> Bool {
    var status = stat()
    // SAFETY: fstat fills in the one struct.
    guard unsafe fstat(descriptor, &status) == 0 else { return false }
    return (136...143).contains((status.st_rdev >> 8) & 0xFFF)
  }

  /// What the kernel made of a line's settings.
  private struct Configured {
    var warning: String?
    var parity: SoftwareParity?
  }

  /// Sets the line and reads back what the kernel made of it, with a warning if that differs.
  private static func configure(
    _ descriptor: Int32, _ path: String, _ line: SerialLine
  ) throws(SensorDriversError) -> Configured {
    let asked = TerminalSettings(line)
    guard asked.apply(to: descriptor) else {
      let errorNumber = errno
      throw SensorDriversError(
        action: "set the serial port \(path) to \(line.baud) baud", errorNumber: errorNumber,
        advice: "Check whether the adapter can do `baud` and `frame`.", cause: .portError)
    }
    _ = tcflush(descriptor, TCIOFLUSH)
    let parity = SoftwareParity(line)
    guard let actual = TerminalSettings(of: descriptor), let difference = actual.difference(from: asked) else {
      return Configured(parity: line.makesParityInSoftware ? parity : nil)
    }
    let isMadeHere = parity != nil && actual.hasEightBitsWithoutParity
    let remedy =
      if isMadeHere {
        " Seven bits and parity are made in software instead."
      } else if isPseudoTerminal(descriptor) {
        " A pseudo-terminal knows no other."
      } else {
        " Set the devices to what it can do, or use another adapter."
      }
    return Configured(
      warning: "The serial port \(path) is not set as configured: \(difference).\(remedy)",
      parity: isMadeHere ? parity : nil)
  }
}
