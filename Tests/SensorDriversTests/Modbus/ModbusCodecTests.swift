import Observations
import Testing

@testable import SensorDrivers

@Suite struct ModbusCodecTests {
  /// A parser that also expects answers of the same shape from every unit that one wrong bit could make of this one.
  private func curiousParser(expecting request: ModbusRequest) -> ModbusReplyParser {
    var parser = ModbusReplyParser()
    for bit in 0..<8 as Range<UInt8> {
      let unit = request.unit ^ 1 << bit
      let other =
        switch (request.written, request.table) {
        case (nil, _):
          ModbusRequest(unit: unit, table: request.table, address: 0, quantity: request.quantity)
        case (let value?, .coil): ModbusRequest(unit: unit, coil: request.address, on: value != 0)
        case (let value?, _): ModbusRequest(unit: unit, register: request.address, value: value)
        }
      if let other { parser.expect(other) }
    }
    parser.expect(request)
    return parser
  }

  static let requests: [ModbusRequest] = [
    ModbusRequest(unit: 1, table: .input, address: 0, quantity: 1)!,
    ModbusRequest(unit: 17, table: .holding, address: 107, quantity: 3)!,
    ModbusRequest(unit: 247, table: .input, address: 65535, quantity: 125)!,
    ModbusRequest(unit: 2, table: .coil, address: 19, quantity: 19)!,
    ModbusRequest(unit: 3, table: .discrete, address: 196, quantity: 2000)!,
    ModbusRequest(unit: 17, coil: 172, on: true)!,
    ModbusRequest(unit: 17, coil: 172, on: false)!,
    ModbusRequest(unit: 17, register: 1, value: 3)!,
  ]

  @Test(arguments: requests)
  func `rejects every one-bit flip of an answer, an exception and a request`(request: ModbusRequest) throws {
    for frame in [honestAnswer(request), exceptionAnswer(request, .deviceBusy)] {
      var parser = curiousParser(expecting: request)
      #expect(frame.compactMap { parser.feed($0) }.map(\.request) == [request])
      let fresh = curiousParser(expecting: request)
      for bit in 0..<frame.count * 8 {
        var parser = fresh
        let found = frame.flipping(bit: bit).compactMap { parser.feed($0) }
        #expect(found.isEmpty, "Bit \(bit) of \(frame.count) bytes")
      }
    }
    var frame: [UInt8] = []
    request.encode(into: &frame)
    #expect(ModbusRequest(frame: frame.span) == request)
    for bit in 0..<frame.count * 8 {
      #expect(ModbusRequest(frame: frame.flipping(bit: bit).span) == nil, "Bit \(bit)")
    }
  }

  @Test(arguments: [
    (ModbusWordOrder.abcd, "41480000"), (.cdab, "00004148"), (.badc, "48410000"), (.dcba, "00004841"),
  ])
  func `reads twelve and a half in each word order`(order: ModbusWordOrder, hex: String) {
    #expect(ModbusNumberType.float32.decode(bytes(hex).span, order: order) == 12.5)
  }

  @Test(arguments: [
    (ModbusNumberType.int16, "FF38", ModbusWordOrder.abcd, -200.0), (.uint16, "FF38", .abcd, 65336),
    (.uint16, "38FF", .badc, 65336), (.int16, "38FF", .dcba, -200), (.int16, "8000", .cdab, -32768),
    (.int32, "FFFFFF38", .abcd, -200), (.uint32, "FFFFFF38", .abcd, 4_294_967_096),
    (.int32, "FF38FFFF", .cdab, -200), (.int32, "38FFFFFF", .dcba, -200), (.uint32, "01020304", .badc, 33_620_995),
    (.int32, "80000000", .abcd, -2_147_483_648),
  ])
  func `reads integers of both widths and signs`(
    type: ModbusNumberType, hex: String, order: ModbusWordOrder, value: Double
  ) {
    #expect(type.decode(bytes(hex).span, order: order) == value)
  }

  @Test(arguments: ModbusNumberType.allCases)
  func `refuses a number of the wrong length`(type: ModbusNumberType) {
    for count in 0...6 where count != 2 * type.registerCount {
      #expect(type.decode([UInt8](repeating: 1, count: count).span, order: .abcd) == nil)
    }
  }

