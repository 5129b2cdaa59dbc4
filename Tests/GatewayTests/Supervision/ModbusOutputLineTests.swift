import Foundation
import Observations
import SensorDrivers
import SimulatedSite
import Testing

@testable import Gateway

/// A contact at unit 2 and a converter at unit 3 on a pseudo-terminal, and the siren on the converter's coil 7.
private final class ConverterBench {
  let folder: URL
  let terminal: SimulatedTerminal
  let link: SerialLink
  let siren: OutputSwitch
  let sink = SwitchingSink()
  let lines: CollectingLog.Lines
  let loop = EventLoop { monotonicNow() }

  static let port = PortID("rs485")
  static let point = ModbusPoint(
    sensor: "underpass-1", quantity: .floodContact, unit: 2, table: .discrete, address: 0, type: .uint16,
    meaning: .contact(activeWhenSet: true), every: .milliseconds(100))
  static let coil = ModbusPoint(
    sensor: "coil", quantity: .floodContact, unit: 3, table: .coil, address: 7, type: .uint16,
    meaning: .contact(activeWhenSet: true), every: .milliseconds(100))

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let now = monotonicNow()
    let path = folder.appending(path: "port").path
    let contact = SimulatedModbusUnits.Register(
      sensor: "underpass-1", unit: 2, table: .discrete, address: 0, type: .uint16, wordOrder: .abcd,
      meaning: .contact(activeWhenSet: true), scale: 1, offset: 0)
    terminal = try SimulatedTerminal(path: path, device: SimulatedModbusUnits(registers: [contact], switched: [3]))
    let log = CollectingLog.make()
    lines = log.lines
    let line = SerialLine(baud: 115_200)
    let output = ModbusOutput(output: "siren", unit: 3, target: .coil(7, onWhenSet: true), isSafeOn: false)
    link = SerialLink(
      port: Self.port, path: path, line: line,
      driver: ModbusBus(line: line, points: [Self.point, Self.coil], outputs: [output]), sink: sink, logger: log.logger,
      at: now)
    let settings = ModbusOutputSettings(
      port: Self.port, unit: 3, target: .coil(7, onWhenSet: true), safe: .off, identity: nil, refresh: .seconds(10),
      timeout: nil, retries: 3)
    let wire = ModbusOutputLine(id: "siren", settings: settings, logger: log.logger)
    siren = OutputSwitch(id: "siren", line: wire, isSafeOn: false)
    wire.attach(to: link, at: now)
    loop.add(terminal)
    loop.add(link)
    loop.add(siren)
  }

  deinit {
    terminal.unplug()
    try? FileManager.default.removeItem(at: folder)
  }

  /// What the coil was last read as by a poll of its own.
  var coil: Bool? { sink.contacts["coil"] }
}

/// Sounds a siren while the contact is wet, within the call that brings the observation, as the station does.
private final class SwitchingSink: ObservationSink {
  var contacts: [SensorID: Bool] = [:]
  var react: (Bool) -> Void = { _ in }

  func take(_ observations: [TimedObservation]) {
    for timed in observations {
      guard case .contact(let sensor, let isActive) = timed.observation else { continue }
      let isChange = contacts.updateValue(isActive, forKey: sensor) != isActive
      if sensor == "underpass-1", isChange { react(isActive) }
    }
  }
}

struct ModbusOutputLineTests {
  @Test func `a siren sounds by an observation of its own line, and is safe when it is released`() throws {
    let bench = try ConverterBench()
    bench.sink.react = { bench.siren.set(on: $0, at: monotonicNow()) }
    defer { bench.sink.react = { _ in } }
    #expect(turn(bench.loop) { bench.coil == false && !bench.siren.isWaiting })
    try bench.terminal.apply(.wet(true), to: "underpass-1", at: monotonicNow())
    #expect(turn(bench.loop) { bench.coil == true })
    #expect(bench.siren.fault == nil)
    bench.siren.release(at: monotonicNow())
    #expect(bench.siren.isWaiting)
    #expect(turn(bench.loop) { !bench.siren.isWaiting })
    #expect(turn(bench.loop) { bench.coil == false })
  }

  @Test func `released before it was read back, it waits until it stands safe`() throws {
    let bench = try ConverterBench()
    #expect(turn(bench.loop) { !bench.siren.isWaiting })
    bench.siren.set(on: true, at: monotonicNow())
    // What it last read back is the safe state, and it may be on already.
    bench.siren.release(at: monotonicNow())
    #expect(bench.siren.isWaiting)
    #expect(turn(bench.loop) { !bench.siren.isWaiting })
    #expect(turn(bench.loop) { bench.coil == false })
  }

  @Test func `a port that goes away is its fault, said once, and it stands right when that is back`() throws {
    let bench = try ConverterBench()
    #expect(turn(bench.loop) { bench.coil == false })
    bench.terminal.unplug()
    #expect(turn(bench.loop) { bench.siren.fault != nil })
    bench.siren.set(on: true, at: monotonicNow())
    #expect(!bench.siren.isWaiting)
    try bench.terminal.plug()
    #expect(turn(bench.loop) { bench.coil == true && bench.siren.fault == nil })
    #expect(bench.lines.all.count { $0.contains("The output siren can be switched again") } == 1)
  }
}
