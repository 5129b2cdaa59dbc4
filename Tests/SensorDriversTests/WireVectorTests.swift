import Foundation
import Testing

@testable import SensorDrivers

/// The published vectors of all serial protocols: those of our drivers are decoded, every other line has its owner.
@Suite struct WireVectorTests {
  /// The family of drivers that a line of the file is for.
  enum Family: String {
    case heading
    case sdi12 = "SDI-12"
    case modbus = "Modbus RTU"
    case nmea = "NMEA 0183"
    case a02yyuw = "A02YYUW"
    case maxBotix = "MaxBotix"
    case rotatingTags = "rotating tags"
  }

  /// How each line begins, and whose it is. A line that no entry names fails the test, and an entry without a line too.
  /// Comments are lines like others: some hold vectors of their own.
  static let owners: [(beginning: String, family: Family)] = [
    ("# Wire vectors", .heading),
    ("# SDI-12", .sdi12), ("# sent as three", .sdi12), ("0+3.14OqZ", .sdi12), ("0+3.14+2.718+1.414Ipz", .sdi12),
    ("0+1.11+2.22", .sdi12), ("0+7.77+8.88", .sdi12), ("0+3.14+2.718IWO", .sdi12), ("0AP@", .sdi12),
    ("# aM! answers", .sdi12), ("# 001320", .sdi12), ("# CRC catalogue", .sdi12),
    ("# Modbus RTU", .modbus), ("1103006B0003", .modbus), ("110306022B", .modbus), ("018302C0F1", .modbus),
    ("010300000001840A", .modbus), ("01030204D23AD9", .modbus), ("0103044148", .modbus),
    ("# NMEA", .nmea), ("$GPGGA", .nmea), ("$GPRMC", .nmea), ("$GNGGA", .nmea), ("$GNRMC", .nmea),
    ("# A02YYUW", .a02yyuw), ("FF07A1A7", .a02yyuw), ("FF001E1D", .a02yyuw), ("FF1194A4", .a02yyuw),
    ("FF0000FF", .a02yyuw),
    ("# MaxBotix", .maxBotix), ("# no target", .maxBotix),
    ("# Eddystone-EID", .rotatingTags), ("K=10 ", .rotatingTags), ("K=9 ", .rotatingTags),
    ("# BLE resolvable", .rotatingTags),
  ]

  private static func lines() throws -> [String] {
    try SharedData.text("vectors/wire_vectors.txt").split(separator: "\n").map(String.init)
  }

  private static func lines(of family: Family) throws -> [String] {
    try lines().filter { line in
      !line.hasPrefix("#") && owners.contains { $0.family == family && line.hasPrefix($0.beginning) }
    }
  }

  /// The words of a line that are frames in hexadecimal.
  private static func frames(in line: String) -> [String] {
    line.split(separator: " ").map(String.init).filter { $0.count >= 8 && $0.allSatisfy(\.isHexDigit) }
  }

  @Test(.needsSharedData)
  func `every line of the file has exactly one owner`() throws {
    let lines = try Self.lines()
    for line in lines {
      let count = Self.owners.count { line.hasPrefix($0.beginning) }
      #expect(count == 1, "\(count) owners for the line: \(line)")
    }
    for owner in Self.owners {
      #expect(lines.contains { $0.hasPrefix(owner.beginning) }, "No line begins with \(owner.beginning)")
    }
  }

  /// What each Modbus frame says, and the words of the file that say it.
  private static let modbus: [(frame: String, words: String, meaning: ModbusMeaning)] = [
    ("1103006B00037687", "unit 17, function 3, address 107, quantity 3", .request(17, .holding, 107, 3)),
    ("110306022B00000064C8BA", "response: 555, 0, 100", .registers([555, 0, 100])),
    ("018302C0F1", "exception 2 to function 3 from unit 1", .exception(.illegalDataAddress)),
    ("010300000001840A", "requests", .request(1, .holding, 0, 1)),
    ("01030000000AC5CD", "requests", .request(1, .holding, 0, 10)),
    ("01040000000271CB", "requests", .request(1, .input, 0, 2)),
    ("01030204D23AD9", "one register = 1234", .registers([1234])),
    ("010304414800006E19", "float32 12.5, word order ABCD", .float(12.5, .abcd)),
    ("01030400004148CA55", "float32 12.5, word order CDAB", .float(12.5, .cdab)),
  ]

