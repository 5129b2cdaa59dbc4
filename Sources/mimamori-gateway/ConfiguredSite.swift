import Gateway
import Observations
import SensorDrivers
import SimulatedSite

/// The simulated site that fits a configuration: a device at the end of each serial line, a contact on each GPIO line.
struct ConfiguredSite {
  let configuration: GatewayConfiguration
  let scenario: Scenario
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
      var second: SimulatedBoard.SecondLine?
      if case .floodContact(let wet, let supervision) = settings.kind {
        closesWhenWet = wet == .closed
        second = supervision.map { supervision in
          let reference = GPIOLineReference(chip: settings.line.chip, line: supervision.line)
          return SimulatedBoard.SecondLine(
            line: chips.line(reference), isOtherThrow: supervision.wiring == .changeover)
        }
      }
      wires.append(
        SimulatedBoard.Wire(
          sensor: sensor.id.text, chip: settings.line.chip, line: chips.line(settings.line),
          closedIsLow: settings.bias != .pullDown, closesWhenWet: closesWhenWet,
          second: second))
    }
    for output in configuration.outputs {
      if case .gpio(let settings) = output.wiring { _ = chips.line(settings.line) }
    }
    gpio = SimulatedGPIO(chips: chips.chips)
    self.wires = wires
  }

  /// Makes the site's devices and plays the scenario on them; the loop is stopped when it is over.
  ///
  /// - Throws: `GatewayError` with 73 when a pseudo-terminal cannot be made or linked, with 65 for an event whose device
  ///   is not in the configuration.
  func sources(loop: EventLoop, start: MonotonicTime) throws(GatewayError) -> [any EventSource] {
    try checkDevices()
    for line in omissions { StandardStreams.report(line) }
    var terminals: [String: SimulatedTerminal] = [:]
    var sources: [any EventSource] = []
    for port in configuration.ports {
      guard let device = device(at: port, start) else { continue }
      let terminal = try Self.terminal(at: port.device, device)
      sources.append(terminal)
      terminals[port.id.text] = terminal
      for sensor in configuration.sensors where sensor.port == port.id { terminals[sensor.id.text] = terminal }
    }
    for sensor in configuration.sensors {
      guard case .hci(let settings) = sensor.driver, let number = settings.controller else { continue }
      let controller = SimulatedController(tags: scenario.tags, at: start)
      let terminal = try Self.terminal(at: controllerPath(number), controller)
      sources.append(terminal)
      terminals[sensor.id.text] = terminal
    }
    try checkEvents(Set(terminals.keys).union(wires.map(\.sensor)))
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

  private static func terminal(
    at path: String, _ device: any SimulatedDevice
  ) throws(GatewayError) -> SimulatedTerminal {
    guard path.hasPrefix("/") else {
      throw GatewayError(.badConfiguration, "The device \"\(path)\" cannot be simulated: write a path")
    }
    do {
      return try SimulatedTerminal(path: path, device: device)
    } catch {
      throw GatewayError(.cannotCreateOutput, "\(error)")
    }
  }

  /// A controller of the board is simulated on a pseudo-terminal too, which lies in the state folder.
  private func controllerPath(_ number: UInt16) -> String {
    "\(configuration.gateway.stateFolder)/simulated-hci\(number)"
  }

  /// What a simulation opens for a Bluetooth controller of the board.
  func controllerAddress(_ number: UInt16) -> DeviceAddress {
    .serial(path: controllerPath(number), line: SerialLine(baud: 1_000_000))
  }

  /// An event whose device has nothing simulated behind it would come to nothing, and nobody would know.
  private func checkEvents(_ simulated: Set<String>) throws(GatewayError) {
    for event in scenario.events where !simulated.contains(event.device) {
      throw GatewayError(
        .badInputData,
        "The scenario sets \"\(event.device)\", which is not simulated: use one of "
          + simulated.sorted().joined(separator: ", ") + "; a radio contact is a [[tag]] near its receiver")
    }
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
