import Foundation
import Observations
import SensorDrivers
import TestData

/// Published packets and advertisements, and what is built like them.
enum BLEVectors {
  static let packetsFile = "ble/hci_h4_vectors.txt"
  static let advertisementsFile = "ble/advertising_vectors.tsv"

  /// The lines of the packets' file that are packets.
  static func packets() throws -> [String] {
    try SharedData.text(packetsFile).split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
  }

  /// The lines of the advertisements' file: name, hexadecimal bytes, and what a decoder must say.
  static func advertisements() throws -> [(name: String, hex: String, saying: String)] {
    try SharedData.text(advertisementsFile).split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
      let fields = line.split(separator: "\t").map(String.init)
      return (fields[0], fields[1], fields[2])
    }
  }

  static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  static func hex(_ tag: TagIdentifier) -> String {
    (0..<Int(tag.count)).map { String(format: "%02x", tag.byte($0)) }.joined()
  }

  /// Advertising data of an iBeacon whose major is 1.
  static func iBeacon(minor: Int) -> [UInt8] {
    bytes("0201061aff4c000215e2c56db5dffb48d2b060d0f5a71096e0 0001") + [UInt8(minor >> 8), UInt8(minor & 0xFF), 0xC5]
  }

  static func identifier(minor: Int) -> String {
    "e2c56db5dffb48d2b060d0f5a71096e00001" + String(format: "%04x", minor)
  }

  /// One legacy report as an H4 packet; the last byte of the address is `device`.
  static func report(_ data: [UInt8], device: UInt8 = 1, signal: Int8 = -60, highest: UInt8 = 0xC6) -> [UInt8] {
    let report = [0x03, 0x01, device, 0x22, 0x33, 0x44, 0x55, highest, UInt8(data.count)] + data
    return [0x04, 0x3E, UInt8(report.count + 3), 0x02, 0x01] + report + [UInt8(bitPattern: signal)]
  }

  /// One extended report as an H4 packet; `status` is 0 complete, 1 more to come, 2 truncated.
  static func extendedReport(
    _ data: [UInt8], device: UInt8 = 1, set: UInt8 = 0, status: UInt8 = 0, signal: Int8 = -60
  ) -> [UInt8] {
    var report: [UInt8] = [status << 5, 0x00, 0x01, device, 0x22, 0x33, 0x44, 0x55, 0xC6, 0x01, 0x01, set, 0x7F]
    report += [UInt8(bitPattern: signal), 0, 0, 0, 0, 0, 0, 0, 0, 0, UInt8(data.count)] + data
    return [0x04, 0x3E, UInt8(report.count + 2), 0x0D, 0x01] + report
  }

  /// The reports of an event without its packet type; nil if it is refused.
  static func reports(_ event: [UInt8]) -> [AdvertisingReport]? {
    guard var cursor = AdvertisingReportCursor(event.span) else { return nil }
    var reports: [AdvertisingReport] = []
    while let report = cursor.next(in: event.span) { reports.append(report) }
    return reports
  }

  static func recognise(_ data: [UInt8]) -> TagAdvertisement? {
    recognise(data, by: TagRecognition(), from: nil)
  }

  /// The tag that `recognition` finds, if it finds one.
  static func recognise(
    _ data: [UInt8], by recognition: TagRecognition, from advertiser: Advertiser?
  ) -> TagAdvertisement? {
    if case .tag(let found)? = recognition.find(in: data.span, from: advertiser) { return found }
    return nil
  }

  /// The same numbers for the same seed, on every machine.
  struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
      state = seed
    }

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
      return mixed ^ mixed >> 31
    }

    mutating func bytes(_ count: ClosedRange<Int>) -> [UInt8] {
      (0..<Int.random(in: count, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
  }

  /// What a splitter finds in bytes that arrive in chunks: the events.
  static func events(_ stream: [UInt8], chunk: () -> Int = { .max }) -> [[UInt8]] {
    var splitter = H4Splitter()
    var found: [[UInt8]] = []
    func drain() {
      while let packet = splitter.next() {
        found.append(Array(splitter.buffer[packet]))
      }
    }
    var start = 0
    while start < stream.count {
      let end = start + min(chunk(), stream.count - start)
      let part = Array(stream[start..<end])
      var taken = 0
      while taken < part.count {
        taken += splitter.append(part.span, from: taken)
        drain()
      }
      start = end
    }
    while splitter.hasPartialPacket {
      splitter.abandonPartialPacket()
      drain()
    }
    return found
  }
}
