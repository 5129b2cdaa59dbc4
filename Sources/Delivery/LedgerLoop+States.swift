internal import Logging

extension LedgerLoop {
  /// Takes a retained state in place of the earlier one of its topic.
  func setState(_ state: RetainedState, isTransient: Bool, now: Int64) {
    guard !retained.set(state, isTransient: isTransient, now: now) else { return }
    statistics.droppedStates += 1
  }

  /// After a connect, in this order: the status, then what is urgent. Subscriptions will come before both.
  func sendUrgent(now: Int64) {
    guard let connection, !connection.isBroken, !offlineSent else { return }
    if connection.needsStatus {
      sendStatus(status.online(connection: connection.terms.number), now: now)
      self.connection?.needsStatus = false
    }
    while inFlight.count < connection.window, let due = retained.nextUrgent(now: now) {
      guard send(due, now: now) else { return }
    }
  }

  /// What changed, what is due after the connect, and heads of persons' streams.
  func sendStates(now: Int64) {
    guard let connection, !connection.isBroken, !offlineSent else { return }
    makeHeads(now: now)
    while inFlight.count < stateWindow, let due = retained.next(now: now) {
      guard send(due, now: now) else { return }
    }
  }

  func sendStatus(_ payload: [UInt8], now: Int64) {
    var wire = WireMessage(topic: settings.statusTopic, payload: payload)
    wire.isRetained = true
    _ = handOver(wire, .status, now: now)
  }

  private func send(_ due: RetainedTable.Due, now: Int64) -> Bool {
    let state = due.state
    let content = Flight.Content.retained(topic: state.topic, version: due.version)
    var wire = WireMessage(topic: state.topic, payload: closures.correct(state.payload, state.madeNanoseconds))
    wire.isRetained = state.isRetained
    wire.expirySeconds = state.expirySeconds
    // What expires is what is sent for years and may be lost: observations and heartbeats.
    wire.mayAbbreviate = state.expirySeconds != nil
    switch handOver(wire, content, now: now) {
    case .done: return true
    case .impossible:
      // The next state of this topic is tried.
      retained.acknowledged(state.topic, version: due.version)
      return true
    case .notConnected: return false
    }
  }

  // MARK: Heads of persons' streams

  /// Notes that a person's stream changed. Its head is published soon, and at once when all is delivered.
  func touchHead(_ stream: String, now: Int64) {
    let due = streams.isDelivered(stream) ? now : now + settings.timing.headDelayNanoseconds
    heads[stream] = min(heads[stream] ?? .max, due)
  }

  /// A broker without its memory has lost all heads: they are made anew, spread like the other states.
  func refreshHeads(now: Int64) {
    let names = streams.names.filter(OutgoingMessage.isPersonal).sorted()
    let spread = settings.timing.spreadNanoseconds
    headRefresh = names.enumerated().reversed().map { index, stream in
      (now + spread / Int64(names.count) * Int64(index), stream)
    }
  }

  private func makeHeads(now: Int64) {
    while let next = headRefresh.last, next.at <= now {
      headRefresh.removeLast()
      heads[next.stream] = now
    }
    guard !heads.isEmpty else { return }
    for (stream, due) in heads where due <= now {
      heads[stream] = nil
      guard let state = closures.head(streams.head(of: stream)) else { continue }
      setState(state, isTransient: true, now: now)
    }
  }
}
