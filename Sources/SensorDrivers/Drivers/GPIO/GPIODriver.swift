public import Observations

/// The life of one sensor on one GPIO line: a value that is told what happens and says what to do.
///
/// It has no descriptor, no clock and no task; whoever owns the line calls it, also in a replay. Times given to it never
/// go back, but an edge may be a little older than the call that brings it.
public protocol GPIODriver: Sendable {
  /// The sensor that speaks through the line.
  var sensor: SensorID { get }

  /// How the line is to be requested.
  var input: GPIOInputSettings { get }

  /// When `wake` is due at the latest, if ever.
  var nextDeadline: MonotonicTime? { get }

  /// Whether the line's level is to be read now and given to `levelRead`.
  var wantsLevel: Bool { get }

  /// The line was requested, for the first time or again; `isActive` is its level. `isDebounced` says that the kernel
  /// debounces it, so that each edge counts at once.
  mutating func opened(isActive: Bool, isDebounced: Bool, at time: MonotonicTime, into actions: inout DriverActions)

  /// An edge came, in the order of their sequence numbers.
  mutating func edge(_ edge: GPIOEdge, at time: MonotonicTime, into actions: inout DriverActions)

  /// The line's level was read, after all edges that waited.
  mutating func levelRead(isActive: Bool, at time: MonotonicTime, into actions: inout DriverActions)

  /// The line cannot be used: the sensor becomes a fault of this cause.
  mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions)

  /// A deadline was reached.
  mutating func wake(at time: MonotonicTime, into actions: inout DriverActions)
}

/// Lets a level count only when it has lasted, and gives it the time at which it had.
struct Debouncer: Sendable {
  /// How long a level must last; zero: every change counts at once.
  private let span: TimeSpan
  /// The level that counts.
  private(set) var settled: Bool
  /// The level that the line was last known to have.
  private(set) var latest: Bool
  /// When `latest` will count, if it does not yet.
  private(set) var deadline: MonotonicTime?

  /// A level that counts from now on.
  struct Change {
    let isActive: Bool
    let time: MonotonicTime
  }

  init(span: TimeSpan, isActive: Bool) {
    self.span = span
    settled = isActive
    latest = isActive
  }

  /// What has lasted long enough by `time`.
  mutating func settle(by time: MonotonicTime) -> Change? {
    guard let due = deadline, time >= due else { return nil }
    deadline = nil
    settled = latest
    return Change(isActive: settled, time: due)
  }

  /// The line changed to this level, after `settle` was asked for the same time.
  mutating func change(to isActive: Bool, at time: MonotonicTime) -> Change? {
    latest = isActive
    guard isActive != settled else {
      deadline = nil
      return nil
    }
    deadline = time + span
    return span == .zero ? settle(by: time) : nil
  }

  /// Edges were lost: the line has this level, and nothing is pending.
  mutating func assume(_ isActive: Bool) {
    settled = isActive
    latest = isActive
    deadline = nil
  }
}

/// Finds gaps in the sequence numbers of one line's edges.
struct LineSequence: Sendable {
  private var last: UInt32 = 0

  /// How many edges are missing before this one. The numbers start at 1 and wrap; one that goes back is no gap.
  mutating func missing(before sequence: UInt32) -> UInt32 {
    let missing = sequence &- last &- 1
    last = sequence
    return missing > UInt32.max / 2 ? 0 : missing
  }
}
