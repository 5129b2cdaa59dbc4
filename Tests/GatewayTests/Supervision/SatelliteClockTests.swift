import Observations
import Testing

@testable import Gateway

struct SatelliteClockTests {
  private static let second: Int64 = 1_000_000_000
  /// 2026-11-21T03:15:30Z at second 0 of the boot.
  private static let start = WallTime(milliseconds: 1_795_230_930_000)

  private func time(_ seconds: Double) -> MonotonicTime {
    MonotonicTime(nanoseconds: Int64(seconds * Double(Self.second)))
  }

  /// Tells the clock the second that a sentence names, which arrives `late` seconds after it.
  private func tell(_ clock: SatelliteClock, _ second: Int64, late: Double, wrongBy: Int64 = 0) {
    clock.take(Self.start + .seconds(second + wrongBy), at: time(Double(second) + late))
  }

  private func wall(_ clock: SatelliteClock, at seconds: Double) -> Double? {
    clock.offset(at: time(seconds)).map {
      Double($0 + time(seconds).nanoseconds - Self.start.milliseconds * 1_000_000) / Double(Self.second)
    }
  }

  @Test func `three sentences that agree set it, and jitter does not move it`() throws {
    let clock = SatelliteClock()
    tell(clock, 1, late: 0.1)
    tell(clock, 2, late: 0.3)
    #expect(wall(clock, at: 2.5) == nil)
    tell(clock, 3, late: 0.2)
    let set = try #require(wall(clock, at: 10))
    #expect(abs(set - 10) < 0.5)
    for second in 4...200 as ClosedRange<Int64> { tell(clock, second, late: second % 2 == 0 ? 0.05 : 0.45) }
    #expect(wall(clock, at: 10) == set)
  }

  @Test func `one wrong sentence changes nothing, and a lasting one is followed`() throws {
    let clock = SatelliteClock()
    for second in 1...5 as ClosedRange<Int64> { tell(clock, second, late: 0.1) }
    tell(clock, 6, late: 0.1, wrongBy: 3600)
    tell(clock, 7, late: 0.1)
    #expect(abs(try #require(wall(clock, at: 8)) - 8) < 0.5)
    for second in 9...11 as ClosedRange<Int64> { tell(clock, second, late: 0.1, wrongBy: -1) }
    #expect(abs(try #require(wall(clock, at: 12)) - 11) < 0.5)
  }

  @Test func `without satellites it is relied on for some hours only`() {
    let clock = SatelliteClock()
    for second in 1...3 as ClosedRange<Int64> { tell(clock, second, late: 0.1) }
    #expect(wall(clock, at: 4 * 3600) != nil)
    #expect(wall(clock, at: 5 * 3600 + 10) == nil)
  }
}
