import Alerts
import Observations

extension ConfigurationReader {
  func readBoard(_ reader: TableReader) -> BoardSettings? {
    let id = reader.identifier("id", required: "write a name such as id = \"river-042\"")
    let name = reader.string("name", most: 80, required: "write what people call this board")
    let municipality = readMunicipality(reader)
    let position = reader.subtable(
      "position", required: "write position = { latitude = 35.0, longitude = 135.0 } in degrees"
    ).flatMap(readPosition)
    let timezone = readTimeZone(reader)
    let languages = readLanguages(reader)
    let groups = readGroups(reader)
    let contact = reader.string("contact")
    let state = reader.string("state", most: 1000)
    if let state, !state.value.hasPrefix("/") {
      reader.error(
        "state", "state = \(TOMLValue.quoted(state.value)) is not an absolute path", advice: "begin it with a slash")
    }
    reader.finish()
    guard let id, let name, let municipality, let position else { return nil }
    return BoardSettings(
      id: id.value, name: name.value, municipality: municipality, position: position, timezone: timezone,
      languages: languages, groups: groups, contact: contact?.value, stateFolder: state?.value ?? "/var/lib/mimamori")
  }

  /// A board belongs to a few groups: a river, a district, a maker.
  private static let mostGroups = 8

  private func readGroups(_ reader: TableReader) -> [String] {
    guard reader.has("groups") else {
      reader.know("groups")
      return []
    }
    var groups: [String] = []
    for group in reader.strings("groups", most: Self.mostGroups) {
      if !WatchListEntry.isIdentifier(group.value) {
        problems.error(
          reader.name("groups"), at: group.position, "\(TOMLValue.quoted(group.value)) cannot name a group",
          advice: "use 1 to 40 characters of a-z, 0-9 and hyphens")
      } else {
        groups.append(group.value)
      }
    }
    return groups
  }

  func readPosition(_ reader: TableReader) -> Position? {
    let latitude = reader.number("latitude", in: -90...90, required: "write degrees, north positive")
    let longitude = reader.number("longitude", in: -180...180, required: "write degrees, east positive")
    reader.finish()
    guard let latitude, let longitude else { return nil }
    return Position(latitude: latitude, longitude: longitude)
  }

  /// The code of a municipality: two digits of the prefecture (JIS X 0401), three of the municipality and a check digit
  /// (JIS X 0402).
  private func readMunicipality(_ reader: TableReader) -> String? {
    guard
      let located = reader.string(
        "municipality", required: "write the six digits of the municipality between quotation marks")
    else { return nil }
    let quoted = TOMLValue.quoted(located.value)
    let digits = located.value.utf8.map { Int($0) - Int(UInt8(ascii: "0")) }
    guard digits.count == 6, digits.allSatisfy((0...9).contains) else {
      reader.error(
        "municipality", "municipality = \(quoted) is not six digits",
        advice: "write the five digits of the code and its check digit, such as \"282103\"")
      return nil
    }
    guard (1...47).contains(digits[0] * 10 + digits[1]) else {
      reader.error(
        "municipality", "municipality = \(quoted) begins with no prefecture",
        advice: "the first two digits are 01 to 47")
      return nil
    }
    let check = Self.checkDigit(Array(digits[..<5]))
    guard digits[5] == check else {
      let code = located.value.prefix(5)
      reader.error(
        "municipality", "municipality = \(quoted) has a wrong check digit",
        advice: "look the code up again; if \(code) is right, write \"\(code)\(check)\"")
      return nil
    }
    return located.value
  }

  /// The check digit of five digits: 11 minus the remainder by 11 of their sum weighted 6, 5, 4, 3, 2; its last digit.
  static func checkDigit(_ digits: [Int]) -> Int {
    let sum = zip(digits, [6, 5, 4, 3, 2]).reduce(0) { $0 + $1.0 * $1.1 }
    return (11 - sum % 11) % 10
  }

  private func readTimeZone(_ reader: TableReader) -> String {
    guard let located = reader.string("timezone", most: 64) else { return "Asia/Tokyo" }
    do throws(TimeZoneTableError) {
      _ = try TimeZoneTable.offsets(of: located.value)
    } catch {
      let advice =
        switch error.reason {
        case .unknownName: "write a name of the IANA database such as \"Asia/Tokyo\""
        case .unreadable: "install the package tzdata"
        }
      reader.error("timezone", "\(error)", advice: advice)
    }
    return located.value
  }

  /// The languages that the catalogue of texts has.
  static let knownLanguages = Formats.languages

  private func readLanguages(_ reader: TableReader) -> [String] {
    guard reader.has("languages") else {
      reader.know("languages")
      return ["ja"]
    }
    let languages = reader.strings("languages", most: Self.knownLanguages.count)
    for language in languages where !Self.knownLanguages.contains(language.value) {
      problems.error(
        reader.name("languages"), at: language.position,
        "there are no texts in the language \(TOMLValue.quoted(language.value))",
        advice: "choose of \(Self.knownLanguages.joined(separator: ", "))")
    }
    return languages.map(\.value)
  }
}
