/// What a sensor measures.
public enum Quantity: String, Sendable, Codable, CaseIterable {
  /// Stage above the gauge's zero, in metres.
  case waterLevel = "water_level"
  /// Precipitation, in millimetres.
  case rain
  /// Wet or dry.
  case floodContact = "flood_contact"
  /// Radio sightings of tags, in dBm.
  case beacon
  /// Temperature, in degrees Celsius.
  case temperature
  /// Electric potential, in volts.
  case voltage

  /// The unit's symbol as published; empty for a contact.
  public var unit: String {
    switch self {
    case .waterLevel: "m"
    case .rain: "mm"
    case .floodContact: ""
    case .beacon: "dBm"
    case .temperature: "°C"
    case .voltage: "V"
    }
  }

  /// How many decimals a value of this quantity carries: values are rounded to them before anything compares them.
  public var decimals: Int {
    switch self {
    case .waterLevel: 3
    case .rain, .temperature: 1
    case .voltage: 2
    case .floodContact, .beacon: 0
    }
  }
}
