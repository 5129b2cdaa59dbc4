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

  var interest: EventInterest? { port.fileDescriptor.map { EventInterest(descriptor: $0) } }

  var nextDeadline: MonotonicTime? { openAt ?? port.nextDeadline }

  func ready(at time: MonotonicTime) {
    port.readable(at: time, into: &actions)
    act()
  }

  func wake(at time: MonotonicTime) {
    if openAt != nil {
      openAt = nil
      port.open(at: time, into: &actions)
    } else {
      port.wake(at: time, into: &actions)
    }
    act()
  }

  private func act() {
    if fault != saidFault {
      if let error = port.error {
        logger.warning("\(error)")
      } else {
        logger.notice("The line of \(sensor) is back.")
      }
      saidFault = fault
    }
    if !actions.observations.isEmpty { sink.take(actions.observations) }
    actions.removeAll()
  }
}
