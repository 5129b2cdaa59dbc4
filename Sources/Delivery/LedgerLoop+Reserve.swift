internal import Logging

/// The reserve of the state folder's file system: what alerts will need when others have filled it. Below it the lane of
/// observations gives way: none is written any more, and what waits is thinned, which leaves its pages to alerts.
extension LedgerLoop {
  /// It ends only when so much more than the reserve is free, so that it does not come and go.
  private static let marginDivisor: Int64 = 4

  /// Looks at what is free. On this thread, because a file system may hang.
  func checkReserve(now: Int64) {
    guard now >= reserveDueAt else { return }
    reserveDueAt = now + settings.timing.reserveNanoseconds
    statistics.freeBytes = closures.disk.freeBytes(of: settings.stateFolder)
    guard let free = statistics.freeBytes, settings.limits.reserveBytes > 0 else {
      statistics.isYielding = false
      return
    }
    let reserve = settings.limits.reserveBytes
    let isYielding = free < (statistics.isYielding ? reserve + reserve / LedgerLoop.marginDivisor : reserve)
    if isYielding != statistics.isYielding {
      statistics.isYielding = isYielding
      if isYielding {
        logger.error(
          """
          Less is free on the file system of \(settings.stateFolder) than the reserve: observations are not written any \
          more, so that alerts can be. Make room on it.
          """, metadata: ["free_bytes": "\(free)", "reserve_bytes": "\(reserve)"])
      } else {
        logger.notice("There is room for observations again", metadata: ["free_bytes": "\(free)"])
        historyDueAt = min(historyDueAt, now)
        lane.writeAt = min(lane.writeAt, now)
        lane.isExhausted = false
      }
    }
    let isLarge = ledger.waitingBytes > settings.limits.observationBytes / 8
    if isYielding, isLarge, lane.thinnedThrough == nil { thinObservations() }
  }
}
