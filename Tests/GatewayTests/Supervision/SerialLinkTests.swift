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

  init(isPlugged: Bool = true, direction: RS485Settings? = nil) throws {
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
      port: PortID("gauge"), path: path, line: UltrasonicSensor.line, direction: direction,
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

  @Test func `a USB adapter that is plugged in again under another number is found and read within five seconds`()
    throws
  {
    let folder = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let devices = folder.appending(path: "dev")
    try FileManager.default.createDirectory(at: devices, withIntermediateDirectories: true)
    func plug(_ port: String) throws {
      let device = folder.appending(path: "sys/devices/usb1/1-1")
      let interface = device.appending(path: "1-1:1.0/\(port)")
      let entry = folder.appending(path: "sys/class/tty/\(port)")
      for path in [interface, entry] {
        try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
      }
      for (name, text) in [("idVendor", "0403"), ("idProduct", "6001"), ("serial", "A10K1")] {
        try Data("\(text)\n".utf8).write(to: device.appending(path: name))
      }
      try FileManager.default.createSymbolicLink(at: entry.appending(path: "device"), withDestinationURL: interface)
    }
    let now = monotonicNow()
    let gauge = SimulatedUltrasonic(mountHeightMetres: 4.5, levelMetres: 1.5, at: now)
    let first = try SimulatedTerminal(path: devices.appending(path: "ttyUSB0").path, device: gauge)
    try plug("ttyUSB0")
    let log = CollectingLog.make()
    let sink = CollectingSink()
    let link = SerialLink(
      port: PortID("gauge"), path: "usb:0403:6001:A10K1", line: UltrasonicSensor.line,
      locator: DeviceLocator(systemFolder: folder.appending(path: "sys").path, deviceFolder: devices.path),
      driver: UltrasonicSensor(sensor: SensorID("river-1"), mountHeight: Measure(thousandths: 4500)), sink: sink,
      logger: log.logger, at: now)
    let loop = EventLoop { monotonicNow() }
    loop.add(first)
    loop.add(link)
    #expect(turn(loop) { !sink.levels.isEmpty })
    first.unplug()
    try FileManager.default.removeItem(at: folder.appending(path: "sys/class/tty/ttyUSB0"))
    #expect(turn(loop) { link.fault == .portMissing })
    // It stays away until the wait between two tries has reached its longest.
    let away = monotonicNow() + .milliseconds(2500)
    while monotonicNow() < away { loop.turn(atMost: away) }
    let second = try SimulatedTerminal(path: devices.appending(path: "ttyUSB3").path, device: gauge)
    defer { second.unplug() }
    loop.add(second)
    try plug("ttyUSB3")
    let before = sink.levels.count
    let plugged = monotonicNow()
    #expect(turn(loop) { sink.levels.count > before })
    #expect(monotonicNow() - plugged < .seconds(5))
    #expect(link.reopenings == 1)
    #expect(sink.faults == [.portLost, .portMissing])
  }

  @Test(arguments: [RS485Settings.Way.kernel, .rts])
  func `a port that cannot turn an RS-485 line round fails alone and says what to write`(way: RS485Settings.Way) throws
  {
    let bench = try GaugeBench(direction: RS485Settings(way: way))
    #expect(turn(bench.loop) { bench.link.fault != nil })
    #expect(bench.sink.faults == [.portError])
    #expect(bench.lines.all.first?.contains("rs485") == true)
  }

  @Test func `a break and the mark behind it are as long as they should be however late the port had them`() throws {
    let bench = try GaugeBench()
    let start = monotonicNow()
    var moment = start
    let point = SDI12Point(
      sensor: SensorID("river-1"), quantity: .waterLevel, address: try #require(SDI12Address(text: "0")),
      measurement: try #require(SDI12Measurement(text: "M", withChecksum: false)), every: .seconds(60))
    let link = SerialLink(
      port: PortID("gauge"),
      address: .serial(path: bench.folder.appending(path: "port").path, line: SerialLine(baud: 1200)),
      breakMethod: .byte, driver: SDI12Bus(line: SerialLine(baud: 1200), points: [point]), sink: bench.sink,
      logger: CollectingLog.make().logger, at: start, now: { moment })
    moment = start + .milliseconds(14)
    link.wake(at: start)
    #expect(link.fault == nil)
    let end = start + .milliseconds(14 + 25)
    #expect(link.nextDeadline == end)
    link.wake(at: start + .milliseconds(25))
    #expect(link.nextDeadline == end)
    moment = end + .milliseconds(3)
    link.wake(at: end)
    let marked = end + .milliseconds(3 + 10)
    #expect(link.nextDeadline == marked)
    #expect(link.counters.bytesSent == 0)
    moment = marked + .milliseconds(7)
    link.wake(at: marked)
    #expect(link.counters.bytesSent > 0)
    // The answer's time counts from the command: nothing is held for its length any more.
    let sent = TimeSpan(nanoseconds: Int64(link.counters.bytesSent) * SerialLine(baud: 1200).characterNanoseconds)
    #expect(link.nextDeadline == marked + sent + .milliseconds(200))
  }

  @Test func `a port whose path names no terminal fails alone`() throws {
    let bench = try GaugeBench(isPlugged: false)
    try Data("no port".utf8).write(to: bench.folder.appending(path: "port"))
    #expect(turn(bench.loop) { bench.link.fault != nil })
    #expect(bench.sink.faults == [.portError])
  }
}
