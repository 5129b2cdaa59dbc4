import Logging
import Observations
import SensorDrivers

/// An output on a GPIO line. A line that cannot be had is tried again, and then set to what it should be by now.
final class GPIOOutputLine: OutputLine {
  private let id: OutputID
  private let settings: GPIOOutputSettings
  private let access: any GPIOAccess
  private let logger: Logger
  private var output: (any GPIOOutput)?
  private var shouldBeOn: Bool
  private var retryAt: MonotonicTime?
  private var retryDelay = GPIOOutputLine.firstRetry
  private var confirmAt: MonotonicTime?
  private var failure: SensorDriversError?
  private var told: FaultCause??
  var tellsState: ((FaultCause?) -> Void)? { didSet { tell() } }

  /// The wait before a line is tried again: doubled from the first to the longest. Soon at first, because the guard of a
  /// gateway that was killed a moment ago may hold the line still.
  private static let firstRetry = TimeSpan.milliseconds(50)
  private static let longestRetry = TimeSpan.seconds(1)
  /// A line that is held is set again so often: the kernel says nothing when a chip goes away, and a chip at the end of a
  /// wire may have forgotten its outputs over a brown-out.
  private static let confirmInterval = TimeSpan.seconds(5)

  /// Takes the line at once, in its safe state.
  init(id: OutputID, settings: GPIOOutputSettings, access: any GPIOAccess, logger: Logger, at time: MonotonicTime) {
    self.id = id
    self.settings = settings
    self.access = access
    self.logger = logger
    shouldBeOn = settings.safe == .on
    request(at: time)
  }

  var fault: FaultCause? { failure?.cause }
  var isWaiting: Bool { false }
  var isGuarded: Bool? { output?.isGuarded }
  var nextDeadline: MonotonicTime? { retryAt ?? confirmAt }

  func set(_ on: Bool, at time: MonotonicTime) {
    shouldBeOn = on
    apply(at: time)
  }

  func wake(at time: MonotonicTime) {
    if output == nil {
      retryAt = nil
      request(at: time)
    }
    if output != nil { apply(at: time) }
  }

  private func request(at time: MonotonicTime) {
    do throws(SensorDriversError) {
      output = try access.output(
        chip: settings.line.chip, line: settings.line.line, isActiveHigh: settings.active == .high,
        initial: settings.safe == .on)
      confirmAt = time + Self.confirmInterval
      retryDelay = Self.firstRetry
      if failure != nil { logger.notice("The line of the output \(id) is back.") }
      failure = nil
      tell()
    } catch {
      fail(error, at: time)
    }
  }

  private func apply(at time: MonotonicTime) {
    guard let output else { return }
    do throws(SensorDriversError) {
      try output.set(shouldBeOn)
      confirmAt = time + Self.confirmInterval
    } catch {
      self.output = nil
      fail(error, at: time)
    }
  }

  private func fail(_ error: SensorDriversError, at time: MonotonicTime) {
    confirmAt = nil
    retryAt = time + retryDelay
    retryDelay = min(retryDelay * 2, Self.longestRetry)
    if failure?.cause != error.cause { logger.error("The output \(id) cannot be switched. \(error)") }
    failure = error
    tell()
  }

  private func tell() {
    guard let tellsState, told != .some(failure?.cause) else { return }
    told = .some(failure?.cause)
    tellsState(failure?.cause)
  }
}
