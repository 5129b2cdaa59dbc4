import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  func readBoardSensor(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let source = readSource(reader, common.quantity)
    let scale = reader.number("scale", in: -1e9...1e9) ?? 1
    if scale == 0 {
      reader.error(
        "scale", "scale = 0 makes every value the same", advice: "write a voltage divider's ratio, or nothing")
    }
    let offset = reader.number("offset", in: -1e9...1e9) ?? 0
    let every = reader.duration("every", in: .seconds(1) ... .hours(1)) ?? .seconds(60)
    let staleAfter = readStaleAfter(reader) ?? max(.minutes(5), every * 5)
    if staleAfter <= every {
      reader.error(
        "stale_after", "stale_after = \"\(staleAfter.configured)\" is over before the next poll",
        advice: "write more than every = \"\(every.configured)\", best three times as much")
    }
    let range = readRange(reader, common.quantity)
    guard let source, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, range: range, staleAfter: staleAfter,
      position: common.position)
    return SensorSettings(
      plan: plan, driver: .board(BoardSensorSettings(source: source, scale: scale, offset: offset, every: every)))
  }

  private func readSource(_ reader: TableReader, _ quantity: Quantity?) -> BoardSource? {
    let usual: String
    let fits: (BoardSource) -> Bool
    switch quantity {
    case .storageFree:
      usual = "disk:/var/lib/mimamori"
      fits = { if case .disk = $0 { true } else { false } }
    case .memoryFree:
      usual = "memory"
      fits = { $0 == .memory }
    case .batteryCharge:
      usual = "power_supply:NAME/capacity"
      fits = { if case .powerSupply = $0 { true } else { false } }
    case .temperature:
      usual = "thermal:cpu-thermal"
      fits = { if case .disk = $0 { false } else { $0 != .memory } }
    default:
      usual = "power_supply:NAME/voltage_now"
      fits = {
        switch $0 {
        case .powerSupply, .hardwareMonitor: true
        default: false
        }
      }
    }
    guard let text = reader.string("read", most: 200, required: "write what is read, such as read = \"\(usual)\"")
    else { return nil }
    guard let source = BoardSource(text.value) else {
      reader.error(
        "read", "read = \(TOMLValue.quoted(text.value)) names nothing that can be read",
        advice: "write power_supply:NAME/ATTRIBUTE, hwmon:NAME/ATTRIBUTE, thermal:TYPE, disk:/FOLDER or memory")
      return nil
    }
    guard let quantity, !fits(source) else { return source }
    reader.error(
      "read", "\(text.value) does not say \(quantity.rawValue)", advice: "write something such as \"\(usual)\"")
    return nil
  }

  // MARK: Limits

  /// The `[[limit]]` tables: values of the board's own that are alerts beyond them.
  func readLimits(_ reader: TableReader) -> [LimitRule] {
    var seen: Set<String> = []
    return reader.subtables("limit", most: Self.mostSensors).compactMap { reader in
      let located = reader.string("sensor", required: "name the sensor that it is about")
      var quantity: Quantity?
      if let located {
        reader.rename("limit[\(located.value)]")
        quantity = declaredSensor(located, of: reader, key: "sensor", quantity: nil, rule: "[[limit]]")?.quantity
        if !seen.insert(located.value).inserted {
          reader.error("sensor", "\(located.value) has another [[limit]] already", advice: "keep one of them")
        }
        checkLimitQuantity(reader, located, quantity)
      }
      let rule = readLimit(reader, located, quantity ?? .voltage)
      reader.finish()
      return rule
    }
  }

  private func checkLimitQuantity(_ reader: TableReader, _ located: Located<String>, _ quantity: Quantity?) {
    switch quantity {
    case .voltage, .temperature, .batteryCharge, .storageFree, .memoryFree, nil: return
    case .waterLevel:
      reader.error(
        "sensor", "\(located.value) measures water_level, and a limit is no flood level",
        advice: "write [[flood]] for it")
    case let quantity?:
      reader.error(
        "sensor", "\(located.value) measures \(quantity.rawValue), which has no limits",
        advice: "name a sensor of voltage, temperature, battery_charge, storage_free or memory_free")
    }
  }

  private func readLimit(_ reader: TableReader, _ sensor: Located<String>?, _ quantity: Quantity) -> LimitRule? {
    let below = reader.measure("below", of: quantity, in: -100_000...100_000)
    let above = reader.measure("above", of: quantity, in: -100_000...100_000)
    if reader.has("below") == reader.has("above") {
      problems.error(
        reader.path, at: reader.table.position, "it has \(reader.has("below") ? "both below and above" : "no limit")",
        advice: "write either below = … or above = …")
    }
    let margin =
      reader.measure("margin", of: quantity, in: 0...100_000)
      ?? Measure(thousandths: quantity == .voltage ? 200 : 2000)
    let confirm = reader.duration("confirm", in: .zero ... .hours(24)) ?? .minutes(3)
    let severity = readSeverity(reader)
    guard let sensor, let severity, let threshold = below ?? above else { return nil }
    return LimitRule(
      sensor: SensorID(sensor.value), side: below == nil ? .above : .below, threshold: threshold, margin: margin,
      confirm: confirm, severity: severity)
  }
}
