public import Observations

/// Joins one sensor's driver with its lines: requests them, reads them, and requests them again when they were lost.
///
/// Whoever runs the event loop polls `fileDescriptor` and calls `readable` and `wake`; nothing here waits.
public struct GPIOSensorPort: Sendable {
  public private(set) var driver: any GPIODriver
  /// Why the line is not held, until it is.
  public private(set) var error: SensorDriversError?
  private let chip: String
  private let access: any GPIOAccess
  private let retryInterval: TimeSpan
  private var inputs: (any GPIOInputs)?
  private var nextAttempt: MonotonicTime?
  private var edges: [GPIOEdge] = []

  /// `retryInterval` is how long to wait before a line that cannot be had is tried again: short enough that an error of a
  /// moment is over before anybody is told of a fault.
  public init(
    chip: String, driver: any GPIODriver, access: any GPIOAccess, retryInterval: TimeSpan = .seconds(1)
  ) {
    self.chip = chip
    self.driver = driver
    self.access = access
    self.retryInterval = retryInterval
  }

  /// To be polled for reading; nil while the line is not held. It changes when the line is requested again.
  public var fileDescriptor: Int32? { inputs?.fileDescriptor }

  /// When `wake` is due at the latest, if ever.
  public var nextDeadline: MonotonicTime? { inputs == nil ? nextAttempt : driver.nextDeadline }

  /// Requests the line, and tells the driver its level, or says once what the fault is.
  public mutating func open(at time: MonotonicTime, into actions: inout DriverActions) {
    do throws(SensorDriversError) {
      let opened = try access.inputs(chip: chip, lines: driver.inputs)
      let levels = try opened.levels()
      inputs = opened
      error = nil
      nextAttempt = nil
      driver.opened(
        GPIOLinesOpened(offsets: opened.offsets, levels: levels, isDebounced: opened.isDebounced), at: time,
        into: &actions)
    } catch {
      lose(error, at: time, into: &actions)
    }
  }

  /// The descriptor is readable, or the poll reported an error on it.
  public mutating func readable(at time: MonotonicTime, into actions: inout DriverActions) {
    guard let inputs else { return }
    do throws(SensorDriversError) {
      try takeEdges(from: inputs, at: time, into: &actions)
      // A descriptor that is ready and has nothing to say may be that of a chip that went away.
      if edges.isEmpty || driver.wantsLevels { try takeLevels(from: inputs, at: time, into: &actions) }
    } catch {
      lose(error, at: time, into: &actions)
    }
  }

  /// A deadline was reached.
  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    guard let inputs else {
      if let nextAttempt, time >= nextAttempt { open(at: time, into: &actions) }
      return
    }
    do throws(SensorDriversError) {
      // An edge that waits may be older than the deadline, and change what the deadline means.
      try takeEdges(from: inputs, at: time, into: &actions)
      if edges.count < GPIOEdgeRecord.longestRead { driver.wake(at: time, into: &actions) }
      if driver.wantsLevels { try takeLevels(from: inputs, at: time, into: &actions) }
    } catch {
      lose(error, at: time, into: &actions)
    }
  }

  private mutating func takeEdges(
    from inputs: any GPIOInputs, at time: MonotonicTime, into actions: inout DriverActions
  ) throws(SensorDriversError) {
    edges.removeAll(keepingCapacity: true)
    try inputs.readEdges(into: &edges)
    for edge in edges {
      driver.edge(edge, at: time, into: &actions)
    }
  }

  /// Does nothing while older edges may still wait: the next call comes at once.
  private mutating func takeLevels(
    from inputs: any GPIOInputs, at time: MonotonicTime, into actions: inout DriverActions
  ) throws(SensorDriversError) {
    guard edges.count < GPIOEdgeRecord.longestRead else { return }
    driver.levelsRead(try inputs.levels(), at: time, into: &actions)
  }

  /// Gives the line back.
  public mutating func close() {
    inputs = nil
    nextAttempt = nil
  }

  private mutating func lose(_ cause: SensorDriversError, at time: MonotonicTime, into actions: inout DriverActions) {
    inputs = nil
    nextAttempt = time + retryInterval
    if error?.cause != cause.cause { driver.failed(cause.cause, at: time, into: &actions) }
    error = cause
  }
}
