public import Observations

/// One number in the lines of a sensor that speaks in text.
public struct LinePoint: Sendable, Hashable {
  /// How a sensor is asked that does not talk by itself.
  public struct Poll: Sendable, Hashable {
    /// What is sent, its end included; not empty.
    public var request: [UInt8]
    /// The grid of the polls: 100 ms or longer.
    public var every: TimeSpan
    /// From handing over the request to the end of the answer.
    public var timeout: TimeSpan

    public init(request: [UInt8], every: TimeSpan, timeout: TimeSpan = .seconds(1)) {
      self.request = request
      self.every = every
      self.timeout = timeout
    }
  }

  public var sensor: SensorID
  public var quantity: Quantity
  public var pattern: LinePattern
  /// Which of the pattern's numbers, counted from 0.
  public var field: Int
  /// The value in the quantity's unit is number × scale + offset.
  public var scale: Double
  public var offset: Double
  /// Nil: the sensor talks by itself.
  public var poll: Poll?

  public init(
    sensor: SensorID, quantity: Quantity, pattern: LinePattern, field: Int = 0, scale: Double = 1, offset: Double = 0,
    poll: Poll? = nil
  ) {
    self.sensor = sensor
    self.quantity = quantity
    self.pattern = pattern
    self.field = field
    self.scale = scale
    self.offset = offset
    self.poll = poll
  }

  /// What this sensor says with the numbers of a line.
  func observation(_ values: [Double]) -> Observation {
    guard values.indices.contains(field) else { return .fault(sensor, .missingValue) }
    guard let value = Measure(rounding: values[field] * scale + offset, for: quantity) else {
      return .fault(sensor, .outOfRange)
    }
    return .reading(sensor, value)
  }
}

/// One request of a polled line, with the sensors that its answer holds.
struct LineQuestion: Sendable {
  let poll: LinePoint.Poll
  /// Places in the driver's list of points.
  var points: [Int] = []
  /// The slot of its grid that waits to be asked.
  var due = MonotonicTime(nanoseconds: 0)
  private(set) var failures = 0
  private(set) var restsUntil: MonotonicTime?
  private var origin = MonotonicTime(nanoseconds: 0)

  init(_ poll: LinePoint.Poll) {
    self.poll = poll
  }

  var isTrusted: Bool { failures == 0 }

  /// When it may be asked.
  var start: MonotonicTime { max(due, restsUntil ?? due) }

  mutating func restart(at time: MonotonicTime) {
    origin = time
    due = time
    answered()
  }

  mutating func answered() {
    failures = 0
    restsUntil = nil
  }

  /// 2 s of rest, doubled each time, at most 30 s.
  mutating func failed(at time: MonotonicTime) {
    failures = min(failures + 1, 1000)
    restsUntil = time + min(.seconds(2) * (1 << Int64(min(failures - 1, 8))), .seconds(30))
  }

  /// The next is asked at the first slot after `time`; slots that were missed are skipped.
  mutating func advance(after time: MonotonicTime) {
    let elapsed = max(time - origin, .zero).nanoseconds
    let every = max(poll.every, .milliseconds(100)).nanoseconds
    due = origin + TimeSpan(nanoseconds: (elapsed / every + 1) * every)
  }
}
