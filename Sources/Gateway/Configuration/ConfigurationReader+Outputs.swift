import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  /// The words of an output's `driver`.
  private enum OutputDriver: String, CaseIterable {
    case gpio, modbus
  }

  /// The keys that only one of them knows.
  private static let outputKeys: [(key: String, driver: OutputDriver)] = [
    ("chip", .gpio), ("line", .gpio), ("serial", .modbus), ("unit", .modbus), ("coil", .modbus), ("register", .modbus),
    ("refresh", .modbus), ("timeout", .modbus), ("retries", .modbus), ("identity", .modbus),
  ]

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
      let kind = reader.choice("kind", OutputSettings.Kind.self) ?? .siren
      let driver = reader.choice(
        "driver", OutputDriver.self, required: "write driver = \"gpio\" or driver = \"modbus\"")
      let active = reader.choice("active", GPIOOutputSettings.ActiveLevel.self) ?? .high
      let safe = reader.choice("safe", GPIOOutputSettings.SafeState.self) ?? .off
      let wiring: OutputSettings.Wiring?
      switch driver {
      case .modbus: wiring = readModbusOutput(reader, owner: id?.value ?? reader.path, active, safe).map { .modbus($0) }
      case .gpio:
        wiring = readLineReference(reader, owner: id?.value ?? reader.path).map {
          .gpio(GPIOOutputSettings(line: $0, active: active, safe: safe))
        }
      case nil:
        for (key, _) in Self.outputKeys { reader.know(key) }
        wiring = nil
      }
      let times = readTimes(reader, kind, shortestStep: driver == .modbus ? .seconds(1) : .milliseconds(200))
      let soundAt = reader.subtable("sound_at").flatMap(readSirenRule)
      if !reader.has("sound_at") {
        problems.warning(
          reader.name("sound_at"), at: reader.table.position, "\(id?.value ?? "it") has no sound_at",
          advice: "add it, or this output is never switched on")
      }
      finish(reader, driver)
      guard let id, let wiring else { return nil }
      return OutputSettings(
        rule: OutputRule(
          id: OutputID(id.value), maxOn: times.maxOn, minOn: times.minOn, coolDown: times.coolDown, soundAt: soundAt),
        kind: kind, pattern: times.pattern, wiring: wiring)
    }
  }

  private func finish(_ reader: TableReader, _ driver: OutputDriver?) {
    var elsewhere: [String: String] = [:]
    if let driver {
      for (key, owner) in Self.outputKeys where owner != driver {
        elsewhere[key] = "it is a key of \(owner.rawValue) and not of \(driver.rawValue); remove it"
      }
    }
    reader.finish(elsewhere: elsewhere)
  }

  private struct OutputTimes {
    let maxOn: TimeSpan
    let minOn: TimeSpan
    let coolDown: TimeSpan
    let pattern: [TimeSpan]
  }

  private func readTimes(
    _ reader: TableReader, _ kind: OutputSettings.Kind, shortestStep: TimeSpan
  ) -> OutputTimes {
    // A lamp may be lit as long as there is danger; a siren deafens, and a relay may drive anything.
    let maxOn = reader.duration("max_on", in: .seconds(1) ... .hours(24)) ?? (kind == .lamp ? .hours(24) : .minutes(3))
    let minOn = reader.duration("min_on", in: .zero ... .hours(1)) ?? .zero
    let coolDown =
      reader.duration("cool_down", in: .zero ... .hours(24)) ?? (kind == .lamp ? .zero : .minutes(10))
    if minOn > maxOn {
      reader.error(
        "min_on", "min_on = \"\(minOn.configured)\" is longer than max_on = \"\(maxOn.configured)\"",
        advice: "write at most that")
    }
    return OutputTimes(
      maxOn: maxOn, minOn: minOn, coolDown: coolDown, pattern: readPattern(reader, shortestStep: shortestStep))
  }

  private func readPattern(_ reader: TableReader, shortestStep: TimeSpan) -> [TimeSpan] {
    guard let value = reader.value("pattern") else { return [] }
    guard case .array(let steps) = value.content, (2...16).contains(steps.count), steps.count.isMultiple(of: 2) else {
      reader.error(
        "pattern", "pattern is not pairs of on and off",
        advice: "write lengths of on and off in turn, 2 to 16 of them, such as [\"2s\", \"1s\"]")
      return []
    }
    return steps.compactMap { reader.duration($0, of: "pattern", in: shortestStep ... .minutes(10)) }
  }

  private func readModbusOutput(
    _ reader: TableReader, owner: String, _ active: GPIOOutputSettings.ActiveLevel, _ safe: GPIOOutputSettings.SafeState
  ) -> ModbusOutputSettings? {
    let port = self.port(reader, driver: .modbus)
    let unit = readUnit(reader)
    let target = readTarget(reader, active)
    let refresh = reader.duration("refresh", in: .seconds(1) ... .minutes(10)) ?? .seconds(10)
    let timeout = readTimeout(reader)
    let retries = reader.integer("retries", in: 0...10) ?? 3
    let identity = readIdentity(reader, unit: unit)
    var settings: ModbusOutputSettings?
    if let port, let unit, let target {
      settings = ModbusOutputSettings(
        port: PortID(port.value), unit: unit, target: target, safe: safe, identity: identity, refresh: refresh,
        timeout: timeout, retries: retries)
    }
    if let port {
      use(port, by: PortUser(output: owner, position: port.position, settings: settings))
    }
    return settings
  }

  private func readTarget(
    _ reader: TableReader, _ active: GPIOOutputSettings.ActiveLevel
  ) -> ModbusOutput.Target? {
    let coil = reader.integer("coil", in: 0...65535)
    let register = reader.subtable("register")
    guard let register else {
      if !reader.has("coil") {
        reader.error(
          "coil", "it is not said what is written", advice: "write coil = 0, counted from 0, or register = { … }")
      }
      return coil.map { .coil(UInt16($0), onWhenSet: active == .high) }
    }
    let address = register.integer("address", in: 0...65535, required: "write the holding register, counted from 0")
    let on = register.integer("on", in: 0...65535, required: "write the value that switches it on")
    let off = register.integer("off", in: 0...65535, required: "write the value that switches it off")
    register.finish()
    if reader.has("coil") {
      reader.error("register", "there are both a coil and a register", advice: "keep the one that switches the output")
    }
    if reader.has("active") {
      reader.error("active", "active has no meaning for a register", advice: "write on and off the other way round")
    }
    guard let address, let on, let off else { return nil }
    guard on != off else {
      register.error("off", "on and off are the same value", advice: "write what switches the output off")
      return nil
    }
    return .register(UInt16(address), on: UInt16(on), off: UInt16(off))
  }
}

