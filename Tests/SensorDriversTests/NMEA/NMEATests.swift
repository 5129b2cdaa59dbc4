import Observations
import TestData
import Testing

@testable import SensorDrivers

@Suite struct `NMEA sentences` {
  static let minimum = "GNRMC,031530.00,A,3445.4010,N,13450.4820,E,0.02,,211126,,,A"
  static let fixData = "GNGGA,031530.00,3445.4010,N,13450.4820,E,1,12,0.7,4.2,M,36.9,M,,"

  private func bodies(_ bytes: [UInt8]) -> [[UInt8]] {
    var splitter = NMEASplitter()
    return bytes.compactMap { splitter.feed($0) }
  }

  private func sentence(_ body: String) -> NMEASentence? { NMEASentence(body: Array(body.utf8)) }

  @Test(.needsSharedData)
  func `every published vector decodes`() throws {
    let lines = try SharedData.text("vectors/wire_vectors.txt").split(separator: "\n").filter { $0.hasPrefix("$") }
    #expect(lines.count == 4)
    for line in lines {
      let found = bodies(Array((line + "\r\n").utf8))
      #expect(found.count == 1, "\(line)")
      #expect(found.first.flatMap { NMEASentence(body: $0) } != nil, "\(line)")
      let body = String(decoding: found.first ?? [], as: UTF8.self)
      #expect(String(decoding: NMEASplitter.encode(body), as: UTF8.self) == "\(line)\r\n")
    }
  }

