import Observations
public import SensorDrivers

/// The tables of a configuration for what a probe has found, ready to be pasted. `check` accepts them as they are; what
/// only a person can know is marked.
public enum ConfigurationBlock {
  /// For a device that talks by itself.
  public static func text(for talker: Talker, line: SerialLine, device: String) -> String {
    let port = portTable("probed", device, line)
    switch talker {
    case .a02yyuw: return port + sensorTable("level-1", "水位計", "a02yyuw", ofDistance)
    case .hci: return port + sensorTable("receiver-1", "受信機", "hci", #"quantity = "beacon""#)
    case .maxbotix:
      let output = #"output = "mm"                          # in what the model counts; see its data sheet"#
      return port + sensorTable("level-1", "水位計", "maxbotix", output + "\n" + ofDistance)
    case .nmea:
      return port
        + sensorTable(
          "position-1", "位置", "nmea",
          """
          quantity = "position"
          stale_after = "14h"                    # a night in the garage is no fault
          """)
    }
  }

  /// For the Modbus devices of one line.
  public static func text(for devices: [SerialProbe.Device], device: String) -> String {
    guard let first = devices.first else { return "" }
    var text = portTable("probed", device, first.line)
    for found in devices {
      let register = found.registers.first { $0.value != 0 } ?? found.registers.first
      let table = register?.table ?? .input
      text += """

        [[sensor]]
        id = "level-\(found.unit)"
        name = "水位計 \(found.unit)"                      # what people call it
        driver = "modbus"
        serial = "probed"
        unit = \(found.unit)
        register = { table = "\(table.rawValue)", address = \(register?.address ?? 0), type = "int16" }   # see its data sheet
        scale = 0.001                          # value = raw × scale + offset; see its data sheet
        offset = 0.0
        quantity = "water_level"
        range = [-1.0, 10.0]                   # outside it a value is a fault
        every = "10s"
        stale_after = "60s"

        """
    }
    return text
  }

  /// For a contact or a rain gauge on a GPIO line.
  public static func text(forLine line: GPIOLine, chip: String, bias: GPIOBias) -> String {
    let name =
      switch line {
      case .number(let number): "\(number)"
      case .name(let name): quoted(name)
      }
    return """
      [[sensor]]
      id = "contact-1"
      name = "冠水センサ"                      # what people call it
      driver = "gpio"
      chip = \(quoted(chip))
      line = \(name)
      bias = "\(bias.rawValue)"
      wet = "closed"                         # "open" if the contact opens when wet
      debounce = "50ms"
      quantity = "flood_contact"

      """
  }

  /// What a distance sensor's table ends with.
  private static let ofDistance = """
    mount_height = 4.000                   # measure it: from the gauge's zero to the sensor's face, in metres
    quantity = "water_level"
    stale_after = "30s"
    """

  private static func sensorTable(_ id: String, _ name: String, _ driver: String, _ rest: String) -> String {
    """

    [[sensor]]
    id = \(quoted(id))
    \(DisplayWidth.pad("name = \(quoted(name))", to: 39))# what people call it
    driver = \(quoted(driver))
    serial = "probed"
    \(rest)

    """
  }

  private static func portTable(_ id: String, _ device: String, _ line: SerialLine) -> String {
    """
    [serial.\(id)]
    device = \(quoted(device))
    baud = \(line.baud)
    frame = "\(line.frameText)"

    """
  }

  private static func quoted(_ text: String) -> String { TOMLValue.quoted(text) }
}
