/// What is sent next.
extension LedgerLoop {
  /// What a page of the backlog holds at most.
  private static let pageRows = 256
  /// Ids that may be refused at once before the backlog waits.
  private static let refusedIDs = 1_000

  /// What one turn hands over, in order.
  private struct Choice {
    private(set) var messages: [StoredMessage] = []
    private(set) var rows: Set<Int64> = []
    /// How many more there may be.
    var room: Int

    mutating func append(_ stored: StoredMessage) {
      messages.append(stored)
      rows.insert(stored.row)
      room -= 1
    }
  }

  /// What is sent next, with frozen bytes. The freezing is not written yet.
  func choose(now: Int64) -> [StoredMessage] {
    guard let connection, !connection.isBroken, !offlineSent else { return [] }
    endRefusals(now: now)
    let urgent = (connection.needsStatus ? 1 : 0) + (retained.hasUrgent ? 1 : 0)
    var choice = Choice(room: connection.window - inFlight.count - urgent)
    take(from: &resend, into: &choice)
    statistics.resent += UInt64(choice.messages.count)
    if resend.isEmpty { take(from: &live, into: &choice) }
    if resend.isEmpty, live.isEmpty, stopBy == nil { takeBacklog(into: &choice, now: now) }
    return choice.messages.map { freeze($0, now: now) }
  }

  /// What was refused is tried again when its time has come.
  private func endRefusals(now: Int64) {
    for (root, retryAt) in refused where retryAt <= now { endRefusal(root) }
  }

  func endRefusal(_ root: Int64) {
    refused[root] = nil
    mayHaveBacklog = true
    // The backlog is what the ledger has: what it could not store is tried from memory.
    if retryLedgerAt != nil { enqueueUnwritten(root) }
  }

  private func take(from queue: inout [Int64], into choice: inout Choice) {
    var taken = 0
    while choice.room > 0, taken < queue.count {
      if let stored = load(queue[taken]) {
        guard choose(stored, into: &choice) else { break }
      }
      liveRows.remove(queue[taken])
      taken += 1
    }
    queue.removeFirst(taken)
  }

  /// Chooses a message, or in its place the earliest revision of its id that the broker has not got: the broker may refuse
  /// one and take the next, so each waits for the acknowledgment of the one before it, and comes again with that.
  ///
  /// - Returns: false when there is no room for it.
  private func choose(_ stored: StoredMessage, into choice: inout Choice) -> Bool {
    guard !isUnderWay(stored.row, choice) else { return true }
    if stored.root != stored.row {
      for row in rowsToDeliver(of: stored.root, lane: stored.lane, before: stored.row) {
        if isUnderWay(row, choice) {
          waiting.insert(stored.root)
          return true
        }
        // One that cannot be read holds nothing back: an alert that is known must not wait for one that is lost.
        guard let earlier = load(row) else { continue }
        guard choice.room > 0 else { return false }
        choice.append(earlier)
        waiting.insert(stored.root)
        return true
      }
    }
    guard choice.room > 0 else { return false }
    choice.append(stored)
    return true
  }

  private func isUnderWay(_ row: Int64, _ choice: Choice) -> Bool {
    choice.rows.contains(row) || inFlightRows.contains(row)
  }

  /// The message of a row, unless it was settled, refused or cannot be read now.
  private func load(_ row: Int64) -> StoredMessage? {
    var found = unwritten[row] ?? replacement?.message(row: row)
    do {
      if found == nil { found = try ledger.message(row: row) }
    } catch {
      // It is found again with the backlog.
      mayHaveBacklog = true
    }
    guard let stored = found, stored.acknowledgedMilliseconds == nil, pendingAcknowledgments[row] == nil,
      refused[stored.root] == nil
    else { return nil }
    return stored
  }

  /// Not more than a window of messages needs no pacing.
  var isPaced: Bool { outboxRows - inFlight.count > (connection?.window ?? 0) }

