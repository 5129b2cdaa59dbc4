import SensorDrivers

/// What a board knows of one of its serial ports without opening it.
public struct SerialPortDescription: Sendable, Hashable {
  /// The adapter behind a USB port.
  public struct Adapter: Sendable, Hashable {
    /// Vendor and product in hexadecimal, such as `0403:6001`.
    public let identity: String
    /// What the maker calls itself and the adapter; empty where it says nothing.
    public let name: String
    public let serialNumber: String?
  }

  /// A process that has the port open.
  public struct Holder: Sendable, Hashable {
    public let process: Int
    public let name: String
  }

  /// The kernel's name, such as `/dev/ttyUSB0`: another adapter may have it after a restart.
  public let device: String
  /// Under `/dev/serial/by-path`: stays with the socket.
  public let byPath: String?
  /// Under `/dev/serial/by-id`: stays with the adapter.
  public let byID: String?
  public let adapter: Adapter?
  /// Who has it open, as far as this user may see.
  public let holders: [Holder]

  /// What a configuration should call it.
  public var bestPath: String { byPath ?? byID ?? device }
}

/// Finds the serial ports of the board in `/sys/class/tty`.
public struct SerialPortSurvey: Sendable {
  private let root: String

  /// - Parameter root: put before each path; empty for the board itself.
  public init(root: String = "") {
    self.root = root
  }

  /// All ports with hardware behind them, in the order of their names.
  public func ports() -> [SerialPortDescription] {
    let paths = links("by-path")
    let identities = links("by-id")
    let holders = allHolders()
    return KernelFiles.names(in: "\(root)/sys/class/tty").compactMap { name in
      let folder = "\(root)/sys/class/tty/\(name)"
      // A terminal without a device is a console or a pseudo-terminal; a port of type 0 was never found.
      guard KernelFiles.exists("\(folder)/device"), KernelFiles.line(of: "\(folder)/type") != "0" else { return nil }
      let device = "/dev/\(name)"
      return SerialPortDescription(
        device: device, byPath: paths[device], byID: identities[device], adapter: adapter(behind: "\(folder)/device"),
        holders: holders[device] ?? [])
    }
  }

  /// What is known of the port that a path leads to; a pseudo-terminal, for one, has nothing but holders.
  public func port(at path: String) -> SerialPortDescription {
    let device = KernelFiles.resolved(path) ?? path
    if let known = ports().first(where: { $0.device == device }) { return known }
    return SerialPortDescription(
      device: path, byPath: nil, byID: nil, adapter: nil, holders: allHolders()[device] ?? [])
  }

  /// Device to link, of one of udev's folders.
  private func links(_ folder: String) -> [String: String] {
    var links: [String: String] = [:]
    for name in KernelFiles.names(in: "\(root)/dev/serial/\(folder)") {
      guard let target = KernelFiles.link("\(root)/dev/serial/\(folder)/\(name)") else { continue }
      let device = "/dev/" + (target.split(separator: "/").last.map(String.init) ?? target)
      if links[device] == nil { links[device] = "/dev/serial/\(folder)/\(name)" }
    }
    return links
  }

  private func adapter(behind device: String) -> SerialPortDescription.Adapter? {
    guard var folder = KernelFiles.resolved(device) else { return nil }
    let top = KernelFiles.resolved("\(root)/sys") ?? "/sys"
    while folder.hasPrefix("\(top)/") {
      if let vendor = KernelFiles.line(of: "\(folder)/idVendor"),
        let product = KernelFiles.line(of: "\(folder)/idProduct")
      {
        let words = ["manufacturer", "product"].compactMap { KernelFiles.line(of: "\(folder)/\($0)") }
        return SerialPortDescription.Adapter(
          identity: "\(vendor):\(product)", name: words.joined(separator: " "),
          serialNumber: KernelFiles.line(of: "\(folder)/serial"))
      }
      guard let end = folder.lastIndex(of: "/") else { return nil }
      folder = String(folder[..<end])
    }
    return nil
  }

  /// Device to processes, from the descriptors that `/proc` shows this user.
  private func allHolders() -> [String: [SerialPortDescription.Holder]] {
    var holders: [String: [SerialPortDescription.Holder]] = [:]
    for entry in KernelFiles.names(in: "\(root)/proc") {
      guard let process = Int(entry) else { continue }
      var seen: Set<String> = []
      for descriptor in KernelFiles.names(in: "\(root)/proc/\(entry)/fd") {
        guard let target = KernelFiles.link("\(root)/proc/\(entry)/fd/\(descriptor)"),
          target.hasPrefix("/dev/tty") || target.hasPrefix("/dev/pts/"), seen.insert(target).inserted
        else { continue }
        let name = KernelFiles.line(of: "\(root)/proc/\(entry)/comm") ?? "?"
        holders[target, default: []].append(SerialPortDescription.Holder(process: process, name: name))
      }
    }
    return holders
  }
}

/// The Bluetooth controllers that the kernel drives itself.
public struct BluetoothSurvey: Sendable {
  private let root: String

  public init(root: String = "") {
    self.root = root
  }

  /// Their names and what they hang on: `hci0` and `usb`, `uart` or another bus.
  public func controllers() -> [(name: String, bus: String)] {
    KernelFiles.names(in: "\(root)/sys/class/bluetooth").filter { $0.hasPrefix("hci") && !$0.contains(":") }.map {
      name in
      let place = KernelFiles.resolved("\(root)/sys/class/bluetooth/\(name)") ?? ""
      let bus = place.contains("/usb") ? "usb" : place.contains("serial") || place.contains("tty") ? "uart" : "other"
      return (name, bus)
    }
  }
}
