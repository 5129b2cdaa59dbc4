import Observations
import SensorDrivers
import Testing

@Suite struct `A beacon receiver` {
  private static let legacyStart: [UInt16] = [0x0C03, 0x0C01, 0x2003, 0x2001, 0x200C, 0x200B, 0x200C]
  private static let extendedStart: [UInt16] = [0x0C03, 0x0C01, 0x2003, 0x1002, 0x2001, 0x2042, 0x2041, 0x2042]

  @Test func `starts a legacy scan that is passive, continuous and keeps duplicates`() {
    var site = VirtualController()
    site.open()
    #expect(site.opcodes == Self.legacyStart)
    #expect(site.commands[1] == BLEVectors.bytes("01010c08 0080000000000020"))
    #expect(site.commands[3] == BLEVectors.bytes("01012008 0200000000000000"))
    #expect(site.commands[4] == BLEVectors.bytes("010c2002 0000"))
    #expect(site.commands[5] == BLEVectors.bytes("010b2007 00 6000 6000 00 00"))
    #expect(site.commands[6] == BLEVectors.bytes("010c2002 0100"))
    #expect(site.aliveCount == 1)
    #expect(site.receiver.counters.bytesSent == UInt64(site.commands.reduce(0) { $0 + $1.count }))
  }

  @Test func `starts an extended scan where the controller has one`() {
    var site = VirtualController()
    site.supportsExtended = true
    site.open()
    #expect(site.opcodes == Self.extendedStart)
    #expect(site.commands[4] == BLEVectors.bytes("01012008 0210000000000000"))
    #expect(site.commands[6] == BLEVectors.bytes("01412008 00 00 01 00 6000 6000"))
    #expect(site.commands[7] == BLEVectors.bytes("01422006 01 00 0000 0000"))
    #expect(site.aliveCount == 1)
  }

  @Test(arguments: [[0x2041], [0x2042], [0x2041, 0x2042]] as [Set<UInt16>])
  func `resets and scans the legacy way when the extended one is refused`(refused: Set<UInt16>) {
    var site = VirtualController()
    site.supportsExtended = true
    site.refused = refused
    site.open()
    #expect(site.opcodes.suffix(6) == [0x0C03, 0x0C01, 0x2001, 0x200C, 0x200B, 0x200C])
    #expect(site.aliveCount == 1)
    #expect(site.deafCount == 0)
  }

  @Test func `asks three times, says once that it is deaf, and has the port opened again`() {
    var site = VirtualController()
    site.isDead = true
    site.open()
    site.pass(.milliseconds(2999))
    #expect(site.opcodes == [0x0C03, 0x0C03, 0x0C03])
    #expect(site.deafCount == 0)
    site.pass(.milliseconds(1))
    #expect(site.deafCount == 1)
    #expect(site.reopenings == 1)
    site.pass(.seconds(60))
    #expect(site.deafCount == 1)
    #expect(site.reopenings == 21)
    #expect(site.receiver.counters.timeouts == 63)
    site.isDead = false
    site.pass(.seconds(1))
    #expect(site.aliveCount == 1)
    site.isDead = true
    site.pass(.seconds(120))
    #expect(site.deafCount == 2)
  }

  @Test(arguments: [0x0C03, 0x0C01, 0x2001, 0x200B] as [UInt16])
  func `does not hurry a controller that refuses`(opcode: UInt16) {
    var site = VirtualController()
    site.refused = [opcode]
    site.open()
    site.pass(.seconds(10))
    #expect(site.opcodes.count { $0 == 0x0C03 } <= 16)
    #expect(site.deafCount == 1)
    #expect(site.aliveCount == 0)
  }

  @Test func `sends nothing while the controller takes no command`() {
    var site = VirtualController()
    site.credits = 0
    site.open()
    #expect(site.opcodes == [0x0C03])
    site.credits = 1
    site.send(BLEVectors.bytes("040e03010000"))
    #expect(site.opcodes == Self.legacyStart)
  }

  @Test func `says at most once a second that it is alive`() {
    var site = VirtualController()
    site.open()
    for minor in 0..<500 {
      site.pass(.milliseconds(10))
      site.send(BLEVectors.report(BLEVectors.iBeacon(minor: minor)))
    }
    #expect(site.sightings.count == 500)
    #expect(site.aliveCount == 6)
    #expect(site.opcodes == Self.legacyStart)
  }

  @Test func `asks for its address after ten quiet seconds, and the answer shows life`() {
    var site = VirtualController()
    site.open()
    site.pass(.milliseconds(9999))
    #expect(site.opcodes == Self.legacyStart)
    site.pass(.milliseconds(1))
    #expect(site.opcodes == Self.legacyStart + [0x1009])
    #expect(site.aliveCount == 2)
    site.pass(.seconds(10))
    #expect(site.aliveCount == 3)
  }

