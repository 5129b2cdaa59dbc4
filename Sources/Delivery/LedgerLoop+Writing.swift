internal import Logging

extension LedgerLoop {
  static let firstPruneNanoseconds: Int64 = 60_000_000_000
  private static let pruneEveryNanoseconds: Int64 = 6 * 3600 * 1_000_000_000
  private static let pruneRows = 500
  /// So many notices are given up at once where the bytes are too many.
  private static let givenUpForRoom = 20
  private static let keepHouseRetryNanoseconds: Int64 = 60_000_000_000
  /// Pages of the write-ahead log at which it is emptied when nothing waits, and at which it is emptied anyway.
  private static let idleCheckpointPages = 1_000
  /// Where there is little room on the file system.
  private static let scarceCheckpointPages = 32
  private static let forcedCheckpointPages = 4_000

  /// Writes all that is new in one transaction. While the ledger fails, everything stays in memory, bounded, and goes
  /// to the broker from there.
  func persist(now: Int64) {
    if let retryAt = retryLedgerAt, now < retryAt { return }
    guard replaceIfDamaged(now: now) else { return }
    let beganAt = closures.now()
    do {
      try reopenIfReadOnly()
      // A failing ledger is tried with a small value first: what waits may be megabytes, and alerts go out meanwhile. At
      // the stop there is one attempt only.
      if retryLedgerAt != nil, stopBy == nil {
        try ledger.save("tried", .integer(closures.wallMilliseconds()), durable: true)
      }
      try shiftObservations()
      try findRoots()
      let entry = makeEntry(now: now)
      guard !entry.isEmpty || retryLedgerAt != nil else { return }
      if !entry.isEmpty { try ledger.write(entry) }
      written(entry, now: now)
      ledgerWorks()
    } catch {
      ledgerFails(error, now: now)
      // At least half of this thread's time stays for what is sent.
      let endedAt = closures.now()
      retryLedgerAt = retryLedgerAt.map { max($0, endedAt + (endedAt - beganAt)) }
    }
  }

  private func makeEntry(now: Int64) -> LedgerEntry {
    var entry = LedgerEntry()
    entry.messages = unwritten.inOrder
    entry.records = Array(unwrittenRecords.values)
    entry.frozen = pendingFreezes.map { ($0.key, $0.value) }
    entry.acknowledged = pendingAcknowledgments.map { ($0.key, $0.value) }
    entry.actions = unwrittenActions
    entry.unstored = unstored
    addObservations(to: &entry, now: now)
    if !entry.isEmpty || isHistoryDue(now: now) {
      if !statistics.isYielding { entry.observations = unwrittenObservations }
      entry.run = presentRun(now: now)
    }
    return entry
  }

  /// It is in the ledger now.
  private func written(_ entry: LedgerEntry, now: Int64) {
    rows += entry.messages.count
    unwritten.removeAll()
    unwrittenRecords.removeAll(keepingCapacity: true)
    unwrittenActions.removeAll()
    unstored.removeAll()
    if entry.run != nil {
      if !statistics.isYielding { unwrittenObservations.removeAll(keepingCapacity: true) }
      historyDueAt = now + settings.timing.observationBatchNanoseconds
    }
    observationsWritten(entry, now: now)
    pendingFreezes.removeAll(keepingCapacity: true)
    pendingAcknowledgments.removeAll(keepingCapacity: true)
  }

  private func ledgerWorks() {
    guard retryLedgerAt != nil else { return }
    retryLedgerAt = nil
    mayHaveBacklog = true
    lane.isExhausted = false
    statistics.ledger = .working
    memoryMark.forget()
    if !memoryMark.isReady { memoryMark = LedgerLoop.mark(ledger, streams.epoch, settings, closures) }
    // The next time it is said again.
    isMarkFailureLogged = false
    logger.notice("The ledger can be written again: what was held in memory is stored")
  }

