public import Observations

/// A tag as a recording names it.
public enum RecordedTag: Sendable, Hashable {
  /// The tag's keyed hash: 64 lower-case hexadecimal digits.
  case hash(String)
  /// The tag's identifier in the clear, as tests and `--clear-ids` have it.
  case clear(TagIdentifier)
}

/// Why a recording cannot be read on.
public struct RecordingError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The line's number, from 1.
  public let line: Int
  /// What is wrong and what is allowed.
  public let reason: String

  public init(line: Int, reason: String) {
    self.line = line
    self.reason = reason
  }

  public var description: String { "\(line): \(reason)" }
}

/// One line of a recording (`mimamori.recording/1`): what was said, and when.
public struct RecordingLine: Sendable, Hashable {
  /// What a line can say.
  public enum Content: Sendable, Hashable {
    /// The first line: which gateway and configuration it comes from.
    case header(gateway: String?, configurationSHA256: String?)
    /// A value in the sensor's unit, not yet rounded to its quantity.
    case reading(SensorID, DecimalNumber)
    case fault(SensorID, FaultCause)
    case contact(SensorID, active: Bool)
    case tips(SensorID, count: UInt64)
    /// `signal` is -127 to 20 dBm, `battery` 0 to 100 percent.
    case sighting(SensorID, RecordedTag, signal: Int8, battery: UInt8?, button: Bool?)
    /// A receiver works.
    case alive(SensorID)
    /// Bytes as they came over a port, in hexadecimal.
    case rawBytes(PortID, hex: String)
    case rawEdge(SensorID, rising: Bool, sequence: UInt64?)
    /// `start`, `stop`, `clock_step`, `reload`, `command`, `watchlist`.
    case event(String, boot: String?)
    /// Nothing but time: deadlines fire.
    case timePasses
  }

  /// On the boot's monotonic clock; it orders where it is given.
  public var monotonic: MonotonicTime?
  public var wall: WallTime?
  /// How far the wall clock can be trusted from this line on; a recording that never says so is trusted.
  public var clock: ClockQuality?
  public var content: Content

  public init(monotonic: MonotonicTime?, wall: WallTime?, clock: ClockQuality? = nil, content: Content) {
    self.monotonic = monotonic
    self.wall = wall
    self.clock = clock
    self.content = content
  }
}

// MARK: Writing

extension RecordingLine {
  /// The schema that the header names.
  public static let schema = "mimamori.recording/1"

  /// Appends the line and a line feed to `bytes`; times carry the zone's offset.
  public func write(into bytes: inout [UInt8], zone: TimeZoneOffsets) {
    var writer = MemberWriter()
    if case .header(let gateway, let hash) = content {
      writer.add("schema", text: Self.schema, to: &bytes)
      if let gateway { writer.add("gateway", text: gateway, to: &bytes) }
      if let hash { writer.add("config_sha256", text: hash, to: &bytes) }
    }
    if let monotonic { writer.add("mono", verbatim: Self.seconds(monotonic), to: &bytes) }
    if let wall { writer.add("time", text: wall.rfc3339(in: zone), to: &bytes) }
    if let clock { writer.add("clock", text: clock.rawValue, to: &bytes) }
    writeContent(&writer, into: &bytes)
    writer.end(&bytes)
  }

