internal import Logging

/// A ledger that is found damaged while it is used is set aside and gone on from, without a restart.
extension LedgerLoop {
  /// So often within this time SQLite must say that the file is damaged: a read that failed once may have been the cable.
  private static let provenTimes = 2
  private static let provenWithinNanoseconds: Int64 = 600_000_000_000

  /// SQLite said that the file is damaged.
  func noteDamage(now: Int64) {
    if let last = damageAt, now - last > LedgerLoop.provenWithinNanoseconds { damageTimes = 0 }
    damageAt = now
    damageTimes += 1
  }

  /// Puts a new ledger in the place of a damaged one, and of one in memory.
  ///
  /// - Returns: false where that failed; it is tried again with the ledger's next attempt.
  func replaceIfDamaged(now: Int64) -> Bool {
    guard damageTimes >= LedgerLoop.provenTimes || ledger.isInMemory else { return true }
    do {
      if replacement == nil { try prepareReplacement() }
      guard let newer = try replacement?.open() else { return true }
      goOn(with: newer, now: now)
      return true
    } catch {
      // What was in memory from the start is replaced when the disk is well: what lies there is read once more.
      if isBegunInMemory, replacement?.isUnderWay != true { replacement = nil }
      let reason = (error as? SQLiteFailure)?.message ?? (error as? DeliveryError)?.description ?? "unknown"
      if !isReplacementFailureLogged {
        isReplacementFailureLogged = true
        let place = isBegunInMemory ? "on the disk" : "in place of the damaged one"
        logger.critical("Failed to begin a new ledger \(place): \(reason)")
      }
      statistics.ledger = .failing(reason)
      retryLedgerAt = now + settings.timing.ledgerRetryNanoseconds
      boundMemory()
      return false
    }
  }

  private func prepareReplacement() throws {
    guard ledger.isInMemory else { return try closeDamaged() }
    try opener.awaitDisk(lock: ledger.lock)
    replacement = makeReplacement()
  }

  /// A ledger that could only be read is opened anew, so that it can be written as soon as its disk can.
  func reopenIfReadOnly() throws(SQLiteFailure) {
    guard ledger.isReadOnly else { return }
    ledger = try opener.reopen(ledger, epoch: streams.epoch)
  }

  private var opener: LedgerOpener {
    LedgerOpener(
      folder: settings.stateFolder, boot: settings.bootID, wallMilliseconds: closures.wallMilliseconds(),
      digest: closures.digest, disk: closures.disk, identify: closures.identify)
  }

  /// Reads what is readable, and lets go of the file: SQLite removes what lies beside it when it closes it.
  private func closeDamaged() throws {
    let salvage = makeReplacement()
    let placeholder = try Ledger.placeholder(lock: ledger.lock, epoch: streams.epoch, digest: closures.digest)
    placeholder.goOnCounting(from: ledger)
    ledger = placeholder
    replacement = salvage
  }

  private func makeReplacement() -> LedgerReplacement {
    LedgerReplacement(
      opener, lock: ledger.lock,
      knowledge: LedgerReplacement.Knowledge(
        epoch: streams.epoch, lastSequences: streams.lastSequences, connectionNumber: link.reservedThrough))
  }

  private func goOn(with newer: Ledger, now: Int64) {
    guard let salvage = replacement else { return }
    newer.goOnCounting(from: ledger)
    ledger = newer
    replacement = nil
    isReplacementFailureLogged = false
    damageTimes = 0
    damageAt = nil
    if salvage.setsAside {
      statistics.timesSetAside += 1
      logger.critical(
        """
        The ledger \(isBegunInMemory ? "could not be opened at the start" : "was found damaged"): it is set aside as \
        \(salvage.newName) and a new one goes on with the present numbers. Copy it, look at it with 'ledger verify \
        --ledger FILE', and see to the disk.
        """,
        metadata: ["undelivered": "\(salvage.messages.count)", "lost": "\(salvage.doubtful)"])
    }
    isBegunInMemory = false
    recount(salvage.messages)
    findOpenNumbers(salvage.messages, now: now)
    if !memoryMark.isReady {
      // What was sent in an epoch that was in memory alone counts from now on; the first write may fail once more.
      memoryMark = LedgerLoop.mark(ledger, streams.epoch, settings, closures)
      noteSentFromMemory()
    }
    // Rows of the lost table mean nothing in the new one.
    lane.page = []
    lane.inFlight = []
    lane.sent = []
    lane.thinnedThrough = nil
    lane.unwrittenShift = 0
  }

  /// What goes on is all that is open in the new ledger. It may lie below what was thought to be the first open number.
  private func findOpenNumbers(_ messages: [StoredMessage], now: Int64) {
    var first: [String: UInt64] = [:]
    for stored in messages + unwritten.inOrder {
      guard let sequence = stored.message.sequence, stored.acknowledgedMilliseconds == nil,
        pendingAcknowledgments[stored.row] == nil
      else { continue }
      first[stored.message.stream] = min(first[stored.message.stream] ?? .max, sequence)
    }
    for stream in streams.names {
      streams.lookedUp(stream, first: first[stream])
      if OutgoingMessage.isPersonal(stream) { touchHead(stream, now: now) }
    }
  }

  /// What is in the new ledger waits; what was under way and is not there is not waited for.
  private func recount(_ messages: [StoredMessage]) {
    let stored = Dictionary(messages.map { ($0.row, $0.message.draft.count) }, uniquingKeysWith: { first, _ in first })
    rows = messages.count
    let waiting = stored.filter { pendingAcknowledgments[$0.key] == nil }
    let inMemory = unwritten.inOrder.filter { $0.acknowledgedMilliseconds == nil }
    outboxRows = waiting.count + inMemory.count
    outboxBytes = waiting.values.reduce(0, +) + inMemory.reduce(0) { $0 + $1.message.draft.count }
    for (packet, flight) in inFlight {
      switch flight.content {
      case .message(let row, let root, let lane, _, _) where stored[row] == nil && unwritten[row] == nil:
        inFlight[packet]?.content = .abandoned(root: root, lane: lane)
        inFlightRows.remove(row)
      case .observation(let item) where item.row != nil:
        inFlight[packet]?.content = .observation(ObservationLane.Item(row: nil, observation: item.observation))
      default: break
      }
    }
    backlog = []
    mayHaveBacklog = outboxRows > 0
  }
}
