import Testing

@testable import SensorDrivers

@Suite struct LinePatternTests {
  private func match(_ pattern: String, _ line: String) throws -> (LinePattern.Match, [Double]) {
    let pattern = try LinePattern(pattern)
    var values: [Double] = []
    let bytes = Array(line.utf8)
    let result = pattern.match(bytes.span, into: &values)
    return (result, values)
  }

  @Test(
    arguments: [
      ("LVL {value} m", "LVL 1.234 m", [1.234]), ("LVL {value} m", "LVL    -1.2    m  ", [-1.2]),
      ("LVL{value}", "LVL   +7", [7]), ("{a},{b}", "1.5,-2", [1.5, -2]), ("{a};{skip};{b}", "1;x y;2", [1, 2]),
      ("{skip}:{value}mm", "gauge 4:1200mm", [1200]), ("{value}{skip}", "12 anything at all", [12]),
      ("{value}m*{checksum:xor}", "1.5m*6D", [1.5]), ("${begin}LVL,{value}{end}*{checksum:xor}", "$LVL,1.5*50", [1.5]),
      ("{status:OK|A} {value}", "A 3", [3]), ("{value} {status:OK}", "3 OK", [3]), ("{0x02}{value}", "\u{2}5", [5]),
      ("{{{value}}}", "{5}", [5]), ("t={value}C", "t=.5C", [0.5]), ("水位 {value}", "水位 2.5", [2.5]),
      ("{value} {checksum:sum8}", "1 51", [1]), ("{value},{checksum:crc16-modbus}", "123456789,0B0B", [123_456_789]),
    ] as [(String, String, [Double])])
  func `reads the numbers of a line that fits`(pattern: String, line: String, values: [Double]) throws {
    #expect(try match(pattern, line) == (.values, values))
  }

  @Test(arguments: [
    "LVL {value} m", "{a},{b}", "{a};{skip};{b}", "{skip}:{value}mm", "{value}{skip}", "{value}m*{checksum:xor}",
    "${begin}LVL,{value}{end}*{checksum:crc16-arc}", "{status:OK|A} {value}", "{0x02}{value}", "{{{value}}}",
    "水位 {value} {checksum:sum8}", "{a} {b};{checksum:crc16-modbus}",
  ])
  func `fits what it writes itself`(text: String) throws {
    let pattern = try LinePattern(text)
    for numbers in [[0, 0], [1.234, -5.678], [-0.001, 0.02], [12_345.6, -99_999.999]] {
      var values: [Double] = []
      let line = pattern.line(of: numbers)
      #expect(pattern.match(line.span, into: &values) == .values, "\(String(decoding: line, as: UTF8.self))")
      #expect(values == Array(numbers.prefix(pattern.fields.count)))
    }
    #expect(pattern.line(of: []) == pattern.line(of: [0, 0]), "what is missing is 0")
  }

  @Test(arguments: [
    ("LVL {value} m", ""), ("LVL {value} m", "LVL 1.2"), ("LVL {value} m", "LVL 1.2 mm"), ("LVL {value} m", "LVL1.2 m"),
    ("LVL {value} m", "xLVL 1.2 m"), ("LVL {value} m", "LVL x m"), ("LVL {value} m", "LVL 1.2.3 m"),
    ("{value}", "1 2"), ("{value}", "1234567890123456"), ("{value}", "-"), ("{value}", "."), ("{value}", "1e3"),
    ("{a};{skip};{b}", "1;2"), ("{value}*{checksum:xor}", "1*3"), ("{value}*{checksum:xor}", "1*zz"),
    ("{value}*{checksum:xor}", "1*1B0"), ("{status:OK} {value}", "OK"),
  ])
  func `leaves what does not fit, and keeps nothing of it`(pattern: String, line: String) throws {
    #expect(try match(pattern, line) == (.different, []))
  }

  @Test(arguments: [("{value}m*{checksum:xor}", "1.5m*03"), ("{value}m*{checksum:xor}", "1.4m*6D")])
  func `tells a wrong checksum from another line`(pattern: String, line: String) throws {
    #expect(try match(pattern, line) == (.wrongChecksum, []))
  }

  @Test(arguments: [("{value} {status:OK}", "1 NG"), ("{status:OK|A};{value}", "V;1"), ("{status:A};{value}", ";1")])
  func `tells that the sensor is not well`(pattern: String, line: String) throws {
    #expect(try match(pattern, line) == (.unwell, []))
  }

