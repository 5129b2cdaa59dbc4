import Alerts
import Observations

extension ConfigurationReader {
  /// The sensor that a rule names, if it is there and measures what the rule is about.
  func declaredSensor(
    _ located: Located<String>, of reader: TableReader, key: String, quantity: Quantity?,
    orOther other: Quantity? = nil, rule: String
  ) -> DeclaredSensor? {
    guard let sensor = declaredSensors[located.value] else {
      let candidates = declaredSensors.filter {
        quantity == nil || $0.value.quantity == quantity || $0.value.quantity == other
      }.keys.sorted()
      let near = NearestName.find(located.value, among: candidates).map { "did you mean \(TOMLValue.quoted($0))? " }
      problems.error(
        reader.name(key), at: located.position, "there is no sensor \(TOMLValue.quoted(located.value))",
        advice: "\(near ?? "")name one of: \(Self.list(candidates))")
      return nil
    }
    if quantity != nil { declaredSensors[located.value]?.isNamedByRule = true }
    if let quantity, let measured = sensor.quantity, measured != quantity, measured != other {
      problems.error(
        reader.name(key), at: located.position,
        "\(rule) needs a sensor of \(quantity.rawValue), and \(located.value) measures \(measured.rawValue)",
        advice: "name another sensor, or correct the quantity of this one")
    }
    return sensor
  }

  /// The tables of one kind of rule, each for its own sensor of `quantity`.
  func readRules<Rule>(
    _ reader: TableReader, _ key: String, _ quantity: Quantity, orOther other: Quantity? = nil,
    mayNameTwo: Bool = false,
    _ read: (TableReader, SensorID, DeclaredSensor?) -> Rule?
  ) -> [Rule] {
    var seen: Set<String> = []
    return reader.subtables(key, most: Self.mostSensors).compactMap { reader in
      let located =
        mayNameTwo && !reader.has("sensor") && reader.has("sensors")
        ? reader.firstString("sensors") : reader.string("sensor", required: "name the sensor that it is about")
      var sensor: DeclaredSensor?
      if let located {
        reader.rename("\(key)[\(located.value)]")
        sensor = declaredSensor(
          located, of: reader, key: "sensor", quantity: quantity, orOther: other, rule: "[[\(key)]]")
        if !seen.insert(located.value).inserted {
          reader.error(
            "sensor", "\(located.value) has another [[\(key)]] already", advice: "put both into one")
        }
      }
      let rule = read(reader, SensorID(located?.value ?? ""), sensor)
      reader.finish()
      return located == nil ? nil : rule
    }
  }

  /// Notes how bad a hazard of `sensor` can become, for the outputs that wait for it.
  func reach(_ sensor: SensorID, _ severity: Severity) {
    let known = declaredSensors[sensor.text]?.reachable
    declaredSensors[sensor.text]?.reachable = max(known ?? severity, severity)
  }

  func readSeverity(_ reader: TableReader) -> Severity? {
    reader.choice(
      "severity", words: Severity.allCases.map { ($0.name, $0) }, required: "write how bad it is, such as \"severe\"")
  }

  /// `unstable_after`; nil: never.
  func readUnstableAfter(_ reader: TableReader) -> Int? {
    guard let count = reader.integer("unstable_after", in: 0...100) else { return FloodRule.usualUnstableAfter }
    guard (1...2).contains(count) else { return count == 0 ? nil : count }
    reader.error(
      "unstable_after", "unstable_after = \(count) would call a single flood unstable",
      advice: "write 3 to 100, or 0 for never")
    return nil
  }

  // MARK: Contact

  func readContacts(_ reader: TableReader) -> [ContactRule] {
    readRules(reader, "contact", .floodContact, orOther: .contact) { reader, sensor, declared in
      let use = reader.choice("use", ContactRule.Use.self) ?? .flood
      checkUse(reader, sensor, declared, use)
      switch use {
      case .flood: break
      case .silence: return readButton(reader, sensor)
      case .tamper, .mains: return readOtherContact(reader, sensor, use)
      }
      let severity = readSeverity(reader)
      let wetAfter = reader.duration("wet_after", in: .zero ... .hours(24)) ?? .seconds(20)
      let dryAfter = reader.duration("dry_after", in: .zero ... .hours(24)) ?? .minutes(10)
      let equivalent = reader.integer("level_equivalent", in: 1...5)
      let unstableAfter = readUnstableAfter(reader)
      let realertAfter = readRealert(reader)
      guard let severity else { return nil }
      reach(sensor, severity)
      return ContactRule(
        sensor: sensor, severity: severity, wetAfter: wetAfter, dryAfter: dryAfter, levelEquivalent: equivalent,
        realertAfter: realertAfter, unstableAfter: unstableAfter)
    }
  }

  /// A contact that tells nothing of water raises what nothing sounds for.
  private func readOtherContact(_ reader: TableReader, _ sensor: SensorID, _ use: ContactRule.Use) -> ContactRule? {
    let severity = reader.choice("severity", words: Severity.allCases.map { ($0.name, $0) }) ?? .moderate
    // A door that is open is open at once; the mains may blink in a thunderstorm.
    let after = reader.duration("after", in: .zero ... .hours(24)) ?? (use == .tamper ? .seconds(1) : .seconds(10))
    let overAfter = reader.duration("over_after", in: .zero ... .hours(24)) ?? .minutes(1)
    return ContactRule(sensor: sensor, use: use, severity: severity, wetAfter: after, dryAfter: overAfter)
  }

  /// A button beside the siren.
  private func readButton(_ reader: TableReader, _ sensor: SensorID) -> ContactRule {
    let silenceFor = reader.duration("silence_for", in: .minutes(1) ... .hours(24)) ?? .minutes(30)
    let output = reader.string("output")
    if let output { silencedOutputs.append((path: reader.name("output"), output: output)) }
    return ContactRule(
      sensor: sensor, use: .silence, severity: .minor, wetAfter: .zero, dryAfter: .zero, silenceFor: silenceFor,
      silenced: output.map { OutputID($0.value) })
  }

  /// Whether there is what buttons silence. After all outputs are read.
  func checkButtons(_ outputs: [OutputSettings]) {
    let names = outputs.map(\.rule.id.text)
    for (path, output) in silencedOutputs where !names.contains(output.value) {
      problems.error(
        path, at: output.position, "there is no output \(TOMLValue.quoted(output.value))",
        advice: "name one of: \(Self.list(names)); or remove it, and every output is silenced")
    }
  }

  private func checkUse(
    _ reader: TableReader, _ sensor: SensorID, _ declared: DeclaredSensor?, _ use: ContactRule.Use
  ) {
    guard let quantity = declared?.quantity, quantity.isContact, (quantity == .contact) != (use != .flood) else {
      return
    }
    let uses = ContactRule.Use.allCases.filter { $0 != .flood }.map { TOMLValue.quoted($0.rawValue) }
    reader.error(
      reader.has("use") ? "use" : "sensor",
      "\(sensor) measures \(quantity.rawValue), which is no \(use.rawValue)",
      advice: use == .flood
        ? "write use = \(uses.joined(separator: " or ")), or give the sensor quantity = \"flood_contact\""
        : "give the sensor quantity = \"contact\"")
  }

  /// `realert_after`.
  func readRealert(_ reader: TableReader) -> TimeSpan {
    reader.duration("realert_after", in: .zero ... .hours(2)) ?? .minutes(5)
  }
}
