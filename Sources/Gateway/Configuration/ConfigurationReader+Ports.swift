import Observations
import SensorDrivers

extension ConfigurationReader {
  /// The speeds that Linux can set by name (termios.h), without those that no sensor uses any more.
  static let standardBauds = [
    300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600,
    1_000_000, 1_152_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
  ]

  func readPorts(_ reader: TableReader) -> [SerialPortSettings] {
    var devices: [String: String] = [:]
    return reader.namedSubtables("serial", most: Self.mostPorts).compactMap { entry, reader in
      let id = Located(entry.key, at: entry.keyPosition)
      let isNamed = reader.checkIdentifier(id, key: "")
      let device = readDevice(reader)
      if let device, let other = devices.updateValue(entry.key, forKey: device.value) {
        reader.error(
          "device", "\(TOMLValue.quoted(device.value)) is also the device of [serial.\(other)]",
          advice: "use one port for both, or name the other device")
      }
      let line = readLine(reader)
      reader.finish()
      var settings: SerialPortSettings?
      if let device, let line, isNamed {
        settings = SerialPortSettings(id: PortID(entry.key), device: device.value, line: line)
      }
      declaredPorts[entry.key] = DeclaredPort(position: entry.keyPosition, settings: settings)
      return settings
    }
  }

  private func readDevice(_ reader: TableReader) -> Located<String>? {
    guard let device = reader.string("device", most: 1000, required: "write its path, best under /dev/serial/by-path")
    else { return nil }
    let quoted = TOMLValue.quoted(device.value)
    guard device.value.hasPrefix("/") else {
      reader.error("device", "device = \(quoted) is not an absolute path", advice: "begin it with /dev/")
      return nil
    }
    if device.value.hasPrefix("/dev/ttyUSB") {
      reader.warning(
        "device", "\(quoted) may be another adapter after a restart",
        advice: "write the adapter's path under /dev/serial/by-path or /dev/serial/by-id")
    }
    return device
  }

  private func readLine(_ reader: TableReader) -> SerialLine? {
    let baud = reader.integer("baud", in: 1...4_000_000, required: "write the speed, such as baud = 9600")
    if let baud, !Self.standardBauds.contains(baud) {
      let nearest = Self.standardBauds.min { abs($0 - baud) < abs($1 - baud) } ?? 9600
      reader.error("baud", "baud = \(baud) is no standard speed", advice: "the nearest is \(nearest)")
    }
    guard let frame = reader.string("frame") else {
      return reader.has("frame") ? nil : baud.map { SerialLine(baud: $0) }
    }
    let characters = Array(frame.value)
    guard characters.count == 3, let dataBits = characters[0].wholeNumberValue, (7...8).contains(dataBits),
      let parity = SerialLine.Parity(rawValue: String(characters[1])),
      let stopBits = characters[2].wholeNumberValue, (1...2).contains(stopBits), frame.value.utf8.count == 3
    else {
      reader.error(
        "frame", "frame = \(TOMLValue.quoted(frame.value)) is no frame",
        advice: "write data bits 7 or 8, parity N, E or O and stop bits 1 or 2, such as \"8N1\"")
      return nil
    }
    return baud.map { SerialLine(baud: $0, dataBits: dataBits, parity: parity, stopBits: stopBits) }
  }

  /// The port that a sensor names, noted with its user.
  func port(_ reader: TableReader, driver: DriverName) -> Located<String>? {
    guard
      let located = reader.string(
        "serial", required: "name its port; there are: \(Self.list(declaredPorts.keys))")
    else { return nil }
    guard declaredPorts[located.value] != nil else {
      namesMissingPort = true
      let near = NearestName.find(located.value, among: declaredPorts.keys.sorted())
        .map { "did you mean \(TOMLValue.quoted($0))? " }
      reader.error(
        "serial", "there is no port \(TOMLValue.quoted(located.value))",
        advice: "\(near ?? "")add [serial.\(located.value)], or name one of: \(Self.list(declaredPorts.keys))")
      return nil
    }
    return located
  }

  func use(_ port: Located<String>, by user: PortUser) {
    declaredPorts[port.value]?.users.append(user)
  }

  /// Whether the sensors on each port can share it, and whether its line suits them.
  func checkPorts() {
    for (id, port) in declaredPorts.sorted(by: { $0.value.position < $1.value.position }) {
      guard let first = port.users.first else {
        // A misspelled port is told where it is named.
        if namesMissingPort { continue }
        problems.warning(
          "serial.\(id)", at: port.position, "no sensor uses the port \(TOMLValue.quoted(id))",
          advice: "remove it, or name it in a sensor as serial")
        continue
      }
      for user in port.users.dropFirst() where user.driver != .modbus || first.driver != .modbus {
        problems.error(
          "sensor[\(user.sensor)].serial", at: user.position,
          "the port \(TOMLValue.quoted(id)) already serves \(first.sensor) (\(first.driver.rawValue))",
          advice: "give each its own port; only modbus sensors can share one")
      }
      guard let line = port.settings?.line else { continue }
      checkLine(line, of: id, at: port.position, for: first)
      if first.driver == .modbus { checkBus(id, port, line) }
    }
  }

  private func checkLine(_ line: SerialLine, of id: String, at position: TextPosition, for user: PortUser) {
    switch user.driver {
    case .a02yyuw:
      guard line != SerialLine(baud: 9600) else { return }
      problems.error(
        "serial.\(id)", at: position, "an A02YYUW speaks 9600 8N1 only",
        advice: "write baud = 9600 and frame = \"8N1\"")
    case .modbus, .hci:
      guard line.dataBits != 8 else { return }
      problems.error(
        "serial.\(id).frame", at: position, "\(user.driver.rawValue) sends bytes of 8 bits",
        advice: "write a frame with 8 data bits, such as \"\(user.driver == .hci ? "8N1" : "8E1")\"")
    case .gpio: break
    }
  }

  /// Whether the bus has time for all polls, and whether two sensors are one register in truth.
  private func checkBus(_ id: String, _ port: DeclaredPort, _ line: SerialLine) {
    var registers: [[Int]: String] = [:]
    var load = 0.0
    for user in port.users {
      guard let settings = user.settings else { continue }
      // A request has 8 bytes, an answer 5 and the registers; 3.5 characters of silence follow each (section 2.5.1.1 of
      // Modbus over serial line 1.02), and a device takes some 20 ms to answer.
      let characters = 8 + 5 + 2 * settings.type.registerCount + 7
      let pollSeconds = Double(Int64(characters) * line.characterNanoseconds) / 1e9 + 0.02
      load += pollSeconds / settings.every.seconds
      let register = [settings.unit, settings.table == .input ? 4 : 3, settings.address]
      if let other = registers.updateValue(user.sensor, forKey: register), other != user.sensor {
        problems.warning(
          "sensor[\(user.sensor)].register", at: user.position,
          "\(user.sensor) reads the same register of unit \(settings.unit) as \(other)",
          advice: "correct the unit or the address; two sensors of one register confirm nothing")
      }
    }
    if load > 0.8 {
      problems.warning(
        "serial.\(id)", at: port.position,
        "the polls on the port \(TOMLValue.quoted(id)) take \(Int((load * 100).rounded())) % of its time",
        advice: "poll less often, raise baud, or use a second port")
    }
  }
}
