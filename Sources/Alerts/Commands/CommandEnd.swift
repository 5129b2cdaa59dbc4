import Observations

/// When something that was commanded is over: decided by the monotonic clock, told in wall time.
struct CommandEnd: Sendable, Hashable, Codable {
  /// As the authority said it.
  var until: WallTime
  private(set) var deadline: MonotonicTime
  /// The board was started anew, and no clock has told since for how long it was off.
  private(set) var isProvisional = false

  /// Of a command that is taken at `moment`.
  init(until: WallTime, at moment: Moment) {
    self.until = until
    deadline = moment.monotonic + min(until - moment.wall, Command.longest)
  }

  func isOver(at time: MonotonicTime) -> Bool { deadline <= time }

  /// On this run's clock. Where no clock tells how long the pause was, it goes on for what was left of it, once: at a
  /// second start without a clock it is over.
  func shifted(by shift: TimeShift, savedAt: Moment) -> CommandEnd {
    var end = self
    if shift.lastAlive(savedAt) != nil {
      end.deadline = shift.throughPause(deadline, savedAt: savedAt)
    } else {
      end.deadline = isProvisional ? shift.now.monotonic : shift.throughPause(deadline, savedAt: savedAt)
      end.isProvisional = true
    }
    return end
  }

  /// The wall clock can be trusted from now on. Returns whether the end has come nearer.
  mutating func clockIsKnown(at moment: Moment) -> Bool {
    guard isProvisional, moment.clock != .unsynchronized else { return false }
    isProvisional = false
    deadline = min(deadline, moment.monotonic + max(until - moment.wall, .zero))
    return true
  }
}
