import Observations
import Testing

@testable import SensorDrivers

@Suite struct UltrasonicSensorTests {
  private let sensor: SensorID = "canal-1"

  private func opened() -> UltrasonicSensor {
    var driver = UltrasonicSensor(sensor: sensor, mountHeight: Measure(thousandths: 4200))
    var actions = DriverActions()
    driver.opened(at: .at(milliseconds: 0), into: &actions)
    #expect(actions.observations.isEmpty)
    return driver
  }

  private func frame(_ millimetres: UInt16) -> [UInt8] { A02YYUWParser.encode(millimetres: millimetres) }

  @Test func `the level is the mount height minus the distance`() {
    var driver = opened()
    var actions = DriverActions()
    for (index, millimetres) in ([1953, 4200, 4500, 31] as [UInt16]).enumerated() {
      driver.received(frame(millimetres).span, at: .at(milliseconds: 100 * Int64(index + 1)), into: &actions)
    }
    #expect(actions.observations.values(of: sensor).map(\.thousandths) == [2247, 0, -300, 4169])
    #expect(actions.observations.map(\.time) == (1...4).map { .at(milliseconds: 100 * $0) })
    #expect(driver.counters.frames == 4)
    #expect(driver.counters.bytesReceived == 16)
  }

  @Test func `the blind zone and no target are faults, said at most once a second`() {
    var driver = opened()
    var actions = DriverActions()
    for index in 1...30 as ClosedRange<Int64> {
      driver.received(frame(30).span, at: .at(milliseconds: 100 * index), into: &actions)
    }
    for index in 31...60 as ClosedRange<Int64> {
      driver.received(frame(0xFFFF).span, at: .at(milliseconds: 100 * index), into: &actions)
    }
    #expect(actions.observations.values(of: sensor).isEmpty)
    let causes = actions.observations.faults(of: sensor)
    #expect(causes == [.blindZone, .blindZone, .blindZone, .noTarget, .noTarget, .noTarget])
  }

  @Test func `a sensor that talks too fast gives one reading in each tenth of a second`() {
    var driver = opened()
    var actions = DriverActions()
    for index in 1...1000 as ClosedRange<Int64> {
      driver.received(frame(2000).span, at: .at(milliseconds: 10 * index), into: &actions)
    }
    #expect((100...112).contains(actions.observations.values(of: sensor).count))
    #expect(driver.counters.frames == 1000)
  }

  @Test func `two seconds of nothing but garbage are a fault, and a frame ends it`() {
    var driver = opened()
    var actions = DriverActions()
    for index in 0...45 as ClosedRange<Int64> {
      driver.received(bytes("FF07A1A6").span, at: .at(milliseconds: 100 * index), into: &actions)
    }
    #expect(actions.observations.faults(of: sensor) == [.garbledReply, .garbledReply, .garbledReply])
    #expect(actions.observations.first?.time == .at(milliseconds: 2000))
    actions.removeAll()
    driver.received(frame(1953).span, at: .at(milliseconds: 4600), into: &actions)
    #expect(actions.observations.values(of: sensor).count == 1)
    #expect(driver.counters.checksumErrors == 46)
    #expect(driver.counters.resynchronisations == 1)
  }

  @Test func `a stray byte now and then is no fault`() {
    var driver = opened()
    var actions = DriverActions()
    for index in 0...10 as ClosedRange<Int64> {
      driver.received([0x55].span, at: .at(milliseconds: 3000 * index), into: &actions)
    }
    #expect(actions.observations.isEmpty)
  }

  @Test func `asks for the port to be opened again after a minute of silence`() {
    var driver = opened()
    var actions = DriverActions()
    driver.received(frame(1953).span, at: .at(milliseconds: 5000), into: &actions)
    #expect(driver.nextDeadline == .at(milliseconds: 65_000))
    driver.wake(at: .at(milliseconds: 64_999), into: &actions)
    #expect(!actions.reopen)
    driver.wake(at: .at(milliseconds: 65_000), into: &actions)
    #expect(actions.reopen)
    driver.failed(.portLost, at: .at(milliseconds: 65_001), into: &actions)
    #expect(actions.observations.faults(of: sensor) == [.portLost])
    #expect(driver.nextDeadline == nil)
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func `says the same however the bytes are split`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var whole = opened()
    var parts = opened()
    var wholeActions = DriverActions()
    var partActions = DriverActions()
    var time = MonotonicTime.at(milliseconds: 0)
    for _ in 1...100 {
      var stream = frame(UInt16.random(in: 0...5000, using: &generator))
      if Int.random(in: 0..<4, using: &generator) == 0 {
        stream = stream.flipping(bit: Int.random(in: 0..<32, using: &generator))
      }
      if Int.random(in: 0..<4, using: &generator) == 0 { stream.append(0xFF) }
      time = time + .milliseconds(Int64.random(in: 40...100, using: &generator))
      whole.received(stream.span, at: time, into: &wholeActions)
      for piece in stream.split(longest: 3, using: &generator) {
        parts.received(piece.span, at: time, into: &partActions)
      }
    }
    #expect(wholeActions.observations == partActions.observations)
    #expect(whole.counters == parts.counters)
  }
}
