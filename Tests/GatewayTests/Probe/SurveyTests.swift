import Foundation
import Gateway
import Observations
import SensorDrivers
import Testing

@testable import SensorDrivers

/// A folder that looks like the kernel's, gone with the test.
private final class FakeBoard {
  let root = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)")

  deinit {
    try? FileManager.default.removeItem(at: root)
  }

  func write(_ path: String, _ text: String) throws {
    let file = root.appending(path: path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: file, atomically: true, encoding: .utf8)
  }

  func link(_ path: String, to target: String) throws {
    let file = root.appending(path: path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: file.path, withDestinationPath: target)
  }
}

@Suite struct `A survey of serial ports` {
  @Test func `tells ports by path, identity, adapter and holder`() throws {
    let board = FakeBoard()
    let usb = "sys/devices/usb1/1-1/1-1.2"
    try board.write("\(usb)/idVendor", "0403\n")
    try board.write("\(usb)/idProduct", "6001\n")
    try board.write("\(usb)/manufacturer", "FTDI\n")
    try board.write("\(usb)/product", "FT232R USB UART\n")
    try board.write("\(usb)/serial", "A50285BI\n")
    try board.write("\(usb)/1-1.2:1.0/ttyUSB0/uevent", "")
    try board.link("sys/class/tty/ttyUSB0/device", to: board.root.appending(path: "\(usb)/1-1.2:1.0/ttyUSB0").path)
    try board.write("sys/class/tty/ttyS0/type", "4\n")
    try board.write("sys/class/tty/ttyS0/device/uevent", "")
    // Never found by the kernel; a console without a device.
    try board.write("sys/class/tty/ttyS1/type", "0\n")
    try board.write("sys/class/tty/ttyS1/device/uevent", "")
    try board.write("sys/class/tty/tty1/dev", "4:1\n")
    try board.link("dev/serial/by-path/platform-usb-0:1.2:1.0-port0", to: "../../ttyUSB0")
    try board.link("dev/serial/by-id/usb-FTDI-if00", to: "../../ttyUSB0")
    try board.link("proc/77/fd/5", to: "/dev/ttyUSB0")
    try board.link("proc/77/fd/6", to: "/dev/ttyUSB0")
    try board.write("proc/77/comm", "mimamori-gatewa\n")

    let ports = SerialPortSurvey(root: board.root.path).ports()
    #expect(ports.map(\.device) == ["/dev/ttyS0", "/dev/ttyUSB0"])
    #expect(ports[0].adapter == nil && ports[0].holders.isEmpty && ports[0].bestPath == "/dev/ttyS0")
    let text = ProbeReport.text(ports)
    for part in [
      "/dev/serial/by-path/platform-usb-0:1.2:1.0-port0", "/dev/serial/by-id/usb-FTDI-if00",
      "0403:6001 FTDI FT232R USB UART, serial number A50285BI", "mimamori-gatewa (process 77)",
    ] { #expect(text.contains(part), "\(text)") }
    #expect(text.components(separatedBy: "process 77").count == 2, "a holder is named once")
    #expect(ports[1].bestPath == "/dev/serial/by-path/platform-usb-0:1.2:1.0-port0")
  }

  @Test func `of a board without any says what to do`() {
    let ports = SerialPortSurvey(root: "/nowhere").ports()
    #expect(ports.isEmpty && ProbeReport.text(ports).contains("dmesg"))
  }
}

@Suite struct `A survey of GPIO lines` {
  /// `gpio_v2_line_info` of linux/gpio.h as the kernel fills it in.
  private func information(_ name: String, _ consumer: String, _ offset: UInt8, _ flags: UInt8) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 256)
    bytes.replaceSubrange(0..<name.utf8.count, with: name.utf8)
    bytes.replaceSubrange(32..<32 + consumer.utf8.count, with: consumer.utf8)
    bytes[64] = offset
    bytes[72] = flags
    return bytes
  }

  @Test func `reads the kernel's records`() throws {
    let held = try #require(GPIOSurvey.description(of: information("GPIO17", "mimamori-gateway", 17, 1 | 2 | 4)))
    #expect(held.offset == 17 && held.name == "GPIO17" && held.consumer == "mimamori-gateway")
    #expect(held.isActiveLow && !held.isOutput)
    let free = try #require(GPIOSurvey.description(of: information("", "", 3, 8)))
    #expect(free.consumer == nil && free.isOutput)
    #expect(GPIOSurvey.description(of: information("x", "", 3, 1))?.consumer == "the kernel")
    #expect(GPIOSurvey.description(of: [1, 2, 3]) == nil)
    let chip = GPIOChipDescription(path: "/dev/gpiochip0", label: "pinctrl", lines: [held, free])
    let text = ProbeReport.text([chip], all: false)
    #expect(text.contains("held by \"mimamori-gateway\"") && text.contains("and 1 free lines without a name"))
  }

  @Test func `of something that is no chip says so`() {
    #expect(throws: SensorDriversError.self) { try GPIOSurvey.chip(at: "/dev/null") }
    let error = #expect(throws: SensorDriversError.self) { try GPIOSurvey.chip(at: "/dev/gpiochip99") }
    #expect(error?.cause == .portMissing)
  }
}
