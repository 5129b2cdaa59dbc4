import Foundation
import Glibc
import Observations
import SensorDrivers

/// A Modbus server that others wrote, in a process of its own at the far end of a pseudo-terminal.
final class ModbusPeer {
  private static let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  private static let python = checkout.appending(path: ".python/bin/python")

  /// Whether Python's packages are there, or must be.
  static var isExpected: Bool {
    FileManager.default.isExecutableFile(atPath: python.path) || ProcessInfo.processInfo.environment["CI"] == "true"
  }

  /// What the gateway opens.
  let path: String
  private let process = Process()
  private let commands = Pipe()
  private let answers = Pipe()

  init(_ arguments: [String]) throws {
    process.executableURL = Self.python
    process.arguments = [Self.checkout.appending(path: "Tests/Peers/modbus_server.py").path, "--until-eof"] + arguments
    process.standardInput = commands
    process.standardOutput = answers
    try process.run()
    var line: [UInt8] = []
    while let byte = try answers.fileHandleForReading.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") {
      line.append(byte)
    }
    let words = String(decoding: line, as: UTF8.self).split(separator: " ")
    guard words.count == 2, words[0] == "READY" else {
      process.terminate()
      throw CocoaError(.executableLoad)
    }
    path = String(words[1])
  }

  deinit { stop() }

  /// Tells it what to do wrong, as its own documentation says.
  func tell(_ command: String) throws {
    try commands.fileHandleForWriting.write(contentsOf: Data("\(command)\n".utf8))
  }

  func stop() {
    try? commands.fileHandleForWriting.close()
    if process.isRunning { process.waitUntilExit() }
  }
}

/// A driver on a real port in real time: a small event loop for tests.
struct LiveLoop: ~Copyable {
  let port: SerialPort
  var bus: ModbusBus
  private(set) var observations: [TimedObservation] = []
  private(set) var reports: [OutputReport] = []
  private(set) var isLost = false

  init(path: String, line: SerialLine, points: [ModbusPoint], outputs: [ModbusOutput] = []) throws {
    port = try SerialPort(path: path, line: line)
    bus = ModbusBus(line: line, points: points, outputs: outputs)
    var actions = DriverActions()
    bus.opened(at: Self.now, into: &actions)
  }

  /// An output is to be switched: what that sends goes out at the next turn.
  mutating func command(_ output: OutputID, on: Bool) {
    var actions = DriverActions()
    bus.command(output, on: on, at: Self.now, into: &actions)
    if !actions.transmit.isEmpty { _ = port.write(actions.transmit.span) }
  }

  static var now: MonotonicTime {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  /// Runs until `isDone` says so, or for so many seconds. Returns whether it said so.
  mutating func run(seconds: Int64, until isDone: ([TimedObservation]) -> Bool) -> Bool {
    let end = Self.now + .seconds(seconds)
    var actions = DriverActions()
    var buffer = [UInt8](repeating: 0, count: 512)
    while Self.now < end, !isLost {
      if isDone(observations) { return true }
      let wait = min((bus.nextDeadline ?? end) - Self.now, end - Self.now)
      _ = awaitReadable(port.fileDescriptor, milliseconds: Int32(max(wait.milliseconds + 1, 0)))
      var span = buffer.mutableSpan
      switch port.read(into: &span) {
      case .bytes(let count): bus.received(buffer.span.extracting(0..<count), at: Self.now, into: &actions)
      case .nothing: break
      case .lost(let error):
        isLost = true
        bus.failed(error.cause, at: Self.now, into: &actions)
      }
      if let deadline = bus.nextDeadline, deadline <= Self.now { bus.wake(at: Self.now, into: &actions) }
      if !actions.transmit.isEmpty { _ = port.write(actions.transmit.span) }
      observations += actions.observations
      reports += actions.outputs
      actions.removeAll()
    }
    return isDone(observations)
  }

  mutating func forget() { observations.removeAll() }
}
