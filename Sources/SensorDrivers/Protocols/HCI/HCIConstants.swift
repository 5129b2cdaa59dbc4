/// The packet types that begin each packet on the UART (Bluetooth Core, Vol 4, Part A, 2).
enum H4PacketType {
  static let command: UInt8 = 1
  static let event: UInt8 = 4
}

/// The event codes that a receiver acts on (Bluetooth Core, Vol 4, Part E, 7.7).
enum HCIEventCode {
  static let commandComplete: UInt8 = 0x0E
  static let commandStatus: UInt8 = 0x0F
  static let hardwareError: UInt8 = 0x10
  static let lowEnergyMeta: UInt8 = 0x3E
  /// Subevent of the LE Meta event.
  static let advertisingReport: UInt8 = 0x02
  /// Subevent of the LE Meta event.
  static let extendedAdvertisingReport: UInt8 = 0x0D
}

/// The commands that a receiver sends (Bluetooth Core, Vol 4, Part E, 7.3, 7.4 and 7.8).
enum HCIOpcode: UInt16, Sendable {
  case setEventMask = 0x0C01
  case reset = 0x0C03
  case readLocalSupportedCommands = 0x1002
  case readAddress = 0x1009
  case setLowEnergyEventMask = 0x2001
  case readLowEnergyFeatures = 0x2003
  case setScanParameters = 0x200B
  case setScanEnable = 0x200C
  case setExtendedScanParameters = 0x2041
  case setExtendedScanEnable = 0x2042
}

/// How a receiver listens. Window equal to interval, as by default, means that it listens all the time.
public struct ScanSettings: Sendable, Hashable {
  /// From one start of listening to the next, in units of 0.625 ms: 4 to 16384.
  public let interval: UInt16
  /// How long it listens in each interval, in units of 0.625 ms: 4 to `interval`.
  public let window: UInt16

  /// Returns nil for a value outside its range.
  public init?(interval: UInt16, window: UInt16) {
    guard (4...16384).contains(interval), (4...interval).contains(window) else { return nil }
    self.interval = interval
    self.window = window
  }

  private init(always interval: UInt16) {
    self.interval = interval
    self.window = interval
  }

  /// Listens all the time, and changes the channel every 60 ms.
  public static let continuous = ScanSettings(always: 96)
}

/// The bytes of commands, packet type included.
enum HCICommand {
  /// The bits of the event mask: hardware error (15) and LE meta (61). What answers a command cannot be masked.
  private static let eventMask: UInt64 = 1 << 15 | 1 << 61
  /// The bits of the LE event mask: advertising report (1), and extended advertising report (12).
  private static let legacyReports: UInt64 = 1 << 1
  private static let extendedReports: UInt64 = 1 << 12

  /// Appends the command `opcode` with the parameters that a receiver gives it; `listens` is for the two that enable
  /// and disable scanning.
  static func append(
    _ opcode: HCIOpcode, extended: Bool, listens: Bool, scan: ScanSettings, to bytes: inout [UInt8]
  ) {
    let start = bytes.count
    bytes.append(H4PacketType.command)
    append(opcode.rawValue, to: &bytes)
    bytes.append(0)
    switch opcode {
    case .reset, .readLocalSupportedCommands, .readAddress, .readLowEnergyFeatures:
      break
    case .setEventMask:
      append(eventMask, to: &bytes)
    case .setLowEnergyEventMask:
      // A controller without extended advertising may refuse a bit that it does not know.
      append(extended ? legacyReports | extendedReports : legacyReports, to: &bytes)
    case .setScanParameters:
      bytes.append(0)  // passive: no scan request is ever sent
      append(scan.interval, to: &bytes)
      append(scan.window, to: &bytes)
      bytes.append(0)  // own address: public
      bytes.append(0)  // accept every advertiser
    case .setScanEnable:
      bytes.append(listens ? 1 : 0)
      bytes.append(0)  // filter_duplicates off: each report counts
    case .setExtendedScanParameters:
      bytes.append(0)  // own address: public
      bytes.append(0)  // accept every advertiser
      bytes.append(1)  // on the 1M PHY alone: a second one would halve the listening time
      bytes.append(0)  // passive
      append(scan.interval, to: &bytes)
      append(scan.window, to: &bytes)
    case .setExtendedScanEnable:
      bytes.append(listens ? 1 : 0)
      bytes.append(0)  // filter_duplicates off
      append(UInt16(0), to: &bytes)  // until it is disabled
      append(UInt16(0), to: &bytes)  // not periodic
    }
    bytes[start + 3] = UInt8(bytes.count - start - 4)
  }

  private static func append(_ value: some FixedWidthInteger & UnsignedInteger, to bytes: inout [UInt8]) {
    var rest = value
    for _ in 0..<value.bitWidth / 8 {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }
}
