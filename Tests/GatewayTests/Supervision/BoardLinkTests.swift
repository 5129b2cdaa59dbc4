import Foundation
import Observations
import SensorDrivers
import Testing

@testable import Gateway

struct BoardLinkTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "board-\(UUID().uuidString)")

  private func write(_ text: String) throws {
    let supply = folder.appending(path: "sys/class/power_supply/battery")
    try FileManager.default.createDirectory(at: supply, withIntermediateDirectories: true)
    try text.write(to: supply.appending(path: "voltage_now"), atomically: true, encoding: .utf8)
  }

  private func link(_ sink: CollectingSink, _ attribute: String = "voltage_now") throws -> (
    BoardLink, CollectingLog.Lines
  ) {
    let (logger, lines) = CollectingLog.make()
    let point = BoardLink.Point(
      sensor: "battery", quantity: .voltage, source: .powerSupply(name: "battery", attribute: attribute), scale: 2,
      offset: 0.5, every: .milliseconds(20))
    return (try BoardLink(points: [point], root: folder.path, sink: sink, logger: logger, at: monotonicNow()), lines)
  }

  @Test func `reads on its own thread, poll after poll`() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try write("12000000\n")
    let sink = CollectingSink()
    let loop = EventLoop { monotonicNow() }
    loop.add(try link(sink).0)
    #expect(turn(loop) { sink.levels.count >= 3 })
    #expect(sink.levels.first == Measure(thousandths: 24_500))
  }

  @Test func `a file that is not there is a fault said once, and read when it comes`() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let sink = CollectingSink()
    let loop = EventLoop { monotonicNow() }
    let (link, lines) = try link(sink)
    loop.add(link)
    #expect(turn(loop) { sink.faults.count >= 3 })
    #expect(sink.faults.allSatisfy { $0 == .portMissing })
    #expect(lines.all.count == 1)
    try write("5000000\n")
    #expect(turn(loop) { !sink.levels.isEmpty })
    #expect(lines.all.count == 2)
  }

  @Test func `a file that hangs is a timeout and keeps nobody waiting`() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try write("12000000\n")
    // A named pipe that nobody writes to makes its reader wait, as a dead bus does.
    let pipe = folder.appending(path: "sys/class/power_supply/battery/hangs").path
    let made = unsafe mkfifo(pipe, 0o600)
    #expect(made == 0)
    let sink = CollectingSink()
    let (link, lines) = try link(sink, "hangs")
    let start = monotonicNow()
    link.wake(at: start)
    #expect(link.nextDeadline == start + BoardLink.timeout)
    link.wake(at: start + BoardLink.timeout)
    #expect(sink.faults == [.timeout])
    #expect(lines.all.count == 1)
    // Lets the reader go.
    let writer = unsafe open(pipe, O_WRONLY | O_NONBLOCK)
    if writer >= 0 { close(writer) }
  }
}
