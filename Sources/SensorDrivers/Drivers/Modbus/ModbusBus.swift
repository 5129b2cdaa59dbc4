public import Observations

/// The arbiter of one Modbus RTU line: it asks each sensor on its own grid, one request at a time.
///
/// - A sensor is polled at fixed slots; a slot that cannot be kept is skipped, so polls neither drift nor pile up. Of the
///   sensors that are due, the one that has waited longest goes first.
/// - RTU answers carry no number, so an answer that is late could be taken for the next one. After a request went
///   unanswered, its unit is therefore not asked until an answer can no longer be expected: one second, or three times
///   the timeout, and twice the lateness that was ever seen, at most ten. Other units are asked meanwhile. Afterwards it
///   is asked the same again; another register whose answer would look the same has to wait three seconds. An answer
///   that comes nevertheless, when none is due, makes the value before it a `late_reply`.
/// - A poll that has failed with all its retries is a fault: `timeout` (no byte came), `garbled_reply` (bytes, but no
///   answer), `late_reply` (the answer came after its time); an exception is `device_exception` at once.
/// - A unit that fails is left alone for 2, 4, 8, 16, then 30 s, and then asked only when no other sensor needs the line
///   during the whole timeout; on a line without such a pause, the failing units together cost a fortieth of the time.
///   The first answer ends that.
public struct ModbusBus: SerialDriver {
  private struct Transaction: Sendable {
    let point: Int
    let deadline: MonotonicTime
    /// Bytes that belonged to no frame, before a frame of another unit.
    var strayBytes = 0
  }

  /// A stray byte or two is what a line makes when it is turned round, and no answer.
  private static let turnaroundBytes = 2
  /// Noise may postpone a request by at most this.
  private static let longestWaitForSilence = TimeSpan.milliseconds(200)
  /// The line is given to failing units for one part in so many, where they get no pause of it.
  private static let probeShare: Int64 = 40
  private static let silenceBeforeReopening = TimeSpan.minutes(10)

  public let sensors: [SensorID]
  public private(set) var counters = PortCounters()
  public private(set) var nextDeadline: MonotonicTime?

  private let interFrameSilence: TimeSpan
  private var points: [ModbusPointState] = []
  private var units: [ModbusUnitState] = []
  private var parser = ModbusReplyParser()
  private var isOpen = false
  private var transaction: Transaction?
  /// The line is silent enough for a request from then on.
  private var lineFree = MonotonicTime(nanoseconds: 0)
  private var lastByte = MonotonicTime(nanoseconds: 0)
  /// When the bytes began that have followed each other without such a silence.
  private var noiseStart = MonotonicTime(nanoseconds: 0)
  private var nextForcedProbe = MonotonicTime(nanoseconds: 0)
  private var reopenAt = MonotonicTime(nanoseconds: 0)

  /// Polls `points` on `line`. A point whose unit is not 1 to 247 is never polled: the configuration refuses it.
  public init(line: SerialLine, points: [ModbusPoint]) {
    sensors = points.map(\.sensor)
    interFrameSilence =
      line.baud > 19_200
      ? TimeSpan(nanoseconds: 1_750_000) : TimeSpan(nanoseconds: line.characterNanoseconds * 7 / 2)
    for point in points {
      guard
        let request = ModbusRequest(
          unit: point.unit, table: point.table, address: point.address, quantity: point.type.registerCount)
      else { continue }
      let unit = units.firstIndex { $0.address == point.unit } ?? units.count
      let state = ModbusPointState(point: point, request: request, unit: unit, line: line)
      if unit == units.count { units.append(ModbusUnitState(address: point.unit, timeout: state.timeout)) }
      units[unit].pointCount += 1
      self.points.append(state)
    }
  }

