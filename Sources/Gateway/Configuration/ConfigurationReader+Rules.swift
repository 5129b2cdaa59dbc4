import Alerts
import Observations

extension ConfigurationReader {
  /// The sensor that a rule names, if it is there and measures what the rule is about.
  func declaredSensor(
    _ located: Located<String>, of reader: TableReader, key: String, quantity: Quantity?, rule: String
  ) -> DeclaredSensor? {
    guard let sensor = declaredSensors[located.value] else {
      let candidates = declaredSensors.filter { quantity == nil || $0.value.quantity == quantity }.keys.sorted()
      let near = NearestName.find(located.value, among: candidates).map { "did you mean \(TOMLValue.quoted($0))? " }
      problems.error(
        reader.name(key), at: located.position, "there is no sensor \(TOMLValue.quoted(located.value))",
        advice: "\(near ?? "")name one of: \(Self.list(candidates))")
      return nil
    }
    if quantity != nil { declaredSensors[located.value]?.isNamedByRule = true }
    if let quantity, let measured = sensor.quantity, measured != quantity {
      problems.error(
        reader.name(key), at: located.position,
        "\(rule) needs a sensor of \(quantity.rawValue), and \(located.value) measures \(measured.rawValue)",
        advice: "name another sensor, or correct the quantity of this one")
    }
    return sensor
  }

