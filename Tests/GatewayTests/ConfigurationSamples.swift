import Foundation
import Gateway

/// The configurations that the tests of this target read.
enum ConfigurationSamples {
  static let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The commented example that users start from.
  static func example() throws -> [UInt8] {
    Array(try Data(contentsOf: checkout.appending(path: "examples/gateway.toml")))
  }

  /// Every broken configuration, by its file's name.
  static let broken: [String] = {
    let folder = checkout.appending(path: "Tests/GatewayTests/BrokenConfigurations").path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".toml") }.sorted()
  }()

  static func brokenFile(_ name: String) throws -> String {
    try String(
      contentsOf: checkout.appending(path: "Tests/GatewayTests/BrokenConfigurations/\(name)"), encoding: .utf8)
  }

  /// Checks a text that lies nowhere, so that no file it names is found.
  static func check(_ text: String, file: String = "gateway.toml") -> ConfigurationCheck {
    check(Array(text.utf8), file: file)
  }

  static func check(_ bytes: [UInt8], file: String = "gateway.toml") -> ConfigurationCheck {
    ConfigurationChecker.check(
      bytes, file: file, locations: FileLocations(credentialsFolder: nil, configurationFolder: "/nonexistent"))
  }

  /// The least that can be run; `more` is added at its end.
  static func small(gateway: String = "", mqtt: String = "", _ more: String = "") -> String {
    """
    schema = 1

    [gateway]
    id = "board-1"
    name = "試験局"
    municipality = "282103"
    position = { latitude = 34.8, longitude = 134.9 }
    \(gateway)

    [mqtt]
    \(mqtt.contains("host") ? "" : "host = \"127.0.0.1\"")
    root = "mimamori/282103"
    watch_root = "mimamori-watch/282103"
    \(mqtt)

    \(more)
    """
  }

  static let river = """
    [serial.bus]
    device = "/dev/ttyS1"
    baud = 9600
    frame = "8E1"

    [[sensor]]
    id = "river-1"
    name = "川"
    driver = "modbus"
    serial = "bus"
    unit = 1
    register = { table = "input", address = 0, type = "int16" }
    scale = 0.001
    quantity = "water_level"

    [[flood]]
    sensor = "river-1"
    levels = { caution = 2.0, danger = 4.0 }

    """
}
