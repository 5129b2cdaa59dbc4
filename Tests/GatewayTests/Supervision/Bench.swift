import Foundation
import Locks
import Logging
import Observations
import SensorDrivers

@testable import Gateway

/// Takes what is observed.
final class CollectingSink: ObservationSink {
  private(set) var observations: [Observation] = []

  func take(_ observations: [TimedObservation]) {
    self.observations += observations.map(\.observation)
  }

  var faults: [FaultCause] {
    observations.compactMap { if case .fault(_, let cause) = $0 { cause } else { nil } }
  }

  var levels: [Measure] {
    observations.compactMap { if case .reading(_, let level) = $0 { level } else { nil } }
  }
}

/// Keeps what is logged.
struct CollectingLog: LogHandler {
  final class Lines: Sendable {
    private let lines = Locked<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
  }

  let lines: Lines
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.trace

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { lines.add("\(event.message)") }

  static func make() -> (logger: Logger, lines: Lines) {
    let lines = Lines()
    return (Logger(label: "test") { _ in CollectingLog(lines: lines) }, lines)
  }
}

/// The monotonic clock of this machine.
func monotonicNow() -> MonotonicTime { SystemClock.kernel().monotonic }

/// Turns the loop until `condition` holds, at most a minute. Returns whether it came to hold.
func turn(_ loop: EventLoop, until condition: () -> Bool) -> Bool {
  let end = monotonicNow() + .seconds(60)
  while !condition() {
    guard monotonicNow() < end else { return false }
    loop.turn(atMost: end)
  }
  return true
}
