import Observations
import SensorDrivers
import Testing

@Suite struct `The H4 splitter` {
  private static func good(_ minor: Int) -> [UInt8] {
    BLEVectors.report(BLEVectors.iBeacon(minor: minor), device: UInt8(minor & 0xFF))
  }

  /// 200 packets with noise between, inside or instead of some of them; and which stayed whole.
  private static func damagedStream(seed: UInt64) -> (bytes: [UInt8], whole: [[UInt8]]) {
    var random = BLEVectors.Generator(seed: seed)
    var stream: [UInt8] = []
    var whole: [[UInt8]] = []
    for minor in 0..<200 {
      var packet = good(minor)
      switch Int.random(in: 0..<20, using: &random) {
      case 0: stream += random.bytes(1...60)
      case 1: packet.remove(at: Int.random(in: 0..<packet.count, using: &random))
      case 2:
        packet.insert(UInt8.random(in: 0...255, using: &random), at: .random(in: 1..<packet.count, using: &random))
      case 3: packet.removeLast(Int.random(in: 1..<packet.count, using: &random))
      case 4: packet[Int.random(in: 0..<3, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      default: break
      }
      if packet == good(minor) { whole.append(packet) }
      stream += packet
    }
    return (stream, whole)
  }

  @Test(arguments: 1...200 as ClosedRange<UInt64>) func `loses no packet that stayed whole`(seed: UInt64) {
    let (stream, whole) = Self.damagedStream(seed: seed)
    let found = BLEVectors.events(stream)
    // What is found beside them is what was damaged in a way that H4, without a checksum, cannot show.
    let lost = whole.filter { !found.contains($0) }
    #expect(lost.isEmpty)
    #expect(found.filter { whole.contains($0) }.count == whole.count)
  }

  @Test(arguments: 1...50 as ClosedRange<UInt64>) func `finds the same however the bytes are cut`(seed: UInt64) {
    let (stream, _) = Self.damagedStream(seed: seed)
    let atOnce = BLEVectors.events(stream)
    var random = BLEVectors.Generator(seed: seed)
    #expect(BLEVectors.events(stream) { Int.random(in: 1...90, using: &random) } == atOnce)
    #expect(BLEVectors.events(stream) { 1 } == atOnce)
  }

  @Test func `takes events and passes over packets of all other kinds`() {
    let data: [UInt8] = [0x02, 0x40, 0x20, 0x03, 0x00, 7, 7, 7]
    let voice: [UInt8] = [0x03, 0x40, 0x20, 0x02, 9, 9]
    let isochronous: [UInt8] = [0x05, 0x40, 0x20, 0x01, 0x00, 5]
    let vendor: [UInt8] = [0x04, 0xFF, 0x02, 1, 2]
    let status = BLEVectors.bytes("040f0400010320")
    let complete = BLEVectors.bytes("040e0401030c00")
    let error = BLEVectors.bytes("04100103")
    let stream =
      Self.good(1) + data + Self.good(2) + voice + status + isochronous + complete + vendor + Self.good(3) + error
    #expect(BLEVectors.events(stream) == [Self.good(1), Self.good(2), status, complete, Self.good(3), error])
  }

  @Test func `takes a clean stream without a resynchronisation`() {
    var splitter = H4Splitter()
    for minor in 0..<1000 {
      let packet = Self.good(minor)
      let taken = splitter.append(packet.span, from: 0)
      #expect(taken == packet.count)
      let found = splitter.next().map { Array(splitter.buffer[$0]) }
      #expect(found == packet)
      #expect(!splitter.hasPartialPacket)
    }
    #expect(splitter.resynchronisations == 0)
    #expect(splitter.malformedEvents == 0)
  }

  @Test func `gives back packets that a false header has swallowed`() {
    // Five bytes of noise that look like the header of 300 bytes of data.
    let swallowed = (0..<6).map(Self.good)
    let stream = Self.good(100) + [0x02, 0x01, 0x00, 0x2C, 0x01] + swallowed.flatMap { $0 } + Self.good(101) + [0x99]
    #expect(BLEVectors.events(stream) == [Self.good(100)] + swallowed + [Self.good(101)])
  }

  @Test func `waits for nothing that only claims to be long`() {
    let stream = Self.good(1) + [0x02, 0x01, 0x00, 0xFF, 0xFF] + Self.good(2)
    var splitter = H4Splitter()
    let taken = splitter.append(stream.span, from: 0)
    #expect(taken == stream.count)
    var found: [[UInt8]] = []
    while let packet = splitter.next() { found.append(Array(splitter.buffer[packet])) }
    #expect(found == [Self.good(1), Self.good(2)])
  }

  @Test func `stays within its buffer on a megabyte of noise and then hears again`() {
    var random = BLEVectors.Generator(seed: 7)
    var splitter = H4Splitter()
    for _ in 0..<256 {
      let noise = (0..<4096).map { _ in UInt8.random(in: 0...5, using: &random) }
      var taken = 0
      while taken < noise.count {
        let more = splitter.append(noise.span, from: taken)
        #expect(more > 0)
        taken += more
        while splitter.next() != nil {}
      }
      #expect(splitter.buffer.count == 8192)
    }
    let last = Self.good(5)
    let taken = splitter.append(last.span, from: 0)
    #expect(taken == last.count)
    var found: [[UInt8]] = []
    while true {
      while let packet = splitter.next() { found.append(Array(splitter.buffer[packet])) }
      guard splitter.hasPartialPacket else { break }
      splitter.abandonPartialPacket()
    }
    #expect(found.last == last)
  }
}
