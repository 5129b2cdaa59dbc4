import Observations
import SensorDrivers

/// A driver in virtual time, with edges of the test's making.
struct GPIOBench<Driver: GPIODriver> {
  var driver: Driver
  var actions = DriverActions()
  var sequence: UInt32 = 0
  /// Milliseconds since the start.
  private(set) var now: Int64 = 0

  init(_ driver: Driver, isActive: Bool = false, isDebounced: Bool = false) {
    self.driver = driver
    self.driver.opened(isActive: isActive, isDebounced: isDebounced, at: Self.time(0), into: &actions)
  }

  static func time(_ milliseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: 5_000_000_000) + .milliseconds(milliseconds)
  }

  /// What was observed: milliseconds and observation.
  var observed: [Observation] { actions.observations.map(\.observation) }
  var times: [Int64] { actions.observations.map { ($0.time - Self.time(0)).milliseconds } }

  /// An edge at so many milliseconds, after the deadlines before it; `dropped` edges before it were lost.
  mutating func edge(_ isRising: Bool, at milliseconds: Int64, dropped: UInt32 = 0) {
    pass(to: milliseconds - 1)
    lateEdge(isRising, at: milliseconds, dropped: dropped)
    now = milliseconds
  }

  /// An edge without the deadlines before it, as when the event loop is late.
  mutating func lateEdge(_ isRising: Bool, at milliseconds: Int64, dropped: UInt32 = 0) {
    sequence &+= dropped &+ 1
    let edge = GPIOEdge(offset: 4, isRising: isRising, time: Self.time(milliseconds), lineSequence: sequence)
    driver.edge(edge, at: Self.time(milliseconds), into: &actions)
  }

  mutating func pass(to milliseconds: Int64) {
    while let deadline = driver.nextDeadline, deadline <= Self.time(milliseconds), !driver.wantsLevel {
      driver.wake(at: deadline, into: &actions)
    }
    now = max(now, milliseconds)
  }
}
