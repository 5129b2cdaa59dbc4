import Observations
import Testing

@testable import SensorDrivers

@Suite struct LineSensorsTests {
  private static func point(
    _ name: SensorID, _ pattern: String, field: Int = 0, scale: Double = 1, offset: Double = 0,
    poll: LinePoint.Poll? = nil
  ) throws -> LinePoint {
    LinePoint(
      sensor: name, quantity: .waterLevel, pattern: try LinePattern(pattern), field: field, scale: scale,
      offset: offset,
      poll: poll)
  }

  private static func opened(_ points: [LinePoint]) -> (driver: LineSensors, actions: DriverActions) {
    var driver = LineSensors(points: points)
    var actions = DriverActions()
    driver.opened(at: .at(milliseconds: 0), into: &actions)
    return (driver, actions)
  }

  private static func poll(_ text: String, every: Int64 = 1000, timeout: Int64 = 300) -> LinePoint.Poll {
    LinePoint.Poll(
      request: Array(text.utf8), every: .milliseconds(every), timeout: .milliseconds(timeout))
  }

  @Test func `several numbers of one line go to several sensors, scaled`() throws {
    let points = [
      try Self.point("level", "L={level} T={temp}", field: 0, scale: -0.001, offset: 4.2),
      try Self.point("other", "L={level} T={temp}", field: 1), try Self.point("tide", "TIDE {value}"),
    ]
    var (driver, actions) = Self.opened(points)
    driver.received(
      Array("L=1200 T=3.5\r\nnoise\r\nTIDE 0.5\r\n".utf8).span, at: .at(milliseconds: 100), into: &actions)
    #expect(actions.observations.values(of: "level").map(\.thousandths) == [3000])
    #expect(actions.observations.values(of: "other").map(\.thousandths) == [3500])
    #expect(actions.observations.values(of: "tide").map(\.thousandths) == [500])
    #expect(driver.counters.frames == 2 && driver.counters.checksumErrors == 1)
  }

  @Test func `a sensor that says it is not well is a fault, and one too large is out of range`() throws {
    let points = [try Self.point("level", "{value} {status:OK}", scale: 1e9)]
    var (driver, actions) = Self.opened(points)
    driver.received(Array("1.2 NG\n".utf8).span, at: .at(milliseconds: 100), into: &actions)
    driver.received(Array("99999999 OK\n".utf8).span, at: .at(milliseconds: 400), into: &actions)
    #expect(actions.observations.faults(of: "level") == [.deviceException, .outOfRange])
    #expect(actions.observations.values(of: "level").isEmpty)
  }

  @Test func `two seconds of nothing but wrong lines are a fault, and a good line ends it`() throws {
    var (driver, actions) = Self.opened([try Self.point("level", "{value}m*{checksum:xor}")])
    for index in 1...30 as ClosedRange<Int64> {
      driver.received(Array("1.5m*03\n".utf8).span, at: .at(milliseconds: 100 * index), into: &actions)
    }
    #expect(actions.observations.faults(of: "level") == [.garbledReply])
    #expect(actions.observations.values(of: "level").isEmpty)
    #expect(driver.counters.checksumErrors == 30)
    actions.removeAll()
    driver.received(Array("1.5m*6D\n".utf8).span, at: .at(milliseconds: 3100), into: &actions)
    #expect(actions.observations.values(of: "level").map(\.thousandths) == [1500])
    driver.wake(at: .at(milliseconds: 63_100), into: &actions)
    #expect(actions.reopen)
  }

