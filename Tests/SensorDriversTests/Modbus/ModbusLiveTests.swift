import Observations
import Testing

@testable import SensorDrivers

/// Against pymodbus on a pseudo-terminal, in real time.
@Suite(.enabled(if: ModbusPeer.isExpected, "there is no .python: see Tests/requirements.txt"), .serialized)
struct ModbusLiveTests {
  private static let line = SerialLine(baud: 9600)
  /// How long an answer may take: far longer than a busy machine withholds its processors from test and peer.
  private static let timeout = TimeSpan.seconds(1)

  private static func points(every: TimeSpan) -> [ModbusPoint] {
    (1...3).map { .register(unit: $0, address: 5, every: every, timeout: timeout, retries: 0) }
  }

  @Test func `three units are polled on their grid`() throws {
    let peer = try ModbusPeer(["--units", "1,2,3", "--pace", "9600"])
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: Self.points(every: .milliseconds(200)))
    let start = LiveLoop.now
    #expect(loop.run(seconds: 60) { $0.count >= 30 })
    #expect(LiveLoop.now - start >= .milliseconds(1800))
    for unit in 1...3 {
      let values = loop.observations.values(of: SensorID("\(unit)-5"))
      #expect(values.count >= 9)
      #expect(values.allSatisfy { $0.thousandths == Int64(unit) * 1000 + 5 })
    }
    #expect(loop.observations.allSatisfy { if case .reading = $0.observation { true } else { false } })
  }

  @Test func `every type is read as pymodbus keeps it`() throws {
    // 12.5 as a float is 4148 0000; -200 as 32 bits is FFFF FF38.
    let peer = try ModbusPeer([
      "--set", "1:0=16712", "--set", "1:1=0", "--set", "1:2=65336", "--set", "1:3=65535", "--set", "1:4=65336",
    ])
    func point(_ address: UInt16, _ type: ModbusNumberType, _ order: ModbusWordOrder) -> ModbusPoint {
      ModbusPoint(
        sensor: SensorID("\(type.rawValue)"), quantity: .waterLevel, unit: 1,
        table: address == 0 ? .holding : .input, address: address, type: type, wordOrder: order, every: .seconds(1),
        timeout: Self.timeout)
    }
    let points = [point(0, .float32, .abcd), point(2, .int32, .cdab), point(4, .int16, .abcd)]
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: points)
    #expect(loop.run(seconds: 60) { $0.count >= 3 })
    let expected = [("float32", 12_500), ("int32", -200_000), ("int16", -200_000)] as [(SensorID, Int64)]
    for (sensor, thousandths) in expected {
      #expect(loop.observations.values(of: sensor).first?.thousandths == thousandths)
    }
  }

  @Test(arguments: [
    ("silent 2", FaultCause.timeout), ("garble 2", .garbledReply), ("delay 2 1.8", .lateReply),
  ])
  func `one failing unit is named by its fault while the others answer, and it comes back`(
    command: String, cause: FaultCause
  ) throws {
    // Between two polls of the others there is time to ask a silent unit again.
    let peer = try ModbusPeer(["--units", "1,2,3"])
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: Self.points(every: .seconds(3)))
    #expect(loop.run(seconds: 60) { $0.values(of: "2-5").count >= 1 })
    try peer.tell(command)
    #expect(loop.run(seconds: 60) { !$0.faults(of: "2-5").isEmpty })
    #expect(Set(loop.observations.faults(of: "2-5")) == [cause])
    #expect(loop.observations.faults(of: "1-5").isEmpty && loop.observations.faults(of: "3-5").isEmpty)
    loop.forget()
    try peer.tell("heal 2")
    #expect(loop.run(seconds: 60) { !$0.values(of: "2-5").isEmpty && $0.values(of: "1-5").count >= 3 })
  }

  @Test func `a register that does not exist, and a unit that does not, answer exceptions`() throws {
    let peer = try ModbusPeer(["--units", "1"])
    let points = [(1, 200), (9, 0), (1, 0)].map { unit, address in
      ModbusPoint.register(unit: unit, address: address, timeout: Self.timeout)
    }
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: points)
    #expect(loop.run(seconds: 60) { $0.count >= 3 })
    #expect(loop.observations.faults(of: "1-200").first == .deviceException)
    #expect(loop.observations.faults(of: "9-0").first == .deviceException)
    #expect(loop.observations.values(of: "1-0").first?.thousandths == 1000)
  }

  @Test func `contacts are read at once, and coils and registers are switched and read back, as pymodbus keeps them`()
    throws
  {
    let peer = try ModbusPeer(["--units", "1,2", "--pace", "9600"])
    try peer.tell("bit 1 5 1")
    let points = [
      ModbusPoint.contact(unit: 1, address: 4, every: .milliseconds(200)),
      .contact(unit: 1, address: 5, every: .milliseconds(200)),
      .contact(unit: 2, table: .coil, address: 7, every: .milliseconds(200)),
      .register(unit: 2, address: 9, every: .milliseconds(200)),
    ]
    let outputs = [
      ModbusOutput(output: "siren", unit: 2, target: .coil(7, onWhenSet: true), isSafeOn: false),
      ModbusOutput(output: "lamp", unit: 2, target: .register(9, on: 321, off: 5), isSafeOn: false),
    ]
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: points, outputs: outputs)
    #expect(loop.run(seconds: 60) { $0.contacts(of: "contact-2-7").count >= 2 })
    #expect(loop.observations.contacts(of: "contact-1-4").last == false)
    #expect(loop.observations.contacts(of: "contact-1-5").last == true)
    #expect(loop.observations.contacts(of: "contact-2-7").last == false)
    #expect(loop.observations.values(of: "2-9").last?.thousandths == 5)
    loop.command("siren", on: true)
    loop.command("lamp", on: true)
    loop.forget()
    let isSeen = loop.run(seconds: 60) {
      $0.contacts(of: "contact-2-7").contains(true) && $0.values(of: "2-9").contains(Measure(thousandths: 321))
    }
    #expect(isSeen)
    #expect(
      loop.reports.filter { $0.state == .standing(on: true) }.map(\.output).sorted { $0.text < $1.text } == [
        "lamp", "siren",
      ])
  }

  @Test func `a device that refuses a range is read one by one`() throws {
    let peer = try ModbusPeer(["--units", "1"])
    try peer.tell("single 1")
    let points = (0..<3).map { ModbusPoint.register(unit: 1, address: $0, timeout: Self.timeout) }
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: points)
    #expect(loop.run(seconds: 60) { $0.values(of: "1-2").count >= 2 })
    #expect(loop.bus.counters.exceptions == 1)
    #expect(loop.observations.faults(of: "1-0").isEmpty)
  }

  @Test func `the line goes away when the peer does`() throws {
    let peer = try ModbusPeer(["--units", "1,2,3"])
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: Self.points(every: .milliseconds(500)))
    #expect(loop.run(seconds: 60) { $0.count >= 3 })
    peer.stop()
    #expect(loop.run(seconds: 60) { $0.faults(of: "1-5").contains(.portLost) })
    #expect(loop.observations.faults(of: "3-5").last == .portLost)
  }
}
