import Foundation
import Observations
import Testing

@testable import SensorDrivers

/// What a driver does and says in answer to a line's bytes, kept in a file for each driver: `Golden/NAME.txt`.
///
/// A line of such a file is a time in seconds and what happened then: `< text` bytes that came, `> text` what was sent,
/// `> break` and `> mark` where a break begins and ends, `= sensor value` or `= sensor fault cause` what is observed.
/// Bytes that are not printable are written as `\0D`. Only the lines with `<` are read; all others must come out again. With
/// `MIMAMORI_WRITE_EXPECTED` naming a folder, what comes out is written there, to be read and compared by a person.
@Suite struct GoldenTests {
  static let drivers: [(name: String, make: @Sendable () throws -> any SerialDriver)] = [
    ("sdi-12", sdi12), ("maxbotix", maxBotix), ("a02yyuw", ultrasonic), ("line", line), ("line-polled", polled),
  ]

  @Sendable private static func sdi12() throws -> any SerialDriver {
    let longest = TimeSpan.seconds(10)
    return SDI12Bus(
      line: SerialLine(baud: 1200, dataBits: 7, parity: .even),
      points: [
        .point("0", crc: true, every: .seconds(20), longest: longest, identity: "MAKER"),
        .point("0", crc: true, value: 3, every: .seconds(20), longest: longest, identity: "MAKER"),
        .point("1", "C", every: .seconds(20), longest: longest), .point("2", every: .seconds(20), longest: longest),
      ])
  }

  @Sendable private static func maxBotix() throws -> any SerialDriver {
    MaxBotixSensor(
      sensor: "canal-1", mountHeight: Measure(thousandths: 4200), output: .millimetres, noTarget: 5000,
      leastDistance: Measure(thousandths: 300))
  }

  @Sendable private static func ultrasonic() throws -> any SerialDriver {
    UltrasonicSensor(sensor: "canal-1", mountHeight: Measure(thousandths: 4200))
  }

  @Sendable private static func line() throws -> any SerialDriver {
    let pattern = try LinePattern("${begin}RDR,{distance},{temperature},{status:OK}{end}*{checksum:xor}")
    return LineSensors(points: [
      LinePoint(sensor: "pond-1", quantity: .waterLevel, pattern: pattern, field: 0, scale: -1, offset: 4.2),
      LinePoint(sensor: "pond-2", quantity: .temperature, pattern: pattern, field: 1),
    ])
  }

  @Sendable private static func polled() throws -> any SerialDriver {
    func point(_ name: SensorID, _ request: String, _ pattern: String) throws -> LinePoint {
      LinePoint(
        sensor: name, quantity: .waterLevel, pattern: try LinePattern(pattern), scale: 0.01,
        poll: LinePoint.Poll(request: Array(request.utf8), every: .seconds(5), timeout: .milliseconds(500)))
    }
    return LineSensors(points: [
      try point("gate-1", "LV1?\r", "LV1 {value} cm"), try point("gate-2", "LV2?\r", "LV2 {value} cm"),
    ])
  }

  private static func file(_ name: String) -> URL {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name).txt")
  }

  @Test(arguments: drivers.map(\.name))
  func `a driver does and says what its file says`(name: String) throws {
    let text = try String(contentsOf: Self.file(name), encoding: .utf8)
    let make = try #require(Self.drivers.first { $0.name == name }).make
    var transcript = Transcript(driver: try make())
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    for line in lines {
      let parts = line.split(separator: " ", maxSplits: 2)
      guard parts.count == 3, parts[1] == "<" else { continue }
      let milliseconds = try #require(Double(parts[0])) * 1000
      try transcript.receive(String(parts[2]), at: .at(milliseconds: Int64(milliseconds.rounded())))
    }
    let actual = transcript.lines.joined(separator: "\n") + "\n"
    if let folder = ProcessInfo.processInfo.environment["MIMAMORI_WRITE_EXPECTED"] {
      let comments = text.split(separator: "\n").filter { $0.hasPrefix("#") }.joined(separator: "\n")
      try "\(comments)\n\(actual)".write(toFile: "\(folder)/\(name).txt", atomically: true, encoding: .utf8)
      Issue.record("Wrote \(name).txt: read it, then run again without MIMAMORI_WRITE_EXPECTED")
    }
    #expect(actual == lines.joined(separator: "\n") + "\n")
  }
}

/// A driver in virtual time, and everything that passed between it and the world.
private struct Transcript {
  private var driver: any SerialDriver
  private var actions = DriverActions()
  private(set) var lines: [String] = []

  init(driver: any SerialDriver) {
    self.driver = driver
    self.driver.opened(at: .at(milliseconds: 0), into: &actions)
    note(at: .at(milliseconds: 0))
  }

  mutating func receive(_ text: String, at time: MonotonicTime) throws {
    // Where bytes and a deadline come together, the bytes go first.
    while let deadline = driver.nextDeadline, deadline < time {
      driver.wake(at: deadline, into: &actions)
      note(at: deadline)
    }
    lines.append("\(Self.seconds(time)) < \(text)")
    let bytes = try Self.unescape(text)
    driver.received(bytes.span, at: time, into: &actions)
    note(at: time)
  }

  private mutating func note(at time: MonotonicTime) {
    let clock = Self.seconds(time)
    for timed in actions.observations {
      switch timed.observation {
      case .reading(let sensor, let value): lines.append("\(clock) = \(sensor) \(value)")
      case .fault(let sensor, let cause): lines.append("\(clock) = \(sensor) fault \(cause)")
      default: lines.append("\(clock) = \(timed.observation)")
      }
    }
    if let lineBreak = actions.lineBreak { lines.append("\(clock) > \(lineBreak == .begin ? "break" : "mark")") }
    if !actions.transmit.isEmpty { lines.append("\(clock) > \(Self.escape(actions.transmit))") }
    if actions.reopen { lines.append("\(clock) > reopen") }
    actions.removeAll()
  }

  private static func seconds(_ time: MonotonicTime) -> String {
    String(format: "%.3f", Double(time.nanoseconds) / 1e9)
  }

  private static func escape(_ bytes: [UInt8]) -> String {
    bytes.map { (0x20...0x7E).contains($0) && $0 != 0x5C ? String(UnicodeScalar($0)) : String(format: "\\%02X", $0) }
      .joined()
  }

  private static func unescape(_ text: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      bytes.append(try #require(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)))
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}
