internal import Glibc
public import Observations

/// One value that the board's kernel knows of the board itself.
///
/// Reading one may wait: a battery gauge on a slow bus, or a disk that hangs. It is read on a thread of its own.
public enum BoardSource: Sendable, Hashable {
  /// `/sys/class/power_supply/<name>/<attribute>`: micro-units for voltages, percent for `capacity`.
  case powerSupply(name: String, attribute: String)
  /// `<attribute>` of the hardware monitor whose `name` is this: thousandths of volts and degrees. The monitor's number
  /// changes from start to start, its name does not.
  case hardwareMonitor(name: String, attribute: String)
  /// The thermal zone of this type, such as `cpu-thermal`: thousandths of a degree.
  case thermalZone(type: String)
  /// What is free of the file system that this folder is on, in percent of what users may fill.
  case disk(folder: String)
  /// What programs may still take of the memory, in percent.
  case memory

  /// Reads `power_supply:NAME/ATTRIBUTE`, `hwmon:NAME/ATTRIBUTE`, `thermal:TYPE`, `disk:/FOLDER` or `memory`.
  public init?(_ text: String) {
    if text == "memory" {
      self = .memory
      return
    }
    guard let colon = text.firstIndex(of: ":") else { return nil }
    let rest = String(text[text.index(after: colon)...])
    let parts = rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let isPlain = parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    switch text[..<colon] {
    case "power_supply" where parts.count == 2 && isPlain:
      self = .powerSupply(name: parts[0], attribute: parts[1])
    case "hwmon" where parts.count == 2 && isPlain:
      self = .hardwareMonitor(name: parts[0], attribute: parts[1])
    case "thermal" where parts.count == 1 && isPlain:
      self = .thermalZone(type: rest)
    case "disk" where rest.hasPrefix("/"):
      self = .disk(folder: rest)
    default: return nil
    }
  }

  /// What the kernel's number is multiplied with to be in the quantity's unit.
  public func unitScale(for quantity: Quantity) -> Double {
    switch self {
    case .powerSupply: quantity == .voltage ? 1e-6 : quantity == .temperature ? 0.1 : 1
    case .hardwareMonitor, .thermalZone: 1e-3
    case .disk, .memory: 1
    }
  }

  /// Reads it now, in the kernel's own unit. May wait.
  ///
  /// - Parameter root: the folder that stands for `/`.
  /// - Throws: an error whose cause is `port_missing`, `port_error` or `garbled_reply`.
  public func read(root: String = "") throws(SensorDriversError) -> Double {
    switch self {
    case .powerSupply(let name, let attribute):
      return try Self.number(in: "\(root)/sys/class/power_supply/\(name)/\(attribute)")
    case .hardwareMonitor(let name, let attribute):
      let folder = try Self.folder(in: "\(root)/sys/class/hwmon", whose: "name", says: name)
      return try Self.number(in: "\(folder)/\(attribute)")
    case .thermalZone(let type):
      let folder = try Self.folder(in: "\(root)/sys/class/thermal", whose: "type", says: type)
      return try Self.number(in: "\(folder)/temp")
    case .disk(let folder): return try Self.freeOfDisk(root + folder)
    case .memory: return try Self.freeOfMemory("\(root)/proc/meminfo")
    }
  }

  private static func freeOfDisk(_ folder: String) throws(SensorDriversError) -> Double {
    var status = statvfs()
    // SAFETY: statvfs fills in the one struct.
    let result = unsafe statvfs(folder, &status)
    let code = errno
    guard result == 0 else { throw failure(folder, code, ifMissing: "Correct `read`, or make the folder.") }
    // As df counts: what is kept for root is neither free nor in use.
    let used = status.f_blocks - status.f_bfree
    let usable = used + status.f_bavail
    return usable == 0 ? 0 : Double(status.f_bavail) * 100 / Double(usable)
  }

  private static func freeOfMemory(_ path: String) throws(SensorDriversError) -> Double {
    let lines = try text(of: path).split(separator: "\n")
    func kilobytes(_ key: String) -> Double? {
      lines.first { $0.hasPrefix(key) }.flatMap { line in
        Double(line.dropFirst(key.count).drop { $0 == " " }.prefix { $0 != " " })
      }
    }
    guard let total = kilobytes("MemTotal:"), let available = kilobytes("MemAvailable:"), total > 0 else {
      throw SensorDriversError(
        action: "read \(path)", reason: "MemTotal or MemAvailable is not there", advice: "Use Linux 3.14 or later.",
        cause: .garbledReply)
    }
    return available * 100 / total
  }

  /// The folder below `parent` whose file `file` holds `text`.
  private static func folder(
    in parent: String, whose file: String, says text: String
  ) throws(SensorDriversError) -> String {
    let names = KernelFiles.names(in: parent)
    for name in names {
      if let found = try? self.text(of: "\(parent)/\(name)/\(file)"), found.trimmed == text {
        return "\(parent)/\(name)"
      }
    }
    throw SensorDriversError(
      action: "find \(text) in \(parent)", reason: "none of \(names.count) has this \(file)",
      advice: "Correct `read`: `grep . \(parent)/*/\(file)` lists them.", cause: .portMissing)
  }

  private static func number(in path: String) throws(SensorDriversError) -> Double {
    let text = try text(of: path).trimmed
    guard let number = Double(text), number.isFinite else {
      throw SensorDriversError(
        action: "read \(path)", reason: "it holds no number",
        advice: "Correct `read`: name an attribute with a number.",
        cause: .garbledReply)
    }
    return number
  }
}

// MARK: Files of the kernel

extension BoardSource {
  /// More than any attribute and than /proc/meminfo have.
  private static let longestText = 16_384

  private static func text(of path: String) throws(SensorDriversError) -> String {
    do {
      return String(decoding: try KernelFiles.bytes(of: path, atMost: longestText, waits: true), as: UTF8.self)
    } catch {
      throw failure(path, error.number)
    }
  }

  private static func failure(
    _ path: String, _ code: Int32, ifMissing: String = "Correct `read`, or load the kernel's driver."
  ) -> SensorDriversError {
    let isMissing = code == ENOENT || code == ENODEV || code == ENXIO || code == ENOTDIR
    return SensorDriversError(
      action: "read \(path)", errorNumber: code,
      advice: isMissing ? ifMissing : "See the kernel's log with `dmesg`.",
      cause: isMissing ? .portMissing : .portError)
  }
}

extension String {
  fileprivate var trimmed: Substring {
    var rest = self[...]
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return rest
  }
}
