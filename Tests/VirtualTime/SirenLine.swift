import Gateway
import Observations

/// The siren's wire: it notes when it was set.
final class SirenLine: OutputLine {
  private let clock: VirtualClock
  /// A planted fault: what it was told is carried out by `carryOut` alone.
  private let waits: Bool
  private var told: Bool?
  private(set) var isOn = false
  /// When it was last set, and when it was last on, in a life's time.
  private(set) var setAt: Int64 = .min
  private var lastOn: Int64 = .min

  init(clock: VirtualClock, waits: Bool) {
    self.clock = clock
    self.waits = waits
  }

  var fault: FaultCause? { nil }
  var tellsState: ((FaultCause?) -> Void)?
  var isWaiting: Bool { false }
  var isGuarded: Bool? { nil }
  var nextDeadline: MonotonicTime? { nil }

  func set(_ on: Bool, at time: MonotonicTime) {
    told = on
    if !waits { carryOut() }
  }

  func carryOut() {
    guard let on = told else { return }
    told = nil
    if on || isOn { lastOn = clock.now }
    isOn = on
    setAt = clock.now
  }

  /// Whether it sounds, or has within that time.
  func hasSounded(within nanoseconds: Int64) -> Bool { isOn || (lastOn > .min && clock.now - lastOn <= nanoseconds) }

  func wake(at time: MonotonicTime) {
    // It has no deadlines.
  }
}
