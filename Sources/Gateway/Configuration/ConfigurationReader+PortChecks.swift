import Observations
import SensorDrivers

extension ConfigurationReader {
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
      for user in port.users.dropFirst() where user.driver != first.driver || !Self.sharing.contains(first.driver) {
        problems.error(
          "\(user.path).serial", at: user.position,
          "the port \(TOMLValue.quoted(id)) already serves \(first.sensor) (\(first.driver.rawValue))",
          advice: "give each its own port; only \(Self.sharingList) sensors can share one, each with its own kind")
      }
      guard let line = port.settings?.line else { continue }
      checkLine(line, of: id, port, for: first)
      checkManners(of: id, port, for: first)
      switch first.driver {
      case .modbus: checkBus(id, port, line)
      case .sdi12: checkSDI12(id, port)
      case .line: checkLineSensors(port)
      case .a02yyuw, .gpio, .hci, .maxbotix, .nmea, .board, .radioContact: break
      }
    }
  }

  /// `pause`, `gap` and `ranges` are about Modbus.
  private func checkManners(of id: String, _ port: DeclaredPort, for user: PortUser) {
    guard user.driver != .modbus, let manners = port.settings?.manners, manners != ModbusLineManners() else { return }
    problems.warning(
      "serial.\(id)", at: port.position, "pause, gap and ranges have no effect on \(user.driver.rawValue)",
      advice: "remove them")
  }

  /// The drivers whose sensors can share a port with others of the same.
  private static let sharing: [DriverName] = [.modbus, .sdi12, .line]
  private static let sharingList = "modbus, sdi12 or line"

  private func checkLine(_ line: SerialLine, of id: String, _ port: DeclaredPort, for user: PortUser) {
    let position = port.position
    if port.settings?.breakMethod != nil, user.driver != .sdi12 {
      problems.error(
        "serial.\(id).break", at: position, "\(user.driver.rawValue) knows no break", advice: "remove break")
    }
    switch user.driver {
    case .a02yyuw:
      guard line != SerialLine(baud: 9600) else { return }
      problems.error(
        "serial.\(id)", at: position, "an A02YYUW speaks 9600 8N1 only",
        advice: "write baud = 9600 and frame = \"8N1\"")
    case .modbus, .hci, .nmea:
      guard line.dataBits != 8 else { return }
      problems.error(
        "serial.\(id).frame", at: position, "\(user.driver.rawValue) sends bytes of 8 bits",
        advice: "write a frame with 8 data bits, such as \"\(user.driver == .hci ? "8N1" : "8E1")\"")
    case .maxbotix:
      guard line != SerialLine(baud: 9600) else { return }
      problems.error(
        "serial.\(id)", at: position, "a MaxBotix sensor speaks 9600 8N1 only",
        advice: "write baud = 9600 and frame = \"8N1\"")
    case .sdi12:
      let lines = [SerialLine(baud: 1200, dataBits: 7, parity: .even), SerialLine(baud: 1200)]
      guard port.settings?.breakMethod != BreakMethod.none, !lines.contains(line) else { return }
      problems.error(
        "serial.\(id)", at: position, "SDI-12 speaks 1200 baud with seven bits and even parity",
        advice: "write baud = 1200 and frame = \"7E1\", or \"8N1\" to make the parity in software; "
          + "for an adapter that speaks SDI-12 by itself also break = \"none\"")
    case .gpio, .board, .line, .radioContact: break
    }
  }

  /// Whether the bus has time for all polls, and whether what is said of its devices fits together.
  private func checkBus(_ id: String, _ port: DeclaredPort, _ line: SerialLine) {
    var registers: [[Int]: String] = [:]
    var load = 0.0
    for user in port.users {
      guard let settings = user.settings else { continue }
      // A request has 8 bytes, an answer 5 and the data; 3.5 characters of silence follow each (section 2.5.1.1 of
      // Modbus over serial line 1.02), and a device takes some 20 ms to answer.
      let data = settings.table.holdsBits ? 1 : 2 * settings.type.registerCount
      let characters = 8 + 5 + data + 7
      let pause = port.settings?.manners.pause.seconds ?? 0
      let pollSeconds = Double(Int64(characters) * line.characterNanoseconds) / 1e9 + max(0.02, pause)
      load += pollSeconds / settings.every.seconds
      let register = [settings.unit, Int(settings.table.function), settings.address]
      if let other = registers.updateValue(user.sensor, forKey: register), other != user.sensor {
        let what = settings.table.holdsBits ? settings.table.rawValue : "register"
        problems.warning(
          "\(user.path).register", at: user.position,
          "\(user.sensor) reads the same \(what) of unit \(settings.unit) as \(other)",
          advice: "correct the unit or the address; two sensors of one \(what) confirm nothing")
      }
    }
    if load > 0.8 {
      problems.warning(
        "serial.\(id)", at: port.position,
        "the polls on the port \(TOMLValue.quoted(id)) take \(Int((load * 100).rounded())) % of its time",
        advice: "poll less often, raise baud, or use a second port")
    }
    checkOutputs(port)
    checkIdentities(port)
  }

  /// Each coil and register has one owner.
  private func checkOutputs(_ port: DeclaredPort) {
    var owners: [[Int]: String] = [:]
    for user in port.users {
      guard let output = user.output else { continue }
      let (table, address): (ModbusTable, Int) =
        switch output.target {
        case .coil(let address, _): (.coil, Int(address))
        case .register(let address, _, _): (.holding, Int(address))
        }
      let place = [output.unit, Int(table.function), address]
      guard let other = owners.updateValue(user.sensor, forKey: place), other != user.sensor else { continue }
      problems.error(
        "\(user.path).serial", at: user.position,
        "\(table == .coil ? "coil" : "register") \(address) of unit \(output.unit) already belongs to \(other)",
        advice: "correct one of the two; each output has its own")
    }
  }

  /// A device is one device, whoever asks.
  private func checkIdentities(_ port: DeclaredPort) {
    var known: [UInt8: (identity: ModbusIdentity, name: String)] = [:]
    for user in port.users {
      guard let identity = user.settings?.identity ?? user.output?.identity else { continue }
      guard let other = known[identity.unit] else {
        known[identity.unit] = (identity, user.sensor)
        continue
      }
      guard other.identity != identity else { continue }
      problems.error(
        "\(user.path).serial", at: user.position,
        "unit \(identity.unit) has another identity here than for \(other.name)",
        advice: "write it once; it holds for all that is configured of this unit")
    }
  }
}
