import Delivery
import Gateway

/// Stands between the gateway and its delivery, and notes what is raised.
final class Witness: DeliveryDesk {
  private let service: DeliveryService
  private unowned let life: Life
  /// A planted fault: how many numbers were left out.
  private var skipped: UInt64 = 0
  private var count = 0

  init(_ service: DeliveryService, _ life: Life) {
    self.service = service
    self.life = life
  }

  var wasSetAside: Bool { service.wasSetAside }
  var statistics: DeliveryStatistics { service.statistics }

  func commit(_ batch: DeliveryBatch) {
    var batch = batch
    if life.plant == .skippedNumber {
      for index in batch.messages.indices where batch.messages[index].sequence != nil {
        count += 1
        if count == 5, batch.messages[index].stream == OutgoingMessage.alertStream { skipped = 1 }
        guard batch.messages[index].stream == OutgoingMessage.alertStream else { continue }
        batch.messages[index].sequence = batch.messages[index].sequence.map { $0 + skipped }
      }
    }
    life.commits(batch)
    service.commit(batch)
  }

  func retain(_ state: RetainedState) {
    service.retain(state)
    life.isLedgerWoken = true
  }
}
