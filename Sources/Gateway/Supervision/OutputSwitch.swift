import Logging
package import Observations
package import SensorDrivers

/// Switches one output when the station says so, in its pattern while it is on, whatever wire it is on.
package final class OutputSwitch: EventSource {
  let id: OutputID
  let line: any OutputLine

  /// The output's safe state is on.
  private let isSafeOn: Bool
  /// On, off, on, off, … while the output is on; empty: steadily on.
  private let pattern: [TimeSpan]
  /// Where in the pattern it is, and until when; nil while it is off or steady.
  private var step: (index: Int, end: MonotonicTime)?
  private var isOn = false
  private var isReleased = false

  /// - Parameter pattern: lengths of on and off in turn, none of them zero, beginning with on.
  package init(id: OutputID, line: any OutputLine, isSafeOn: Bool, pattern: [TimeSpan] = []) {
    self.id = id
    self.line = line
    self.isSafeOn = isSafeOn
    self.pattern = pattern
  }

  /// An output on a GPIO line, which is taken at once, in its safe state.
  convenience init(
    id: OutputID, settings: GPIOOutputSettings, access: any GPIOAccess, pattern: [TimeSpan] = [], logger: Logger,
    at time: MonotonicTime
  ) {
    let line = GPIOOutputLine(id: id, settings: settings, access: access, logger: logger, at: time)
    self.init(id: id, line: line, isSafeOn: settings.safe == .on, pattern: pattern)
  }

  package var interest: EventInterest? { nil }

  package var nextDeadline: MonotonicTime? {
    guard let end = step?.end else { return line.nextDeadline }
    return line.nextDeadline.map { min($0, end) } ?? end
  }

  /// Why it cannot be switched at the moment, if it cannot.
  var fault: FaultCause? { line.fault }

  /// Whether it goes to its safe state even if the program is killed; nil: nobody could see to that, or it is not held.
  var isGuarded: Bool? { line.isGuarded }

  /// Whether it is known within moments how the output stands.
  var isWaiting: Bool { line.isWaiting }

  /// Switches it now. What goes on already begins no new pattern.
  func set(on: Bool, at time: MonotonicTime) {
    guard !isReleased else { return }
    let begins = on && !isOn
    isOn = on
    if !on {
      step = nil
    } else if begins, let first = pattern.first {
      step = (0, time + first)
    }
    if step == nil || begins { line.set(on, at: time) }
  }

  /// Goes to the safe state for good: the program, or this configuration, ends.
  package func release(at time: MonotonicTime) {
    isReleased = true
    step = nil
    line.set(isSafeOn, at: time)
  }

  package func ready(at time: MonotonicTime) {
    // An output has nothing to read.
  }

  package func wake(at time: MonotonicTime) {
    if let due = line.nextDeadline, due <= time { line.wake(at: time) }
    guard let current = step, current.end <= time else { return }
    let next = (current.index + 1) % pattern.count
    // A step lasts its whole length also when the one before it ended late: a short one must never be swallowed.
    step = (next, max(current.end, time - .milliseconds(50)) + pattern[next])
    line.set(next.isMultiple(of: 2), at: time)
  }
}
