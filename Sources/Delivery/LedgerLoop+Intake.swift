internal import Logging

extension LedgerLoop {
  /// Takes what the sensing thread left: numbers are checked, rows given, nothing is written yet.
  func take(_ arrival: Inbox.Arrival, now: Int64) {
    statistics.droppedAlerts += arrival.droppedAlerts
    statistics.droppedNotices += arrival.droppedNotices
    statistics.droppedStates += arrival.droppedStates
    unwrittenRecords.merge(arrival.records) { _, newer in newer }
    var lossy = arrival.lossyStreams
    for message in arrival.messages {
      guard isAcceptable(message, lossy: &lossy) else { continue }
      accept(message, now: now)
    }
    for state in arrival.retained { setState(state, isTransient: false, now: now) }
  }

  /// Refuses loudly what does not continue its stream or would name two messages alike.
  private func isAcceptable(_ message: OutgoingMessage, lossy: inout Set<String>) -> Bool {
    let isKnown: Bool
    do {
      let form: Int64 = message.sequence == nil ? 1 : 0
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
    let lane = message.stream == OutgoingMessage.alertStream ? "alert" : "notice"
    logger.critical(
      "Refused a message: \(reason). It is neither stored nor sent. This is a fault of the program: report it.",
      metadata: ["lane": "\(lane)", "id": "\(message.id)", "revision": "\(message.revision)"])
  }

  private func accept(_ message: OutgoingMessage, now: Int64) {
    let row = nextRow
    nextRow += 1
    let form: Int64 = message.sequence == nil ? 1 : 0
    let root = message.revision == 1 ? row : (rootRow(of: message.id, form: form) ?? row)
    let stored = StoredMessage(
      row: row, root: root, message: message, boot: settings.bootID, createdMilliseconds: closures.wallMilliseconds())
    unwritten.append(stored)
    outboxRows += 1
    if connection != nil { enqueueLive(stored) }
    if stored.lane == .notice, stored.message.sequence != nil { touchHead(message.stream, now: now) }
  }

  private func rootRow(of id: String, form: Int64) -> Int64? {
    if let root = unwritten.root(id: id, form: form) { return root }
    return (try? ledger.root(id: id, form: form)).flatMap { $0 }
  }

  /// Puts a new message where it overtakes the backlog, with all earlier revisions of its id that were not sent.
  private func enqueueLive(_ stored: StoredMessage) {
    var group = [stored.row]
    if stored.root != stored.row {
      let inLedger = (try? ledger.outbox(lane: stored.lane, root: stored.root)) ?? []
      group = Set(inLedger).union(unwritten.rows(root: stored.root)).sorted()
    }
    for row in group where !liveRows.contains(row) && !inFlightRows.contains(row) && !resend.contains(row) {
      guard pendingAcknowledgments[row] == nil, unwritten[row]?.acknowledgedMilliseconds == nil else { continue }
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
