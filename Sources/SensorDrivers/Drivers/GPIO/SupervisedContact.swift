public import Observations

/// A flood contact on two lines, so that a broken or short-circuited cable is told from dry and from wet.
///
/// The two lines are judged together: a state of both counts when it has lasted. While a contact moves from one side to
/// the other the lines look like a broken cable for a moment; only what outlasts `transition` is one. A broken or
/// short-circuited cable is a fault until the lines again show a state of the contact.
public struct SupervisedContact: GPIODriver {
  /// What the second line is connected with.
  public enum Wiring: String, Sendable, CaseIterable {
    /// The other throw of a changeover contact: always one of the two lines is closed.
    case changeover
    /// The "loop whole" output of a circuit that watches the end-of-line resistors: closed while it sees them.
    case endOfLine = "end-of-line"
  }

  /// What the two lines say together.
  public enum Condition: Sendable, Hashable {
    case dry, wet, cableBreak, shortCircuit
  }

  public let sensor: SensorID
  public let inputs: [GPIOInputSettings]
  public private(set) var counters = GPIOCounters()
  public private(set) var wantsLevels = false
  private let wiring: Wiring
  private let wet: ContactSensor.Wet
  private let debounce: TimeSpan
  private let transition: TimeSpan
  private let levelInterval: TimeSpan
  private var areClosed = [false, false]
  private var offsets: [UInt32] = []
  private var sequences = [LineSequence(), LineSequence()]
  private var debouncer: Debouncer<Condition>?
  private var nextLevel: MonotonicTime?

  /// - `debounce`: how long wet or dry must last to count.
  /// - `transition`: how long both lines must contradict each other to be a fault; at least `debounce`.
  /// - `levelInterval`: how often the lines are looked at although nothing happened.
  public init(
    sensor: SensorID, contact: GPIOLine, supervision: GPIOLine, bias: GPIOBias, wiring: Wiring, wet: ContactSensor.Wet,
    debounce: TimeSpan, transition: TimeSpan = .seconds(1), levelInterval: TimeSpan = .seconds(10)
  ) {
    self.sensor = sensor
    self.wiring = wiring
    self.wet = wet
    self.debounce = debounce
    self.transition = max(transition, debounce)
    self.levelInterval = levelInterval
    // The kernel would debounce each line alone, and so pull apart what happened at once.
    inputs = [contact, supervision].map { line in
      GPIOInputSettings(
        line: line, bias: bias, isActiveLow: ContactSensor.isActiveLow(bias: bias, wet: .closed), debounce: .zero)
    }
  }

  /// What the lines say; closed is closed to ground, or beside a pull-down to the supply.
  public static func condition(
    isContactClosed: Bool, isSupervisionClosed: Bool, wiring: Wiring, wet: ContactSensor.Wet
  ) -> Condition {
    let ofContact: Condition = isContactClosed == (wet == .closed) ? .wet : .dry
    switch (isContactClosed, isSupervisionClosed, wiring) {
    case (true, false, .changeover), (false, true, .changeover): return ofContact
    case (true, true, .changeover): return .shortCircuit
    case (false, false, .changeover): return .cableBreak
    case (_, true, .endOfLine): return ofContact
    case (true, false, .endOfLine): return .shortCircuit
    case (false, false, .endOfLine): return .cableBreak
    }
  }

  public var nextDeadline: MonotonicTime? {
    guard let nextLevel else { return nil }
    return min(nextLevel, debouncer?.deadline ?? nextLevel)
  }

  public mutating func opened(
    _ lines: GPIOLinesOpened, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    offsets = lines.offsets
    areClosed = lines.levels
    sequences = [LineSequence(), LineSequence()]
    wantsLevels = false
    nextLevel = time + levelInterval
    debouncer = Debouncer(condition)
    say(condition, at: time, into: &actions)
  }

  public mutating func edge(_ edge: GPIOEdge, at time: MonotonicTime, into actions: inout DriverActions) {
    guard let line = offsets.firstIndex(of: edge.offset) else { return }
    counters.edges += 1
    let missing = sequences[line].missing(before: edge.lineSequence)
    if missing > 0 {
      counters.lostEdges += UInt64(missing)
      wantsLevels = true
    }
    areClosed[line] = edge.isRising
    update(at: edge.time, into: &actions)
  }

  public mutating func levelsRead(_ areActive: [Bool], at time: MonotonicTime, into actions: inout DriverActions) {
    wantsLevels = false
    nextLevel = time + levelInterval
    areClosed = areActive
    update(at: time, into: &actions)
    // A line that lives says nothing for a contact whose cable is broken.
    switch debouncer?.settled {
    case .dry, .wet: actions.observations.append(TimedObservation(time: time, observation: .alive(sensor)))
    case .cableBreak, .shortCircuit, nil: break
    }
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    debouncer = nil
    nextLevel = nil
    wantsLevels = false
    actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, cause)))
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    settle(by: time, into: &actions)
    if let nextLevel, time >= nextLevel { wantsLevels = true }
  }

  private var condition: Condition {
    Self.condition(isContactClosed: areClosed[0], isSupervisionClosed: areClosed[1], wiring: wiring, wet: wet)
  }

  private mutating func update(at time: MonotonicTime, into actions: inout DriverActions) {
    settle(by: time, into: &actions)
    let seen = condition
    guard debouncer?.latest != seen else { return }
    let span =
      switch seen {
      case .dry, .wet: debounce
      case .cableBreak, .shortCircuit: transition
      }
    if let change = debouncer?.change(to: seen, at: time, lasting: span) {
      say(change.state, at: change.time, into: &actions)
    }
  }

  private mutating func settle(by time: MonotonicTime, into actions: inout DriverActions) {
    if let change = debouncer?.settle(by: time) { say(change.state, at: change.time, into: &actions) }
  }

  private func say(_ condition: Condition, at time: MonotonicTime, into actions: inout DriverActions) {
    let observation: Observation =
      switch condition {
      case .dry: .contact(sensor, active: false)
      case .wet: .contact(sensor, active: true)
      case .cableBreak: .fault(sensor, .cableBreak)
      case .shortCircuit: .fault(sensor, .shortCircuit)
      }
    actions.observations.append(TimedObservation(time: time, observation: observation))
  }
}
