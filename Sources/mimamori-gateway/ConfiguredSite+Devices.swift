import Gateway
import Glibc
import Observations
import SensorDrivers
import SimulatedSite

extension ConfiguredSite {
  /// Where the water stands, before an event moves it.
  private static let firstLevelMetres = 0.5

  /// The simulated device at the end of a serial line; nil: none is known for its sensors.
  func device(at port: SerialPortSettings, _ start: MonotonicTime) -> (any SimulatedDevice)? {
    var lines: [LineSensorSettings] = []
    for sensor in configuration.sensors where sensor.port == port.id {
      switch sensor.driver {
      case .a02yyuw(let settings):
        return SimulatedUltrasonic(
          mountHeightMetres: settings.mountHeight.value, levelMetres: Self.firstLevelMetres, at: start)
      case .maxbotix(let settings):
        return SimulatedMaxBotix(
          mountHeightMetres: settings.mountHeight.value, output: settings.output, noTarget: settings.noTarget,
          leastDistanceMetres: settings.leastDistance?.value, levelMetres: Self.firstLevelMetres, at: start)
      case .hci: return SimulatedController(tags: scenario.tags, at: start)
      case .nmea:
        let parked = configuration.gateway.position
        return SimulatedSatelliteReceiver(
          latitude: parked.latitude, longitude: parked.longitude, wall: Self.wallTime(), at: start)
      case .line(let settings): lines.append(settings)
      case .modbus, .gpio, .board, .sdi12, .radioContact: break
      }
    }
    if let first = lines.first {
      return SimulatedLines(
        points: lines.map(\.point), terminator: first.terminator, levelMetres: Self.firstLevelMetres, at: start)
    }
    return modbusUnits(at: port)
  }

  private func modbusUnits(at port: SerialPortSettings) -> SimulatedModbusUnits? {
    var registers: [SimulatedModbusUnits.Register] = []
    var identities: [ModbusIdentity] = []
    var switched: [UInt8] = []
    for output in configuration.outputs where output.port == port.id {
      guard case .modbus(let settings) = output.wiring else { continue }
      switched.append(UInt8(settings.unit))
      if let identity = settings.identity { identities.append(identity) }
    }
    for sensor in configuration.sensors where sensor.port == port.id {
      guard case .modbus(let settings) = sensor.driver else { continue }
      registers.append(
        SimulatedModbusUnits.Register(
          sensor: sensor.id.text, unit: UInt8(settings.unit), table: settings.table,
          address: UInt16(settings.address), type: settings.type, wordOrder: settings.wordOrder,
          meaning: settings.meaning, scale: settings.scale, offset: settings.offset))
      if let identity = settings.identity { identities.append(identity) }
    }
    guard !registers.isEmpty || !switched.isEmpty else { return nil }
    return SimulatedModbusUnits(registers: registers, identities: identities, switched: switched)
  }

  /// What of the configuration is not simulated, said once at the start: each line names a sensor and what comes of it.
  var omissions: [String] {
    var known: [String: String] = [:]
    for port in configuration.ports { known[port.id.text] = port.device }
    return configuration.sensors.compactMap { sensor in
      switch sensor.driver {
      case .sdi12:
        let device = sensor.port.flatMap { known[$0.text] } ?? ""
        return "\(sensor.id) is not simulated: there is no simulated device for sdi12. What is at \(device) is opened "
          + "as it is, and with nothing there the sensor becomes faulty; Tests/Peers/sdi12_sensor.py plays one."
      case .board:
        return "\(sensor.id) is not simulated: it reads this machine's own files."
      case .radioContact:
        guard !scenario.hears(sensor.driver) else { return nil }
        return "\(sensor.id) is silent: no [[tag]] of the scenario has its format and identifier, so it becomes wet or "
          + "deaf after its unheard_after."
      case .modbus, .a02yyuw, .gpio, .hci, .nmea, .maxbotix, .line: return nil
      }
    }
  }

  private static func wallTime() -> WallTime {
    var now = timespec()
    // SAFETY: clock_gettime fills in the one struct.
    _ = unsafe clock_gettime(CLOCK_REALTIME, &now)
    return WallTime(milliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000)
  }
}

extension Scenario {
  /// Whether a tag of the scenario is the one that a radio contact listens for.
  fileprivate func hears(_ driver: SensorSettings.Driver) -> Bool {
    guard case .radioContact(let settings) = driver else { return false }
    return tags.contains { TagIdentifier(format: $0.format, bytes: $0.identifier.span) == settings.contact.tag }
  }
}