// MARK: What sounds it

extension ConfigurationReader {
  func readSirenRule(_ reader: TableReader) -> SirenRule? {
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
    let silentAtMost = reader.duration("silent_at_most", in: .minutes(1) ... .hours(720))
    // A single sensor that fails begins nothing, and what sounds already goes on: a flood may have taken it away.
    let rule = whenOneIsFaulty ?? (sensors.count == 1 ? .otherDecides : .silent)
    if silentAtMost != nil, rule == .otherDecides {
      reader.error(
        "silent_at_most", "silent_at_most is for when_one_is_faulty = \"silent\"", advice: "remove one of the two")
    }
    reader.finish()
    guard let severity, !sensors.isEmpty else { return nil }
    return SirenRule(
      severity: severity, allOf: sensors.map { SensorID($0.value) }, whenOneIsFaulty: rule, silentAtMost: silentAtMost)
  }

  /// A sensor whose hazards never become bad enough keeps the output silent for ever.
  private func checkReach(
    _ reader: TableReader, _ sensor: Located<String>, _ declared: DeclaredSensor, _ severity: Severity
  ) {
    if let reachable = declared.reachable, reachable >= severity { return }
    let at = declared.reachable.map { "no rule of \(sensor.value) goes beyond \($0.name)" }
    let message = at ?? "no rule of \(sensor.value) raises an alert"
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
      case .contact: advice = "add [[contact]] with use = \"tamper\", \"mains\" or \"silence\", or it is only published"
      case .beacon: advice = "name it in a [[place]], or nobody is watched over by it"
      case .position: advice = "name it in a [[place]] as position_from, or no notice carries a position"
      case .rain, .temperature, .voltage, .batteryCharge, .storageFree, .memoryFree, nil: continue
      }
      problems.warning("sensor[\(id)]", at: sensor.position, "no rule names \(id)", advice: advice)
    }
  }
}
