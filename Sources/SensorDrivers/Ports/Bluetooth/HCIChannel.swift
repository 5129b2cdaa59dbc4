internal import Glibc
internal import Observations

/// A Bluetooth controller of the board (`hci0`, …) that the kernel hands over whole: its HCI user channel.
///
/// The kernel's own Bluetooth, and with it bluetoothd, does not see the controller meanwhile. One read is one packet, and
/// one packet is written at a time, each with its packet type before it, as on a serial line (H4). Nothing here ever waits.
@safe
public struct HCIChannel: ~Copyable {
  /// Such as `hci0`.
  public let name: String
  /// For ppoll(2); it stays this channel's.
  public let fileDescriptor: Int32

  /// Takes the controller with this number.
  ///
  /// A controller that is switched on is switched off first (HCIDEVDOWN), so that whoever used it lets go of it.
  ///
  /// - Throws: an error whose cause is `port_missing`, `port_busy` or `port_error`, and which says what to do.
  public init(controller number: UInt16) throws(SensorDriversError) {
    let name = "hci\(number)"
    let descriptor = socket(Self.family, Self.kind, Self.hciProtocol)
    let socketError = errno
    guard descriptor >= 0 else { throw Self.error(name, socketError, isSocket: true) }
    var failure = Self.bind(descriptor, to: number)
    if failure == EBUSY, Self.switchOff(number) { failure = Self.bind(descriptor, to: number) }
    guard failure == 0 else {
      _ = Glibc.close(descriptor)
      throw Self.error(name, failure, isSocket: false)
    }
    self.init(owning: descriptor, name: name)
  }

  /// Takes over a socket that delivers whole packets, such as one end of a pair. It must not block.
  public init(owning descriptor: Int32, name: String) {
    self.name = name
    fileDescriptor = descriptor
  }

  deinit {
    _ = Glibc.close(fileDescriptor)
  }

  /// Reads one packet; `buffer` must have room for the longest, 258 bytes.
  public func read(into buffer: inout MutableSpan<UInt8>) -> SerialPort.ReadResult {
    while true {
      // SAFETY: read writes at most as many bytes as the buffer has.
      let (count, errorNumber) = unsafe buffer.withUnsafeMutableBytes { bytes in
        let count = unsafe Glibc.read(fileDescriptor, bytes.baseAddress, bytes.count)
        return (count, errno)
      }
      if count > 0 { return .bytes(count) }
      if count == 0 { return .lost(lost("it was taken away")) }
      switch errorNumber {
      case EINTR: continue
      case EAGAIN: return .nothing
      default: return .lost(lost(SensorDriversError.message(errorNumber)))
      }
    }
  }

  /// Writes as many whole command packets from the start of `bytes` as the kernel takes at once.
  public func write(_ bytes: Span<UInt8>) -> SerialPort.WriteResult {
    var written = 0
    while let length = Self.commandLength(bytes.extracting(written..<bytes.count)) {
      let packet = bytes.extracting(written..<written + length)
      // SAFETY: send reads no more bytes than the span has.
      let (count, errorNumber) = unsafe packet.withUnsafeBytes { packet in
        let count = unsafe send(fileDescriptor, packet.baseAddress, packet.count, Int32(MSG_NOSIGNAL))
        return (count, errno)
      }
      if count == length {
        written += length
        continue
      }
      switch errorNumber {
      case EINTR: continue
      case EAGAIN, ENOBUFS: return .written(written)
      default: return .lost(lost(SensorDriversError.message(errorNumber)))
      }
    }
    return .written(written)
  }

  /// How long the command packet at the start of `bytes` is; nil when not all of it is there.
  private static func commandLength(_ bytes: Span<UInt8>) -> Int? {
    guard bytes.count >= 4, 4 + Int(bytes[3]) <= bytes.count else { return nil }
    return 4 + Int(bytes[3])
  }

  private func lost(_ reason: String) -> SensorDriversError {
    SensorDriversError(
      action: "use the Bluetooth controller \(name)", reason: reason,
      advice: "Check the adapter and `rfkill list`; the controller is taken again as soon as it is back.",
      cause: .portLost)
  }
}

// MARK: - Opening

extension HCIChannel {
  // The kernel's include/net/bluetooth/bluetooth.h and hci_sock.h; the C library knows only the family.
  private static let family = Int32(31)  // AF_BLUETOOTH
  private static let hciProtocol = Int32(1)  // BTPROTO_HCI
  private static let userChannel = UInt16(1)  // HCI_CHANNEL_USER
  private static let deviceDown = UInt(0x4004_48CA)  // HCIDEVDOWN, _IOW('H', 202, int)
  private static let kind = Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)

  /// `struct sockaddr_hci`.
  private struct Address {
    var family: UInt16
    var device: UInt16
    var channel: UInt16
  }

  /// Returns 0 or the error's number.
  private static func bind(_ descriptor: Int32, to number: UInt16) -> Int32 {
    var address = Address(family: UInt16(family), device: number, channel: userChannel)
    let length = socklen_t(MemoryLayout<Address>.size)
    // SAFETY: the kernel reads `length` bytes of the address, which is as long.
    let (result, errorNumber) = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        let result = unsafe Glibc.bind(descriptor, pointer, length)
        return (result, errno)
      }
    }
    return result == 0 ? 0 : errorNumber
  }

  /// Switches the controller off, as a socket that is bound to no controller may ask. Returns whether that was done.
  private static func switchOff(_ number: UInt16) -> Bool {
    let descriptor = socket(family, kind, hciProtocol)
    guard descriptor >= 0 else { return false }
    defer { _ = Glibc.close(descriptor) }
    return ioctl(descriptor, deviceDown, CInt(number)) == 0
  }

  private static func error(_ name: String, _ errorNumber: Int32, isSocket: Bool) -> SensorDriversError {
    let (advice, cause): (String, FaultCause) =
      switch errorNumber {
      case EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT:
        (
          "This kernel has no Bluetooth, or the service may not use it: add AF_BLUETOOTH to RestrictAddressFamilies "
            + "in the systemd unit.", .portMissing
        )
      case ENODEV, ENXIO:
        ("There is no such controller: `ls /sys/class/bluetooth` shows what there is.", .portMissing)
      case EBUSY, EUSERS, EALREADY:
        (
          "Another program uses it, usually bluetoothd: run `systemctl disable --now bluetooth`, or name another "
            + "controller.", .portBusy
        )
      case EPERM, EACCES:
        (
          "Add `AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW`, and the same to CapabilityBoundingSet, to the systemd "
            + "unit.", .portError
        )
      case ERFKILL:
        ("Its radio is switched off: run `rfkill unblock bluetooth`.", .portError)
      default:
        ("Look for its driver's messages with `journalctl -k`.", .portError)
      }
    return SensorDriversError(
      action: isSocket ? "use Bluetooth" : "take the Bluetooth controller \(name)", errorNumber: errorNumber,
      advice: advice, cause: cause)
  }
}
