import Observations
import SensorDrivers
import Testing

@Suite struct `A flood contact whose silence means water` {
  private static let silentAfter = TimeSpan.seconds(90)

  private static func contact(_ number: Int) -> RadioContact {
    let bytes = BLEVectors.bytes(BLEVectors.identifier(minor: number))
    return RadioContact(
      sensor: SensorID("coin-\(number)"), tag: TagIdentifier(format: .iBeacon, bytes: bytes.span)!,
      silentAfter: silentAfter, unheardAfter: .minutes(10), lowBattery: 10)
  }

  /// A receiver with so many contacts, and telephones that pass by.
  private struct Site {
    var controller: VirtualController

    init(contacts: Int) {
      controller = VirtualController(
        settings: BeaconReceiver.Settings(quietBeforeDeaf: .minutes(10)),
        contacts: (1...contacts).map(`A flood contact whose silence means water`.contact))
      controller.open()
    }

    /// Lets so many seconds pass, in each of which these are heard.
    mutating func pass(seconds: Int, hearing numbers: [Int], others: Bool = false) {
      for _ in 0..<seconds {
        controller.pass(.seconds(1))
        for number in numbers { controller.send(BLEVectors.report(BLEVectors.iBeacon(minor: number))) }
        if others { controller.send(BLEVectors.report([0x02, 0x01, 0x06])) }
      }
    }

    /// What a contact said since the start.
    func said(_ number: Int) -> [String] {
      controller.observations.compactMap { timed in
        switch timed.observation {
        case .contact(SensorID("coin-\(number)"), let active): active ? "wet" : "dry"
        case .fault(SensorID("coin-\(number)"), let cause): cause.rawValue
        default: nil
        }
      }
    }
  }

  @Test func `is dry when it is heard, and says so again once a minute`() {
    var site = Site(contacts: 1)
    site.pass(seconds: 1, hearing: [1])
    #expect(site.said(1) == ["dry"])
    site.pass(seconds: 150, hearing: [1])
    #expect(site.said(1) == ["dry", "dry", "dry"])
    #expect(site.controller.sightings.isEmpty, "it is no tag of a person")
    #expect(site.controller.receiver.sensors == ["gate-north", "coin-1"])
  }

  @Test func `is wet when it alone falls silent, and dry as soon as it is heard`() {
    var site = Site(contacts: 3)
    site.pass(seconds: 30, hearing: [1, 2, 3])
    site.pass(seconds: 89, hearing: [2, 3])
    #expect(site.said(1) == ["dry"])
    site.pass(seconds: 2, hearing: [2, 3])
    #expect(site.said(1) == ["dry", "wet"])
    #expect(!site.said(2).contains("wet") && !site.said(3).contains("wet"))
    site.pass(seconds: 600, hearing: [2, 3])
    #expect(site.said(1) == ["dry", "wet"])
    site.pass(seconds: 1, hearing: [1, 2, 3])
    #expect(site.said(1) == ["dry", "wet", "dry"])
  }

