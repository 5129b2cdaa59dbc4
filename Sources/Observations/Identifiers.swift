/// The name of one thing of the configuration: 1 to 40 characters of `a-z`, `0-9` and hyphens.
///
/// `Named` only tells the kinds of names apart, so that a place can never be passed where a sensor is meant.
public struct Identifier<Named>: Hashable, Sendable, Codable, CustomStringConvertible, ExpressibleByStringLiteral {
  /// The name as configured; a part of MQTT topics.
  public let text: String

  /// Takes `text` as it is: the configuration has checked it.
  public init(_ text: String) {
    self.text = text
  }

  public init(stringLiteral value: String) {
    self.init(value)
  }

  public init(from decoder: any Decoder) throws {
    self.init(try decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  public var description: String { text }
}

/// Tells the names of sensors apart from others.
public enum SensorName {}
/// Tells the names of places apart from others.
public enum PlaceName {}
/// Tells the names of outputs apart from others.
public enum OutputName {}
/// Tells the names of serial ports apart from others.
public enum PortName {}
/// Tells the pseudonyms of persons apart from others.
public enum SubjectName {}

/// Names a `[[sensor]]` of the configuration.
public typealias SensorID = Identifier<SensorName>
/// Names a `[[place]]` where people are watched over.
public typealias PlaceID = Identifier<PlaceName>
/// Names an `[[output]]`: a siren, a lamp, a relay.
public typealias OutputID = Identifier<OutputName>
/// Names a `[serial.…]` port.
public typealias PortID = Identifier<PortName>
/// The city's pseudonym of a person: at least 96 random bits in hexadecimal. Never a tag's identifier, never a name.
public typealias SubjectID = Identifier<SubjectName>
