import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  /// The keys that only some drivers know, by driver.
  private static let driverKeys: [(driver: DriverName, keys: [String])] = [
    (
      .modbus,
      [
        "serial", "unit", "register", "current_loop", "wet", "active", "identity", "scale", "offset", "every",
        "timeout",
        "retries",
        "stale_after", "range", "datum",
      ]
    ),
    (.a02yyuw, ["serial", "mount_height", "stale_after", "range", "datum"]),
    (.gpio, ["chip", "line", "bias", "wet", "active", "debounce", "tip", "supervision", "max_tips_per_second"]),
    (.hci, ["serial", "controller", "quiet_after", "stale_after"]),
    (.radioContact, ["receiver", "tag", "silent_after", "unheard_after", "low_battery"]),
    (.nmea, ["serial", "stale_after"]),
    (.board, ["read", "scale", "offset", "every", "stale_after", "range"]),
    (
      .sdi12,
      [
        "serial", "address", "measure", "crc", "value", "identity", "scale", "offset", "every", "timeout",
        "stale_after",
        "range", "datum",
      ]
    ),
    (.maxbotix, ["serial", "output", "no_target", "least_distance", "mount_height", "stale_after", "range", "datum"]),
    (
      .line,
      [
        "serial", "pattern", "field", "terminator", "poll", "scale", "offset", "every", "timeout", "stale_after",
        "range",
        "datum",
      ]
    ),
  ]

  func readSensors(_ reader: TableReader) -> [SensorSettings] {
    reader.subtables("sensor", most: Self.mostSensors).compactMap { reader in
      let id = reader.identifier("id", required: "write a name such as id = \"river-1\"")
      if let id { reader.rename("sensor[\(id.value)]") }
      let name = reader.string("name", most: 80, required: "write what people call it")
      let driver = reader.choice("driver", DriverName.self, required: "write how it is connected, such as \"modbus\"")
      let quantity = reader.choice(
        "quantity", Quantity.self, required: "write what it measures, such as \"water_level\"")
      let position = reader.subtable("position").flatMap(readPosition)
      var settings: SensorSettings?
      if let driver {
        let matching = quantity.flatMap { checkQuantity(reader, driver, $0) }
        let common = CommonSensorKeys(
          id: SensorID(id?.value ?? reader.path), name: name?.value ?? "", quantity: matching, position: position)
        settings = readDriver(reader, driver, common)
        let conditioning = readConditioning(reader, driver, quantity)
        settings?.plan.conditioning = conditioning
        finish(reader, driver)
      }
      if let id { declare(reader, id, quantity, settings) }
      return id == nil || name == nil ? nil : settings
    }
  }

  /// What every driver's sensor has.
  struct CommonSensorKeys {
    let id: SensorID
    let name: String
    let quantity: Quantity?
    let position: Position?
  }

  private func declare(
    _ reader: TableReader, _ id: Located<String>, _ quantity: Quantity?, _ settings: SensorSettings?
  ) {
    if declaredSensors[id.value] != nil {
      reader.error("id", "the id \(TOMLValue.quoted(id.value)) is taken", advice: "give each sensor its own")
      return
    }
    declaredSensors[id.value] = DeclaredSensor(position: id.position, quantity: quantity, settings: settings)
  }

  /// The driver is known, so the keys that do not belong to it are too.
  private func finish(_ reader: TableReader, _ driver: DriverName) {
    var elsewhere: [String: String] = [:]
    let own = Set(Self.driverKeys.first { $0.driver == driver }?.keys ?? [])
    for key in Set(Self.driverKeys.flatMap(\.keys)).subtracting(own) {
      let names = Self.driverKeys.filter { $0.keys.contains(key) }.map(\.driver.rawValue).joined(separator: ", ")
      elsewhere[key] = "it is a key of \(names) and not of \(driver.rawValue); remove it"
    }
    if driver == .gpio {
      elsewhere["wet"] = "it is a key of flood_contact; remove it"
      elsewhere["active"] = "it is a key of contact; write wet for a flood_contact, or remove it"
      elsewhere["tip"] = "it is a key of rain; remove it"
      elsewhere["supervision"] = "it is a key of flood_contact; remove it"
      elsewhere["max_tips_per_second"] = "it is a key of rain; remove it"
    }
    if driver == .modbus {
      elsewhere["wet"] = "it is a key of flood_contact; remove it"
      elsewhere["active"] = "it is a key of contact; write wet for a flood_contact, or remove it"
      for key in ["scale", "offset", "range", "datum", "current_loop"] {
        elsewhere[key] = "a contact is open or closed and has no numbers; remove it"
      }
    }
    reader.finish(elsewhere: elsewhere)
  }

  private func checkQuantity(_ reader: TableReader, _ driver: DriverName, _ quantity: Quantity) -> Quantity? {
    let possible: [Quantity] =
      switch driver {
      case .modbus: [.waterLevel, .floodContact, .contact, .temperature, .voltage, .batteryCharge]
      case .sdi12, .line: [.waterLevel, .temperature, .voltage, .batteryCharge]
      case .a02yyuw, .maxbotix: [.waterLevel]
      case .gpio: [.floodContact, .contact, .rain]
      case .hci: [.beacon]
      case .nmea: [.position]
      case .board: [.voltage, .temperature, .batteryCharge, .storageFree, .memoryFree]
      case .radioContact: [.floodContact]
      }
    if possible.contains(quantity) { return quantity }
    let words = possible.map { TOMLValue.quoted($0.rawValue) }.joined(separator: " or ")
    reader.error(
      "quantity", "the driver \(driver.rawValue) does not measure \(quantity.rawValue)", advice: "write \(words)")
    return nil
  }

  private func readDriver(
    _ reader: TableReader, _ driver: DriverName, _ common: CommonSensorKeys
  ) -> SensorSettings? {
    switch driver {
    case .modbus: readModbus(reader, common)
    case .a02yyuw: readUltrasonic(reader, common)
    case .gpio: readGPIO(reader, common)
    case .hci: readBeaconReceiver(reader, common)
    case .nmea: readSatelliteReceiver(reader, common)
    case .board: readBoardSensor(reader, common)
    case .sdi12: readSDI12(reader, common)
    case .maxbotix: readMaxBotix(reader, common)
    case .line: readLineSensor(reader, common)
    case .radioContact: readRadioContact(reader, common)
    }
  }
}

