import Alerts
import Observations

extension ConfigurationReader {
  /// The words of an output's `driver`.
  private enum OutputDriver: String, CaseIterable {
    case gpio
  }

  func readOutputs(_ reader: TableReader) -> [OutputSettings] {
    var seen: Set<String> = []
    return reader.subtables("output", most: Self.mostOutputs).compactMap { reader in
      let id = reader.identifier("id", required: "write a name such as id = \"siren\"")
      if let id {
        reader.rename("output[\(id.value)]")
        if !seen.insert(id.value).inserted {
          reader.error("id", "the id \(TOMLValue.quoted(id.value)) is taken", advice: "give each output its own")
        }
      }
      let driver = reader.choice("driver", OutputDriver.self, required: "write driver = \"gpio\"")
      let line = readLineReference(reader, owner: id?.value ?? reader.path)
      let active = reader.choice("active", GPIOOutputSettings.ActiveLevel.self) ?? .high
      let safe = reader.choice("safe", GPIOOutputSettings.SafeState.self) ?? .off
      let maxOn = reader.duration("max_on", in: .seconds(1) ... .hours(24)) ?? .minutes(3)
      let coolDown = reader.duration("cool_down", in: .zero ... .hours(24)) ?? .minutes(10)
      let soundAt = reader.subtable("sound_at").flatMap(readSirenRule)
      if !reader.has("sound_at") {
        problems.warning(
          reader.name("sound_at"), at: reader.table.position, "\(id?.value ?? "it") has no sound_at",
          advice: "add it, or this output is never switched on")
      }
      reader.finish()
      guard let id, driver != nil, let line else { return nil }
      return OutputSettings(
        rule: OutputRule(id: OutputID(id.value), maxOn: maxOn, coolDown: coolDown, soundAt: soundAt),
        wiring: GPIOOutputSettings(line: line, active: active, safe: safe))
    }
  }

  private func readSirenRule(_ reader: TableReader) -> SirenRule? {
    let severity = readSeverity(reader)
    let sensors = reader.strings("all_of", most: 8, required: "name the sensors that must agree, such as [\"river-1\"]")
    for sensor in sensors {
      let declared = declaredSensor(sensor, of: reader, key: "all_of", quantity: nil, rule: "sound_at")
      if let severity, let declared { checkReach(reader, sensor, declared, severity) }
    }
    let whenOneIsFaulty = reader.choice("when_one_is_faulty", SirenRule.WhenOneIsFaulty.self)
    if sensors.count > 1, !reader.has("when_one_is_faulty") {
      reader.error(
        "when_one_is_faulty", "it is not said what happens when one of the \(sensors.count) sensors is faulty",
        advice: "write when_one_is_faulty = \"other_decides\" or \"silent\"")
    }
    reader.finish()
    guard let severity, !sensors.isEmpty else { return nil }
    return SirenRule(
      severity: severity, allOf: sensors.map { SensorID($0.value) }, whenOneIsFaulty: whenOneIsFaulty ?? .silent)
  }

  /// A sensor whose hazards never become bad enough keeps the output silent for ever.
  private func checkReach(
    _ reader: TableReader, _ sensor: Located<String>, _ declared: DeclaredSensor, _ severity: Severity
  ) {
    if let reachable = declared.reachable, reachable >= severity { return }
    let at = declared.reachable.map { "no rule of \(sensor.value) goes beyond \($0.name)" }
    let message = at ?? "no rule of \(sensor.value) raises an alert"
    if let later = declared.reachableLater, later >= severity {
      problems.warning(
        reader.name("all_of"), at: sensor.position, "\(message) in this version, so \(reader.path) never sounds",
        advice: "add a level or a contact that reaches \(severity.name)")
      return
    }
    problems.error(
      reader.name("all_of"), at: sensor.position, "\(message), so this output would never sound",
      advice: "add a rule that reaches \(severity.name), lower severity, or remove the sensor")
  }

  /// Sensors that nothing listens to are rarely meant.
  func checkSensorsAreUsed() {
    for (id, sensor) in declaredSensors where !sensor.isNamedByRule {
      let advice: String
      switch sensor.quantity {
      case .waterLevel: advice = "add [[flood]], or it is only published"
      case .floodContact: advice = "add [[contact]], or it never raises an alert"
      case .beacon: advice = "name it in a [[place]], or nobody is watched over by it"
      case .rain, .temperature, .voltage, nil: continue
      }
      problems.warning("sensor[\(id)]", at: sensor.position, "no rule names \(id)", advice: advice)
    }
  }
}
