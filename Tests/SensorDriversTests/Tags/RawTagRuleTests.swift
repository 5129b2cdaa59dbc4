import Observations
import SensorDrivers
import Testing

@Suite struct `A tag format of the configuration` {
  private static let format = TagFormat(name: "acme")!

  /// Company 0499: A1, a byte of which the lowest two bits count, six bytes of identifier, a battery and a button.
  private static func rule(
    carrier: RawTagRule.Carrier = .company(0x0499), identity: RawTagRule.Identity = .bytes(offset: 2, count: 6),
    battery: RawTagRule.Battery? = RawTagRule.Battery(offset: 8, unit: .percent),
    button: RawTagRule.Button? = RawTagRule.Button(offset: 9, bit: 3)
  ) -> RawTagRule {
    RawTagRule(
      format: format, carrier: carrier, match: [0xA1, 0x01], mask: [0xFF, 0x03], identity: identity, button: button,
      battery: battery)
  }

  private func found(
    _ hex: String, _ rule: RawTagRule = rule(), from advertiser: Advertiser? = nil
  ) -> TagAdvertisement? {
    BLEVectors.recognise(BLEVectors.bytes(hex), by: TagRecognition(rules: [rule]), from: advertiser)
  }

  @Test func `finds identifier, battery and button where it says they are`() throws {
    let tag = try #require(found("020106 0dff9904 a1f5 0102030405aa 50 08"))
    #expect(tag.tag.format.name == "acme")
    #expect(BLEVectors.hex(tag.tag) == "0102030405aa")
    #expect(tag.battery == 80)
    #expect(tag.isButtonPressed == true)
    #expect(found("0dff9904 a1f5 0102030405aa 50 f7")?.isButtonPressed == false)
  }

  @Test(arguments: [
    "0dff9905 a1f5 0102030405aa 50 08",  // another company
    "0dff9904 a2f5 0102030405aa 50 08",  // another first byte
    "0dff9904 a1f6 0102030405aa 50 08",  // a bit that the mask asks for
    "0d169904 a1f5 0102030405aa 50 08",  // a service of the same number
    "0aff9904 a1f5 0102030405",  // one byte of the identifier is missing
    "04ff9904 a1",  // shorter than what must match
    "02ff99",  // shorter than a company's number
    "01ff",
  ])
  func `passes over what differs`(hex: String) {
    #expect(found(hex) == nil)
  }

  @Test func `leaves out a battery and a button that are not there`() throws {
    let tag = try #require(found("0bff9904 a1f5 0102030405aa"))
    #expect(tag.battery == nil)
    #expect(tag.isButtonPressed == nil)
  }

  @Test(
    arguments: [
      (RawTagRule.Battery.Unit.percent, "64", 100), (.percent, "00", 0), (.percent, "ff", nil),
      (.millivolts, "0bb8", 100), (.millivolts, "0b54", 42), (.millivolts, "0000", nil),
      (.millivoltsLowFirst, "b80b", 100), (.decivolts, "1d", 42), (.decivolts, "00", nil),
      (.millivolts, "0b", nil),
    ] as [(RawTagRule.Battery.Unit, String, UInt8?)])
  func `reads a battery as its unit says`(unit: RawTagRule.Battery.Unit, hex: String, percent: UInt8?) throws {
    let bytes = BLEVectors.bytes("a1f5 0102030405aa" + hex)
    let rule = Self.rule(battery: RawTagRule.Battery(offset: 8, unit: unit), button: nil)
    let data = [UInt8(bytes.count + 3), 0xFF, 0x99, 0x04] + bytes
    let tag = try #require(BLEVectors.recognise(data, by: TagRecognition(rules: [rule]), from: nil))
    #expect(tag.battery == percent)
  }

  @Test func `goes by a service as well`() throws {
    let tag = try #require(found("0d169904 a1f5 0102030405aa 50 08", Self.rule(carrier: .service(0x0499))))
    #expect(BLEVectors.hex(tag.tag) == "0102030405aa")
  }

