import Observations

extension ConfigurationReader {
  /// `[delivery]` and its lanes. What is left out is as the defaults of `LaneSettings` have it.
  func readDelivery(_ reader: TableReader?) -> LaneSettings {
    var lanes = LaneSettings()
    guard let reader else { return lanes }
    if let reserve = reader.integer("reserve_mb", in: 0...1_000_000) { lanes.reserveMegabytes = reserve }
    if let alert = reader.subtable("alert") {
      if let pace = alert.integer("per_second", in: 0...10_000) { lanes.alertsPerSecond = pace }
      if let bytes = alert.integer("megabytes", in: 1...100_000) { lanes.alertMegabytes = bytes }
      if let days = alert.integer("days", in: 1...3_660) { lanes.alertDays = days }
      alert.finish()
    }
    if let state = reader.subtable("state") {
      if let bytes = state.integer("megabytes", in: 1...64) { lanes.stateMegabytes = bytes }
      if let age = state.duration("age", in: .minutes(10) ... .hours(24)) { lanes.stateAge = age }
      state.finish()
    }
    if let observation = reader.subtable("observation") { readObservationLane(observation, into: &lanes) }
    reader.finish()
    return lanes
  }

  private func readObservationLane(_ reader: TableReader, into lanes: inout LaneSettings) {
    if let pace = reader.integer("per_second", in: 0...10_000) { lanes.observationsPerSecond = pace }
    if let bytes = reader.integer("megabytes", in: 0...10_000) { lanes.observationMegabytes = bytes }
    if let age = reader.duration("age", in: .hours(1) ... .hours(8_760)) { lanes.observationAge = age }
    if let interval = reader.duration("interval", in: .seconds(1) ... .hours(24)) {
      lanes.observationInterval = interval
    }
    if let batch = reader.duration("batch", in: .seconds(1) ... .hours(24)) { lanes.observationBatch = batch }
    if lanes.observationInterval >= lanes.observationAge {
      reader.error(
        "interval", "interval is not shorter than age", advice: "shorten it, or nothing is left of what waits")
    }
    reader.finish()
  }
}
