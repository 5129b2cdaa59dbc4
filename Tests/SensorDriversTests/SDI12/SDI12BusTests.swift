import Observations
import Testing

@testable import SensorDrivers

@Suite struct SDI12BusTests {
  private typealias Answers = [(delay: TimeSpan, text: String)]
  private static let soon = TimeSpan.milliseconds(9)

  /// Devices that answer each command at once, by a table.
  private static func table(_ answers: [String: String]) -> VirtualSDI12.Devices {
    { command, _ in answers[command].map { [(soon, $0)] } ?? [] }
  }

  @Test func `each conversation begins with a break of 12 ms or more and 8,33 ms or more of marking`() {
    var line = VirtualSDI12(points: [.point("0")], devices: Self.table(["0M!": "00001", "0D0!": "0+3.14"]))
    line.run(seconds: 35)
    #expect(line.observations.values(of: "0m").map(\.thousandths) == [3140, 3140, 3140, 3140])
    #expect(line.commands.map(\.text) == ["0M!", "0D0!", "0M!", "0D0!", "0M!", "0D0!", "0M!", "0D0!"])
    #expect(line.breaks.count == 4)
    for (brk, command) in zip(line.breaks, line.commands.enumerated().filter { $0.offset % 2 == 0 }) {
      let end = brk.end ?? brk.begin
      #expect((end - brk.begin) >= .milliseconds(12) && (end - brk.begin) <= .milliseconds(40))
      #expect((command.element.time - end) >= TimeSpan(nanoseconds: 8_730_000))
      #expect((command.element.time - end) < .milliseconds(87))
    }
    #expect(line.commands.map(\.time.nanoseconds).enumerated().allSatisfy { $1 / 10_000_000_000 == Int64($0 / 2) })
    #expect(line.bus.counters.frames == 8 && line.bus.counters.timeouts == 0)
  }

  @Test func `an adapter that makes its own break gets commands only`() {
    var line = VirtualSDI12(
      points: [.point("0")], sendsBreak: false, devices: Self.table(["0M!": "00001", "0D0!": "0+3.14"]))
    line.run(seconds: 5)
    #expect(line.breaks.isEmpty)
    #expect(line.observations.values(of: "0m").count == 1)
    // It makes its own breaks and repetitions, and hands the answer on as a whole.
    var slow = VirtualSDI12(points: [.point("0")], sendsBreak: false) { command, _ in
      [(.milliseconds(1400), command == "0M!" ? "00001" : "0+3.14")]
    }
    slow.run(seconds: 5)
    #expect(slow.observations.values(of: "0m").count == 1 && slow.commands.count == 2)
    slow.devices = Self.table([:])
    slow.run(seconds: 10)
    #expect(slow.commands.count == 5 && slow.observations.faults(of: "0m") == [.timeout])
  }

  @Test func `values of one measurement go to several sensors, gathered from D0 to D2`() {
    let answers = ["0MC!": "00005", "0D0!": "0+1.1-2.2", "0D1!": "0+3.3", "0D2!": "0+4.4+5.5"]
    let withChecks = answers.mapValues { $0.hasPrefix("0+") ? withChecksum($0) : $0 }
    let points = (1...6).map { SDI12Point.point("0", crc: true, value: $0) }
    var line = VirtualSDI12(points: points, devices: Self.table(withChecks))
    line.run(seconds: 5)
    #expect(line.commands.map(\.text) == ["0MC!", "0D0!", "0D1!", "0D2!"])
    #expect(line.breaks.count == 1)
    let names = ["0m", "0m-2", "0m-3", "0m-4", "0m-5"] as [SensorID]
    #expect(names.flatMap { line.observations.values(of: $0) }.map(\.thousandths) == [1100, -2200, 3300, 4400, 5500])
    #expect(line.observations.faults(of: "0m-6") == [.missingValue])
  }

  @Test func `a service request ends the wait, and no other device is asked meanwhile`() {
    var line = VirtualSDI12(points: [.point("0"), .point("1")]) { command, _ in
      switch command {
      case "0M!": [(Self.soon, "00051"), (.milliseconds(2000), "0")]
      case "0D0!": [(Self.soon, "0+1")]
      case "1M!": [(Self.soon, "10001")]
      case "1D0!": [(Self.soon, "1+2")]
      default: []
      }
    }
    line.run(seconds: 9)
    #expect(line.commands.map(\.text) == ["0M!", "0D0!", "1M!", "1D0!"])
    // The values are asked for at once, without a break; the other device waits for it.
    let request = line.commands[1].time
    #expect(request - line.commands[0].time < .milliseconds(2200))
    #expect(line.breaks.count == 2 && line.breaks[1].begin > request)
    #expect(line.observations.values(of: "0m").count == 1 && line.observations.values(of: "1m").count == 1)
  }

