import Observations
import Testing

@testable import SensorDrivers

@Suite struct ModbusBusPropertyTests {
  /// A device that works off its requests in order and sometimes stops for a while, so that answers come late and in a
  /// bunch. Two sensors of the same unit and function differ in their register only.
  @Test(arguments: 0..<100 as Range<UInt64>)
  func `a late answer is never taken for that of another register`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var freeAt = MonotonicTime.at(milliseconds: 0)
    let points = [ModbusPoint.register(unit: 1), .register(unit: 1, address: 1), .register(unit: 2)]
    var line = VirtualLine(points: points) { request, sent in
      if Int.random(in: 0..<20, using: &generator) == 0 { return [] }
      guard request.unit == 1 else { return [(.milliseconds(5), honestAnswer(request))] }
      let isStuck = Int.random(in: 0..<5, using: &generator) == 0
      let work = TimeSpan.milliseconds(isStuck ? Int64.random(in: 200...1400, using: &generator) : 5)
      freeAt = max(freeAt, sent) + work
      return [(freeAt - sent, honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 300_000))
    for (sensor, value) in [("1-0", 1000), ("1-1", 1001), ("2-0", 2000)] as [(SensorID, Int64)] {
      let values = line.observations.values(of: sensor)
      #expect(values.allSatisfy { $0.thousandths == value })
      #expect(values.count > 20)
    }
    #expect(line.bus.counters.lateReplies > 0)
  }

  @Test func `an answer that is late by a second is late, and not the next request's`() {
    var count: UInt16 = 0
    var line = VirtualLine(points: [.register(unit: 1)]) { request, _ in
      count += 1
      var bytes: [UInt8] = []
      request.encodeAnswer([count], into: &bytes)
      return [(.milliseconds(1000), bytes)]
    }
    line.run(until: .at(milliseconds: 120_000))
    #expect(line.observations.values(of: "1-0").isEmpty)
    #expect(Set(line.observations.faults(of: "1-0")) == [.lateReply])
    #expect(line.bus.counters.lateReplies == UInt64(count))
  }

  @Test func `a second answer to one request is said to be late, and teaches how long to wait`() {
    // Later than what is waited for at first: the answer to the first request comes while the second is under way.
    var values: [UInt16] = []
    var line = VirtualLine(points: [.register(unit: 1)]) { request, sent in
      values.append(UInt16(values.count + 1))
      var bytes: [UInt8] = []
      request.encodeAnswer([values.last!], into: &bytes)
      return [(.milliseconds(1450), bytes)]
    }
    line.run(until: .at(milliseconds: 60_000))
    #expect(line.observations.values(of: "1-0").count <= 1)
    #expect(line.observations.faults(of: "1-0").contains(.lateReply))
    #expect(line.bus.counters.lateReplies + 1 >= UInt64(values.count))
  }

  @Test func `no bytes trap the bus, and every deadline moves on`() {
    var generator = SeededGenerator(seed: 7)
    let points = (1...4).map { unit in
      ModbusPoint.register(unit: unit, address: UInt16(unit), every: .milliseconds(Int64(unit) * 70), retries: 2)
    }
    var bus = ModbusBus(line: SerialLine(baud: 19_200), points: points)
    var actions = DriverActions()
    var now = MonotonicTime.at(milliseconds: 0)
    bus.opened(at: now, into: &actions)
    var readings = 0
    var last: ModbusRequest?
    for _ in 0..<100_000 {
      last = ModbusRequest(frame: actions.transmit.span) ?? last
      readings += actions.observations.count
      actions.removeAll()
      switch Int.random(in: 0..<8, using: &generator) {
      case 0..<4:
        now = max(now, bus.nextDeadline ?? now)
        bus.wake(at: now, into: &actions)
      case 4:
        var bytes = (0..<Int.random(in: 1...300, using: &generator)).map { _ in
          UInt8.random(in: 0...255, using: &generator)
        }
        if let last { bytes.append(contentsOf: honestAnswer(last)) }
        bus.received(bytes.span, at: now, into: &actions)
      case 5:
        guard let last else { continue }
        var bytes = honestAnswer(last)
        bytes = bytes.flipping(bit: Int.random(in: 0..<bytes.count * 8, using: &generator))
        bus.received(bytes.span, at: now, into: &actions)
      case 6:
        guard let last else { continue }
        bus.received(honestAnswer(last).span, at: now, into: &actions)
      default:
        if Int.random(in: 0..<200, using: &generator) == 0 {
          bus.failed(.portLost, at: now, into: &actions)
          bus.opened(at: now, into: &actions)
        }
        now = now + .milliseconds(Int64.random(in: 0...50, using: &generator))
      }
      if let deadline = bus.nextDeadline, bus.sensors.count > 0, actions.transmit.isEmpty == false {
        #expect(deadline > now)
      }
    }
    #expect(readings > 1000)
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `says the same however the bytes are split`(seed: UInt64) {
    func record(longest: Int?) -> ([TimedObservation], PortCounters) {
      var generator = SeededGenerator(seed: seed)
      var splitter = SeededGenerator(seed: seed &+ 1000)
      let points = (1...3).map { ModbusPoint.register(unit: $0, retries: 0) }
      var line = VirtualLine(points: points) { request, _ in
        var bytes = honestAnswer(request)
        if Int.random(in: 0..<4, using: &generator) == 0 {
          bytes.insert(contentsOf: bytes.prefix(Int.random(in: 1...6, using: &generator)), at: 0)
        }
        if Int.random(in: 0..<4, using: &generator) == 0 {
          bytes = bytes.flipping(bit: Int.random(in: 0..<bytes.count * 8, using: &generator))
        }
        let delay = TimeSpan.milliseconds(Int.random(in: 0..<10, using: &generator) == 0 ? 600 : 50)
        guard let longest else { return [(delay, bytes)] }
        // All pieces arrive with the last: a piece's own time on the wire is taken off.
        let pieces = bytes.split(longest: longest, using: &splitter)
        let character = SerialLine(baud: 9600, parity: .even).characterNanoseconds
        return pieces.map { piece in
          (delay + TimeSpan(nanoseconds: Int64(bytes.count - piece.count) * character), piece)
        }
      }
      line.run(until: .at(milliseconds: 120_000))
      return (line.observations, line.bus.counters)
    }
    let whole = record(longest: nil)
    let parts = record(longest: 2)
    #expect(whole.0 == parts.0)
    #expect(whole.1 == parts.1)
    #expect(whole.0.count > 100)
  }
}
