import Observations
import Testing

@testable import SensorDrivers

/// A converter with coils and holding registers, and gauges beside it on the same line.
private final class Converter {
  var coils: [UInt16: Bool] = [:]
  var registers: [UInt16: UInt16] = [:]
  var isDead = false
  /// Coils that say yes and stay as they are.
  var isStuck = false
  var lost = 0

  func answers(_ request: ModbusRequest) -> [(delay: TimeSpan, bytes: [UInt8])] {
    let delay = TimeSpan.milliseconds(5)
    guard request.unit == 9 else { return [(delay, honestAnswer(request))] }
    guard !isDead else { return [] }
    if lost > 0 {
      lost -= 1
      return []
    }
    var bytes: [UInt8] = []
    if let value = request.written {
      if !isStuck {
        if request.table == .coil { coils[request.address] = value != 0 } else { registers[request.address] = value }
      }
      request.encode(into: &bytes)
    } else if request.table == .coil {
      request.encodeAnswer((0..<request.quantity).map { coils[request.address + UInt16($0)] ?? false }, into: &bytes)
    } else {
      request.encodeAnswer((0..<request.quantity).map { registers[request.address + UInt16($0)] ?? 0 }, into: &bytes)
    }
    return [(delay, bytes)]
  }
}

@Suite struct `An output behind a Modbus line` {
  private static let siren = ModbusOutput(
    output: "siren", unit: 9, target: .coil(3, onWhenSet: true), isSafeOn: false, refresh: .seconds(10))

  private func line(
    _ converter: Converter, outputs: [ModbusOutput] = [siren], points: [ModbusPoint] = [.register(unit: 1)],
    manners: ModbusLineManners = ModbusLineManners()
  ) -> VirtualLine {
    VirtualLine(points: points, outputs: outputs, manners: manners) { request, _ in converter.answers(request) }
  }

  @Test func `is set to its safe state before anything is asked, and read back`() {
    let converter = Converter()
    converter.coils[3] = true
    var line = line(converter)
    line.run(until: .at(milliseconds: 500))
    #expect(line.requests.map(\.request.function) == [5, 1, 4])
    #expect(converter.coils[3] == false)
    #expect(line.reports.map(\.report) == [OutputReport(output: "siren", state: .standing(on: false))])
  }

  @Test func `tells how it stands after a command that was taken back at once`() {
    let converter = Converter()
    var line = line(converter)
    line.run(until: .at(milliseconds: 500))
    line.command("siren", on: true)
    line.run(until: line.now + .milliseconds(7))
    line.command("siren", on: false)
    line.run(until: line.now + .milliseconds(300))
    #expect(converter.coils[3] == false)
    #expect(line.reports.last?.report.state == .standing(on: false))
    #expect(line.reports.count > 1)
  }