  @Test func `names every exception of the specification`() {
    let names: [UInt8: String] = [
      1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "device failure",
      5: "acknowledge", 6: "device busy", 8: "memory parity error", 10: "gateway path unavailable",
      11: "gateway target device failed to respond", 7: "exception 7",
    ]
    for (code, name) in names { #expect(ModbusException(rawValue: code).description == name) }
  }

  @Test func `refuses requests that no device may be sent`() {
    #expect(ModbusRequest(unit: 0, table: .input, address: 0, quantity: 1) == nil)
    #expect(ModbusRequest(unit: 248, table: .input, address: 0, quantity: 1) == nil)
    #expect(ModbusRequest(unit: 1, table: .input, address: 0, quantity: 0) == nil)
    #expect(ModbusRequest(unit: 1, table: .input, address: 0, quantity: 126) == nil)
    #expect(ModbusRequest(unit: 1, table: .coil, address: 0, quantity: 2001) == nil)
    #expect(ModbusRequest(unit: 0, coil: 0, on: true) == nil)
    #expect(ModbusRequest(unit: 248, register: 0, value: 0) == nil)
    // A coil is written with FF00 or 0000 and nothing else.
    #expect(ModbusRequest(frame: bytes("110500AC1234023D").span) == nil)
  }

  /// The examples of the specification's sections 6.1, 6.2, 6.5 and 6.6, sent to unit 17.
  @Test(arguments: [
    (ModbusRequest(unit: 17, table: .coil, address: 19, quantity: 19)!, "110100130013"),
    (ModbusRequest(unit: 17, table: .discrete, address: 196, quantity: 22)!, "110200C40016"),
    (ModbusRequest(unit: 17, coil: 172, on: true)!, "110500ACFF00"),
    (ModbusRequest(unit: 17, register: 1, value: 3)!, "110600010003"),
  ])
  func `writes requests as the specification does`(request: ModbusRequest, beginning: String) {
    var frame: [UInt8] = []
    request.encode(into: &frame)
    #expect(Array(frame.dropLast(2)) == bytes(beginning))
    #expect(ModbusRequest(frame: frame.span) == request)
  }

  /// The specification's answer CD 6B 05 to a request for 19 coils from 19 on, and AC DB 35 for 22 inputs from 196 on.
  @Test(arguments: [
    (ModbusTable.coil, 19, "CD6B05", "1011001111010110101"), (.discrete, 22, "ACDB35", "0011010111011011101011"),
  ])
  func `reads bits from the lowest of the first byte on`(table: ModbusTable, count: Int, data: String, bits: String) {
    let request = ModbusRequest(unit: 17, table: table, address: 19, quantity: count)!
    let expected = bits.map { $0 == "1" }
    var answer: [UInt8] = []
    request.encodeAnswer(expected, into: &answer)
    #expect(Array(answer[3..<answer.count - 2]) == bytes(data))
    var parser = ModbusReplyParser()
    parser.expect(request)
    #expect(answer.compactMap { parser.feed($0) }.count == 1)
    #expect((0..<count).map { parser.bit($0) } == expected)
    #expect(parser.bit(24) == nil)
    #expect(parser.bit(-1) == nil)
  }

  @Test func `what was written must come back word for word`() {
    let request = ModbusRequest(unit: 1, coil: 3, on: true)!
    for other in [
      ModbusRequest(unit: 1, coil: 3, on: false)!, ModbusRequest(unit: 1, coil: 4, on: true)!,
      ModbusRequest(unit: 1, register: 3, value: 0xFF00)!,
    ] {
      var parser = ModbusReplyParser()
      parser.expect(request)
      #expect(honestAnswer(other).compactMap { parser.feed($0) }.isEmpty)
      #expect(honestAnswer(request).compactMap { parser.feed($0) }.count == 1)
    }
  }

  @Test func `finds the answer behind noise that begins like one`() throws {
    let request = ModbusRequest(unit: 1, table: .holding, address: 0, quantity: 1)!
    for noise in ["01", "0103", "010302", "01030204", "FF00FF00", "010302010302"] {
      var parser = ModbusReplyParser()
      parser.expect(request)
      let found = (bytes(noise) + bytes("01030204D23AD9")).compactMap { parser.feed($0) }
      #expect(found.map(\.skipped) == [noise.count / 2])
      #expect(parser.register(0) == 1234)
    }
  }

  @Test func `finds answers after any amount of noise, and holds no more than two frames`() {
    var generator = SeededGenerator(seed: 1)
    let request = Self.requests[2]
    var answer: [UInt8] = []
    request.encodeAnswer([UInt16](repeating: 0xF704, count: 125), into: &answer)
    var parser = ModbusReplyParser()
    parser.expect(request)
    for _ in 0..<200 {
      for _ in 0..<Int.random(in: 0...2000, using: &generator) {
        #expect(parser.feed(UInt8.random(in: 0...255, using: &generator)) == nil)
      }
      #expect(answer.compactMap { parser.feed($0) }.count == 1)
    }
  }

  @Test func `no byte string traps the parser`() {
    var generator = SeededGenerator(seed: 2)
    var parser = ModbusReplyParser()
    var frames: [[UInt8]] = []
    for request in Self.requests {
      parser.expect(request)
      frames.append(honestAnswer(request))
    }
    var matches = 0
    for round in 0..<100_000 {
      var string = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      if round % 4 == 0 { string += frames[round / 4 % frames.count] }
      if round % 3 == 0, !string.isEmpty {
        string = string.flipping(bit: Int(generator.next() % UInt64(string.count * 8)))
      }
      for byte in string where parser.feed(byte) != nil { matches += 1 }
      _ = ModbusRequest(frame: string.span)
      _ = parser.number(.float32, order: .cdab, at: round % 3)
      _ = parser.bit(round % 2100)
    }
    #expect(matches > 5000)
  }
}
