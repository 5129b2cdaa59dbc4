import CGPIOD
import Glibc
import Observations

/// One open chip: libgpiod's handle, which knows names and holders, and a descriptor for requests.
@safe
struct GPIOChip: ~Copyable {
  /// The device's path, such as `/dev/gpiochip0`.
  let path: String
  let descriptor: Int32
  // SAFETY: opened in init, closed in deinit, never handed out.
  private let handle: OpaquePointer

  /// Finds the chip by its path, its name or its label.
  init(_ name: String) throws(SensorDriversError) {
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

  private static func openError(_ name: String, code: Int32) -> SensorDriversError {
    let action = "open the GPIO chip \(name)"
    switch code {
    case 0, ENOENT:
      return SensorDriversError(
        action: action, reason: "there is no chip of this path, name or label",
        advice: "Connect it, or correct `chip`; `gpiodetect` lists what is there.", cause: .portMissing)
    case EACCES, EPERM:
      return SensorDriversError(
        action: action, errorNumber: code, advice: "Add the gateway's user to the group that owns /dev/gpiochip*.",
        cause: .portError)
    case ENODEV, ENOTTY, EINVAL:
      return SensorDriversError(
        action: action, reason: "it is no GPIO chip", advice: "Correct `chip`; `gpiodetect` lists what is there.",
        cause: .portError)
    default:
      return SensorDriversError(
        action: action, errorNumber: code, advice: "See the kernel's log with `dmesg`.", cause: .portError)
    }
  }

  /// The line's number on this chip.
  func offset(of line: GPIOLine) throws(SensorDriversError) -> UInt32 {
    let action = "find the GPIO line \(line) on \(path)"
    switch line {
    case .number(let number):
      let count = unsafe gpiod_chip_num_lines(handle)
      guard number < count else {
        throw SensorDriversError(
          action: action, reason: "the chip has \(count) lines, from 0",
          advice: "Correct `line`; `gpioinfo` lists the numbers.", cause: .portError)
      }
      return number
    case .name(let name):
      guard let found = unsafe gpiod_chip_find_line(handle, name) else {
        throw SensorDriversError(
          action: action, reason: "no line of the chip has this name",
          advice: "Correct `line`: write a name that `gpioinfo` lists, or the line's number.", cause: .portError)
      }
      return unsafe gpiod_line_offset(found)
    }
  }

  /// Why a request failed, with the holder's name when the line is taken.
  func requestError(code: Int32, lines: [GPIOLine], offsets: [UInt32]) -> SensorDriversError {
    let names = lines.map(\.description).joined(separator: ", ")
    let action = "request GPIO line \(names) on \(path)"
    let system = SensorDriversError.message(code)
    let (reason, advice, cause): (String, String, FaultCause) =
      switch code {
      case EBUSY:
        (
          ([system] + offsets.compactMap { holder(of: $0) }).joined(separator: ", "),
          "Stop the program that holds it, or wire the sensor to another line.", .portBusy
        )
      case EACCES, EPERM:
        (system, "Add the gateway's user to the group that owns /dev/gpiochip*.", .portError)
      case ENODEV:
        (system, "Connect the chip again.", .portLost)
      case ENOTTY:
        ("the kernel lacks the second GPIO interface", "Use Linux 5.10 or later.", .portError)
      case E2BIG:
        ("the lines' settings differ too much for one request", "Give them the same bias and debounce.", .portError)
      case EINVAL, ENOTSUP, ENXIO:
        (
          "\(system), the chip refuses this setting",
          "Write bias = \"as-is\" and put a resistor on the board, or take a line that can interrupt.", .portError
        )
      default:
        (system, "See the kernel's log with `dmesg`.", .portError)
      }
    return SensorDriversError(action: action, reason: reason, advice: advice, cause: cause)
  }

  private func holder(of offset: UInt32) -> String? {
    guard let line = unsafe gpiod_chip_get_line(handle, offset), unsafe gpiod_line_is_used(line) else { return nil }
    guard let consumer = unsafe gpiod_line_consumer(line) else { return "the kernel holds line \(offset)" }
    return unsafe "\"\(String(cString: consumer))\" holds line \(offset)"
  }
}

extension SensorDriversError {
  /// What went wrong with GPIO lines that are held.
  static func whileHeld(_ verb: String, chip: String, offsets: [UInt32], code: Int32) -> SensorDriversError {
    let lines = offsets.map(String.init).joined(separator: ", ")
    let isLost = code == ENODEV || code == EIO || code == ENXIO
    return SensorDriversError(
      action: "\(verb) GPIO line \(lines) on \(chip)", errorNumber: code,
      advice: isLost ? "Connect the chip again." : "See the kernel's log with `dmesg`.",
      cause: isLost ? .portLost : .portError)
  }
}
