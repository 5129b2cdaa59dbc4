/// What a sensor measures.
public enum Quantity: String, Sendable, Codable, CaseIterable {
  /// Stage above the gauge's zero, in metres.
  case waterLevel = "water_level"
  /// Precipitation, in millimetres.
  case rain
  /// Wet or dry.
  case floodContact = "flood_contact"
  /// A contact that tells nothing of water: an enclosure's door, the mains, a button.
  case contact
  /// Radio sightings of tags, in dBm.
  case beacon
  /// Temperature, in degrees Celsius.
  case temperature
  /// Electric potential, in volts.
  case voltage
  /// What is left in a battery, in percent.
  case batteryCharge = "battery_charge"
  /// What is free of a disk, in percent.
  case storageFree = "storage_free"
  /// What is free of the memory, in percent.
  case memoryFree = "memory_free"
  /// Where a moving board is: told with what it passes, never as a reading of its own.
  case position

  /// The unit's symbol as published; empty for a contact.
  public var unit: String {
    switch self {
    case .waterLevel: "m"
    case .rain: "mm"
    case .floodContact, .contact: ""
    case .beacon: "dBm"
    case .temperature: "°C"
    case .voltage: "V"
    case .batteryCharge, .storageFree, .memoryFree: "%"
    case .position: ""
    }
  }

  /// How many decimals a value of this quantity carries: values are rounded to them before anything compares them.
  public var decimals: Int {
    switch self {
    case .waterLevel: 3
    case .rain, .temperature, .batteryCharge, .storageFree, .memoryFree: 1
    case .voltage: 2
    case .floodContact, .contact, .beacon, .position: 0
    }
  }

  /// Whether its sensors say numbers, poll by poll.
  public var isMeasured: Bool {
    switch self {
    case .waterLevel, .temperature, .voltage, .batteryCharge, .storageFree, .memoryFree: true
    case .rain, .floodContact, .contact, .beacon, .position: false
    }
  }

  /// Whether its sensors are contacts: they are active or not, and have no numbers.
  public var isContact: Bool { self == .floodContact || self == .contact }
}