  @Test func `position, time and date are read exactly`() {
    let here = Position(latitude: 34.7566833, longitude: 134.8413667)
    let expected = NMEASentence.recommendedMinimum(
      timeOfDay: (3 * 60 + 15) * 60_000 + 30_000, date: .init(year: 2026, month: 11, day: 21), fix: here)
    #expect(sentence(Self.minimum) == expected)
    #expect(
      sentence(Self.fixData)
        == .fixData(timeOfDay: (3 * 60 + 15) * 60_000 + 30_000, fix: here, dilutionHundredths: 70))
    let south = sentence("GPRMC,000000,A,3351.0000,S,15112.6000,W,,,010127,,")
    #expect(
      south
        == .recommendedMinimum(
          timeOfDay: 0, date: .init(year: 2027, month: 1, day: 1), fix: Position(latitude: -33.85, longitude: -151.21)))
  }

  @Test(arguments: [
    "GNRMC,031530.00,V,3445.4010,N,13450.4820,E,0.02,,211126,,,N",
    "GNRMC,031530.00,V,,,,,,,211126,,,N",
    "GNRMC,031530.00,A,3445.4010,N,13450.4820,E,0.02,,211126,,,E",
    "GNRMC,031530.00,A,3445.4010,N,13450.4820,E,0.02,,211126,,,S",
    "GNGGA,031530.00,3445.4010,N,13450.4820,E,0,00,99.9,,M,,M,,",
    "GNGGA,031530.00,,,,,0,00,99.9,,M,,M,,",
    "GNGGA,031530.00,3445.4010,N,13450.4820,E,6,12,0.7,4.2,M,36.9,M,,",
    "GNGGA,031530.00,3445.4010,N,13450.4820,E,8,12,0.7,4.2,M,36.9,M,,",
  ])
  func `no fix, dead reckoning and a simulator are no position`(body: String) {
    switch sentence(body) {
    case .recommendedMinimum(_, _, let fix): #expect(fix == nil)
    case .fixData(_, let fix, _): #expect(fix == nil)
    case nil: Issue.record("\(body) is a sentence")
    }
  }

  @Test(arguments: [
    "PGRMC,A,1,2,3,4,5,6,7,8,9", "GPGSV,3,1,11,03,03,111,00", "GNRMC", "", ",", "GNRMC,,A,,,,,,,,",
    "GNRMC,031530.00,A,3460.0000,N,13450.4820,E,0,,211126,,,A",
    "GNRMC,031530.00,A,9100.0000,N,13450.4820,E,0,,211126,,,A",
    "GNRMC,031530.00,A,3445.4010,N,18100.0000,E,0,,211126,,,A",
    "GNRMC,031530.00,A,3445.4010,X,13450.4820,E,0,,211126,,,A",
    "GNRMC,031530.00,A,34x5.4010,N,13450.4820,E,0,,211126,,,A", "GNGGA,031530.00,3445.4010,N,13450.4820,E,x,12,0.7,4.2",
  ])
  func `what is no position is nothing`(body: String) {
    #expect(sentence(body) == nil)
  }

  @Test(arguments: [minimum, fixData])
  func `rejects every one-bit flip`(body: String) {
    let good = NMEASplitter.encode(body)
    for bit in 0..<good.count * 8 {
      for found in bodies(good.flipping(bit: bit)) where found != Array(body.utf8) {
        Issue.record("bit \(bit) made \(String(decoding: found, as: UTF8.self))")
      }
    }
  }

  @Test func `the result does not depend on how the bytes are split, and noise is left behind`() {
    var random = SeededGenerator(seed: 11)
    var stream: [UInt8] = []
    for _ in 0..<200 {
      stream += (0..<Int.random(in: 0...150, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      stream += [UInt8(ascii: "\n")] + NMEASplitter.encode(Self.minimum)
    }
    let found = bodies(stream)
    #expect(found.count { $0 == Array(Self.minimum.utf8) } == 200)
    #expect(found.allSatisfy { $0.count <= NMEASplitter.longestBody })
  }
}

@Suite struct `A satellite receiver` {
  private let sensor: SensorID = "gnss"

  private func run(_ sentences: [(milliseconds: Int64, body: String)]) -> (SatelliteReceiver, [TimedObservation]) {
    var driver = SatelliteReceiver(sensor: sensor)
    var actions = DriverActions()
    driver.opened(at: .at(milliseconds: 0), into: &actions)
    for (milliseconds, body) in sentences {
      let bytes = NMEASplitter.encode(body)
      driver.received(bytes.span, at: .at(milliseconds: milliseconds), into: &actions)
    }
    return (driver, actions.observations)
  }

  private func fixes(_ observations: [TimedObservation]) -> [PositionFix] {
    observations.compactMap { if case .position(sensor, let fix) = $0.observation { fix } else { nil } }
  }

  @Test func `tells where it is once a second, with time and accuracy`() throws {
    let (driver, observations) = run(
      (1...50).flatMap { [($0 * 200, `NMEA sentences`.fixData), ($0 * 200 + 20, `NMEA sentences`.minimum)] })
    let found = fixes(observations)
    #expect((9...11).contains(found.count))
    let first = try #require(found.first)
    #expect(first.time == WallTime(rfc3339: "2026-11-21T03:15:30Z"))
    #expect(first.accuracy == Measure(thousandths: 3500))
    #expect(driver.counters.frames == 100 && driver.counters.checksumErrors == 0)
  }

  @Test func `no fix is no position, whichever sentence says so`() {
    let lost = "GNGGA,031530.00,,,,,0,00,99.9,,M,,M,,"
    let (_, observations) = run([(900, lost), (1000, lost), (1020, `NMEA sentences`.minimum), (2000, lost)])
    #expect(fixes(observations).isEmpty)
    #expect(observations.faults(of: sensor) == [.noFix])
  }

  @Test func `a receiver whose date has wrapped tells its position and no time`() throws {
    let (_, observations) = run([(1000, "GNRMC,031530.00,A,3445.4010,N,13450.4820,E,0.02,,060407,,,A")])
    #expect(try #require(fixes(observations).first).time == nil)
  }

  @Test func `GGA alone tells the position without a date`() throws {
    let (_, observations) = run([(1000, `NMEA sentences`.fixData), (6000, `NMEA sentences`.fixData)])
    let fix = try #require(fixes(observations).first)
    #expect(fix.time == nil && fix.accuracy == Measure(thousandths: 3500))
  }

  @Test func `a minute of silence has the port opened again`() {
    var driver = SatelliteReceiver(sensor: sensor)
    var actions = DriverActions()
    driver.opened(at: .at(milliseconds: 0), into: &actions)
    driver.wake(at: .at(milliseconds: 59_999), into: &actions)
    #expect(!actions.reopen)
    driver.wake(at: .at(milliseconds: 60_000), into: &actions)
    #expect(actions.reopen)
  }
}
