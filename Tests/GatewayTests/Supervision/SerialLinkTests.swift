import Foundation
import Observations
import SensorDrivers
import SimulatedSite
import Testing

@testable import Gateway

/// A gauge on a pseudo-terminal, and the link that reads it, in one loop.
private final class GaugeBench {
  let folder: URL
  let terminal: SimulatedTerminal
  let link: SerialLink
  let sink = CollectingSink()
  let lines: CollectingLog.Lines
  let loop = EventLoop { monotonicNow() }

  init(isPlugged: Bool = true) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.appending(path: "port").path
    let now = monotonicNow()
    terminal = try SimulatedTerminal(
      path: path, device: SimulatedUltrasonic(mountHeightMetres: 4.5, levelMetres: 1.5, at: now))
    if !isPlugged { terminal.unplug() }
    let log = CollectingLog.make()
    lines = log.lines
    link = SerialLink(
      port: PortID("gauge"), path: path, line: UltrasonicSensor.line,
      driver: UltrasonicSensor(sensor: SensorID("river-1"), mountHeight: Measure(thousandths: 4500)), sink: sink,
      logger: log.logger, at: now)
    loop.add(terminal)
    loop.add(link)
  }

  deinit {
    terminal.unplug()
    try? FileManager.default.removeItem(at: folder)
  }
}

struct SerialLinkTests {
  @Test func `reads what a real terminal says`() throws {
    let bench = try GaugeBench()
    #expect(turn(bench.loop) { bench.sink.levels.count >= 3 })
    #expect(Set(bench.sink.levels) == [Measure(thousandths: 1500)])
    #expect(bench.link.fault == nil)
    #expect(bench.link.counters.frames >= 3)
  }

  @Test func `a port that is missing is said once, and is used as soon as it is there`() throws {
    let bench = try GaugeBench(isPlugged: false)
    let end = monotonicNow() + .milliseconds(900)
    while monotonicNow() < end { bench.loop.turn(atMost: end) }
    #expect(bench.sink.faults == [.portMissing])
    #expect(bench.lines.all.count == 1)
    #expect(bench.link.fault == .portMissing)
    try bench.terminal.plug()
    #expect(turn(bench.loop) { !bench.sink.levels.isEmpty })
    #expect(bench.link.fault == nil)
    #expect(bench.lines.all.count { $0.hasSuffix("is back.") } == 1)
  }

  @Test func `a port that is pulled out is let go, and opened again under its path`() throws {
    let bench = try GaugeBench()
    #expect(turn(bench.loop) { !bench.sink.levels.isEmpty })
    bench.terminal.unplug()
    #expect(turn(bench.loop) { bench.link.fault == .portMissing })
    #expect(bench.sink.faults == [.portLost, .portMissing])
    #expect(bench.link.interest == nil)
    let before = bench.sink.levels.count
    try bench.terminal.plug()
    #expect(turn(bench.loop) { bench.sink.levels.count > before })
  }

  @Test func `a port whose path names no terminal fails alone`() throws {
    let bench = try GaugeBench(isPlugged: false)
    try Data("no port".utf8).write(to: bench.folder.appending(path: "port"))
    #expect(turn(bench.loop) { bench.link.fault != nil })
    #expect(bench.sink.faults == [.portError])
  }
}
