internal import Logging

/// The lane of observations: what a newer one replaced before the broker had it waits in the ledger, at most one of each
/// sensor an interval, and goes out, paced and marked as delayed, when nothing else waits.
extension LedgerLoop {
  private static let pageRows = 100
  /// So many acknowledged rows are removed in one transaction, unless something else is written.
  private static let removedRows = 200
  /// So many rows are looked at in one turn of tidying.
  private static let tidiedRows = 1_000
  private static let expireEveryNanoseconds: Int64 = 600_000_000_000
  /// A smaller step of the wall clock is its ordinary correction.
  private static let stepMilliseconds: Int64 = 2_000

  private var keepsObservations: Bool { settings.limits.observationBytes > 0 }

  // MARK: What comes

  /// Takes observations that are not the newest of their sensors any more.
  func take(superseded: [RetainedTable.Superseded], now: Int64) {
    guard keepsObservations, !superseded.isEmpty else { return }
    // While nothing can be written, it goes from memory.
    if retryLedgerAt != nil || statistics.isYielding { lane.isExhausted = false }
    statistics.supersededObservations += UInt64(superseded.count)
    for old in superseded {
      guard let topic = old.state.backlogTopic else { continue }
      let madeAt = old.changedAt / 1_000_000 + lane.offsetMilliseconds
      lane.buffer.add(WaitingObservation(topic: topic, payload: old.state.payload, wallMilliseconds: madeAt))
    }
  }

  /// Dates what waits anew when the wall clock was set: its age counts from when it was made.
  func followWallClock() {
    let offset = closures.wallMilliseconds() - closures.now() / 1_000_000
    let step = offset - lane.offsetMilliseconds
    guard abs(step) > LedgerLoop.stepMilliseconds else {
      lane.suspectedOffset = nil
      return
    }
    // Seen twice: this thread may have slept between the readings of the two clocks.
    guard let suspected = lane.suspectedOffset, abs(offset - suspected) < LedgerLoop.stepMilliseconds else {
      lane.suspectedOffset = offset
      return
    }
    lane.suspectedOffset = nil
    lane.offsetMilliseconds = offset
    lane.buffer.shift(by: step)
    lane.unwrittenShift += step
  }

  /// What is in the table is dated anew before anything is added to it.
  func shiftObservations() throws(SQLiteFailure) {
    guard lane.unwrittenShift != 0 else { return }
    try ledger.shiftWaiting(by: lane.unwrittenShift)
    lane.unwrittenShift = 0
  }

  // MARK: What is written

  /// Adds what is due of the lane to a transaction.
  func addObservations(to entry: inout LedgerEntry, now: Int64) {
    let isDue = now >= lane.writeAt || stopBy != nil
    if isDue, !statistics.isYielding { entry.waiting = lane.buffer.waiting.map(delayed) }
    if isDue || !entry.isEmpty || lane.sent.count >= LedgerLoop.removedRows { entry.delivered = Array(lane.sent) }
  }

  /// They are in the ledger now.
  func observationsWritten(_ entry: LedgerEntry, now: Int64) {
    if now >= lane.writeAt { lane.writeAt = now + settings.timing.observationBatchNanoseconds }
    for row in entry.delivered { lane.sent.remove(row) }
    guard !entry.waiting.isEmpty else { return }
    lane.buffer.removeAll(intervalMilliseconds: lane.intervalMilliseconds)
    lane.isExhausted = false
  }

  /// At the stop: the newest go too, because the next run knows nothing of them.
  func keepUndeliveredObservations(now: Int64) {
    take(superseded: retained.undelivered, now: now)
  }

  private func delayed(_ observation: WaitingObservation) -> WaitingObservation {
    var marked = observation
    marked.payload = closures.freeze(HandedOver(draft: observation.payload, isDelayed: true))
    return marked
  }

  // MARK: What is sent

  /// After a connect everything that waits may go.
  func observationsConnected(now: Int64) {
    lane.page = []
    lane.isExhausted = false
    lane.pace = ObservationLane.pace(settings.limits, now: now)
    // What was gathered meanwhile is written at once, so that it can go.
    lane.writeAt = min(lane.writeAt, now)
  }

  func observationsDisconnected() {
    for flight in inFlight.values {
      guard case .observation(let item) = flight.content, item.row == nil else { continue }
      lane.buffer.add(item.observation)
    }
    for item in lane.page where item.row == nil { lane.buffer.add(item.observation) }
    lane.page = []
    lane.inFlight = []
  }

  /// When the next may go; nil when none waits or none may.
  func nextObservationNanoseconds() -> Int64? {
    guard let connection, !connection.isBroken, inFlight.count < stateWindow, mayObservationsGo else { return nil }
    guard !lane.page.isEmpty || !lane.isExhausted else { return nil }
    return max(lane.pace.nextNanoseconds(), lane.heldUntil ?? .min)
  }

