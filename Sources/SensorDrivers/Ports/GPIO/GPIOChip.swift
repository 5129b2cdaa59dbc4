import CGPIOD
import Glibc

/// One open chip: libgpiod's handle, which knows names and holders, and a descriptor for requests.
@safe
struct GPIOChip: ~Copyable {
  /// The device's path, such as `/dev/gpiochip0`.
  let path: String
  let descriptor: Int32
  // SAFETY: opened in init, closed in deinit, never handed out.
  private let handle: OpaquePointer

  /// Finds the chip by its path, its name or its label.
  init(_ name: String) throws(GPIOError) {
    errno = 0
    let found = unsafe name.contains("/") ? gpiod_chip_open(name) : gpiod_chip_open_lookup(name)
    let code = errno
    guard let found = unsafe found else { throw Self.openError(name, code: code) }
    let device = unsafe "/dev/" + String(cString: gpiod_chip_name(found))
    let opened = unsafe open(device, O_RDWR | O_CLOEXEC)
    let openCode = errno
    guard opened >= 0 else {
      unsafe gpiod_chip_close(found)
      throw Self.openError(device, code: openCode)
    }
    path = device
    descriptor = opened
    unsafe handle = found
  }

  deinit {
    close(descriptor)
    unsafe gpiod_chip_close(handle)
  }

  private static func openError(_ name: String, code: Int32) -> GPIOError {
    let action = "Failed to open GPIO chip \(name)"
    switch code {
    case 0, ENOENT:
      return GPIOError(
        .chipMissing, action, reason: "there is no chip of this path, name or label",
        advice: "connect it, or write one that `gpiodetect` lists")
    case EACCES, EPERM:
      return GPIOError(
        .notPermitted, action, reason: text(code), advice: "add the gateway's user to the group that owns /dev/gpiochip*")
    case ENODEV, ENOTTY, EINVAL:
      return GPIOError(
        .unsupported, action, reason: "it is no GPIO chip", advice: "write one that `gpiodetect` lists")
    default:
      return GPIOError(.failed, action, reason: text(code), advice: "see the kernel's log with `dmesg`")
    }
  }

  /// The line's number on this chip.
  func offset(of line: GPIOLine) throws(GPIOError) -> UInt32 {
    let action = "Failed to find GPIO line \(line) on \(path)"
    switch line {
    case .number(let number):
      let count = unsafe gpiod_chip_num_lines(handle)
      guard number < count else {
        throw GPIOError(
          .lineMissing, action, reason: "the chip has \(count) lines, from 0",
          advice: "write a number that `gpioinfo` lists")
      }
      return number
    case .name(let name):
      guard let found = unsafe gpiod_chip_find_line(handle, name) else {
        throw GPIOError(
          .lineMissing, action, reason: "no line of the chip has this name",
          advice: "write a name that `gpioinfo` lists, or the line's number")
      }
      return unsafe gpiod_line_offset(found)
    }
  }

  /// Why a request failed, with the holder's name when the line is taken.
  func requestError(code: Int32, lines: [GPIOLine], offsets: [UInt32]) -> GPIOError {
    let names = lines.map(\.description).joined(separator: ", ")
    let action = "Failed to request GPIO line \(names) on \(path)"
    switch code {
    case EBUSY:
      let holders = offsets.compactMap { holder(of: $0) }.joined(separator: ", ")
      let reason = holders.isEmpty ? Self.text(code) : "\(Self.text(code)): \(holders)"
      return GPIOError(
        .busy, action, reason: reason, advice: "stop the program that holds it, or wire the sensor to another line")
    case EACCES, EPERM:
      return GPIOError(
        .notPermitted, action, reason: Self.text(code),
        advice: "add the gateway's user to the group that owns /dev/gpiochip*")
    case ENODEV:
      return GPIOError(.lost, action, reason: Self.text(code), advice: "connect the chip again")
    case ENOTTY:
      return GPIOError(
        .unsupported, action, reason: "the kernel lacks the second GPIO interface", advice: "use Linux 5.10 or later")
    case E2BIG:
      return GPIOError(
        .unsupported, action, reason: "the lines have too many different settings for one request",
        advice: "give them the same bias and debounce")
    case EINVAL, ENOTSUP, ENXIO:
      return GPIOError(
        .unsupported, action, reason: "\(Self.text(code)): the chip refuses this setting",
        advice: "try bias = \"as-is\" with a resistor on the board, or a line that can interrupt")
    default:
      return GPIOError(.failed, action, reason: Self.text(code), advice: "see the kernel's log with `dmesg`")
    }
  }

  private func holder(of offset: UInt32) -> String? {
    guard let line = unsafe gpiod_chip_get_line(handle, offset), unsafe gpiod_line_is_used(line) else { return nil }
    guard let consumer = unsafe gpiod_line_consumer(line) else { return "the kernel holds line \(offset)" }
    return unsafe "\"\(String(cString: consumer))\" holds line \(offset)"
  }

  static func text(_ code: Int32) -> String {
    unsafe String(cString: strerror(code))
  }
}

extension GPIOError {
  /// What went wrong with lines that are held.
  static func whileHeld(_ verb: String, chip: String, offsets: [UInt32], code: Int32) -> GPIOError {
    let lines = offsets.map(String.init).joined(separator: ", ")
    let isLost = code == ENODEV || code == EIO || code == ENXIO
    return GPIOError(
      isLost ? .lost : .failed, "Failed to \(verb) GPIO line \(lines) on \(chip)", reason: GPIOChip.text(code),
      advice: isLost ? "connect the chip again" : "see the kernel's log with `dmesg`")
  }
}
