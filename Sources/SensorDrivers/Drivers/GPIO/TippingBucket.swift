public import Observations

/// A rain gauge whose bucket closes a contact at each tip, or opens one for a moment. Counts the closings, never the
/// openings: there is one a tip either way.
///
/// The bounce of the contact is judged here, by the kernel's time stamps, and not by the kernel's own debouncing: that
/// takes a pulse away without a gap in the sequence numbers when the board is busy, and a lost tip must be known.
///
/// A tip that was lost is not made up: the fault `edges_lost` says that the count is too low, and `counters` by how many
/// edges exactly. Both faults are said at most once a minute.
public struct TippingBucket: GPIODriver {
  public let sensor: SensorID
  public let inputs: [GPIOInputSettings]
  public private(set) var wantsLevels = false
  /// Tips since counting began; never falls.
  public private(set) var count: UInt64
  public private(set) var counters = GPIOCounters()
  private let levelInterval: TimeSpan
  private var rate: TipRate
  /// A contact counts as closed when it has been for so long.
  private let debounce: TimeSpan
  private var debouncer: Debouncer<Bool>?
  /// What a deadline made count, until an edge that is younger confirms it.
  private var presumed: (change: Debouncer<Bool>.Change, wasCounted: Bool)?
  /// When a tip was counted that had not lasted. The next that lasts is that one, if it comes soon enough.
  private var countedAhead: MonotonicTime?
  private var sequence = LineSequence()
  private var nextLevel: MonotonicTime?
  private var lastSaid: [FaultCause: MonotonicTime] = [:]
  private var isKnownToRattle = false

  private static let repeatFaultAfter = TimeSpan.minutes(1)
  /// So long is a tip waited for that was counted ahead. Later rain is told at its own time; and a line that shows nothing
  /// but bounces, read too late each time, counts no more than a tip in so long.
  private static let longestAhead = TimeSpan.hours(1)

  /// - `count`: the tips counted before this start.
  /// - `minimumInterval`: from one tip to the next at the highest rate that is believed; zero believes each.
  /// - `levelInterval`: how often the line is looked at although nothing happened, to see that the chip is there.
  public init(
    sensor: SensorID, line: GPIOLine, bias: GPIOBias, debounce: TimeSpan, count: UInt64 = 0,
    minimumInterval: TimeSpan = .milliseconds(25), levelInterval: TimeSpan = .seconds(10)
  ) {
    self.sensor = sensor
    self.count = count
    self.levelInterval = levelInterval
    rate = TipRate(interval: minimumInterval)
    self.debounce = debounce
    inputs = [
      GPIOInputSettings(
        line: line, bias: bias, isActiveLow: ContactSensor.isActiveLow(bias: bias, wet: .closed), debounce: .zero)
    ]
  }

  public var nextDeadline: MonotonicTime? {
    guard let nextLevel else { return nil }
    return min(nextLevel, debouncer?.deadline ?? nextLevel)
  }

  public mutating func opened(
    _ lines: GPIOLinesOpened, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    // A bucket that rests on its contact is no tip.
    debouncer = Debouncer(lines.levels[0])
    presumed = nil
    countedAhead = nil
    sequence = LineSequence()
    wantsLevels = false
    nextLevel = time + levelInterval
    rate.forget()
    say(.tips(sensor, count: count), at: time, into: &actions)
  }

  public mutating func edge(_ edge: GPIOEdge, at time: MonotonicTime, into actions: inout DriverActions) {
    counters.edges += 1
    let missing = sequence.missing(before: edge.lineSequence)
    if missing > 0 {
      counters.lostEdges += UInt64(missing)
      // Before this edge the line had the other level. Whether what was pending had lasted is not known: it does not count.
      debouncer?.assume(!edge.isRising)
      presumed = nil
    } else {
      takeBackPresumed(by: edge.time)
      if let change = debouncer?.settle(by: edge.time) { take(change, into: &actions) }
    }
    if let change = debouncer?.change(to: edge.isRising, at: edge.time, lasting: debounce) {
      take(change, into: &actions)
    }
    // After the tip, which would otherwise end the fault at once.
    if missing > 0 { sayFault(.edgesLost, at: edge.time, into: &actions) }
  }

  public mutating func levelsRead(_ areActive: [Bool], at time: MonotonicTime, into actions: inout DriverActions) {
    wantsLevels = false
    nextLevel = time + levelInterval
    // A line that lives is no answer while what it says is not believed.
    if !rate.isRattling(at: time) { say(.alive(sensor), at: time, into: &actions) }
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    debouncer = nil
    presumed = nil
    nextLevel = nil
    wantsLevels = false
    say(.fault(sensor, cause), at: time, into: &actions)
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    if let change = debouncer?.settle(by: time) {
      presumed = (change, take(change, into: &actions))
    }
    if let nextLevel, time >= nextLevel { wantsLevels = true }
  }

  /// Takes back what a deadline made count if an edge shows that it had not lasted: one that came before the deadline and
  /// is read after it, because the kernel was kept from noting it. A tip that was counted stays counted; the next that
  /// lasts within an hour is that one.
  private mutating func takeBackPresumed(by time: MonotonicTime) {
    guard let (change, wasCounted) = presumed else { return }
    presumed = nil
    guard time < change.time else { return }
    debouncer?.assume(!change.state)
    if wasCounted { countedAhead = change.time }
  }

  /// Whether a tip was counted.
  @discardableResult
  private mutating func take(_ change: Debouncer<Bool>.Change, into actions: inout DriverActions) -> Bool {
    guard change.state else { return false }
    if let ahead = countedAhead {
      countedAhead = nil
      // Should this have been in vain too, it is still the same tip.
      if change.time - ahead <= Self.longestAhead { return true }
    }
    let verdict = rate.judge(change.time)
    guard verdict == .believed else {
      counters.rejectedTips += 1
      // From here on nothing is believed: what was said before the last tip that was does not hold any more.
      if verdict == .rattling, !isKnownToRattle { lastSaid[.implausibleRate] = nil }
      isKnownToRattle = verdict == .rattling
      sayFault(.implausibleRate, at: change.time, into: &actions)
      return false
    }
    isKnownToRattle = false
    count += 1
    say(.tips(sensor, count: count), at: change.time, into: &actions)
    return true
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
