import Observations
import Testing

@testable import SensorDrivers

@Suite struct ModbusBusTests {
  private static let turnaround = TimeSpan.milliseconds(5)

  @Test func `polls stay on their grid for an hour`() {
    var line = VirtualLine(points: [.register(unit: 1), .register(unit: 2, every: .seconds(10))]) { request, _ in
      [(Self.turnaround, honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 3_600_000 - 1))
    for (unit, count, every) in [(1, 3600, 1000), (2, 360, 10_000)] as [(UInt8, Int, Int64)] {
      let times = line.requests.filter { $0.request.unit == unit }.map(\.time)
      #expect(times.count == count)
      for (slot, time) in times.enumerated() {
        let lag = time - .at(milliseconds: Int64(slot) * every)
        #expect(lag >= .zero && lag < .milliseconds(100))
      }
    }
    #expect(line.observations.values(of: "1-0") == [Measure](repeating: Measure(thousandths: 1000), count: 3600))
    #expect(line.bus.counters.timeouts == 0 && line.bus.counters.resynchronisations == 0)
    #expect(line.events < 20_000)
  }

  @Test func `between an answer and the next request the line is silent for three and a half characters`() {
    for line in [SerialLine(baud: 9600, parity: .even), SerialLine(baud: 115_200)] {
      let silence = max(TimeSpan(nanoseconds: line.characterNanoseconds * 7 / 2), TimeSpan(nanoseconds: 1_750_000))
      var ends: [MonotonicTime] = []
      var virtual = VirtualLine(line: line, points: (1...5).map { .register(unit: $0) }) { request, sent in
        let answer = honestAnswer(request)
        ends.append(sent + Self.turnaround + TimeSpan(nanoseconds: Int64(answer.count) * line.characterNanoseconds))
        return [(Self.turnaround, answer)]
      }
      virtual.run(until: .at(milliseconds: 900))
      #expect(virtual.requests.count == 5)
      for (end, next) in zip(ends, virtual.requests.dropFirst()) { #expect(next.time - end >= silence) }
    }
  }

  /// From one minute on, unit 2 says nothing; `heal` later it speaks again.
  @Test(arguments: [1, 10])
  func `a silent unit costs the others nothing and is back soon after it speaks`(points: UInt16) {
    let all = [UInt8(1), 2, 3].flatMap { unit in
      (0..<points).map { ModbusPoint.register(unit: unit, address: $0) }
    }
    var line = VirtualLine(points: all) { request, sent in
      let silent = request.unit == 2 && sent >= .at(milliseconds: 60_000) && sent < .at(milliseconds: 180_000)
      return silent ? [] : [(Self.turnaround, honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 240_000))
    for unit in [1, 3] {
      for address in 0..<points {
        for minute in 0..<4 as Range<Int64> {
          let count = line.values(
            of: SensorID("\(unit)-\(address)"), from: .at(milliseconds: minute * 60_000),
            to: .at(milliseconds: (minute + 1) * 60_000)
          ).count
          #expect(count >= 57 && count <= 61, "Unit \(unit), register \(address), minute \(minute)")
        }
      }
    }
    for address in 0..<points {
      let sensor = SensorID("2-\(address)")
      #expect(line.observations.values(of: sensor).count >= 60)
      let faults = line.observations.faults(of: sensor)
      #expect(Set(faults) == [.timeout])
      #expect((5...60).contains(faults.count))
      #expect(line.values(of: sensor, from: .at(milliseconds: 65_000), to: .at(milliseconds: 180_000)).isEmpty)
      #expect(line.values(of: sensor, from: .at(milliseconds: 215_000), to: .at(milliseconds: 240_000)).count >= 23)
    }
  }

  @Test func `on a line without a pause a silent unit costs the others less than a twentieth`() {
    let fast = TimeSpan.milliseconds(10)
    var line = VirtualLine(points: (1...3).map { .register(unit: $0, every: fast) }) { request, _ in
      request.unit == 2 ? [] : [(Self.turnaround, honestAnswer(request))]
    }
    var reference = VirtualLine(points: [1, 3].map { .register(unit: $0, every: fast) }) { request, _ in
      [(Self.turnaround, honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 120_000))
    reference.run(until: .at(milliseconds: 120_000))
    for sensor in ["1-0", "3-0"] as [SensorID] {
      let start = MonotonicTime.at(milliseconds: 10_000)
      let count = line.values(of: sensor, from: start, to: line.now).count
      let undisturbed = reference.values(of: sensor, from: start, to: line.now).count
      #expect(count * 100 >= undisturbed * 95, "\(count) of \(undisturbed)")
    }
    #expect(line.requests.count { $0.request.unit == 2 } >= 6)
  }

  @Test func `one register that a device keeps back does not silence its others`() {
    let points = (0..<3).map { ModbusPoint.register(unit: 1, address: $0) }
    var line = VirtualLine(points: points) { request, _ in
      request.address == 1 ? [] : [(Self.turnaround, honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 300_000))
    #expect(Set(line.observations.faults(of: "1-1")) == [.timeout])
    #expect(line.observations.faults(of: "1-0").isEmpty && line.observations.faults(of: "1-2").isEmpty)
    #expect(line.observations.values(of: "1-0").count > 240)
  }

  @Test func `a lost answer is asked for again and is no fault`() {
    var asked = 0
    var line = VirtualLine(points: [.register(unit: 1, every: .seconds(10))]) { request, _ in
      asked += 1
      return asked == 2 ? [] : [(Self.turnaround, honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 59_000))
    #expect(line.observations.values(of: "1-0").count == 6)
    #expect(line.observations.faults(of: "1-0").isEmpty)
    #expect(line.bus.counters.timeouts == 1)
  }

  @Test func `timeout, late, garbled and exception are four different faults`() {
    var line = VirtualLine(points: (1...5).map { .register(unit: $0, retries: 0) }) { request, _ in
      switch request.unit {
      case 1: return []
      case 2: return [(.milliseconds(500), honestAnswer(request))]
      case 3: return [(Self.turnaround, honestAnswer(request).flipping(bit: 30))]
      case 4:
        var bytes: [UInt8] = []
        request.encodeException(.illegalDataAddress, into: &bytes)
        return [(Self.turnaround, bytes)]
      default: return [(Self.turnaround, honestAnswer(request))]
      }
    }
    line.run(until: .at(milliseconds: 20_000))
    #expect(Set(line.observations.faults(of: "1-0")) == [.timeout])
    #expect(Set(line.observations.faults(of: "2-0")) == [.lateReply])
    #expect(Set(line.observations.faults(of: "3-0")) == [.garbledReply])
    #expect(line.observations.faults(of: "4-0") == [FaultCause](repeating: .deviceException, count: 20))
    #expect(line.observations.values(of: "5-0").count >= 19)
    for sensor in ["1-0", "2-0", "3-0", "4-0"] as [SensorID] { #expect(line.observations.values(of: sensor).isEmpty) }
    let counters = line.bus.counters
    #expect(counters.timeouts > 0 && counters.lateReplies > 0 && counters.checksumErrors > 0)
    #expect(counters.exceptions == 20)
  }

  @Test func `another unit's answer, another function and a short answer are garbled`() {
    for (name, spoil) in [
      ("unit", { (bytes: [UInt8]) in [9] + bytes[1...] }), ("function", { [$0[0], 3] + $0[2...] }),
      ("length", { Array($0.dropLast()) }),
    ] as [(String, ([UInt8]) -> [UInt8])] {
      var line = VirtualLine(points: [.register(unit: 1, retries: 0)]) { request, _ in
        [(Self.turnaround, spoil(honestAnswer(request)))]
      }
      line.run(until: .at(milliseconds: 5000))
      #expect(Set(line.observations.faults(of: "1-0")) == [.garbledReply], "\(name)")
      #expect(line.observations.values(of: "1-0").isEmpty)
    }
  }

  @Test func `infinity and no number are out of range`() {
    var point = ModbusPoint.register(unit: 1)
    point.type = .float32
    for bits in [0x7FC0_0000, 0x7F80_0000, 0xFF80_0000, 0x7F7F_FFFF] as [UInt32] {
      var line = VirtualLine(points: [point]) { request, _ in
        var bytes: [UInt8] = []
        request.encodeAnswer([UInt16(bits >> 16), UInt16(bits & 0xFFFF)], into: &bytes)
        return [(Self.turnaround, bytes)]
      }
      line.run(until: .at(milliseconds: 500))
      #expect(line.observations.map(\.observation) == [.fault("1-0", .outOfRange)])
    }
  }

  @Test func `a value is the number times the scale plus the offset, rounded`() {
    var point = ModbusPoint.register(unit: 1)
    point.type = .int16
    point.scale = 0.01
    point.offset = -1.5
    var line = VirtualLine(points: [point]) { request, _ in
      var bytes: [UInt8] = []
      request.encodeAnswer([UInt16(bitPattern: -25)], into: &bytes)
      return [(Self.turnaround, bytes)]
    }
    line.run(until: .at(milliseconds: 500))
    #expect(line.observations.values(of: "1-0") == [Measure(thousandths: -1750)])
  }

  @Test func `a port that fails is a fault of every sensor, and polling goes on when it is back`() {
    var bus = ModbusBus(line: SerialLine(baud: 9600), points: [.register(unit: 1), .register(unit: 2)])
    var actions = DriverActions()
    #expect(bus.nextDeadline == nil)
    bus.failed(.portMissing, at: .at(milliseconds: 0), into: &actions)
    #expect(actions.observations.map(\.observation) == [.fault("1-0", .portMissing), .fault("2-0", .portMissing)])
    bus.received([1, 2, 3].span, at: .at(milliseconds: 1), into: &actions)
    bus.wake(at: .at(milliseconds: 2), into: &actions)
    #expect(actions.transmit.isEmpty && bus.nextDeadline == nil)
    bus.opened(at: .at(milliseconds: 10), into: &actions)
    let first = bus.nextDeadline
    #expect(first != nil && first! > .at(milliseconds: 10))
    bus.wake(at: first!, into: &actions)
    #expect(ModbusRequest(frame: actions.transmit.span)?.unit == 1)
  }

  @Test func `a line on which nobody speaks for ten minutes is opened again`() {
    var line = VirtualLine(points: [.register(unit: 1), .register(unit: 2)]) { _, _ in [] }
    line.run(until: .at(milliseconds: 599_000))
    #expect(line.reopenings == 0)
    line.run(until: .at(milliseconds: 1_250_000))
    #expect(line.reopenings == 2)
  }

  @Test func `noise that never ends is garbled, and does not stop the polls`() {
    var line = VirtualLine(points: [.register(unit: 1), .register(unit: 2)]) { _, _ in [] }
    for index in 0..<2500 as Range<Int64> { line.inject([0x55], at: .at(milliseconds: index * 3)) }
    line.run(until: .at(milliseconds: 7500))
    #expect(Set(line.observations.faults(of: "1-0")) == [.garbledReply])
    #expect(Set(line.observations.faults(of: "2-0")) == [.garbledReply])
  }
}
