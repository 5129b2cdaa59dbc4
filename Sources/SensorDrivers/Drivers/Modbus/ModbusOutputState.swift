import Observations

/// Where one output of a bus stands: it is written, read back, and left alone until it is time to do so again.
struct ModbusOutputState: Sendable {
  /// What is to be sent next.
  enum Stage: Sendable {
    case write, readBack
    /// It stands as it should; it is written again when that is due.
    case rest
  }

  let output: ModbusOutput
  /// Its place in the bus's list of units.
  let unit: Int
  let timeout: TimeSpan
  /// Reads back what was written.
  let readBack: ModbusRequest

  /// What the station wants.
  private(set) var desired: Bool
  /// What was written last.
  private(set) var sent: Bool
  private(set) var stage = Stage.write
  /// Nothing is sent for it before.
  private(set) var notBefore = MonotonicTime(nanoseconds: 0)
  /// How many commands have failed since it last stood as it should.
  private(set) var failures = 0
  /// What was said of it last.
  private(set) var reported: OutputReport.State?
  private var attempts = 0
  private var lastSent: MonotonicTime?

  /// A command for an output that fails goes out at most so often, however often the station changes its mind.
  private static let shortestRetry = TimeSpan.seconds(2)
  private static let longestUrgentRetry = TimeSpan.seconds(5)

  /// Returns nil unless the unit is 1 to 247.
  init?(_ output: ModbusOutput, unit: Int, line: SerialLine) {
    let readBack: ModbusRequest? =
      switch output.target {
      case .coil(let address, _): ModbusRequest(unit: output.unit, table: .coil, address: address, quantity: 1)
      case .register(let address, _, _):
        ModbusRequest(unit: output.unit, table: .holding, address: address, quantity: 1)
      }
    guard let readBack else { return nil }
    self.output = output
    self.unit = unit
    self.readBack = readBack
    desired = output.isSafeOn
    sent = output.isSafeOn
    timeout = readBack.timeout(configured: output.timeout, on: line)
  }

  /// What switches the output.
  func write(on: Bool) -> ModbusRequest? {
    switch output.target {
    case .coil(let address, let onWhenSet): ModbusRequest(unit: output.unit, coil: address, on: on == onWhenSet)
    case .register(let address, let onValue, let offValue):
      ModbusRequest(unit: output.unit, register: address, value: on ? onValue : offValue)
    }
  }

  /// Whether what the device holds is what was written last.
  func stands(_ parser: ModbusReplyParser) -> Bool {
    switch output.target {
    case .coil(_, let onWhenSet): parser.bit(0) == (sent == onWhenSet)
    case .register(_, let onValue, let offValue):
      parser.registerCount == 1 && parser.register(0) == (sent ? onValue : offValue)
    }
  }

  /// Whether it is asked before the sensors also while it fails: it should stand otherwise than in its safe state.
  var isUrgent: Bool { failures == 0 || desired != output.isSafeOn }

  /// The port was opened, or the device is back: what it stands at is not known.
  mutating func restart(at time: MonotonicTime) {
    stage = .write
    attempts = 0
    failures = 0
    notBefore = time
  }

  /// The station wants it so. How it then stands is said also if it stands as it did when that was last said: it may have
  /// stood otherwise meanwhile.
  mutating func command(_ on: Bool, at time: MonotonicTime) {
    guard on != desired || stage != .rest else { return }
    if on != desired { reported = nil }
    desired = on
    stage = .write
    notBefore = failures == 0 ? time : min(notBefore, max(time, (lastSent ?? time) + Self.shortestRetry))
  }

  mutating func willWrite(at time: MonotonicTime) {
    stage = .write
    sent = desired
    lastSent = time
  }

  /// The device has taken what was written; a word that came meanwhile is sent first.
  mutating func wrote(at time: MonotonicTime) {
    stage = sent == desired ? .readBack : .write
    notBefore = time
  }

  /// It reads back as what was written. Returns what is new about that, if anything is.
  mutating func confirmed(at time: MonotonicTime) -> OutputReport.State? {
    attempts = 0
    failures = 0
    let isSettled = sent == desired
    stage = isSettled ? .rest : .write
    notBefore = isSettled ? time + max(output.refresh, .milliseconds(100)) : time
    return report(.standing(on: sent))
  }

  /// A command went wrong. Returns the fault, once it is one.
  mutating func failed(_ cause: FaultCause, at time: MonotonicTime) -> OutputReport.State? {
    stage = .write
    attempts += 1
    if failures == 0, attempts <= min(max(output.retries, 0), 10) {
      notBefore = time
      return nil
    }
    return rest(cause, at: time)
  }

  /// It cannot be switched for now, and is tried again later.
  mutating func rest(_ cause: FaultCause, at time: MonotonicTime) -> OutputReport.State? {
    stage = .write
    attempts = 0
    failures = min(failures + 1, 1000)
    let backOff = modbusBackOff(afterFailures: failures)
    notBefore = time + (isUrgent ? min(backOff, Self.longestUrgentRetry) : backOff)
    return report(.failed(cause))
  }

  mutating func report(_ state: OutputReport.State) -> OutputReport.State? {
    guard state != reported else { return nil }
    reported = state
    return state
  }
}
