import Observations

/// How long a silent unit or sensor is left alone: 2 s, doubled after each failed poll, at most 30 s.
func modbusBackOff(afterFailures failures: Int) -> TimeSpan {
  min(.seconds(2) * (1 << Int64(min(failures - 1, 8))), .seconds(30))
}

extension ModbusRequest {
  /// What is waited for the answer on `line`: what was configured, or what both take on the wire, and 300 ms.
  func timeout(configured: TimeSpan?, on line: SerialLine) -> TimeSpan {
    if let configured { return max(configured, .milliseconds(1)) }
    let characters = Int64(Self.frameLength + answerLength)
    return TimeSpan(nanoseconds: characters * line.characterNanoseconds) + .milliseconds(300)
  }
}

/// Where one request of a bus that is repeated stands: it reads what one sensor needs, or several.
struct ModbusPollState: Sendable {
  let request: ModbusRequest
  /// Its place in the bus's list of units.
  let unit: Int
  /// The sensors that it reads, by their places in the bus's list; none: it asks the unit who it is.
  let members: [Int]
  let timeout: TimeSpan
  let every: TimeSpan
  let retries: Int
  /// The polls of the single members, which take its place when the unit refuses the whole.
  let parts: Range<Int>
  /// Whether it is asked at all: a whole until it is refused, a part from then on.
  var isActive: Bool

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

  init(
    request: ModbusRequest, unit: Int, members: [Int], timeout: TimeSpan, every: TimeSpan, retries: Int,
    parts: Range<Int> = 0..<0, isActive: Bool = true
  ) {
    self.request = request
    self.unit = unit
    self.members = members
    self.timeout = timeout
    self.every = max(every, .milliseconds(10))
    self.retries = min(max(retries, 0), 10)
    self.parts = parts
    self.isActive = isActive
  }

  /// Whether it asks the unit who it is.
  var isIdentification: Bool { members.isEmpty }

  /// The port was opened: the grid begins anew.
  mutating func restart(at time: MonotonicTime) {
    origin = time
    due = time
    attempts = 0
    trust()
  }

  /// Takes the place of `whole`, which was refused: on the same grid, and asked at once.
  mutating func replace(_ whole: ModbusPollState, at time: MonotonicTime) {
    restart(at: time)
    origin = whole.origin
    isActive = true
  }

  /// Nothing speaks against polling it at the next slot.
  mutating func trust() {
    failures = 0
    restsUntil = nil
  }

  /// A poll has failed.
  mutating func rest(from time: MonotonicTime) {
    failures = min(failures + 1, 1000)
    restsUntil = time + modbusBackOff(afterFailures: failures)
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
    /// The poll that is called timed out or late when this ends; nil if that is settled.
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
  /// Who it must be before anything of it is believed, if that is configured, and whether it has shown it.
  let identity: ModbusIdentity?
  var isIdentified: Bool
  /// How many polls of sensors it is asked.
  var pollCount = 0
  var quarantine: Quarantine?
  private var owed: Owed?
  /// The poll that is under way or was the last; nil if the last request was an output's. And when that was sent.
  var lastPoll: Int?
  var lastRequest = MonotonicTime(nanoseconds: 0)
  /// An answer to nothing has been reported since the last request.
  var excessReported = false
  /// The poll that has asked in vain at least once and is to ask again: it goes first.
  var retrying: Int?
  private(set) var isSilent = false
  private(set) var restsUntil: MonotonicTime?
  private(set) var lateWindow: TimeSpan
  /// The poll that failed, if none of the unit has been answered since.
  private var failedPoll: Int?
  private var probes = 0
  private let initialLateWindow: TimeSpan

  /// After a request timed out, an answer is waited for at least a second, and thrice the time it was given.
  init(address: UInt8, identity: ModbusIdentity?, timeout: TimeSpan) {
    self.address = address
    self.identity = identity
    isIdentified = identity == nil
    initialLateWindow = min(max(.seconds(1), timeout * 3), Self.maximumLateWindow)
    lateWindow = initialLateWindow
  }

  /// The port was opened: what was learnt about lateness stays.
  mutating func restart() {
    quarantine = nil
    owed = nil
    excessReported = false
    retrying = nil
    isIdentified = identity == nil
    trust()
  }

  mutating func trust() {
    isSilent = false
    restsUntil = nil
    failedPoll = nil
    probes = 0
  }

  /// One of its polls has failed. The unit is silent once two of its polls, or its only one, have failed without an answer
  /// between: one register that a device keeps back does not cost the others their rate. Whoever speaks there when it is
  /// over has to show again who it is.
  mutating func pollFailed(_ poll: Int, at time: MonotonicTime) {
    if pollCount <= 1 || !isIdentified || (failedPoll ?? poll) != poll { isSilent = true }
    failedPoll = poll
    guard isSilent else { return }
    isIdentified = identity == nil
    probes = min(probes + 1, 1000)
    restsUntil = time + modbusBackOff(afterFailures: probes)
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
    return owed.request.answerLooksLike(thatOf: request) ? owed.until : nil
  }

  /// An answer came so long after its request: the next silence is waited for twice as long.
  mutating func learn(lateness: TimeSpan) {
    lateWindow = min(max(lateWindow, lateness * 2), Self.maximumLateWindow)
  }
}
