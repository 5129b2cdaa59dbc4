import Observations
import SensorDrivers
import TestData
import Testing

@Suite struct `Published advertisements` {
  /// What a line must be: a tag of ours, another recogniser's business, or nothing at all.
  private enum Expected {
    case tag(TagFormat, String, power: Int8?)
    /// How it is with a tag that this one does not name.
    case telemetry(millivolts: UInt16, temperature: Int16, advertisements: UInt32, uptimeTenths: UInt32)
    /// Passed over until a recogniser of this name owns it.
    case passedOver(String)
    case rejected
  }

  private static let expected: [String: Expected] = [
    // -29 dBm at 0 m are -70 dBm at 1 m.
    "eddystone-uid": .tag(.eddystoneUID, "12345678901234678901000000000001", power: -70),
    "eddystone-url": .passedOver("Eddystone-URL"),
    "eddystone-tlm": .telemetry(millivolts: 2840, temperature: 19 * 256, advertisements: 5223, uptimeTenths: 10948),
    "eddystone-eid": .tag(.eddystoneEID, "4549445f74657374", power: -70),
    "ibeacon": .tag(.iBeacon, "4142434445464748494041424344454600010002", power: -8),
    "bad-truncated": .rejected,
    // Accepted: the service data say FEAA, and the list of services beside them is not asked.
    "bad-uuid-mismatch": .tag(.eddystoneUID, "12345678901234678901000000000001", power: -70),
    "line-simple-1": .tag(.lineSimpleBeacon, "32af519e88", power: nil),
    "line-simple-2": .tag(.lineSimpleBeacon, "8adfaf4326", power: nil),
    "altbeacon-own": .tag(.altBeacon, "0102030405060708090a0b0c0d0e0f1000010002", power: -59),
  ]

  @Test(.needsSharedData) func `decode to what they say, and no line is left out`() throws {
    let lines = try BLEVectors.advertisements()
    #expect(Set(lines.map(\.name)) == Set(Self.expected.keys))
    for line in lines {
      let data = BLEVectors.bytes(line.hex)
      let found = BLEVectors.recognise(data)
      switch try #require(Self.expected[line.name], "an unaccounted line: \(line.name)") {
      case .tag(let format, let identifier, let power):
        #expect(found?.tag.format == format, "\(line.name)")
        #expect(found.map { BLEVectors.hex($0.tag) } == identifier, "\(line.name): \(line.saying)")
        #expect(found?.powerAtOneMetre == power, "\(line.name)")
      case .telemetry(let millivolts, let temperature, let advertisements, let uptimeTenths):
        guard case .telemetry(let telemetry)? = TagRecognition().find(in: data.span) else {
          Issue.record("\(line.name) is no telemetry")
          continue
        }
        #expect(telemetry.batteryMillivolts == millivolts)
        #expect(telemetry.temperature == temperature)
        #expect(telemetry.advertisements == advertisements)
        #expect(telemetry.uptimeTenths == uptimeTenths)
      case .passedOver:
        #expect(found == nil, "\(line.name)")
      case .rejected:
        #expect(found == nil, "\(line.name)")
        #expect(Self.isTruncated(data))
      }
    }
  }

  private static func isTruncated(_ data: [UInt8]) -> Bool {
    var structures = AdvertisingStructureCursor()
    while structures.next(in: data.span) != nil {}
    return structures.isTruncated
  }

  @Test func `with a stray byte behind the tag still name the tag`() {
    let data = BLEVectors.iBeacon(minor: 5) + [0xE4]
    #expect(Self.isTruncated(data))
    #expect(BLEVectors.recognise(data).map { BLEVectors.hex($0.tag) } == BLEVectors.identifier(minor: 5))
  }

  @Test func `end at a structure of length zero`() {
    let data = [0x02, 0x01, 0x06, 0x00] + BLEVectors.iBeacon(minor: 5)
    #expect(BLEVectors.recognise(data) == nil)
    #expect(!Self.isTruncated(data))
  }

  @Test(arguments: [
    "1aff4d000215e2c56db5dffb48d2b060d0f5a71096e000010002c5",  // another company
    "1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002",  // one byte short
    "1bff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c500",  // one byte long
    "1aff4c001015e2c56db5dffb48d2b060d0f5a71096e000010002c5",  // another of Apple's types
    "1bff1801beae0102030405060708090a0b0c0d0e0f1000010002c500",  // another code
    "1aff1801beac0102030405060708090a0b0c0d0e0f1000010002c5",  // AltBeacon, one byte short
    "1716abfe00e3123456789012346789010000000000010000",  // another service
    "1416aafe00e3123456789012346789010000000000",  // Eddystone-UID, too short
    "0916 6ffe02 32af519e88",  // LINE without power and message
    "0a16 6ffe02 32af519e88 7f",  // LINE without message
    "0b16 6ffe02 32af519e88 7e 01",  // LINE with another power
    "1816 6ffe02 32af519e88 7f 0102030405060708090a0b0c0d0e",  // LINE with 14 bytes of message
    "17ff aafe00e3123456789012346789010000000000010000",  // service data said by a manufacturer
  ])
  func `that differ in one field are no tags`(hex: String) {
    #expect(BLEVectors.recognise(BLEVectors.bytes(hex)) == nil)
  }

  @Test func `of Eddystone-UID may leave out the reserved bytes`() {
    let data = BLEVectors.bytes("1516aafe00e31234567890123467890100000000000a")
    #expect(BLEVectors.recognise(data).map { BLEVectors.hex($0.tag) } == "1234567890123467890100000000000a")
  }

  @Test func `of LINE name the same tag whatever the message`() {
    let short = BLEVectors.bytes("0b166ffe0232af519e887f01")
    let long = BLEVectors.bytes("17166ffe0232af519e887f0102030405060708090a0b0c0d")
    #expect(BLEVectors.recognise(short) == BLEVectors.recognise(long))
    #expect(BLEVectors.recognise(short) != nil)
  }
}