  @Test func `sensors that are asked are asked in turn on their grids`() throws {
    let points = [
      try Self.point("a", "A {value}", poll: Self.poll("a\r")),
      try Self.point("b", "B {value}", poll: Self.poll("b\r")),
    ]
    var (driver, actions) = Self.opened(points)
    #expect(actions.transmit == Array("a\r".utf8))
    actions.removeAll()
    driver.received(Array("A 1".utf8).span, at: .at(milliseconds: 20), into: &actions)
    #expect(actions.transmit.isEmpty)
    driver.received(Array(".5\r\n".utf8).span, at: .at(milliseconds: 30), into: &actions)
    #expect(actions.observations.values(of: "a").map(\.thousandths) == [1500])
    #expect(actions.transmit == Array("b\r".utf8))
    actions.removeAll()
    driver.received(Array("B 2\r\n".utf8).span, at: .at(milliseconds: 60), into: &actions)
    #expect(actions.observations.values(of: "b").map(\.thousandths) == [2000])
    #expect(driver.nextDeadline == .at(milliseconds: 1000))
    actions.removeAll()
    driver.wake(at: .at(milliseconds: 1000), into: &actions)
    #expect(actions.transmit == Array("a\r".utf8))
  }

  @Test func `without an answer a sensor is asked once more, then is a fault and rests`() throws {
    let points = [
      try Self.point("a", "A {value}", poll: Self.poll("a\r")),
      try Self.point("b", "B {value}", poll: Self.poll("b\r")),
    ]
    var (driver, actions) = Self.opened(points)
    var asked: [String: Int] = [:]
    var time = MonotonicTime.at(milliseconds: 0)
    var observations: [TimedObservation] = []
    while time < .at(milliseconds: 60_000) {
      let request = String(decoding: actions.transmit, as: UTF8.self)
      observations += actions.observations
      actions.removeAll()
      if !request.isEmpty { asked[request, default: 0] += 1 }
      if request == "b\r" {
        time = time + .milliseconds(10)
        driver.received(Array("B 2\r\n".utf8).span, at: time, into: &actions)
      } else {
        let deadline = try #require(driver.nextDeadline)
        #expect(deadline > time || deadline == .at(milliseconds: 0))
        time = max(time, deadline)
        driver.wake(at: time, into: &actions)
      }
    }
    #expect(observations.faults(of: "a").first == .timeout)
    #expect((4...7).contains(observations.faults(of: "a").count))
    #expect(asked["a\r"] == observations.faults(of: "a").count + 1)
    #expect(observations.values(of: "b").count >= 58 && observations.faults(of: "b").isEmpty)
  }

  @Test func `bytes that fit nothing are garbled, and a late answer is not taken for another's`() throws {
    let points = [
      try Self.point("a", "{value}", poll: Self.poll("a\r")), try Self.point("b", "{value}", poll: Self.poll("b\r")),
    ]
    var (driver, actions) = Self.opened(points)
    driver.received(Array("what?\r\n".utf8).span, at: .at(milliseconds: 50), into: &actions)
    driver.wake(at: .at(milliseconds: 300), into: &actions)
    driver.wake(at: .at(milliseconds: 600), into: &actions)
    #expect(actions.observations.faults(of: "a") == [.garbledReply])
    actions.removeAll()
    // The answer would look like that of b: b waits a second.
    driver.received(Array("7\r\n".utf8).span, at: .at(milliseconds: 900), into: &actions)
    #expect(actions.observations.isEmpty && actions.transmit.isEmpty)
    #expect(driver.counters.lateReplies == 1)
    driver.wake(at: .at(milliseconds: 1600), into: &actions)
    #expect(actions.transmit == Array("b\r".utf8))
  }

