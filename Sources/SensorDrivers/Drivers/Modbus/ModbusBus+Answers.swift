import Observations

/// Answers, and their absence.
extension ModbusBus {
  /// Ends what time has ended: a transaction without an answer, the wait for a late one.
  mutating func settle(at time: MonotonicTime, into actions: inout DriverActions) {
    if let transaction, time >= transaction.deadline {
      self.transaction = nil
      pausedUntil = max(pausedUntil, transaction.deadline + pause)
      let isGarbled = transaction.strayBytes + parser.unmatchedCount > Self.turnaroundBytes
      if isGarbled { counters.checksumErrors += 1 }
      endUnanswered(transaction, isGarbled: isGarbled, at: time, into: &actions)
    }
    for index in units.indices {
      guard let quarantine = units[index].quarantine, time >= quarantine.until else { continue }
      units[index].quarantine = nil
      if let poll = quarantine.undecided {
        counters.timeouts += 1
        attemptFailed(poll, .timeout, at: time, into: &actions)
      }
    }
  }

  private mutating func endUnanswered(
    _ transaction: Transaction, isGarbled: Bool, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    switch transaction.purpose {
    case .poll(let poll):
      units[transaction.unit].owes(
        transaction.request, undecided: isGarbled ? nil : poll, deadline: transaction.deadline)
      if isGarbled { attemptFailed(poll, .garbledReply, at: time, into: &actions) }
    case .write(let output), .readBack(let output):
      if !isGarbled { counters.timeouts += 1 }
      if case .readBack = transaction.purpose {
        units[transaction.unit].owes(transaction.request, undecided: nil, deadline: transaction.deadline)
      }
      say(outputs[output].failed(isGarbled ? .garbledReply : .timeout, at: time), of: output, into: &actions)
    }
  }

  mutating func take(_ match: ModbusReplyParser.Match, at time: MonotonicTime, into actions: inout DriverActions) {
    guard let unit = units.firstIndex(where: { $0.address == match.request.unit }) else { return }
    guard let transaction, transaction.unit == unit else {
      self.transaction?.strayBytes += match.skipped
      takeLate(match.request, unit, at: time, into: &actions)
      return
    }
    self.transaction = nil
    lineFree = time + interFrameSilence
    pausedUntil = time + pause
    noiseStart = time
    if match.exception != nil { counters.exceptions += 1 }
    switch transaction.purpose {
    case .poll(let poll): takePoll(poll, match.exception, at: time, into: &actions)
    case .write(let output):
      if match.exception != nil {
        say(outputs[output].failed(.deviceException, at: time), of: output, into: &actions)
      } else {
        outputs[output].wrote(at: time)
      }
    case .readBack(let output):
      let state: OutputReport.State?
      if match.exception != nil {
        state = outputs[output].failed(.deviceException, at: time)
      } else if outputs[output].stands(parser) {
        state = outputs[output].confirmed(at: time)
      } else {
        state = outputs[output].failed(.notSwitched, at: time)
      }
      say(state, of: output, into: &actions)
    }
  }

  private mutating func takePoll(
    _ index: Int, _ exception: ModbusException?, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    let poll = polls[index]
    if poll.isIdentification {
      identify(poll, exception, at: time, into: &actions)
    } else if let exception, !poll.parts.isEmpty, exception.blamesRequest {
      for part in poll.parts { polls[part].replace(poll, at: time) }
      polls[index].isActive = false
      units[poll.unit].pollCount += poll.parts.count - 1
    } else {
      for member in poll.members {
        let observation = exception == nil ? observation(of: member, in: poll) : nil
        actions.observations.append(
          TimedObservation(time: time, observation: observation ?? .fault(points[member].sensor, .deviceException)))
      }
    }
    answered(index, at: time)
  }

