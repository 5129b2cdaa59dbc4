import Foundation
import Observations
import Testing

@testable import SensorDrivers

@Suite struct `A value of the board` {
  /// A folder that stands for `/`, gone with the test.
  private final class Root {
    let path: String

    init(_ files: [String: String]) throws {
      let folder = FileManager.default.temporaryDirectory.appending(path: "board-\(UUID().uuidString)")
      path = folder.path
      for (name, text) in files {
        let file = folder.appending(path: name)
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: true, encoding: .utf8)
      }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  @Test(arguments: [
    ("power_supply:battery/voltage_now", Quantity.voltage, 12.61),
    ("power_supply:battery/capacity", .batteryCharge, 87.0),
    ("hwmon:ina226/in1_input", .voltage, 5.1),
    ("thermal:cpu-thermal", .temperature, 48.3),
    ("memory", .memoryFree, 25.0),
  ])
  func `is read in the quantity's unit`(text: String, quantity: Quantity, expected: Double) throws {
    let root = try Root([
      "sys/class/power_supply/battery/voltage_now": "12610000\n",
      "sys/class/power_supply/battery/capacity": "87\n",
      "sys/class/hwmon/hwmon0/name": "cpu_thermal\n", "sys/class/hwmon/hwmon3/name": "ina226\n",
      "sys/class/hwmon/hwmon3/in1_input": "5100\n",
      "sys/class/thermal/thermal_zone0/type": "gpu-thermal\n", "sys/class/thermal/thermal_zone0/temp": "1\n",
      "sys/class/thermal/thermal_zone1/type": "cpu-thermal\n", "sys/class/thermal/thermal_zone1/temp": "48300\n",
      "proc/meminfo": "MemTotal:        1000 kB\nMemFree:  10 kB\nMemAvailable:     250 kB\n",
    ])
    let source = try #require(BoardSource(text))
    let value = try source.read(root: root.path) * source.unitScale(for: quantity)
    #expect(abs(value - expected) < 1e-9)
  }

  @Test func `the disk's free part is what df shows`() throws {
    let source = BoardSource.disk(folder: "/tmp")
    let process = Process()
    process.executableURL = URL(filePath: "/bin/df")
    process.arguments = ["--output=pcent", "/tmp"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let text = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    let used = try #require(Double(text.filter { $0.isNumber }))
    // df rounds up; other programs may write meanwhile.
    #expect(abs(100 - used - (try source.read())) < 2)
  }

  @Test(arguments: [
    "", "memory:", "disk:relative", "power_supply:battery", "power_supply:../x/y", "hwmon:a/../b", "thermal:a/b",
    "power_supply:a/b/c", "battery", "hwmon:/in1_input",
  ])
  func `a source that is none is refused`(text: String) {
    #expect(BoardSource(text) == nil)
  }

  @Test func `what is missing and what is no number are told apart`() throws {
    let root = try Root(["sys/class/power_supply/battery/status": "Discharging\n"])
    #expect(
      performing: { try BoardSource.powerSupply(name: "gone", attribute: "capacity").read(root: root.path) },
      throws: { ($0 as? SensorDriversError)?.cause == .portMissing })
    #expect(
      performing: { try BoardSource.powerSupply(name: "battery", attribute: "status").read(root: root.path) },
      throws: { ($0 as? SensorDriversError)?.cause == .garbledReply })
    #expect(
      performing: { try BoardSource.hardwareMonitor(name: "ina226", attribute: "in1_input").read(root: root.path) },
      throws: { ($0 as? SensorDriversError)?.cause == .portMissing })
    #expect(
      performing: { try BoardSource.disk(folder: "/gone").read(root: root.path) },
      throws: { ($0 as? SensorDriversError)?.cause == .portMissing })
  }
}
