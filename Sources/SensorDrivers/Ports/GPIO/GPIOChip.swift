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
  ///
  /// A chip that was away may come back under another number; its label stays the same.
  init(_ name: String) throws(SensorDriversError) {
    if name.contains("/") {
      try self.init(path: name)
    } else if Self.names().contains(name) {
      try self.init(path: "/dev/" + name)
    } else {
      try self.init(path: Self.path(ofLabel: name))
    }
  }

  private init(path: String) throws(SensorDriversError) {
    let found = unsafe try Self.openHandle(path)
    let opened = unsafe open(path, O_RDWR | O_CLOEXEC)
    let code = errno
    guard opened >= 0 else {
      unsafe mimamori_gpio_chip_close(found)
      throw Self.openError(path, code: code)
    }
    self.path = path
    descriptor = opened
    unsafe handle = found
  }

  deinit {
    close(descriptor)
    unsafe mimamori_gpio_chip_close(handle)
  }

  private static func openHandle(_ path: String) throws(SensorDriversError) -> OpaquePointer {
    var found: OpaquePointer?
    let result = unsafe mimamori_gpio_chip_open(path, &found)
    guard result == 0, let found = unsafe found else { throw openError(path, code: -result) }
    return unsafe found
  }

  /// The chips' names, as `/dev` has them, in the order of their numbers.
  static func names() -> [String] {
    KernelFiles.names(in: "/dev").compactMap { name in
      name.hasPrefix("gpiochip") ? UInt32(name.dropFirst("gpiochip".count)) : nil
    }.sorted().map { "gpiochip\($0)" }
  }

  /// The path of the one chip that carries this label.
  private static func path(ofLabel label: String) throws(SensorDriversError) -> String {
    var matching: [String] = []
    var failure: SensorDriversError?
    for name in names() {
      let path = "/dev/" + name
      do throws(SensorDriversError) {
        let handle = unsafe try openHandle(path)
        if unsafe String(cString: mimamori_gpio_chip_label(handle)) == label { matching.append(path) }
        unsafe mimamori_gpio_chip_close(handle)
      } catch {
        // A chip that went away meanwhile is not the one; one that may not be opened could be.
        if error.cause != .portMissing { failure = error }
      }
    }
    guard let first = matching.first else { throw failure ?? openError(label, code: ENOENT) }
    guard matching.count == 1 else {
      throw SensorDriversError(
        action: "open the GPIO chip \(label)",
        reason: "\(matching.count) chips have this label: \(matching.joined(separator: ", "))",
        advice: "Write the path of the one that is meant in `chip`.", cause: .portError)
    }
    return first
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
      let count = unsafe mimamori_gpio_chip_lines(handle)
      guard number < count else {
        throw SensorDriversError(
          action: action, reason: "the chip has \(count) lines, from 0",
          advice: "Correct `line`; `gpioinfo` lists the numbers.", cause: .portError)
      }
      return number
    case .name(let name):
      var offset: UInt32 = 0
      // Lines without a name are no answer to an empty one.
      let result = unsafe name.isEmpty ? -ENOENT : mimamori_gpio_chip_find(handle, name, &offset)
      switch -result {
      case 0: return offset
      case ENOENT:
        throw SensorDriversError(
          action: action, reason: "no line of the chip has this name",
          advice: "Correct `line`: write a name that `gpioinfo` lists, or the line's number.", cause: .portError)
      case let code:
        throw SensorDriversError(
          action: action, errorNumber: code, advice: "See the kernel's log with `dmesg`.",
          cause: code == ENODEV ? .portLost : .portError)
      }
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
    var name = [CChar](repeating: 0, count: Int(MIMAMORI_GPIO_NAME_SIZE))
    guard unsafe mimamori_gpio_chip_holder(handle, offset, &name) == 1 else { return nil }
    let holder = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // The kernel shows "?" for a holder that gave no name.
    if holder.isEmpty || holder == "?" { return "the kernel or a nameless program holds line \(offset)" }
    return "\"\(holder)\" holds line \(offset)"
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
