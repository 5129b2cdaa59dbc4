import Observations
import Testing

@testable import SensorDrivers

@Suite struct `A current loop` {
  private static let gauge = CurrentLoop(at4Milliamperes: 0, at20Milliamperes: 5)

  @Test(arguments: [
    (4.0, 0.0), (20.0, 5.0), (12.0, 2.5), (8.0, 1.25), (3.8, -0.0625), (3.9, -0.03125), (20.5, 5.15625),
    // Between a transmitter's end and the fault it says no more than that it is at its end.
    (3.6, -0.0625), (3.7, -0.0625), (21.0, 5.15625), (20.8, 5.15625),
  ])
  func `is a straight line from 4 to 20 mA and on to the ends of what a transmitter measures`(
    current: Double, value: Double
  ) {
    guard case .value(let reading) = Self.gauge.reading(ofMilliamperes: current) else {
      Issue.record("\(current) mA is no value")
      return
    }
    #expect(abs(reading - value) < 1e-9)
  }

  @Test(arguments: [0.0, 1, 3.5, 3.59, 3.5999]) func `is broken below 3.6 mA`(current: Double) {
    #expect(Self.gauge.reading(ofMilliamperes: current) == .fault(.brokenWire))
  }

  @Test(arguments: [21.0001, 21.01, 22, 24, 100]) func `carries too much above 21 mA`(current: Double) {
    #expect(Self.gauge.reading(ofMilliamperes: current) == .fault(.overCurrent))
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity, 1e9, -1e30]) func `is never a number that is none`(
    current: Double
  ) {
    guard case .fault = Self.gauge.reading(ofMilliamperes: current) else {
      Issue.record("\(current) mA is a value")
      return
    }
  }

  @Test func `may fall as the current rises, as a distance to the water does`() {
    let distance = CurrentLoop(at4Milliamperes: 6, at20Milliamperes: 1)
    #expect(distance.reading(ofMilliamperes: 8) == .value(4.75))
    #expect(distance.milliamperes(for: 4.75) == 8)
  }

  @Test func `may have other limits`() {
    let loop = CurrentLoop(at4Milliamperes: 0, at20Milliamperes: 5, brokenBelow: 2, overAbove: 22)
    guard case .value = loop.reading(ofMilliamperes: 2.1), case .value = loop.reading(ofMilliamperes: 21.9) else {
      Issue.record("The configured limits do not hold")
      return
    }
    #expect(loop.reading(ofMilliamperes: 1.99) == .fault(.brokenWire))
  }

  /// A converter that counts microamperes; and one of 0 to 4095 over 0 to 20 mA.
  @Test(
    arguments: [
      (12_000, 0.001, Observation.reading("1-0", Measure(thousandths: 2500))),
      (3600, 0.001, .reading("1-0", Measure(thousandths: -63))),
      (3599, 0.001, .fault("1-0", .brokenWire)), (0, 0.001, .fault("1-0", .brokenWire)),
      (21_001, 0.001, .fault("1-0", .overCurrent)), (65_535, 0.001, .fault("1-0", .overCurrent)),
      (819, 20.0 / 4095, .reading("1-0", Measure(thousandths: 0))),
      (4095, 20.0 / 4095, .reading("1-0", Measure(thousandths: 5000))),
    ] as [(UInt16, Double, Observation)])
  func `is read through any converter by its scale`(raw: UInt16, scale: Double, expected: Observation) {
    var point = ModbusPoint.register(unit: 1)
    point.scale = scale
    point.meaning = .currentLoop(Self.gauge)
    var line = VirtualLine(points: [point]) { request, _ in
      var bytes: [UInt8] = []
      request.encodeAnswer([raw], into: &bytes)
      return [(.milliseconds(5), bytes)]
    }
    line.run(until: .at(milliseconds: 500))
    #expect(line.observations.map(\.observation) == [expected])
  }
}