  private func takeBacklog(into choice: inout Choice, now: Int64) {
    let isPaced = isPaced
    let room = min(choice.room, backlogWindow - inFlight.count - choice.messages.count)
    let count = min(room, isPaced ? pace.available(now: now) : room)
    guard count > 0 else { return }
    if backlog.isEmpty, mayHaveBacklog { loadBacklog(besides: choice.rows, now: now) }
    choice.room = count
    var taken = 0
    while choice.room > 0, taken < backlog.count {
      // An id that was refused since the page was read is found again with another.
      let stored = backlog[taken]
      if refused[stored.root] == nil {
        guard choose(stored, into: &choice) else { break }
      }
      taken += 1
    }
    backlog.removeFirst(taken)
    if isPaced { pace.take(count - choice.room) }
  }

  private func loadBacklog(besides chosen: Set<Int64>, now: Int64) {
    guard refused.count < LedgerLoop.refusedIDs else {
      mayHaveBacklog = false
      return
    }
    let perSecond = settings.limits.backlogPerSecond
    let limit =
      perSecond == 0
      ? LedgerLoop.pageRows : max(settings.limits.inFlight, min(LedgerLoop.pageRows, perSecond / 4))
    do {
      backlog = try ledger.outbox(limit: limit) { row, root in
        !chosen.contains(row) && !inFlightRows.contains(row) && pendingAcknowledgments[row] == nil
          && refused[root] == nil
      }
      mayHaveBacklog = backlog.count == limit
      // What is late stays late: freezing it ahead of its hand-over changes nothing and spares a sync for each window.
      // Unless the clock is yet to be set: then what is handed over after that gets the right times.
      if closures.mayFreezeAhead() {
        for index in backlog.indices where isLate(backlog[index], now: now) {
          backlog[index] = freeze(backlog[index], now: now)
        }
      }
    } catch {
      mayHaveBacklog = false
      ledgerFails(error, now: now)
    }
  }

  /// Whether it is to be marked as delayed. How old a message of an earlier boot is cannot be told: it counts as late.
  private func isLate(_ stored: StoredMessage, now: Int64) -> Bool {
    stored.boot != settings.bootID
      || now - stored.message.detectedNanoseconds > settings.timing.delayedNanoseconds
  }

  /// How the messages before this one begin, as they went out: a CAP document names them by their times, and those may
  /// have been corrected after its draft was made. One that cannot be read is named as the draft names it.
  private func earlier(than stored: StoredMessage) -> [Int: [UInt8]] {
    let message = stored.message
    guard message.form == .cap, message.revision > 1 else { return [:] }
    var found: [Int: [UInt8]] = [:]
    let rows = (try? ledger.beginnings(id: message.id, form: stored.form, before: message.revision)) ?? []
    for beginning in rows {
      let bytes = pendingFreezes[beginning.row] ?? (beginning.isFrozen ? beginning.bytes : nil)
      if let bytes { found[beginning.revision] = bytes }
    }
    for row in unwritten.rows(root: stored.root) where row < stored.row {
      guard let earlier = unwritten[row], earlier.isFrozen else { continue }
      found[earlier.message.revision] = earlier.message.draft
    }
    return found
  }

  /// Decides the bytes for ever, if they are not decided.
  private func freeze(_ stored: StoredMessage, now: Int64) -> StoredMessage {
    guard !stored.isFrozen else { return stored }
    var frozen = stored
    if let bytes = pendingFreezes[stored.row] {
      frozen.message.draft = bytes
    } else {
      let isOfThisBoot = stored.boot == settings.bootID
      frozen.message.draft = closures.freeze(
        HandedOver(
          draft: stored.message.draft, isDelayed: isLate(stored, now: now),
          detectedNanoseconds: isOfThisBoot ? stored.message.detectedNanoseconds : nil, earlier: earlier(than: stored)))
    }
    frozen.isFrozen = true
    if unwritten[stored.row] != nil {
      unwritten[stored.row] = frozen
    } else {
      pendingFreezes[stored.row] = frozen.message.draft
    }
    return frozen
  }
}
