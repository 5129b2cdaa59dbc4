import Alerts
import Observations
import SensorDrivers

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
      let members = try RecordingMembers(bytes)
      self.init(
        monotonic: members.monotonic, wall: members.wall, clock: members.clock, called: members.called,
        content: try members.content())
    } catch {
      throw RecordingError(line: number, reason: error.reason)
    }
  }
}

/// The members of a line that mean something.
struct RecordingMembers {
  var monotonic: MonotonicTime?
  var wall: WallTime?
  var clock: ClockQuality?
  var sensor: String?
  var value: DecimalNumber?
  private var fault: String?
  private var active: Bool?
  private var count: DecimalNumber?
  private var format: String?
  var identifier: String?
  var tag: String?
  private var signal: DecimalNumber?
  private var battery: DecimalNumber?
  private var button: Bool?
  private var alive: Bool?
  private var port: String?
  var received: String?
  private var edge: String?
  private var sequence: DecimalNumber?
  var called: MonotonicTime?
  private var stamp: MonotonicTime?
  var sent: String?
  var frames: [Int]?
  var errors: DecimalNumber?
  private var missing: DecimalNumber?
  var lines: [Int]?
  var levels: [Int]?
  private var line: DecimalNumber?
  var filtered: Bool?
  var cause: String?, output: String?, on: Bool?
  private var event: String?
  private var boot: String?
  private var schema: String?
  private var gateway: String?
  private var configuration: String?
  private var latitude: DecimalNumber?
  private var longitude: DecimalNumber?
  private var accuracy: DecimalNumber?
  private var fixTime: WallTime?
  var asked = CommandMembers()
  private var hasUnknown = false

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
    case Key.mono: monotonic = try Self.monotonic("mono", value, bytes)
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
    case Key.latitude: latitude = try Self.number("latitude", value, bytes)
    case Key.fixTime: fixTime = try Self.time(value, bytes)
    default: try takeRaw(word, value, bytes)
    }
  }

  private mutating func takeRaw(
    _ word: UInt64, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) {
    switch word {
    case Key.called: called = try Self.monotonic("at", value, bytes)
    case Key.stamp: stamp = try Self.monotonic("stamp", value, bytes)
    case Key.sent: sent = try Self.string("tx", value, bytes)
    case Key.frames: frames = try Self.lengths("frames", value, bytes)
    case Key.errors: errors = try Self.number("errors", value, bytes)
    case Key.missing: missing = try Self.number("missing", value, bytes)
    case Key.lines: lines = try Self.lengths("lines", value, bytes)
    case Key.levels: levels = try Self.lengths("levels", value, bytes)
    case Key.line: line = try Self.number("line", value, bytes)
    case Key.filtered: filtered = try Self.bool("filtered", value)
    case Key.cause: cause = try Self.string("cause", value, bytes)
    case Key.output: output = try Self.string("output", value, bytes)
    case Key.on: on = try Self.bool("on", value)
    default: if try !asked.take(word, value, bytes) { hasUnknown = true }
    }
  }

  private mutating func takeLong(
    _ key: Range<Int>, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) {
    switch try Self.text(key, isPlain: true, bytes) {
    case "config_sha256": configuration = try Self.string("config_sha256", value, bytes)
    case "longitude": longitude = try Self.number("longitude", value, bytes)
    case "accuracy_m": accuracy = try Self.number("accuracy_m", value, bytes)
    default: hasUnknown = true
    }
  }
}

// MARK: What the members say together

