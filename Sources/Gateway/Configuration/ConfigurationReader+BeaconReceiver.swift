import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  func readBeaconReceiver(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let attachment = readAttachment(reader, common)
    let staleAfter = readStaleAfter(reader) ?? .seconds(60)
    let quietAfter = reader.duration("quiet_after", in: .seconds(10) ... .hours(720)) ?? .minutes(10)
    if quietAfter < .minutes(1) {
      reader.warning(
        "quiet_after", "quiet_after = \"\(quietAfter.configured)\" is shorter than a quiet moment at night",
        advice: "write at least \"1m\", or the place is blind now and then for no reason")
    }
    guard let attachment, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, staleAfter: staleAfter, position: common.position)
    return SensorSettings(
      plan: plan, driver: .hci(BeaconReceiverSettings(attachment: attachment, quietAfter: quietAfter)))
  }

  private func readAttachment(
    _ reader: TableReader, _ common: CommonSensorKeys
  ) -> BeaconReceiverSettings.Attachment? {
    guard reader.has("controller") else {
      guard let port = port(reader, driver: .hci) else { return nil }
      use(port, by: PortUser(sensor: common.id.text, driver: .hci, position: port.position, settings: nil))
      return .serial(PortID(port.value))
    }
    if reader.has("serial") {
      reader.know("serial")
      reader.error(
        "controller", "\(common.id) has both serial and controller",
        advice: "keep controller for a controller of the board, serial for one on a serial port")
    }
    guard let name = reader.string("controller") else { return nil }
    guard let number = Self.controllerNumber(name.value) else {
      reader.error(
        "controller", "controller = \(TOMLValue.quoted(name.value)) is no Bluetooth controller",
        advice: "write its name, such as \"hci0\"; `ls /sys/class/bluetooth` shows what there is")
      return nil
    }
    if let other = declaredControllers.updateValue(common.id.text, forKey: number) {
      reader.error(
        "controller", "\(name.value) already serves \(other)", advice: "give each receiver a controller of its own")
    }
    if declaredPorts[name.value] != nil {
      reader.error(
        "controller", "\(name.value) is also the name of a serial port", advice: "rename [serial.\(name.value)]")
    }
    return .controller(number)
  }

  /// 0 for `hci0`; nil for anything that is no name of a controller.
  private static func controllerNumber(_ name: String) -> UInt16? {
    guard name.hasPrefix("hci") else { return nil }
    let digits = name.dropFirst(3)
    guard let number = UInt16(digits), number < 256, String(number) == digits else { return nil }
    return number
  }
}
