import Observations
import Testing

@testable import SensorDrivers

@Suite struct `A device whose identity is configured` {
  private static let turnaround = TimeSpan.milliseconds(5)
  private static let identity = ModbusIdentity(
    unit: 1, table: .holding, address: 40, type: .uint16, wordOrder: .abcd, value: 4711)

  private func answer(_ request: ModbusRequest, identity: UInt16?) -> [UInt8] {
    guard request.table == .holding, request.address == 40 else { return honestAnswer(request) }
    guard let identity else { return exceptionAnswer(request, .illegalDataAddress) }
    var bytes: [UInt8] = []
    request.encodeAnswer([identity], into: &bytes)
    return bytes
  }

  private static let points = [ModbusPoint.register(unit: 1), .register(unit: 1, address: 9), .register(unit: 2)]

  @Test func `is asked who it is once, before anything else`() {
    var line = VirtualLine(points: Self.points, identities: [Self.identity]) { request, _ in
      [(Self.turnaround, answer(request, identity: 4711))]
    }
    line.run(until: .at(milliseconds: 59_500))
    #expect(line.requests.first { $0.request.unit == 1 }?.request.address == 40)
    #expect(line.requests.count { $0.request.address == 40 } == 1)
    for sensor in ["1-0", "1-9", "2-0"] as [SensorID] { #expect(line.observations.values(of: sensor).count == 60) }
  }

  @Test(arguments: [1234, nil] as [UInt16?])
  func `is a wrong device if it says otherwise, and is not believed until the right one is there`(other: UInt16?) {
    var line = VirtualLine(points: Self.points, identities: [Self.identity]) { request, sent in
      [(Self.turnaround, answer(request, identity: sent < .at(milliseconds: 35_000) ? other : 4711))]
    }
    line.run(until: .at(milliseconds: 34_900))
    for sensor in ["1-0", "1-9"] as [SensorID] {
      #expect(Set(line.observations.faults(of: sensor)) == [.wrongDevice])
      #expect((3...5).contains(line.observations.faults(of: sensor).count))
      #expect(line.observations.values(of: sensor).isEmpty)
    }
    #expect(line.observations.values(of: "2-0").count == 35)
    line.run(until: .at(milliseconds: 60_000))
    #expect(line.observations.values(of: "1-9").count >= 19)
  }

  @Test func `has to show it again after a silence`() {
    var line = VirtualLine(points: Self.points, identities: [Self.identity]) { request, sent in
      if request.unit == 1, sent >= .at(milliseconds: 10_000), sent < .at(milliseconds: 20_000) { return [] }
      return [(Self.turnaround, answer(request, identity: sent < .at(milliseconds: 10_000) ? 4711 : 1))]
    }
    line.run(until: .at(milliseconds: 90_000))
    let faults = line.observations.faults(of: "1-0")
    #expect(faults.first == .timeout && faults.last == .wrongDevice)
    #expect(line.values(of: "1-0", from: .at(milliseconds: 10_100), to: .at(milliseconds: 90_000)).isEmpty)
  }

  @Test func `is not written to while another is there`() {
    let output = ModbusOutput(output: "siren", unit: 1, target: .coil(0, onWhenSet: true), isSafeOn: false)
    var line = VirtualLine(points: [.register(unit: 2)], outputs: [output], identities: [Self.identity]) {
      request, sent in
      [(Self.turnaround, answer(request, identity: sent < .at(milliseconds: 15_000) ? 1 : 4711))]
    }
    line.command("siren", on: true)
    line.run(until: .at(milliseconds: 14_000))
    #expect(!line.requests.contains { $0.request.written != nil })
    #expect(line.reports.map(\.report.state) == [.failed(.wrongDevice)])
    line.run(until: .at(milliseconds: 30_000))
    #expect(line.requests.contains { $0.request.written == 0xFF00 })
  }
}
