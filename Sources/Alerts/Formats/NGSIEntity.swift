import Observations

/// How and as what measures go to a FIWARE IoT Agent: the `[fiware]` table without its key.
public struct FIWAREFormat: Sendable, Hashable {
  /// What a payload looks like.
  public enum Representation: String, Sendable, CaseIterable {
    /// NGSIv2 key values on a single level: the agent's `payloadType` `iotagent`.
    case keyValues = "ngsi-v2"
    /// NGSI-LD, normalized: the agent's `payloadType` `ngsild`.
    case linkedData = "ngsi-ld"
  }

  /// As which Smart Data Model a water level is told.
  public enum LevelModel: String, Sendable, CaseIterable {
    case floodMonitoring = "FloodMonitoring"
    /// Needs a place, which a single level cannot hold: linked data only.
    case waterObserved = "WaterObserved"
  }

  public let representation: Representation
  public let levelModel: LevelModel

  public init(representation: Representation, levelModel: LevelModel = .floodMonitoring) {
    self.representation = representation
    self.levelModel = levelModel
  }
}

/// One entity of a context broker, as the IoT Agent for JSON takes it as a measure.
struct NGSIEntity {
  enum Value {
    case text(String)
    case number(Measure, unitCode: String?)
    case count(Int)
    case point(Position)
  }

  let type: String
  /// What is unique within the type: `<gateway>_<sensor>` or an alert's id.
  let name: String
  /// As written: `TimeInstant`, by the agent's own name for the time of a measure.
  let instant: String
  /// The same in UTC, as NGSI-LD wants it (ETSI GS CIM 009, section 4.6.3).
  let observedAt: String
  /// The folder of the data model that the type belongs to.
  let model: String
  private(set) var attributes: [(name: String, value: Value)] = []

  init(type: String, name: String, instant: String, observedAt: String, model: String) {
    self.type = type
    self.name = name
    self.instant = instant
    self.observedAt = observedAt
    self.model = model
  }

  var id: String { "urn:ngsi-ld:\(type):\(name)" }

  mutating func set(_ name: String, _ text: String?) {
    if let text, !text.isEmpty { attributes.append((name, .text(Self.safe(text)))) }
  }

  mutating func set(_ name: String, _ number: Measure?, unitCode: String? = nil) {
    if let number { attributes.append((name, .number(number, unitCode: unitCode))) }
  }

  mutating func set(_ name: String, count: Int?) {
    if let count { attributes.append((name, .count(count))) }
  }

  mutating func set(_ name: String, _ position: Position?) {
    if let position { attributes.append((name, .point(position))) }
  }

  /// Orion refuses `< > " ' = ; ( )` in ids and values: their full-width forms say the same. Control characters become
  /// spaces.
  static func safe(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "<", ">", "\"", "'", "=", ";", "(", ")":
        scalars.append(Unicode.Scalar(scalar.value + 0xFEE0) ?? scalar)
      case "\u{0}"..."\u{1F}", "\u{7F}": scalars.append(" ")
      default: scalars.append(scalar)
      }
    }
    return String(scalars)
  }

  func bytes(_ representation: FIWAREFormat.Representation) -> [UInt8] {
    var json = JSONWriter(capacity: 1024)
    json.beginObject()
    switch representation {
    case .keyValues:
      json.member("TimeInstant", instant)
      json.member("id", id)
      json.member("type", type)
      for (name, value) in attributes { writeKeyValue(name, value, into: &json) }
    case .linkedData:
      json.member("id", id)
      json.member("type", type)
      for (name, value) in attributes { writeProperty(name, value, into: &json) }
      json.key("@context")
      json.beginArray()
      json.string("https://raw.githubusercontent.com/smart-data-models/\(model)/master/context.jsonld")
      json.string("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld")
      json.endArray()
    }
    json.endObject()
    return json.bytes
  }

  /// A single level holds texts and numbers; a place is the device's static attribute at the agent.
  private func writeKeyValue(_ name: String, _ value: Value, into json: inout JSONWriter) {
    switch value {
    case .text(let text): json.member(name, text)
    case .number(let number, _): json.member(name, number)
    case .count(let count): json.member(name, count)
    case .point: break
    }
  }

  private func writeProperty(_ name: String, _ value: Value, into json: inout JSONWriter) {
    json.key(name)
    json.beginObject()
    if case .point(let position) = value {
      json.member("type", "GeoProperty")
      json.key("value")
      json.beginObject()
      json.member("type", "Point")
      json.key("coordinates")
      json.beginArray()
      json.rounded(position.longitude, decimals: 7)
      json.rounded(position.latitude, decimals: 7)
      json.endArray()
      json.endObject()
    } else {
      json.member("type", "Property")
      switch value {
      case .text(let text): json.member("value", text)
      case .count(let count): json.member("value", count)
      case .number(let number, let unitCode):
        json.member("value", number)
        if let unitCode { json.member("unitCode", unitCode) }
      case .point: break
      }
      json.member("observedAt", observedAt)
    }
    json.endObject()
  }
}
