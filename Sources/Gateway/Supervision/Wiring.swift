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
  /// What is recorded of the drivers' calls; nil: nothing.
  var recording: RecordingRequest?
  /// Where a Bluetooth controller of the board is, by its number.
  var controllerAddress: (UInt16) -> DeviceAddress = { .controller($0) }

  /// The driver of one serial port, for all the sensors on it. The configuration has checked that they go together.
  func serialDriver(for port: SerialPortSettings) -> (any SerialDriver)? {
    let sensors = configuration.sensors.filter { $0.port == port.id }
    var points: [ModbusPoint] = []
    var identities: [ModbusIdentity] = []
    var sdi12: [SDI12Point] = []
    var lines: [LineSensorSettings] = []
    for sensor in sensors {
      switch sensor.driver {
      case .modbus(let settings):
        points.append(Self.point(sensor.plan, settings))
        if let identity = settings.identity { identities.append(identity) }
      case .a02yyuw(let settings): return UltrasonicSensor(sensor: sensor.id, mountHeight: settings.mountHeight)
      case .hci(let settings): return beaconReceiver(sensor.id, settings)
      case .nmea: return SatelliteReceiver(sensor: sensor.id)
      case .maxbotix(let settings):
        return MaxBotixSensor(
          sensor: sensor.id, mountHeight: settings.mountHeight, output: settings.output, noTarget: settings.noTarget,
          leastDistance: settings.leastDistance)
      case .sdi12(let settings): sdi12.append(settings.point)
      case .line(let settings): lines.append(settings)
      case .gpio, .board, .radioContact: break
      }
    }
    if !sdi12.isEmpty {
      return SDI12Bus(line: port.line, points: sdi12, sendsBreak: port.breakMethod != BreakMethod.none)
    }
    if let first = lines.first { return LineSensors(points: lines.map(\.point), terminator: first.terminator) }
    return modbusBus(on: port, points, identities)
  }

  private func modbusBus(
    on port: SerialPortSettings, _ points: [ModbusPoint], _ identities: [ModbusIdentity]
  ) -> ModbusBus? {
    var identities = identities
    var outputs: [ModbusOutput] = []
    for output in configuration.outputs where output.port == port.id {
      guard case .modbus(let settings) = output.wiring else { continue }
      outputs.append(
        ModbusOutput(
          output: output.rule.id, unit: UInt8(settings.unit), target: settings.target, isSafeOn: settings.safe == .on,
          refresh: settings.refresh, timeout: settings.timeout, retries: settings.retries))
      if let identity = settings.identity { identities.append(identity) }
    }
    guard !points.isEmpty || !outputs.isEmpty else { return nil }
    return ModbusBus(
      line: port.line, points: points, outputs: outputs, identities: identities, manners: port.manners)
  }

  /// What the port is set to: SDI-12 makes its parity itself on a port of eight bits.
  private func wireLine(of port: SerialPortSettings) -> SerialLine {
    let isSDI12 = configuration.sensors.contains { sensor in
      if case .sdi12 = sensor.driver { sensor.port == port.id } else { false }
    }
    return isSDI12 ? SDI12Bus.portLine(port.line, sendsBreak: port.breakMethod != BreakMethod.none) : port.line
  }

  /// The driver of a receiver, for its radio contacts too.
  func beaconReceiver(_ sensor: SensorID, _ settings: BeaconReceiverSettings) -> BeaconReceiver {
    let restart = min(TimeSpan.seconds(60), TimeSpan(nanoseconds: settings.quietAfter.nanoseconds / 3))
    return BeaconReceiver(
      sensor: sensor,
      settings: BeaconReceiver.Settings(
        quietBeforeRestart: restart, quietBeforeDeaf: settings.quietAfter,
        recognition: TagRecognition(rules: configuration.tagFormats)),
      contacts: configuration.radioContacts(of: sensor))
  }

  private static func point(_ plan: SensorPlan, _ settings: ModbusSensorSettings) -> ModbusPoint {
    ModbusPoint(
      sensor: plan.id, quantity: plan.quantity, unit: UInt8(settings.unit), table: settings.table,
      address: UInt16(settings.address), type: settings.type, wordOrder: settings.wordOrder,
      meaning: settings.meaning, scale: settings.scale, offset: settings.offset, every: settings.every,
      timeout: settings.timeout, retries: settings.retries)
  }

  /// The links of all serial ports that a sensor uses.
  func serialLinks(sink: any ObservationSink, at time: MonotonicTime) -> [SerialLink] {
    let serial = configuration.ports.compactMap { port in
      serialDriver(for: port).map { driver in
        SerialLink(
          port: port.id, path: port.device, line: wireLine(of: port), direction: port.direction,
          breakMethod: port.breakMethod ?? .line, driver: recorded(driver), sink: sink, logger: logger, at: time)
      }
    }
    return serial + controllerLinks(sink: sink, at: time)
  }

  /// The driver of a Bluetooth controller of the board, named as a port.
  func controllerDriver(for port: PortID) -> (any SerialDriver)? {
    for sensor in configuration.sensors {
      guard case .hci(let settings) = sensor.driver, settings.controllerPort == port else { continue }
      return beaconReceiver(sensor.id, settings)
    }
    return nil
  }

  /// The links of the board's own Bluetooth controllers.
  private func controllerLinks(sink: any ObservationSink, at time: MonotonicTime) -> [SerialLink] {
    configuration.sensors.compactMap { sensor in
      guard case .hci(let settings) = sensor.driver, let number = settings.controller,
        let port = settings.controllerPort
      else { return nil }
      return SerialLink(
        port: port, address: controllerAddress(number),
        driver: recorded(beaconReceiver(sensor.id, settings)), sink: sink, logger: logger, at: time)
    }
  }

  /// The driver of one sensor on a GPIO line.
  func gpioDriver(for sensor: SensorSettings, _ settings: GPIOSensorSettings) -> any GPIODriver {
    let line = settings.line.line
    switch settings.kind {
    case .floodContact(let wet, let supervision?):
      return SupervisedContact(
        sensor: sensor.id, contact: line, supervision: supervision.line, bias: settings.bias,
        wiring: supervision.wiring, wet: wet == .closed ? .closed : .open, debounce: settings.debounce,
        transition: supervision.transition)
    case .floodContact(let wet, nil):
      return ContactSensor(
        sensor: sensor.id, line: line, bias: settings.bias, wet: wet == .closed ? .closed : .open,
        debounce: settings.debounce)
    case .rain(_, let minimumInterval):
      return TippingBucket(
        sensor: sensor.id, line: line, bias: settings.bias, debounce: settings.debounce,
        minimumInterval: minimumInterval)
    }
  }

  /// The links of all sensors on GPIO lines.
  func gpioLinks(sink: any ObservationSink, at time: MonotonicTime) -> [GPIOLink] {
    configuration.sensors.compactMap { sensor in
      guard case .gpio(let settings) = sensor.driver else { return nil }
      return GPIOLink(
        chip: settings.line.chip, driver: recorded(gpioDriver(for: sensor, settings)), access: access, sink: sink,
        logger: logger, at: time)
    }
  }

  /// What is read of the board itself, if anything is.
  func boardLink(sink: any ObservationSink, at time: MonotonicTime) throws(GatewayError) -> BoardLink? {
    let points = configuration.sensors.compactMap { sensor -> BoardLink.Point? in
      guard case .board(let settings) = sensor.driver else { return nil }
      return BoardLink.Point(
        sensor: sensor.id, quantity: sensor.plan.quantity, source: settings.source, scale: settings.scale,
        offset: settings.offset, every: settings.every)
    }
    guard !points.isEmpty else { return nil }
    return try BoardLink(points: points, sink: sink, logger: logger, at: time)
  }

  /// The driver as a recording wants it: of a port that hears tags no byte is kept, unless they are wanted in the clear.
  private func recorded(_ driver: any SerialDriver) -> any SerialDriver {
    guard let recording, recording.isRaw else { return driver }
    let hearsTags = configuration.sensors.contains {
      $0.plan.quantity == .beacon && driver.sensors.contains($0.id)
    }
    return RecordedSerialDriver(driver, keepsBytes: recording.clearIDs || !hearsTags)
  }

  private func recorded(_ driver: any GPIODriver) -> any GPIODriver {
    recording?.isRaw == true ? RecordedGPIODriver(driver) : driver
  }

  /// The outputs: on a GPIO line in its safe state at once, behind a port as soon as that is open.
  func outputs(at time: MonotonicTime) -> [OutputSwitch] {
    configuration.outputs.map { output in
      switch output.wiring {
      case .gpio(let settings):
        OutputSwitch(
          id: output.rule.id, settings: settings, access: access, pattern: output.pattern, logger: logger, at: time)
      case .modbus(let settings):
        OutputSwitch(
          id: output.rule.id, line: ModbusOutputLine(id: output.rule.id, settings: settings, logger: logger),
          isSafeOn: settings.safe == .on, pattern: output.pattern)
      }
    }
  }

  /// Leads the commands of outputs to the ports that they are behind.
  func connect(_ outputs: [OutputSwitch], to links: [SerialLink], at time: MonotonicTime) {
    for output in outputs {
      guard let line = output.line as? ModbusOutputLine else { continue }
      if let link = links.first(where: { $0.port == line.port }) { line.attach(to: link, at: time) }
    }
  }
}

