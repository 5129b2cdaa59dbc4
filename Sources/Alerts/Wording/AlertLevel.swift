/// The five alert levels of the system in force since May 2026, as far as a sensor may name them: by their number.
///
/// The name of a level belongs to those who announce it; a step of a ladder is only equivalent to one.
enum AlertLevel: Int, CaseIterable, Sendable {
  case one = 1
  case two, three, four, five

  /// What the weather service calls its information of this level since May 2026, in its own words: after the hazard, as in
  /// レベル4大雨危険警報. For a dashboard's legend; no message of the gateway bears it.
  var authoritiesName: String {
    switch self {
    case .one: "早期注意情報"
    case .two: "注意報"
    case .three: "警報"
    case .four: "危険警報"
    case .five: "特別警報"
    }
  }

  /// `#RRGGBB`, as the Cabinet Office chose them for people of every colour vision: white, yellow, red, purple, black.
  var color: String {
    switch self {
    case .one: "#FFFFFF"
    case .two: "#F2E700"
    case .three: "#FF2800"
    case .four: "#AA00AA"
    case .five: "#0C000C"
    }
  }
}

extension Formats {
  /// The member `levels`: what a dashboard draws a threshold with.
  func writeLevels(into json: inout JSONWriter) {
    json.key("levels")
    json.beginArray()
    for level in AlertLevel.allCases {
      json.beginObject()
      json.member("level", level.rawValue)
      json.member("color", level.color)
      json.key("name")
      json.beginArray()
      for (language, name) in wording.names(of: level) {
        json.beginObject()
        json.member("language", language)
        json.member("text", name)
        json.endObject()
      }
      json.endArray()
      json.member("authorities_name", level.authoritiesName)
      json.endObject()
    }
    json.endArray()
  }
}
