import Observations
import Testing

@testable import SensorDrivers

@Suite struct `Registers beside each other` {
  private static let turnaround = TimeSpan.milliseconds(5)

  private func ranges(_ points: [ModbusPoint], gap: Int?) -> [[Int]] {
    ModbusRange.ranges(of: points, gap: gap).map { [Int($0.unit), $0.start, $0.quantity] + $0.members }
  }

  @Test func `are one range if unit, table and interval are the same`() {
    var long = ModbusPoint.register(unit: 1, address: 2)
    long.type = .float32
    var holding = ModbusPoint.register(unit: 1, address: 4)
    holding.table = .holding
    let points = [
      .register(unit: 1, address: 1), .register(unit: 2, address: 1), long, .register(unit: 1, address: 0),
      .register(unit: 1, address: 4, every: .seconds(2)), holding, .register(unit: 1, address: 4),
    ]
    #expect(ranges(points, gap: 0) == [[1, 0, 5, 3, 0, 2, 6], [2, 1, 1, 1], [1, 4, 1, 4], [1, 4, 1, 5]])
    #expect(ranges(points, gap: nil).count == points.count)
  }

  @Test func `may have registers between them that nobody wants, as many as is allowed`() {
    let points = [0, 5, 11, 20].map { ModbusPoint.register(unit: 1, address: $0) }
    #expect(ranges(points, gap: 0).count == 4)
    #expect(ranges(points, gap: 4) == [[1, 0, 6, 0, 1], [1, 11, 1, 2], [1, 20, 1, 3]])
    #expect(ranges(points, gap: 8) == [[1, 0, 21, 0, 1, 2, 3]])
  }

  @Test func `are as many as an answer can hold, and end with the last register`() {
    let points = (0..<130).map { ModbusPoint.register(unit: 1, address: $0) }
    #expect(ModbusRange.ranges(of: points, gap: 0).map(\.quantity) == [125, 5])
    let bits = (0..<2005).map { ModbusPoint.contact(unit: 1, address: $0) }
    #expect(ModbusRange.ranges(of: bits, gap: 0).map(\.quantity) == [2000, 5])
    let last = [ModbusPoint.register(unit: 1, address: 65_534), .register(unit: 1, address: 65_535)]
    #expect(ranges(last, gap: 100) == [[1, 65_534, 2, 0, 1]])
  }

  @Test func `are read with one request, each with its own number`() {
    var long = ModbusPoint.register(unit: 1, address: 4)
    long.type = .uint32
    let points = [.register(unit: 1, address: 7), long, .register(unit: 1, address: 1)]
    var line = VirtualLine(points: points, manners: ModbusLineManners(gap: 2)) { request, _ in
      [(Self.turnaround, honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 9500))
    #expect(line.requests.count == 10)
    #expect(Set(line.requests.map(\.request)) == [ModbusRequest(unit: 1, table: .input, address: 1, quantity: 7)])
    for (sensor, value) in [("1-1", 1001), ("1-4", 1004 << 16 + 1005), ("1-7", 1007)] as [(SensorID, Int64)] {
      #expect(line.observations.values(of: sensor) == [Measure](repeating: Measure(thousandths: value), count: 10))
    }
  }

  @Test(arguments: [ModbusException.illegalFunction, .illegalDataAddress, .illegalDataValue, .deviceFailure])
  func `are read one by one where the device refuses the range, without a fault`(exception: ModbusException) {
    let points = (0..<3).map { ModbusPoint.register(unit: 1, address: $0) } + [.register(unit: 2)]
    var line = VirtualLine(points: points, manners: ModbusLineManners()) { request, _ in
      [(Self.turnaround, request.quantity > 1 ? exceptionAnswer(request, exception) : honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 9500))
    for address in 0..<3 { #expect(line.observations.values(of: SensorID("1-\(address)")).count == 10) }
    #expect(line.observations.values(of: "2-0").count == 10)
    #expect(line.observations.allSatisfy { if case .reading = $0.observation { true } else { false } })
    #expect(line.requests.count { $0.request.quantity > 1 } == 1)
    #expect(line.bus.counters.exceptions == 1)
    // Another device may be there when the port is opened again.
    line.reopen()
    line.run(until: .at(milliseconds: 12_500))
    #expect(line.requests.count { $0.request.quantity > 1 } == 2)
  }

  @Test func `name the one register that the device does not have`() {
    let points = (0..<3).map { ModbusPoint.register(unit: 1, address: $0) }
    var line = VirtualLine(points: points, manners: ModbusLineManners()) { request, _ in
      let hasAll = request.address != 1 && request.quantity == 1
      return [(Self.turnaround, hasAll ? honestAnswer(request) : exceptionAnswer(request, .illegalDataAddress))]
    }
    line.run(until: .at(milliseconds: 9500))
    #expect(line.observations.faults(of: "1-1").count == 10)
    #expect(line.observations.values(of: "1-0").count == 10)
    #expect(line.observations.faults(of: "1-0").isEmpty && line.observations.faults(of: "1-2").isEmpty)
  }

  @Test func `are all faulty while the device is busy, and stay together`() {
    let points = (0..<2).map { ModbusPoint.register(unit: 1, address: $0) }
    var line = VirtualLine(points: points, manners: ModbusLineManners()) { request, sent in
      let isBusy = sent < .at(milliseconds: 1500)
      return [(Self.turnaround, isBusy ? exceptionAnswer(request, .deviceBusy) : honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 4500))
    #expect(line.observations.faults(of: "1-0") == [.deviceException, .deviceException])
    #expect(line.observations.faults(of: "1-1") == [.deviceException, .deviceException])
    #expect(line.observations.values(of: "1-1").count == 3)
    #expect(line.requests.allSatisfy { $0.request.quantity == 2 })
  }

  @Test func `cost the others nothing when their device is dead, and are all said`() {
    let points = (0..<5).map { ModbusPoint.register(unit: 2, address: $0) } + [.register(unit: 1)]
    var line = VirtualLine(points: points, manners: ModbusLineManners()) { request, sent in
      let isDead = request.unit == 2 && sent < .at(milliseconds: 60_000)
      return isDead ? [] : [(Self.turnaround, honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 120_000 - 1))
    #expect(line.values(of: "1-0", from: .at(milliseconds: 0), to: .at(milliseconds: 60_000)).count >= 57)
    for address in 0..<5 {
      let sensor = SensorID("2-\(address)")
      #expect(Set(line.observations.faults(of: sensor)) == [.timeout])
      #expect(line.values(of: sensor, from: .at(milliseconds: 92_000), to: .at(milliseconds: 120_000)).count >= 26)
    }
  }

  @Test func `may be bits, and a contact is wet by the state that its wiring says`() {
    let points = [
      ModbusPoint.contact(unit: 1, address: 0), .contact(unit: 1, address: 1),
      .contact(unit: 1, address: 3, activeWhenSet: false), .contact(unit: 1, table: .coil, address: 9),
    ]
    var line = VirtualLine(points: points, manners: ModbusLineManners(gap: 1)) { request, _ in
      [(Self.turnaround, honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 900))
    #expect(line.requests.map(\.request.quantity) == [4, 1])
    #expect(line.requests.map(\.request.function) == [2, 1])
    let wet = ["contact-1-0", "contact-1-1", "contact-1-3", "contact-1-9"].map {
      line.observations.contacts(of: SensorID($0))
    }
    #expect(wet == [[true], [false], [false], [true]])
  }
}
