/// Observations for open data and the time that the gateway ran: written with what must be written anyway, and once in
/// a batch's time otherwise, without waiting for the disk. A power cut costs the observations of one batch at most.
extension LedgerLoop {
  /// So many observations wait in memory at most; the oldest go first.
  private static let waitingObservations = 10_000
  private static let waitingActions = 1_000
  /// So many are removed in one turn of housekeeping.
  private static let prunedObservations = 2_000

  /// Takes what the sensing thread left.
  func take(_ observations: [ObservationRecord]) {
    guard settings.limits.observationDays > 0 else { return }
    unwrittenObservations += observations
    let excess = unwrittenObservations.count - LedgerLoop.waitingObservations
    guard excess > 0 else { return }
    unwrittenObservations.removeFirst(excess)
    statistics.droppedStates += UInt64(excess)
  }

  /// Takes what outputs did; while the ledger fails, the newest of it waits.
  func take(_ actions: [OutputAction]) {
    unwrittenActions += actions
    let excess = unwrittenActions.count - LedgerLoop.waitingActions
    guard excess > 0 else { return }
    unwrittenActions.removeFirst(excess)
    statistics.droppedStates += UInt64(excess)
  }

  func isHistoryDue(now: Int64) -> Bool { now >= historyDueAt || stopBy != nil }

  /// The present run, dated by the wall clock as it is now: at the start it may have been wrong.
  func presentRun(now: Int64) -> LedgerRun {
    let wall = closures.wallMilliseconds()
    return LedgerRun(
      boot: settings.bootID, beganMilliseconds: wall - (now - startedAt) / 1_000_000, aliveMilliseconds: wall,
      ended: stopBy == nil ? nil : stopCause)
  }

  func pruneHistory() throws(SQLiteFailure) {
    let age = Int64(settings.limits.observationDays) * 86_400_000
    try ledger.pruneObservations(
      before: closures.wallMilliseconds() - age, above: settings.limits.observationRows,
      limit: LedgerLoop.prunedObservations)
  }
}
