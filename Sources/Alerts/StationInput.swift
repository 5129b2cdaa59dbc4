public import Observations

/// All that the station ever hears. A tag's identifier is not among it: the tag matcher has taken it away.
public enum StationInput: Sendable {
  case reading(SensorID, Measure)
  case contact(SensorID, active: Bool)
  case tips(SensorID, count: UInt64)
  /// A person on the watch list was heard.
  case sighting(SensorID, SubjectID, signal: Int8, battery: UInt8?, button: Bool?)
  /// A receiver works.
  case alive(SensorID)
  case fault(SensorID, FaultCause)
  /// A new watch list replaces the old one.
  case watch(WatchPlan)
  /// Nothing happened but time: deadlines fire.
  case timePasses
}
