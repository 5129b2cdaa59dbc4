import Observations
import SensorDrivers
import Testing

@Suite struct `Whatever a radio sends` {
  @Test func `no byte string traps the receiver`() {
    var random = BLEVectors.Generator(seed: 20_260_101)
    var receiver = BeaconReceiver(sensor: "gate")
    var actions = DriverActions()
    var time = MonotonicTime(nanoseconds: 0)
    receiver.opened(at: time, into: &actions)
    for round in 0..<100_000 {
      let bytes = random.bytes(0...80)
      time = time + .milliseconds(3)
      receiver.received(bytes.span, at: time, into: &actions)
      if round % 7 == 0 { receiver.wake(at: time, into: &actions) }
      if actions.reopen { receiver.opened(at: time, into: &actions) }
      actions.removeAll()
    }
    #expect(receiver.counters.bytesReceived > 3_000_000)
  }

  @Test func `no changed report traps the receiver, and it hears the next good one`() {
    var random = BLEVectors.Generator(seed: 4)
    var site = VirtualController()
    site.open()
    for round in 0..<20_000 {
      var packet =
        round % 2 == 0
        ? BLEVectors.report(BLEVectors.iBeacon(minor: round))
        : BLEVectors.extendedReport(BLEVectors.iBeacon(minor: round), status: UInt8(round / 2 % 3))
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        packet[Int.random(in: 0..<packet.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      site.send(packet)
      site.pass(.milliseconds(5))
      if round % 1000 == 0 {
        site.pass(.seconds(5))
        site.observations.removeAll()
        site.send(BLEVectors.report(BLEVectors.iBeacon(minor: 60_000)))
        #expect(site.sightings.map { BLEVectors.hex($0.tag) } == [BLEVectors.identifier(minor: 60_000)])
      }
    }
  }

  @Test func `no advertising data trap the recognisers`() {
    var random = BLEVectors.Generator(seed: 5)
    let formats = ["1aff4c000215", "1bff1801beac", "1716aafe00", "17166ffe02"].map(BLEVectors.bytes)
    var found = 0
    for round in 0..<100_000 {
      let data = formats[round % 4] + random.bytes(0...30)
      if BLEVectors.recognise(data) != nil { found += 1 }
    }
    #expect(found > 0)
  }

  @Test func `thirty minutes of noise make no water, no growth, and the first good report after it is heard`() throws {
    let rule = RawTagRule(
      format: try #require(TagFormat(name: "acme")), carrier: .company(0x0499), match: [0xA1],
      identity: .bytes(offset: 1, count: 6), battery: RawTagRule.Battery(offset: 7, unit: .percent))
    func acme(_ number: UInt8) -> [UInt8] {
      BLEVectors.bytes("0cff9904a1") + [0, 0, 0, 0, 0, number, 80, 0]
    }
    let contacts = try ([1, 2] as [UInt8]).map { number in
      let bytes: [UInt8] = [0, 0, 0, 0, 0, number]
      let tag = TagIdentifier(format: rule.format, bytes: bytes.span)
      return RadioContact(
        sensor: SensorID("coin-\(number)"), tag: try #require(tag), silentAfter: .seconds(90),
        unheardAfter: .minutes(10), lowBattery: 10)
    }
    var site = VirtualController(
      settings: BeaconReceiver.Settings(recognition: TagRecognition(rules: [rule])), contacts: contacts)
    site.open()
    var random = BLEVectors.Generator(seed: 30)
    for second in 0..<1800 {
      site.pass(.milliseconds(500))
      // Random bytes, half packets, dropped and repeated bytes, between good reports of both contacts.
      var packet = BLEVectors.report(acme(1), device: 1) + BLEVectors.extendedReport(acme(2), device: 2)
      switch second % 5 {
      case 0: packet = random.bytes(0...200)
      case 1: packet.removeSubrange(Int.random(in: 0..<packet.count, using: &random)...)
      case 2: packet.remove(at: .random(in: 0..<packet.count, using: &random))
      case 3:
        let index = Int.random(in: 0..<packet.count, using: &random)
        packet.insert(packet[index], at: index)
      default: break
      }
      site.send(packet)
      site.pass(.milliseconds(500))
    }
    for number in 1...2 { #expect(site.count(.contact(SensorID("coin-\(number)"), active: true)) == 0) }
    #expect(site.deafCount == 0)
    // H4 has no checksum: a spoilt report may name another tag, but one that nobody has on a list.
    #expect(site.receiver.counters.frames > 500)
    site.observations.removeAll()
    site.send(BLEVectors.report(BLEVectors.iBeacon(minor: 60_000)))
    #expect(site.sightings.map { BLEVectors.hex($0.tag) } == [BLEVectors.identifier(minor: 60_000)])
  }
}
