import Delivery
import Observations

extension DeliveryStatistics {
  /// A turn of the ledger's thread that takes longer waits for a disk that may never answer.
  private static let longestTurn = TimeSpan.seconds(1)

  /// Why the ledger must not be closed for a reload now, and what to do; nil when nothing is against it.
  ///
  /// The next session knows what the ledger holds and nothing else. And closing it waits for the disk, on the thread that
  /// senses and with the outputs in their safe state.
  ///
  /// - Parameter stateFolder: where the ledger is.
  func obstacleToReload(stateFolder: String, at time: MonotonicTime) -> CommandRejection? {
    if let turnSinceNanoseconds {
      let busy = time - MonotonicTime(nanoseconds: turnSinceNanoseconds)
      if busy > Self.longestTurn {
        return CommandRejection(
          .ledgerBusy,
          "the disk has been busy with the ledger for \(busy.milliseconds / 1000) s and a reload would wait for it without"
            + " sensing: check the disk of \(stateFolder), then reload again")
      }
    }
    let advice = "make room on the file system of \(stateFolder) and check its disk, then reload again"
    if case .failing(let reason) = ledger {
      return CommandRejection(
        .ledgerFailing,
        "the ledger cannot be written (\(reason)) and a reload would lose what is only in memory: \(advice)")
    }
    guard unwritten == 0 else {
      return CommandRejection(
        .ledgerFailing,
        "\(unwritten) messages are not written yet and a reload would lose them: \(advice)")
    }
    return nil
  }
}
