import Locks
import Observations

/// The clocks of a life: the time since it began, and what the board's clocks say at that time.
final class VirtualClock: Sendable {
  private struct State {
    var now: Int64 = 0
    /// When the monotonic clock of this boot read nothing.
    var bootOrigin = -20 * Int64.second
    var wallOffset: Int64 = 1_795_219_200_000
    var quality = ClockQuality.synchronized
    var changedAt = Int64.min / 2
  }

  private let state = Locked(State())

  /// Nanoseconds since the life began: what nobody in it can know.
  var now: Int64 {
    get { state.withLock { $0.now } }
    set { state.withLock { $0.now = max($0.now, newValue) } }
  }

  /// The boot's monotonic clock, in nanoseconds.
  var monotonic: Int64 { state.withLock { $0.now - $0.bootOrigin } }

  /// The wall clock, in milliseconds since 1970.
  var wallMilliseconds: Int64 { state.withLock { $0.wallOffset + $0.now / 1_000_000 } }

  var quality: ClockQuality {
    get { state.withLock { $0.quality } }
    set {
      state.withLock { state in
        state.quality = newValue
        state.changedAt = state.now
      }
    }
  }

  /// When the wall clock was set last, or came to be trusted more or less, in the life's time.
  var changedAt: Int64 { state.withLock { $0.changedAt } }

  var moment: Moment {
    state.withLock { state in
      Moment(
        monotonic: MonotonicTime(nanoseconds: state.now - state.bootOrigin),
        wall: WallTime(milliseconds: state.wallOffset + state.now / 1_000_000), clock: state.quality)
    }
  }

  /// Both clocks at one instant, as the gateway reads them.
  func read() -> (monotonic: MonotonicTime, wallNanoseconds: Int64) {
    state.withLock { state in
      (MonotonicTime(nanoseconds: state.now - state.bootOrigin), state.wallOffset * 1_000_000 + state.now)
    }
  }

  /// The time since the life began at which the monotonic clock reads `monotonic`.
  func lifeTime(of monotonic: Int64) -> Int64 {
    let (sum, isOver) = state.withLock { monotonic.addingReportingOverflow($0.bootOrigin) }
    return isOver ? (monotonic < 0 ? .min : .max) : sum
  }

  /// The machine boots: its monotonic clock begins again.
  func reboot() { state.withLock { $0.bootOrigin = $0.now - 20 * .second } }

  /// The wall clock is set.
  func step(milliseconds: Int64) {
    state.withLock { state in
      state.wallOffset += milliseconds
      state.changedAt = state.now
    }
  }

  /// The wall clock is set right.
  func setRight() {
    state.withLock { state in
      state.wallOffset = State().wallOffset
      state.changedAt = state.now
      state.quality = .synchronized
    }
  }
}