  @Test func `starts anew after a quiet minute, since the controller may have restarted by itself`() {
    var site = VirtualController()
    site.open()
    site.pass(.seconds(60))
    #expect(site.opcodes == Self.legacyStart + [0x1009, 0x1009, 0x1009, 0x1009, 0x1009] + Self.legacyStart)
    #expect(site.deafCount == 0)
  }

  @Test func `is deaf when neither the question nor a reset is answered`() {
    var site = VirtualController()
    site.open()
    site.pass(.seconds(5))
    site.isDead = true
    site.pass(.seconds(5 + 1 + 1))
    #expect(site.deafCount == 0)
    site.pass(.seconds(1))
    #expect(site.deafCount == 1)
    #expect(site.reopenings == 1)
    #expect(site.opcodes == Self.legacyStart + [0x1009, 0x0C03, 0x0C03, 0x0C03])
  }

  @Test func `starts anew after a hardware error and after an unexpected restart`() {
    var site = VirtualController()
    site.open()
    site.pass(.seconds(1))
    site.send(BLEVectors.bytes("04100142"))
    site.pass(.seconds(1))
    #expect(site.opcodes == Self.legacyStart + Self.legacyStart)
    for _ in 0..<3 {
      site.pass(.seconds(9))
      site.send(BLEVectors.report(BLEVectors.iBeacon(minor: 1)))
    }
    site.send(BLEVectors.bytes("040e03010000"))
    #expect(site.opcodes == Self.legacyStart + Self.legacyStart + Self.legacyStart)
    #expect(site.deafCount == 0)
  }

  @Test func `passes over reports without a signal strength`() {
    var site = VirtualController()
    site.open()
    for signal in [127, 21, -128] as [Int8] {
      site.send(BLEVectors.report(BLEVectors.iBeacon(minor: 3), signal: signal))
    }
    #expect(site.sightings.isEmpty)
    for signal in [20, -127] as [Int8] {
      site.send(BLEVectors.report(BLEVectors.iBeacon(minor: 3), signal: signal))
    }
    #expect(site.sightings.map(\.signal) == [20, -127])
  }

  @Test func `gives up a half packet after a quarter of a second and hears the next one`() {
    var site = VirtualController()
    site.open()
    site.send(Array(BLEVectors.report(BLEVectors.iBeacon(minor: 1)).dropLast(20)))
    site.pass(.milliseconds(249))
    #expect(site.receiver.counters.resynchronisations == 0)
    site.pass(.milliseconds(1))
    #expect(site.receiver.counters.resynchronisations == 1)
    site.send(BLEVectors.report(BLEVectors.iBeacon(minor: 2)))
    #expect(site.sightings.map { BLEVectors.hex($0.tag) } == [BLEVectors.identifier(minor: 2)])
  }

  @Test func `says the port's fault and is silent until it is opened`() {
    var site = VirtualController()
    site.open()
    site.receiver.failed(.portLost, at: site.now, into: &site.actions)
    #expect(site.actions.observations.map(\.observation) == [.fault(VirtualController.sensor, .portLost)])
    #expect(site.actions.transmit.isEmpty)
    #expect(site.receiver.nextDeadline == nil)
  }

  @Test func `hears each of 300 tags each second among 2,000 bystanders`() {
    var site = VirtualController()
    site.open()
    var random = BLEVectors.Generator(seed: 300)
    let bystanders = (0..<2000).map { _ in
      let payload = random.bytes(20...20)
      return BLEVectors.report([0x02, 0x01, 0x06, 0x17, 0xFF, 0x99, 0x09] + payload, device: payload[0])
    }
    let tags = (0..<300).map { BLEVectors.report(BLEVectors.iBeacon(minor: $0), device: UInt8($0 & 0xFF)) }
    for _ in 0..<5 {
      site.pass(.seconds(1))
      site.observations.removeAll()
      let crowd = (bystanders + tags).shuffled(using: &random).flatMap { $0 }
      var start = 0
      while start < crowd.count {
        let end = min(start + 4096, crowd.count)
        site.send(Array(crowd[start..<end]))
        start = end
      }
      let heard = Set(site.sightings.map { BLEVectors.hex($0.tag) })
      #expect(site.sightings.count == 300)
      #expect(heard == Set((0..<300).map(BLEVectors.identifier)))
    }
    #expect(site.receiver.counters.frames == UInt64(7 + 5 * 2300))
    #expect(site.receiver.counters.resynchronisations == 0)
  }
}
