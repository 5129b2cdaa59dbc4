import Observations
import SensorDrivers

extension ConfigurationReader {
  /// More vendors than a place has, few enough to ask for each advertisement.
  static let mostTagFormats = 16
  /// The longest advertisement of the legacy kind is 31 bytes; extended ones carry more in one structure.
  private static let mostData = 252

  /// `[[tag_format]]`: tags of vendors that the program does not know.
  func readTagFormats(_ reader: TableReader) -> [RawTagRule] {
    var rules: [RawTagRule] = []
    for reader in reader.subtables("tag_format", most: Self.mostTagFormats) {
      let format = readFormatName(reader, taken: rules.map(\.format))
      if let format { reader.rename("tag_format[\(format.name)]") }
      let identity = readIdentity(reader)
      let carrier = readCarrier(reader, identity)
      let (match, mask) = readMatch(reader)
      let button = readButton(reader)
      let battery = readBattery(reader)
      reader.finish()
      checkBreadth(reader, carrier, match)
      guard let format, let carrier, let identity else { continue }
      rules.append(
        RawTagRule(
          format: format, carrier: carrier, match: match, mask: mask, identity: identity, button: button,
          battery: battery))
    }
    declaredFormats = rules
    return rules
  }

  private func readFormatName(_ reader: TableReader, taken: [TagFormat]) -> TagFormat? {
    guard let name = reader.string("name", required: "write a name such as name = \"acme\"") else { return nil }
    guard let format = TagFormat(name: name.value) else {
      reader.error(
        "name", "\(TOMLValue.quoted(name.value)) cannot be the name of a format",
        advice: "use 1 to \(TagFormat.longestName) characters of a-z, 0-9 and hyphens")
      return nil
    }
    if (TagFormat.fixed + TagFormat.rotating).contains(format) {
      reader.error("name", "the format \(name.value) is known already", advice: "choose another name, or remove it")
      return nil
    }
    if taken.contains(format) {
      reader.error("name", "the name \(TOMLValue.quoted(name.value)) is taken", advice: "give each format its own")
      return nil
    }
    return format
  }

  private func readCarrier(_ reader: TableReader, _ identity: RawTagRule.Identity?) -> RawTagRule.Carrier? {
    let company = reader.integer("company", in: 0...0xFFFF)
    let service = reader.integer("service", in: 0...0xFFFF)
    switch (company, service) {
    case (let company?, nil): return .company(UInt16(company))
    case (nil, let service?): return .service(UInt16(service))
    case (.some, .some):
      reader.error("service", "\(reader.path) has both company and service", advice: "keep the one that the tag uses")
      return nil
    case (nil, nil):
      if reader.has("company") || reader.has("service") { return nil }
      if identity == .address { return .anything }
      if identity != nil {
        reader.error(
          "company", "\(reader.path) has neither company nor service",
          advice: "write whose data it is in, such as company = 0x004C or service = 0xFE6F")
      }
      return nil
    }
  }

  private func readIdentity(_ reader: TableReader) -> RawTagRule.Identity? {
    let advice = "write id = { offset = 2, length = 6 }, or id = \"address\" for the radio address"
    guard let value = reader.value("id", required: advice) else { return nil }
    switch value.content {
    case .string("address"):
      return .address
    case .table:
      guard let id = reader.subtable("id") else { return nil }
      let offset = id.integer("offset", in: 0...Self.mostData, required: "count from the first byte behind the number")
      let length = id.integer("length", in: 1...20, required: "write how many bytes tell one tag from another")
      id.finish()
      guard let offset, let length else { return nil }
      if length < 4 {
        id.warning(
          "length", "\(length) bytes tell few tags apart", advice: "take 4 bytes or more, or a stranger is mistaken")
      }
      return .bytes(offset: offset, count: length)
    default:
      reader.error("id", "id = \(value.text) says no place of the identifier", advice: advice)
      return nil
    }
  }

  private func readMatch(_ reader: TableReader) -> (match: [UInt8], mask: [UInt8]?) {
    let match = readBytes(reader, "match")
    let mask = readBytes(reader, "mask")
    if let mask, mask.count != match?.count ?? 0, !reader.has("match") || match != nil {
      reader.error(
        "mask", "mask has \(mask.count) bytes and match has \(match?.count ?? 0)", advice: "write as many as match has")
    }
    if let mask, let match, mask.count == match.count {
      for (index, byte) in match.enumerated() where byte & ~mask[index] != 0 {
        reader.warning(
          "mask", "byte \(index) of match has bits that the mask leaves out",
          advice: "set those bits in the mask, or clear them in match")
        break
      }
    }
    return (match ?? [], mask)
  }

  private func readBytes(_ reader: TableReader, _ key: String) -> [UInt8]? {
    guard let text = reader.string(key, most: 100) else { return nil }
    let digits = text.value.filter { $0 != " " }
    guard let bytes = Hexadecimal.bytes(of: digits.utf8.span, allowingUpperCase: true), (1...32).contains(bytes.count)
    else {
      reader.error(
        key, "\(key) = \(TOMLValue.quoted(text.value)) is not 1 to 32 bytes in hexadecimal",
        advice: "write two digits a byte, such as \"a1 00 07\"")
      return nil
    }
    return bytes
  }

  private func readButton(_ reader: TableReader) -> RawTagRule.Button? {
    guard let button = reader.subtable("button") else { return nil }
    let offset = button.integer("offset", in: 0...Self.mostData, required: "write which byte the button's bit is in")
    let bit = button.integer("bit", in: 0...7, required: "write which bit it is; 0 is the lowest")
    let pressed = button.integer("pressed", in: 0...1) ?? 1
    button.finish()
    guard let offset, let bit else { return nil }
    return RawTagRule.Button(offset: offset, bit: bit, isSetWhenPressed: pressed == 1)
  }

  private func readBattery(_ reader: TableReader) -> RawTagRule.Battery? {
    guard let battery = reader.subtable("battery") else { return nil }
    let offset = battery.integer("offset", in: 0...Self.mostData, required: "write which byte says it")
    let unit = battery.choice("unit", RawTagRule.Battery.Unit.self, required: "write how it is written")
    battery.finish()
    guard let offset, let unit else { return nil }
    return RawTagRule.Battery(offset: offset, unit: unit)
  }

  /// Says when a format would take what belongs to everybody.
  private func checkBreadth(_ reader: TableReader, _ carrier: RawTagRule.Carrier?, _ match: [UInt8]) {
    switch carrier {
    case .company(0x004C) where match.isEmpty:
      reader.warning(
        "company", "0x004C without match is every Apple device", advice: "write match, such as match = \"02 15\"")
    case .service(0xFEAA) where match.isEmpty, .service(0xFE6F) where match.isEmpty:
      reader.warning(
        "service", "this service without match is also that of known formats",
        advice: "write match, or the known ones are no longer recognised")
    case .anything:
      reader.warning(
        "name", "every resolvable address near the board is tried, also those of telephones",
        advice: "write the vendor's company or service if its tags send one")
    default: break
    }
  }
}
