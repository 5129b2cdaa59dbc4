import Observations

/// Why one line cannot be read.
struct RecordingProblem: Error, Sendable, Hashable {
  let reason: String

  init(_ reason: String) {
    self.reason = reason
  }
}

extension RecordingLine {
  /// Reads one line, without its line feed. Members that no version knows are passed over in lines of a known form.
  ///
  /// - Parameter number: the line's number, for the error.
  public init(_ bytes: Span<UInt8>, number: Int) throws(RecordingError) {
    do throws(RecordingProblem) {
      let members = try Members(bytes)
      self.init(
        monotonic: members.monotonic, wall: members.wall, clock: members.clock, content: try members.content())
    } catch {
      throw RecordingError(line: number, reason: error.reason)
    }
  }
}

/// The members of a line that mean something.
private struct Members {
  var monotonic: MonotonicTime?
  var wall: WallTime?
  var clock: ClockQuality?
  private var sensor: String?
  private var value: DecimalNumber?
  private var fault: String?
  private var active: Bool?
  private var count: DecimalNumber?
  private var format: String?
  private var identifier: String?
  private var tag: String?
  private var signal: DecimalNumber?
  private var battery: DecimalNumber?
  private var button: Bool?
  private var alive: Bool?
  private var port: String?
  private var received: String?
  private var edge: String?
  private var sequence: DecimalNumber?
  private var event: String?
  private var boot: String?
  private var schema: String?
  private var gateway: String?
  private var configuration: String?
  private var hasUnknown = false

  private enum Key {
    static let time = JSONScanner.packed("time")
    static let mono = JSONScanner.packed("mono")
    static let clock = JSONScanner.packed("clock")
    static let sensor = JSONScanner.packed("sensor")
    static let value = JSONScanner.packed("value")
    static let fault = JSONScanner.packed("fault")
    static let active = JSONScanner.packed("active")
    static let count = JSONScanner.packed("count")
    static let format = JSONScanner.packed("format")
    static let identifier = JSONScanner.packed("id")
    static let tag = JSONScanner.packed("tag")
    static let signal = JSONScanner.packed("rssi")
    static let battery = JSONScanner.packed("battery")
    static let button = JSONScanner.packed("button")
    static let alive = JSONScanner.packed("alive")
    static let port = JSONScanner.packed("port")
    static let received = JSONScanner.packed("rx")
    static let edge = JSONScanner.packed("edge")
    static let sequence = JSONScanner.packed("line_seq")
    static let event = JSONScanner.packed("event")
    static let boot = JSONScanner.packed("boot")
    static let schema = JSONScanner.packed("schema")
    static let gateway = JSONScanner.packed("gateway")
  }

  init(_ bytes: Span<UInt8>) throws(RecordingProblem) {
    var scanner = JSONScanner()
    do throws(JSONScanner.Problem) {
      try scanner.begin(bytes)
    } catch {
      throw RecordingProblem(error.text)
    }
    while true {
      let member: (key: Range<Int>, value: JSONScanner.Value)?
      do throws(JSONScanner.Problem) {
        member = try scanner.next(bytes)
      } catch {
        throw RecordingProblem(error.text)
      }
      guard let (key, value) = member else { return }
      try take(key, value, bytes)
    }
  }

  private mutating func take(
    _ key: Range<Int>, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) {
    guard let word = JSONScanner.packed(bytes, key) else {
      return try takeLong(key, value, bytes)
    }
    switch word {
    case Key.time: wall = try Self.time(value, bytes)
    case Key.mono: monotonic = try Self.monotonic(value, bytes)
    case Key.clock: clock = try Self.quality(value, bytes)
    case Key.sensor: sensor = try Self.string("sensor", value, bytes)
    case Key.value: self.value = try Self.number("value", value, bytes)
    case Key.fault: fault = try Self.string("fault", value, bytes)
    case Key.active: active = try Self.bool("active", value)
    case Key.count: count = try Self.number("count", value, bytes)
    case Key.format: format = try Self.string("format", value, bytes)
    case Key.identifier: identifier = try Self.string("id", value, bytes)
    case Key.tag: tag = try Self.string("tag", value, bytes)
    case Key.signal: signal = try Self.number("rssi", value, bytes)
    case Key.battery: battery = try Self.number("battery", value, bytes)
    case Key.button: button = try Self.bool("button", value)
    case Key.alive: alive = try Self.bool("alive", value)
    case Key.port: port = try Self.string("port", value, bytes)
    case Key.received: received = try Self.string("rx", value, bytes)
    case Key.edge: edge = try Self.string("edge", value, bytes)
    case Key.sequence: sequence = try Self.number("line_seq", value, bytes)
    case Key.event: event = try Self.string("event", value, bytes)
    case Key.boot: boot = try Self.string("boot", value, bytes)
    case Key.schema: schema = try Self.string("schema", value, bytes)
    case Key.gateway: gateway = try Self.string("gateway", value, bytes)
    default: hasUnknown = true
    }
  }

