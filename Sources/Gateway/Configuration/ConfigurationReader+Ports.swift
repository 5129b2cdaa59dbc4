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
      let direction = readDirection(reader)
      let manners = readManners(reader)
      let breakMethod = reader.choice("break", BreakMethod.self)
      reader.finish()
      var settings: SerialPortSettings?
      if let device, let line, isNamed {
        settings = SerialPortSettings(
          id: PortID(entry.key), device: device.value, line: line, direction: direction, manners: manners,
          breakMethod: breakMethod)
      }
      declaredPorts[entry.key] = DeclaredPort(position: entry.keyPosition, settings: settings)
      return settings
    }
  }

  private func readDevice(_ reader: TableReader) -> Located<String>? {
    guard let device = reader.string("device", most: 1000, required: "write its path, best under /dev/serial/by-path")
    else { return nil }
    let quoted = TOMLValue.quoted(device.value)
    if device.value.hasPrefix(USBSerialName.prefix) {
      if USBSerialName(device.value) != nil { return device }
      reader.error(
        "device", "device = \(quoted) names no USB adapter",
        advice: "write usb:VID:PID or usb:VID:PID:SERIAL with four hexadecimal digits each, such as \"usb:0403:6001\"")
      return nil
    }
    guard device.value.hasPrefix("/") else {
      reader.error("device", "device = \(quoted) is not an absolute path", advice: "begin it with /dev/")
      return nil
    }
    if device.value.hasPrefix("/dev/ttyUSB") {
      reader.warning(
        "device", "\(quoted) may be another adapter after a restart",
        advice: "write the adapter's path under /dev/serial/by-path or /dev/serial/by-id, or usb:VID:PID:SERIAL")
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

  /// `rs485` and what belongs to it.
  private func readDirection(_ reader: TableReader) -> RS485Settings? {
    let way = reader.choice("rs485", RS485Settings.Way.self)
    let level = reader.choice("rs485_rts", GPIOOutputSettings.ActiveLevel.self)
    let limits = TimeSpan.zero ... .milliseconds(100)
    let before = reader.duration("rs485_before", in: limits)
    let after = reader.duration("rs485_after", in: limits)
    guard let way else {
      if !reader.has("rs485"), level != nil || before != nil || after != nil {
        reader.warning(
          reader.has("rs485_rts") ? "rs485_rts" : reader.has("rs485_before") ? "rs485_before" : "rs485_after",
          "it has no effect without rs485", advice: "add rs485 = \"kernel\" or \"rts\", or remove it")
      }
      return nil
    }
    return RS485Settings(
      way: way, isActiveWhileSending: level != .low, delayBefore: before ?? .zero, delayAfter: after ?? .zero)
  }

  /// `pause`, `gap` and `ranges`.
  private func readManners(_ reader: TableReader) -> ModbusLineManners {
    let pause = reader.duration("pause", in: .zero ... .seconds(2)) ?? .zero
    let gap = reader.integer("gap", in: 0...124)
    let areRead = reader.boolean("ranges") ?? true
    if !areRead, gap != nil {
      reader.warning("gap", "gap has no effect with ranges = false", advice: "remove one of the two")
    }
    return ModbusLineManners(pause: pause, gap: areRead ? gap ?? 0 : nil)
  }
}
