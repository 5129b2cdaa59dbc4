import Foundation
import Observations
import Testing

@testable import SensorDrivers

/// A tree like the kernel's /sys, with USB serial adapters that are plugged in and out.
final class FakeSystemFolder {
  let root = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: root.appending(path: "class/tty"), withIntermediateDirectories: true)
    try FileManager.default.createDirectory(
      at: root.appending(path: "class/tty/tty0"), withIntermediateDirectories: true)
    // A port of the board itself lies on no bus that knows vendors.
    try plug("ttyS1", at: "platform/serial8250", vendor: nil, product: "", serial: nil)
  }

  deinit { try? FileManager.default.removeItem(at: root) }

  /// Makes `port` appear as a port of the adapter on the USB port `place`.
  func plug(_ port: String, at place: String, vendor: String?, product: String, serial: String?) throws {
    let device = root.appending(path: "devices/pci0/usb1/\(place)")
    let interface = device.appending(path: "\(place.split(separator: "/").last ?? "1"):1.0/\(port)")
    try FileManager.default.createDirectory(at: interface, withIntermediateDirectories: true)
    for (name, text) in [("idVendor", vendor), ("idProduct", vendor == nil ? nil : product), ("serial", serial)] {
      if let text { try Data("\(text)\n".utf8).write(to: device.appending(path: name)) }
    }
    let entry = root.appending(path: "class/tty/\(port)")
    try FileManager.default.createDirectory(at: entry, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(at: entry.appending(path: "device"), withDestinationURL: interface)
  }

  func unplug(_ port: String) throws {
    try FileManager.default.removeItem(at: root.appending(path: "class/tty/\(port)"))
  }
}

@Suite struct `A port named by its USB adapter` {
  private func result(_ device: String, _ folder: FakeSystemFolder) -> Result<String, SensorDriversError> {
    let locator = DeviceLocator(systemFolder: folder.root.path, deviceFolder: "/dev")
    do throws(SensorDriversError) {
      return .success(try locator.path(of: device))
    } catch {
      return .failure(error)
    }
  }

  @Test func `is found under whatever number it has by now`() throws {
    let folder = try FakeSystemFolder()
    try folder.plug("ttyUSB0", at: "1-1.2", vendor: "0403", product: "6001", serial: "A10K1")
    #expect(result("usb:0403:6001", folder) == .success("/dev/ttyUSB0"))
    #expect(result("usb:0403:6001:A10K1", folder) == .success("/dev/ttyUSB0"))
    try folder.unplug("ttyUSB0")
    guard case .failure(let missing) = result("usb:0403:6001", folder) else {
      Issue.record("An adapter that is not there was found")
      return
    }
    #expect(missing.cause == .portMissing)
    #expect(missing.description.contains("plugged in: none"))
    try folder.plug("ttyUSB7", at: "1-1.3", vendor: "0403", product: "6001", serial: "A10K1")
    #expect(result("usb:0403:6001:A10K1", folder) == .success("/dev/ttyUSB7"))
  }

  @Test func `is one of several by its serial number, and never a guess`() throws {
    let folder = try FakeSystemFolder()
    try folder.plug("ttyUSB0", at: "1-1", vendor: "1A86", product: "7523", serial: nil)
    try folder.plug("ttyUSB1", at: "1-2", vendor: "0403", product: "6001", serial: "A")
    try folder.plug("ttyACM0", at: "1-3", vendor: "0403", product: "6001", serial: "B")
    #expect(result("usb:0403:6001:B", folder) == .success("/dev/ttyACM0"))
    #expect(result("usb:1a86:7523", folder) == .success("/dev/ttyUSB0"))
    guard case .failure(let several) = result("usb:0403:6001", folder) else {
      Issue.record("One of two adapters was guessed")
      return
    }
    #expect(several.cause == .portError)
    #expect(several.description.contains("/dev/ttyUSB1 (usb:0403:6001:A)"))
    guard case .failure(let other) = result("usb:0403:6001:C", folder) else {
      Issue.record("An adapter with another serial number was taken")
      return
    }
    #expect(other.description.contains("usb:1a86:7523"))
  }

  @Test(arguments: ["usb:", "usb:0403", "usb:403:6001", "usb:0403:60011", "usb:zzzz:6001", "usb:0403:6001:"])
  func `must be written in full`(device: String) throws {
    #expect(USBSerialName(device) == nil)
    guard case .failure(let error) = result(device, try FakeSystemFolder()) else {
      Issue.record("\(device) was found")
      return
    }
    #expect(error.cause == .portError)
  }

  @Test func `a path is taken as it is`() throws {
    #expect(result("/dev/serial/by-id/x", try FakeSystemFolder()) == .success("/dev/serial/by-id/x"))
    #expect(USBSerialName("usb:0403:6001:A:B")?.serial == "A:B")
    #expect(USBSerialName("usb:04AB:6001").map { "\($0)" } == "usb:04ab:6001")
  }
}