  /// The tables of one kind of rule, each for its own sensor of `quantity`.
  private func readRules<Rule>(
    _ reader: TableReader, _ key: String, _ quantity: Quantity,
    _ read: (TableReader, SensorID, DeclaredSensor?) -> Rule?
  ) -> [Rule] {
    var seen: Set<String> = []
    return reader.subtables(key, most: Self.mostSensors).compactMap { reader in
      let located = reader.string("sensor", required: "name the sensor that it is about")
      var sensor: DeclaredSensor?
      if let located {
        reader.rename("\(key)[\(located.value)]")
        sensor = declaredSensor(located, of: reader, key: "sensor", quantity: quantity, rule: "[[\(key)]]")
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
  private func reach(_ sensor: SensorID, _ severity: Severity, isActedOn: Bool = true) {
    let known = declaredSensors[sensor.text]
    if isActedOn {
      declaredSensors[sensor.text]?.reachable = max(known?.reachable ?? severity, severity)
    }
    declaredSensors[sensor.text]?.reachableLater = max(known?.reachableLater ?? severity, severity)
  }

  func readSeverity(_ reader: TableReader) -> Severity? {
    reader.choice(
      "severity", words: Severity.allCases.map { ($0.name, $0) }, required: "write how bad it is, such as \"severe\"")
  }

  // MARK: Flood

  func readFloods(_ reader: TableReader) -> [FloodRule] {
    readRules(reader, "flood", .waterLevel) { reader, sensor, declared in
      let levels = reader.subtable("levels", required: "write levels = { caution = 2.0, danger = 3.0 } in metres")
        .map { readLevels($0, declared) }
      let confirm = readConfirmation(reader)
      var margin: Measure? = Measure(thousandths: 50)
      var hold: TimeSpan? = .minutes(10)
      if let release = reader.subtable("release") {
        margin = release.measure(
          "margin", of: .waterLevel, in: 0...10, required: "write how far below the level it must fall, in metres")
        hold = release.duration("hold", in: .zero ... .hours(24), required: "write for how long, such as \"10m\"")
        release.finish()
      }
      let rise = reader.subtable("rise").flatMap(readRise)
      if reader.has("rise") { reader.idle(.floodRise, "rise") }
      let forecast = reader.duration("forecast", in: .minutes(1) ... .hours(24))
      if reader.has("forecast") { reader.idle(.floodForecast, "forecast") }
      for level in levels ?? [] { reach(sensor, level.step.severity) }
      if let rise { reach(sensor, rise.severity, isActedOn: false) }
      guard let levels, !levels.isEmpty, let confirm, let margin, let hold else { return nil }
      return FloodRule(
        sensor: sensor, levels: levels, confirm: confirm, releaseMargin: margin, releaseHold: hold, rise: rise,
        forecast: forecast)
    }
  }

  private func readLevels(_ reader: TableReader, _ sensor: DeclaredSensor?) -> [FloodRule.Level] {
    var levels: [FloodRule.Level] = []
    for step in LadderStep.allCases {
      guard let threshold = reader.measure(step.rawValue, of: .waterLevel, in: -1000...10_000) else { continue }
      if let last = levels.last, threshold <= last.threshold {
        reader.error(
          step.rawValue, "\(step.rawValue) = \(threshold) is not above \(last.step.rawValue) = \(last.threshold)",
          advice: "levels rise in the order standby, caution, evacuation_judgment, danger, flooding")
      }
      if let settings = sensor?.settings { checkReachable(reader, step, threshold, settings) }
      levels.append(FloodRule.Level(step: step, threshold: threshold))
    }
    if reader.table.entries.isEmpty {
      problems.error(
        reader.path, at: reader.table.position, "there is no level",
        advice: "write at least one, such as { danger = 3.0 }")
    }
    reader.finish()
    return levels
  }

  /// A level where the sensor's value would be a fault is never reached.
  private func checkReachable(
    _ reader: TableReader, _ step: LadderStep, _ threshold: Measure, _ sensor: SensorSettings
  ) {
    if let range = sensor.plan.range, !range.contains(threshold) {
      reader.error(
        step.rawValue, "\(step.rawValue) = \(threshold) lies outside the range of \(sensor.id)",
        advice: "a value there is a fault, never a level; widen range [\(range.lowerBound), \(range.upperBound)]")
    }
    // Nearer than 30 mm the sensor measures nothing (A02YYUW data sheet).
    if case .a02yyuw(let settings) = sensor.driver {
      let highest = settings.mountHeight - Measure(thousandths: 30)
      guard threshold > highest else { return }
      reader.error(
        step.rawValue,
        "\(step.rawValue) = \(threshold) is above \(highest), the highest level that \(sensor.id) can see",
        advice: "mount the sensor higher, or correct mount_height")
    }
  }

  private func readConfirmation(_ reader: TableReader) -> Confirmation? {
    guard let value = reader.value("confirm") else { return .readings(3) }
    switch value.content {
    case .integer: return reader.integer("confirm", in: 1...1000).map(Confirmation.readings)
    case .string: return reader.duration("confirm", in: .zero ... .hours(24)).map(Confirmation.duration)
    default:
      reader.wrongType(
        "confirm", value, expected: "a count or a length of time",
        advice: "write consecutive readings such as 3, or a length of time such as \"30s\"")
      return nil
    }
  }

  private func readRise(_ reader: TableReader) -> FloodRule.Rise? {
    let by = reader.measure("by", of: .waterLevel, in: 0.001...100, required: "write a rise in metres")
    let within = reader.duration(
      "within", in: .minutes(1) ... .hours(24), required: "write in what time, such as \"10m\"")
    let severity = readSeverity(reader)
    reader.finish()
    guard let by, let within, let severity else { return nil }
    return FloodRule.Rise(by: by, within: within, severity: severity)
  }

  // MARK: Contact and rain

  func readContacts(_ reader: TableReader) -> [ContactRule] {
    readRules(reader, "contact", .floodContact) { reader, sensor, _ in
      let severity = readSeverity(reader)
      let wetAfter = reader.duration("wet_after", in: .zero ... .hours(24)) ?? .seconds(20)
      let dryAfter = reader.duration("dry_after", in: .zero ... .hours(24)) ?? .minutes(10)
      let equivalent = reader.integer("level_equivalent", in: 1...5)
      guard let severity else { return nil }
      reach(sensor, severity)
      return ContactRule(
        sensor: sensor, severity: severity, wetAfter: wetAfter, dryAfter: dryAfter, levelEquivalent: equivalent)
    }
  }

  func readRains(_ reader: TableReader) -> [RainRule] {
    readRules(reader, "rain", .rain) { reader, sensor, _ in
      if !reader.has("amounts") {
        _ = reader.value(
          "amounts", required: "write amounts = [ { mm = 50.0, within = \"1h\", severity = \"severe\" } ]")
        return nil
      }
      let amounts = reader.subtables("amounts", most: 16).compactMap(readAmount)
      reader.idle(.rainAmounts, "amounts")
      for amount in amounts { reach(sensor, amount.severity, isActedOn: false) }
      return RainRule(sensor: sensor, amounts: amounts)
    }
  }

  private func readAmount(_ reader: TableReader) -> RainRule.Amount? {
    let amount = reader.measure("mm", of: .rain, in: 0.1...10_000, required: "write millimetres")
    let within = reader.duration(
      "within", in: .minutes(1) ... .hours(240), required: "write in what time, such as \"1h\"")
    let severity = readSeverity(reader)
    let suppress = reader.duration("suppress", in: .zero ... .hours(240)) ?? within ?? .zero
    reader.finish()
    guard let amount, let within, let severity else { return nil }
    return RainRule.Amount(amount: amount, within: within, severity: severity, suppress: suppress)
  }
}
