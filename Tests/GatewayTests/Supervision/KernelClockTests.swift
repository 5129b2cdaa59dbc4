import Locks
import Observations
import Testing

@testable import Gateway

/// What a test changes while a clock reads it.
private final class Shared<Value: Sendable>: Sendable {
  let value: Locked<Value>

  init(_ value: Value) {
    self.value = Locked(value)
  }
}

/// Boards with a clock chip, without one, and with one that knows nothing.
struct KernelClockTests {
  private static let now = WallTime(rfc3339: "2026-11-21T15:00:00+09:00")!

  private func clock(
    chip: WallTime?, isThere: Bool = true, now: WallTime = now, uptime: TimeSpan = .zero,
    isSynchronized: @escaping @Sendable () -> Bool = { false }
  ) -> KernelClock {
    KernelClock(
      isSynchronized: isSynchronized, chip: KernelClock.Chip(isThere: { isThere }, time: { chip }), now: now,
      uptime: uptime)
  }

  @Test(arguments: [0, 1, -60, 60] as [Int64])
  func `trusts a chip that agrees with the clock`(secondsAhead: Int64) {
    #expect(clock(chip: Self.now + .seconds(secondsAhead)).quality == .rtc)
  }

  @Test(arguments: [-61, 61, 86_400, -366 * 86_400] as [Int64])
  func `does not trust a chip that tells another time than the clock`(secondsAhead: Int64) {
    #expect(clock(chip: Self.now + .seconds(secondsAhead)).quality == .unsynchronized)
  }

  /// A month without a time server: 21.6 minutes at most.
  @Test(arguments: [(1356, ClockQuality.rtc), (-1356, .rtc), (1357, .unsynchronized)] as [(Int64, ClockQuality)])
  func `trusts a chip from which the clock has drifted since the boot`(secondsAhead: Int64, quality: ClockQuality) {
    let clock = clock(chip: Self.now + .seconds(secondsAhead), uptime: .seconds(30 * 86_400))
    #expect(clock.quality == quality)
  }

  @Test(arguments: ["1970-01-01T00:00:40Z", "2000-01-01T00:00:00Z", "2025-12-31T23:59:59Z"])
  func `does not trust a chip with which the clock began at no time at all`(text: String) throws {
    let begun = try #require(WallTime(rfc3339: text))
    #expect(clock(chip: begun, now: begun).quality == .unsynchronized)
  }

  @Test func `trusts a chip from the year on in which the program was made`() {
    #expect(WallTime(rfc3339: "2026-01-01T00:00:00Z") == KernelClock.earliestPlausible)
    #expect(clock(chip: KernelClock.earliestPlausible, now: KernelClock.earliestPlausible).quality == .rtc)
  }

  @Test func `trusts no chip that is not there or cannot be read`() {
    #expect(clock(chip: Self.now, isThere: false).quality == .unsynchronized)
    #expect(clock(chip: nil).quality == .unsynchronized)
  }

  @Test func `trusts a chip that a time server's time has reached, if there is one`() {
    for (isThere, after) in [(true, ClockQuality.rtc), (false, .unsynchronized)] {
      let isSynchronized = Shared(false)
      let clock = clock(chip: WallTime(milliseconds: 0), isThere: isThere) { isSynchronized.value.withLock { $0 } }
      #expect(clock.quality == .unsynchronized)
      isSynchronized.value.withLock { $0 = true }
      #expect(clock.quality == .synchronized)
      isSynchronized.value.withLock { $0 = false }
      #expect(clock.quality == after)
    }
  }

  /// The chip's bus is slow: it is read as the gateway starts and never while it senses.
  @Test func `reads the chip once`() {
    let reads = Shared(0)
    let clock = KernelClock(
      isSynchronized: { false },
      chip: KernelClock.Chip(
        isThere: { true },
        time: {
          reads.value.withLock { $0 += 1 }
          return Self.now
        }), now: Self.now, uptime: .zero)
    for _ in 0..<100 { #expect(clock.quality == .rtc) }
    #expect(reads.value.withLock { $0 } == 1)
  }
}
