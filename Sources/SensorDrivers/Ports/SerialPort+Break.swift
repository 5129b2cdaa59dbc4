internal import Glibc

/// How a line is held at spacing.
public enum BreakMethod: String, Sendable, Hashable, CaseIterable {
  /// By the port itself (TIOCSBRK and TIOCCBRK): as long as wanted.
  case line
  /// By a byte of zeros at half the speed, for a port that cannot: nine bits, 15 ms at 1200 baud, or 16.7 ms with parity.
  case byte
  /// Not at all: the adapter makes its own break when it sees a command.
  case none
}

/// What became of a break.
public enum BreakResult: Sendable, Hashable {
  case done
  /// The port cannot do it in this way.
  case unsupported
  /// The port is gone: close it, and open it again later.
  case lost(SensorDriversError)
}

extension SerialPort {
  /// Begins or ends a break and returns at once: whoever asks counts the time between.
  ///
  /// The kernel begins a break when all that was written has been sent, however long that takes. What is still there is
  /// thrown away, and a port that keeps it all the same counts as lost.
  public func setBreak(_ end: LineBreak, by method: BreakMethod) -> BreakResult {
    switch method {
    case .none: return .done
    case .line:
      // A pseudo-terminal says yes and does nothing.
      if Self.isPseudoTerminal(fileDescriptor) { return .unsupported }
      if end == .begin, Self.unsentBytes(fileDescriptor) > 0 {
        _ = tcflush(fileDescriptor, TCOFLUSH)
        guard Self.unsentBytes(fileDescriptor) == 0 else {
          return .lost(lost("make a break on", "it does not send what was written to it"))
        }
      }
      guard ioctl(fileDescriptor, end == .begin ? UInt(TIOCSBRK) : UInt(TIOCCBRK)) != 0 else { return .done }
      let errorNumber = errno
      switch errorNumber {
      case ENOTTY, EINVAL, EOPNOTSUPP, ENOSYS: return .unsupported
      case EINTR: return setBreak(end, by: method)
      default: return .lost(lost("make a break on", SensorDriversError.message(errorNumber)))
      }
    case .byte:
      let speed = end == .begin ? line.baud / 2 : line.baud
      let settings = TerminalSettings(
        SerialLine(
          baud: speed, dataBits: line.dataBits, parity: line.parity, stopBits: line.stopBits,
          makesParityInSoftware: line.makesParityInSoftware))
      guard settings.apply(to: fileDescriptor) else {
        let errorNumber = errno
        return .lost(lost("set the speed of", SensorDriversError.message(errorNumber)))
      }
      guard end == .begin else { return .done }
      switch writeRaw([0].span) {
      case .written: return .done
      case .lost(let error): return .lost(error)
      }
    }
  }
}
