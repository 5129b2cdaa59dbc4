internal import Observations

/// A USB serial adapter by what it says of itself: `usb:VID:PID` or `usb:VID:PID:SERIAL`, such as `usb:0403:6001:A10K1`.
public struct USBSerialName: Sendable, Hashable, CustomStringConvertible {
  /// How such a name begins.
  public static let prefix = "usb:"

  /// Four hexadecimal digits in lower case.
  public let vendor: String
  public let product: String
  /// The adapter's own serial number; nil: whichever it has.
  public let serial: String?

  /// Returns nil unless `text` is of that form.
  public init?(_ text: String) {
    guard text.hasPrefix(Self.prefix) else { return nil }
    let parts = text.dropFirst(Self.prefix.count).split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[..<2].allSatisfy({ $0.utf8.count == 4 && $0.allSatisfy(\.isHexDigit) }),
      parts.count == 2 || !parts[2].isEmpty
    else { return nil }
    vendor = parts[0].lowercased()
    product = parts[1].lowercased()
    serial = parts.count == 3 ? String(parts[2]) : nil
  }

  init(vendor: String, product: String, serial: String?) {
    self.vendor = vendor
    self.product = product
    self.serial = serial
  }

  public var description: String { "\(Self.prefix)\(vendor):\(product)" + (serial.map { ":\($0)" } ?? "") }

  /// Whether an adapter that calls itself `other` is meant.
  func matches(_ other: USBSerialName) -> Bool {
    vendor == other.vendor && product == other.product && (serial == nil || serial == other.serial)
  }
}

/// Finds the device file that a configured `device` means at this moment: a USB adapter gets another number each time that
/// it is plugged in.
public struct DeviceLocator: Sendable {
  private let systemFolder: String
  private let deviceFolder: String

  /// An adapter's description lies at most so many folders above its port.
  private static let deepestPort = 8

  /// - Parameters:
  ///   - systemFolder: where the kernel describes its devices.
  ///   - deviceFolder: where their files are.
  public init(systemFolder: String = "/sys", deviceFolder: String = "/dev") {
    self.systemFolder = systemFolder
    self.deviceFolder = deviceFolder
  }

  /// The path to open: `device` itself, or the port of the USB adapter that it names.
  ///
  /// - Throws: an error whose cause is `port_missing`, or `port_error` if several adapters are meant.
  public func path(of device: String) throws(SensorDriversError) -> String {
    guard device.hasPrefix(USBSerialName.prefix) else { return device }
    let action = "open the serial port \(device)"
    guard let name = USBSerialName(device) else {
      throw SensorDriversError(
        action: action, reason: "it is no name of a USB adapter",
        advice: "Write `device` as \"usb:VID:PID\" or \"usb:VID:PID:SERIAL\".", cause: .portError)
    }
    let ports = adapters()
    let found = ports.filter { name.matches($0.name) }
    guard let first = found.first else {
      let others = ports.map { "\($0.name)" }.joined(separator: ", ")
      throw SensorDriversError(
        action: action, reason: "no such adapter is plugged in",
        advice: "Connect it, or correct `device`; plugged in: \(others.isEmpty ? "none" : others).", cause: .portMissing
      )
    }
    guard found.count == 1 else {
      let list = found.map { "\($0.path) (\($0.name))" }.joined(separator: ", ")
      throw SensorDriversError(
        action: action, reason: "\(found.count) ports are meant: \(list)",
        advice: "Add the adapter's serial number to `device`, or write a path under /dev/serial/by-path.",
        cause: .portError)
    }
    return first.path
  }

  /// The serial ports of all USB adapters that are plugged in, by their paths.
  public func adapters() -> [(path: String, name: USBSerialName)] {
    let folder = "\(systemFolder)/class/tty"
    return KernelFiles.names(in: folder).compactMap { port in
      guard let device = KernelFiles.resolved("\(folder)/\(port)/device"), let name = Self.name(above: device) else {
        return nil
      }
      return ("\(deviceFolder)/\(port)", name)
    }
  }

  private static func name(above device: String) -> USBSerialName? {
    var folder = device[...]
    for _ in 0..<deepestPort {
      if let vendor = KernelFiles.line(of: "\(folder)/idVendor"),
        let product = KernelFiles.line(of: "\(folder)/idProduct")
      {
        return USBSerialName(
          vendor: vendor.lowercased(), product: product.lowercased(), serial: KernelFiles.line(of: "\(folder)/serial"))
      }
      guard let slash = folder.lastIndex(of: "/"), slash > folder.startIndex else { return nil }
      folder = folder[..<slash]
    }
    return nil
  }
}
