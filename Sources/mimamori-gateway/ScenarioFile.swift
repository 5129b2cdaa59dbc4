import Gateway
import Observations
import SimulatedSite

/// Reads a scenario: a TOML file whose every mistake is told with its line and column. docs/scenario.md describes it.
enum ScenarioFile {
  /// The most events of one scenario, and the most tags.
  private static let mostEvents = 10_000
  private static let mostTags = 2000

  /// - Throws: `GatewayError` with 66 for a missing file and 65 for one with mistakes, each on a line of its own.
  static func read(_ path: String) throws(GatewayError) -> Scenario {
    let text = try InputFile.read(path, limit: TOMLDocument.mostBytes)
    let root: TOMLTable
    do {
      root = try TOMLDocument.parse(text)
    } catch {
      throw GatewayError(
        .badInputData, "\(path):\(error.position.line):\(error.position.column): \(error.message): mend the TOML")
    }
    let problems = ProblemList()
    let reader = TableReader(root, path: "", problems: problems)
    let duration = reader.duration(
      "duration", in: .milliseconds(1) ... .hours(240), required: "say how long the site is played, such as \"60s\"")
    let tags = reader.subtables("tag", most: mostTags).compactMap(tag)
    let names = tags.map(\.name)
    let events = reader.subtables("event", most: mostEvents).compactMap { event($0, tags: names) }
    reader.finish()

    let errors = problems.sorted.filter { $0.severity == .error }
    guard errors.isEmpty, let duration else {
      throw GatewayError(.badInputData, errors.map { $0.text(file: path) }.joined(separator: "\n"))
    }
    return Scenario(duration: duration, tags: tags, events: events)
  }

  private static func tag(_ reader: TableReader) -> Scenario.Tag? {
    defer { reader.finish() }
    let name = reader.string("name", required: "name it as the events do")
    let format = reader.choice(
      "format", words: TagFormat.fixed.map { ($0.name, $0) }, required: "say how the tag transmits")
    let identifier = reader.string("identifier", required: "write its bytes in hexadecimal")
    let interval = reader.duration("interval", in: .milliseconds(20) ... .seconds(60)) ?? .seconds(1)
    guard let name, let format, let identifier else { return nil }
    let length = format.identifierLength ?? 0
    guard let bytes = Hexadecimal.bytes(of: identifier.value.utf8.span, allowingUpperCase: true), bytes.count == length
    else {
      reader.error(
        "identifier", "identifier is not \(length) bytes in hexadecimal", advice: "write \(2 * length) digits")
      return nil
    }
    return Scenario.Tag(name: name.value, format: format, identifier: bytes, interval: interval)
  }

  private static func event(_ reader: TableReader, tags: [String]) -> Scenario.Event? {
    defer { reader.finish() }
    let at = reader.duration("at", in: .zero ... .hours(240), required: "say when, counted from the start")
    let device = reader.string("device", required: "name a sensor or a serial port of the configuration")
    guard let set = reader.subtable("set", required: "say what happens, such as { level = 2.0 }") else { return nil }
    let setting = setting(set, tags: tags)
    set.finish()
    guard let at, let device, let setting else { return nil }
    return Scenario.Event(at: at, device: device.value, setting: setting)
  }

  private static func setting(_ reader: TableReader, tags: [String]) -> Scenario.Setting? {
    let over = reader.duration("over", in: .zero ... .hours(240)) ?? .zero
    if let metres = reader.number("level", in: -1000...10_000) { return .level(metres: metres, over: over) }
    if let tips = reader.integer("tips", in: 1...100_000) { return .tips(tips, over: over) }
    if let silent = reader.boolean("silent") { return .silent(silent) }
    if let garbled = reader.boolean("garbled") { return .garbled(garbled) }
    if let code = reader.integer("exception", in: 0...255) { return .exception(UInt8(code)) }
    if let wet = reader.boolean("wet") { return .wet(wet) }
    if let unplugged = reader.boolean("unplugged") { return .unplugged(unplugged) }
    if reader.boolean("no_target") == true { return .noTarget }
    if let fix = reader.boolean("fix") { return .fix(fix) }
    if let position = reader.subtable("position") {
      defer { position.finish() }
      let latitude = position.number("latitude", in: -90...90, required: "give degrees, north is positive")
      let longitude = position.number("longitude", in: -180...180, required: "give degrees, east is positive")
      guard let latitude, let longitude else { return nil }
      return .position(latitude: latitude, longitude: longitude)
    }
    if let name = reader.string("tag") {
      guard tags.contains(name.value) else {
        reader.error(
          "tag", "there is no [[tag]] named \(name.value)", advice: "name one of \(tags.joined(separator: ", "))")
        return nil
      }
      if case .string("gone")? = reader.value("signal")?.content { return .tag(name: name.value, signal: nil) }
      return reader.integer("signal", in: -120...20, required: "give dBm, such as -66, or \"gone\"")
        .map { .tag(name: name.value, signal: Int8($0)) }
    }
    reader.know("level", "over", "signal")
    reader.problems.error(
      reader.path, at: reader.table.position, "set says nothing that can happen",
      advice: "see docs/scenario.md for what a device can do")
    return nil
  }
}