  /// Alerts, notices and answers come first.
  private var mayObservationsGo: Bool {
    keepsObservations && stopBy == nil && !offlineSent && resend.isEmpty && live.isEmpty && backlog.isEmpty
      && !mayHaveBacklog
  }

  func sendObservations(now: Int64) {
    guard mayObservationsGo, now >= lane.heldUntil ?? .min else { return }
    while let connection, !connection.isBroken, inFlight.count < stateWindow, lane.pace.available(now: now) > 0 {
      if lane.page.isEmpty { loadObservations(now: now) }
      guard let item = lane.page.first else { return }
      let age = now / 1_000_000 + lane.offsetMilliseconds - item.observation.wallMilliseconds
      let left = (settings.limits.observationAgeMilliseconds - age) / 1_000
      guard left > 0 else {
        lane.page.removeFirst()
        observationDone(item)
        continue
      }
      var wire = WireMessage(topic: item.observation.topic, payload: closures.correct(item.observation.payload, nil))
      wire.expirySeconds = UInt32(clamping: left)
      wire.mayAbbreviate = true
      switch handOver(wire, .observation(item), now: now) {
      case .done:
        lane.page.removeFirst()
        if let row = item.row { lane.inFlight.insert(row) }
        lane.pace.take(1)
      case .impossible:
        lane.page.removeFirst()
        lane.dropped += 1
        observationDone(item)
      case .notConnected: return
      }
    }
  }

  private func loadObservations(now: Int64) {
    guard !lane.isExhausted else { return }
    if retryLedgerAt == nil {
      do {
        lane.page = try ledger.waitingPage(limit: LedgerLoop.pageRows) {
          !lane.inFlight.contains($0) && !lane.sent.contains($0)
        }.map { ObservationLane.Item(row: $0.row, observation: $0.1) }
      } catch {
        ledgerFails(error, now: now)
      }
    }
    // What the ledger cannot take goes from memory.
    if lane.page.isEmpty, retryLedgerAt != nil || statistics.isYielding {
      lane.page = lane.buffer.waiting.reversed().map { ObservationLane.Item(row: nil, observation: delayed($0)) }
      lane.buffer.removeAll(intervalMilliseconds: lane.intervalMilliseconds)
    }
    lane.isExhausted = lane.page.isEmpty
  }

  func acknowledged(_ item: ObservationLane.Item, isRefused: Bool, now: Int64) {
    if let row = item.row { lane.inFlight.remove(row) }
    guard isRefused else { return observationDone(item) }
    lane.heldUntil = now + settings.timing.refusedRetryNanoseconds
    if item.row == nil { lane.buffer.add(item.observation) }
    lane.isExhausted = false
  }

  private func observationDone(_ item: ObservationLane.Item) {
    if let row = item.row { lane.sent.insert(row) }
  }

  // MARK: Bounds

  /// Removes what is too old, and thins what is too much: some rows a turn, so that an alert never waits for it.
  func tidyObservations(now: Int64) throws(SQLiteFailure) {
    let limits = settings.limits
    if now >= lane.expireAt {
      // By the clock that dates what waits, which follows the wall clock a moment later.
      let oldest = now / 1_000_000 + lane.offsetMilliseconds - limits.observationAgeMilliseconds
      let removed = try ledger.expireWaiting(before: oldest, limit: LedgerLoop.tidiedRows)
      lane.dropped += UInt64(removed)
      lane.expireAt = now + (removed == LedgerLoop.tidiedRows ? 0 : LedgerLoop.expireEveryNanoseconds)
    }
    if ledger.waitingRows == 0 {
      lane.intervalMilliseconds = limits.observationIntervalMilliseconds
      lane.thinnedThrough = nil
    } else if lane.thinnedThrough == nil, ledger.waitingBytes > limits.observationBytes {
      if lane.intervalMilliseconds >= limits.observationAgeMilliseconds {
        // One of each sensor is still too much.
        let removed = try ledger.expireWaiting(before: .max, limit: LedgerLoop.tidiedRows)
        lane.dropped += UInt64(removed)
      } else {
        thinObservations()
      }
    }
    if let through = lane.thinnedThrough {
      let before = ledger.waitingRows
      lane.thinnedThrough = try ledger.thinWaiting(
        after: through, limit: LedgerLoop.tidiedRows, intervalMilliseconds: lane.intervalMilliseconds)
      lane.thinned += UInt64(before - ledger.waitingRows)
    }
  }

  /// Begins to keep the observations of a sensor twice as far apart.
  func thinObservations() {
    lane.intervalMilliseconds *= 2
    lane.thinnedThrough = 0
    lane.buffer.thin(to: lane.intervalMilliseconds)
    logger.notice(
      "The backlog of observations is thinned: of each sensor one is kept for an interval",
      metadata: ["interval_s": "\(lane.intervalMilliseconds / 1_000)", "bytes": "\(ledger.waitingBytes)"])
  }

  /// When tidying goes on; nil when there is nothing to tidy.
  var nextTidyNanoseconds: Int64 { lane.thinnedThrough == nil ? lane.expireAt : .min }
}