  private func writeContent(_ writer: inout MemberWriter, into bytes: inout [UInt8]) {
    switch content {
    case .header, .timePasses:
      break
    case .reading(let sensor, let value):
      writer.add("sensor", text: sensor.text, to: &bytes)
      writer.add("value", verbatim: value.description, to: &bytes)
    case .fault(let sensor, let cause):
      writer.add("sensor", text: sensor.text, to: &bytes)
      writer.add("fault", text: cause.rawValue, to: &bytes)
    case .contact(let sensor, let active):
      writer.add("sensor", text: sensor.text, to: &bytes)
      writer.add("active", verbatim: "\(active)", to: &bytes)
    case .tips(let sensor, let count):
      writer.add("sensor", text: sensor.text, to: &bytes)
      writer.add("count", verbatim: "\(count)", to: &bytes)
    case .sighting(let sensor, let tag, let signal, let battery, let button):
      writer.add("sensor", text: sensor.text, to: &bytes)
      switch tag {
      case .hash(let hash): writer.add("tag", text: hash, to: &bytes)
      case .clear(let identifier):
        writer.add("format", text: identifier.format.name, to: &bytes)
        writer.add("id", text: identifier.hexadecimal, to: &bytes)
      }
      writer.add("rssi", verbatim: "\(signal)", to: &bytes)
      if let battery { writer.add("battery", verbatim: "\(battery)", to: &bytes) }
      if let button { writer.add("button", verbatim: "\(button)", to: &bytes) }
    case .alive(let sensor):
      writer.add("sensor", text: sensor.text, to: &bytes)
      writer.add("alive", verbatim: "true", to: &bytes)
    case .rawBytes(let port, let hex):
      writer.add("port", text: port.text, to: &bytes)
      writer.add("rx", text: hex, to: &bytes)
    case .rawEdge(let sensor, let rising, let sequence):
      writer.add("sensor", text: sensor.text, to: &bytes)
      writer.add("edge", text: rising ? "rising" : "falling", to: &bytes)
      if let sequence { writer.add("line_seq", verbatim: "\(sequence)", to: &bytes) }
    case .event(let event, let boot):
      if let boot { writer.add("boot", text: boot, to: &bytes) }
      writer.add("event", text: event, to: &bytes)
    }
  }

  /// Seconds with three decimals, or as many more as there are.
  private static func seconds(_ time: MonotonicTime) -> String {
    let magnitude = time.nanoseconds.magnitude
    var fraction = String(magnitude % 1_000_000_000)
    fraction = String(repeating: "0", count: 9 - fraction.utf8.count) + fraction
    while fraction.utf8.count > 3, fraction.utf8.last == UInt8(ascii: "0") { fraction.removeLast() }
    return "\(time.nanoseconds < 0 ? "-" : "")\(magnitude / 1_000_000_000).\(fraction)"
  }
}

/// Writes the members of one JSON object.
private struct MemberWriter {
  private var isFirst = true

  mutating func add(_ key: String, text: String, to bytes: inout [UInt8]) {
    begin(key, &bytes)
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0..<0x20:
        bytes.append(contentsOf: "\\u00".utf8)
        bytes.append(Hexadecimal.digit(byte >> 4))
        bytes.append(Hexadecimal.digit(byte & 15))
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  mutating func add(_ key: String, verbatim value: String, to bytes: inout [UInt8]) {
    begin(key, &bytes)
    bytes.append(contentsOf: value.utf8)
  }

  mutating func end(_ bytes: inout [UInt8]) {
    if isFirst { bytes.append(UInt8(ascii: "{")) }
    bytes.append(UInt8(ascii: "}"))
    bytes.append(UInt8(ascii: "\n"))
  }

  private mutating func begin(_ key: String, _ bytes: inout [UInt8]) {
    bytes.append(isFirst ? UInt8(ascii: "{") : UInt8(ascii: ","))
    isFirst = false
    bytes.append(UInt8(ascii: "\""))
    bytes.append(contentsOf: key.utf8)
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
  }
}

extension TagIdentifier {
  /// Lower-case hexadecimal: only for recordings in the clear.
  var hexadecimal: String {
    let bytes = (0..<Int(count)).map { byte($0) }
    return Hexadecimal.text(of: bytes.span)
  }
}

extension DecimalNumber: CustomStringConvertible {
  /// As JSON writes it: plain where that is short, with no more digits than the number has.
  public var description: String {
    guard mantissa != 0 else { return "0" }
    guard (-18..<0).contains(exponent) else { return exponent == 0 ? "\(mantissa)" : "\(mantissa)e\(exponent)" }
    var digits = mantissa.magnitude
    var decimals = -exponent
    while decimals > 0, digits % 10 == 0 {
      digits /= 10
      decimals -= 1
    }
    let sign = mantissa < 0 ? "-" : ""
    guard decimals > 0 else { return "\(sign)\(digits)" }
    var text = String(digits)
    if text.utf8.count <= decimals { text = String(repeating: "0", count: decimals + 1 - text.utf8.count) + text }
    return "\(sign)\(text.dropLast(decimals)).\(text.suffix(decimals))"
  }
}
