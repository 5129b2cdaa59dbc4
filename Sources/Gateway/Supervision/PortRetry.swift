import Observations

/// When a port that cannot be used is tried again.
///
/// The wait is doubled from the first to the longest: an adapter that is plugged in again is noticed within that. Opening
/// and closing are done by the thread that does all the sensing, and the kernel lets a sick USB device take seconds for
/// each: then the next try waits in proportion, so that the device has about a thirtieth of the thread's time.
struct PortRetry {
  static let firstWait = TimeSpan.milliseconds(250)
  static let longestWait = TimeSpan.seconds(1)
  /// What takes no longer than this is no sign of sickness.
  private static let usualTime = TimeSpan.milliseconds(100)
  private static let restPerTime: Int64 = 30
  private static let longestRest = TimeSpan.seconds(60)

  /// The time of the next try.
  private(set) var due: MonotonicTime
  private var wait = PortRetry.firstWait
  private var restUntil: MonotonicTime

  /// To be tried at `time` for the first time.
  init(at time: MonotonicTime) {
    due = time
    restUntil = time
  }

  /// Opening or closing the port took from `start` to `end`.
  mutating func spent(from start: MonotonicTime, to end: MonotonicTime) {
    let took = end - start
    guard took > Self.usualTime else { return }
    restUntil = max(restUntil, end + min(took * Self.restPerTime, Self.longestRest))
  }

  /// The port is open.
  mutating func opened() {
    wait = Self.firstWait
  }

  /// The port cannot be opened, or was lost.
  mutating func failed(at time: MonotonicTime) {
    due = max(time + wait, restUntil)
    wait = min(wait * 2, Self.longestWait)
  }

  /// The port was closed to be opened anew.
  mutating func closed(at time: MonotonicTime) {
    due = max(time + Self.firstWait, restUntil)
  }
}