  @Test func `knows a tag by its radio address, and one that can be resolved as such`() throws {
    let rule = Self.rule(identity: .address)
    let hex = "0dff9904 a1f5 0102030405aa 50 08"
    let fixed = try #require(found(hex, rule, from: Advertiser(addressType: 1, address: 0xC655_4433_2201)))
    #expect(fixed.tag.format.name == "acme")
    #expect(BLEVectors.hex(fixed.tag) == "c65544332201")
    let resolvable = try #require(found(hex, rule, from: Advertiser(addressType: 1, address: 0x7081_940D_FBAA)))
    #expect(resolvable.tag.format == .resolvableAddress)
    #expect(BLEVectors.hex(resolvable.tag) == "7081940dfbaa")
    #expect(resolvable.battery == 80)
    // A public address is never resolvable, whatever its bits.
    let open = try #require(found(hex, rule, from: Advertiser(addressType: 0, address: 0x7081_940D_FBAA)))
    #expect(open.tag.format.name == "acme")
    #expect(found(hex, rule, from: nil) == nil)
  }

  @Test func `may go by a resolvable address alone, and asks everything else first`() throws {
    let rule = RawTagRule(format: Self.format, carrier: .anything, identity: .address)
    let resolvable = Advertiser(addressType: 1, address: 0x7081_940D_FBAA)
    let tag = try #require(found("020106", rule, from: resolvable))
    #expect(tag.tag.format == .resolvableAddress)
    #expect(found("020106", rule, from: Advertiser(addressType: 1, address: 0xF081_940D_FBAA)) == nil)
    let beacon = BLEVectors.recognise(
      BLEVectors.iBeacon(minor: 4), by: TagRecognition(rules: [rule]), from: resolvable)
    #expect(beacon?.tag.format == .iBeacon)
  }

  @Test func `is asked before the known formats`() throws {
    let rule = RawTagRule(
      format: Self.format, carrier: .company(0x004C), match: [0x02, 0x15], identity: .bytes(offset: 18, count: 4))
    let tag = BLEVectors.recognise(BLEVectors.iBeacon(minor: 4), by: TagRecognition(rules: [rule]), from: nil)
    #expect(tag?.tag.format.name == "acme")
    #expect(tag.map { BLEVectors.hex($0.tag) } == "00010004")
  }

  @Test func `never fails, whatever the bytes and wherever its fields lie`() {
    var random = BLEVectors.Generator(seed: 11)
    var found = 0
    for _ in 0..<20_000 {
      let rule = RawTagRule(
        format: Self.format, carrier: Bool.random(using: &random) ? .company(0x0101) : .service(0x0101),
        match: random.bytes(0...3), mask: random.bytes(0...4),
        identity: .bytes(offset: .random(in: 0...30, using: &random), count: .random(in: 1...20, using: &random)),
        button: RawTagRule.Button(offset: .random(in: 0...40, using: &random), bit: 7),
        battery: RawTagRule.Battery(offset: .random(in: 0...40, using: &random), unit: .millivolts))
      let content = random.bytes(0...29)
      let data = [UInt8(content.count + 3), Bool.random(using: &random) ? 0xFF : 0x16, 1, 1] + content
      let spoilt = Array(data.prefix(.random(in: 0...data.count, using: &random)))
      for data in [data, spoilt, random.bytes(0...31)] {
        found += BLEVectors.recognise(data, by: TagRecognition(rules: [rule]), from: nil) == nil ? 0 : 1
      }
    }
    #expect(found > 100)
  }

  @Test func `has a name that can be hashed`() {
    #expect(TagFormat(name: "") == nil)
    #expect(TagFormat(name: "seventeen-letters") == nil)
    #expect(TagFormat(name: "sixteen-letters1")?.name == "sixteen-letters1")
    #expect(TagFormat(name: "Acme") == nil)
    #expect(TagFormat(name: "a:b") == nil)
    #expect(TagFormat(name: "ibeacon") == .iBeacon)
    for format in TagFormat.fixed + TagFormat.rotating {
      #expect(TagFormat(name: format.name) == format)
      #expect(format.characters == Array(format.name.utf8))
    }
  }
}
