import Logging
import Observations
import SensorDrivers

/// Holds one output line in its safe state and switches it when the station says so. A line that cannot be had is tried
/// again, and then set to what it should be by now.
final class OutputSwitch: EventSource {
  let id: OutputID

  private let settings: GPIOOutputSettings
  private let access: any GPIOAccess
  private let logger: Logger
  private var output: (any GPIOOutput)?
  private var shouldBeOn = false
  private var retryAt: MonotonicTime?
  private var failure: SensorDriversError?

  private static let retryInterval = TimeSpan.seconds(1)

  init(id: OutputID, settings: GPIOOutputSettings, access: any GPIOAccess, logger: Logger, at time: MonotonicTime) {
    self.id = id
    self.settings = settings
    self.access = access
    self.logger = logger
    request(at: time)
  }

  var interest: EventInterest? { nil }
  var nextDeadline: MonotonicTime? { retryAt }

  /// Why the line cannot be switched at the moment, if it cannot.
  var fault: FaultCause? { failure?.cause }

  /// Switches the line now. The line is active when the output is on.
  func set(on: Bool, at time: MonotonicTime) {
    shouldBeOn = on
    apply(at: time)
  }

  func ready(at time: MonotonicTime) {
    // An output has nothing to read.
  }

  func wake(at time: MonotonicTime) {
    retryAt = nil
    request(at: time)
    if output != nil { apply(at: time) }
  }

  private func request(at time: MonotonicTime) {
    do throws(SensorDriversError) {
      output = try access.output(
        chip: settings.line.chip, line: settings.line.line, isActiveHigh: settings.active == .high,
        initial: settings.safe == .on)
      if failure != nil { logger.notice("The line of the output \(id) is back.") }
      failure = nil
    } catch {
      fail(error, at: time)
    }
  }

  private func apply(at time: MonotonicTime) {
    guard let output else { return }
    do throws(SensorDriversError) {
      try output.set(shouldBeOn)
    } catch {
      self.output = nil
      fail(error, at: time)
    }
  }

  private func fail(_ error: SensorDriversError, at time: MonotonicTime) {
    retryAt = time + Self.retryInterval
    if failure?.cause != error.cause { logger.error("The output \(id) cannot be switched. \(error)") }
    failure = error
  }
}
