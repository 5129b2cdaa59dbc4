import Observations
import SensorDrivers
import SimulatedSite
import Testing

/// The simulated devices that talk or answer in text, each heard by the driver that hears the real one.
@Suite struct SimulatedTalkersTests {
  /// Runs a device and a driver together from `time` on for so long, in steps of 50 ms.
  private static func run(
    _ device: inout some SimulatedDevice, _ driver: inout some SerialDriver, from time: inout MonotonicTime,
    for span: TimeSpan
  ) -> [TimedObservation] {
    var actions = DriverActions()
    let end = time + span
    if time == .at(milliseconds: 0) { driver.opened(at: time, into: &actions) }
    while time < end {
      time = time + .milliseconds(50)
      var said: [UInt8] = []
      if let due = device.nextDeadline, due <= time { device.wake(at: time, answer: &said) }
      if let due = driver.nextDeadline, due <= time { driver.wake(at: time, into: &actions) }
      if !actions.transmit.isEmpty {
        device.received(actions.transmit, at: time, answer: &said)
        actions.transmit.removeAll()
      }
      if !said.isEmpty { driver.received(said.span, at: time, into: &actions) }
    }
    return actions.observations
  }

  @Test(arguments: MaxBotixOutput.allCases)
  func `a MaxBotix sensor stands where the scenario puts the water`(output: MaxBotixOutput) throws {
    var time = MonotonicTime.at(milliseconds: 0)
    var device = SimulatedMaxBotix(
      mountHeightMetres: 2.6, output: output, noTarget: nil, leastDistanceMetres: 0.5, levelMetres: 0.5, at: time)
    var driver = MaxBotixSensor(
      sensor: "canal", mountHeight: Measure(thousandths: 2600), output: output, leastDistance: Measure(thousandths: 500)
    )
    let first = try #require(Self.run(&device, &driver, from: &time, for: .seconds(5)).values(of: "canal").last)
    // A count of the coarsest model is an inch.
    #expect(abs(first.value - 0.5) <= 0.013)

    device.apply(.level(metres: 1.5, over: .zero), to: "canal", at: time)
    let risen = try #require(Self.run(&device, &driver, from: &time, for: .seconds(5)).values(of: "canal").last)
    #expect(abs(risen.value - 1.5) <= 0.013)

    device.apply(.level(metres: 2.4, over: .zero), to: "canal", at: time)
    #expect(Self.run(&device, &driver, from: &time, for: .seconds(5)).faults(of: "canal").last == .blindZone)
    device.apply(.noTarget, to: "canal", at: time)
    #expect(Self.run(&device, &driver, from: &time, for: .seconds(5)).faults(of: "canal").last == .noTarget)
    device.apply(.level(metres: 1.0, over: .zero), to: "canal", at: time)
    device.apply(.garbled(true), to: "canal", at: time)
    let garbled = Self.run(&device, &driver, from: &time, for: .seconds(5))
    #expect(garbled.faults(of: "canal").last == .garbledReply)
    #expect(!garbled.values(of: "canal").contains { abs($0.value - 1.0) > 0.013 }, "a lost digit is no level")
    device.apply(.garbled(false), to: "canal", at: time)
    #expect(!Self.run(&device, &driver, from: &time, for: .seconds(5)).values(of: "canal").isEmpty)
    device.apply(.silent(true), to: "canal", at: time)
    #expect(Self.run(&device, &driver, from: &time, for: .seconds(5)).isEmpty)
  }

  private static func points(polled: Bool) throws -> [LinePoint] {
    let pattern = try LinePattern("${begin}RDR,{distance},{temperature},{status:OK}{end}*{checksum:xor}")
    let poll = polled ? LinePoint.Poll(request: Array("LV?\r".utf8), every: .seconds(1)) : nil
    return [
      LinePoint(
        sensor: "pond", quantity: .waterLevel, pattern: pattern, field: 0, scale: -1, offset: 4.2, poll: poll),
      LinePoint(
        sensor: "air", quantity: .temperature, pattern: pattern, field: 1, scale: 1, offset: 0, poll: poll),
    ]
  }

