import Observations
import SensorDrivers
import TestData
import Testing

@Suite struct `Published HCI packets` {
  /// What one line must say: of a report its address and signal, and the tag if it is one.
  private struct Saying {
    let address: UInt64
    let signal: Int8
    var tag: String?
    var power: Int8?
  }

  /// By the beginning of the line. A command and the answer to it are no reports.
  private static let sayings: [(start: String, saying: Saying?)] = [
    ("043e2b02010301b4a5208863db", Saying(address: 0xDB63_8820_A5B4, signal: -79)),
    (
      "043e2a02010301b43c786642db",
      Saying(
        address: 0xDB42_6678_3CB4, signal: -75, tag: "d0d3fa86ca7645ec9bd96af4b0acc487effb9a08", power: -65)
    ),
    ("043e2b02010001b47c37f55cdb", Saying(address: 0xDB5C_F537_7CB4, signal: -75)),
    ("043e0c02010401b47c37f55cdb", Saying(address: 0xDB5C_F537_7CB4, signal: -74)),
    ("010c20020001", nil),
    ("040e04010c2000", nil),
    (
      "043e2a02010000e65e58f8e6a0",
      Saying(address: 0xA0E6_F858_5EE6, signal: -60, tag: "e34342821ce548edaff2ae8f456232fc00000000", power: -39)
    ),
    (
      "043e2a02010300ecf800eef30c",
      Saying(address: 0x0CF3_EE00_F8EC, signal: -69, tag: "8deefbb9f7384297804096668bb4428113880f4e", power: -63)
    ),
    // An Eddystone-URL: a recogniser for it would own it; it is no tag of a person.
    ("3e21020100001eace7eb27b8", Saying(address: 0xB827_EBE7_AC1E, signal: -68)),
  ]

  @Test(.needsSharedData) func `decode to what they say, and no line is left out`() throws {
    let lines = try BLEVectors.packets()
    #expect(lines.count == Self.sayings.count)
    for line in lines {
      let known = try #require(Self.sayings.first { line.hasPrefix($0.start) }, "an unaccounted line: \(line)")
      let bytes = BLEVectors.bytes(line)
      guard let saying = known.saying else { continue }
      let event = bytes[0] == 0x04 ? Array(bytes.dropFirst()) : bytes
      let reports = try #require(BLEVectors.reports(event), "\(line)")
      let report = try #require(reports.first)
      #expect(reports.count == 1)
      #expect(report.address == saying.address)
      #expect(report.signal == saying.signal)
      #expect(report.completeness == .complete)
      let found = BLEVectors.recognise(Array(event[report.data]))
      #expect(found.map { BLEVectors.hex($0.tag) } == saying.tag, "\(line)")
      #expect(found?.powerAtOneMetre == saying.power)
    }
  }

  @Test(.needsSharedData) func `are found one after another in a single stream`() throws {
    let packets = try BLEVectors.packets().map(BLEVectors.bytes)
    // A command between the events and an event without its packet type are passed over.
    let events = packets.filter { $0[0] == 0x04 }
    #expect(events.count == packets.count - 2)
    #expect(BLEVectors.events(packets.flatMap { $0 }) == events)
  }

  @Test func `of the extended kind give address, set, signal and data`() throws {
    // The header of a real capture, with 17 bytes of data.
    let event = BLEVectors.bytes(
      "3e2b0d011300 01 db2cc3305e54 01 00 ff 7f b5 0000 00 000000000000 11 0201060303aafe0916aafe10ed0067 6f00")
    let reports = try #require(BLEVectors.reports(event))
    let report = try #require(reports.first)
    #expect(reports.count == 1)
    #expect(report.addressType == 1)
    #expect(report.address == 0x545E_30C3_2CDB)
    #expect(report.advertisingSet == 0xFF)
    #expect(report.completeness == .complete)
    #expect(report.signal == -75)
    #expect(report.data == 28..<45)
  }

  @Test func `with several reports are read one whole report after another`() throws {
    let first = BLEVectors.iBeacon(minor: 1)
    let event: [UInt8] =
      [0x3E, UInt8(2 + 10 + first.count + 10), 0x02, 0x02, 0x03, 0x01, 1, 2, 3, 4, 5, 6, UInt8(first.count)] + first
      + [0xC4] + [0x00, 0x00, 6, 5, 4, 3, 2, 1, 0x00, 0x7F]
    let reports = try #require(BLEVectors.reports(event))
    #expect(reports.map(\.address) == [0x0605_0403_0201, 0x0102_0304_0506])
    #expect(reports.map(\.signal) == [-60, nil])
    #expect(reports.map(\.data.count) == [first.count, 0])
  }

  @Test(arguments: [0x02 as UInt8, 0x0D]) func `whose lengths do not add up are refused whole`(subevent: UInt8) {
    let packet =
      subevent == 0x02
      ? BLEVectors.report(BLEVectors.iBeacon(minor: 9)) : BLEVectors.extendedReport(BLEVectors.iBeacon(minor: 9))
    let event = Array(packet.dropFirst())
    #expect(BLEVectors.reports(event) != nil)
    let dataLength = subevent == 0x02 ? 12 : 27
    for (index, change) in [(1, 1), (1, -1), (3, 1), (3, -1), (dataLength, 1), (dataLength, -1)] {
      var wrong = event
      wrong[index] = UInt8(Int(wrong[index]) + change)
      #expect(BLEVectors.reports(wrong) == nil, "byte \(index) changed by \(change)")
    }
    for length in 0..<event.count {
      var short = Array(event.prefix(length))
      if length > 1 { short[1] = UInt8(length - 2) }
      #expect(BLEVectors.reports(short) == nil, "cut to \(length) bytes")
    }
  }
}
