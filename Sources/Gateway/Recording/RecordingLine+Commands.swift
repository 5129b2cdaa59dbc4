import Alerts
import Observations

/// The members of a line that tell of a command.
struct CommandMembers {
  private typealias Key = RecordingMembers.Key

  private(set) var action: String?
  private(set) var authority: String?
  private(set) var until: WallTime?
  private(set) var isOver = false
  private(set) var subject: String?, person: String?, searchCase: String?
  private(set) var alert: String?, kind: String?, mode: String?
  private(set) var sensors: [String]?
  private(set) var offsets: [DecimalNumber]?, values: [DecimalNumber]?
  private(set) var soundsSiren = false

  /// Returns whether the member is one of these.
  mutating func take(
    _ word: UInt64, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> Bool {
    switch word {
    case Key.command: action = try RecordingMembers.string("do", value, bytes)
    case Key.authority: authority = try RecordingMembers.string("by", value, bytes)
    case Key.until: until = try RecordingMembers.time(value, bytes)
    case Key.over: isOver = try RecordingMembers.bool("over", value)
    case Key.subject: subject = try RecordingMembers.string("subject", value, bytes)
    case Key.person: person = try RecordingMembers.string("person", value, bytes)
    case Key.searchCase: searchCase = try RecordingMembers.string("case", value, bytes)
    case Key.alert: alert = try RecordingMembers.string("alert", value, bytes)
    case Key.kind: kind = try RecordingMembers.string("kind", value, bytes)
    case Key.mode: mode = try RecordingMembers.string("mode", value, bytes)
    case Key.sensors:
      sensors = try RecordingMembers.list("sensors", value, bytes).map { (item) throws(RecordingProblem) in
        try Self.name(item)
      }
    case Key.offsets: offsets = try RecordingMembers.numbers("offsets", value, bytes)
    case Key.values: values = try RecordingMembers.numbers("values", value, bytes)
    case Key.siren: soundsSiren = try RecordingMembers.bool("siren", value)
    default: return false
    }
    return true
  }

  /// A configured name between its quotes.
  private static func name(_ item: [UInt8]) throws(RecordingProblem) -> String {
    let text = String(decoding: item.dropFirst().dropLast(), as: UTF8.self)
    let quote = UInt8(ascii: "\"")
    guard item.count > 2, item.first == quote, item.last == quote, !text.contains("\"") else {
      throw RecordingProblem("\"sensors\" is a list of names of sensors")
    }
    return text
  }
}

// MARK: Reading

extension RecordingMembers {
  /// What the line asks for; nil where it does not say, as recordings of earlier versions do not.
  func command() throws(RecordingProblem) -> RecordingLine.Content? {
    guard let word = asked.action else { return nil }
    let action: Command.Action
    switch word {
    case "acknowledge": action = try acknowledgement()
    case "silence": action = .silence(output.map { OutputID($0) }, until: try endOrOver("a silence"))
    case "maintenance":
      action = .maintenance(
        asked.sensors.map { $0.map { SensorID($0) } }, until: try endOrOver("maintenance"))
    case "exercise": action = try rehearsal(.exercise)
    case "test": action = try rehearsal(.test)
    case "search": action = try search()
    // What is carried out outside the detection changes nothing here.
    default: return nil
    }
    let command = Command(
      id: identifier ?? "", authority: asked.authority ?? RecordingLine.unnamedAuthority, action: action)
    return .command(command, tag: word == "search" ? tag : nil)
  }

  private func endOrOver(_ what: String) throws(RecordingProblem) -> WallTime? {
    guard (asked.until == nil) == asked.isOver else {
      throw RecordingProblem("\(what) has \"until\" (RFC 3339), or \"over\" (true) to end it")
    }
    return asked.until
  }

  private func acknowledgement() throws(RecordingProblem) -> Command.Action {
    guard cause.map(Alert.Acknowledgement.isCause) ?? true else {
      throw RecordingProblem("\"cause\" of an acknowledgement is a word of a-z, 0-9 and underscores")
    }
    if let until = asked.until {
      if let id = asked.alert { return .acknowledge(.id(id), until: until, cause: cause) }
      if let sensor, let kind = asked.kind.flatMap({ AlertKind(rawValue: $0) }),
        let mode = AlertMode(rawValue: asked.mode ?? AlertMode.actual.rawValue)
      {
        return .acknowledge(.source(SensorID(sensor), kind, mode), until: until, cause: cause)
      }
    }
    throw RecordingProblem(
      "an acknowledgement has \"until\" (RFC 3339), and \"alert\" (an id) or \"sensor\", \"kind\" and perhaps \"mode\"")
  }

  private func rehearsal(_ mode: AlertMode) throws(RecordingProblem) -> Command.Action {
    if asked.isOver { return .endRehearsal(sensor.map { SensorID($0) }) }
    let values = asked.values ?? value.map { [$0] } ?? []
    let offsets = asked.offsets ?? [DecimalNumber(mantissa: 0, exponent: 0)]
    guard let sensor, let until = asked.until, values.count == offsets.count else {
      throw RecordingProblem(
        "an exercise or a test has \"sensor\", \"until\" (RFC 3339), and \"value\" or as many \"values\" as \"offsets\" "
          + "(seconds); or \"over\" (true) to end it")
    }
    var readings: [RehearsalPlan.Reading] = []
    for (value, offset) in zip(values, offsets) {
      guard let thousandths = value.scaled(decimals: 3), let nanoseconds = offset.scaled(decimals: 9) else {
        throw RecordingProblem("\"values\" or \"offsets\" hold a number that is too large")
      }
      readings.append(
        RehearsalPlan.Reading(
          offset: TimeSpan(nanoseconds: nanoseconds), value: Measure(thousandths: thousandths)))
    }
    return .rehearse(
      RehearsalPlan(
        sensor: SensorID(sensor), mode: mode, readings: readings, until: until, soundsSiren: asked.soundsSiren))
  }