  public mutating func opened(at time: MonotonicTime, into actions: inout DriverActions) {
    isOpen = true
    transaction = nil
    parser.discard()
    lineFree = time + interFrameSilence
    nextForcedProbe = time
    reopenAt = time + Self.silenceBeforeReopening
    for index in points.indices { points[index].restart(at: time) }
    for index in units.indices { units[index].restart() }
    proceed(at: time, into: &actions)
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    isOpen = false
    transaction = nil
    nextDeadline = nil
    for sensor in sensors {
      actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, cause)))
    }
  }

  public mutating func received(_ bytes: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions) {
    guard isOpen, bytes.count > 0 else { return }
    counters.bytesReceived += UInt64(bytes.count)
    settle(at: time, into: &actions)
    reopenAt = time + Self.silenceBeforeReopening
    if time - lastByte > interFrameSilence { noiseStart = time }
    lastByte = time
    lineFree = min(time + interFrameSilence, noiseStart + Self.longestWaitForSilence)
    for index in bytes.indices {
      guard let match = parser.feed(bytes[index]) else { continue }
      counters.frames += 1
      if match.skipped > 0 { counters.resynchronisations += 1 }
      take(match, at: time, into: &actions)
    }
    proceed(at: time, into: &actions)
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    guard isOpen else { return }
    settle(at: time, into: &actions)
    if time >= reopenAt {
      reopenAt = time + Self.silenceBeforeReopening
      actions.reopen = units.allSatisfy(\.isSilent)
    }
    proceed(at: time, into: &actions)
  }
}

// MARK: - Answers, and their absence

extension ModbusBus {
  /// Ends what time has ended: a transaction without an answer, the wait for a late one.
  private mutating func settle(at time: MonotonicTime, into actions: inout DriverActions) {
    if let transaction, time >= transaction.deadline {
      self.transaction = nil
      let unit = points[transaction.point].unit
      let isGarbled = transaction.strayBytes + parser.unmatchedCount > Self.turnaroundBytes
      units[unit].owes(
        points[transaction.point].request, undecided: isGarbled ? nil : transaction.point,
        deadline: transaction.deadline)
      if isGarbled {
        counters.checksumErrors += 1
        attemptFailed(transaction.point, .garbledReply, at: time, into: &actions)
      }
    }
    for index in units.indices {
      guard let quarantine = units[index].quarantine, time >= quarantine.until else { continue }
      units[index].quarantine = nil
      if let point = quarantine.undecided {
        counters.timeouts += 1
        attemptFailed(point, .timeout, at: time, into: &actions)
      }
    }
  }

  private mutating func take(
    _ match: ModbusReplyParser.Match, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    guard let unit = units.firstIndex(where: { $0.address == match.request.unit }) else { return }
    guard let transaction, points[transaction.point].unit == unit else {
      self.transaction?.strayBytes += match.skipped
      takeLate(unit, at: time, into: &actions)
      return
    }
    self.transaction = nil
    lineFree = time + interFrameSilence
    noiseStart = time
    let state = points[transaction.point]
    let observation: Observation
    if match.exception != nil {
      counters.exceptions += 1
      observation = .fault(state.point.sensor, .deviceException)
    } else if let number = parser.number(state.point.type, order: state.point.wordOrder),
      let value = Measure(rounding: number * state.point.scale + state.point.offset, for: state.point.quantity)
    {
      observation = .reading(state.point.sensor, value)
    } else {
      observation = .fault(state.point.sensor, .outOfRange)
    }
    actions.observations.append(TimedObservation(time: time, observation: observation))
    answered(transaction.point, at: time)
  }

  /// An answer to a request whose time is over, or to none.
  private mutating func takeLate(_ unit: Int, at time: MonotonicTime, into actions: inout DriverActions) {
    counters.lateReplies += 1
    units[unit].learn(lateness: time - units[unit].lastRequest)
    if let quarantine = units[unit].quarantine {
      guard let point = quarantine.undecided else { return }
      units[unit].paid()
      attemptFailed(point, .lateReply, at: time, into: &actions)
    } else if !units[unit].excessReported {
      // The request before this was answered, and here is a second answer: one of the two belongs to an older request, so
      // the value that was taken may be an old one.
      units[unit].excessReported = true
      let last = units[unit].lastPoint
      units[unit].owes(points[last].request, undecided: nil, deadline: time)
      let sensor = points[last].point.sensor
      actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, .lateReply)))
    }
  }

  private mutating func answered(_ index: Int, at time: MonotonicTime) {
    let unit = points[index].unit
    if units[unit].isSilent {
      for other in points.indices where points[other].unit == unit { points[other].trust() }
    }
    units[unit].answered(at: time)
    points[index].trust()
    points[index].advance(after: time)
  }

  private mutating func attemptFailed(
    _ index: Int, _ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    let unit = points[index].unit
    points[index].attempts += 1
    if isTrusted(index), points[index].attempts <= points[index].retries {
      units[unit].retrying = index
      return
    }
    units[unit].retrying = nil
    points[index].rest(from: time)
    points[index].advance(after: time)
    units[unit].pollFailed(index, at: time)
    let fault = Observation.fault(points[index].point.sensor, cause)
    actions.observations.append(TimedObservation(time: time, observation: fault))
    guard units[unit].isSilent else { return }
    for other in points.indices where points[other].unit == unit && points[other].due <= time {
      points[other].advance(after: time)
      let fault = Observation.fault(points[other].point.sensor, cause)
      actions.observations.append(TimedObservation(time: time, observation: fault))
    }
  }
}

