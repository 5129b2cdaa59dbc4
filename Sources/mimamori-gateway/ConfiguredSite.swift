import Gateway
import Observations
import SensorDrivers
import SimulatedSite

/// The simulated site that fits a configuration: a device at the end of each serial line, a contact on each GPIO line.
struct ConfiguredSite {
  private let configuration: GatewayConfiguration
  private let scenario: Scenario
  /// Gives out the simulated lines.
  let gpio: SimulatedGPIO
  private let wires: [SimulatedBoard.Wire]

  init(_ configuration: GatewayConfiguration, _ scenario: Scenario) {
    self.configuration = configuration
    self.scenario = scenario
    var chips = ChipPlan()
    var wires: [SimulatedBoard.Wire] = []
    for sensor in configuration.sensors {
      guard case .gpio(let settings) = sensor.driver else { continue }
      var closesWhenWet = true
      if case .floodContact(let wet) = settings.kind { closesWhenWet = wet == .closed }
      wires.append(
        SimulatedBoard.Wire(
          sensor: sensor.id.text, chip: settings.line.chip, line: chips.line(settings.line),
          closedIsLow: settings.bias != .pullDown, closesWhenWet: closesWhenWet))
    }
    for output in configuration.outputs { _ = chips.line(output.wiring.line) }
    gpio = SimulatedGPIO(chips: chips.chips)
    self.wires = wires
  }

  /// Makes the site's devices and plays the scenario on them; the loop is stopped when it is over.
  ///
  /// - Throws: `GatewayError` with 73 when a pseudo-terminal cannot be made or linked, with 65 for an event whose device
  ///   is not in the configuration.
  func sources(loop: EventLoop, start: MonotonicTime) throws(GatewayError) -> [any EventSource] {
    try checkDevices()
    var terminals: [String: SimulatedTerminal] = [:]
    var sources: [any EventSource] = []
    for port in configuration.ports {
      guard let device = device(at: port, start) else { continue }
      let terminal: SimulatedTerminal
      do {
        terminal = try SimulatedTerminal(path: port.device, device: device)
      } catch {
        throw GatewayError(.cannotCreateOutput, "\(error)")
      }
      sources.append(terminal)
      terminals[port.id.text] = terminal
      for sensor in configuration.sensors where sensor.port == port.id { terminals[sensor.id.text] = terminal }
    }
    let board = SimulatedBoard(gpio: gpio, wires: wires)
    sources.append(board)
    sources.append(
      ScenarioPlayer(
        scenario, from: start,
        stage: { event, time in
          board.apply(event.setting, to: event.device, at: time)
          do {
            try terminals[event.device]?.apply(event.setting, to: event.device, at: time)
          } catch {
            StandardStreams.report("\(error)")
          }
        },
        // The loop owns its sources: were it owned by one of them, a reload would leave every port of it open.
        ended: { [weak loop] in loop?.stop() }))
    return sources
  }

  private func checkDevices() throws(GatewayError) {
    let known = configuration.sensors.map(\.id.text) + configuration.ports.map(\.id.text)
    for event in scenario.events where !known.contains(event.device) {
      throw GatewayError(
        .badInputData,
        "The scenario names the device \"\(event.device)\", which the configuration does not have: use one of "
          + known.joined(separator: ", "))
    }
  }

  private func device(at port: SerialPortSettings, _ start: MonotonicTime) -> (any SimulatedDevice)? {
    var registers: [SimulatedModbusUnits.Register] = []
    for sensor in configuration.sensors where sensor.port == port.id {
      switch sensor.driver {
      case .modbus(let settings):
        registers.append(
          SimulatedModbusUnits.Register(
            sensor: sensor.id.text, unit: UInt8(settings.unit), table: settings.table,
            address: UInt16(settings.address), type: settings.type, wordOrder: settings.wordOrder,
            scale: settings.scale, offset: settings.offset))
      case .a02yyuw(let settings):
        return SimulatedUltrasonic(mountHeightMetres: settings.mountHeight.value, levelMetres: 0.5, at: start)
      case .hci: return SimulatedController(tags: scenario.tags, at: start)
      case .gpio: break
      }
    }
    return registers.isEmpty ? nil : SimulatedModbusUnits(registers: registers)
  }
}

/// The chips that a configuration names, with a line for each that it uses.
private struct ChipPlan {
  private var lines: [(chip: String, names: [String])] = []

  var chips: [SimulatedGPIO.Chip] { lines.map { SimulatedGPIO.Chip(path: $0.chip, lineNames: $0.names) } }

  /// The number of the line on its chip; a named line gets one behind all that a board has.
  mutating func line(_ reference: GPIOLineReference) -> UInt32 {
    if !lines.contains(where: { $0.chip == reference.chip }) {
      lines.append((reference.chip, [String](repeating: "", count: 1024)))
    }
    guard let index = lines.firstIndex(where: { $0.chip == reference.chip }) else { return 0 }
    switch reference.line {
    case .number(let number): return number
    case .name(let name):
      if let known = lines[index].names.firstIndex(of: name) { return UInt32(known) }
      lines[index].names.append(name)
      return UInt32(lines[index].names.count - 1)
    }
  }
}
