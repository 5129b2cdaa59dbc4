import Observations
import SensorDrivers
import Testing

@Suite struct `Extended advertisements` {
  private static func started() -> VirtualController {
    var site = VirtualController()
    site.supportsExtended = true
    site.open()
    return site
  }

  @Test func `in one report are heard like legacy ones`() {
    var site = Self.started()
    site.send(BLEVectors.extendedReport(BLEVectors.iBeacon(minor: 7), signal: -71))
    #expect(site.sightings.map { BLEVectors.hex($0.tag) } == [BLEVectors.identifier(minor: 7)])
    #expect(site.sightings.map(\.signal) == [-71])
  }

  @Test func `in parts are put together, also when those of two tags mix`() {
    var site = Self.started()
    let one = BLEVectors.iBeacon(minor: 1)
    let two = BLEVectors.iBeacon(minor: 2)
    site.send(BLEVectors.extendedReport(Array(one[..<10]), device: 1, status: 1))
    site.send(BLEVectors.extendedReport(Array(two[..<20]), device: 2, status: 1))
    site.send(BLEVectors.extendedReport(Array(one[10..<15]), device: 1, status: 1))
    #expect(site.sightings.isEmpty)
    site.send(BLEVectors.extendedReport(Array(two[20...]), device: 2, status: 0, signal: 127))
    site.send(BLEVectors.extendedReport(Array(one[15...]), device: 1, status: 0, signal: -80))
    #expect(
      site.sightings.map { BLEVectors.hex($0.tag) } == [
        BLEVectors.identifier(minor: 2), BLEVectors.identifier(minor: 1),
      ])
    // A part without a signal strength leaves that of the part before.
    #expect(site.sightings.map(\.signal) == [-60, -80])
  }

  @Test func `of another advertising set of the same tag are kept apart`() {
    var site = Self.started()
    let one = BLEVectors.iBeacon(minor: 1)
    site.send(BLEVectors.extendedReport(Array(one[..<10]), set: 0, status: 1))
    site.send(BLEVectors.extendedReport([0x02, 0x01, 0x06], set: 1))
    site.send(BLEVectors.extendedReport(Array(one[10...]), set: 0))
    #expect(site.sightings.map { BLEVectors.hex($0.tag) } == [BLEVectors.identifier(minor: 1)])
  }

  @Test func `that the controller cut short count as far as they go`() {
    var site = Self.started()
    site.send(BLEVectors.extendedReport(BLEVectors.iBeacon(minor: 1) + [0x20, 0xFF, 0x01], status: 2))
    #expect(site.sightings.count == 1)
    site.send(BLEVectors.extendedReport(Array(BLEVectors.iBeacon(minor: 1).dropLast()), status: 2))
    #expect(site.sightings.count == 1)
  }

  @Test func `in parts are held for eight tags, and a ninth takes the place of the oldest`() {
    var site = Self.started()
    for device in 0..<9 as Range<UInt8> {
      site.send(
        BLEVectors.extendedReport(
          Array(BLEVectors.iBeacon(minor: Int(device))[..<12]), device: device, status: 1))
    }
    for device in 0..<9 as Range<UInt8> {
      site.send(BLEVectors.extendedReport(Array(BLEVectors.iBeacon(minor: Int(device))[12...]), device: device))
    }
    #expect(site.sightings.map { BLEVectors.hex($0.tag) } == (1..<9).map(BLEVectors.identifier))
  }

  @Test func `longer than the specification allows are dropped`() {
    var site = Self.started()
    let filler = [UInt8](repeating: 0, count: 229)
    for _ in 0..<20 {
      site.send(BLEVectors.extendedReport(filler, status: 1))
    }
    site.send(BLEVectors.extendedReport(BLEVectors.iBeacon(minor: 1), device: 5))
    #expect(site.sightings.count == 1)
  }
}
