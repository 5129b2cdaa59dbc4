import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  func readSatelliteReceiver(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let port = self.port(reader, driver: .nmea)
    if let port {
      use(port, by: PortUser(sensor: common.id.text, driver: .nmea, position: port.position, settings: nil))
    }
    // A vehicle stands in a garage for a night: that is no fault of its receiver.
    let staleAfter = readStaleAfter(reader) ?? .hours(14)
    guard let port, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, staleAfter: staleAfter, position: common.position)
    return SensorSettings(plan: plan, driver: .nmea(SatelliteReceiverSettings(port: PortID(port.value))))
  }
}
