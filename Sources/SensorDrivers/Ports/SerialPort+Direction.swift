internal import Glibc
internal import Observations

extension SerialPort {
  /// Requests of asm-generic/ioctls.h and bits of linux/serial.h and asm-generic/termios.h, macros that are not imported.
  private enum Request {
    static let getRS485: UInt = 0x542E
    static let setRS485: UInt = 0x542F
    static let setModemLines: UInt = 0x5416
    static let clearModemLines: UInt = 0x5417
    static let outputQueue: UInt = 0x5411
    static let lineStatus: UInt = 0x5459
    static let requestToSend: Int32 = 0x004
    static let transmitterEmpty: UInt32 = 0x01
    static let isEnabled: UInt32 = 0x1
    static let isActiveWhileSending: UInt32 = 0x2
    static let isActiveAfterSending: UInt32 = 0x4
  }

  /// Makes the line turn round as `settings` say; with RTS the port listens from now on.
  ///
  /// - Throws: an error whose cause is `port_error` when the port cannot do it.
  public func setDirection(_ settings: RS485Settings) throws(SensorDriversError) {
    switch settings.way {
    case .kernel: try setKernelDirection(settings)
    case .rts:
      let result = setRequestToSend(!settings.isActiveWhileSending)
      guard result == 0 else {
        throw SensorDriversError(
          action: "set the RTS line of the serial port \(path)", errorNumber: result,
          advice: "The port has none that a program can set: remove `rs485` if the adapter turns round by itself, or "
            + "use an adapter that does.", cause: .portError)
      }
    }
  }

  private func setKernelDirection(_ settings: RS485Settings) throws(SensorDriversError) {
    // struct serial_rs485: flags, delay before, delay after in milliseconds, five words of padding.
    var words = InlineArray<8, UInt32>(repeating: 0)
    let polarity = settings.isActiveWhileSending ? Request.isActiveWhileSending : Request.isActiveAfterSending
    words[0] = Request.isEnabled | polarity
    words[1] = UInt32(clamping: settings.delayBefore.milliseconds)
    words[2] = UInt32(clamping: settings.delayAfter.milliseconds)
    let result = Self.exchange(fileDescriptor, Request.setRS485, &words)
    guard result == 0 else {
      throw SensorDriversError(
        action: "let the kernel turn the RS-485 line \(path) round", errorNumber: result,
        advice: "The port's driver cannot do that: write rs485 = \"rts\" if RTS is wired to the transceiver, or remove "
          + "`rs485` if the adapter turns round by itself.", cause: .portError)
    }
    // A driver may take the request and leave out what its chip cannot do.
    var actual = InlineArray<8, UInt32>(repeating: 0)
    guard Self.exchange(fileDescriptor, Request.getRS485, &actual) == 0 else { return }
    let checked = Request.isEnabled | Request.isActiveWhileSending | Request.isActiveAfterSending
    guard actual[0] & checked == words[0] & checked else {
      throw SensorDriversError(
        action: "let the kernel turn the RS-485 line \(path) round",
        reason: "its driver does it otherwise than `rs485_rts` says (flags \(actual[0] & checked) for \(words[0]))",
        advice: "Write rs485_rts = \"\(settings.isActiveWhileSending ? "low" : "high")\" if the wiring allows it, or "
          + "rs485 = \"rts\".", cause: .portError)
    }
  }

  /// Makes RTS active or not. Returns 0, or the errno that it failed with.
  public func setRequestToSend(_ isActive: Bool) -> Int32 {
    var bits = Request.requestToSend
    // SAFETY: TIOCMBIS and TIOCMBIC read one int.
    let result = unsafe ioctl(
      fileDescriptor, isActive ? Request.setModemLines : Request.clearModemLines, &bits)
    return result == 0 ? 0 : errno
  }

  /// Whether the last bit of all that was written to the port of `descriptor` has left it, as far as its driver can tell.
  public static func hasSentAll(_ descriptor: Int32) -> Bool {
    guard unsentBytes(descriptor) == 0 else { return false }
    var status: UInt32 = Request.transmitterEmpty
    // SAFETY: TIOCSERGETLSR writes one int; a driver that does not know it leaves it as it is.
    _ = unsafe ioctl(descriptor, Request.lineStatus, &status)
    return status & Request.transmitterEmpty != 0
  }

  /// How many bytes the port of `descriptor` has taken and its driver has not sent; 0 if it cannot tell.
  static func unsentBytes(_ descriptor: Int32) -> Int {
    var waiting: Int32 = 0
    // SAFETY: TIOCOUTQ writes one int.
    return unsafe ioctl(descriptor, Request.outputQueue, &waiting) == 0 ? Int(waiting) : 0
  }

  private static func exchange(_ descriptor: Int32, _ request: UInt, _ words: inout InlineArray<8, UInt32>) -> Int32 {
    // SAFETY: the kernel reads or writes exactly the 32 bytes of serial_rs485, which is what the 8 words hold.
    unsafe withUnsafeMutableBytes(of: &words) { bytes in
      let result = unsafe ioctl(descriptor, request, bytes.baseAddress!)
      return result == 0 ? 0 : errno
    }
  }
}