  private mutating func takeLong(
    _ key: Range<Int>, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) {
    if try Self.text(key, isPlain: true, bytes) == "config_sha256" {
      configuration = try Self.string("config_sha256", value, bytes)
    } else {
      hasUnknown = true
    }
  }
}

// MARK: What the members say together

extension Members {
  private static func quality(_ value: JSONScanner.Value, _ bytes: Span<UInt8>) throws(RecordingProblem) -> ClockQuality
  {
    guard let quality = ClockQuality(rawValue: try string("clock", value, bytes)) else {
      throw RecordingProblem("\"clock\" is neither synchronized nor rtc nor unsynchronized")
    }
    return quality
  }

  func content() throws(RecordingProblem) -> RecordingLine.Content {
    if let schema {
      guard schema == RecordingLine.schema else {
        throw RecordingProblem("the schema is \"\(schema)\": this version reads \"\(RecordingLine.schema)\"")
      }
      return .header(gateway: gateway, configurationSHA256: configuration)
    }
    guard monotonic != nil || wall != nil else {
      throw RecordingProblem("the line has no time: give \"time\" (RFC 3339) or \"mono\" (seconds)")
    }
    if let event { return .event(event, boot: boot) }
    if let port {
      guard let received, received.utf8.count % 2 == 0, received.utf8.allSatisfy({ Hexadecimal.value($0) != nil })
      else { throw RecordingProblem("a line with \"port\" needs \"rx\" with pairs of hexadecimal digits") }
      return .rawBytes(PortID(port), hex: received)
    }
    guard let sensor else {
      guard isBare else { throw RecordingProblem("no known form: neither \"sensor\", \"port\" nor \"event\"") }
      return .timePasses
    }
    return try sensorContent(SensorID(sensor))
  }

  private var isBare: Bool {
    !hasUnknown && value == nil && fault == nil && active == nil && count == nil && format == nil && identifier == nil
      && tag == nil && signal == nil && alive == nil && received == nil && edge == nil
  }

  private func sensorContent(_ sensor: SensorID) throws(RecordingProblem) -> RecordingLine.Content {
    var found: [RecordingLine.Content] = []
    if let value { found.append(.reading(sensor, value)) }
    if let fault { found.append(.fault(sensor, FaultCause(rawValue: fault))) }
    if let active { found.append(.contact(sensor, active: active)) }
    if let count {
      guard let whole = count.whole(in: 0...Int64.max) else {
        throw RecordingProblem("\"count\" is a whole number of tips, 0 or more")
      }
      found.append(.tips(sensor, count: UInt64(whole)))
    }
    if tag != nil || format != nil || identifier != nil { found.append(try sighting(sensor)) }
    if alive == true { found.append(.alive(sensor)) }
    if let edge {
      guard edge == "rising" || edge == "falling" else {
        throw RecordingProblem("\"edge\" is \"rising\" or \"falling\"")
      }
      let number = sequence?.whole(in: 0...Int64.max).map { UInt64($0) }
      found.append(.rawEdge(sensor, rising: edge == "rising", sequence: number))
    }
    guard let only = found.first, found.count == 1 else {
      throw RecordingProblem(
        "no known form: beside \"sensor\" there is exactly one of \"value\", \"fault\", \"active\", \"count\", \"tag\", "
          + "\"format\" with \"id\", \"alive\" and \"edge\"")
    }
    return only
  }

