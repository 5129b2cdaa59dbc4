/// What waits in memory while the ledger fails is bounded: a board whose memory is used up loses all of it.
extension LedgerLoop {
  /// Makes room: what was delivered goes first, then notices; what was not, above twice the limit only, and alerts last.
  func boundMemory() {
    drop(above: 1) { $0.acknowledgedMilliseconds != nil }
    drop(above: 1) { $0.lane == .notice && !inFlightRows.contains($0.row) }
    for lane in [Lane.notice, .command, .alert] { drop(above: Inbox.alertFactor) { $0.lane == lane } }
  }

  /// Drops the oldest of a kind until what waits is no more than so many times the limit.
  private func drop(above factor: Int, _ isOfKind: (StoredMessage) -> Bool) {
    var messages = unwritten.count - settings.limits.waitingMessages * factor
    var bytes = unwritten.bytes - settings.limits.waitingBytes * factor
    var rows: [Int64] = []
    for row in unwritten.order {
      guard messages > 0 || bytes > 0 else { break }
      guard let stored = unwritten[row], isOfKind(stored) else { continue }
      rows.append(row)
      messages -= 1
      bytes -= stored.message.waitingBytes
    }
    for stored in unwritten.remove(rows) { dropped(stored) }
  }

  private func dropped(_ stored: StoredMessage) {
    // Whether it was sent or not, its number was given.
    if let sequence = stored.message.sequence { unstored.add(sequence, of: stored.message.stream) }
    guard stored.acknowledgedMilliseconds == nil else { return }
    outboxLost(1, bytes: stored.message.draft.count)
    if stored.lane == .alert { statistics.droppedAlerts += 1 } else { statistics.droppedNotices += 1 }
    abandon(stored.row)
    if let sequence = stored.message.sequence { streams.settled(sequence, of: stored.message.stream) }
  }

  /// Forgets a row wherever it waits to be sent.
  func abandon(_ row: Int64) {
    live.removeAll { $0 == row }
    liveRows.remove(row)
    resend.removeAll { $0 == row }
    backlog.removeAll { $0.row == row }
    guard inFlightRows.remove(row) != nil else { return }
    for (packet, flight) in inFlight {
      guard case .message(row, let root, let lane, _, _) = flight.content else { continue }
      inFlight[packet]?.content = .abandoned(root: root, lane: lane)
    }
  }
}