extension RecordingMembers {
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
    if let event {
      if event == "command", let command = try command() { return command }
      if let port { return .call(.port(PortID(port)), try portCall(event)) }
      if let sensor { return .call(.line(SensorID(sensor)), try lineCall(event)) }
      if event == RecordingLine.gap, let count = missing?.whole(in: 1...Int64(Int32.max)) {
        return .gap(lines: Int(count))
      }
      if let certificate = BoardCertificate.allCases.first(where: { RecordingLine.event(of: $0) == event }) {
        return .certificate(certificate, fault.map { FaultCause(rawValue: $0) })
      }
      if event == RecordingLine.ledger { return .ledger(fault.map { FaultCause(rawValue: $0) }) }
      return .event(event, boot: boot)
    }
    if let port { return try portContent(PortID(port)) }
    guard let sensor else {
      if let output {
        guard fault != nil || alive == true, fault == nil || alive != true else {
          throw RecordingProblem("beside \"output\" there is \"fault\", or \"alive\": true")
        }
        return .output(OutputID(output), fault.map { FaultCause(rawValue: $0) })
      }
      guard isBare else { throw RecordingProblem("no known form: neither \"sensor\", \"port\" nor \"event\"") }
      return .timePasses
    }
    return try sensorContent(SensorID(sensor))
  }

  func isHash(_ text: String) -> Bool {
    text.utf8.count == 64 && text.utf8.allSatisfy { Hexadecimal.value($0) != nil && $0 | 0x20 == $0 }
  }

  private var isBare: Bool {
    !hasUnknown && value == nil && fault == nil && active == nil && count == nil && format == nil && identifier == nil
      && tag == nil && signal == nil && alive == nil && received == nil && sent == nil && frames == nil && edge == nil
      && latitude == nil && longitude == nil
  }

  /// Whether nothing speaks for another form than a value.
  private var isReading: Bool {
    fault == nil && active == nil && count == nil && tag == nil && format == nil && identifier == nil
      && latitude == nil && longitude == nil && alive != true && edge == nil
  }

  private func sensorContent(_ sensor: SensorID) throws(RecordingProblem) -> RecordingLine.Content {
    // Nearly every line is this one.
    if let value, isReading { return .reading(sensor, value) }
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
    if latitude != nil || longitude != nil { found.append(.position(sensor, try fix())) }
    if alive == true { found.append(.alive(sensor)) }
    if let edge {
      guard edge == "rising" || edge == "falling" else {
        throw RecordingProblem("\"edge\" is \"rising\" or \"falling\"")
      }
      let number = sequence?.whole(in: 0...Int64.max).map { UInt64($0) }
      let offset = line?.whole(in: 0...Int64(UInt32.max)).map { UInt32($0) }
      found.append(.rawEdge(sensor, rising: edge == "rising", sequence: number, line: offset, stamp: stamp))
    }
    guard let only = found.first, found.count == 1 else {
      throw RecordingProblem(
        "no known form: beside \"sensor\" there is exactly one of \"value\", \"fault\", \"active\", \"count\", \"tag\", "
          + "\"format\" with \"id\", \"latitude\" with \"longitude\", \"alive\" and \"edge\"")
    }
    return only
  }

  private func fix() throws(RecordingProblem) -> PositionFix {
    guard let latitude = latitude?.scaled(decimals: 7), abs(latitude) <= 900_000_000,
      let longitude = longitude?.scaled(decimals: 7), abs(longitude) <= 1_800_000_000
    else { throw RecordingProblem("a position has \"latitude\" and \"longitude\" in degrees") }
    var error: Measure?
    if let accuracy {
      guard let thousandths = accuracy.scaled(decimals: 3), thousandths >= 0 else {
        throw RecordingProblem("\"accuracy_m\" is a number of metres, 0 or more")
      }
      error = Measure(thousandths: thousandths)
    }
    let position = Position(latitude: Double(latitude) / 1e7, longitude: Double(longitude) / 1e7)
    return PositionFix(position: position, time: fixTime, accuracy: error)
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
      guard isHash(tag), format == nil, identifier == nil else {
        throw RecordingProblem(
          "\"tag\" is the tag's keyed hash: 64 lower-case hexadecimal digits, without \"format\" or \"id\"")
      }
      return .hash(tag)
    }
    guard let format, let known = TagFormat(name: format) else {
      let names = TagFormat.fixed.map(\.name).joined(separator: ", ")
      throw RecordingProblem(
        "\"format\" is one of \(names), or the name of a [[tag_format]]: 1 to 16 of a-z, 0-9 and -")
    }
    let digits = Array((identifier ?? "").utf8)
    guard let bytes = Hexadecimal.bytes(of: digits.span, allowingUpperCase: true),
      let tag = TagIdentifier(format: known, bytes: bytes.span)
    else { throw RecordingProblem("\"id\" is the tag's identifier: 1 to 20 bytes in hexadecimal") }
    return .clear(tag)
  }
}
