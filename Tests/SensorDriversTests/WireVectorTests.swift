import Foundation
import Observations
import TestData
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
  func `every SDI-12 vector decodes to what it says, and every one-bit flip of it is rejected`() throws {
    let zero = try #require(SDI12Address(text: "0"))
    var seen = 0
    for line in try Self.lines(of: .sdi12) {
      let bytes = Array(line.utf8)
      var values: [Double] = []
      let result = SDI12Values.parse(bytes.span, from: zero, withChecksum: true, into: &values)
      #expect(result == .values(values.count))
      // What stands between the address and the checksum, by its signs.
      let body = line.dropFirst().dropLast(SDI12Checksum.length)
      let expected = body.replacing("-", with: "+-").split(separator: "+").compactMap { Double($0) }
      #expect(values == expected)
      for bit in 0..<8 * bytes.count {
        var spoilt: [Double] = []
        let flipped = bytes.flipping(bit: bit)
        let result = SDI12Values.parse(
          flipped.span, from: zero, withChecksum: true, into: &spoilt)
        #expect((result == .wrongChecksum || result == .malformed) && spoilt.isEmpty, "Bit \(bit) of \(line)")
      }
      seen += 1
    }
    #expect(seen == 6)
  }

  @Test(.needsSharedData)
  func `every SDI-12 answer to a start of measurement decodes to what it says`() throws {
    let zero = try #require(SDI12Address(text: "0"))
    let text = try Self.lines().filter { line in
      Self.owners.contains { $0.family == .sdi12 && line.hasPrefix($0.beginning) }
    }.joined(separator: " ")
    // 00053 (5 s, 3) and the like; a count of values without "values" behind the first.
    var seen = 0
    for match in text.matches(of: /(0\d{4}) \((\d+) s, (\d)/) {
      let answer = Array(match.1.utf8)
      let promise = SDI12Promise(answer.span, from: zero, to: .alone)
      #expect(promise?.seconds == Int(match.2) && promise?.count == Int(match.3), "\(match.0)")
      seen += 1
    }
    #expect(seen == 5)
    let concurrent = try #require(text.firstMatch(of: /(0\d{5}) = (\d+) s, (\d+) values/))
    let answer = Array(concurrent.1.utf8)
    let promise = SDI12Promise(answer.span, from: zero, to: .concurrent)
    #expect(promise?.seconds == Int(concurrent.2) && promise?.count == Int(concurrent.3))
    let negative = try #require(text.firstMatch(of: /Negative values: (\S+)\./))
    var values: [Double] = []
    let line = Array(negative.1.utf8)
    _ = SDI12Values.parse(line.span, from: zero, withChecksum: false, into: &values)
    #expect(values == [3.14, -2.5, 0.001])
  }

  @Test(.needsSharedData)
  func `every MaxBotix vector decodes to what it says`() throws {
    let text = try Self.lines().filter { line in
      Self.owners.contains { $0.family == .maxBotix && line.hasPrefix($0.beginning) }
    }.joined(separator: " ")
    var seen: [Int] = []
    for match in text.matches(of: /"R(\d+)( ?)\\r"/) {
      var parser = MaxBotixParser(digits: match.1.count)
      let frame = Array("R\(match.1)\(match.2)\r".utf8)
      #expect(frame.compactMap { parser.feed($0) } == [Int(match.1)])
      seen.append(match.1.count)
    }
    #expect(seen == [4, 3, 4])
    let none = try #require(text.firstMatch(of: /range, (\d+) or (\d+)/))
    for number in [none.1, none.2] {
      var driver = MaxBotixSensor(
        sensor: "canal-1", mountHeight: Measure(thousandths: 9000), output: .millimetres, noTarget: Int(number))
      var actions = DriverActions()
      driver.opened(at: .at(milliseconds: 0), into: &actions)
      let frame = Array("R\(number)\r".utf8)
      driver.received(frame.span, at: .at(milliseconds: 100), into: &actions)
      #expect(actions.observations.faults(of: "canal-1") == [.noTarget])
      #expect(actions.observations.values(of: "canal-1").isEmpty)
    }
  }

  @Test(.needsSharedData)
  func `the checksum is the one of the catalogue`() throws {
    let line = try #require(try Self.lines().first { $0.hasPrefix("# CRC catalogue") })
    let expected = try #require(line.split(separator: "\"123456789\") = ").last.flatMap { UInt16($0, radix: 16) })
    #expect(expected == 0x4B37)
    #expect(ModbusChecksum.compute(Array("123456789".utf8).span) == expected)
    let digits = Array("123456789".utf8)
    #expect(line.contains("= BB3D") && SDI12Checksum.compute(digits.span) == 0xBB3D)
  }
}
