import Alerts
public import Observations
import SensorDrivers

extension RecordingLine {
  /// The schema that the header names.
  public static let schema = "mimamori.recording/1"

  /// The event of a line about a certificate: its name with underscores.
  static func event(of certificate: BoardCertificate) -> String {
    String(decoding: certificate.rawValue.utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }, as: UTF8.self)
  }

  /// The event of a line about the gateway's ledger.
  static let ledger = "ledger"

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
    if let called { writer.add("at", verbatim: Self.seconds(called), to: &bytes) }
    if !writeRaw(&writer, into: &bytes) { writeContent(&writer, into: &bytes, zone: zone) }
    writer.end(&bytes)
  }

  private func writeContent(_ writer: inout MemberWriter, into bytes: inout [UInt8], zone: TimeZoneOffsets) {
    switch content {
    case .header, .timePasses, .rawBytes, .sentBytes, .frames, .rawEdge, .call:
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
    case .position(let sensor, let fix):
      writer.add("sensor", text: sensor.text, to: &bytes)
      writer.add("latitude", verbatim: Self.degrees(fix.position.latitude), to: &bytes)
      writer.add("longitude", verbatim: Self.degrees(fix.position.longitude), to: &bytes)
      if let accuracy = fix.accuracy { writer.add("accuracy_m", verbatim: accuracy.description, to: &bytes) }
      if let time = fix.time { writer.add("fix_time", text: time.rfc3339(in: zone), to: &bytes) }
    case .alive(let sensor):
      writer.add("sensor", text: sensor.text, to: &bytes)
      writer.add("alive", verbatim: "true", to: &bytes)
    case .output(let output, let cause):
      writer.add("output", text: output.text, to: &bytes)
      if let cause {
        writer.add("fault", text: cause.rawValue, to: &bytes)
      } else {
        writer.add("alive", verbatim: "true", to: &bytes)
      }
    case .ledger(let cause):
      writer.add("event", text: Self.ledger, to: &bytes)
      if let cause { writer.add("fault", text: cause.rawValue, to: &bytes) }
    case .certificate(let certificate, let cause):
      writer.add("event", text: Self.event(of: certificate), to: &bytes)
      if let cause { writer.add("fault", text: cause.rawValue, to: &bytes) }
    case .event(let event, let boot):
      if let boot { writer.add("boot", text: boot, to: &bytes) }
      writer.add("event", text: event, to: &bytes)
    case .command(let command, let tag):
      write(command, tag: tag, &writer, into: &bytes, zone: zone)
    case .gap(let lines):
      writer.add("event", text: Self.gap, to: &bytes)
      writer.add("missing", verbatim: "\(lines)", to: &bytes)
    }
  }

  private static func list(_ numbers: [Int]) -> String {
    "[\(numbers.map(String.init).joined(separator: ","))]"
  }

  /// The event that stands for lines which are missing.
  static let gap = "dropped"

  /// Writes what went over a wire; false when the line says something else.
  private func writeRaw(_ writer: inout MemberWriter, into bytes: inout [UInt8]) -> Bool {
    switch content {
    case .rawBytes(let port, let hex):
      writer.add("port", text: port.text, to: &bytes)
      writer.add("rx", text: hex, to: &bytes)
    case .sentBytes(let port, let hex):
      writer.add("port", text: port.text, to: &bytes)
      writer.add("tx", text: hex, to: &bytes)
    case .frames(let port, let lengths, let errors):
      writer.add("port", text: port.text, to: &bytes)
      writer.add("frames", verbatim: Self.list(lengths), to: &bytes)
      if errors > 0 { writer.add("errors", verbatim: "\(errors)", to: &bytes) }
    case .rawEdge(let sensor, let rising, let sequence, let line, let stamp):
      writer.add("sensor", text: sensor.text, to: &bytes)
      writer.add("edge", text: rising ? "rising" : "falling", to: &bytes)
      if let sequence { writer.add("line_seq", verbatim: "\(sequence)", to: &bytes) }
      if let line { writer.add("line", verbatim: "\(line)", to: &bytes) }
      if let stamp { writer.add("stamp", verbatim: Self.seconds(stamp), to: &bytes) }
    case .call(let source, let call):
      switch source {
      case .port(let port): writer.add("port", text: port.text, to: &bytes)
      case .line(let sensor): writer.add("sensor", text: sensor.text, to: &bytes)
      }
      write(call, &writer, into: &bytes)
    default: return false
    }
    return true
  }

  private func write(_ call: Call, _ writer: inout MemberWriter, into bytes: inout [UInt8]) {
    switch call {
    case .opened:
      writer.add("event", text: "opened", to: &bytes)
    case .woken:
      writer.add("event", text: "woken", to: &bytes)
    case .failed(let cause):
      writer.add("event", text: "failed", to: &bytes)
      writer.add("cause", text: cause.rawValue, to: &bytes)
    case .commanded(let output, let on):
      writer.add("event", text: "commanded", to: &bytes)
      writer.add("output", text: output.text, to: &bytes)
      writer.add("on", verbatim: "\(on)", to: &bytes)
    case .linesOpened(let lines):
      writer.add("event", text: "opened", to: &bytes)
      writer.add("lines", verbatim: Self.list(lines.offsets.map { Int($0) }), to: &bytes)
      writer.add("levels", verbatim: Self.list(lines.levels.map { $0 ? 1 : 0 }), to: &bytes)
      if lines.isDebounced { writer.add("filtered", verbatim: "true", to: &bytes) }
    case .levels(let levels):
      writer.add("event", text: "levels", to: &bytes)
      writer.add("levels", verbatim: Self.list(levels.map { $0 ? 1 : 0 }), to: &bytes)
    }
  }

  /// Degrees with up to seven decimals, as a fix has them.
  private static func degrees(_ value: Double) -> String {
    DecimalNumber(mantissa: Int64((value * 1e7).rounded()), exponent: -7).description
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
struct MemberWriter {
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
