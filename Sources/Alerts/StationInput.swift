public import Observations

/// All that the station ever hears. A tag's identifier is not among it: the tag matcher has taken it away.
public enum StationInput: Sendable {
  case reading(SensorID, Measure)
  case contact(SensorID, active: Bool)
  case tips(SensorID, count: UInt64)
  /// A person on the watch list was heard.
  case sighting(SensorID, SubjectID, signal: Int8, battery: UInt8?, button: Bool?)
  /// Where the board is at this moment.
  case position(SensorID, PositionFix)
  /// A receiver works.
  case alive(SensorID)
  case fault(SensorID, FaultCause)
  /// Whether an output can be switched: why not, or nil where it can.
  case output(OutputID, FaultCause?)
  /// What is wrong with the gateway's own ledger: `ledgerDamaged`, `ledgerUnwritable` or
  /// `storageReserve`; nil: it can be written.
  case ledger(FaultCause?)
  /// How long a certificate lasts: `certificateExpiring` or `certificateExpired`; nil: long enough.
  case certificate(BoardCertificate, FaultCause?)
  /// A new watch list replaces the old one.
  case watch(WatchPlan)
  /// An authority's command, or what a recording holds of one.
  case command(Command)
  /// Nothing happened but time: deadlines fire.
  case timePasses
}
