public import Observations

/// Lines that were requested, as they stood at that moment; each in the order of the driver's `inputs`.
public struct GPIOLinesOpened: Sendable, Hashable {
  /// Their numbers on the chip: each edge names its line by it.
  public let offsets: [UInt32]
  /// Whether each is active.
  public let levels: [Bool]
  /// Whether the kernel debounces them, so that each edge counts at once.
  public let isDebounced: Bool

  public init(offsets: [UInt32], levels: [Bool], isDebounced: Bool) {
    self.offsets = offsets
    self.levels = levels
    self.isDebounced = isDebounced
  }
}

/// What came over the lines of one sensor since the start; only ever rises. Published in `health`.
public struct GPIOCounters: Sendable, Hashable {
  /// Edges that were read.
  public var edges: UInt64 = 0
  /// Edges that the kernel dropped before they were read, by its sequence numbers: exactly so many.
  public var lostEdges: UInt64 = 0
  /// Tips that came too soon after another to be true, and were not counted.
  public var rejectedTips: UInt64 = 0

  public init() {}
}

/// The life of one sensor on one or two GPIO lines: a value that is told what happens and says what to do.
///
/// It has no descriptor, no clock and no task; whoever owns the lines calls it, also in a replay. Times given to it never
/// go back, but an edge may be a little older than the call that brings it.
public protocol GPIODriver: Sendable {
  /// The sensor that speaks through the lines.
  var sensor: SensorID { get }

  /// How the lines are to be requested, all of one chip and in one request.
  var inputs: [GPIOInputSettings] { get }

  var counters: GPIOCounters { get }

  /// When `wake` is due at the latest, if ever.
  var nextDeadline: MonotonicTime? { get }

  /// Whether the lines' levels are to be read now and given to `levelsRead`.
  var wantsLevels: Bool { get }

  /// The lines were requested, for the first time or again.
  mutating func opened(_ lines: GPIOLinesOpened, at time: MonotonicTime, into actions: inout DriverActions)

  /// An edge came, in the order of their sequence numbers.
  mutating func edge(_ edge: GPIOEdge, at time: MonotonicTime, into actions: inout DriverActions)

  /// The lines' levels were read, in the order of `inputs`, after all edges that waited.
  mutating func levelsRead(_ areActive: [Bool], at time: MonotonicTime, into actions: inout DriverActions)

  /// The lines cannot be used: the sensor becomes a fault of this cause.
  mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions)

  /// A deadline was reached.
  mutating func wake(at time: MonotonicTime, into actions: inout DriverActions)
}

/// Lets a state count only when it has lasted, and gives it the time at which it had.
struct Debouncer<State: Equatable & Sendable>: Sendable {
  /// The state that counts.
  private(set) var settled: State
  /// The state that was last seen.
  private(set) var latest: State
  /// When `latest` will count, if it does not yet.
  private(set) var deadline: MonotonicTime?

  /// A state that counts from now on.
  struct Change {
    let state: State
    let time: MonotonicTime
  }

  init(_ state: State) {
    settled = state
    latest = state
  }

  /// What has lasted long enough by `time`.
  mutating func settle(by time: MonotonicTime) -> Change? {
    guard let due = deadline, time >= due else { return nil }
    deadline = nil
    settled = latest
    return Change(state: settled, time: due)
  }

  /// There is another state, which counts when it has lasted for `span`; zero: at once. After `settle` was asked for the
  /// same time.
  mutating func change(to state: State, at time: MonotonicTime, lasting span: TimeSpan) -> Change? {
    latest = state
    guard state != settled else {
      deadline = nil
      return nil
    }
    deadline = time + span
    return span == .zero ? settle(by: time) : nil
  }

  /// Edges were lost: this is the state, and nothing is pending.
  mutating func assume(_ state: State) {
    settled = state
    latest = state
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
