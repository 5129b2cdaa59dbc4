import Observations

/// By how much the times of a message are wrong that was made while the clock deserved less trust than it does now.
///
/// The monotonic clock joins both readings: it was never set. So only what was stamped in this boot can be corrected; a
/// time that the clock cannot have shown in this boot is of an earlier one and stays as it is.
struct TimeCorrection: Sendable, Hashable {
  /// The readings of a clock that nobody sets lie so close together: for less no time is written anew.
  static let slewMilliseconds: Int64 = 100
  /// A time that lies further ahead of the clock, although the clock is trusted as it was then, is wrong.
  private static let aheadMilliseconds: Int64 = 1_000
  /// No end and no estimate lies further ahead of the message that tells of it.
  private static let horizonMilliseconds: Int64 = 25 * 3_600_000

  /// When the boot began, and when the message was made, as the clock showed it then.
  private let boot: Int64
  private let made: Int64
  /// What is added to the times, in milliseconds.
  let milliseconds: Int64
  /// How far the corrected times can be trusted.
  let clock: ClockQuality

  /// Returns nil where there is nothing to correct: the clock deserves no more trust than when `stamped` was read, and
  /// does not show that it was ahead.
  init?(of stamped: Moment, by now: Moment) {
    let isBetter = now.clock > stamped.clock
    let ahead = stamped.wall.milliseconds - now.wall.milliseconds
    guard isBetter || now.clock == stamped.clock && ahead > Self.aheadMilliseconds else { return nil }
    let elapsed = now.monotonic.nanoseconds - stamped.monotonic.nanoseconds
    guard stamped.monotonic.nanoseconds >= 0, elapsed >= 0 else { return nil }
    // Rounded up, so that no corrected time lies ahead of now.
    let difference = -ahead - (elapsed + 999_999) / 1_000_000
    milliseconds = difference.magnitude <= Self.slewMilliseconds ? 0 : difference
    made = stamped.wall.milliseconds
    boot = made - stamped.monotonic.nanoseconds / 1_000_000
    clock = now.clock
  }

  /// The right time of what was over when the message was made.
  func past(_ time: WallTime) -> WallTime { corrected(time, latest: made) }

  /// The right time of what was to come when the message was made: its end, or an estimate.
  func ahead(_ time: WallTime) -> WallTime { corrected(time, latest: made + Self.horizonMilliseconds) }

  private func corrected(_ time: WallTime, latest: Int64) -> WallTime {
    guard time.milliseconds >= boot, time.milliseconds <= latest else { return time }
    return WallTime(milliseconds: time.milliseconds + milliseconds)
  }
}

extension Moment {
  /// The same moment as a clock tells it that deserves more trust by now; as it is where that makes no difference of a
  /// second.
  func read(by now: Moment) -> Moment {
    guard now.clock > clock else { return self }
    let elapsed = (now.monotonic.nanoseconds - monotonic.nanoseconds) / 1_000_000
    let right = WallTime(milliseconds: now.wall.milliseconds - elapsed)
    guard (right.milliseconds - wall.milliseconds).magnitude >= 1_000 else { return self }
    return Moment(monotonic: monotonic, wall: right, clock: now.clock)
  }
}
