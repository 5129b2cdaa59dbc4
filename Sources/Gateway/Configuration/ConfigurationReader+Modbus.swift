import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  func readModbus(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let port = self.port(reader, driver: .modbus)
    let unit = readUnit(reader)
    let isContact = common.quantity?.isContact == true
    let register = reader.subtable(
      "register",
      required: isContact
        ? "write register = { table = \"discrete\", address = 0 }"
        : "write register = { table = \"input\", address = 0, type = \"int16\" }"
    ).flatMap { readRegister($0, isContact: isContact) }
    let number = readNumber(reader, common.quantity)
    let identity = readIdentity(reader, unit: unit)
    let every = reader.duration("every", in: .milliseconds(100) ... .hours(1)) ?? .seconds(10)
    let timeout = readTimeout(reader)
    let retries = reader.integer("retries", in: 0...5) ?? 1
    let staleAfter = readStaleAfter(reader) ?? max(.seconds(60), every * 6)
    if staleAfter <= every {
      reader.error(
        "stale_after", "stale_after = \"\(staleAfter.configured)\" is over before the next poll",
        advice: "write more than every = \"\(every.configured)\", best three times as much")
    }
    let range = isContact ? nil : readRange(reader, common.quantity)
    let datum = isContact ? nil : readDatum(reader)
    var settings: ModbusSensorSettings?
    if let port, let unit, let register, let number {
      settings = ModbusSensorSettings(
        port: PortID(port.value), unit: unit, table: register.table, address: register.address, type: register.type,
        wordOrder: register.wordOrder, meaning: number.meaning, scale: number.scale, offset: number.offset,
        identity: identity, every: every, timeout: timeout, retries: retries)
    }
    if let port {
      use(port, by: PortUser(sensor: common.id.text, driver: .modbus, position: port.position, settings: settings))
    }
    guard let settings, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, range: range, staleAfter: staleAfter, datum: datum,
      position: common.position)
    return SensorSettings(plan: plan, driver: .modbus(settings))
  }

  func readUnit(_ reader: TableReader) -> Int? {
    reader.integer("unit", in: 1...247, required: "write the device's address, 1 to 247")
  }

  func readTimeout(_ reader: TableReader) -> TimeSpan? {
    reader.duration("timeout", in: .milliseconds(20) ... .seconds(10))
  }

  private struct Number {
    var meaning = ModbusMeaning.number
    var scale = 1.0
    var offset = 0.0
  }

  /// What the raw number or bit means; nil where that is not said.
  private func readNumber(_ reader: TableReader, _ quantity: Quantity?) -> Number? {
    if quantity?.isContact == true {
      return readActiveState(reader, quantity).map { Number(meaning: .contact(activeWhenSet: $0 == .closed)) }
    }
    var number = Number()
    number.scale = reader.number("scale", in: -1e9...1e9) ?? 1
    if number.scale == 0 {
      reader.error(
        "scale", "scale = 0 makes every value the same", advice: "write how much one count of the raw value is")
    }
    number.offset = reader.number("offset", in: -1e9...1e9) ?? 0
    if let loop = reader.subtable("current_loop").flatMap(readCurrentLoop) { number.meaning = .currentLoop(loop) }
    return number
  }

  private func readCurrentLoop(_ reader: TableReader) -> CurrentLoop? {
    let limits = -1e6...1e6
    let low = reader.number(
      "at_4ma", in: limits, required: "write the value that 4 mA stands for, such as at_4ma = 0.0")
    let high = reader.number(
      "at_20ma", in: limits, required: "write the value that 20 mA stands for, such as at_20ma = 5.0")
    let broken = reader.number("broken_below", in: 0...CurrentLoop.measuring.lowerBound) ?? 3.6
    let over = reader.number("over_above", in: CurrentLoop.measuring.upperBound...30) ?? 21
    if let low, let high, low == high {
      reader.error(
        "at_20ma", "at_4ma and at_20ma are the same value", advice: "write the two ends of the transmitter's range")
    }
    reader.finish()
    guard let low, let high, low != high else { return nil }
    return CurrentLoop(at4Milliamperes: low, at20Milliamperes: high, brokenBelow: broken, overAbove: over)
  }

  private struct Register {
    let table: ModbusTable
    let address: Int
    let type: ModbusNumberType
    let wordOrder: ModbusWordOrder
  }

  private func readRegister(_ reader: TableReader, isContact: Bool) -> Register? {
    let words = ModbusTable.allCases.filter { $0.holdsBits == isContact }.map { ($0.rawValue, $0) }
    let list = words.map { TOMLValue.quoted($0.0) }.joined(separator: " or ")
    let table = reader.choice("table", words: words, required: "write \(list)")
    let address = reader.integer(
      "address", in: 0...65535, required: "write the first \(isContact ? "bit" : "register"), counted from 0")
    guard !isContact else {
      reader.finish(elsewhere: [
        "type": "a bit has no type; remove it", "word_order": "a bit has no word order; remove it",
      ])
      guard let table, let address else { return nil }
      return Register(table: table, address: address, type: .uint16, wordOrder: .abcd)
    }
    let coding = readCoding(reader, address: address, required: "write how the value is coded")
    reader.finish()
    guard let table, let address, let coding else { return nil }
    return Register(table: table, address: address, type: coding.type, wordOrder: coding.order)
  }

  /// `type` and `word_order` of a number in registers.
  private func readCoding(
    _ reader: TableReader, address: Int?, required advice: String?
  ) -> (type: ModbusNumberType, order: ModbusWordOrder)? {
    let type = reader.choice("type", ModbusNumberType.self, required: advice)
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
    guard let type else { return nil }
    return (type, wordOrder ?? .abcd)
  }

  /// `identity`: a register that tells the right device from another.
  func readIdentity(_ reader: TableReader, unit: Int?) -> ModbusIdentity? {
    guard let reader = reader.subtable("identity") else { return nil }
    let words = [ModbusTable.input, .holding].map { ($0.rawValue, $0) }
    let table = reader.choice("table", words: words, required: "write \"input\" or \"holding\"")
    let address = reader.integer("address", in: 0...65535, required: "write the register, counted from 0")
    let coding = readCoding(reader, address: address, required: nil)
    let value = reader.number("value", in: -4e9...5e9, required: "write what the register holds in the right device")
    reader.finish()
    guard let unit, let table, let address, let value else { return nil }
    let type = coding?.type ?? .uint16
    return ModbusIdentity(
      unit: UInt8(unit), table: table, address: UInt16(address), type: type, wordOrder: coding?.order ?? .abcd,
      value: type == .float32 ? Double(Float(value)) : value)
  }
}