/// What the formats and the delivery need to know of a configuration.
extension GatewayConfiguration {
  var hasSatelliteReceiver: Bool { sensors.contains { $0.plan.quantity == .position } }

  var topics: Topics { Topics(root: mqtt.root, watchRoot: mqtt.watchRoot, gateway: gateway.id) }

  /// - Throws: `GatewayError` when the time zone cannot be read any more.
  func zoneOffsets() throws(GatewayError) -> TimeZoneOffsets {
    do {
      return try TimeZoneTable.offsets(of: gateway.timezone)
    } catch {
      throw GatewayError(.badConfiguration, "\(error)")
    }
  }

  /// - Throws: `GatewayError` when the time zone cannot be read any more.
  func formatContext(
    sha256: String, boot: String, epoch: String, previousEpoch: String?
  ) throws(GatewayError) -> FormatContext {
    formatContext(in: try zoneOffsets(), sha256: sha256, boot: boot, epoch: epoch, previousEpoch: previousEpoch)
  }

  func formatContext(
    in zone: TimeZoneOffsets, sha256: String, boot: String, epoch: String, previousEpoch: String?
  ) -> FormatContext {
    let identity = cap.flatMap { cap in
      CAPIdentity(
        sender: cap.sender, scope: cap.scope == .public ? .unrestricted : .restricted, restriction: cap.restriction)
    }
    return FormatContext(
      plan: stationPlan(in: zone), name: gateway.name, municipality: gateway.municipality, contact: gateway.contact,
      position: gateway.position, zone: zone, zoneName: gateway.timezone, languages: gateway.languages, cap: identity,
      topics: topics, version: mimamoriVersion, configurationSHA256: sha256, boot: boot, epoch: epoch,
      previousEpoch: previousEpoch, fiware: fiware?.format)
  }

