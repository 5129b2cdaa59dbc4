import Alerts
public import Observations

/// When a search for a tag is over: decided by the monotonic clock, as the station decides it, so that a clock that is set
/// meanwhile neither ends nor prolongs it.
public struct TagSearchEnd: Sendable, Hashable, Codable {
  /// As the authority said it.
  public let until: WallTime
  public private(set) var deadline: MonotonicTime
  /// The board was started anew, and no clock has told since for how long it was off.
  public private(set) var isProvisional = false

  /// Of a search that is taken at `time`, and lasts for so long; never for longer than any command.
  public init(until: WallTime, lasting: TimeSpan, from time: MonotonicTime) {
    self.until = until
    deadline = time + min(lasting, Command.longest)
  }

  /// Of a search that an earlier program kept by wall time alone.
  init(until: WallTime, resumedAt now: Moment) {
    self.init(until: until, lasting: until - now.wall, from: now.monotonic)
    isProvisional = now.clock == .unsynchronized
  }

  func isOver(at time: MonotonicTime) -> Bool { deadline <= time }

  /// The same in another boot than that in which it was saved. Where no clock tells how long the pause was, it goes on
  /// for what was left of it, once: at a second start without a clock it is over.
  func inAnotherBoot(savedAt: MonotonicTime, now: Moment) -> TagSearchEnd {
    var end = self
    let left = min(deadline - savedAt, Command.longest)
    if now.clock == .unsynchronized {
      end.deadline = isProvisional ? now.monotonic : now.monotonic + left
      end.isProvisional = true
    } else {
      end.deadline = now.monotonic + min(left, until - now.wall)
      end.isProvisional = false
    }
    return end
  }

  /// Time has passed: a wall clock that can be trusted from now on may bring a provisional end nearer.
  mutating func follow(_ now: Moment) {
    guard isProvisional, now.clock != .unsynchronized else { return }
    isProvisional = false
    deadline = min(deadline, now.monotonic + max(until - now.wall, .zero))
  }
}

extension WatchSearch {
  /// When the station ends it, if it is taken at `moment`.
  func end(at moment: Moment) -> TagSearchEnd {
    TagSearchEnd(until: until, lasting: until - moment.wall, from: moment.monotonic)
  }
}
