import Logging
import Observations
import SensorDrivers

/// Takes what the drivers observe, in the order in which it was observed.
protocol ObservationSink: AnyObject {
  func take(_ observations: [TimedObservation])
}

/// Keeps one serial port open and its driver fed: a port that is missing, busy or pulled out fails alone, is said once,
/// and is tried again until it is back.
final class SerialLink: EventSource {
  let port: PortID
  /// The device's path, as configured.
  let path: String

  private let line: SerialLine
  private var driver: any SerialDriver
  private let sink: any ObservationSink
  private let logger: Logger
  private var serial: SerialPort?
  private var actions = DriverActions()
  private var transmit: [UInt8] = []
  private var buffer = [UInt8](repeating: 0, count: 4096)
  private var retryAt: MonotonicTime
  private var retryDelay = SerialLink.firstRetry
  private var failure: FaultCause?

  /// The wait before a port is tried again: doubled from the first to the longest.
  private static let firstRetry = TimeSpan.milliseconds(250)
  private static let longestRetry = TimeSpan.seconds(5)
  /// Reads of one turn at most, so that a talkative port cannot keep the others waiting.
  private static let readsPerTurn = 4
  /// What waits to be written at most; a device that takes nothing is not worth more memory.
  private static let transmitLimit = 8192

  init(
    port: PortID, path: String, line: SerialLine, driver: any SerialDriver, sink: any ObservationSink, logger: Logger,
    at time: MonotonicTime
  ) {
    self.port = port
    self.path = path
    self.line = line
    self.driver = driver
    self.sink = sink
    self.logger = logger
    self.retryAt = time
  }

  /// What went over the port since the start.
  var counters: PortCounters { driver.counters }

  /// Why the port cannot be used at the moment, if it cannot.
  var fault: FaultCause? { failure }

  var interest: EventInterest? {
    guard let descriptor = serial?.fileDescriptor else { return nil }
    return EventInterest(descriptor: descriptor, writing: !transmit.isEmpty)
  }

  var nextDeadline: MonotonicTime? {
    serial == nil ? retryAt : driver.nextDeadline
  }

  func ready(at time: MonotonicTime) {
    flush(at: time)
    for _ in 0..<Self.readsPerTurn {
      guard serial != nil else { return }
      var span = buffer.mutableSpan
      switch serial!.read(into: &span) {
      case .bytes(let count):
        driver.received(buffer.span.extracting(0..<count), at: time, into: &actions)
        act(at: time)
        if count < buffer.count { return }
      case .nothing: return
      case .lost(let error):
        close(error, at: time)
        return
      }
    }
  }

  func wake(at time: MonotonicTime) {
    if serial == nil {
      open(at: time)
    } else {
      driver.wake(at: time, into: &actions)
      act(at: time)
    }
  }

  private func open(at time: MonotonicTime) {
    do {
      serial = try SerialPort(path: path, line: line)
      if failure != nil { logger.notice("The serial port \(path) is back.") }
      if let warning = serial?.warning, failure == nil { logger.warning("\(warning)") }
      failure = nil
      retryDelay = Self.firstRetry
      driver.opened(at: time, into: &actions)
      act(at: time)
    } catch {
      close(error, at: time)
    }
  }

  /// Gives the port up until `retryAt`; says a failure once, not at each try.
  private func close(_ error: SensorDriversError, at time: MonotonicTime) {
    serial = nil
    transmit.removeAll()
    retryAt = time + retryDelay
    retryDelay = min(retryDelay * 2, Self.longestRetry)
    guard failure != error.cause else { return }
    failure = error.cause
    logger.warning("\(error)")
    driver.failed(error.cause, at: time, into: &actions)
    act(at: time)
  }

  private func act(at time: MonotonicTime) {
    if !actions.observations.isEmpty { sink.take(actions.observations) }
    if !actions.transmit.isEmpty, transmit.count + actions.transmit.count <= Self.transmitLimit {
      transmit += actions.transmit
    }
    let reopen = actions.reopen
    actions.removeAll()
    if reopen {
      serial = nil
      transmit.removeAll()
      retryAt = time + Self.firstRetry
    } else {
      flush(at: time)
    }
  }

  private func flush(at time: MonotonicTime) {
    guard serial != nil, !transmit.isEmpty else { return }
    let bytes = transmit
    let result = serial!.write(bytes.span)
    switch result {
    case .written(let count): transmit.removeFirst(count)
    case .lost(let error): close(error, at: time)
    }
  }
}