  /// The groups whose commands this gateway takes, each once.
  var groups: [String] {
    let named = gateway.groups + (watchlist.map { [$0.group] } ?? [])
    return Set(named).sorted()
  }

  /// The topics that signed commands come on; none where nobody may command.
  var commandTopics: [String] {
    guard !authorities.isEmpty else { return [] }
    return [topics.command] + groups.map(topics.groupCommand) + (fiware == nil ? [] : [topics.agentCommand])
  }

  /// What this gateway listens to from the first connection on.
  var subscriptions: [Subscription] {
    let commands = commandTopics.map { Subscription(topic: $0, maximumBytes: CommandDesk.longestMessageBytes) }
    guard let watchlist, authorities.contains(where: { $0.rights.contains(.watchlist) }) else { return commands }
    return commands
      + [Subscription(topic: topics.watchlist(watchlist.group), maximumBytes: JSONWebSignature.maximumBytes)]
  }

  /// Everyone who may sign, with their keys.
  ///
  /// - Throws: `GatewayError` when a key's file is missing or holds no key.
  func signingAuthorities() throws(GatewayError) -> [SigningAuthority] {
    var loaded: [SigningAuthority] = []
    for authority in authorities {
      let key = try KeyFile.publicKey(at: authority.publicKeyFile.path)
      loaded.append(
        SigningAuthority(
          keyIdentifier: authority.keyID, publicKey: key, rights: Set(authority.rights.map(\.rawValue))))
    }
    return loaded
  }
}