  @Test func `is no flood when all fall silent at once: the receiver is deaf`() {
    var site = Site(contacts: 3)
    site.pass(seconds: 30, hearing: [1, 2, 3])
    site.pass(seconds: 100, hearing: [], others: true)
    for number in 1...3 { #expect(site.said(number) == ["dry", "deaf"]) }
    site.pass(seconds: 900, hearing: [], others: true)
    for number in 1...3 { #expect(site.said(number) == ["dry", "deaf"]) }
    // Then two are heard and the third is not: it is under water.
    site.pass(seconds: 200, hearing: [1, 2])
    #expect(site.said(1).prefix(3) == ["dry", "deaf", "dry"])
    #expect(site.said(3) == ["dry", "deaf", "wet"])
  }

  @Test func `is wet when one after the other goes under, to the last`() {
    var site = Site(contacts: 2)
    site.pass(seconds: 30, hearing: [1, 2])
    site.pass(seconds: 120, hearing: [2])
    #expect(site.said(1) == ["dry", "wet"])
    site.pass(seconds: 120, hearing: [], others: true)
    #expect(site.said(2).last == "wet")
    #expect(site.said(1) == ["dry", "wet"])
  }

  @Test func `that is the only one is wet while its receiver answers, and unknown while it does not`() {
    var site = Site(contacts: 1)
    site.pass(seconds: 30, hearing: [1])
    site.controller.isDead = true
    site.pass(seconds: 300, hearing: [])
    #expect(site.said(1).first == "dry")
    #expect(!site.said(1).contains("wet"))
    #expect(site.said(1).last == "deaf")
    site.controller.isDead = false
    site.pass(seconds: 80, hearing: [])
    #expect(!site.said(1).contains("wet"))
    site.pass(seconds: 20, hearing: [])
    #expect(site.said(1).last == "wet")
  }

  @Test func `that was not heard since the start is no flood before its time`() {
    var site = Site(contacts: 1)
    site.pass(seconds: 599, hearing: [], others: true)
    #expect(site.said(1) == [])
    site.pass(seconds: 2, hearing: [], others: true)
    #expect(site.said(1) == ["wet"])
  }

  @Test func `of which none was heard since the start are no flood at all`() {
    var site = Site(contacts: 2)
    site.pass(seconds: 1500, hearing: [], others: true)
    #expect(site.said(1) == ["deaf"])
    #expect(site.said(2) == ["deaf"])
  }

  @Test func `takes up its receiver's fault, and counts silence anew when it works again`() {
    var site = Site(contacts: 2)
    site.pass(seconds: 30, hearing: [1, 2])
    site.controller.receiver.failed(.portLost, at: site.controller.now, into: &site.controller.actions)
    site.controller.send([])
    #expect(site.said(1) == ["dry", "port_lost"])
    #expect(site.said(2) == ["dry", "port_lost"])
    site.pass(seconds: 600, hearing: [])
    #expect(site.said(1) == ["dry", "port_lost"])
    site.controller.open()
    site.pass(seconds: 80, hearing: [2])
    #expect(site.said(1) == ["dry", "port_lost"])
    site.pass(seconds: 20, hearing: [2])
    #expect(site.said(1) == ["dry", "port_lost", "wet"])
  }

  @Test func `with a low battery is faulty until it has a new one, and still tells water`() {
    let address = BLEVectors.bytes("0201060303aafe1116aafe2000")
    func telemetry(_ millivolts: Int) -> [UInt8] {
      let voltage = [UInt8(millivolts >> 8), UInt8(millivolts & 0xFF)]
      return BLEVectors.report(address + voltage + BLEVectors.bytes("13000000146700002ac4"))
    }
    let uid = BLEVectors.bytes("0201060303aafe1716aafe00e3123456789012346789010000000000010000")
    let contact = RadioContact(
      sensor: "coin-1",
      tag: TagIdentifier(
        format: .eddystoneUID, bytes: BLEVectors.bytes("12345678901234678901000000000001").span)!,
      silentAfter: Self.silentAfter, unheardAfter: .minutes(10), lowBattery: 10)
    var site = Site(contacts: 1)
    site.controller = VirtualController(contacts: [contact])
    site.controller.open()
    for (millivolts, seconds) in [(3000, 70), (2440, 200)] {
      for _ in 0..<seconds {
        site.controller.pass(.seconds(1))
        site.controller.send(telemetry(millivolts) + BLEVectors.report(uid))
      }
    }
    #expect(site.said(1) == ["dry", "dry", "dry", "battery_low"])
    site.pass(seconds: 100, hearing: [], others: true)
    #expect(site.said(1).last == "wet")
    site.controller.send(telemetry(2500) + BLEVectors.report(uid))
    #expect(site.said(1).suffix(2) == ["dry", "battery_low"])
    site.controller.send(telemetry(3000) + BLEVectors.report(uid))
    #expect(site.said(1).last == "dry")
  }
}
