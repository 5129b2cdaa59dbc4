import Logging
import Observations
import SensorDrivers

/// Keeps one sensor's GPIO line requested and its driver fed. A line that cannot be had fails alone, is said once, and is
/// tried again.
final class GPIOLink: EventSource {
  let sensor: SensorID

  private var port: GPIOSensorPort
  private let sink: any ObservationSink
  private let logger: Logger
  private var actions = DriverActions()
  private var openAt: MonotonicTime?
  private var saidFault: FaultCause?
  private var saidLosses: UInt64 = 0
  private var nextLossLine: MonotonicTime?

  /// A burst that the kernel cannot hold is told at once, and what follows at most so often, with its sum.
  private static let lossLineInterval = TimeSpan.seconds(10)

  init(
    chip: String, driver: any GPIODriver, access: any GPIOAccess, sink: any ObservationSink, logger: Logger,
    at time: MonotonicTime
  ) {
    sensor = driver.sensor
    port = GPIOSensorPort(chip: chip, driver: driver, access: access)
    self.sink = sink
    self.logger = logger
    openAt = time
  }

  /// Why the line cannot be used at the moment, if it cannot.
  var fault: FaultCause? { port.error?.cause }

  /// What came over the lines since the start.
  var counters: GPIOCounters { port.driver.counters }

  var interest: EventInterest? { port.fileDescriptor.map { EventInterest(descriptor: $0) } }

  var nextDeadline: MonotonicTime? {
    let next = openAt ?? port.nextDeadline
    guard counters.lostEdges > saidLosses, let nextLossLine else { return next }
    return min(next ?? nextLossLine, nextLossLine)
  }

  func ready(at time: MonotonicTime) {
    port.readable(at: time, into: &actions)
    act(at: time)
  }

  func wake(at time: MonotonicTime) {
    if openAt != nil {
      openAt = nil
      port.open(at: time, into: &actions)
    } else {
      port.wake(at: time, into: &actions)
    }
    act(at: time)
  }

  private func act(at time: MonotonicTime) {
    sayLosses(at: time)
    if fault != saidFault {
      if let error = port.error {
        logger.warning("\(error)")
      } else {
        logger.notice("The GPIO lines of \(sensor) are back.")
      }
      saidFault = fault
    }
    sink.take(actions, from: .line(sensor))
    actions.removeAll()
  }

  /// The exact number of edges that the kernel's sequence numbers show as missing.
  private func sayLosses(at time: MonotonicTime) {
    let lost = counters.lostEdges
    guard lost > saidLosses else { return }
    if let nextLossLine, time < nextLossLine { return }
    logger.warning(
      "The kernel dropped \(lost - saidLosses) edges of \(sensor) before they were read, \(lost) since the start.")
    saidLosses = lost
    nextLossLine = time + Self.lossLineInterval
  }
}