  @Test(arguments: [false, true])
  func `sensors that speak in lines share a line, each with its number`(polled: Bool) throws {
    var time = MonotonicTime.at(milliseconds: 0)
    let points = try Self.points(polled: polled)
    var device = SimulatedLines(points: points, terminator: [], levelMetres: 0.5, at: time)
    var driver = LineSensors(points: points)
    device.apply(.level(metres: 18.5, over: .zero), to: "air", at: time)
    let said = Self.run(&device, &driver, from: &time, for: .seconds(10))
    #expect(said.values(of: "pond").last?.thousandths == 500 && said.values(of: "air").last?.thousandths == 18_500)

    device.apply(.level(metres: 3.25, over: .zero), to: "pond", at: time)
    #expect(Self.run(&device, &driver, from: &time, for: .seconds(5)).values(of: "pond").last?.thousandths == 3250)
    device.apply(.garbled(true), to: "pond", at: time)
    #expect(Self.run(&device, &driver, from: &time, for: .seconds(20)).faults(of: "pond").last == .garbledReply)
    device.apply(.garbled(false), to: "pond", at: time)
    #expect(Self.run(&device, &driver, from: &time, for: .seconds(40)).values(of: "pond").last?.thousandths == 3250)
    device.apply(.silent(true), to: "pond", at: time)
    let silence = Self.run(&device, &driver, from: &time, for: .seconds(60))
    #expect(silence.values(of: "pond").isEmpty)
    // Whether nothing is a fault decides the driver where it asks, and `stale_after` where it only listens.
    #expect(silence.faults(of: "pond").last == (polled ? .timeout : nil))
    device.apply(.silent(false), to: "pond", at: time)
    #expect(Self.run(&device, &driver, from: &time, for: .seconds(40)).values(of: "pond").last?.thousandths == 3250)
  }

  @Test func `a question in pieces or behind noise is answered, another is not`() throws {
    let time = MonotonicTime.at(milliseconds: 0)
    var device = SimulatedLines(points: try Self.points(polled: true), terminator: [0x03], levelMetres: 1, at: time)
    var answer: [UInt8] = []
    device.received(Array("XX?\rnoiseLV".utf8), at: time, answer: &answer)
    #expect(answer.isEmpty)
    device.received(Array("?\r".utf8), at: time, answer: &answer)
    #expect(answer.last == 0x03 && answer.count > 10)
    let long = [UInt8](repeating: 0x41, count: 10_000)
    device.received(long, at: time, answer: &answer)
    #expect(answer.count < 100)
  }

  @Test func `a satellite receiver says where and when it is`() throws {
    var time = MonotonicTime.at(milliseconds: 0)
    // 2026-11-22T01:02:03Z.
    let wall = WallTime(milliseconds: 1_795_309_323_000)
    var device = SimulatedSatelliteReceiver(latitude: 34.7993, longitude: -134.8862, wall: wall, at: time)
    var driver = SatelliteReceiver(sensor: "gnss")
    func fixes(_ said: [TimedObservation]) -> [PositionFix] {
      said.compactMap { if case .position(_, let fix) = $0.observation { fix } else { nil } }
    }
    let fix = try #require(fixes(Self.run(&device, &driver, from: &time, for: .seconds(5))).last)
    #expect(abs(fix.position.latitude - 34.7993) < 0.00001 && abs(fix.position.longitude + 134.8862) < 0.00001)
    let told = try #require(fix.time)
    #expect(told > wall && told - wall <= .seconds(5), "\(told.milliseconds)")

    device.apply(.position(latitude: -0.00005, longitude: 179.99995), to: "gnss", at: time)
    let moved = try #require(fixes(Self.run(&device, &driver, from: &time, for: .seconds(5))).last)
    #expect(abs(moved.position.latitude + 0.00005) < 0.00001 && abs(moved.position.longitude - 179.99995) < 0.00001)

    device.apply(.fix(false), to: "gnss", at: time)
    let lost = Self.run(&device, &driver, from: &time, for: .seconds(5))
    #expect(lost.faults(of: "gnss").last == .noFix && fixes(lost).isEmpty)
    device.apply(.fix(true), to: "gnss", at: time)
    device.apply(.garbled(true), to: "gnss", at: time)
    #expect(fixes(Self.run(&device, &driver, from: &time, for: .seconds(5))).isEmpty)
    #expect(driver.counters.checksumErrors >= 8)
  }
}
