import Observations

/// When something that was commanded is over: decided by the monotonic clock, told in wall time.
struct CommandEnd: Sendable, Hashable, Codable {
  /// As the authority said it; once the wall clock was set, as the deadline reads by that.
  private(set) var until: WallTime
  private(set) var deadline: MonotonicTime
  /// The board was started anew, and no clock has told since for how long it was off.
  private(set) var isProvisional = false
  /// How far the clock could be trusted that `until` was told by. Nil: an older version did not say.
  private var clock: ClockQuality?

  /// Of a command that is taken at `moment`.
  init(until: WallTime, at moment: Moment) {
    self.until = until
    deadline = moment.monotonic + min(until - moment.wall, Command.longest)
    clock = moment.clock
  }

  /// Of an older version's record, which knows no wall time: it is read once a clock can be trusted.
  init(deadline: MonotonicTime) {
    until = WallTime(milliseconds: 0)
    self.deadline = deadline
    clock = .unsynchronized
  }

  func isOver(at time: MonotonicTime) -> Bool { deadline <= time }

  /// On this run's clock. Where no clock tells how long the pause was, it goes on for what was left of it, once: at a
  /// second start without a clock it is over.
  func shifted(by shift: TimeShift, savedAt: Moment) -> CommandEnd {
    var end = self
    // An older version saved it as the command was taken, by the same clock.
    if clock == nil, !isProvisional { end.clock = savedAt.clock }
    if shift.lastAlive(savedAt) != nil {
      end.deadline = shift.throughPause(deadline, savedAt: savedAt)
    } else {
      end.deadline = isProvisional ? shift.now.monotonic : shift.throughPause(deadline, savedAt: savedAt)
      end.isProvisional = true
    }
    return end
  }

  /// The wall clock can be trusted from `moment` on, or was set.
  ///
  /// An end of which no clock told how much is left is where a clock that could be trusted said that it is, if that is
  /// nearer. No other end is moved, and its wall time becomes what it is by this clock: a later start measures by that.
  mutating func clockIsKnown(at moment: Moment) {
    if isProvisional, clock != .unsynchronized {
      deadline = min(deadline, moment.monotonic + max(until - moment.wall, .zero))
    }
    isProvisional = false
    until = moment.wall + (deadline - moment.monotonic)
    clock = moment.clock
  }
}