  @Test func `may have a safe state that is on, an inverted coil, or a register`() {
    let converter = Converter()
    let outputs = [
      ModbusOutput(output: "a", unit: 9, target: .coil(1, onWhenSet: false), isSafeOn: false),
      ModbusOutput(output: "b", unit: 9, target: .coil(2, onWhenSet: true), isSafeOn: true),
      ModbusOutput(output: "c", unit: 9, target: .register(7, on: 500, off: 2), isSafeOn: false),
    ]
    var line = line(converter, outputs: outputs)
    line.run(until: .at(milliseconds: 900))
    #expect(converter.coils == [1: true, 2: true])
    #expect(converter.registers == [7: 2])
    for output in ["a", "b", "c"] as [OutputID] { line.command(output, on: output != "b") }
    line.run(until: .at(milliseconds: 1900))
    #expect(converter.coils == [1: false, 2: false])
    #expect(converter.registers == [7: 500])
    #expect(
      line.reports.suffix(3).map(\.report.state) == [.standing(on: true), .standing(on: false), .standing(on: true)])
  }

  @Test func `is commanded before every poll that waits`() {
    let converter = Converter()
    var line = line(converter, points: (1...8).map { .register(unit: $0, every: .milliseconds(10)) })
    line.run(until: .at(milliseconds: 5000))
    for round in 0..<20 as Range<Int64> {
      let asked = line.now
      line.command("siren", on: round.isMultiple(of: 2))
      line.run(until: asked + .milliseconds(200))
      let next = line.requests.filter { $0.time >= asked }
      let place = next.firstIndex { $0.request.written != nil } ?? .max
      // The poll under way has its answer first.
      #expect(place <= 1)
      #expect(converter.coils[3] == round.isMultiple(of: 2))
      #expect((next.first { $0.request.written != nil }?.time ?? .at(milliseconds: 0)) - asked < .milliseconds(60))
    }
  }

  @Test func `is commanded at once although another register of its device is not answered for`() {
    let converter = Converter()
    var line = VirtualLine(points: [.register(unit: 9, address: 50)], outputs: [Self.siren]) { request, _ in
      request.table == .input ? [] : converter.answers(request)
    }
    line.run(until: .at(milliseconds: 700))
    line.command("siren", on: true)
    line.run(until: .at(milliseconds: 1100))
    #expect(converter.coils[3] == true)
    #expect(line.reports.last?.report.state == .standing(on: true))
  }

  @Test(arguments: 1...3)
  func `is commanded again when nothing comes back, and that is no fault`(lost: Int) {
    let converter = Converter()
    var line = line(converter)
    line.run(until: .at(milliseconds: 3500))
    converter.lost = lost
    line.command("siren", on: true)
    line.run(until: .at(milliseconds: 3500 + Int64(lost) * 400 + 200))
    #expect(converter.coils[3] == true)
    #expect(line.reports.map(\.report.state) == [.standing(on: false), .standing(on: true)])
    #expect(line.bus.counters.timeouts == UInt64(lost))
  }

  @Test func `is a fault when its device is dead, costs the gauges little, and is switched as soon as that is back`() {
    let converter = Converter()
    var line = line(converter, points: [.register(unit: 1), .register(unit: 2)])
    line.run(until: .at(milliseconds: 5500))
    converter.isDead = true
    line.command("siren", on: true)
    line.run(until: .at(milliseconds: 65_500))
    #expect(line.reports.last?.report.state == .failed(.timeout))
    #expect(line.reports.count == 2)
    for sensor in ["1-0", "2-0"] as [SensorID] {
      #expect(line.values(of: sensor, from: .at(milliseconds: 5500), to: .at(milliseconds: 65_500)).count >= 57)
    }
    converter.isDead = false
    line.run(until: .at(milliseconds: 71_500))
    #expect(converter.coils[3] == true)
    #expect(line.reports.last?.report.state == .standing(on: true))
  }

  @Test func `that only fails to be set safe takes no time from the gauges`() {
    let converter = Converter()
    converter.isDead = true
    var line = line(converter, points: (1...3).map { .register(unit: $0, every: .milliseconds(100)) })
    line.run(until: .at(milliseconds: 120_000))
    let late = line.values(of: "1-0", from: .at(milliseconds: 20_000), to: .at(milliseconds: 120_000)).count
    #expect(late >= 950)
    #expect((5...60).contains(line.requests.count { $0.request.unit == 9 }))
    #expect(line.reports.map(\.report.state) == [.failed(.timeout)])
  }

  @Test func `a pattern on a dead device keeps most of the line free`() {
    let converter = Converter()
    converter.isDead = true
    var line = line(converter, points: (1...3).map { .register(unit: $0, every: .milliseconds(200)) })
    for second in 0..<60 as Range<Int64> {
      line.command("siren", on: second.isMultiple(of: 2))
      line.run(until: .at(milliseconds: second * 1000 + 999))
    }
    #expect(line.requests.count { $0.request.unit == 9 } <= 36)
    #expect(line.observations.values(of: "1-0").count >= 240)
  }

  @Test func `is a fault when it reads back as something else`() {
    let converter = Converter()
    converter.isStuck = true
    var line = line(converter)
    line.run(until: .at(milliseconds: 500))
    line.command("siren", on: true)
    line.run(until: .at(milliseconds: 5000))
    #expect(line.reports.last?.report.state == .failed(.notSwitched))
    converter.isStuck = false
    line.run(until: .at(milliseconds: 15_000))
    #expect(line.reports.last?.report.state == .standing(on: true))
  }

  @Test func `is set again when its device has forgotten it, at its interval`() {
    let converter = Converter()
    var line = line(converter)
    line.run(until: .at(milliseconds: 500))
    line.command("siren", on: true)
    line.run(until: .at(milliseconds: 1500))
    converter.coils[3] = false
    line.run(until: .at(milliseconds: 11_500))
    #expect(converter.coils[3] == true)
  }

  @Test func `is set again at once when its device was silent for its sensors`() {
    let converter = Converter()
    let slow = ModbusOutput(
      output: "siren", unit: 9, target: .coil(3, onWhenSet: true), isSafeOn: false, refresh: .minutes(10))
    let point = ModbusPoint.register(unit: 9, address: 50)
    var line = VirtualLine(points: [point], outputs: [slow]) { request, _ in converter.answers(request) }
    line.run(until: .at(milliseconds: 500))
    line.command("siren", on: true)
    line.run(until: .at(milliseconds: 5000))
    converter.isDead = true
    line.run(until: .at(milliseconds: 15_000))
    converter.isDead = false
    converter.coils[3] = false
    line.run(until: .at(milliseconds: 46_000))
    #expect(converter.coils[3] == true)
  }

  @Test func `stands as it should by then when the port is opened again`() {
    let converter = Converter()
    var line = line(converter)
    line.run(until: .at(milliseconds: 500))
    line.command("siren", on: true)
    line.run(until: .at(milliseconds: 1000))
    converter.coils[3] = false
    line.reopen()
    line.run(until: .at(milliseconds: 1500))
    #expect(converter.coils[3] == true)
    #expect(line.reports.suffix(2).map(\.report.state) == [.failed(.portLost), .standing(on: true)])
  }

  @Test func `follows the last word when it changes while a command is under way`() {
    let converter = Converter()
    var line = line(converter)
    line.run(until: .at(milliseconds: 500))
    for on in [true, false, true, false] { line.command("siren", on: on) }
    line.run(until: .at(milliseconds: 1500))
    #expect(converter.coils[3] == false)
    #expect(line.reports.last?.report.state == .standing(on: false))
  }

  @Test func `an adapter that echoes what is sent does not make a command look carried out`() {
    var line = VirtualLine(points: [.register(unit: 1)], outputs: [Self.siren]) { request, _ in
      var echo: [UInt8] = []
      request.encode(into: &echo)
      return [(.zero, request.unit == 9 ? echo : echo + honestAnswer(request))]
    }
    line.run(until: .at(milliseconds: 5000))
    #expect(!line.reports.contains { $0.report.state == .standing(on: false) })
    #expect(line.observations.values(of: "1-0").count >= 4)
  }

  @Test func `devices get their pause between an answer and the next request`() {
    let converter = Converter()
    let manners = ModbusLineManners(pause: .milliseconds(20))
    var line = line(converter, points: (1...3).map { .register(unit: $0, every: .milliseconds(50)) }, manners: manners)
    line.run(until: .at(milliseconds: 5000))
    let character = line.line.characterNanoseconds
    for (request, next) in zip(line.requests, line.requests.dropFirst()) {
      let answer = Int64(8 + request.request.answerLength) * character
      let end = request.time + .milliseconds(5) + TimeSpan(nanoseconds: answer)
      #expect(next.time - end >= .milliseconds(20))
    }
    #expect(line.requests.count > 60)
  }
}
