import Foundation
import Gateway
import Observations
import SensorDrivers
import Testing

@Suite struct `Sensors on GPIO lines` {
  private static func example(_ name: String) throws -> GatewayConfiguration {
    let file = ConfigurationSamples.checkout.appending(path: "examples/sensors/\(name)")
    let check = ConfigurationSamples.check(Array(try Data(contentsOf: file)), file: name)
    return try #require(check.configuration, "\(check.problemText)")
  }

  private static func settings(_ sensor: SensorID, of name: String) throws -> GPIOSensorSettings {
    let sensor = try #require(try example(name).sensors.first { $0.id == sensor })
    guard case .gpio(let settings) = sensor.driver else {
      throw GatewayError(.bug, "\(name) has a sensor that is not on a GPIO line")
    }
    return settings
  }

  @Test func `are read from the examples as their comments say`() throws {
    let low = try Self.settings("underpass-low", of: "contact.toml")
    #expect(low.kind == .floodContact(wet: .open, supervision: nil))
    let high = try Self.settings("underpass-high", of: "contact.toml")
    #expect(high.line == GPIOLineReference(chip: "/dev/gpiochip0", line: .number(22)))
    guard case .floodContact(.closed, let supervision?) = high.kind else {
      Issue.record("\(high.kind)")
      return
    }
    #expect(supervision.line == .number(23))
    #expect(supervision.wiring == .changeover)
    #expect(supervision.transition == .seconds(2))
    let rain = try Self.settings("rain-1", of: "rain-gauge.toml")
    #expect(
      rain.kind == .rain(tip: Measure(thousandths: 500), minimumInterval: .milliseconds(200)))
  }

  @Test(arguments: [("", 25), ("max_tips_per_second = 0.5", 2000), ("max_tips_per_second = 50", 20)])
  func `have a highest rate of tips`(line: String, milliseconds: Int64) throws {
    let text = ConfigurationSamples.small(
      """
      [[sensor]]
      id = "rain-1"
      name = "雨"
      driver = "gpio"
      chip = "/dev/gpiochip0"
      line = 27
      debounce = "10ms"
      quantity = "rain"
      tip = 0.5
      \(line)
      """)
    let check = ConfigurationSamples.check(text)
    let configuration = try #require(check.configuration, "\(check.problemText)")
    guard case .gpio(let settings) = configuration.sensors[0].driver, case .rain(_, let interval) = settings.kind else {
      Issue.record("\(configuration.sensors[0].driver)")
      return
    }
    #expect(interval == .milliseconds(milliseconds))
  }
}
