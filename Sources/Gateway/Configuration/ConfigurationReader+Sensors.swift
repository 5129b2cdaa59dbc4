import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  /// The keys that only some drivers know, with those drivers.
  private static let driverKeys: [(key: String, drivers: [DriverName])] = [
    ("serial", [.modbus, .a02yyuw, .hci]), ("unit", [.modbus]), ("register", [.modbus]), ("scale", [.modbus]),
    ("offset", [.modbus]), ("every", [.modbus]), ("timeout", [.modbus]), ("retries", [.modbus]),
    ("mount_height", [.a02yyuw]), ("chip", [.gpio]), ("line", [.gpio]), ("bias", [.gpio]), ("wet", [.gpio]),
    ("debounce", [.gpio]), ("tip", [.gpio]), ("stale_after", [.modbus, .a02yyuw, .hci]),
    ("range", [.modbus, .a02yyuw]), ("datum", [.modbus, .a02yyuw]),
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
        finish(reader, driver)
      }
      if let id { declare(reader, id, quantity, settings) }
      return id == nil || name == nil ? nil : settings
    }
  }

  /// What every driver's sensor has.
  private struct CommonSensorKeys {
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
    for (key, drivers) in Self.driverKeys where !drivers.contains(driver) {
      let names = drivers.map(\.rawValue).joined(separator: ", ")
      elsewhere[key] = "it is a key of \(names) and not of \(driver.rawValue); remove it"
    }
    if driver == .gpio {
      elsewhere["wet"] = "it is a key of flood_contact; remove it"
      elsewhere["tip"] = "it is a key of rain; remove it"
    }
    reader.finish(elsewhere: elsewhere)
  }

  private func checkQuantity(_ reader: TableReader, _ driver: DriverName, _ quantity: Quantity) -> Quantity? {
    let possible: [Quantity] =
      switch driver {
      case .modbus: [.waterLevel, .temperature, .voltage]
      case .a02yyuw: [.waterLevel]
      case .gpio: [.floodContact, .rain]
      case .hci: [.beacon]
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
    }
  }
}

// MARK: Drivers on a serial port

extension ConfigurationReader {
  private func readModbus(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let port = self.port(reader, driver: .modbus)
    let unit = reader.integer("unit", in: 1...247, required: "write the device's address, 1 to 247")
    let register = reader.subtable(
      "register", required: "write register = { table = \"input\", address = 0, type = \"int16\" }"
    ).flatMap(readRegister)
    let scale = reader.number("scale", in: -1e9...1e9) ?? 1
    if scale == 0 {
      reader.error(
        "scale", "scale = 0 makes every value the same", advice: "write how much one count of the raw value is")
    }
    let offset = reader.number("offset", in: -1e9...1e9) ?? 0
    let every = reader.duration("every", in: .milliseconds(100) ... .hours(1)) ?? .seconds(10)
    let timeout = reader.duration("timeout", in: .milliseconds(20) ... .seconds(10))
    let retries = reader.integer("retries", in: 0...5) ?? 1
    let staleAfter = readStaleAfter(reader) ?? max(.seconds(60), every * 6)
    if staleAfter <= every {
      reader.error(
        "stale_after", "stale_after = \"\(staleAfter.configured)\" is over before the next poll",
        advice: "write more than every = \"\(every.configured)\", best three times as much")
    }
    let range = readRange(reader, common.quantity)
    let datum = readDatum(reader)
    var settings: ModbusSensorSettings?
    if let port, let unit, let register {
      settings = ModbusSensorSettings(
        port: PortID(port.value), unit: unit, table: register.table, address: register.address, type: register.type,
        wordOrder: register.wordOrder, scale: scale, offset: offset, every: every, timeout: timeout, retries: retries)
    }
    if let port {
      let user = PortUser(
        sensor: common.id.text, driver: .modbus, position: port.position, settings: settings)
      use(port, by: user)
    }
    guard let settings, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, range: range, staleAfter: staleAfter, datum: datum,
      position: common.position)
    return SensorSettings(plan: plan, driver: .modbus(settings))
  }

  private struct Register {
    let table: ModbusTable
    let address: Int
    let type: ModbusNumberType
    let wordOrder: ModbusWordOrder
  }

  private func readRegister(_ reader: TableReader) -> Register? {
    let table = reader.choice("table", ModbusTable.self, required: "write \"input\" or \"holding\"")
    let address = reader.integer("address", in: 0...65535, required: "write the first register, counted from 0")
    let type = reader.choice("type", ModbusNumberType.self, required: "write how the value is coded")
    let wordOrder = reader.choice("word_order", ModbusWordOrder.self)
    if let type, type.registerCount == 1, wordOrder != nil {
      reader.warning(
        "word_order", "word_order has no effect on \(type.rawValue)", advice: "remove it, or correct the type")
    }
    if address == 65535, type?.registerCount == 2 {
      reader.error(
        "address", "\(type?.rawValue ?? "it") needs two registers, and 65535 is the last",
        advice: "correct the address; manuals that count from 1 give it one too high")
    }
    reader.finish()
    guard let table, let address, let type else { return nil }
    return Register(table: table, address: address, type: type, wordOrder: wordOrder ?? .abcd)
  }

  private func readUltrasonic(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let port = self.port(reader, driver: .a02yyuw)
    if let port {
      use(port, by: PortUser(sensor: common.id.text, driver: .a02yyuw, position: port.position, settings: nil))
    }
    let mountHeight = reader.measure(
      "mount_height", of: .waterLevel, in: 0.03...50,
      required: "write the sensor's height above the gauge's zero in metres")
    let staleAfter = readStaleAfter(reader) ?? .seconds(30)
    let range = readRange(reader, common.quantity)
    let datum = readDatum(reader)
    guard let port, let mountHeight, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, range: range, staleAfter: staleAfter, datum: datum,
      position: common.position)
    let settings = UltrasonicSensorSettings(port: PortID(port.value), mountHeight: mountHeight)
    return SensorSettings(plan: plan, driver: .a02yyuw(settings))
  }

  private func readBeaconReceiver(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let port = self.port(reader, driver: .hci)
    if let port {
      use(port, by: PortUser(sensor: common.id.text, driver: .hci, position: port.position, settings: nil))
    }
    let staleAfter = readStaleAfter(reader) ?? .seconds(60)
    guard let port, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, staleAfter: staleAfter, position: common.position)
    return SensorSettings(plan: plan, driver: .hci(BeaconReceiverSettings(port: PortID(port.value))))
  }

  private func readStaleAfter(_ reader: TableReader) -> TimeSpan? {
    reader.duration("stale_after", in: .seconds(1) ... .hours(24))
  }

  private func readRange(_ reader: TableReader, _ quantity: Quantity?) -> ClosedRange<Measure>? {
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

  private func readDatum(_ reader: TableReader) -> SensorPlan.Datum? {
    guard let reader = reader.subtable("datum") else { return nil }
    let name = reader.string("name", most: 40, required: "write the datum's name, such as \"T.P.\"")
    let zero = reader.measure(
      "zero", of: .waterLevel, in: -10_000...10_000, required: "write the height of the gauge's zero in metres")
    reader.finish()
    guard let name, let zero else { return nil }
    return SensorPlan.Datum(name: name.value, zero: zero)
  }
}

