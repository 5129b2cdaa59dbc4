import Locks
import Observations

/// What satellites say of the time, for boards that no time server reaches.
///
/// Sentences come some tenths of a second after the second that they name, now more and now less: the clock is held
/// until it is wrong by more than `tolerance` three times in a row. So it is right to about half a second, and steady.
final class SatelliteClock: Sendable {
  static let tolerance = TimeSpan.milliseconds(500)
  static let agreeingSentences = 3
  /// A board's crystal drifts by up to 50 millionths: by less than a second in this time without a satellite.
  static let holdover = TimeSpan.hours(5)

  private struct State {
    /// Wall time minus monotonic time, in nanoseconds.
    var offset: Int64?
    var heard = MonotonicTime(nanoseconds: 0)
    var candidate: Int64 = 0
    var candidateCount = 0
  }

  private let state = Locked(State())

  /// A receiver said that it was `wall` at `time`, or a little before.
  func take(_ wall: WallTime, at time: MonotonicTime) {
    let told = wall.milliseconds * 1_000_000 - time.nanoseconds
    state.withLock { state in
      if let offset = state.offset, abs(told - offset) <= Self.tolerance.nanoseconds {
        state.heard = time
        state.candidateCount = 0
        return
      }
      let agrees = state.candidateCount > 0 && abs(told - state.candidate) <= Self.tolerance.nanoseconds
      state.candidate = told
      state.candidateCount = agrees ? state.candidateCount + 1 : 1
      guard state.candidateCount >= Self.agreeingSentences else { return }
      state.offset = told
      state.heard = time
      state.candidateCount = 0
    }
  }

  /// Wall time minus monotonic time in nanoseconds, while it can be relied on.
  func offset(at time: MonotonicTime) -> Int64? {
    state.withLock { state in
      guard let offset = state.offset, time - state.heard <= Self.holdover else { return nil }
      return offset
    }
  }
}
