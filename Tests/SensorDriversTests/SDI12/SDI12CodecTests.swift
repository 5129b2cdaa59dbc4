import Testing

@testable import SensorDrivers

@Suite struct SDI12CodecTests {
  private let zero = SDI12Address(UInt8(ascii: "0"))!

  private func parse(_ text: String, crc: Bool = false, from address: String = "0") -> (SDI12Values.Result, [Double]) {
    var values: [Double] = []
    let line = Array(text.utf8)
    let result = SDI12Values.parse(
      line.span, from: SDI12Address(text: address)!, withChecksum: crc, into: &values)
    return (result, values)
  }

  @Test(
    arguments: [
      ("0+3.14OqZ", [3.14]), ("0+3.14+2.718+1.414Ipz", [3.14, 2.718, 1.414]),
      ("0+1.11+2.22+3.33+4.44+5.55+6.66I]q", [1.11, 2.22, 3.33, 4.44, 5.55, 6.66]),
      ("0+7.77+8.88+9.99IvW", [7.77, 8.88, 9.99]),
      ("0+3.14+2.718IWO", [3.14, 2.718]), ("0AP@", []),
    ] as [(String, [Double])])
  func `reads the specification's lines with checksums, and rejects every one-bit flip of them`(
    line: String, values: [Double]
  ) {
    #expect(parse(line, crc: true) == (.values(values.count), values))
    let bytes = Array(line.utf8)
    for bit in 0..<8 * bytes.count {
      let spoilt = bytes.flipping(bit: bit)
      var read: [Double] = []
      let result = SDI12Values.parse(spoilt.span, from: zero, withChecksum: true, into: &read)
      #expect(result == .malformed || result == .wrongChecksum, "Bit \(bit)")
      #expect(read.isEmpty)
    }
  }

  @Test(
    arguments: [
      ("0+1.23-4.5", [1.23, -4.5]), ("0-0", [-0.0]), ("0+1", [1]), ("0+.5-5.", [0.5, -5]), ("0+9999999", [9_999_999]),
      ("0-0.00001", [-0.00001]), ("0+3.14-2.5+0.001", [3.14, -2.5, 0.001]), ("0", []),
    ] as [(String, [Double])])
  func `reads values by their signs`(line: String, values: [Double]) {
    #expect(parse(line) == (.values(values.count), values))
  }

  @Test(arguments: [
    "", "1+3.14", "0 3.14", "03.14", "0+", "0+-1", "0+1.2.3", "0+1e3", "0+1,5", "0+1 ", "0+1\r", "0+1234567890123",
    "0+3.14\u{0}", "+3.14",
  ])
  func `refuses what is no line of values, and keeps nothing of it`(line: String) {
    #expect(parse(line) == (.malformed, []))
  }

  @Test(
    arguments: [
      ("00001", "M", 0, 1), ("00053", "M", 5, 3), ("00359", "M", 35, 9), ("00012", "M1", 1, 2), ("00101", "M9", 10, 1),
      ("001320", "C", 13, 20), ("099999", "C9", 999, 99), ("00000", "M", 0, 0),
    ] as [(String, String, Int, Int)])
  func `reads how long a measurement takes and what it brings`(
    line: String, measurement: String, seconds: Int, count: Int
  ) throws {
    let kind = try #require(SDI12Measurement(text: measurement, withChecksum: false)).kind
    let bytes = Array(line.utf8)
    let read = promise(bytes, to: kind)
    #expect(read?.seconds == seconds && read?.count == count)
    #expect(promise(Array(bytes.dropLast()), to: kind) == nil)
    #expect(promise(bytes + [0x30], to: kind) == nil)
    #expect(promise(Array(bytes.dropLast()) + [0x2B], to: kind) == nil)
    #expect(promise([0x61] + bytes.dropFirst(), to: kind) == nil)
  }

  // A span of a temporary array is too much for the compiler, so the arrays are parameters.
  private func promise(_ line: [UInt8], to kind: SDI12Measurement.Kind) -> SDI12Promise? {
    SDI12Promise(line.span, from: zero, to: kind)
  }

  private func identification(_ line: [UInt8]) -> SDI12Identification? {
    SDI12Identification(line.span, from: zero)
  }

  @Test func `a device says who it is`() throws {
    let line = Array("013METER   TER21 106T21-00042".utf8)
    let identification = try #require(self.identification(line))
    #expect(identification.version == 13)
    #expect(identification.text == "METER   TER21 106T21-00042")
    #expect(identification.matches("METER   TER21"))
    #expect(!identification.matches("METER   TER12"))
    #expect(self.identification(Array("013METER   TER21 ".utf8)) == nil)
    #expect(self.identification(line + Array(repeating: 0x31, count: 20)) == nil)
    #expect(self.identification(Array("0x3METER   TER21 106".utf8)) == nil)
  }