  @Test func `every one-bit flip of a checked line is rejected`() throws {
    for pattern in ["${begin}L,{value}{end}*{checksum:xor}", "$L,{value}*{checksum:crc16-arc}"] {
      let pattern = try LinePattern(pattern)
      let body = Array("$L,1.25".utf8)
      let kind: LineChecksum = pattern.text.contains("xor") ? .xor : .crc16ARC
      let checked = kind == .xor ? Array(body.dropFirst()) : body + [UInt8(ascii: "*")]
      let digits = String(kind.compute(checked.span), radix: 16, uppercase: true)
      let sent = String(repeating: "0", count: kind.digits - digits.count) + digits
      let line = body + Array("*\(sent)".utf8)
      var values: [Double] = []
      #expect(pattern.match(line.span, into: &values) == .values && values == [1.25])
      for bit in 0..<8 * line.count {
        let flipped = line.flipping(bit: bit)
        let result = pattern.match(flipped.span, into: &values)
        // Hexadecimal digits are read in either case.
        let isCase = bit % 8 == 5 && bit / 8 > body.count
        #expect(result != .values || isCase, "Bit \(bit) of \(pattern.text)")
      }
    }
  }

  @Test(arguments: [
    ("{", "has no }"), ("}", "has no {"), ("{}", "no field"), ("{Value}", "no field"), ("{a}{b}", "touch"),
    ("{a},{a}", "twice"), ("{a}0", "digit or point"), ("{skip}{value}", "touches"), ("{status:}", "empty word"),
    ("{status}", "says nothing"), ("{checksum:md5}", "unknown"), ("{checksum:xor}{checksum:xor}", "two checksums"),
    ("{begin}{value}{begin}", "twice"), ("{0xZZ}", "no byte"), ("{0x1}", "no byte"),
    (String(repeating: "x", count: 201), "201 bytes"),
    ((0..<17).map { "{a\($0)}" }.joined(separator: ","), "more than 16"),
  ])
  func `a text that is no pattern is told why`(text: String, problem: String) {
    let flaw = #expect(throws: LinePattern.Flaw.self) { try LinePattern(text) }
    #expect(flaw?.problem.contains(problem) == true && flaw?.advice.isEmpty == false, "\(String(describing: flaw))")
  }

  @Test func `what is sent is text and bytes, without fields`() throws {
    #expect(try LinePattern.bytes("M 1{0x0D}") == Array("M 1\r".utf8))
    #expect(try LinePattern.bytes("  ") == [0x20, 0x20])
    #expect(throws: LinePattern.Flaw.self) { try LinePattern.bytes("M{value}") }
  }

  @Test(
    arguments: [
      (LineChecksum.xor, 0x31), (.sum8, 0xDD), (.crc16Modbus, 0x4B37), (.crc16ARC, 0xBB3D), (.crc16CCITT, 0x29B1),
      (.crc16XMODEM, 0x31C3),
    ] as [(LineChecksum, UInt16)])
  func `checks are those of the catalogue`(kind: LineChecksum, value: UInt16) {
    let digits = Array("123456789".utf8)
    #expect(kind.compute(digits.span) == value)
  }

  @Test func `no line and no pattern trap or hang`() {
    var generator = SeededGenerator(seed: 7)
    let pieces = [
      "{a}", "{b}", "{skip}", "{status:OK}", "{checksum:xor}", " ", "x", ",", "{begin}", "{end}", "{{", "{0x41}",
    ]
    var matched = 0
    for _ in 0..<3000 {
      let text = (0..<Int.random(in: 1...6, using: &generator)).map { _ in pieces.randomElement(using: &generator)! }
      guard let pattern = try? LinePattern(text.joined()) else { continue }
      for _ in 0..<10 {
        let line = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
          Array("0123456789.-+ xOK,{A\u{0}".utf8).randomElement(using: &generator)!
        }
        var values: [Double] = []
        if pattern.match(line.span, into: &values) == .values {
          matched += 1
          #expect(values.count == pattern.fields.count)
        } else {
          #expect(values.isEmpty)
        }
      }
    }
    #expect(matched > 50)
  }
}

@Suite struct LineCollectorTests {
  private func lines(_ text: String, _ terminator: String = "") -> [String] {
    var collector = LineCollector(terminator: Array(terminator.utf8))
    return Array(text.utf8).compactMap { collector.feed($0) ? String(decoding: collector.line, as: UTF8.self) : nil }
  }

  @Test(arguments: [
    ("a\rb\nc\r\nd", "", ["a", "b", "c"]), ("a;b;;c", ";", ["a", "b"]), ("a\r\nb\rc\r\n", "\r\n", ["a", "b\rc"]),
    ("\r\n\r\n", "", []),
  ])
  func `cuts lines at their end and leaves out empty ones`(text: String, terminator: String, expected: [String]) {
    #expect(lines(text, terminator) == expected)
  }

  @Test(arguments: ["", "\r\n"])
  func `a line of 256 bytes is read, a longer one is dropped whole`(terminator: String) {
    let end = terminator.isEmpty ? "\n" : terminator
    let longest = String(repeating: "x", count: 256)
    #expect(lines(longest + end + "a" + end, terminator) == [longest, "a"])
    var collector = LineCollector(terminator: Array(terminator.utf8))
    let text = String(repeating: "x", count: 100_000) + end + "a" + end
    #expect(Array(text.utf8).count { collector.feed($0) } == 1)
    #expect(collector.overlong == 1 && collector.line == [UInt8(ascii: "a")])
  }
}
