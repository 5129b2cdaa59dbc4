import Observations
import SensorDrivers

/// A driver in virtual time, with edges of the test's making.
struct GPIOBench<Driver: GPIODriver> {
  var driver: Driver
  var actions = DriverActions()
  /// The last number that the kernel gave, for each line.
  var sequences: [UInt32: UInt32] = [:]
  /// Milliseconds since the start.
  private(set) var now: Int64 = 0

  init(_ driver: Driver, isActive: Bool = false, isDebounced: Bool = false) {
    self.init(driver, levels: [isActive], isDebounced: isDebounced)
  }

  init(_ driver: Driver, levels: [Bool], isDebounced: Bool = false) {
    self.driver = driver
    open(levels, isDebounced: isDebounced, at: 0)
  }

  /// The lines are requested, the first as number 4 of its chip; the kernel counts their edges from 1.
  mutating func open(_ levels: [Bool], isDebounced: Bool = false, at milliseconds: Int64) {
    let lines = GPIOLinesOpened(
      offsets: levels.indices.map { UInt32(4 + $0) }, levels: levels, isDebounced: isDebounced)
    sequences = [:]
    driver.opened(lines, at: Self.time(milliseconds), into: &actions)
    now = milliseconds
  }

  mutating func read(_ levels: [Bool], at milliseconds: Int64) {
    driver.levelsRead(levels, at: Self.time(milliseconds), into: &actions)
  }

  static func time(_ milliseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: 5_000_000_000) + .milliseconds(milliseconds)
  }

  /// What was observed: milliseconds and observation.
  var observed: [Observation] { actions.observations.map(\.observation) }
  var times: [Int64] { actions.observations.map { ($0.time - Self.time(0)).milliseconds } }

  /// An edge at so many milliseconds, after the deadlines before it; `dropped` edges before it were lost.
  mutating func edge(_ isRising: Bool, at milliseconds: Int64, dropped: UInt32 = 0, line: UInt32 = 4) {
    pass(to: milliseconds - 1)
    lateEdge(isRising, at: milliseconds, dropped: dropped, line: line)
    now = milliseconds
  }

  /// An edge without the deadlines before it, as when the event loop is late.
  mutating func lateEdge(_ isRising: Bool, at milliseconds: Int64, dropped: UInt32 = 0, line: UInt32 = 4) {
    let sequence = (sequences[line] ?? 0) &+ dropped &+ 1
    sequences[line] = sequence
    let edge = GPIOEdge(offset: line, isRising: isRising, time: Self.time(milliseconds), lineSequence: sequence)
    driver.edge(edge, at: Self.time(milliseconds), into: &actions)
  }

  mutating func pass(to milliseconds: Int64) {
    while let deadline = driver.nextDeadline, deadline <= Self.time(milliseconds), !driver.wantsLevels {
      driver.wake(at: deadline, into: &actions)
    }
    now = max(now, milliseconds)
  }
}
