import Foundation
import Observations
import Testing

@testable import SensorDrivers

/// How long the noise lasts: thirty virtual minutes, or as many as `MIMAMORI_NOISE_MINUTES` says where a sanitizer makes
/// each of them long.
private enum NoiseLength {
  static let usual: Int64 = 30

  struct Refused: Error, CustomStringConvertible {
    let text: String
    var description: String { "MIMAMORI_NOISE_MINUTES is a whole number of 1 to 1440, not \"\(text)\"" }
  }

  static func minutes() throws -> Int64 {
    guard let text = ProcessInfo.processInfo.environment["MIMAMORI_NOISE_MINUTES"] else { return usual }
    guard let minutes = Int64(text), (1...1440).contains(minutes) else { throw Refused(text: text) }
    print("The noise lasts \(minutes) virtual minutes instead of \(usual), as MIMAMORI_NOISE_MINUTES says.")
    return minutes
  }
}

@Suite struct `Minutes of noise` {
  private static let mostHeld = 20_000

  @Test(arguments: NoisyPort.all)
  func `give no false level, no crash and no growth, and the first good frame after each is read`(port: NoisyPort)
    throws
  {
    let minutes = try NoiseLength.minutes()
    var wire = NoisyWire(port, seed: 20_261_121)
    let end = wire.now + .minutes(minutes)
    var heaviest = 0
    var rounds = 0
    while wire.now < end {
      for noise in Noise.allCases {
        wire.noise(noise, for: .seconds(5))
        heaviest = max(heaviest, weight(of: wire.driver))
        let frames = wire.framesUntilRead()
        #expect(frames.map { $0 <= 1 } == true, "\(port.name) after \(noise) in round \(rounds)")
      }
      rounds += 1
    }
    // Each kind of noise comes round every thirty-five seconds or so.
    #expect(rounds > minutes / 3)
    #expect(heaviest < Self.mostHeld)
    #expect(wire.falseObservations.isEmpty, "\(port.name): \(wire.falseObservations.prefix(5))")
    #expect(wire.driver.counters.bytesReceived > 100_000 * minutes / NoiseLength.usual || port.talk == nil)
  }

  @Test(arguments: NoisyPort.all)
  func `are the same for the same seed`(port: NoisyPort) {
    func told() -> PortCounters {
      var wire = NoisyWire(port, seed: 5)
      for noise in Noise.allCases { wire.noise(noise, for: .seconds(2)) }
      return wire.driver.counters
    }
    #expect(told() == told())
  }
}

/// GPIO lines have edges for bytes: bouncing and induced ones, shorter than the debounce time, and lost ones.
@Suite struct `Minutes of noisy edges on a GPIO line` {
  private static func noise<Driver: GPIODriver>(
    _ bench: inout GPIOBench<Driver>, longest: Int64, seed: UInt64, rest: Int64, until end: Int64
  ) {
    var random = SeededGenerator(seed: seed)
    var heaviest = 0
    while bench.now < end {
      look(&bench, isActive: false)
      let start = bench.now + rest + Int64.random(in: 0...200, using: &random)
      bench.edge(true, at: start)
      bench.edge(false, at: start + Int64.random(in: 0...longest, using: &random))
      // The observations are the bench's; what the driver holds is weighed.
      heaviest = max(heaviest, weight(of: bench.driver))
    }
    pass(&bench, to: end + 1000, isActive: false)
    #expect(heaviest < 100)
  }

  /// Answers the driver that wants to see the line.
  private static func look<Driver: GPIODriver>(_ bench: inout GPIOBench<Driver>, isActive: Bool) {
    guard bench.driver.wantsLevels else { return }
    bench.driver.levelsRead(
      [isActive], at: GPIOBench<Driver>.time(bench.now), into: &bench.actions)
  }

  private static func pass<Driver: GPIODriver>(_ bench: inout GPIOBench<Driver>, to end: Int64, isActive: Bool) {
    for time in stride(from: bench.now, through: end, by: 100) {
      bench.pass(to: time)
      look(&bench, isActive: isActive)
    }
  }

  @Test func `wet no contact, and the first real water is noticed`() throws {
    let end = try NoiseLength.minutes() * 60_000
    var bench = GPIOBench(
      ContactSensor(sensor: "underpass-1", line: .number(4), bias: .pullDown, wet: .closed, debounce: .milliseconds(50))
    )
    Self.noise(&bench, longest: 49, seed: 1, rest: 1, until: end)
    #expect(!bench.observed.contains(.contact("underpass-1", active: true)))
    bench.edge(true, at: end + 2000)
    Self.pass(&bench, to: end + 2200, isActive: true)
    #expect(bench.observed.last == .contact("underpass-1", active: true))
  }

  @Test func `make no rain, and the first real tip is counted`() throws {
    let end = try NoiseLength.minutes() * 60_000
    var bench = GPIOBench(
      TippingBucket(sensor: "rain-1", line: .number(4), bias: .pullDown, debounce: .milliseconds(20)))
    Self.noise(&bench, longest: 19, seed: 2, rest: 1, until: end)
    #expect(bench.driver.count == 0)
    bench.edge(true, at: end + 2000)
    bench.edge(false, at: end + 2100)
    bench.pass(to: end + 2200)
    #expect(bench.observed.last == .tips("rain-1", count: 1))
  }
}
