public import SensorDrivers

/// What the surveys found, as `probe` prints it.
public enum ProbeReport {
  /// The serial ports, one after the other.
  public static func text(_ ports: [SerialPortDescription]) -> String {
    guard !ports.isEmpty else {
      return "Serial ports: none. Connect an adapter; `dmesg` says whether the kernel has found it.\n"
    }
    var lines = ["Serial ports"]
    for port in ports {
      lines.append("  \(port.device)")
      if let path = port.byPath { lines.append("    by path  \(path)") }
      if let path = port.byID { lines.append("    by id    \(path)") }
      if let adapter = port.adapter {
        let serial = adapter.serialNumber.map { ", serial number \($0)" } ?? ""
        lines.append("    USB      \(adapter.identity) \(adapter.name)\(serial)")
      }
      if !port.holders.isEmpty {
        lines.append(
          "    used by  " + port.holders.map { "\($0.name) (process \($0.process))" }.joined(separator: ", "))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The GPIO chips; a line without a name and without a holder is not shown unless `all` are wanted.
  public static func text(_ chips: [GPIOChipDescription], all: Bool) -> String {
    guard !chips.isEmpty else { return "GPIO chips: none.\n" }
    var lines: [String] = []
    for chip in chips {
      lines.append("GPIO chip \(chip.path) \"\(chip.label)\", \(chip.lines.count) lines")
      let shown = chip.lines.filter { all || !$0.name.isEmpty || $0.consumer != nil }
      for line in shown {
        let level = line.isHigh.map { $0 ? "high" : "low" } ?? "-"
        let name = line.name.isEmpty ? "-" : "\"\(line.name)\""
        lines.append(
          "  line \(padded("\(line.offset)", 4)) \(padded(name, 20)) \(line.isOutput ? "output" : "input ")  "
            + "\(padded(level, 5)) \(line.consumer.map { "held by \"\($0)\"" } ?? "free")")
      }
      if shown.count < chip.lines.count {
        lines.append("  and \(chip.lines.count - shown.count) free lines without a name; --all shows them")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The kernel's own Bluetooth controllers.
  public static func text(_ controllers: [(name: String, bus: String)]) -> String {
    guard !controllers.isEmpty else {
      return "Bluetooth: no controller of the kernel. One on a serial port is found by `probe serial DEVICE`.\n"
    }
    return controllers.map { "Bluetooth \($0.name) (\($0.bus))\n" }.joined()
  }

  /// What a search of a serial line found, with the block to paste.
  public static func text(_ probe: SerialProbe, device: String) -> String {
    if let (talker, line) = probe.talker {
      let block = ConfigurationBlock.text(for: talker, line: line, device: device)
      return "\(device): \(talker.name) at \(line.text)\n\n\(block)"
    }
    if !probe.devices.isEmpty { return text(probe.devices, device: device) }
    if let chatter = probe.chatter {
      return """
        \(device): \(chatter.count) bytes at \(chatter.line.text) that no known device says
          they begin \(Hexadecimal.text(of: chatter.firstBytes.span))\(asText(chatter.firstBytes))
          Try its own settings with --baud and --frame; another master may be asking on this line.

        """
    }
    return """
      \(device): nothing answers. Look at A and B (swapped?), power, ground, and the device's own address and speed;
      give its settings with --baud and --frame if they are unusual.

      """
  }

  /// What the bytes say, if they are text: then a pattern reads them.
  private static func asText(_ bytes: [UInt8]) -> String {
    let isText = bytes.count >= 4 && bytes.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x0D || $0 == 0x0A }
    guard isText else { return "" }
    let words = String(decoding: bytes.filter { $0 >= 0x20 }, as: UTF8.self)
    return "\n  which is text: \(words) …: the driver \"line\" reads it by a pattern (docs/sensors/line.md)"
  }

  private static func text(_ devices: [SerialProbe.Device], device: String) -> String {
    var lines: [String] = []
    for found in devices where !found.registers.isEmpty {
      lines.append("\(device): Modbus address \(found.unit) at \(found.line.text)")
      for register in found.registers {
        lines.append("  \(register.table.rawValue) \(register.address) = \(SerialProbeSession.value(register.value))")
      }
    }
    let mute = devices.filter(\.registers.isEmpty)
    if let first = mute.first {
      let units = mute.map { "\($0.unit)" }.joined(separator: ", ")
      let answer = first.exception.map { ", but \($0)" } ?? ""
      lines.append("\(device): Modbus address \(units) at \(first.line.text) answers\(answer)")
      lines.append("  no register from 0 on can be read: see the data sheet for its addresses")
    }
    let block = ConfigurationBlock.text(
      for: mute.count < devices.count ? devices.filter { !$0.registers.isEmpty } : [mute[0]], device: device)
    return lines.joined(separator: "\n") + "\n\n" + block
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
