import Observations

/// How long a silent unit or sensor is left alone: 2 s, doubled after each failed poll, at most 30 s.
private func backOff(afterFailures failures: Int) -> TimeSpan {
  min(.seconds(2) * (1 << Int64(min(failures - 1, 8))), .seconds(30))
}

/// Where one sensor of a bus stands.
struct ModbusPointState: Sendable {
  let point: ModbusPoint
  let request: ModbusRequest
  /// Its place in the bus's list of units.
  let unit: Int
  let timeout: TimeSpan
  let every: TimeSpan
  let retries: Int

  /// When it was asked the last time, if ever.
  var lastAsked: MonotonicTime?
  /// The slot of its grid that waits to be polled.
  var due = MonotonicTime(nanoseconds: 0)
  /// How often this poll has asked in vain.
  var attempts = 0
  /// How many polls have failed since the last answer.
  private(set) var failures = 0
  /// Left alone until then, for its own sake.
  private(set) var restsUntil: MonotonicTime?
  private var origin = MonotonicTime(nanoseconds: 0)

  init(point: ModbusPoint, request: ModbusRequest, unit: Int, line: SerialLine) {
    self.point = point
    self.request = request
    self.unit = unit
    timeout = point.effectiveTimeout(on: line)
    every = max(point.every, .milliseconds(10))
    retries = min(max(point.retries, 0), 10)
  }

  /// The port was opened: the grid begins anew.
  mutating func restart(at time: MonotonicTime) {
    origin = time
    due = time
    attempts = 0
    trust()
  }

  /// Nothing speaks against polling it at the next slot.
  mutating func trust() {
    failures = 0
    restsUntil = nil
  }

  /// A poll has failed.
  mutating func rest(from time: MonotonicTime) {
    failures = min(failures + 1, 1000)
    restsUntil = time + backOff(afterFailures: failures)
  }

  /// This poll is over: the next is at the first slot after `time`; slots that were missed are skipped.
  mutating func advance(after time: MonotonicTime) {
    attempts = 0
    let elapsed = max(time - origin, .zero).nanoseconds
    due = origin + TimeSpan(nanoseconds: (elapsed / every.nanoseconds + 1) * every.nanoseconds)
  }
}

/// Where one unit of a bus stands.
struct ModbusUnitState: Sendable {
  /// The unit is not asked, because an answer to its last request may still come and would be taken for the next one's.
  struct Quarantine: Sendable {
    var until: MonotonicTime
    /// The sensor whose poll is called timed out or late when this ends; nil if that is settled.
    var undecided: Int?
  }

  /// A request that went unanswered: until then its answer could be taken for that of another one of the same shape.
  struct Owed: Sendable {
    let request: ModbusRequest
    var until: MonotonicTime
    var isRepeatAnswered = false
  }

  /// How long after an unanswered request another register may not be asked for, if its answer would look the same.
  private static let strangerWait = TimeSpan.seconds(3)
  private static let maximumLateWindow = TimeSpan.seconds(10)

  let address: UInt8
  /// How many sensors it serves.
  var pointCount = 0
  var quarantine: Quarantine?
  private var owed: Owed?
  /// The sensor whose request is under way or was the last, and when that was sent.
  var lastPoint = 0
  var lastRequest = MonotonicTime(nanoseconds: 0)
  /// An answer to nothing has been reported since the last request.
  var excessReported = false
  /// The sensor in the middle of a poll that has failed at least once: it goes first.
  var retrying: Int?
  private(set) var isSilent = false
  private(set) var restsUntil: MonotonicTime?
  private(set) var lateWindow: TimeSpan
  /// The sensor whose poll failed, if none of the unit has been answered since.
  private var failedPoint: Int?
  private var probes = 0
  private let initialLateWindow: TimeSpan

  /// After a request timed out, an answer is waited for at least a second, and thrice the time it was given.
  init(address: UInt8, timeout: TimeSpan) {
    self.address = address
    initialLateWindow = min(max(.seconds(1), timeout * 3), Self.maximumLateWindow)
    lateWindow = initialLateWindow
  }

  /// The port was opened: what was learnt about lateness stays.
  mutating func restart() {
    quarantine = nil
    owed = nil
    excessReported = false
    retrying = nil
    trust()
  }

  mutating func trust() {
    isSilent = false
    restsUntil = nil
    failedPoint = nil
    probes = 0
  }

  /// A poll of one of its sensors has failed. The unit is silent once two of its sensors, or its only one, have failed
  /// without an answer between: one register that a device keeps back does not cost the others their rate.
  mutating func pollFailed(_ point: Int, at time: MonotonicTime) {
    if pointCount == 1 || (failedPoint ?? point) != point { isSilent = true }
    failedPoint = point
    guard isSilent else { return }
    probes = min(probes + 1, 1000)
    restsUntil = time + backOff(afterFailures: probes)
  }

  /// `request`, the last one, went unanswered, or a second answer to it came.
  mutating func owes(_ request: ModbusRequest, undecided: Int?, deadline: MonotonicTime) {
    quarantine = Quarantine(until: deadline + lateWindow, undecided: undecided)
    owed = Owed(request: request, until: max(lastRequest + Self.strangerWait, deadline + lateWindow))
  }

  /// The answer that was owed came late: no other is to be expected.
  mutating func paid() {
    quarantine = nil
    owed = nil
  }

  /// An answer came in time. If an earlier request is unanswered, it may be that one's, and the second still come.
  mutating func answered(at time: MonotonicTime) {
    trust()
    retrying = nil
    guard let debt = owed, time < debt.until, !debt.isRepeatAnswered else { return }
    let until = lastRequest + lateWindow
    if time < until { quarantine = Quarantine(until: until, undecided: nil) }
    owed?.until = max(debt.until, until)
    owed?.isRepeatAnswered = true
  }

  /// When an answer to `request` cannot be mistaken for one that is owed.
  func isUnmistakable(_ request: ModbusRequest) -> MonotonicTime? {
    guard let owed, owed.request != request else { return nil }
    let looksTheSame = owed.request.table == request.table && owed.request.quantity == request.quantity
    return looksTheSame ? owed.until : nil
  }

  /// An answer came so long after its request: the next silence is waited for twice as long.
  mutating func learn(lateness: TimeSpan) {
    lateWindow = min(max(lateWindow, lateness * 2), Self.maximumLateWindow)
  }
}
