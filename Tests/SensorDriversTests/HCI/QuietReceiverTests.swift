import Observations
import SensorDrivers
import Testing

@Suite struct `A receiver that answers and hears nothing` {
  private static let start: [UInt16] = [0x0C03, 0x0C01, 0x2003, 0x2001, 0x200C, 0x200B, 0x200C]

  private func site(quietBeforeDeaf: TimeSpan = .minutes(10)) -> VirtualController {
    VirtualController(settings: BeaconReceiver.Settings(quietBeforeDeaf: quietBeforeDeaf))
  }

  @Test func `is started anew, then opened anew, then deaf, and goes on trying`() {
    var site = site()
    site.open()
    site.pass(.seconds(119))
    #expect(site.opcodes.count { $0 == 0x0C03 } == 2)
    #expect(site.reopenings == 0)
    site.pass(.seconds(2))
    #expect(site.reopenings == 1)
    #expect(site.opcodes.count { $0 == 0x0C03 } == 3)
    site.pass(.seconds(478))
    #expect(site.deafCount == 0)
    let alive = site.aliveCount
    site.pass(.seconds(2))
    #expect(site.deafCount == 1)
    site.pass(.minutes(30))
    #expect(site.deafCount == 1)
    #expect(site.aliveCount == alive, "an answer proves no more that it hears")
    #expect(site.reopenings > 10)
  }

  @Test func `is believed again with the first report`() {
    var site = site(quietBeforeDeaf: .minutes(3))
    site.open()
    site.pass(.minutes(4))
    #expect(site.deafCount == 1)
    let alive = site.aliveCount
    site.send(BLEVectors.report([0x02, 0x01, 0x06]))
    #expect(site.aliveCount == alive + 1)
    // Ten quiet seconds later it is asked, and its answer counts again.
    site.pass(.seconds(11))
    #expect(site.aliveCount == alive + 2)
    site.pass(.minutes(3))
    #expect(site.deafCount == 2)
  }

  @Test func `is never deaf while anything at all is heard`() {
    var site = site(quietBeforeDeaf: .minutes(3))
    site.open()
    for _ in 0..<100 {
      site.pass(.seconds(170))
      site.send(BLEVectors.report([0x02, 0x01, 0x06]))
    }
    #expect(site.deafCount == 0)
    #expect(site.sightings.isEmpty)
  }

  @Test func `is not deaf for the time in which its port could not be used`() {
    var site = site(quietBeforeDeaf: .minutes(3))
    site.open()
    site.pass(.minutes(2))
    site.receiver.failed(.portLost, at: site.now, into: &site.actions)
    site.send([])
    site.pass(.hours(2))
    site.open()
    site.pass(.seconds(170))
    #expect(site.deafCount == 0)
    site.pass(.seconds(20))
    #expect(site.deafCount == 1)
  }
}
