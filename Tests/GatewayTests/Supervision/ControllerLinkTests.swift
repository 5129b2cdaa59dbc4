import Glibc
import Observations
import SensorDrivers
import Testing

@testable import Gateway

/// A controller at the other end of a socket that keeps packets apart: it completes every command and hears what it is
/// told to.
private final class PacketController: EventSource {
  private(set) var descriptor: Int32
  private(set) var opcodes: [UInt16] = []

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  var interest: EventInterest? { descriptor < 0 ? nil : EventInterest(descriptor: descriptor) }
  var nextDeadline: MonotonicTime? { nil }
  func wake(at time: MonotonicTime) {}

  func ready(at time: MonotonicTime) {
    var buffer = [UInt8](repeating: 0, count: 512)
    let count = unsafe read(descriptor, &buffer, buffer.count)
    guard count >= 4 else { return }
    // One read is one command: that is what the kernel asks of whoever writes.
    #expect(Int(count) == 4 + Int(buffer[3]))
    opcodes.append(UInt16(buffer[1]) | UInt16(buffer[2]) << 8)
    send([0x04, 0x0E, 12, 1, buffer[1], buffer[2], 0, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  func send(_ packet: [UInt8]) {
    #expect(unsafe Glibc.send(descriptor, packet, packet.count, Int32(MSG_NOSIGNAL)) == packet.count)
  }

  func unplug() {
    close(descriptor)
    descriptor = -1
  }
}

struct ControllerLinkTests {
  private static let report: [UInt8] = {
    let beacon: [UInt8] = [0x1A, 0xFF, 0x4C, 0x00, 0x02, 0x15] + Array(1...16) + [0, 1, 0, 2, 0xC5]
    let report: [UInt8] = [0x03, 0x01, 1, 2, 3, 4, 5, 0xC6, UInt8(beacon.count)] + beacon + [0xC0]
    return [0x04, 0x3E, UInt8(report.count + 2), 0x02, 0x01] + report
  }()

  private func pair() throws -> (ours: Int32, theirs: Int32) {
    var ends: [Int32] = [0, 0]
    try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    return (ends[0], ends[1])
  }

  @Test func `a controller is started, heard, and said to be lost when it goes away`() throws {
    let (ours, theirs) = try pair()
    let controller = PacketController(theirs)
    let sink = CollectingSink()
    let log = CollectingLog.make()
    let link = SerialLink(
      port: PortID("hci0"), address: .socket(ours), driver: BeaconReceiver(sensor: "gate-north"), sink: sink,
      logger: log.logger, at: monotonicNow())
    let loop = EventLoop { monotonicNow() }
    loop.add(controller)
    loop.add(link)
    #expect(turn(loop) { sink.observations.contains(.alive("gate-north")) })
    #expect(controller.opcodes == [0x0C03, 0x0C01, 0x2003, 0x2001, 0x200C, 0x200B, 0x200C])
    for _ in 0..<200 { controller.send(Self.report) }
    func sightings() -> Int {
      sink.observations.count { if case .sighting = $0 { true } else { false } }
    }
    #expect(turn(loop) { sightings() == 200 })
    #expect(link.counters.frames == 207)
    #expect(link.counters.resynchronisations == 0)
    controller.unplug()
    #expect(turn(loop) { link.fault != nil })
    #expect(sink.faults.first == .portLost)
    #expect(log.lines.all.first?.contains("Failed to use the Bluetooth controller") == true)
  }
}
