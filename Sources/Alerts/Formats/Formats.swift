public import Observations

/// From the station's values to the bytes that are published. Formatting has no state: equal values give equal bytes.
///
/// Members stand in the contract's order; a member without a value is null, never left out.
public struct Formats: Sendable {
  /// What was given to `init`.
  public let context: FormatContext
  let wording: Wording
  private let sensors: [SensorID: SensorPlan]
  private let placeNames: [PlaceID: String]

  /// Cheap: a reload makes a new one.
  public init(_ context: FormatContext) {
    self.context = context
    wording = Wording(
      languages: context.languages, contact: context.contact, zone: context.zone,
      names: Dictionary(context.plan.sensors.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first }))
    sensors = Dictionary(context.plan.sensors.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    placeNames = Dictionary(context.plan.places.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
  }

  /// The languages that the catalogue is complete in.
  public static var languages: [String] { Catalogue.languages }

  /// Where the sensor is: its own place, else the board's.
  func position(of sensor: SensorID) -> Position? {
    sensors[sensor]?.position ?? context.position
  }

  func plan(of sensor: SensorID) -> SensorPlan? { sensors[sensor] }

  /// What a sensor measures; nil where it is not configured.
  public func quantity(of sensor: SensorID) -> Quantity? { sensors[sensor]?.quantity }

  func name(of place: PlaceID) -> String { placeNames[place] ?? place.text }

  func text(_ time: WallTime) -> String { time.rfc3339(in: context.zone) }
}

extension JSONWriter {
  /// What lets a receiver order and correct what an unsynchronized clock stamped.
  mutating func clockMembers(boot: String, _ moment: Moment) {
    member("boot", boot)
    member("uptime", seconds: TimeSpan(nanoseconds: moment.monotonic.nanoseconds))
    member("clock", moment.clock.rawValue)
  }
}
