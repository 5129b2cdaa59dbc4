internal import Glibc
internal import Observations

/// A GPIO chip as the kernel shows it to anybody.
public struct GPIOChipDescription: Sendable, Hashable {
  /// The device's path, such as `/dev/gpiochip0`.
  public let path: String
  public let label: String
  public let lines: [GPIOLineDescription]
}

/// A line of a chip, without taking it.
public struct GPIOLineDescription: Sendable, Hashable {
  /// Its number on the chip, from 0.
  public let offset: UInt32
  /// The board's name for it; empty where it has none.
  public let name: String
  /// Who holds it; nil while it is free.
  public let consumer: String?
  public let isOutput: Bool
  public let isActiveLow: Bool
  /// Whether its voltage is high; nil where somebody else holds it, or it cannot be read.
  public internal(set) var isHigh: Bool?
}

/// Shows chips and lines by the kernel's second GPIO interface (linux/gpio.h), and changes nothing about them.
public enum GPIOSurvey {
  private static let chipInformation: UInt = 0x8044_B401
  private static let lineInformation: UInt = 0xC100_B405
  private static let requestLine: UInt = 0xC250_B407
  private static let readValues: UInt = 0xC010_B40E
  private static let lineFlagUsed: UInt64 = 1
  private static let lineFlagActiveLow: UInt64 = 2
  private static let lineFlagOutput: UInt64 = 8
  /// A chip with more lines is not shown whole.
  private static let mostLines: UInt32 = 1024

  /// Reads a chip and its lines.
  ///
  /// - Throws: `port_missing` or `port_error`.
  public static func chip(at path: String) throws(SensorDriversError) -> GPIOChipDescription {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    let code = errno
    guard descriptor >= 0 else {
      throw SensorDriversError(
        action: "open the GPIO chip \(path)", errorNumber: code,
        advice: code == EACCES ? "Join the group that owns /dev/gpiochip*." : "Name a chip of /dev/gpiochip*.",
        cause: code == ENOENT ? .portMissing : .portError)
    }
    defer { _ = close(descriptor) }
    var information = [UInt8](repeating: 0, count: 68)
    guard exchange(descriptor, chipInformation, &information) else {
      throw SensorDriversError(
        action: "read the GPIO chip \(path)", errorNumber: errno, advice: "It is no GPIO chip: name another.",
        cause: .portError)
    }
    let count = min(word(information, at: 64), mostLines)
    var lines: [GPIOLineDescription] = []
    for offset in 0..<count {
      guard var line = line(offset, of: descriptor) else { continue }
      if line.consumer == nil, !line.isOutput { line.isHigh = level(of: offset, descriptor) }
      lines.append(line)
    }
    return GPIOChipDescription(path: path, label: text(information, 32..<64), lines: lines)
  }

  private static func line(_ offset: UInt32, of descriptor: Int32) -> GPIOLineDescription? {
    var bytes = [UInt8](repeating: 0, count: 256)
    put(offset, into: &bytes, at: 64)
    return exchange(descriptor, lineInformation, &bytes) ? description(of: bytes) : nil
  }

  /// Reads the kernel's `gpio_v2_line_info`; nil unless it has 256 bytes.
  static func description(of bytes: [UInt8]) -> GPIOLineDescription? {
    guard bytes.count == 256 else { return nil }
    let flags = UInt64(word(bytes, at: 72)) | UInt64(word(bytes, at: 76)) << 32
    let consumer = text(bytes, 32..<64)
    return GPIOLineDescription(
      offset: word(bytes, at: 64), name: text(bytes, 0..<32),
      consumer: flags & lineFlagUsed == 0 ? nil : consumer.isEmpty ? "the kernel" : consumer,
      isOutput: flags & lineFlagOutput != 0, isActiveLow: flags & lineFlagActiveLow != 0, isHigh: nil)
  }

  /// The level of a free input, which is requested for a moment exactly as it is.
  private static func level(of offset: UInt32, _ descriptor: Int32) -> Bool? {
    var request = [UInt8](repeating: 0, count: 592)
    put(offset, into: &request, at: 0)
    for (index, byte) in "mimamori-probe".utf8.enumerated() { request[256 + index] = byte }
    put(1, into: &request, at: 560)
    guard exchange(descriptor, requestLine, &request) else { return nil }
    let held = Int32(bitPattern: word(request, at: 588))
    defer { _ = close(held) }
    var values = [UInt8](repeating: 0, count: 16)
    values[8] = 1
    return exchange(held, readValues, &values) ? values[0] & 1 == 1 : nil
  }

  private static func exchange(_ descriptor: Int32, _ request: UInt, _ bytes: inout [UInt8]) -> Bool {
    // SAFETY: each request's number holds its size, which is that of the array it is given.
    unsafe bytes.withUnsafeMutableBytes { unsafe ioctl(descriptor, request, $0.baseAddress!) } == 0
  }

  private static func word(_ bytes: [UInt8], at start: Int) -> UInt32 {
    unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: start, as: UInt32.self) }
  }

  private static func put(_ word: UInt32, into bytes: inout [UInt8], at start: Int) {
    unsafe bytes.withUnsafeMutableBytes { unsafe $0.storeBytes(of: word, toByteOffset: start, as: UInt32.self) }
  }

  private static func text(_ bytes: [UInt8], _ range: Range<Int>) -> String {
    String(decoding: bytes[range].prefix { $0 != 0 }, as: UTF8.self)
  }
}
