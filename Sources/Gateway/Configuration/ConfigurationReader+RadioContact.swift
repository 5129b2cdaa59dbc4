import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  func readRadioContact(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let receiver = reader.string("receiver", required: "name the sensor with driver = \"hci\" that hears it")
    if let receiver {
      radioContactReceivers.append((sensor: common.id.text, receiver: receiver))
    }
    let tag = readRadioTag(reader, common)
    let silentAfter = reader.duration("silent_after", in: .seconds(5) ... .hours(24)) ?? .seconds(90)
    let unheardAfter = reader.duration("unheard_after", in: .seconds(5) ... .hours(24)) ?? .minutes(10)
    let lowBattery = reader.integer("low_battery", in: 0...80) ?? 10
    if unheardAfter < silentAfter {
      reader.error(
        "unheard_after", "unheard_after = \"\(unheardAfter.configured)\" is shorter than silent_after",
        advice: "write at least \"\(silentAfter.configured)\"; \"10m\" is usual")
    }
    guard let receiver, let tag, let quantity = common.quantity else { return nil }
    let contact = RadioContact(
      sensor: common.id, tag: tag, silentAfter: silentAfter, unheardAfter: unheardAfter,
      lowBattery: UInt8(lowBattery))
    let plan = SensorPlan(id: common.id, name: common.name, quantity: quantity, position: common.position)
    return SensorSettings(
      plan: plan, driver: .radioContact(RadioContactSettings(receiver: SensorID(receiver.value), contact: contact)))
  }

  private func readRadioTag(_ reader: TableReader, _ common: CommonSensorKeys) -> TagIdentifier? {
    guard
      let tag = reader.subtable("tag", required: "write tag = { format = \"ibeacon\", id = \"…\" }")
    else { return nil }
    let words = (TagFormat.fixed + declaredFormats.map(\.format)).map { ($0.name, $0) }
    let format = tag.choice("format", words: words, required: "write how the sensor sends, such as \"ibeacon\"")
    let text = tag.string("id", most: 80, required: "write its identifier in hexadecimal")
    tag.finish()
    guard let format, let text else { return nil }
    let rule = declaredFormats.first { $0.format == format }
    let length = rule.map(Self.identifierLength) ?? format.identifierLength ?? 0
    let digits = text.value.filter { $0 != "-" && $0 != ":" && $0 != " " }
    let found = Hexadecimal.bytes(of: digits.utf8.span, allowingUpperCase: true).flatMap { bytes in
      bytes.count == length ? TagIdentifier(format: format, bytes: bytes.span) : nil
    }
    guard let found else {
      tag.error(
        "id", "\(TOMLValue.quoted(text.value)) is no identifier of \(format.name)",
        advice: "write \(2 * length) hexadecimal digits")
      return nil
    }
    if let other = declaredRadioTags.updateValue(common.id.text, forKey: found) {
      tag.error("id", "\(other) has the same tag", advice: "give each sensor its own tag")
    }
    return found
  }

  /// How many bytes the identifiers of a configured format have.
  private static func identifierLength(_ rule: RawTagRule) -> Int {
    switch rule.identity {
    case .bytes(_, let count): count
    case .address: 6
    }
  }

  /// Whether the receivers that radio contacts name are receivers. After all sensors are read.
  func checkRadioContacts() {
    for (sensor, receiver) in radioContactReceivers {
      let key = "sensor[\(sensor)].receiver"
      let receivers = declaredSensors.filter { $0.value.quantity == .beacon }.keys.sorted()
      guard receivers.contains(receiver.value) else {
        let near = NearestName.find(receiver.value, among: receivers).map { "did you mean \(TOMLValue.quoted($0))? " }
        problems.error(
          key, at: receiver.position, "there is no receiver \(TOMLValue.quoted(receiver.value))",
          advice: "\(near ?? "")name a sensor with driver = \"hci\": \(Self.list(receivers))")
        continue
      }
      declaredSensors[receiver.value]?.isNamedByRule = true
    }
  }
}
