import Observations

/// The next request.
extension ModbusBus {
  /// When the line and the devices on it are ready for a request.
  private var readyAt: MonotonicTime { max(lineFree, pausedUntil) }

  /// Sends the next request if its time has come, and says when something is to be done next.
  mutating func proceed(at time: MonotonicTime, into actions: inout DriverActions) {
    if transaction == nil, time >= readyAt {
      if let output = chooseOutput(at: time) {
        send(output: output, at: time, into: &actions)
      } else if let poll = choose(at: time) {
        send(poll: poll, at: time, into: &actions)
      }
    }
    var next = transaction?.deadline ?? nextStart(after: time)
    for unit in units {
      if let quarantine = unit.quarantine { next = min(next, quarantine.until) }
    }
    nextDeadline = points.isEmpty && outputs.isEmpty ? nil : min(next, reopenAt)
  }

  private mutating func send(poll index: Int, at time: MonotonicTime, into actions: inout DriverActions) {
    if !isTrusted(index) { nextForcedProbe = time + polls[index].timeout * Self.probeShare }
    polls[index].lastAsked = time
    units[polls[index].unit].lastPoll = index
    send(
      polls[index].request, .poll(index), of: polls[index].unit, timeout: polls[index].timeout, at: time,
      into: &actions)
  }

  private mutating func send(output index: Int, at time: MonotonicTime, into actions: inout DriverActions) {
    let isReadBack = outputs[index].stage == .readBack
    if !isReadBack { outputs[index].willWrite(at: time) }
    let write = isReadBack ? nil : outputs[index].write(on: outputs[index].sent)
    let unit = outputs[index].unit
    if !outputs[index].isUrgent { nextForcedProbe = time + outputs[index].timeout * Self.probeShare }
    units[unit].lastPoll = nil
    send(
      write ?? outputs[index].readBack, isReadBack ? .readBack(index) : .write(index), of: unit,
      timeout: outputs[index].timeout, at: time, into: &actions)
  }

  private mutating func send(
    _ request: ModbusRequest, _ purpose: Transaction.Purpose, of unit: Int, timeout: TimeSpan, at time: MonotonicTime,
    into actions: inout DriverActions
  ) {
    parser.discard()
    parser.expect(request)
    request.encode(into: &actions.transmit)
    counters.bytesSent += UInt64(ModbusRequest.frameLength)
    units[unit].lastRequest = time
    units[unit].excessReported = false
    transaction = Transaction(purpose: purpose, unit: unit, request: request, deadline: time + timeout)
  }

  func isTrusted(_ index: Int) -> Bool {
    polls[index].failures == 0 && !units[polls[index].unit].isSilent
  }
}

// MARK: - Outputs

extension ModbusBus {
  /// When something may be sent for this output; nil while it is not known who would take it.
  private func start(output index: Int) -> MonotonicTime? {
    let unit = units[outputs[index].unit]
    guard unit.isIdentified else { return nil }
    var start = outputs[index].notBefore
    if outputs[index].stage == .readBack, let unmistakable = unit.isUnmistakable(outputs[index].readBack) {
      start = max(start, unmistakable)
    }
    return start
  }

  /// The output to be written or read back now: one that should not stand in its safe state first, then the one that has
  /// waited longest. One that only fails to be set to its safe state waits for a pause of the line, as failing sensors do.
  private func chooseOutput(at time: MonotonicTime) -> Int? {
    var chosen: Int?
    for index in outputs.indices {
      guard let start = start(output: index), start <= time else { continue }
      if !outputs[index].isUrgent {
        let fits = nextTrustedStart().map { time + outputs[index].timeout <= $0 } ?? true
        guard fits || time >= forcedStart(outputs[index].timeout, start: start) else { continue }
      }
      if chosen.map({ goes(index, before: $0) }) ?? true { chosen = index }
    }
    return chosen
  }

  private func goes(_ index: Int, before other: Int) -> Bool {
    let own = outputs[index].desired != outputs[index].output.isSafeOn
    let theirs = outputs[other].desired != outputs[other].output.isSafeOn
    return own != theirs ? own : outputs[index].notBefore < outputs[other].notBefore
  }
}

// MARK: - Sensors

extension ModbusBus {
  /// When this poll may be asked; nil while another of its unit is in the middle of one.
  private func start(_ index: Int) -> MonotonicTime? {
    let poll = polls[index]
    let unit = units[poll.unit]
    guard poll.isActive, poll.isIdentification != unit.isIdentified else { return nil }
    if let retrying = unit.retrying, retrying != index { return nil }
    var start = poll.due
    if let quarantine = unit.quarantine { start = max(start, quarantine.until) }
    if let unmistakable = unit.isUnmistakable(poll.request) { start = max(start, unmistakable) }
    if let rest = unit.restsUntil { start = max(start, rest) }
    // A unit that rests as a whole is probed by any of its sensors in turn.
    if !unit.isSilent, let rest = poll.restsUntil { start = max(start, rest) }
    return start
  }

  private func nextTrustedStart() -> MonotonicTime? {
    var next: MonotonicTime?
    for index in polls.indices where isTrusted(index) {
      if let start = start(index) { next = min(next ?? start, start) }
    }
    return next
  }

  /// The sensor to be polled now: the trusted one that has waited longest. A failing one goes before it when it has been
  /// put off for too long, and otherwise only if its poll ends before the next trusted one is due.
  private func choose(at time: MonotonicTime) -> Int? {
    var trusted: Int?
    var nextTrusted: MonotonicTime?
    for index in polls.indices where isTrusted(index) {
      guard let start = start(index) else { continue }
      nextTrusted = min(nextTrusted ?? start, start)
      if start <= time, trusted.map({ polls[index].due < polls[$0].due }) ?? true { trusted = index }
    }
    var failing: Int?
    for index in polls.indices where !isTrusted(index) {
      guard let start = start(index), start <= time else { continue }
      let fits = nextTrusted.map { time + polls[index].timeout <= $0 } ?? true
      guard fits || time >= forcedStart(polls[index].timeout, start: start) else { continue }
      if failing.map({ wasAsked(index, before: $0) }) ?? true { failing = index }
    }
    return failing ?? trusted
  }

  private func wasAsked(_ index: Int, before other: Int) -> Bool {
    guard let theirs = polls[other].lastAsked else { return false }
    guard let own = polls[index].lastAsked else { return true }
    return own < theirs
  }

  /// When something that fails is sent although it takes the line from others.
  private func forcedStart(_ timeout: TimeSpan, start: MonotonicTime) -> MonotonicTime {
    max(start + timeout * Self.probeShare, nextForcedProbe)
  }

  /// When a request may be sent, while none is under way.
  private func nextStart(after time: MonotonicTime) -> MonotonicTime {
    var next: MonotonicTime?
    for index in polls.indices {
      guard var start = start(index) else { continue }
      if start <= time, !isTrusted(index), time >= readyAt { start = forcedStart(polls[index].timeout, start: start) }
      next = min(next ?? start, start)
    }
    for index in outputs.indices {
      guard var start = start(output: index) else { continue }
      if start <= time, !outputs[index].isUrgent, time >= readyAt {
        start = forcedStart(outputs[index].timeout, start: start)
      }
      next = min(next ?? start, start)
    }
    return max(next ?? reopenAt, readyAt)
  }
}
