public import Observations

extension FaultCause {
  /// A rain gauge tips faster than a bucket can: its contact bounces longer than the debounce time, or its wire is hurt.
  public static let implausibleRate = FaultCause(rawValue: "implausible_rate")
}

/// A rain gauge whose bucket closes a contact at each tip. Counts the closings, never the openings.
///
/// A tip that was lost is not made up: the fault `edges_lost` says that the count is too low, and `lostEdges` by how
/// many edges at most. Both faults are said at most once a minute.
public struct TippingBucket: GPIODriver {
  public let sensor: SensorID
  public let input: GPIOInputSettings
  public private(set) var wantsLevel = false
  /// Tips since counting began; never falls.
  public private(set) var count: UInt64
  /// Edges that the kernel dropped: each tip has two, and more where the contact bounces.
  public private(set) var lostEdges: UInt64 = 0
  /// Tips that came too soon after another to be true, and were not counted.
  public private(set) var rejectedTips: UInt64 = 0
  private let minimumInterval: TimeSpan
  private let levelInterval: TimeSpan
  private var debouncer: Debouncer?
  private var sequence = LineSequence()
  private var lastTip: MonotonicTime?
  private var nextLevel: MonotonicTime?
  private var lastSaid: [FaultCause: MonotonicTime] = [:]

  private static let repeatFaultAfter = TimeSpan.minutes(1)

  /// - `count`: the tips counted before this start.
  /// - `minimumInterval`: a tip sooner than this after another is not believed; zero believes each.
  /// - `levelInterval`: how often the line is looked at although nothing happened, to see that the chip is there.
  public init(
    sensor: SensorID, line: GPIOLine, bias: GPIOBias, debounce: TimeSpan, count: UInt64 = 0,
    minimumInterval: TimeSpan = .milliseconds(25), levelInterval: TimeSpan = .seconds(10)
  ) {
    self.sensor = sensor
    self.count = count
    self.minimumInterval = minimumInterval
    self.levelInterval = levelInterval
    input = GPIOInputSettings(
      line: line, bias: bias, isActiveLow: ContactSensor.isActiveLow(bias: bias, wet: .closed), debounce: debounce)
  }

  public var nextDeadline: MonotonicTime? {
    guard let nextLevel else { return nil }
    return min(nextLevel, debouncer?.deadline ?? nextLevel)
  }

  public mutating func opened(
    isActive: Bool, isDebounced: Bool, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    // A bucket that rests on its contact is no tip.
    debouncer = Debouncer(span: isDebounced ? .zero : input.debounce, isActive: isActive)
    sequence = LineSequence()
    wantsLevel = false
    nextLevel = time + levelInterval
    lastTip = nil
    say(.tips(sensor, count: count), at: time, into: &actions)
  }

  public mutating func edge(_ edge: GPIOEdge, at time: MonotonicTime, into actions: inout DriverActions) {
    settle(by: edge.time, into: &actions)
    let missing = sequence.missing(before: edge.lineSequence)
    if missing > 0 {
      lostEdges += UInt64(missing)
      // Before this edge the line had the other level, whatever was pending.
      debouncer?.assume(!edge.isRising)
    }
    if let change = debouncer?.change(to: edge.isRising, at: edge.time) { take(change, into: &actions) }
    // After the tip, which would otherwise end the fault at once.
    if missing > 0 { sayFault(.edgesLost, at: edge.time, into: &actions) }
  }

  public mutating func levelRead(isActive: Bool, at time: MonotonicTime, into actions: inout DriverActions) {
    wantsLevel = false
    nextLevel = time + levelInterval
    say(.alive(sensor), at: time, into: &actions)
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    debouncer = nil
    nextLevel = nil
    wantsLevel = false
    say(.fault(sensor, cause), at: time, into: &actions)
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    settle(by: time, into: &actions)
    if let nextLevel, time >= nextLevel { wantsLevel = true }
  }

  private mutating func settle(by time: MonotonicTime, into actions: inout DriverActions) {
    if let change = debouncer?.settle(by: time) { take(change, into: &actions) }
  }

  private mutating func take(_ change: Debouncer.Change, into actions: inout DriverActions) {
    guard change.isActive else { return }
    if let lastTip, change.time < lastTip + minimumInterval {
      rejectedTips += 1
      sayFault(.implausibleRate, at: change.time, into: &actions)
      return
    }
    lastTip = change.time
    count += 1
    say(.tips(sensor, count: count), at: change.time, into: &actions)
  }

  private mutating func sayFault(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    if let last = lastSaid[cause], time < last + Self.repeatFaultAfter { return }
    lastSaid[cause] = time
    say(.fault(sensor, cause), at: time, into: &actions)
  }

  private func say(_ observation: Observation, at time: MonotonicTime, into actions: inout DriverActions) {
    actions.observations.append(TimedObservation(time: time, observation: observation))
  }
}
