import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  func readSDI12(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let port = self.port(reader, driver: .sdi12)
    let address = readAddress(reader)
    let measurement = readMeasurement(reader)
    let value = reader.integer("value", in: 1...99) ?? 1
    if let measurement, value > measurement.mostValues {
      reader.error(
        "value", "a measurement \(measurement) has at most \(measurement.mostValues) values",
        advice: "write 1 to \(measurement.mostValues), or another measure")
    }
    let (scale, offset) = readLinear(reader)
    let every = reader.duration("every", in: .seconds(1) ... .hours(1)) ?? .seconds(60)
    let longest = reader.duration("timeout", in: .seconds(1) ... .seconds(999)) ?? .seconds(30)
    let identity = reader.string("identity", most: 30)?.value
    let staleAfter = readStaleAfter(reader) ?? max(.minutes(3), every * 3)
    checkStaleAfter(reader, staleAfter, every: every)
    let range = readRange(reader, common.quantity)
    let datum = readDatum(reader)
    if let port {
      use(port, by: PortUser(sensor: common.id.text, driver: .sdi12, position: port.position, settings: nil))
    }
    guard let port, let address, let measurement, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, range: range, staleAfter: staleAfter, datum: datum,
      position: common.position)
    let point = SDI12Point(
      sensor: common.id, quantity: quantity, address: address, measurement: measurement, value: value, scale: scale,
      offset: offset, every: every, longest: longest, identity: identity)
    return SensorSettings(plan: plan, driver: .sdi12(SDI12SensorSettings(port: PortID(port.value), point: point)))
  }

  private func readAddress(_ reader: TableReader) -> SDI12Address? {
    guard
      let text = reader.string("address", required: "write the device's address, such as address = \"0\"")
    else { return nil }
    guard let address = SDI12Address(text: text.value) else {
      reader.error(
        "address", "address = \(TOMLValue.quoted(text.value)) is no SDI-12 address",
        advice: "write one character of 0-9, A-Z, a-z; devices come with \"0\"")
      return nil
    }
    return address
  }

  private func readMeasurement(_ reader: TableReader) -> SDI12Measurement? {
    let withChecksum = reader.boolean("crc") ?? false
    let text = reader.string("measure")?.value ?? "M"
    if let measurement = SDI12Measurement(text: text, withChecksum: withChecksum) { return measurement }
    reader.error(
      "measure", "measure = \(TOMLValue.quoted(text)) is no measurement",
      advice:
        "write \"M\", \"M1\" to \"M9\", \"C\", \"C1\" to \"C9\" or \"R0\" to \"R9\"; crc = true asks for the checksum")
    return nil
  }

  /// Whether the devices of one line agree with themselves, and whether there is time for all.
  func checkSDI12(_ id: String, _ port: DeclaredPort) {
    var identities: [SDI12Address: (identity: String?, sensor: String)] = [:]
    var places: [SDI12Point.Place: (point: SDI12Point, sensor: String)] = [:]
    for user in port.users {
      guard case .sdi12(let settings) = declaredSensors[user.sensor]?.settings?.driver else { continue }
      let point = settings.point
      if let other = identities[point.address], other.identity != point.identity {
        problems.error(
          "sensor[\(user.sensor)].identity", at: user.position,
          "\(user.sensor) and \(other.sensor) are one device, \(point.address), with two identities",
          advice: "write the same identity for both, or correct an address")
      }
      identities[point.address] = (point.identity, user.sensor)
      if let other = places[point.place] {
        if other.point.every != point.every || other.point.longest != point.longest {
          problems.error(
            "sensor[\(user.sensor)].every", at: user.position,
            "\(user.sensor) and \(other.sensor) share one measurement, \(point.address)\(point.measurement)",
            advice: "write the same every and timeout for both")
        }
        if other.point.value == point.value {
          problems.warning(
            "sensor[\(user.sensor)].value", at: user.position,
            "\(user.sensor) reads the same value of \(point.address)\(point.measurement) as \(other.sensor)",
            advice: "correct value; two sensors of one value confirm nothing")
        }
      }
      places[point.place] = (point, user.sensor)
    }
    // A measurement takes half a second of the line without what the device itself needs.
    let load = places.values.reduce(0) { $0 + 0.5 / $1.point.every.seconds }
    if load > 0.8 {
      problems.warning(
        "serial.\(id)", at: port.position,
        "the measurements on the port \(TOMLValue.quoted(id)) take \(Int((load * 100).rounded())) % of its time",
        advice: "measure less often, or use a second port")
    }
  }
}

extension SDI12Point {
  /// What one measurement is known by.
  fileprivate struct Place: Hashable {
    let address: SDI12Address
    let measurement: SDI12Measurement
  }

  fileprivate var place: Place { Place(address: address, measurement: measurement) }
}
