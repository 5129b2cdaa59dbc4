import Observations
import Testing

@testable import SensorDrivers

/// A frame that carries a check, and what reads it. A new protocol is one line.
struct CheckedFrame: Sendable, CustomTestStringConvertible {
  let name: String
  let frame: [UInt8]
  /// Whether a whole frame was found in the bytes.
  let isRead: @Sendable ([UInt8]) -> Bool

  var testDescription: String { name }

  static let all: [CheckedFrame] = [
    CheckedFrame(name: "Modbus request", frame: bytes("01040000000271CB")) { ModbusRequest(frame: $0.span) != nil },
    CheckedFrame(name: "Modbus answer", frame: bytes("010304414800006E19")) { reply in
      var parser = ModbusReplyParser()
      guard let request = ModbusRequest(unit: 1, table: .holding, address: 0, quantity: 2) else { return false }
      parser.expect(request)
      return reply.contains { parser.feed($0) != nil }
    },
    CheckedFrame(name: "Modbus exception", frame: bytes("018302C0F1")) { reply in
      var parser = ModbusReplyParser()
      guard let request = ModbusRequest(unit: 1, table: .holding, address: 0, quantity: 1) else { return false }
      parser.expect(request)
      return reply.contains { parser.feed($0) != nil }
    },
    CheckedFrame(name: "A02YYUW", frame: bytes("FF07A1A7")) { frame in
      var parser = A02YYUWParser()
      return frame.contains { parser.feed($0) != nil }
    },
    CheckedFrame(name: "SDI-12", frame: Array("0+3.14+2.718+1.414Ipz".utf8)) { line in
      guard let address = SDI12Address(UInt8(ascii: "0")) else { return false }
      var values: [Double] = []
      return SDI12Values.parse(line.span, from: address, withChecksum: true, into: &values) == .values(3)
    },
    sentence("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"),
    sentence("$GNRMC,031530.00,A,3445.4010,N,13450.4820,E,0.02,,211126,,,A*51"),
    CheckedFrame(name: "line of text", frame: Array("$WL 1.250 m*".utf8) + checkedDigits) { line in
      guard let pattern = try? LinePattern("${begin}WL {value} m{end}*{checksum:crc16-ccitt}") else { return false }
      var values: [Double] = []
      return pattern.match(line.span, into: &values) == .values
    },
  ]

  private static let checkedDigits: [UInt8] = {
    let digits = String(LineChecksum.crc16CCITT.compute(Array("WL 1.250 m".utf8).span), radix: 16)
    return Array((String(repeating: "0", count: 4 - digits.utf8.count) + digits).utf8)
  }()

  private static func sentence(_ text: String) -> CheckedFrame {
    CheckedFrame(name: "NMEA \(text.prefix(6))", frame: Array(text.utf8)) { bytes in
      var splitter = NMEASplitter()
      return bytes.contains { byte in splitter.feed(byte).flatMap { NMEASentence(body: $0) } != nil }
    }
  }
}

@Suite struct `A frame with a check` {
  @Test func `of SDI-12 is a line also where its checksum has the character 7F`() {
    let line = Array("0+1.200".utf8).checkedForSDI12
    #expect(line.contains(0x7F))
    var reader = SDI12LineReader()
    let found = line.filter { reader.feed($0) }
    #expect(found == [0x0A])
    #expect(reader.line == line.dropLast(2))
  }

  @Test(arguments: CheckedFrame.all)
  func `is read whole, and not with any one bit flipped`(checked: CheckedFrame) {
    #expect(checked.isRead(checked.frame))
    for bit in 0..<checked.frame.count * 8 {
      #expect(!checked.isRead(checked.frame.flipping(bit: bit)), "\(checked.name), bit \(bit)")
    }
  }

  @Test(arguments: CheckedFrame.all)
  func `is not read with a byte dropped or cut off`(checked: CheckedFrame) {
    for index in checked.frame.indices {
      var shorter = checked.frame
      shorter.remove(at: index)
      // A lost repetition of the same byte leaves the same bytes as another: still too few.
      #expect(!checked.isRead(shorter), "\(checked.name), byte \(index)")
      #expect(!checked.isRead(Array(checked.frame[..<index])))
    }
  }
}
