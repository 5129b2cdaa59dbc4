import Locks
import Observations
import Testing

@testable import Gateway

/// Two clocks that a test sets.
private final class SetClocks: Sendable {
  private let values = Locked<(monotonic: Int64, wall: Int64)>((1_000_000_000, 1_700_000_000_000_000_000))

  func pass(_ nanoseconds: Int64, wall: Int64? = nil) {
    values.withLock {
      $0.monotonic += nanoseconds
      $0.wall += wall ?? nanoseconds
    }
  }

  func clock(quality: @escaping () -> ClockQuality = { .synchronized }) -> SystemClock {
    SystemClock(
      read: { [self] in values.withLock { (MonotonicTime(nanoseconds: $0.monotonic), $0.wall) } }, quality: quality,
      satellites: nil)
  }
}

struct SystemClockTests {
  @Test func `keeps wall time in step with monotonic time while the wall clock is slewed`() {
    let clocks = SetClocks()
    var clock = clocks.clock()
    let first = clock.now()
    clocks.pass(10_000_000_000, wall: 10_049_000_000)
    let second = clock.now()
    #expect(clock.steps == 0)
    #expect(second.wall - first.wall == .seconds(10))
  }

  @Test(arguments: [51_000_000, -51_000_000, 3600_000_000_000, -86_400_000_000_000] as [Int64])
  func `notices a step once, and reads the new time`(step: Int64) {
    let clocks = SetClocks()
    var clock = clocks.clock()
    let first = clock.now()
    clocks.pass(1_000_000_000, wall: 1_000_000_000 + step)
    let second = clock.now()
    clocks.pass(1_000_000_000)
    let third = clock.now()
    #expect(clock.steps == 1)
    #expect(second.monotonic - first.monotonic == .seconds(1))
    #expect(second.wall - first.wall == .seconds(1) + TimeSpan(nanoseconds: step))
    #expect(third.wall - second.wall == .seconds(1))
  }

  @Test func `says that it was set, and that it is trusted more or less`() {
    let clocks = SetClocks()
    let quality = Locked(ClockQuality.unsynchronized)
    var clock = clocks.clock { quality.withLock { $0 } }
    _ = clock.now()
    #expect(!clock.hasChanged(since: clock.steps, clock.quality))
    quality.withLock { $0 = .synchronized }
    clocks.pass(9_000_000_000)
    #expect(clock.now().clock == .unsynchronized, "the kernel is asked every ten seconds")
    let steps = clock.steps
    clocks.pass(1_000_000_000)
    #expect(clock.now().clock == .synchronized)
    #expect(clock.hasChanged(since: steps, .unsynchronized))
    #expect(!clock.hasChanged(since: steps, .synchronized))
    clocks.pass(1_000_000_000, wall: 0)
    _ = clock.now()
    #expect(clock.hasChanged(since: steps, .synchronized))
  }

  @Test func `the boot has an identifier that does not change`() throws {
    let identifier = try Boot.identifier()
    #expect(identifier.utf8.count == 36)
    #expect(try Boot.identifier() == identifier)
  }
}
