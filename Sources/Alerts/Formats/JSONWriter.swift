import Observations

/// Writes one JSON document (RFC 8259) in the order of the calls, so that equal values give equal bytes.
///
/// Only appends; nothing is indented; strings are UTF-8 and escaped where the grammar demands it.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  /// Whether the next key or element follows another one of the same object or array.
  private var followsAnother = false

  init(capacity: Int) {
    bytes.reserveCapacity(capacity)
  }

  mutating func beginObject() {
    separate()
    bytes.append(UInt8(ascii: "{"))
    followsAnother = false
  }

  mutating func endObject() {
    bytes.append(UInt8(ascii: "}"))
    followsAnother = true
  }

  mutating func beginArray() {
    separate()
    bytes.append(UInt8(ascii: "["))
    followsAnother = false
  }

  mutating func endArray() {
    bytes.append(UInt8(ascii: "]"))
    followsAnother = true
  }

  /// Starts a member: its value is written next.
  mutating func key(_ name: String) {
    separate()
    appendQuoted(name)
    bytes.append(UInt8(ascii: ":"))
    followsAnother = false
  }

  mutating func string(_ text: String) {
    separate()
    appendQuoted(text)
    followsAnother = true
  }

  mutating func null() {
    literal("null")
  }

  mutating func bool(_ value: Bool) {
    literal(value ? "true" : "false")
  }

  mutating func integer(_ value: some BinaryInteger) {
    literal(String(value))
  }

  /// `scaled` divided by ten to the power of `decimals`, as a plain decimal number without needless zeros.
  mutating func decimal(_ scaled: Int64, decimals: Int) {
    var divisor: UInt64 = 1
    for _ in 0..<decimals { divisor *= 10 }
    separate()
    if scaled < 0 { bytes.append(UInt8(ascii: "-")) }
    bytes.append(contentsOf: String(scaled.magnitude / divisor).utf8)
    var fraction = scaled.magnitude % divisor
    if fraction > 0 { bytes.append(UInt8(ascii: ".")) }
    while fraction > 0 {
      divisor /= 10
      bytes.append(UInt8(ascii: "0") + UInt8(fraction / divisor))
      fraction %= divisor
    }
    followsAnother = true
  }

  /// A finite number rounded to `decimals`; null for anything else, which JSON cannot say.
  mutating func rounded(_ value: Double, decimals: Int) {
    var factor = 1.0
    for _ in 0..<decimals { factor *= 10 }
    let scaled = (value * factor).rounded(.toNearestOrAwayFromZero)
    guard scaled.isFinite, abs(scaled) < 9e15 else { return null() }
    decimal(Int64(scaled), decimals: decimals)
  }

  /// A value that already is JSON.
  mutating func raw(_ json: [UInt8]) {
    separate()
    bytes.append(contentsOf: json)
    followsAnother = true
  }

  private mutating func literal(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
    followsAnother = true
  }

  private mutating func separate() {
    if followsAnother { bytes.append(UInt8(ascii: ",")) }
  }

  private mutating func appendQuoted(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    if Self.isPlain(text.utf8.span) {
      bytes.append(contentsOf: text.utf8)
    } else {
      appendEscaped(text)
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Whether nothing needs escaping. Looks at every byte without leaving early, which is the faster way.
  private static func isPlain(_ text: borrowing Span<UInt8>) -> Bool {
    var isPlain = true
    for index in text.indices {
      let byte = text[index]
      isPlain = isPlain && byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
    return isPlain
  }

  private mutating func appendEscaped(_ text: String) {
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0..<0x20:
        appendEscaped(control: byte)
      default:
        bytes.append(byte)
      }
    }
  }

  private mutating func appendEscaped(control: UInt8) {
    switch control {
    case 0x08: bytes.append(contentsOf: "\\b".utf8)
    case 0x09: bytes.append(contentsOf: "\\t".utf8)
    case 0x0A: bytes.append(contentsOf: "\\n".utf8)
    case 0x0C: bytes.append(contentsOf: "\\f".utf8)
    case 0x0D: bytes.append(contentsOf: "\\r".utf8)
    default:
      bytes.append(contentsOf: control < 0x10 ? "\\u000".utf8 : "\\u00".utf8)
      bytes.append(contentsOf: String(control, radix: 16).utf8)
    }
  }
}

extension JSONWriter {
  /// The member `name`, null where there is no value.
  mutating func member(_ name: String, _ value: String?) {
    key(name)
    if let value { string(value) } else { null() }
  }

  mutating func member(_ name: String, _ value: Bool?) {
    key(name)
    if let value { bool(value) } else { null() }
  }

  mutating func member(_ name: String, _ value: (some BinaryInteger)?) {
    key(name)
    if let value { integer(value) } else { null() }
  }

  mutating func member(_ name: String, _ value: Measure?) {
    key(name)
    if let value { decimal(value.thousandths, decimals: 3) } else { null() }
  }

  /// A time of the boot's monotonic clock in seconds with milliseconds.
  mutating func member(_ name: String, seconds: TimeSpan?) {
    key(name)
    if let seconds { decimal(seconds.milliseconds, decimals: 3) } else { null() }
  }

  /// `{"latitude":…,"longitude":…}` with seven decimals of a degree, about a centimetre.
  mutating func member(_ name: String, _ position: Position?) {
    key(name)
    guard let position else { return null() }
    beginObject()
    key("latitude")
    rounded(position.latitude, decimals: 7)
    key("longitude")
    rounded(position.longitude, decimals: 7)
    endObject()
  }

  /// The same with `accuracy_m` and `time` where the receiver told them.
  mutating func member(_ name: String, _ fix: PositionFix?, time: String?) {
    key(name)
    guard let fix else { return null() }
    beginObject()
    key("latitude")
    rounded(fix.position.latitude, decimals: 7)
    key("longitude")
    rounded(fix.position.longitude, decimals: 7)
    if let accuracy = fix.accuracy { member("accuracy_m", accuracy) }
    if let time { member("time", time) }
    endObject()
  }

  /// `{"name":…,"zero":…}`: the vertical datum of a gauge's zero.
  mutating func member(_ name: String, _ datum: SensorPlan.Datum?) {
    key(name)
    guard let datum else { return null() }
    beginObject()
    member("name", datum.name)
    member("zero", datum.zero)
    endObject()
  }
}
