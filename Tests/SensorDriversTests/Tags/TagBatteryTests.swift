import Observations
import SensorDrivers
import Testing

@Suite struct `A battery that is told in an advertisement of its own` {
  private static let beacon = "0201060303aafe1716aafe00e3123456789012346789010000000000010000"

  /// Eddystone-TLM with this voltage.
  private static func telemetry(millivolts: UInt16) -> [UInt8] {
    BLEVectors.bytes("0201060303aafe1116aafe2000") + [UInt8(millivolts >> 8), UInt8(millivolts & 0xFF)]
      + BLEVectors.bytes("13000000146700002ac4")
  }

  private func batteries(_ site: VirtualController) -> [UInt8?] { site.sightings.map(\.battery) }

  @Test func `belongs to the tag that sends from the same address`() {
    var site = VirtualController()
    site.open()
    let beacon = BLEVectors.bytes(Self.beacon)
    site.send(BLEVectors.report(beacon, device: 1))
    site.send(BLEVectors.report(Self.telemetry(millivolts: 2900), device: 1))
    site.send(BLEVectors.report(Self.telemetry(millivolts: 2440), device: 2))
    site.send(BLEVectors.report(beacon, device: 1) + BLEVectors.report(beacon, device: 2))
    site.send(BLEVectors.report(beacon, device: 3))
    #expect(batteries(site) == [nil, 42, 6, nil])
  }

  @Test func `is told for Eddystone-EID too, and newer news replace it`() {
    var site = VirtualController()
    site.open()
    let ephemeral = BLEVectors.bytes("0201060303aafe0d16aafe30e34549445f74657374")
    for millivolts in [3000, 2740] as [UInt16] {
      site.send(BLEVectors.report(Self.telemetry(millivolts: millivolts)))
      site.send(BLEVectors.report(ephemeral))
    }
    #expect(batteries(site) == [100, 18])
  }

  @Test func `is forgotten after a quarter of an hour, and says nothing when it is not measured`() {
    var site = VirtualController()
    site.open()
    let beacon = BLEVectors.bytes(Self.beacon)
    site.send(BLEVectors.report(Self.telemetry(millivolts: 2900)))
    for _ in 0..<3 {
      site.pass(.minutes(6))
      site.send(BLEVectors.report(beacon))
    }
    #expect(batteries(site) == [42, 42, nil])
    site.send(BLEVectors.report(Self.telemetry(millivolts: 0)) + BLEVectors.report(beacon))
    #expect(batteries(site).last == .some(nil))
  }

  @Test func `does not make the memory grow with the crowd, and what was given up is counted`() {
    var site = VirtualController()
    site.open()
    for number in 0..<5000 {
      var report = BLEVectors.report(Self.telemetry(millivolts: 2900), device: UInt8(number & 0xFF))
      report[8] = UInt8(number >> 8)  // the address's second byte
      site.send(report)
    }
    #expect(site.sightings.isEmpty)
    // 512 have room; how many rows were full when the others came is a matter of chance.
    #expect((4488...4999).contains(site.receiver.counters.dropped))
  }

  @Test func `is told by the voltage of a coin cell`() {
    let expected: [(Int, UInt8)] = [
      (0, 0), (2099, 0), (2100, 0), (2270, 3), (2440, 6), (2590, 12), (2740, 18), (2820, 30), (2900, 42), (2950, 71),
      (2999, 99), (3000, 100), (3600, 100), (65_535, 100),
    ]
    for (millivolts, percent) in expected { #expect(CoinCell.percent(millivolts: millivolts) == percent) }
    let all = (0...4000).map { CoinCell.percent(millivolts: $0) }
    #expect(all == all.sorted())
  }
}