  @Test func `the second answer to a request that was repeated is not taken for another's`() throws {
    let points = [
      try Self.point("a", "{value}", poll: Self.poll("a\r", timeout: 1000)),
      try Self.point("b", "{value}", poll: Self.poll("b\r", timeout: 1000)),
    ]
    var (driver, actions) = Self.opened(points)
    driver.wake(at: .at(milliseconds: 1000), into: &actions)
    #expect(actions.transmit == Array("a\ra\r".utf8))
    actions.removeAll()
    driver.received(Array("7\r\n".utf8).span, at: .at(milliseconds: 1500), into: &actions)
    #expect(actions.observations.values(of: "a").map(\.thousandths) == [7000])
    #expect(actions.transmit.isEmpty && driver.nextDeadline == .at(milliseconds: 3000))
    driver.wake(at: .at(milliseconds: 2500), into: &actions)
    // As late as the first, and a little later.
    driver.received(Array("7\r\n".utf8).span, at: .at(milliseconds: 2510), into: &actions)
    #expect(actions.observations.values(of: "b").isEmpty && driver.counters.lateReplies == 1)
    driver.wake(at: .at(milliseconds: 3000), into: &actions)
    #expect(actions.transmit == Array("b\r".utf8))
    actions.removeAll()
    // b answers the first time: the line is free at once.
    driver.received(Array("8\r\n".utf8).span, at: .at(milliseconds: 3050), into: &actions)
    #expect(actions.observations.values(of: "b").map(\.thousandths) == [8000])
    #expect(actions.transmit == Array("a\r".utf8))
  }

  @Test func `a repeated request holds nobody up whose answer looks otherwise`() throws {
    let points = [
      try Self.point("a", "A {value}", poll: Self.poll("a\r")),
      try Self.point("b", "B {value}", poll: Self.poll("b\r")),
    ]
    var (driver, actions) = Self.opened(points)
    driver.wake(at: .at(milliseconds: 300), into: &actions)
    actions.removeAll()
    driver.received(Array("A 1\r\n".utf8).span, at: .at(milliseconds: 400), into: &actions)
    #expect(actions.transmit == Array("b\r".utf8))
  }

  @Test func `a request whose answer has several lines is done when all have come`() throws {
    let poll = Self.poll("?\r")
    let points = [try Self.point("a", "A {value}", poll: poll), try Self.point("b", "B {value}", poll: poll)]
    var (driver, actions) = Self.opened(points)
    driver.received(Array("A 1\r\n".utf8).span, at: .at(milliseconds: 20), into: &actions)
    #expect(actions.observations.values(of: "a").count == 1)
    actions.removeAll()
    driver.wake(at: .at(milliseconds: 300), into: &actions)
    #expect(actions.transmit == Array("?\r".utf8))
    driver.received(Array("B 2\r\n".utf8).span, at: .at(milliseconds: 320), into: &actions)
    #expect(actions.observations.values(of: "b").count == 1)
    #expect(driver.nextDeadline == .at(milliseconds: 1000))
  }

  @Test func `a port that fails is a fault of all`() throws {
    var (driver, actions) = Self.opened([try Self.point("a", "{value}"), try Self.point("b", "{value} m")])
    driver.failed(.portLost, at: .at(milliseconds: 5), into: &actions)
    #expect(actions.observations.faults(of: "a") == [.portLost] && actions.observations.faults(of: "b") == [.portLost])
    #expect(driver.nextDeadline == nil)
  }

  @Test(arguments: 0..<30 as Range<UInt64>)
  func `says the same however the bytes are split`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var (whole, wholeActions) = Self.opened([try Self.point("level", "L {value}*{checksum:xor}")])
    var parts = whole
    var partActions = wholeActions
    var time = MonotonicTime.at(milliseconds: 0)
    for _ in 1...100 {
      let body = "L \(Int.random(in: 0...9, using: &generator)).5*"
      let check = String(LineChecksum.xor.compute(Array(body.utf8).span), radix: 16)
      var bytes = Array("\(body)\(check.count == 1 ? "0" : "")\(check)\r\n".utf8)
      if Int.random(in: 0..<3, using: &generator) == 0 {
        bytes = bytes.flipping(bit: Int.random(in: 0..<8 * bytes.count, using: &generator))
      }
      time = time + .milliseconds(Int64.random(in: 40...300, using: &generator))
      whole.received(bytes.span, at: time, into: &wholeActions)
      for piece in bytes.split(longest: 3, using: &generator) {
        parts.received(piece.span, at: time, into: &partActions)
      }
    }
    #expect(wholeActions.observations == partActions.observations)
    #expect(whole.counters == parts.counters)
    #expect(wholeActions.observations.values(of: "level").count > 20)
  }
}