  @Test func `without a service request the values are asked for when their time is over, after a break`() {
    var line = VirtualSDI12(
      points: [.point("0")], devices: Self.table(["0M!": "00031", "0D0!": "0+1"]))
    line.run(seconds: 9)
    #expect(line.commands.map(\.text) == ["0M!", "0D0!"])
    #expect(line.commands[1].time - line.commands[0].time >= .seconds(3))
    #expect(line.breaks.count == 2)
    #expect(line.observations.values(of: "0m").count == 1)
  }

  @Test func `others are asked during a concurrent measurement, but not the same device`() {
    let points = [SDI12Point.point("0", "C"), .point("0", "M1"), .point("1")]
    var line = VirtualSDI12(
      points: points,
      devices: Self.table([
        "0C!": "000301", "0M1!": "00001", "0D0!": "0+7", "1M!": "10001", "1D0!": "1+2",
      ]))
    line.run(seconds: 9)
    #expect(line.commands.map(\.text) == ["0C!", "1M!", "1D0!", "0D0!", "0M1!", "0D0!"])
    #expect(line.commands[3].time - line.commands[0].time >= .seconds(3))
    #expect(line.observations.faults(of: "0c").isEmpty && line.observations.values(of: "0c").count == 1)
    #expect(line.observations.values(of: "1m").count == 1 && line.observations.values(of: "0m1").count == 1)
  }

  @Test func `continuous measurements are answered with values at once`() {
    var line = VirtualSDI12(points: [.point("0", "R0", value: 2)], devices: Self.table(["0R0!": "0+1+2.5"]))
    line.run(seconds: 5)
    #expect(line.commands.map(\.text) == ["0R0!"])
    #expect(line.observations.values(of: "0r0-2").map(\.thousandths) == [2500])
  }

  @Test func `a silent device is asked four times, each after a break, then left alone for longer and longer`() {
    var line = VirtualSDI12(points: [.point("0", every: .seconds(1))], devices: Self.table([:]))
    line.run(until: .at(milliseconds: 1500))
    #expect(line.commands.count == 4 && line.breaks.count == 4)
    #expect(line.observations.faults(of: "0m") == [.timeout])
    let gaps = zip(line.commands, line.commands.dropFirst()).map { $1.time - $0.time }
    #expect(gaps.allSatisfy { $0 > TimeSpan(nanoseconds: 16_670_000) })
    // The second sending begins more than 100 ms after the first break.
    #expect(line.commands[1].time - (line.breaks[0].end ?? line.now) > .milliseconds(100))
    line.run(until: .at(milliseconds: 600_000))
    #expect((18...25).contains(line.observations.faults(of: "0m").count), "\(line.observations.count)")
    #expect(Set(line.observations.faults(of: "0m")) == [.timeout])
    #expect(line.bus.counters.timeouts >= 20)
  }

  @Test func `a dead device costs a live one nothing`() {
    let answers = Self.table(["1M!": "10001", "1D0!": "1+2"])
    var alone = VirtualSDI12(points: [.point("1", every: .seconds(2))], devices: answers)
    var both = VirtualSDI12(
      points: [.point("0", every: .seconds(2)), .point("1", every: .seconds(2))], devices: answers)
    alone.run(until: .at(milliseconds: 300_000))
    both.run(until: .at(milliseconds: 300_000))
    let count = alone.observations.values(of: "1m").count
    #expect(both.observations.values(of: "1m").count == count && count >= 149)
    #expect(both.observations.faults(of: "1m").isEmpty)
  }

  @Test func `a device that comes back is measured at its own rate again`() {
    var line = VirtualSDI12(points: [.point("0", every: .seconds(2))], devices: Self.table([:]))
    line.run(seconds: 100)
    line.devices = Self.table(["0M!": "00001", "0D0!": "0+1"])
    line.run(seconds: 40)
    #expect(line.observations.values(of: "0m").count >= 4)
    #expect(line.bus.devices[0].isTrusted)
  }

  @Test(arguments: [
    ("0M!", "0001"), ("0M!", "10001"), ("0M!", "0+1"), ("0D0!", "1+1"), ("0D0!", "0+1x"), ("0D0!", "0\u{0}+1"),
    ("0D0!", "0+1\u{0}"),
  ])
  func `an answer of wrong form or parity is asked for again, and garbled in the end`(command: String, answer: String) {
    var answers = ["0M!": "00001", "0D0!": "0+1"]
    answers[command] = answer
    var line = VirtualSDI12(points: [.point("0")], devices: Self.table(answers))
    line.run(seconds: 4)
    #expect(line.observations.values(of: "0m").isEmpty)
    #expect(line.observations.faults(of: "0m").first == .garbledReply)
    #expect(line.commands.count { $0.text == command } >= 4)
    #expect(line.bus.counters.checksumErrors >= 4)
  }

