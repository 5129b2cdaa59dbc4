import Glibc
import Observations
import SensorDrivers
import Testing

@Suite struct `A Bluetooth controller of the board` {
  /// The two ends of a socket that keeps packets apart, as the kernel's channel does; ours does not block.
  private static func pair() throws -> (ours: Int32, theirs: Int32) {
    var ends: [Int32] = [0, 0]
    let kind = Int32(SOCK_SEQPACKET.rawValue)
    try #require(unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0)
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    return (ends[0], ends[1])
  }

  private static func receive(_ descriptor: Int32) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 512)
    let count = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    return count < 0 ? [] : Array(buffer.prefix(count))
  }

  @Test func `brings one packet at a time`() throws {
    let (ours, theirs) = try Self.pair()
    defer { close(theirs) }
    let channel = HCIChannel(owning: ours, name: "hci7")
    let reset = BLEVectors.bytes("040e0401030c00")
    let report = BLEVectors.report(BLEVectors.iBeacon(minor: 1))
    for packet in [reset, report] { #expect(unsafe send(theirs, packet, packet.count, 0) == packet.count) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    for packet in [reset, report] {
      var span = buffer.mutableSpan
      #expect(channel.read(into: &span) == .bytes(packet.count))
      #expect(Array(buffer.prefix(packet.count)) == packet)
    }
    var span = buffer.mutableSpan
    #expect(channel.read(into: &span) == .nothing)
  }

  @Test func `takes one command at a time, and half a command not at all`() throws {
    let (ours, theirs) = try Self.pair()
    defer { close(theirs) }
    let channel = HCIChannel(owning: ours, name: "hci7")
    let reset = BLEVectors.bytes("01030c00")
    let mask = BLEVectors.bytes("01010c080080000000000020")
    let bytes = reset + mask + mask.prefix(6)
    #expect(channel.write(bytes.span) == .written(reset.count + mask.count))
    #expect(Self.receive(theirs) == reset)
    #expect(Self.receive(theirs) == mask)
    #expect(Self.receive(theirs) == [])
  }

  @Test func `that goes away is said, and whoever writes to it survives`() throws {
    let (ours, theirs) = try Self.pair()
    let channel = HCIChannel(owning: ours, name: "hci7")
    close(theirs)
    var buffer = [UInt8](repeating: 0, count: 64)
    var span = buffer.mutableSpan
    guard case .lost(let error) = channel.read(into: &span) else {
      Issue.record("it is not lost")
      return
    }
    #expect(error.cause == .portLost)
    #expect(error.description.hasPrefix("Failed to use the Bluetooth controller hci7: "))
    let reset = BLEVectors.bytes("01030c00")
    guard case .lost = channel.write(reset.span) else {
      Issue.record("it can be written to")
      return
    }
  }

  @Test func `that is not there is told with what to do`() {
    // Whether this machine has Bluetooth or not, it has no 250 controllers.
    do {
      _ = try HCIChannel(controller: 250)
      Issue.record("there is a controller hci250")
    } catch {
      #expect([.portMissing, .portError].contains(error.cause))
      #expect(error.description.hasPrefix("Failed to "))
      #expect(error.advice.contains("systemd unit") || error.advice.contains("/sys/class/bluetooth"))
    }
  }
}
