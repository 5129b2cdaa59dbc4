import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  func readUltrasonic(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let port = self.port(reader, driver: .a02yyuw)
    if let port {
      use(port, by: PortUser(sensor: common.id.text, driver: .a02yyuw, position: port.position, settings: nil))
    }
    let mountHeight = reader.measure(
      "mount_height", of: .waterLevel, in: 0.03...50,
      required: "write the sensor's height above the gauge's zero in metres")
    let staleAfter = readStaleAfter(reader) ?? .seconds(30)
    let range = readRange(reader, common.quantity)
    let datum = readDatum(reader)
    guard let port, let mountHeight, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, range: range, staleAfter: staleAfter, datum: datum,
      position: common.position)
    let settings = UltrasonicSensorSettings(port: PortID(port.value), mountHeight: mountHeight)
    return SensorSettings(plan: plan, driver: .a02yyuw(settings))
  }
}
