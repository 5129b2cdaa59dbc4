internal import Logging

extension LedgerLoop {
  /// Takes what the sensing thread left: numbers are checked, rows given, nothing is written yet.
  func take(_ arrival: Inbox.Arrival, now: Int64) {
    statistics.droppedAlerts += arrival.droppedAlerts
    statistics.droppedNotices += arrival.droppedNotices
    statistics.droppedStates += arrival.droppedStates
    unwrittenRecords.merge(arrival.records) { _, newer in newer }
    take(arrival.observations)
    take(arrival.actions)
    var lossy = arrival.lossyStreams
    for message in arrival.messages {
      guard isAcceptable(message, lossy: &lossy) else { continue }
      accept(message, now: now)
    }
    answers += arrival.answers.map { ($0, now) }
    let excess = answers.count - settings.limits.waitingAnswers
    if excess > 0 {
      answers.removeFirst(excess)
      statistics.droppedStates += UInt64(excess)
    }
    if arrival.isRefreshWanted, connection != nil {
      retained.refresh(now: now, spreadNanoseconds: settings.timing.spreadNanoseconds)
    }
    // In their order, so that each takes the place of the one before it.
    for state in arrival.superseded { setState(state, isTransient: !state.isRetained, now: now) }
    for state in arrival.retained { setState(state, isTransient: !state.isRetained, now: now) }
    take(superseded: retained.takeSuperseded(), now: now)
  }

  /// Refuses loudly what does not continue its stream or would name two messages alike.
  private func isAcceptable(_ message: OutgoingMessage, lossy: inout Set<String>) -> Bool {
    let isKnown: Bool
    do {
      let form = message.form.rawValue
      isKnown =
        try unwritten.contains(id: message.id, form: form, revision: message.revision)
        || ledger.contains(id: message.id, form: form, revision: message.revision)
    } catch {
      // What cannot be looked up is sent: a duplicate is harmless, a missing alert is not.
      isKnown = false
    }
    if isKnown {
      refuse(message, "this id and revision are in the ledger already")
      return false
    }
    guard let sequence = message.sequence else { return true }
    do {
      try streams.take(sequence, of: message.stream, mayLeap: lossy.remove(message.stream) != nil)
      return true
    } catch {
      switch error {
      case .gap(let expected): refuse(message, "its sequence is \(sequence) where \(expected) is next")
      case .repeated(let last): refuse(message, "its sequence is \(sequence) but \(last) was used already")
      }
      return false
    }
  }

  private func refuse(_ message: OutgoingMessage, _ reason: String) {
    statistics.refusedSequence += 1
    let lane = OutgoingMessage.isPersonal(message.stream) ? "notice" : message.stream
    logger.critical(
      "Refused a message: \(reason). It is neither stored nor sent. This is a fault of the program: report it.",
      metadata: ["lane": "\(lane)", "id": "\(message.id)", "revision": "\(message.revision)"])
  }

  private func accept(_ message: OutgoingMessage, now: Int64) {
    let row = nextRow
    nextRow += 1
    let form = message.form.rawValue
    let root = message.revision == 1 ? row : (rootRow(of: message.id, form: form) ?? row)
    let stored = StoredMessage(
      row: row, root: root, message: message, boot: settings.bootID, createdMilliseconds: closures.wallMilliseconds())
    unwritten.append(stored)
    outboxRows += 1
    outboxBytes += message.draft.count
    if connection != nil { enqueueLive(stored) }
    if stored.lane == .notice, stored.message.sequence != nil { touchHead(message.stream, now: now) }
  }

  /// While the ledger cannot be asked, nothing may be found: `findRoots` asks again before anything of it is stored.
  private func rootRow(of id: String, form: Int64) -> Int64? {
    if let root = unwritten.root(id: id, form: form) { return root }
    if let root = replacement?.root(id: id, form: form) { return root }
    return (try? ledger.root(id: id, form: form)).flatMap { $0 }
  }

  /// Looks for the first revisions of ids that came without one: it may have been in a ledger that could not be read then.
  /// Stored with a root of its own, a later revision would be sent before it.
  func findRoots() throws(SQLiteFailure) {
    for stored in unwritten.rootless {
      guard let first = try ledger.root(id: stored.message.id, form: stored.form) else { continue }
      unwritten.move(root: stored.row, below: first)
      if let retryAt = refused.removeValue(forKey: stored.row) { refused[first] = max(retryAt, refused[first] ?? .min) }
      if tooLong.remove(stored.row) != nil { tooLong.insert(first) }
      if waiting.remove(stored.row) != nil { waiting.insert(first) }
      for (packet, flight) in inFlight {
        switch flight.content {
        case .message(let row, stored.row, let lane, let stream, let sequence):
          inFlight[packet]?.content = .message(
            row: row, root: first, lane: lane, stream: stream, sequence: sequence)
        case .abandoned(stored.row, let lane): inFlight[packet]?.content = .abandoned(root: first, lane: lane)
        default: break
        }
      }
    }
  }

  /// Puts a new message where it overtakes the backlog, with all earlier revisions of its id that were not sent.
  private func enqueueLive(_ stored: StoredMessage) {
    let earlier = stored.root == stored.row ? [] : rowsToDeliver(of: stored.root, lane: stored.lane, before: stored.row)
    enqueueLive(earlier + [stored.row])
  }

  /// Goes on with the next revision of an id of which one is now acknowledged.
  func goOn(_ root: Int64, lane: Lane) {
    if let next = rowsToDeliver(of: root, lane: lane, before: .max).first {
      if isPaced { pace.take(1) }
      enqueueLive([next])
    } else {
      waiting.remove(root)
    }
  }

  /// Puts what the ledger could not store of an id where it is sent from memory.
  func enqueueUnwritten(_ root: Int64) {
    enqueueLive(unwritten.rows(root: root).filter { unwritten[$0]?.acknowledgedMilliseconds == nil })
  }

  /// The rows of one id and form below `row` that the broker has not acknowledged, in order. While the ledger cannot be
  /// read, those that are in memory, also of a damaged one: what is known must not wait for what is lost.
  func rowsToDeliver(of root: Int64, lane: Lane, before row: Int64) -> [Int64] {
    let inLedger =
      replacement?.rows(lane: lane, root: root, before: row)
      ?? (try? ledger.outbox(lane: lane, root: root, before: row)) ?? []
    let inMemory = unwritten.rows(root: root).filter { $0 < row }
    return (inLedger.filter { unwritten[$0] == nil } + inMemory).filter { row in
      pendingAcknowledgments[row] == nil && unwritten[row]?.acknowledgedMilliseconds == nil
    }.sorted()
  }

  private func enqueueLive(_ group: [Int64]) {
    for row in group where !liveRows.contains(row) && !inFlightRows.contains(row) && !resend.contains(row) {
      guard live.count < settings.limits.waitingMessages else {
        // Not lost: it is in the ledger, and the backlog begins with what is newest.
        mayHaveBacklog = true
        return
      }
      live.append(row)
      liveRows.insert(row)
      backlog.removeAll { $0.row == row }
    }
  }
}
