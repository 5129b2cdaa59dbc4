import Glibc
public import Observations
public import SensorDrivers

/// A device at the far end of a serial line: a value that hears bytes and says what it answers.
public protocol SimulatedDevice {
  /// When `wake` is due at the latest, if ever.
  var nextDeadline: MonotonicTime? { get }

  /// The gateway sent these bytes; what is appended to `answer` is sent back.
  mutating func received(_ bytes: [UInt8], at time: MonotonicTime, answer: inout [UInt8])

  /// A deadline was reached; what is appended to `answer` is sent.
  mutating func wake(at time: MonotonicTime, answer: inout [UInt8])

  /// The scenario asks for something.
  mutating func apply(_ setting: Scenario.Setting, to sensor: String, at time: MonotonicTime)
}

/// A pseudo-terminal with a simulated device at its master end. A symbolic link at the configured path leads to the
/// other end, so that the gateway opens it as it would open a real port.
public final class SimulatedTerminal: EventSource {
  /// The path that the configuration names.
  public let path: String
  private var device: any SimulatedDevice
  private var master: Int32 = -1
  /// What our link leads to, while it is there.
  private var linked: String?
  /// Kept open, so that the master does not hang up while the gateway has not opened its end.
  private var terminal: Int32 = -1
  private var pending: [UInt8] = []
  private var answer: [UInt8] = []
  private var buffer = [UInt8](repeating: 0, count: 4096)

  /// What waits to be written at most: a gateway that does not read loses what is newer, as on a wire.
  private static let pendingLimit = 8192

  public init(path: String, device: any SimulatedDevice) throws(SimulatedSiteError) {
    self.path = path
    self.device = device
    try plug()
  }

  deinit {
    unplug()
  }

  /// Makes the pseudo-terminal and its link, as if the adapter had been plugged in.
  public func plug() throws(SimulatedSiteError) {
    guard master < 0 else { return }
    var name = [CChar](repeating: 0, count: 128)
    var settings = termios()
    // A terminal in line mode would change bytes before the gateway has set it up.
    unsafe cfmakeraw(&settings)
    settings.c_cflag |= tcflag_t(CREAD | CS8)
    let result = unsafe openpty(&master, &terminal, &name, &settings, nil)
    let code = errno
    guard result == 0 else {
      master = -1
      throw SimulatedSiteError("Failed to open a pseudo-terminal: \(SimulatedSiteError.reason(code))")
    }
    _ = fcntl(terminal, F_SETFD, FD_CLOEXEC)
    _ = fcntl(master, F_SETFL, O_NONBLOCK)
    _ = fcntl(master, F_SETFD, FD_CLOEXEC)
    try link(to: String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
  }

  /// Closes the pseudo-terminal, as if the adapter had been pulled out: the gateway's next read ends.
  public func unplug() {
    guard master >= 0 else { return }
    // The link goes first: the next pseudo-terminal that anybody opens may get the same number. Only our own link goes:
    // by now somebody else may have put something in its place.
    if let linked, KernelFiles.link(path) == linked { unsafe unlink(path) }
    linked = nil
    close(terminal)
    close(master)
    terminal = -1
    master = -1
    pending.removeAll()
  }

  /// Hands a scenario's setting to the device.
  public func apply(_ setting: Scenario.Setting, to sensor: String, at time: MonotonicTime) throws(SimulatedSiteError) {
    switch setting {
    case .unplugged(true): unplug()
    case .unplugged(false): try plug()
    default: device.apply(setting, to: sensor, at: time)
    }
  }

  public var interest: EventInterest? {
    master < 0 ? nil : EventInterest(descriptor: master, writing: !pending.isEmpty)
  }

  public var nextDeadline: MonotonicTime? { master < 0 ? nil : device.nextDeadline }

  public func ready(at time: MonotonicTime) {
    flush()
    let count = unsafe read(master, &buffer, buffer.count)
    // While nobody has the other end open a read fails; the bytes sent meanwhile are lost, as on a wire.
    guard count > 0 else { return }
    answer.removeAll(keepingCapacity: true)
    device.received(Array(buffer[..<count]), at: time, answer: &answer)
    send()
  }

  public func wake(at time: MonotonicTime) {
    answer.removeAll(keepingCapacity: true)
    device.wake(at: time, answer: &answer)
    send()
  }

  private func send() {
    guard pending.count + answer.count <= Self.pendingLimit else { return }
    pending += answer
    flush()
  }

  private func flush() {
    guard master >= 0, !pending.isEmpty else { return }
    let count = unsafe write(master, pending, pending.count)
    if count > 0 { pending.removeFirst(count) }
  }

  /// Replaces a link to a pseudo-terminal that an earlier run left behind, and nothing else: at a board's own path there
  /// is a real device, or udev's link to one.
  private func link(to terminal: String) throws(SimulatedSiteError) {
    var status = stat()
    if unsafe lstat(path, &status) == 0 {
      guard KernelFiles.link(path)?.hasPrefix("/dev/pts/") == true else {
        throw SimulatedSiteError(
          "Failed to simulate \(path): something real is there: name another device in the configuration to simulate")
      }
      unsafe unlink(path)
    }
    let result = unsafe symlink(terminal, path)
    let code = errno
    guard result == 0 else {
      let advice = "make its folder, or name a device in one that you may write"
      throw SimulatedSiteError("Failed to link \(path): \(SimulatedSiteError.reason(code)): \(advice)")
    }
    linked = terminal
  }

  /// Removes the links to pseudo-terminals that a killed simulation left in `folder`: their numbers may be somebody
  /// else's terminals by now, and a gateway would open those. Nothing else is touched.
  ///
  /// - Returns: the removed links and where they led, in the order of their names.
  public static func removeLeftLinks(in folder: String) -> [(path: String, target: String)] {
    var removed: [(path: String, target: String)] = []
    for name in KernelFiles.names(in: folder) {
      let path = "\(folder)/\(name)"
      guard let target = KernelFiles.link(path), target.hasPrefix("/dev/pts/"), unsafe unlink(path) == 0 else {
        continue
      }
      removed.append((path, target))
    }
    return removed
  }
}

/// Why a site cannot be simulated.
public struct SimulatedSiteError: Error, CustomStringConvertible {
  public let description: String

  init(_ description: String) {
    self.description = description
  }

  static func reason(_ code: Int32) -> String {
    unsafe String(cString: strerror(code))
  }
}
