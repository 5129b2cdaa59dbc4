import Delivery
import Observations

extension DeliverySettings {
  private static let megabyte = 1_048_576

  /// Takes the budgets and paces of the lanes.
  mutating func use(_ lanes: LaneSettings) {
    limits.reserveBytes = Int64(lanes.reserveMegabytes * Self.megabyte)
    limits.backlogPerSecond = lanes.alertsPerSecond
    limits.outboxBytes = lanes.alertMegabytes * Self.megabyte
    limits.outboxDays = lanes.alertDays
    limits.retainedBytes = lanes.stateMegabytes * Self.megabyte
    limits.observationsPerSecond = lanes.observationsPerSecond
    limits.observationBytes = lanes.observationMegabytes * Self.megabyte
    limits.observationAgeMilliseconds = lanes.observationAge.nanoseconds / 1_000_000
    limits.observationIntervalMilliseconds = lanes.observationInterval.nanoseconds / 1_000_000
    timing.observationBatchNanoseconds = lanes.observationBatch.nanoseconds
  }
}