  @Test(arguments: [
    (SDI12Command.identify, "0I!"), (.data(0), "0D0!"), (.data(9), "0D9!"),
    (.measure(SDI12Measurement(text: "M", withChecksum: false)!), "0M!"),
    (.measure(SDI12Measurement(text: "M", withChecksum: true)!), "0MC!"),
    (.measure(SDI12Measurement(text: "M9", withChecksum: true)!), "0MC9!"),
    (.measure(SDI12Measurement(text: "C", withChecksum: false)!), "0C!"),
    (.measure(SDI12Measurement(text: "C", withChecksum: true)!), "0CC!"),
    (.measure(SDI12Measurement(text: "C1", withChecksum: true)!), "0CC1!"),
    (.measure(SDI12Measurement(text: "R0", withChecksum: false)!), "0R0!"),
    (.measure(SDI12Measurement(text: "R3", withChecksum: true)!), "0RC3!"),
  ])
  func `writes commands as the specification does`(command: SDI12Command, text: String) {
    var bytes: [UInt8] = []
    command.encode(to: zero, into: &bytes)
    #expect(bytes == Array(text.utf8))
  }

  @Test(arguments: ["", "M0", "C0", "R", "M10", "D0", "I", "m", "MC"])
  func `refuses what is no measurement`(text: String) {
    #expect(SDI12Measurement(text: text, withChecksum: false) == nil)
  }

  @Test(arguments: [
    ("0", true), ("9", true), ("A", true), ("z", true), ("?", false), ("", false), ("10", false), ("あ", false),
  ])
  func `an address is one digit or letter`(text: String, isAddress: Bool) {
    #expect((SDI12Address(text: text) != nil) == isAddress)
  }
}

@Suite struct SDI12LineReaderTests {
  private func collect(_ bytes: [UInt8], _ echo: String) -> [String] {
    var reader = SDI12LineReader()
    let command = Array(echo.utf8)
    reader.expect(echo: command.span)
    return bytes.compactMap { reader.feed($0) ? String(decoding: reader.line, as: UTF8.self) : nil }
  }

  @Test(arguments: [
    ("00013\r\n", ["00013"]), ("0M!00013\r\n", ["00013"]), ("\0\0" + "00013\r\n", ["00013"]),
    ("\0" + "0M!\0" + "00013\r\n0\r\n", ["00013", "0"]), ("00013\n", [""]), ("0001\0" + "3\r\n", [""]),
    ("\r\n\r\n", []),
    ("00013", []),
  ])
  func `finds lines behind echoes and turn-round noise, and spoils those with a byte of wrong parity`(
    text: String, expected: [String]
  ) {
    #expect(collect(Array(text.utf8), "0M!") == expected)
  }

  @Test func `an overlong line is spoilt, and the next is read`() {
    var reader = SDI12LineReader()
    let command = Array("0D0!".utf8)
    reader.expect(echo: command.span)
    let long = [UInt8](repeating: 0x2B, count: 5000)
    #expect(long.allSatisfy { !reader.feed($0) })
    #expect(Array("\r\n".utf8).count { reader.feed($0) } == 1)
    #expect(reader.line.isEmpty)
    #expect(Array("0+1\r\n".utf8).count { reader.feed($0) } == 1)
    #expect(reader.line == Array("0+1".utf8))
  }

  @Test func `no bytes trap the codec`() {
    var generator = SeededGenerator(seed: 12)
    var reader = SDI12LineReader()
    let command = Array("0D0!".utf8)
    reader.expect(echo: command.span)
    let likely = Array("0+-.123456789OqZ\r\n\0!".utf8)
    var found = 0
    for _ in 0..<200_000 {
      let byte =
        Int.random(in: 0..<8, using: &generator) == 0
        ? UInt8.random(in: 0...255, using: &generator) : likely.randomElement(using: &generator)!
      guard reader.feed(byte) else { continue }
      found += 1
      let line = reader.line
      var values: [Double] = []
      let address = SDI12Address(UInt8(ascii: "0"))!
      _ = SDI12Values.parse(line.span, from: address, withChecksum: false, into: &values)
      _ = SDI12Values.parse(line.span, from: address, withChecksum: true, into: &values)
      _ = SDI12Promise(line.span, from: address, to: .alone)
      _ = SDI12Identification(line.span, from: address)
    }
    #expect(found > 1000)
  }
}

@Suite struct SoftwareParityTests {
  private let even = SoftwareParity(SerialLine(baud: 1200, dataBits: 7, parity: .even))!
  private let odd = SoftwareParity(SerialLine(baud: 1200, dataBits: 7, parity: .odd))!

  @Test func `every character comes back, and every one-bit flip is read as zero`() {
    for character in 0..<128 as Range<UInt8> {
      for parity in [even, odd] {
        let byte = parity.encode(character)
        #expect(byte & 0x7F == character)
        #expect(parity.decode(byte) == character)
        for bit in 0..<8 { #expect(parity.decode(byte ^ 1 << UInt8(bit)) == 0) }
      }
      #expect(even.encode(character).nonzeroBitCount % 2 == 0)
      #expect(odd.encode(character).nonzeroBitCount % 2 == 1)
    }
  }

  @Test(arguments: [
    SerialLine(baud: 1200), SerialLine(baud: 1200, parity: .even), SerialLine(baud: 1200, dataBits: 7),
    SerialLine(baud: 1200, dataBits: 7, parity: .even, stopBits: 2),
  ])
  func `only seven bits with parity and one stop bit fit into eight`(line: SerialLine) {
    #expect(SoftwareParity(line) == nil)
  }
}
