import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  func readMaxBotix(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let port = self.port(reader, driver: .maxbotix)
    if let port {
      use(port, by: PortUser(sensor: common.id.text, driver: .maxbotix, position: port.position, settings: nil))
    }
    let mountHeight = reader.measure(
      "mount_height", of: .waterLevel, in: 0.03...50,
      required: "write the sensor's height above the gauge's zero in metres")
    let output = reader.choice(
      "output", MaxBotixOutput.self, required: "write in what the model counts, such as output = \"mm\"")
    let noTarget = reader.integer("no_target", in: 100...9999)
    if let output, let noTarget, output.digits == 3, noTarget > 999 {
      reader.error(
        "no_target", "no_target = \(noTarget) has more digits than the model sends",
        advice: "write the data sheet's greatest number, such as \(output.usualNoTarget)")
    }
    let least = reader.measure("least_distance", of: .waterLevel, in: 0.001...5)
    let staleAfter = readStaleAfter(reader) ?? .seconds(30)
    let range = readRange(reader, common.quantity)
    let datum = readDatum(reader)
    guard let port, let mountHeight, let output, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, range: range, staleAfter: staleAfter, datum: datum,
      position: common.position)
    let settings = MaxBotixSensorSettings(
      port: PortID(port.value), mountHeight: mountHeight, output: output, noTarget: noTarget, leastDistance: least)
    return SensorSettings(plan: plan, driver: .maxbotix(settings))
  }
}
