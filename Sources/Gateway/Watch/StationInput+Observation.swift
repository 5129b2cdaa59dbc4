import Alerts
import Observations

extension StationInput {
  /// What an observation tells a station: itself, except that a sighting tells what `person` makes of it, nil for nothing.
  init?(_ observation: Observation, person: (SensorID, TagSighting) -> StationInput?) {
    switch observation {
    case .reading(let sensor, let value): self = .reading(sensor, value)
    case .contact(let sensor, let active): self = .contact(sensor, active: active)
    case .tips(let sensor, let count): self = .tips(sensor, count: count)
    case .position(let sensor, let fix): self = .position(sensor, fix)
    case .alive(let sensor): self = .alive(sensor)
    case .fault(let sensor, let cause): self = .fault(sensor, cause)
    case .sighting(let sensor, let sighting):
      guard let input = person(sensor, sighting) else { return nil }
      self = input
    }
  }
}