// MARK: What several drivers have

extension ConfigurationReader {
  func readStaleAfter(_ reader: TableReader) -> TimeSpan? {
    reader.duration("stale_after", in: .seconds(1) ... .hours(24))
  }

  func checkStaleAfter(_ reader: TableReader, _ staleAfter: TimeSpan, every: TimeSpan) {
    guard staleAfter <= every else { return }
    reader.error(
      "stale_after", "stale_after = \"\(staleAfter.configured)\" is over before the next poll",
      advice: "write more than every = \"\(every.configured)\", best three times as much")
  }

  /// `scale` and `offset`: value = number × scale + offset.
  func readLinear(_ reader: TableReader) -> (scale: Double, offset: Double) {
    let scale = reader.number("scale", in: -1e9...1e9) ?? 1
    if scale == 0 {
      reader.error(
        "scale", "scale = 0 makes every value the same", advice: "write how much one count of the raw value is")
    }
    return (scale, reader.number("offset", in: -1e9...1e9) ?? 0)
  }

  func readRange(_ reader: TableReader, _ quantity: Quantity?) -> ClosedRange<Measure>? {
    guard let value = reader.value("range") else { return nil }
    guard case .array(let bounds) = value.content, bounds.count == 2 else {
      reader.error("range", "range is not two numbers", advice: "write range = [lowest, highest]")
      return nil
    }
    let measures = bounds.compactMap { bound in
      reader.number(bound, of: "range", in: -100_000...100_000).flatMap {
        Measure(rounding: $0, for: quantity ?? .waterLevel)
      }
    }
    guard measures.count == 2 else { return nil }
    guard measures[0] < measures[1] else {
      reader.error(
        "range", "range goes from \(measures[0]) to \(measures[1])", advice: "write the lowest value first")
      return nil
    }
    return measures[0]...measures[1]
  }

  func readDatum(_ reader: TableReader) -> SensorPlan.Datum? {
    guard let reader = reader.subtable("datum") else { return nil }
    let name = reader.string("name", most: 40, required: "write the datum's name, such as \"T.P.\"")
    let zero = reader.measure(
      "zero", of: .waterLevel, in: -10_000...10_000, required: "write the height of the gauge's zero in metres")
    reader.finish()
    guard let name, let zero else { return nil }
    return SensorPlan.Datum(name: name.value, zero: zero)
  }
}
