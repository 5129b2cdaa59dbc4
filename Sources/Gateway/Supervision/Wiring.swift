import Alerts
import Delivery
import Logging
import Observations
import SensorDrivers

/// From a configuration to what runs: the one place that knows every driver.
struct Wiring {
  let configuration: GatewayConfiguration
  let access: any GPIOAccess
  let logger: Logger

  /// The driver of one serial port, for all the sensors on it. The configuration has checked that they go together.
  func serialDriver(for port: SerialPortSettings) -> (any SerialDriver)? {
    let sensors = configuration.sensors.filter { $0.port == port.id }
    var points: [ModbusPoint] = []
    for sensor in sensors {
      switch sensor.driver {
      case .modbus(let settings): points.append(Self.point(sensor.plan, settings))
      case .a02yyuw(let settings): return UltrasonicSensor(sensor: sensor.id, mountHeight: settings.mountHeight)
      case .hci: return BeaconReceiver(sensor: sensor.id)
      case .gpio: break
      }
    }
    return points.isEmpty ? nil : ModbusBus(line: port.line, points: points)
  }

  private static func point(_ plan: SensorPlan, _ settings: ModbusSensorSettings) -> ModbusPoint {
    ModbusPoint(
      sensor: plan.id, quantity: plan.quantity, unit: UInt8(settings.unit), table: settings.table,
      address: UInt16(settings.address), type: settings.type, wordOrder: settings.wordOrder, scale: settings.scale,
      offset: settings.offset, every: settings.every, timeout: settings.timeout, retries: settings.retries)
  }

  /// The links of all serial ports that a sensor uses.
  func serialLinks(sink: any ObservationSink, at time: MonotonicTime) -> [SerialLink] {
    configuration.ports.compactMap { port in
      serialDriver(for: port).map { driver in
        SerialLink(
          port: port.id, path: port.device, line: port.line, driver: driver, sink: sink, logger: logger, at: time)
      }
    }
  }

  /// The driver of one sensor on a GPIO line.
  func gpioDriver(for sensor: SensorSettings, _ settings: GPIOSensorSettings) -> any GPIODriver {
    let line = settings.line.line
    switch settings.kind {
    case .floodContact(let wet):
      return ContactSensor(
        sensor: sensor.id, line: line, bias: settings.bias, wet: wet == .closed ? .closed : .open,
        debounce: settings.debounce)
    case .rain:
      return TippingBucket(sensor: sensor.id, line: line, bias: settings.bias, debounce: settings.debounce)
    }
  }

  /// The links of all sensors on GPIO lines.
  func gpioLinks(sink: any ObservationSink, at time: MonotonicTime) -> [GPIOLink] {
    configuration.sensors.compactMap { sensor in
      guard case .gpio(let settings) = sensor.driver else { return nil }
      return GPIOLink(
        chip: settings.line.chip, driver: gpioDriver(for: sensor, settings), access: access, sink: sink,
        logger: logger, at: time)
    }
  }

  /// The outputs, each in its safe state.
  func outputs(at time: MonotonicTime) -> [OutputSwitch] {
    configuration.outputs.map { output in
      OutputSwitch(id: output.rule.id, settings: output.wiring, access: access, logger: logger, at: time)
    }
  }
}

/// What the formats and the delivery need to know of a configuration.
extension GatewayConfiguration {
  var topics: Topics { Topics(root: mqtt.root, watchRoot: mqtt.watchRoot, gateway: gateway.id) }

  /// - Throws: `GatewayError` when the time zone cannot be read any more.
  func formatContext(
    sha256: String, boot: String, epoch: String, previousEpoch: String?
  ) throws(GatewayError) -> FormatContext {
    let zone: TimeZoneOffsets
    do {
      zone = try TimeZoneTable.offsets(of: gateway.timezone)
    } catch {
      throw GatewayError(.badConfiguration, "\(error)")
    }
    let identity = cap.flatMap { cap in
      CAPIdentity(
        sender: cap.sender, scope: cap.scope == .public ? .unrestricted : .restricted, restriction: cap.restriction)
    }
    return FormatContext(
      plan: stationPlan(), name: gateway.name, municipality: gateway.municipality, contact: gateway.contact,
      position: gateway.position, zone: zone, zoneName: gateway.timezone, languages: gateway.languages, cap: identity,
      topics: topics, version: mimamoriVersion, configurationSHA256: sha256, boot: boot, epoch: epoch,
      previousEpoch: previousEpoch)
  }

  /// - Throws: `GatewayError` when the password's file cannot be read.
  func deliverySettings(boot: String) throws(GatewayError) -> DeliverySettings {
    var settings = DeliverySettings(
      stateFolder: gateway.stateFolder, brokerHost: mqtt.host, brokerPort: mqtt.port, clientID: gateway.id,
      statusTopic: topics.status, bootID: boot)
    settings.version = mqtt.version == .five ? .five : .three
    settings.userName = mqtt.username
    if let file = mqtt.passwordFile {
      let bytes = try InputFile.read(file.path, limit: 4096)
      let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
      settings.password = String(decoding: line, as: UTF8.self)
    }
    settings.security = mqtt.tls.map { tls in
      DeliverySettings.TransportSecurity(
        authorityFile: tls.ca.path, certificateFile: tls.certificate?.path, keyFile: tls.key?.path)
    }
    return settings
  }
}