  @Test func `values with a wrong checksum are asked for again`() {
    var asked = 0
    var line = VirtualSDI12(points: [.point("0", crc: true)]) { command, _ in
      if command == "0MC!" { return [(Self.soon, "00001")] }
      asked += 1
      return [(Self.soon, asked < 3 ? "0+3.15OqZ" : "0+3.14OqZ")]
    }
    line.run(seconds: 4)
    #expect(line.observations.values(of: "0m").map(\.thousandths) == [3140])
    #expect(line.observations.faults(of: "0m").isEmpty)
    #expect(line.bus.counters.checksumErrors == 2)
  }

  @Test(
    arguments: [
      (["0M!": "00000"], FaultCause.noData), (["0M!": "00001", "0D0!": "0"], .noData), (["0M!": "00601"], .tooSlow),
      (["0M!": "00001", "0D0!": "0+99999999999"], .outOfRange),
    ] as [([String: String], FaultCause)])
  func `a device that answers without a value is named by its fault`(answers: [String: String], cause: FaultCause) {
    let point = SDI12Point.point("0", every: .seconds(2))
    var scaled = point
    scaled.scale = 1e6
    var line = VirtualSDI12(points: [scaled], devices: Self.table(answers))
    line.run(seconds: 3)
    #expect(line.observations.faults(of: "0m") == [cause, cause])
    #expect(line.observations.values(of: "0m").isEmpty)
  }

  @Test func `another device at the address is a wrong device, until the right one is back`() {
    var name = "013OTHER   MODEL 100"
    var line = VirtualSDI12(points: [.point("0", every: .seconds(2), identity: "METER   TER21")]) { command, _ in
      switch command {
      case "0I!": [(Self.soon, name)]
      case "0M!": [(Self.soon, "00001")]
      case "0D0!": [(Self.soon, "0+1")]
      default: []
      }
    }
    line.run(seconds: 1)
    #expect(line.observations.faults(of: "0m") == [.wrongDevice])
    #expect(!line.commands.contains { $0.text == "0M!" })
    name = "013METER   TER21 106"
    line.devices = { [name] command, _ in
      switch command {
      case "0I!": [(Self.soon, name)]
      case "0M!": [(Self.soon, "00001")]
      case "0D0!": [(Self.soon, "0+1")]
      default: []
      }
    }
    line.run(seconds: 10)
    #expect(line.observations.values(of: "0m").count >= 3)
    #expect(line.commands.count { $0.text == "0I!" } == 2)
  }

  @Test func `adapters that send commands back, and late bytes of them, are tolerated`() {
    var line = VirtualSDI12(points: [.point("0")]) { command, _ in
      switch command {
      case "0M!": [(.milliseconds(1), "0M!\u{0}00001")]
      case "0D0!": [(.milliseconds(60), "0D0!0+1")]
      default: []
      }
    }
    line.run(seconds: 4)
    #expect(line.observations.values(of: "0m").count == 1)
    #expect(line.commands.count == 2)
  }

  @Test func `a port that fails is a fault of all, and what was under way is void when it is back`() {
    var bus = SDI12Bus(line: VirtualSDI12.line, points: [.point("0"), .point("1")])
    var actions = DriverActions()
    bus.opened(at: .at(milliseconds: 0), into: &actions)
    #expect(actions.lineBreak == .begin)
    actions.removeAll()
    bus.failed(.portLost, at: .at(milliseconds: 5), into: &actions)
    #expect(
      actions.observations.faults(of: "0m") == [.portLost] && actions.observations.faults(of: "1m") == [.portLost])
    #expect(bus.nextDeadline == nil)
    actions.removeAll()
    bus.wake(at: .at(milliseconds: 30), into: &actions)
    #expect(actions.lineBreak == nil && actions.transmit.isEmpty)
    bus.opened(at: .at(milliseconds: 1000), into: &actions)
    #expect(actions.lineBreak == .begin && bus.nextDeadline == .at(milliseconds: 1025))
  }

  @Test func `ten minutes without any answer ask for the port to be opened again`() {
    var line = VirtualSDI12(points: [.point("0")], devices: Self.table([:]))
    line.run(until: .at(milliseconds: 601_000))
    #expect(line.reopenings == 1)
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `whatever noise comes, deadlines move on and no false value is told`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let answer = withChecksum("0+1")
    var line = VirtualSDI12(points: [.point("0", crc: true, every: .seconds(1)), .point("1", "C", every: .seconds(1))])
    {
      command, _ in
      switch command {
      case "0MC!": [(Self.soon, "00011"), (.milliseconds(400), "0")]
      case "0D0!": [(Self.soon, answer)]
      default: []
      }
    }
    for _ in 0..<300 {
      let moment = line.now + .milliseconds(Int64.random(in: 1...1500, using: &generator))
      let noise = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      line.inject(noise, at: moment)
      line.run(until: moment)
    }
    #expect(Set(line.observations.values(of: "0m").map(\.thousandths)).isSubset(of: [1000]))
    #expect(line.observations.values(of: "1c").isEmpty)
    let before = line.observations.values(of: "0m").count
    line.run(seconds: 40)
    #expect(line.observations.values(of: "0m").count > before + 5)
  }
}