  private func sighting(_ sensor: SensorID) throws(RecordingProblem) -> RecordingLine.Content {
    guard let signal = signal?.whole(in: -127...20) else {
      throw RecordingProblem("a sighting needs \"rssi\", a whole number of -127 to 20 dBm")
    }
    var charge: UInt8?
    if let battery {
      guard let percent = battery.whole(in: 0...100) else {
        throw RecordingProblem("\"battery\" is a whole number of 0 to 100 percent")
      }
      charge = UInt8(percent)
    }
    return .sighting(sensor, try recordedTag(), signal: Int8(signal), battery: charge, button: button)
  }

  private func recordedTag() throws(RecordingProblem) -> RecordedTag {
    if let tag {
      let isHash = tag.utf8.count == 64 && tag.utf8.allSatisfy { Hexadecimal.value($0) != nil && $0 | 0x20 == $0 }
      guard isHash, format == nil, identifier == nil else {
        throw RecordingProblem(
          "\"tag\" is the tag's keyed hash: 64 lower-case hexadecimal digits, without \"format\" or \"id\"")
      }
      return .hash(tag)
    }
    guard let format, let known = TagFormat.allCases.first(where: { $0.name == format }) else {
      let names = TagFormat.allCases.map(\.name).joined(separator: ", ")
      throw RecordingProblem("\"format\" is one of \(names)")
    }
    guard let identifier, let bytes = Self.bytes(hexadecimal: identifier),
      let tag = TagIdentifier(format: known, bytes: bytes.span)
    else { throw RecordingProblem("\"id\" is the tag's identifier: 1 to 20 bytes in hexadecimal") }
    return .clear(tag)
  }

  private static func bytes(hexadecimal text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var high: UInt8?
    for digit in text.utf8 {
      guard let value = Hexadecimal.value(digit) else { return nil }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return high == nil ? bytes : nil
  }
}

// MARK: Single values

extension Members {
  /// Times are kept within what 64 bits of nanoseconds can hold with room for every waiting time.
  private static let latestTime = WallTime(milliseconds: 7_258_118_400_000)  // 2200-01-01
  private static let latestMonotonic = MonotonicTime(nanoseconds: 4_000_000_000_000_000_000)

  private static func time(_ value: JSONScanner.Value, _ bytes: Span<UInt8>) throws(RecordingProblem) -> WallTime {
    guard case .string(let range, true) = value, let time = WallTime(rfc3339: bytes.extracting(range)) else {
      throw RecordingProblem("\"time\" is no RFC 3339 time such as \"2025-09-24T02:50:00+09:00\"")
    }
    guard time >= WallTime(milliseconds: 0), time < latestTime else {
      throw RecordingProblem("\"time\" lies outside 1970 to 2199")
    }
    return time
  }

  private static func monotonic(
    _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> MonotonicTime {
    guard case .number(let range) = value, let number = DecimalNumber(bytes.extracting(range)),
      let nanoseconds = number.scaled(decimals: 9), nanoseconds >= 0, nanoseconds <= latestMonotonic.nanoseconds
    else { throw RecordingProblem("\"mono\" is no number of seconds since the boot, 0 to 4000000000") }
    return MonotonicTime(nanoseconds: nanoseconds)
  }

  private static func number(
    _ key: String, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> DecimalNumber {
    guard case .number(let range) = value, let number = DecimalNumber(bytes.extracting(range)) else {
      throw RecordingProblem("\"\(key)\" is not a number")
    }
    return number
  }

  private static func bool(_ key: String, _ value: JSONScanner.Value) throws(RecordingProblem) -> Bool {
    guard case .bool(let bool) = value else { throw RecordingProblem("\"\(key)\" is neither true nor false") }
    return bool
  }

  private static func string(
    _ key: String, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> String {
    guard case .string(let range, let isPlain) = value else { throw RecordingProblem("\"\(key)\" is not a string") }
    return try text(range, isPlain: isPlain, bytes)
  }

  private static func text(
    _ range: Range<Int>, isPlain: Bool, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> String {
    do {
      if isPlain { return String(copying: try UTF8Span(validating: bytes.extracting(range))) }
      guard let unescaped = JSONScanner.unescape(bytes.extracting(range)) else {
        throw RecordingProblem("a string has an escape that JSON does not know")
      }
      return String(copying: try UTF8Span(validating: unescaped.span))
    } catch let problem as RecordingProblem {
      throw problem
    } catch {
      throw RecordingProblem("a string is not UTF-8")
    }
  }
}
