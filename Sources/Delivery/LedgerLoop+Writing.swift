internal import Logging

extension LedgerLoop {
  static let firstPruneNanoseconds: Int64 = 60_000_000_000
  private static let pruneEveryNanoseconds: Int64 = 6 * 3600 * 1_000_000_000
  private static let pruneRows = 500
  private static let keepHouseRetryNanoseconds: Int64 = 60_000_000_000
  /// Pages of the write-ahead log at which it is emptied when nothing waits, and at which it is emptied anyway.
  private static let idleCheckpointPages = 1_000
  private static let forcedCheckpointPages = 4_000

  /// Writes all that is new in one transaction. While the ledger fails, everything stays in memory, bounded, and goes
  /// to the broker from there.
  func persist(now: Int64) {
    if let retryAt = retryLedgerAt, now < retryAt { return }
    var entry = LedgerEntry()
    entry.messages = unwritten.inOrder
    entry.records = Array(unwrittenRecords.values)
    entry.frozen = pendingFreezes.map { ($0.key, $0.value) }
    entry.acknowledged = pendingAcknowledgments.map { ($0.key, $0.value) }
    do {
      if entry.isEmpty {
        // Nothing to write shows nothing: a failing ledger is tried with a value of its own.
        guard retryLedgerAt != nil else { return }
        try ledger.save("tried", .integer(closures.wallMilliseconds()), durable: true)
      } else {
        try ledger.write(entry)
      }
      rows += entry.messages.count
      unwritten.removeAll()
      unwrittenRecords.removeAll(keepingCapacity: true)
      pendingFreezes.removeAll(keepingCapacity: true)
      pendingAcknowledgments.removeAll(keepingCapacity: true)
      ledgerWorks()
    } catch {
      ledgerFails(error, now: now)
    }
  }

  private func ledgerWorks() {
    guard retryLedgerAt != nil else { return }
    retryLedgerAt = nil
    mayHaveBacklog = true
    statistics.ledger = .working
    logger.notice("The ledger can be written again: what was held in memory is stored")
  }

  func ledgerFails(_ failure: SQLiteFailure, now: Int64) {
    if retryLedgerAt == nil {
      let advice =
        failure.isCorruption
        ? "restart the gateway: it sets the damaged file aside and begins a new one"
        : "make room on the file system of \(settings.stateFolder) and check the disk"
      logger.critical(
        "Failed to write the ledger: \(failure.message): \(advice). Alerts are sent from memory meanwhile.")
    }
    statistics.ledger = .failing(failure.message)
    retryLedgerAt = now + settings.timing.ledgerRetryNanoseconds
    boundMemory()
  }

  /// Makes room in memory: delivered messages first, then notices; alerts only at twice the limit.
  private func boundMemory() {
    let limit = settings.limits.waitingMessages
    while unwritten.count > limit {
      let index =
        unwritten.order.firstIndex { unwritten[$0]?.acknowledgedMilliseconds != nil }
        ?? unwritten.order.firstIndex { unwritten[$0]?.lane == .notice && !inFlightRows.contains($0) }
        ?? (unwritten.count > 2 * limit ? 0 : nil)
      guard let index else { return }
      dropUnwritten(at: index)
    }
  }

  private func dropUnwritten(at index: Int) {
    guard let stored = unwritten.remove(at: index), stored.acknowledgedMilliseconds == nil else { return }
    outboxRows -= 1
    if stored.lane == .alert { statistics.droppedAlerts += 1 } else { statistics.droppedNotices += 1 }
    abandon(stored.row)
    if let sequence = stored.message.sequence { streams.settled(sequence, of: stored.message.stream) }
  }

  /// Forgets a row wherever it waits to be sent.
  private func abandon(_ row: Int64) {
    live.removeAll { $0 == row }
    liveRows.remove(row)
    resend.removeAll { $0 == row }
    backlog.removeAll { $0.row == row }
    guard inFlightRows.remove(row) != nil else { return }
    for (packet, flight) in inFlight {
      if case .message(row, _, _, _, _) = flight.content { inFlight[packet]?.content = .abandoned }
    }
  }

  /// Finds, for streams whose first open number was settled, the next one that is open.
  func lookUpStreams() {
    for stream in streams.toLookUp {
      let through = streams.head(of: stream).deliveredThrough
      let stored: UInt64?
      do {
        stored = try ledger.firstUnacknowledged(stream: stream, above: through) { pendingAcknowledgments[$0] != nil }
      } catch {
        // Looked up again with the next turn.
        continue
      }
      let inMemory = unwritten.firstUnacknowledged(stream: stream)
      streams.lookedUp(stream, first: [stored, inMemory].compactMap { $0 }.min())
      if stream != OutgoingMessage.alertStream { touchHead(stream, now: closures.now()) }
    }
  }

  /// Sets aside numbers of connections, so that a restart within this boot never uses one twice.
  func reserveConnectionNumbers() {
    guard let through = link.reservationToSave(), retryLedgerAt == nil else { return }
    do {
      try ledger.save("connection", .integer(Int64(clamping: through)), durable: false)
      link.reserved(through: through)
    } catch {
      ledgerFails(error, now: closures.now())
    }
  }

  // MARK: Housekeeping

  func keepHouse(now: Int64) {
    guard retryLedgerAt == nil, stopBy == nil, now >= keepHouseAt ?? .min else { return }
    do {
      if outboxRows > settings.limits.outboxRows { try giveUpNotices() }
      if now >= nextPruneAt { try prune(now: now) }
      let pages = ledger.writeAheadPages
      let isIdle = inFlight.isEmpty && live.isEmpty && backlog.isEmpty
      if pages >= LedgerLoop.forcedCheckpointPages || (isIdle && pages >= LedgerLoop.idleCheckpointPages) {
        try ledger.checkpoint()
      }
      keepHouseAt = nil
    } catch {
      if keepHouseAt == nil {
        logger.error("Failed to tidy the ledger: \(error.message): make room on its file system and check the disk")
      }
      keepHouseAt = now + LedgerLoop.keepHouseRetryNanoseconds
    }
  }

  private func giveUpNotices() throws(SQLiteFailure) {
    let excess = min(LedgerLoop.pruneRows, outboxRows - settings.limits.outboxRows)
    for (row, stream, sequence) in try ledger.giveUpNotices(excess) {
      outboxRows -= 1
      statistics.droppedNotices += 1
      abandon(row)
      if let sequence { streams.settled(sequence, of: stream) }
    }
  }

  private func prune(now: Int64) throws(SQLiteFailure) {
    let days = Int64(settings.limits.noticeDays)
    let retention = Ledger.Retention(
      historyRows: settings.limits.historyRows, noticeAgeNanoseconds: days * 24 * 3600 * 1_000_000_000,
      boot: settings.bootID, nowNanoseconds: now, wallMilliseconds: closures.wallMilliseconds())
    let excess = max(0, rows - outboxRows - settings.limits.historyRows)
    let removed = try ledger.prune(retention, excess: excess, limit: LedgerLoop.pruneRows)
    rows -= removed
    nextPruneAt = now + (removed == LedgerLoop.pruneRows ? 1_000_000_000 : LedgerLoop.pruneEveryNanoseconds)
  }
}
