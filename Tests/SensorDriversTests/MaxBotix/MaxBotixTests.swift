import Observations
import Testing

@testable import SensorDrivers

@Suite struct MaxBotixTests {
  private static func driver(
    _ output: MaxBotixOutput = .millimetres, noTarget: Int? = nil, least: Int64? = nil
  ) -> MaxBotixSensor {
    var driver = MaxBotixSensor(
      sensor: "canal-1", mountHeight: Measure(thousandths: 4200), output: output, noTarget: noTarget,
      leastDistance: least.map { Measure(thousandths: $0) })
    var actions = DriverActions()
    driver.opened(at: .at(milliseconds: 0), into: &actions)
    return driver
  }

  private static func say(_ driver: inout MaxBotixSensor, _ frames: [String]) -> [TimedObservation] {
    var actions = DriverActions()
    for (index, frame) in frames.enumerated() {
      driver.received(Array(frame.utf8).span, at: .at(milliseconds: 150 * Int64(index + 1)), into: &actions)
    }
    return actions.observations
  }

  @Test(
    arguments: [
      (MaxBotixOutput.millimetres, "R1234\r", 2966), (.millimetres, "R0480 \r", 3720), (.millimetres, "R4999\r", -799),
      (.centimetres, "R123\r", 2970), (.centimetres, "R764\r", -3440), (.longCentimetres, "R1067\r", -6470),
      (.inches, "R100\r", 1660), (.inches, "R101\r", 1635),
    ] as [(MaxBotixOutput, String, Int64)])
  func `the level is the mount height minus the distance`(output: MaxBotixOutput, frame: String, level: Int64) {
    var driver = Self.driver(output)
    #expect(Self.say(&driver, [frame]).values(of: "canal-1").map(\.thousandths) == [level])
  }

  @Test(
    arguments: [
      (MaxBotixOutput.millimetres, nil, "R5000\r"), (.millimetres, nil, "R9999\r"), (.millimetres, 9999, "R9999\r"),
      (.centimetres, nil, "R765\r"), (.longCentimetres, nil, "R1068\r"), (.inches, nil, "R254\r"),
      (.inches, nil, "R255\r"),
    ] as [(MaxBotixOutput, Int?, String)])
  func `the greatest number is no target, never a level`(output: MaxBotixOutput, noTarget: Int?, frame: String) {
    var driver = Self.driver(output, noTarget: noTarget)
    let said = Self.say(&driver, [frame])
    #expect(said.faults(of: "canal-1") == [.noTarget] && said.values(of: "canal-1").isEmpty)
  }

  @Test func `a model of ten metres sees beyond five`() {
    var driver = Self.driver(noTarget: 9999)
    #expect(Self.say(&driver, ["R5000\r", "R9998\r"]).values(of: "canal-1").map(\.thousandths) == [-800, -5798])
  }

  @Test func `the least distance is the blind zone where the configuration says it`() {
    var driver = Self.driver(least: 500)
    let said = Self.say(&driver, ["R0501\r", "R0500\r", "R0300\r"])
    #expect(said.values(of: "canal-1").map(\.thousandths) == [3699])
    #expect(said.faults(of: "canal-1") == [.blindZone])
    var unknown = Self.driver()
    #expect(Self.say(&unknown, ["R0300\r"]).values(of: "canal-1").count == 1)
  }

  @Test(arguments: [
    "R123\r", "R12345\r", "r1234\r", "R12 34\r", "R1234  \r", "R1234\n", "R-123\r", "1234\r", "R\r", "R1234", "RR123\r",
    "R12\u{0}34\r",
  ])
  func `what is no frame of the model is no distance, and the next frame is read`(text: String) {
    var parser = MaxBotixParser(digits: 4)
    #expect(Array(text.utf8).compactMap { parser.feed($0) } == [])
    parser.gap()
    #expect(Array("R1953\r".utf8).compactMap { parser.feed($0) } == [1953])
    #expect(parser.resynchronisations == 1 && parser.unmatchedCount == 0)
  }

  @Test func `every lost or repeated byte of a frame is noticed`() {
    let frame = Array("R1953\r".utf8)
    for index in frame.indices {
      for bytes in [
        Array(frame[..<index] + frame[(index + 1)...]), Array(frame[...index] + frame[index...]),
      ] {
        var parser = MaxBotixParser(digits: 4)
        let found = (bytes + frame).compactMap { parser.feed($0) }
        #expect(found.allSatisfy { $0 == 1953 }, "\(bytes)")
        #expect(found.last == 1953)
      }
    }
  }

  @Test func `the words after power-up are no distances`() {
    var driver = Self.driver()
    let said = Self.say(
      &driver,
      ["HRXL-MaxSonar-WR\rPN:MB7360\rCopyright 2011-2014\rMaxBotix Inc.\rRoHS 1.8b090  0713\rTempI\r", "R1200\r"])
    #expect(said.map(\.observation) == [.reading("canal-1", Measure(thousandths: 3000))])
  }

  @Test func `half a frame before a pause does not join the next`() {
    var driver = Self.driver()
    #expect(Self.say(&driver, ["R19", "53\r", "R2000\r"]).values(of: "canal-1").map(\.thousandths) == [2200])
    #expect(driver.counters.checksumErrors == 1)
  }

  @Test func `two seconds of nothing but garbage are a fault, and a minute of silence opens the port again`() {
    var driver = Self.driver()
    var actions = DriverActions()
    for index in 0...30 as ClosedRange<Int64> {
      driver.received(Array("R19x3\r".utf8).span, at: .at(milliseconds: 100 * index), into: &actions)
    }
    #expect(actions.observations.faults(of: "canal-1") == [.garbledReply, .garbledReply])
    actions.removeAll()
    driver.wake(at: .at(milliseconds: 63_001), into: &actions)
    #expect(actions.reopen)
    driver.failed(.portLost, at: .at(milliseconds: 63_002), into: &actions)
    #expect(driver.nextDeadline == nil && actions.observations.faults(of: "canal-1").last == .portLost)
  }

  @Test(arguments: 0..<50 as Range<UInt64>)
  func `says the same however the bytes are split`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var whole = Self.driver(least: 300)
    var parts = whole
    var wholeActions = DriverActions()
    var partActions = DriverActions()
    var time = MonotonicTime.at(milliseconds: 0)
    for _ in 1...100 {
      var bytes = Array("R\(Int.random(in: 1000...6000, using: &generator))\r".utf8)
      if Int.random(in: 0..<3, using: &generator) == 0 {
        bytes = bytes.flipping(bit: Int.random(in: 0..<48, using: &generator))
      }
      time = time + .milliseconds(Int64.random(in: 40...200, using: &generator))
      whole.received(bytes.span, at: time, into: &wholeActions)
      for piece in bytes.split(longest: 3, using: &generator) {
        parts.received(piece.span, at: time, into: &partActions)
      }
    }
    #expect(wholeActions.observations == partActions.observations)
    #expect(whole.counters == parts.counters)
    #expect(wholeActions.observations.count > 20)
  }
}
