package import Delivery

/// Who takes what the gateway has to tell, and never makes it wait.
package protocol DeliveryDesk {
  /// Whether a damaged ledger was set aside at the start.
  var wasSetAside: Bool { get }

  /// What was done and what waits.
  var statistics: DeliveryStatistics { get }

  /// Takes what one input caused.
  func commit(_ batch: DeliveryBatch)

  /// Takes a retained state in place of the earlier one of its topic.
  func retain(_ state: RetainedState)
}

extension DeliveryService: DeliveryDesk {}