// MARK: - The next request

extension ModbusBus {
  /// Sends the next request if its time has come, and says when something is to be done next.
  private mutating func proceed(at time: MonotonicTime, into actions: inout DriverActions) {
    if transaction == nil, time >= lineFree, let next = choose(at: time) {
      send(next, at: time, into: &actions)
    }
    var next = transaction?.deadline ?? nextStart(after: time)
    for unit in units {
      if let quarantine = unit.quarantine { next = min(next, quarantine.until) }
    }
    nextDeadline = points.isEmpty ? nil : min(next, reopenAt)
  }

  private mutating func send(_ index: Int, at time: MonotonicTime, into actions: inout DriverActions) {
    let unit = points[index].unit
    if !isTrusted(index) { nextForcedProbe = time + points[index].timeout * Self.probeShare }
    parser.discard()
    parser.expect(points[index].request)
    points[index].request.encode(into: &actions.transmit)
    counters.bytesSent += UInt64(ModbusRequest.frameLength)
    points[index].lastAsked = time
    units[unit].lastPoint = index
    units[unit].lastRequest = time
    units[unit].excessReported = false
    transaction = Transaction(point: index, deadline: time + points[index].timeout)
  }

  private func isTrusted(_ index: Int) -> Bool {
    points[index].failures == 0 && !units[points[index].unit].isSilent
  }

  /// When this sensor may be polled; nil while another of its unit is in the middle of a poll.
  private func start(_ index: Int) -> MonotonicTime? {
    let unit = units[points[index].unit]
    if let retrying = unit.retrying, retrying != index { return nil }
    var start = points[index].due
    if let quarantine = unit.quarantine { start = max(start, quarantine.until) }
    if let unmistakable = unit.isUnmistakable(points[index].request) { start = max(start, unmistakable) }
    if let rest = unit.restsUntil { start = max(start, rest) }
    // A unit that rests as a whole is probed by any of its sensors in turn.
    if !unit.isSilent, let rest = points[index].restsUntil { start = max(start, rest) }
    return start
  }

  /// The sensor to be polled now: the trusted one that has waited longest. A failing one goes before it when it has been
  /// put off for too long, and otherwise only if its poll ends before the next trusted one is due.
  private func choose(at time: MonotonicTime) -> Int? {
    var trusted: Int?
    var nextTrusted: MonotonicTime?
    for index in points.indices where isTrusted(index) {
      guard let start = start(index) else { continue }
      nextTrusted = min(nextTrusted ?? start, start)
      if start <= time, trusted.map({ points[index].due < points[$0].due }) ?? true { trusted = index }
    }
    var failing: Int?
    for index in points.indices where !isTrusted(index) {
      guard let start = start(index), start <= time else { continue }
      let fits = nextTrusted.map { time + points[index].timeout <= $0 } ?? true
      guard fits || time >= forcedProbe(index, start: start) else { continue }
      if failing.map({ wasAsked(index, before: $0) }) ?? true { failing = index }
    }
    return failing ?? trusted
  }

  private func wasAsked(_ index: Int, before other: Int) -> Bool {
    guard let theirs = points[other].lastAsked else { return false }
    guard let own = points[index].lastAsked else { return true }
    return own < theirs
  }

  private func forcedProbe(_ index: Int, start: MonotonicTime) -> MonotonicTime {
    max(start + points[index].timeout * Self.probeShare, nextForcedProbe)
  }

  /// When a request may be sent, while none is under way.
  private func nextStart(after time: MonotonicTime) -> MonotonicTime {
    var next: MonotonicTime?
    for index in points.indices {
      guard var start = start(index) else { continue }
      if start <= time, !isTrusted(index), time >= lineFree { start = forcedProbe(index, start: start) }
      next = min(next ?? start, start)
    }
    return max(next ?? reopenAt, lineFree)
  }
}