  func ledgerFails(_ failure: SQLiteFailure, now: Int64) {
    if failure.isCorruption { noteDamage(now: now) }
    if retryLedgerAt == nil {
      let advice =
        failure.isCorruption
        ? "if that is so once more, it is set aside and a new one begun"
        : "make room on the file system of \(settings.stateFolder) and check the disk"
      logger.critical(
        "Failed to write the ledger: \(failure.message): \(advice). Alerts are sent from memory meanwhile.")
    }
    statistics.ledger = .failing(failure.message)
    retryLedgerAt = now + settings.timing.ledgerRetryNanoseconds
    boundMemory()
  }

  /// Finds, for streams whose first open number was settled, the next one that is open.
  func lookUpStreams() {
    // What goes on from a damaged ledger is in none that could be asked now. All is known when the new one is there.
    guard replacement == nil else { return }
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
      if OutgoingMessage.isPersonal(stream) { touchHead(stream, now: closures.now()) }
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
      if outboxRows > settings.limits.outboxRows || outboxBytes > settings.limits.outboxBytes { try giveUpNotices() }
      if now >= nextPruneAt { try prune(now: now) }
      try tidyObservations(now: now)
      let pages = ledger.writeAheadPages
      let isIdle = inFlight.isEmpty && live.isEmpty && backlog.isEmpty
      let idlePages = statistics.isYielding ? LedgerLoop.scarceCheckpointPages : LedgerLoop.idleCheckpointPages
      if pages >= LedgerLoop.forcedCheckpointPages || (isIdle && pages >= idlePages) {
        try ledger.checkpoint()
      }
      keepHouseAt = nil
    } catch {
      if error.isCorruption { return ledgerFails(error, now: now) }
      if keepHouseAt == nil {
        logger.error("Failed to tidy the ledger: \(error.message): make room on its file system and check the disk")
      }
      keepHouseAt = now + LedgerLoop.keepHouseRetryNanoseconds
    }
  }

  /// The lane of alerts and notices is too long, or holds too much: the oldest notices go. Alerts stay.
  private func giveUpNotices() throws(SQLiteFailure) {
    let excess = max(outboxRows - settings.limits.outboxRows, LedgerLoop.givenUpForRoom)
    givenUp(try ledger.giveUpNotices(min(LedgerLoop.pruneRows, excess)))
  }

  private func givenUp(_ notices: [Ledger.GivenUpNotice]) {
    for notice in notices {
      outboxLost(1, bytes: notice.bytes)
      statistics.droppedNotices += 1
      abandon(notice.row)
      if let sequence = notice.sequence { streams.settled(sequence, of: notice.stream) }
    }
  }

  /// So much less waits for the broker. The bytes are those of drafts where these were counted: near enough.
  func outboxLost(_ rows: Int, bytes: Int) {
    outboxRows -= rows
    outboxBytes = outboxRows == 0 ? 0 : max(0, outboxBytes - bytes)
  }

  private func prune(now: Int64) throws(SQLiteFailure) {
    let days = Int64(settings.limits.noticeDays)
    let retention = Ledger.Retention(
      historyRows: settings.limits.historyRows, noticeAgeNanoseconds: days * 24 * 3600 * 1_000_000_000,
      boot: settings.bootID, nowNanoseconds: now, wallMilliseconds: closures.wallMilliseconds())
    let excess = max(0, rows - outboxRows - settings.limits.historyRows)
    let removed = try ledger.prune(retention, excess: excess, limit: LedgerLoop.pruneRows)
    rows -= removed
    var waitingAge = retention
    waitingAge.noticeAgeNanoseconds = Int64(settings.limits.outboxDays) * 24 * 3600 * 1_000_000_000
    givenUp(try ledger.giveUpNotices(LedgerLoop.pruneRows, olderThan: waitingAge))
    try pruneHistory()
    nextPruneAt = now + (removed == LedgerLoop.pruneRows ? 1_000_000_000 : LedgerLoop.pruneEveryNanoseconds)
  }
}
