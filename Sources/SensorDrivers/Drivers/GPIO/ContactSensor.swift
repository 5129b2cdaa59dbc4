public import Observations

/// A contact that closes or opens when water reaches it.
///
/// Says its state when the line is opened and at each change that lasts longer than the debounce time. The level is read
/// again after lost edges, and every 10 s to see that the chip is still there: the kernel sends nothing when it goes.
public struct ContactSensor: GPIODriver {
  /// How the contact says that it is wet.
  public enum Wet: String, Sendable, CaseIterable {
    case closed
    case open
  }

  public let sensor: SensorID
  public let inputs: [GPIOInputSettings]
  public private(set) var counters = GPIOCounters()
  public private(set) var wantsLevels = false
  private let levelInterval: TimeSpan
  private var span: TimeSpan
  private var debouncer: Debouncer<Bool>?
  private var sequence = LineSequence()
  private var nextLevel: MonotonicTime?

  /// `levelInterval` is how often the level is read although nothing happened, which also shows that the line lives.
  public init(
    sensor: SensorID, line: GPIOLine, bias: GPIOBias, wet: Wet, debounce: TimeSpan,
    levelInterval: TimeSpan = .seconds(10)
  ) {
    self.sensor = sensor
    self.levelInterval = levelInterval
    span = debounce
    inputs = [
      GPIOInputSettings(
        line: line, bias: bias, isActiveLow: Self.isActiveLow(bias: bias, wet: wet), debounce: debounce)
    ]
  }

  /// Whether wet is a low voltage. A closed contact connects the line with ground, except beside a pull-down, where it
  /// connects it with the supply. With `disabled` and `as-is` a pull-up resistor on the board is assumed.
  static func isActiveLow(bias: GPIOBias, wet: Wet) -> Bool {
    let closedIsLow = bias != .pullDown
    return (wet == .closed) == closedIsLow
  }

  public var nextDeadline: MonotonicTime? {
    guard let nextLevel else { return nil }
    return min(nextLevel, debouncer?.deadline ?? nextLevel)
  }

  public mutating func opened(
    _ lines: GPIOLinesOpened, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    span = lines.isDebounced ? .zero : inputs[0].debounce
    debouncer = Debouncer(lines.levels[0])
    sequence = LineSequence()
    wantsLevels = false
    nextLevel = time + levelInterval
    say(lines.levels[0], at: time, into: &actions)
  }

  public mutating func edge(_ edge: GPIOEdge, at time: MonotonicTime, into actions: inout DriverActions) {
    counters.edges += 1
    // What the contact was meanwhile is of no importance; what it is now is read again.
    let missing = sequence.missing(before: edge.lineSequence)
    if missing > 0 {
      counters.lostEdges += UInt64(missing)
      wantsLevels = true
    }
    update(edge.isRising, at: edge.time, into: &actions)
  }

  public mutating func levelsRead(_ areActive: [Bool], at time: MonotonicTime, into actions: inout DriverActions) {
    wantsLevels = false
    nextLevel = time + levelInterval
    if debouncer?.latest != areActive[0] { update(areActive[0], at: time, into: &actions) }
    actions.observations.append(TimedObservation(time: time, observation: .alive(sensor)))
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    debouncer = nil
    nextLevel = nil
    wantsLevels = false
    actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, cause)))
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    if let change = debouncer?.settle(by: time) { say(change.state, at: change.time, into: &actions) }
    if let nextLevel, time >= nextLevel { wantsLevels = true }
  }

  private mutating func update(_ isActive: Bool, at time: MonotonicTime, into actions: inout DriverActions) {
    if let change = debouncer?.settle(by: time) { say(change.state, at: change.time, into: &actions) }
    if let change = debouncer?.change(to: isActive, at: time, lasting: span) {
      say(change.state, at: change.time, into: &actions)
    }
  }

  private func say(_ isActive: Bool, at time: MonotonicTime, into actions: inout DriverActions) {
    actions.observations.append(TimedObservation(time: time, observation: .contact(sensor, active: isActive)))
  }
}