  enum ModbusMeaning {
    case request(UInt8, ModbusTable, UInt16, Int)
    case registers([UInt16])
    case exception(ModbusException)
    case float(Double, ModbusWordOrder)
  }

  @Test(.needsSharedData)
  func `every Modbus vector decodes to what it says`() throws {
    var seen = 0
    for line in try Self.lines(of: .modbus) {
      for frame in Self.frames(in: line) {
        let vector = try #require(Self.modbus.first { $0.frame == frame }, "The test does not know \(frame)")
        #expect(line.contains(vector.words))
        try Self.check(bytes(frame), vector.meaning)
        seen += 1
      }
    }
    #expect(seen == Self.modbus.count)
  }

  private static func check(_ frame: [UInt8], _ meaning: ModbusMeaning) throws {
    switch meaning {
    case .request(let unit, let table, let address, let quantity):
      let decoded = ModbusRequest(frame: frame.span)
      let request = try #require(decoded)
      #expect(request == ModbusRequest(unit: unit, table: table, address: address, quantity: quantity))
      var encoded: [UInt8] = []
      request.encode(into: &encoded)
      #expect(encoded == frame)
    case .registers(let registers):
      let parser = try parse(frame, quantity: registers.count, exception: nil)
      #expect((0..<parser.registerCount).map(parser.register) == registers)
    case .exception(let exception):
      let parser = try parse(frame, quantity: 1, exception: exception)
      #expect(parser.registerCount == 0)
    case .float(let value, let order):
      let parser = try parse(frame, quantity: 2, exception: nil)
      #expect(parser.number(.float32, order: order) == value)
    }
  }

  private static func parse(
    _ frame: [UInt8], quantity: Int, exception: ModbusException?
  ) throws -> ModbusReplyParser {
    var parser = ModbusReplyParser()
    parser.expect(try #require(ModbusRequest(unit: frame[0], table: .holding, address: 0, quantity: quantity)))
    for byte in frame.dropLast() { #expect(parser.feed(byte) == nil) }
    let last = parser.feed(frame[frame.count - 1])
    let match = try #require(last)
    #expect(match.exception == exception)
    #expect(match.skipped == 0)
    return parser
  }

  @Test(.needsSharedData)
  func `every A02YYUW vector decodes to what it says`() throws {
    var seen = 0
    for line in try Self.lines(of: .a02yyuw) {
      let words = line.split(separator: " ")
      let frame = bytes(words[0])
      let millimetres = try #require(Int(words[1]))
      #expect(words[2].hasPrefix("mm"))
      let expected: A02YYUWDistance = millimetres <= 30 ? .blindZone : .millimetres(millimetres)
      if line.contains("blind zone") { #expect(expected == .blindZone) }
      var parser = A02YYUWParser()
      let found = frame.map { parser.feed($0) }
      #expect(found == [nil, nil, nil, expected])
      #expect(A02YYUWParser.encode(millimetres: UInt16(millimetres)) == frame)
      seen += 1
    }
    #expect(seen == 4)
  }

  @Test(.needsSharedData)
  func `the checksum is the one of the catalogue`() throws {
    let line = try #require(try Self.lines().first { $0.hasPrefix("# CRC catalogue") })
    let expected = try #require(line.split(separator: "\"123456789\") = ").last.flatMap { UInt16($0, radix: 16) })
    #expect(expected == 0x4B37)
    #expect(ModbusChecksum.compute(Array("123456789".utf8).span) == expected)
  }
}
