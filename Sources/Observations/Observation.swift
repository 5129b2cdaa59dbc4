/// What a driver says about the world, in the words that all rooms share.
public enum Observation: Sendable, Hashable {
  /// A value in the sensor's unit, scaled and rounded, not yet conditioned.
  case reading(SensorID, Measure)
  /// A contact: `active` is wet, pressed or open, as the sensor's wiring says.
  case contact(SensorID, active: Bool)
  /// The tips of a tipping bucket since counting began; never falls.
  case tips(SensorID, count: UInt64)
  /// A tag heard by a receiver. Holds the tag's identifier in the clear: it goes to the tag matcher and nowhere else.
  case sighting(SensorID, TagSighting)
  /// Where a moving board is. At most about one a second.
  case position(SensorID, PositionFix)
  /// A receiver shows that it works, whether or not it heard a tag. At most about one a second.
  case alive(SensorID)
  /// The sensor cannot say anything that may be believed.
  case fault(SensorID, FaultCause)
}

/// An observation and when it was made on the boot's monotonic clock.
public struct TimedObservation: Sendable, Hashable {
  public let time: MonotonicTime
  public let observation: Observation

  public init(time: MonotonicTime, observation: Observation) {
    self.time = time
    self.observation = observation
  }
}

/// What a tag calls itself, in the clear: its format and 1 to 20 bytes.
///
/// Deliberately without a description: it must not reach a log, a file or the wire.
public struct TagIdentifier: Sendable, Hashable {
  public let format: TagFormat
  /// How many of the 20 bytes count.
  public let count: UInt8
  private let first: UInt64
  private let second: UInt64
  private let third: UInt32

  /// Returns nil unless there are 1 to 20 bytes.
  public init?(format: TagFormat, bytes: Span<UInt8>) {
    guard (1...20).contains(bytes.count) else { return nil }
    self.format = format
    self.count = UInt8(bytes.count)
    func word(_ start: Int, _ length: Int) -> UInt64 {
      var word: UInt64 = 0
      for index in start..<start + length {
        word = word << 8 | (index < bytes.count ? UInt64(bytes[index]) : 0)
      }
      return word
    }
    first = word(0, 8)
    second = word(8, 8)
    third = UInt32(truncatingIfNeeded: word(16, 4))
  }

  /// The byte at `index`, which is below `count`.
  public func byte(_ index: Int) -> UInt8 {
    precondition(index >= 0 && index < Int(count), "A tag identifier has \(count) bytes")
    switch index {
    case 0..<8: return UInt8(truncatingIfNeeded: first >> (56 - 8 * UInt64(index)))
    case 8..<16: return UInt8(truncatingIfNeeded: second >> (56 - 8 * UInt64(index - 8)))
    default: return UInt8(truncatingIfNeeded: third >> (24 - 8 * UInt32(index - 16)))
    }
  }
}

/// One advertisement of a tag as one receiver heard it.
public struct TagSighting: Sendable, Hashable {
  public let tag: TagIdentifier
  /// Received signal strength in dBm, -127 to +20.
  public let signal: Int8
  /// The tag's battery in percent, where its advertisement says so.
  public let battery: UInt8?
  /// Whether the tag's button is pressed, where its advertisement says so.
  public let button: Bool?

  public init(tag: TagIdentifier, signal: Int8, battery: UInt8? = nil, button: Bool? = nil) {
    self.tag = tag
    self.signal = signal
    self.battery = battery
    self.button = button
  }
}

/// A place on Earth in WGS 84 degrees.
public struct Position: Sendable, Hashable, Codable {
  /// -90 to 90, north positive.
  public let latitude: Double
  /// -180 to 180, east positive.
  public let longitude: Double

  public init(latitude: Double, longitude: Double) {
    self.latitude = latitude
    self.longitude = longitude
  }
}
