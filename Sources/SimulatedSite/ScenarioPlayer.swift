public import Observations
public import SensorDrivers

/// Plays a scenario's events on the devices of a site, each at its time.
public final class ScenarioPlayer: EventSource {
  /// Does what an event asks of the device that it names.
  public typealias Stage = (Scenario.Event, MonotonicTime) -> Void

  private let events: [Scenario.Event]
  private let start: MonotonicTime
  private let end: MonotonicTime
  private let stage: Stage
  private let ended: () -> Void
  private var next = 0
  private var hasEnded = false

  /// - Parameters:
  ///   - stage: called for each event in the order of time.
  ///   - ended: called once when the scenario's duration is over.
  public init(
    _ scenario: Scenario, from start: MonotonicTime, stage: @escaping Stage, ended: @escaping () -> Void
  ) {
    events = scenario.events
    self.start = start
    end = start + scenario.duration
    self.stage = stage
    self.ended = ended
  }

  public var interest: EventInterest? { nil }

  public var nextDeadline: MonotonicTime? {
    guard !hasEnded else { return nil }
    return next < events.count ? min(start + events[next].at, end) : end
  }

  public func ready(at time: MonotonicTime) {
    // It has no descriptor.
  }

  public func wake(at time: MonotonicTime) {
    while next < events.count, start + events[next].at <= time {
      stage(events[next], time)
      next += 1
    }
    if time >= end, !hasEnded {
      hasEnded = true
      ended()
    }
  }
}