  /// What the answer that was just found says of one sensor.
  private func observation(of member: Int, in poll: ModbusPollState) -> Observation {
    let point = points[member]
    let first = Int(point.address) - Int(poll.request.address)
    if point.table.holdsBits {
      return parser.bit(first).map { point.observation(of: $0) } ?? .fault(point.sensor, .outOfRange)
    }
    return parser.number(point.type, order: point.wordOrder, at: first).map { point.observation(of: $0) }
      ?? .fault(point.sensor, .outOfRange)
  }

  /// The device has said who it is, or that it cannot, which the right one could.
  private mutating func identify(
    _ poll: ModbusPollState, _ exception: ModbusException?, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    guard let identity = units[poll.unit].identity else { return }
    let isRight = exception == nil && parser.number(identity.type, order: identity.wordOrder) == identity.value
    units[poll.unit].isIdentified = isRight
    guard !isRight else { return }
    sayFault(.wrongDevice, of: points.indices.filter { points[$0].unit == identity.unit }, at: time, into: &actions)
    for output in outputs.indices where outputs[output].unit == poll.unit {
      say(outputs[output].report(.failed(.wrongDevice)), of: output, into: &actions)
    }
  }

  /// An answer to a request whose time is over, or to none.
  private mutating func takeLate(
    _ request: ModbusRequest, _ unit: Int, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    counters.lateReplies += 1
    // What answers a command repeats it, and is read back anyway: it can be mistaken for nothing else.
    guard request.written == nil else { return }
    units[unit].learn(lateness: time - units[unit].lastRequest)
    if let quarantine = units[unit].quarantine {
      guard let poll = quarantine.undecided else { return }
      units[unit].paid()
      attemptFailed(poll, .lateReply, at: time, into: &actions)
    } else if let last = units[unit].lastPoll, !units[unit].excessReported {
      // The request before this was answered, and here is a second answer: one of the two belongs to an older request, so
      // the value that was taken may be an old one.
      units[unit].excessReported = true
      units[unit].owes(polls[last].request, undecided: nil, deadline: time)
      sayFault(.lateReply, of: polls[last].members, at: time, into: &actions)
    }
  }

  private mutating func answered(_ index: Int, at time: MonotonicTime) {
    let unit = polls[index].unit
    if units[unit].isSilent {
      for other in polls.indices where polls[other].unit == unit { polls[other].trust() }
      for output in outputs.indices where outputs[output].unit == unit { outputs[output].restart(at: time) }
    }
    units[unit].answered(at: time)
    polls[index].trust()
    polls[index].advance(after: time)
  }

  private mutating func attemptFailed(
    _ index: Int, _ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    let unit = polls[index].unit
    polls[index].attempts += 1
    if isTrusted(index), polls[index].attempts <= polls[index].retries {
      units[unit].retrying = index
      return
    }
    units[unit].retrying = nil
    polls[index].rest(from: time)
    polls[index].advance(after: time)
    units[unit].pollFailed(index, at: time)
    sayFault(cause, of: polls[index].members, at: time, into: &actions)
    guard units[unit].isSilent else { return }
    for other in polls.indices where polls[other].unit == unit && polls[other].isActive && polls[other].due <= time {
      polls[other].advance(after: time)
      sayFault(cause, of: polls[other].members, at: time, into: &actions)
    }
    guard !units[unit].isIdentified else { return }
    for output in outputs.indices where outputs[output].unit == unit {
      say(outputs[output].report(.failed(cause)), of: output, into: &actions)
    }
  }

  private func sayFault(
    _ cause: FaultCause, of members: [Int], at time: MonotonicTime, into actions: inout DriverActions
  ) {
    for member in members {
      let fault = Observation.fault(points[member].sensor, cause)
      actions.observations.append(TimedObservation(time: time, observation: fault))
    }
  }

  func say(_ state: OutputReport.State?, of output: Int, into actions: inout DriverActions) {
    guard let state else { return }
    actions.outputs.append(OutputReport(output: outputs[output].output.output, state: state))
  }
}
