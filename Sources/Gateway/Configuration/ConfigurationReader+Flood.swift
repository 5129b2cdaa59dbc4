import Alerts
import Observations

/// `[[flood]]`.
extension ConfigurationReader {
  func readFloods(_ reader: TableReader) -> [FloodRule] {
    readRules(reader, "flood", .waterLevel, mayNameTwo: true) { reader, sensor, declared in
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
      let forecast = reader.duration("forecast", in: .minutes(1) ... .hours(24))
      let pair = readPair(reader)
      let reporting = readReporting(reader, levels ?? [], of: sensor)
      let unstableAfter = readUnstableAfter(reader)
      let realertAfter = readRealert(reader)
      let unprovenFor = reader.duration("unproven_for", in: .hours(1) ... .hours(720)) ?? FloodRule.usualUnprovenFor
      for level in levels ?? [] { reach(sensor, level.step.severity) }
      if let rise { reach(sensor, rise.severity) }
      guard let levels, !levels.isEmpty, let confirm, let margin, let hold else { return nil }
      return FloodRule(
        sensor: sensor, levels: levels, confirm: confirm, releaseMargin: margin, releaseHold: hold, rise: rise,
        forecast: forecast, pair: pair, reporting: reporting, realertAfter: realertAfter, unprovenFor: unprovenFor,
        unstableAfter: unstableAfter)
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
    let highest: Measure
    switch sensor.driver {
    // Nearer than 30 mm the sensor measures nothing (A02YYUW data sheet).
    case .a02yyuw(let settings): highest = settings.mountHeight - Measure(thousandths: 30)
    case .maxbotix(let settings): highest = settings.mountHeight - (settings.leastDistance ?? Measure(thousandths: 0))
    default: return
    }
    guard threshold > highest else { return }
    reader.error(
      step.rawValue,
      "\(step.rawValue) = \(threshold) is above \(highest), the highest level that \(sensor.id) can see",
      advice: "mount the sensor higher, or correct mount_height")
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

  // MARK: Two sensors of one station

  private func readPair(_ reader: TableReader) -> FloodRule.Pair? {
    let combination = reader.choice("rule", FloodRule.Pair.Combination.self)
    guard reader.has("sensors") else {
      if combination != nil {
        reader.error(
          "rule", "rule is for two sensors of one station",
          advice: "write sensors = [\"…\", \"…\"] instead of sensor, or remove it")
      }
      return nil
    }
    let sensors = reader.strings("sensors", most: 8)
    if reader.has("sensor") {
      reader.error(
        "sensors", "sensor and sensors exclude each other", advice: "write sensors = [\"…\", \"…\"] for two")
    }
    guard sensors.count == 2 else {
      if !sensors.isEmpty {
        reader.error(
          "sensors", "there are \(sensors.count) sensors", advice: "name the two of one station, the better one first")
      }
      return nil
    }
    _ = declaredSensor(sensors[1], of: reader, key: "sensors", quantity: .waterLevel, rule: "[[flood]]")
    let second = SensorID(sensors[1].value)
    if declaredSeconds[second] == nil {
      declaredSeconds[second] = sensors[1].position
    } else {
      problems.error(
        reader.name("sensors"), at: sensors[1].position, "\(second) belongs to another [[flood]] already",
        advice: "put both sensors of a station into one [[flood]]")
    }
    return FloodRule.Pair(second: second, combination: combination ?? .higher)
  }

  /// The second sensor of a station has no ladder of its own.
  func checkStations(_ floods: [FloodRule]) {
    for rule in floods {
      guard let second = rule.pair?.second, let position = declaredSeconds[second],
        floods.contains(where: { $0.sensor == second })
      else { continue }
      problems.error(
        "flood[\(rule.sensor)].sensors", at: position, "\(second) has a [[flood]] of its own",
        advice: "put both sensors of a station into one [[flood]]")
    }
  }

  // MARK: How often the level is published

  private func readReporting(
    _ reader: TableReader, _ levels: [FloodRule.Level], of sensor: SensorID
  ) -> FloodRule.Reporting? {
    let riverClass = reader.choice("class", FloodRule.Reporting.RiverClass.self)
    let from = reader.measure("observe_from", of: .waterLevel, in: -1000...10_000)
    let below = reader.duration("report_below", in: .minutes(1) ... .hours(24))
    guard let riverClass else {
      for key in ["observe_from", "report_below"] where reader.has(key) && !reader.has("class") {
        reader.error(key, "\(key) needs the river's class", advice: "add class = \"large\", \"medium\" or \"fast\"")
      }
      return nil
    }
    if let from, let lowest = levels.first, from > lowest.threshold {
      reader.error(
        "observe_from", "observe_from = \(from) is above \(lowest.step.rawValue) = \(lowest.threshold)",
        advice: "observation starts at the lowest level or below it")
    }
    if let every = declaredSensors[sensor.text]?.settings?.every, every > riverClass.interval {
      reader.warning(
        "class",
        "\(sensor) is asked every \(every.configured), and class \(riverClass.rawValue) publishes every "
          + "\(riverClass.interval.configured)",
        advice: "write every = \"\(riverClass.interval.configured)\" or less for \(sensor)")
    }
    guard let start = from ?? levels.first?.threshold else { return nil }
    return FloodRule.Reporting(from: start, above: riverClass.interval, below: below ?? .minutes(10))
  }
}