  private func search() throws(RecordingProblem) -> Command.Action {
    guard let tag, isHash(tag), let subject = asked.subject, !subject.isEmpty, let searchCase = asked.searchCase,
      (1...64).contains(searchCase.count), let until = asked.until,
      let person = WatchPlan.Person(rawValue: asked.person ?? WatchPlan.Person.child.rawValue)
    else {
      throw RecordingProblem(
        "a search has \"tag\" (a hash), \"subject\", \"case\" (1 to 64 characters), \"until\" (RFC 3339) and perhaps "
          + "\"person\" (child or elder)")
    }
    return .search(
      WatchSearch(subject: SubjectID(subject), person: person, searchCase: searchCase, until: until))
  }

  /// The items of a list, as they stand; none of them a list or an object.
  static func list(
    _ key: String, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> [[UInt8]] {
    guard case .array(let range) = value else { throw RecordingProblem("\"\(key)\" is not a list") }
    var items: [[UInt8]] = []
    var item: [UInt8] = []
    for index in range.dropFirst() {
      switch bytes[index] {
      case UInt8(ascii: ","), UInt8(ascii: "]"):
        if !item.isEmpty { items.append(item) }
        item.removeAll(keepingCapacity: true)
        guard items.count <= RehearsalPlan.mostReadings else {
          throw RecordingProblem("\"\(key)\" has more than \(RehearsalPlan.mostReadings) items")
        }
      case UInt8(ascii: " "), UInt8(ascii: "\t"): break
      case let byte: item.append(byte)
      }
    }
    return items
  }

  static func numbers(
    _ key: String, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> [DecimalNumber] {
    try list(key, value, bytes).map { (item) throws(RecordingProblem) in
      // The scanner has seen to it that what begins so is a number.
      let digits = item.span
      guard let first = item.first,
        first == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first),
        let number = DecimalNumber(digits)
      else { throw RecordingProblem("\"\(key)\" is not a list of numbers") }
      return number
    }
  }
}

// MARK: Writing

extension RecordingLine {
  /// Who asks for what a line says without a name.
  static let unnamedAuthority = "recording"

  func write(
    _ command: Command, tag: String?, _ writer: inout MemberWriter, into bytes: inout [UInt8], zone: TimeZoneOffsets
  ) {
    writer.add("event", text: "command", to: &bytes)
    if !command.id.isEmpty { writer.add("id", text: command.id, to: &bytes) }
    if command.authority != Self.unnamedAuthority { writer.add("by", text: command.authority, to: &bytes) }
    writer.add("do", text: command.action.word, to: &bytes)
    switch command.action {
    case .acknowledge(.id(let id), _, let cause):
      writer.add("alert", text: id, to: &bytes)
      if let cause { writer.add("cause", text: cause, to: &bytes) }
    case .acknowledge(.source(let sensor, let kind, let mode), _, let cause):
      writer.add("sensor", text: sensor.text, to: &bytes)
      writer.add("kind", text: kind.rawValue, to: &bytes)
      writer.add("mode", text: mode.rawValue, to: &bytes)
      if let cause { writer.add("cause", text: cause, to: &bytes) }
    case .silence(let output, _):
      if let output { writer.add("output", text: output.text, to: &bytes) }
    case .maintenance(let sensors, _):
      if let sensors { writer.add("sensors", verbatim: Self.list(sensors.map { "\"\($0.text)\"" }), to: &bytes) }
    case .rehearse(let plan): write(plan, &writer, into: &bytes)
    case .endRehearsal(let sensor):
      if let sensor { writer.add("sensor", text: sensor.text, to: &bytes) }
    case .search(let search):
      if let tag { writer.add("tag", text: tag, to: &bytes) }
      writer.add("subject", text: search.subject.text, to: &bytes)
      writer.add("person", text: search.person.rawValue, to: &bytes)
      writer.add("case", text: search.searchCase, to: &bytes)
    }
    if let until = command.action.until {
      writer.add("until", text: until.rfc3339(in: zone), to: &bytes)
    } else {
      writer.add("over", verbatim: "true", to: &bytes)
    }
  }

  private func write(_ plan: RehearsalPlan, _ writer: inout MemberWriter, into bytes: inout [UInt8]) {
    writer.add("sensor", text: plan.sensor.text, to: &bytes)
    let offsets = plan.readings.map { DecimalNumber(mantissa: $0.offset.nanoseconds, exponent: -9).description }
    writer.add("offsets", verbatim: Self.list(offsets), to: &bytes)
    writer.add("values", verbatim: Self.list(plan.readings.map { $0.value.description }), to: &bytes)
    if plan.soundsSiren { writer.add("siren", verbatim: "true", to: &bytes) }
  }

  private static func list(_ items: [String]) -> String { "[\(items.joined(separator: ","))]" }
}

extension Command.Action {
  /// The word of the wire and of recordings.
  fileprivate var word: String {
    switch self {
    case .acknowledge: "acknowledge"
    case .silence: "silence"
    case .rehearse(let plan): plan.mode.rawValue
    case .endRehearsal: "exercise"
    case .maintenance: "maintenance"
    case .search: "search"
    }
  }
}
