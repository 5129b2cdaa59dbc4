import Locks
import Observations

@testable import Gateway

/// A monotonic clock, a wall clock that began in 1970, and how far it is trusted.
final class BoardClocks: Sendable {
  private let state = Locked((seconds: Int64(600), offset: Int64(0), quality: ClockQuality.unsynchronized))

  func pass(_ seconds: Int64) { state.withLock { $0.seconds += seconds } }

  /// To 2026-11-21T15:02:20+09:00.
  func step() { state.withLock { $0.offset = 1_795_240_940 - $0.seconds } }

  func trust(_ quality: ClockQuality) { state.withLock { $0.quality = quality } }

  var monotonic: MonotonicTime { MonotonicTime(nanoseconds: state.withLock { $0.seconds } * 1_000_000_000) }

  func clock() -> SystemClock {
    SystemClock(
      read: { [self] in
        let (seconds, offset, _) = state.withLock { $0 }
        return (MonotonicTime(nanoseconds: seconds * 1_000_000_000), (seconds + offset) * 1_000_000_000)
      }, quality: { [self] in state.withLock { $0.quality } }, satellites: nil)
  }
}
