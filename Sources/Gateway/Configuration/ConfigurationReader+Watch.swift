import Alerts
import Observations

extension ConfigurationReader {
  func readAuthorities(_ reader: TableReader) -> [AuthoritySettings] {
    var seen: Set<String> = []
    return reader.subtables("authority", most: Self.mostAuthorities).compactMap { reader in
      let keyID = readKeyID(reader)
      if let keyID {
        reader.rename("authority[\(keyID.value)]")
        if !seen.insert(keyID.value).inserted {
          reader.error("kid", "kid = \(TOMLValue.quoted(keyID.value)) is taken", advice: "give each key its own kid")
        }
      }
      let publicKeyFile = file(reader, "public_key_file", required: "name the file of the public key")
      let rights = readRights(reader)
      reader.finish()
      guard let keyID, let publicKeyFile else { return nil }
      return AuthoritySettings(keyID: keyID.value, publicKeyFile: publicKeyFile, rights: rights)
    }
  }

  private func readKeyID(_ reader: TableReader) -> Located<String>? {
    guard let located = reader.string("kid", most: 64, required: "write the name of the key") else { return nil }
    guard located.value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      reader.error(
        "kid", "kid = \(TOMLValue.quoted(located.value)) cannot name a key",
        advice: "use ASCII letters, digits and punctuation, without spaces")
      return nil
    }
    return located
  }

  private func readRights(_ reader: TableReader) -> Set<AuthoritySettings.Right> {
    let known = AuthoritySettings.Right.allCases.map(\.rawValue)
    let words = reader.strings("may", most: known.count, required: "list what it may do, such as [\"watchlist\"]")
    var rights: Set<AuthoritySettings.Right> = []
    for word in words {
      if let right = AuthoritySettings.Right(rawValue: word.value) {
        rights.insert(right)
        continue
      }
      let near = NearestName.find(word.value, among: known).map { "did you mean \(TOMLValue.quoted($0))? " } ?? ""
      problems.error(
        reader.name("may"), at: word.position, "there is no right \(TOMLValue.quoted(word.value))",
        advice: "\(near)known: \(known.joined(separator: ", "))")
    }
    return rights
  }

  func readWatchlist(_ reader: TableReader, authorities: [AuthoritySettings]) -> WatchlistSettings? {
    let group = reader.identifier("group", required: "write the name of the group whose list this board takes")
    var tagKeys: [WatchlistSettings.TagKey] = []
    if let keys = reader.subtable("tag_keys", required: "write tag_keys = { \"2026-11\" = \"file of the key\" }") {
      for entry in keys.table.entries {
        guard let reference = file(keys, entry.key) else { continue }
        tagKeys.append(WatchlistSettings.TagKey(keyID: entry.key, file: reference))
      }
      if !(1...2).contains(keys.table.entries.count) {
        reader.error(
          "tag_keys", "there are \(keys.table.entries.count) tag keys",
          advice: "name one, or two while a key is rotated")
      }
    }
    let resolverKeys = file(reader, "resolver_keys")
    let list = file(reader, "file")
    if !authorities.contains(where: { $0.rights.contains(.watchlist) }) {
      problems.warning(
        "watchlist", at: reader.table.position, "no authority may sign a watch list, so that any will be refused",
        advice: "add an [[authority]] with may = [\"watchlist\"]")
    }
    let fetchWithin = reader.duration("fetch_within", in: .zero ... .minutes(15)) ?? .minutes(15)
    let lowBattery = reader.integer("battery_low", in: 5...60).map { UInt8($0) }
    reader.finish()
    return group.map {
      WatchlistSettings(
        group: $0.value, tagKeys: tagKeys, resolverKeys: resolverKeys, file: list, fetchWithin: fetchWithin,
        lowBattery: lowBattery ?? WatchlistSettings.usualLowBattery)
    }
  }

  func readPlaces(_ reader: TableReader) -> [PlaceRule] {
    var seen: Set<String> = []
    var apart: [(reader: TableReader, place: String?, others: [Located<String>])] = []
    let places = reader.subtables("place", most: Self.mostPlaces).compactMap { reader in
      let id = reader.identifier("id", required: "write a name such as id = \"school-gate\"")
      if let id {
        reader.rename("place[\(id.value)]")
        if !seen.insert(id.value).inserted {
          reader.error("id", "the id \(TOMLValue.quoted(id.value)) is taken", advice: "give each place its own")
        }
      }
      let others = reader.strings("apart_from", most: 16)
      apart.append((reader, id?.value, others))
      return readPlace(reader, id: id, apartFrom: others)
    }
    for (reader, place, others) in apart {
      for other in others where other.value == place || !seen.contains(other.value) {
        let near = NearestName.find(other.value, among: seen.filter { $0 != place }.sorted())
        problems.error(
          reader.name("apart_from"), at: other.position, "there is no other place \(TOMLValue.quoted(other.value))",
          advice: near.map { "did you mean \(TOMLValue.quoted($0))?" } ?? "name a [[place]] of this gateway")
      }
    }
    return places
  }

  private func readPlace(
    _ reader: TableReader, id: Located<String>?, apartFrom: [Located<String>]
  ) -> PlaceRule? {
    let name = reader.string("name", most: 80, required: "write what people call the place")
    let sensors = reader.strings("sensors", most: 16, required: "name its receivers, such as [\"gate-north\"]")
    for sensor in sensors {
      _ = declaredSensor(sensor, of: reader, key: "sensors", quantity: .beacon, rule: "a place")
    }
    let enter = reader.integer("enter", in: -127...20, required: "write a signal strength in dBm, such as -75")
    let leave = reader.integer("leave", in: -127...20, required: "write a signal strength in dBm, such as -85")
    if let enter, let leave { checkThresholds(reader, enter: enter, leave: leave) }
    let positionSensor = reader.string("position_from")
    if let positionSensor {
      _ = declaredSensor(positionSensor, of: reader, key: "position_from", quantity: .position, rule: "position_from")
    }
    // A vehicle drives by within some seconds.
    var count: Int? = positionSensor == nil ? 3 : 2
    var of: Int? = 5
    if let sightings = reader.subtable("sightings") {
      of = sightings.integer("of", in: 1...20, required: "write of how many sightings, such as of = 5")
      count = sightings.integer("count", in: 1...20, required: "write how many must be strong, such as count = 3")
      if let count, let of, count > of {
        sightings.error("count", "\(count) of \(of) sightings can never be", advice: "write a count of at most \(of)")
      }
      sightings.finish()
    }
    let dwell = reader.duration("dwell", in: .zero ... .hours(1)) ?? (positionSensor == nil ? .seconds(10) : .zero)
    let passages = reader.boolean("passages")
    if passages != nil, positionSensor != nil {
      reader.error(
        "passages", "passages beside position_from",
        advice: "leave it out: a place that moves tells nothing but passages")
    }
    let writtenGoneAfter = reader.duration("gone_after", in: .seconds(1) ... .hours(24))
    if let writtenGoneAfter { checkGoneAfter(reader, writtenGoneAfter, isMoving: positionSensor != nil) }
    let goneAfter = writtenGoneAfter ?? .seconds(60)
    reader.finish()
    guard let id, let name, let enter, let leave, let count, let of else { return nil }
    return PlaceRule(
      id: PlaceID(id.value), name: name.value, sensors: sensors.map { SensorID($0.value) }, enter: Int8(enter),
      leave: Int8(leave), sightingsCount: count, sightingsOf: of, dwell: dwell, goneAfter: goneAfter,
      positionSensor: positionSensor.map { SensorID($0.value) }, passages: passages ?? false,
      apartFrom: apartFrom.map { PlaceID($0.value) })
  }

  /// At a place that stands still a tag is often covered for a minute; a vehicle drives by and nobody leaves it.
  private func checkGoneAfter(_ reader: TableReader, _ span: TimeSpan, isMoving: Bool) {
    if span < .seconds(10) {
      reader.warning(
        "gone_after", "gone_after = \"\(span.configured)\" is shorter than a few missed advertisements",
        advice: "write at least \"10s\", or persons leave and arrive all the time")
    } else if span < .seconds(90), !isMoving {
      reader.warning(
        "gone_after", "gone_after = \"\(span.configured)\" is shorter than a bag or a body often covers a tag",
        advice: "write at least \"90s\", or who stays is told as gone and come again")
    }
  }

  /// The signal of a resting tag scatters by some 6 dB: closer thresholds than 8 dB make it come and go.
  private func checkThresholds(_ reader: TableReader, enter: Int, leave: Int) {
    if leave >= enter {
      reader.error(
        "leave", "leave = \(leave) is not below enter = \(enter)",
        advice: "write leave at least 10 dB below enter, such as \(max(-127, enter - 10))")
    } else if enter - leave < 8 {
      reader.warning(
        "leave", "leave = \(leave) is only \(enter - leave) dB below enter = \(enter)",
        advice: "keep them 8 to 10 dB apart, or a person who stands still comes and goes")
    }
  }
}
