import Testing

@testable import SensorDrivers

@Suite struct A02YYUWParserTests {
  @Test(arguments: [0, 30, 31, 1953, 4500, 4501, 0x01FF, 0xFFFF] as [UInt16])
  func `rejects every one-bit flip of a frame`(millimetres: UInt16) {
    let frame = A02YYUWParser.encode(millimetres: millimetres)
    for bit in 0..<32 {
      var parser = A02YYUWParser()
      #expect(frame.flipping(bit: bit).allSatisfy { parser.feed($0) == nil }, "Bit \(bit)")
    }
  }

  @Test(
    arguments: [
      (0, A02YYUWDistance.blindZone), (30, .blindZone), (31, .millimetres(31)), (4500, .millimetres(4500)),
      (4501, .noTarget), (9999, .noTarget), (0xFFFD, .noTarget), (0xFFFF, .noTarget),
    ] as [(UInt16, A02YYUWDistance)])
  func `tells distances from the blind zone and from no target`(millimetres: UInt16, expected: A02YYUWDistance) {
    var parser = A02YYUWParser()
    #expect(A02YYUWParser.encode(millimetres: millimetres).compactMap { parser.feed($0) } == [expected])
  }

  @Test(arguments: ["FF", "FFFF", "00FF", "07A1A7", "A7", "FF07", "FF07A1", "FF07A1FF", "0000FF", "FF0000"])
  func `finds back to the next frame after a broken one`(rest: String) {
    // The rest may swallow the first frame; the second must be found.
    var parser = A02YYUWParser()
    let stream = bytes(rest) + A02YYUWParser.encode(millimetres: 1953) + A02YYUWParser.encode(millimetres: 1953)
    let found = stream.compactMap { parser.feed($0) }
    #expect(found.last == .millimetres(1953))
    #expect(parser.unmatchedCount == 0)
    #expect(parser.resynchronisations == 1)
  }

  @Test func `a checksum that equals the header is not taken for one`() {
    var parser = A02YYUWParser()
    let zero = A02YYUWParser.encode(millimetres: 0)
    let stream = zero + A02YYUWParser.encode(millimetres: 1953) + zero + zero
    #expect(stream.compactMap { parser.feed($0) } == [.blindZone, .millimetres(1953), .blindZone, .blindZone])
    #expect(parser.resynchronisations == 0)
  }

  @Test func `a gap ends a false beginning that would repeat for ever`() {
    // 511 mm is FF 01 FF FF: read from its last byte on, FF FF 01 FF has a right sum, too.
    let frame = A02YYUWParser.encode(millimetres: 511)
    var parser = A02YYUWParser()
    #expect(parser.feed(0xFF) == nil)
    parser.gap()
    for _ in 0..<3 { #expect(frame.compactMap { parser.feed($0) } == [.millimetres(511)]) }
  }

  @Test func `no byte string traps the parser, and what it finds was there`() {
    var generator = SeededGenerator(seed: 3)
    var parser = A02YYUWParser()
    var window: [UInt8] = [0, 0, 0, 0]
    var found = 0
    for _ in 0..<100_000 {
      for _ in 0..<Int.random(in: 1...8, using: &generator) {
        let byte: UInt8 = Bool.random(using: &generator) ? 0xFF : UInt8.random(in: 0...255, using: &generator)
        window = window.dropFirst() + [byte]
        guard parser.feed(byte) != nil else { continue }
        found += 1
        #expect(window[0] == 0xFF && window[0] &+ window[1] &+ window[2] == window[3])
      }
    }
    #expect(found > 100)
  }
}