// MARK: GPIO

extension ConfigurationReader {
  private func readGPIO(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let line = readLineReference(reader, owner: common.id.text)
    let bias = reader.choice("bias", GPIOBias.self) ?? .asIs
    let debounce = reader.duration("debounce", in: .zero ... .seconds(5)) ?? .milliseconds(50)
    let kind: GPIOSensorSettings.Kind?
    var tip: Measure?
    switch common.quantity {
    case .floodContact:
      kind = reader.choice(
        "wet", GPIOSensorSettings.ContactState.self,
        required: "write \"closed\" if the contact closes when wet, or \"open\""
      ).map { .floodContact(wet: $0) }
    case .rain:
      // Funnels come with tips of 0.1 to 1 mm; a tenth is also the finest that rain is published in.
      tip = reader.number("tip", in: 0.1...10, required: "write the millimetres of one tip, such as tip = 0.5")
        .map { Measure(thousandths: Int64(($0 * 1000).rounded())) }
      kind = tip.map { .rain(tip: $0) }
    default:
      reader.know("wet", "tip")
      kind = nil
    }
    guard let line, let kind, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, tip: tip, position: common.position)
    let settings = GPIOSensorSettings(line: line, bias: bias, debounce: debounce, kind: kind)
    return SensorSettings(plan: plan, driver: .gpio(settings))
  }

  /// The `chip` and `line` of a sensor or an output; each line has one owner.
  func readLineReference(_ reader: TableReader, owner: String) -> GPIOLineReference? {
    let chip = reader.string("chip", required: "write the chip's path or label, such as \"/dev/gpiochip0\"")
    guard let value = reader.value("line", required: "write the line's number or name") else { return nil }
    let line: GPIOLine
    switch value.content {
    case .string:
      guard let name = reader.string("line", most: 31) else { return nil }
      line = .name(name.value)
    case .integer:
      guard let number = reader.integer("line", in: 0...1023) else { return nil }
      line = .number(UInt32(number))
    default:
      reader.wrongType("line", value, expected: "a line", advice: "write the line's number, or its name as a string")
      return nil
    }
    guard let chip else { return nil }
    let reference = GPIOLineReference(chip: chip.value, line: line)
    if let other = declaredLines[reference] {
      reader.error(
        "line", "line \(line) of \(chip.value) already belongs to \(other)",
        advice: "correct the line of one of the two; each is wired to its own")
    } else {
      declaredLines[reference] = owner
    }
    return reference
  }
}
