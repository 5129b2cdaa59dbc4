import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  func readGPIO(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let line = readLineReference(reader, owner: common.id.text)
    let bias = reader.choice("bias", GPIOBias.self) ?? .asIs
    let debounce = reader.duration("debounce", in: .zero ... .seconds(5)) ?? .milliseconds(50)
    let kind: GPIOSensorSettings.Kind?
    var tip: Measure?
    switch common.quantity {
    case .floodContact, .contact:
      let supervision = readSupervision(reader, contact: line, owner: common.id.text)
      let isSupervised = reader.has("supervision")
      kind = readActiveState(reader, common.quantity).flatMap {
        isSupervised && supervision == nil ? nil : .floodContact(wet: $0, supervision: supervision)
      }
    case .rain:
      // Funnels come with tips of 0.1 to 1 mm; a tenth is also the finest that rain is published in.
      tip = reader.number("tip", in: 0.1...10, required: "write the millimetres of one tip, such as tip = 0.5")
        .map { Measure(thousandths: Int64(($0 * 1000).rounded())) }
      let interval = readTipInterval(reader, debounce: debounce)
      kind = tip.map { .rain(tip: $0, minimumInterval: interval) }
    default:
      reader.know("wet", "active", "tip", "supervision", "max_tips_per_second")
      kind = nil
    }
    guard let line, let kind, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, tip: tip, position: common.position)
    let settings = GPIOSensorSettings(line: line, bias: bias, debounce: debounce, kind: kind)
    return SensorSettings(plan: plan, driver: .gpio(settings))
  }

  /// In which position a contact tells what it is there for.
  func readActiveState(_ reader: TableReader, _ quantity: Quantity?) -> GPIOSensorSettings.ContactState? {
    guard quantity == .contact else {
      return reader.choice(
        "wet", GPIOSensorSettings.ContactState.self,
        required: "write \"closed\" if the contact closes (a bit is 1) when wet, or \"open\"")
    }
    return reader.choice(
      "active", GPIOSensorSettings.ContactState.self,
      required:
        "write \"open\" if the contact opens when the door is open, the mains are gone or the button is pressed,"
        + " or \"closed\"")
  }

  /// From one tip to the next at `max_tips_per_second`.
  private func readTipInterval(_ reader: TableReader, debounce: TimeSpan) -> TimeSpan {
    // Far more than a bucket can do, and slow enough to see a contact that bounces for long.
    let usual = TimeSpan.milliseconds(25)
    guard let most = reader.number("max_tips_per_second", in: 0.01...50) else { return usual }
    let interval = TimeSpan(nanoseconds: Int64((1e9 / most).rounded()))
    // A tip is a closing and an opening, and each must last for the debounce time to be seen.
    if interval < debounce * 2 {
      reader.error(
        "max_tips_per_second", "\(most) tips a second cannot be seen through a debounce of \(debounce.configured)",
        advice: "lower one of the two: a tip's closing and its opening must each outlast the debounce")
    }
    return interval
  }

  /// The second line of a contact whose cable is watched.
  private func readSupervision(
    _ reader: TableReader, contact: GPIOLineReference?, owner: String
  ) -> GPIOSensorSettings.Supervision? {
    guard let reader = reader.subtable("supervision") else { return nil }
    let line = readLineReference(reader, owner: "\(owner)'s supervision", chip: contact?.chip)
    let wiring = reader.choice(
      "wiring", SupervisedContact.Wiring.self,
      required: "write \"changeover\" for the contact's other throw, or \"end-of-line\" for a loop that is watched")
    let transition = reader.duration("transition", in: .milliseconds(10) ... .minutes(1)) ?? .seconds(1)
    reader.finish()
    guard let line, let wiring else { return nil }
    return GPIOSensorSettings.Supervision(line: line.line, wiring: wiring, transition: transition)
  }

  /// The `chip` and `line` of a sensor or an output; each line has one owner.
  func readLineReference(_ reader: TableReader, owner: String) -> GPIOLineReference? {
    let chip = reader.string("chip", required: "write the chip's path or label, such as \"/dev/gpiochip0\"")
    return readLineReference(reader, owner: owner, chip: chip?.value)
  }

  private func readLineReference(_ reader: TableReader, owner: String, chip: String?) -> GPIOLineReference? {
    guard let value = reader.value("line", required: "write the line's number or name") else { return nil }
    let line: GPIOLine
    switch value.content {
    case .string:
      guard let name = reader.string("line", most: 31) else { return nil }
      line = .name(name.value)
    case .integer:
      guard let number = reader.integer("line", in: 0...1023) else { return nil }
      line = .number(UInt32(number))
    default:
      reader.wrongType("line", value, expected: "a line", advice: "write the line's number, or its name as a string")
      return nil
    }
    guard let chip else { return nil }
    let reference = GPIOLineReference(chip: chip, line: line)
    if let other = declaredLines[reference] {
      reader.error(
        "line", "line \(line) of \(chip) already belongs to \(other)",
        advice: "correct the line of one of the two; each is wired to its own")
    } else {
      declaredLines[reference] = owner
    }
    return reference
  }
}
