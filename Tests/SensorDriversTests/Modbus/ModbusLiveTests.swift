import Observations
import Testing

@testable import SensorDrivers

/// Against pymodbus on a pseudo-terminal, in real time.
@Suite(.enabled(if: ModbusPeer.isExpected, "there is no .python: see Tests/requirements.txt"), .serialized)
struct ModbusLiveTests {
  private static let line = SerialLine(baud: 9600)

  private static func points(every: TimeSpan) -> [ModbusPoint] {
    (1...3).map { .register(unit: $0, address: 5, every: every, retries: 0) }
  }

  @Test func `three units are polled on their grid`() throws {
    let peer = try ModbusPeer(["--units", "1,2,3", "--pace", "9600"])
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: Self.points(every: .milliseconds(200)))
    let start = LiveLoop.now
    #expect(loop.run(seconds: 20) { $0.count >= 30 })
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
        table: address == 0 ? .holding : .input, address: address, type: type, wordOrder: order, every: .seconds(1))
    }
    let points = [point(0, .float32, .abcd), point(2, .int32, .cdab), point(4, .int16, .abcd)]
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: points)
    #expect(loop.run(seconds: 10) { $0.count >= 3 })
    let expected = [("float32", 12_500), ("int32", -200_000), ("int16", -200_000)] as [(SensorID, Int64)]
    for (sensor, thousandths) in expected {
      #expect(loop.observations.values(of: sensor).first?.thousandths == thousandths)
    }
  }

  @Test(arguments: [
    ("silent 2", FaultCause.timeout), ("garble 2", .garbledReply), ("delay 2 0.6", .lateReply),
  ])
  func `one failing unit is named by its fault while the others answer, and it comes back`(
    command: String, cause: FaultCause
  ) throws {
    let peer = try ModbusPeer(["--units", "1,2,3"])
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: Self.points(every: .milliseconds(500)))
    #expect(loop.run(seconds: 10) { $0.values(of: "2-5").count >= 1 })
    try peer.tell(command)
    #expect(loop.run(seconds: 10) { !$0.faults(of: "2-5").isEmpty })
    #expect(Set(loop.observations.faults(of: "2-5")) == [cause])
    #expect(loop.observations.faults(of: "1-5").isEmpty && loop.observations.faults(of: "3-5").isEmpty)
    loop.forget()
    try peer.tell("heal 2")
    #expect(loop.run(seconds: 10) { !$0.values(of: "2-5").isEmpty })
    #expect(loop.observations.values(of: "1-5").count >= 3)
  }

  @Test func `a register that does not exist, and a unit that does not, answer exceptions`() throws {
    let peer = try ModbusPeer(["--units", "1"])
    let points = [
      ModbusPoint.register(unit: 1, address: 200), .register(unit: 9, address: 0), .register(unit: 1, address: 0),
    ]
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: points)
    #expect(loop.run(seconds: 10) { $0.count >= 3 })
    #expect(loop.observations.faults(of: "1-200").first == .deviceException)
    #expect(loop.observations.faults(of: "9-0").first == .deviceException)
    #expect(loop.observations.values(of: "1-0").first?.thousandths == 1000)
  }

  @Test func `the line goes away when the peer does`() throws {
    let peer = try ModbusPeer(["--units", "1,2,3"])
    var loop = try LiveLoop(path: peer.path, line: Self.line, points: Self.points(every: .milliseconds(500)))
    #expect(loop.run(seconds: 10) { $0.count >= 3 })
    peer.stop()
    #expect(loop.run(seconds: 10) { $0.faults(of: "1-5").contains(.portLost) })
    #expect(loop.observations.faults(of: "3-5").last == .portLost)
  }
}
