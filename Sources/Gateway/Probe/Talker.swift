import Observations
import SensorDrivers

/// What talks on a serial line without being asked.
public enum Talker: String, Sendable, Hashable, CaseIterable {
  case a02yyuw
  case maxbotix
  case nmea
  case hci

  /// So many frames are no chance any more; a sentence with its sum is long, and comes once a second.
  var sureAfter: Int { self == .nmea ? 2 : 3 }

  /// What people call it.
  public var name: String {
    switch self {
    case .a02yyuw: "an A02YYUW ultrasonic sensor (or a JSN-SR04T in mode 2)"
    case .maxbotix: "a MaxBotix ultrasonic sensor"
    case .nmea: "a satellite receiver (NMEA 0183)"
    case .hci: "a Bluetooth controller (HCI)"
    }
  }
}

/// One frame that was found, as bytes and as what they mean.
public struct DecodedFrame: Sendable, Hashable {
  public let talker: Talker
  public let bytes: [UInt8]
  /// In words, such as `1953 mm`.
  public let meaning: String
}

/// Finds out what talks on a line, by looking for the frames of each kind in the same bytes.
public struct TalkerRecognition: Sendable {
  private static let longestLine = 120
  private static let bytesKept = 24

  public private(set) var byteCount = 0
  /// The first bytes that came.
  public private(set) var firstBytes: [UInt8] = []
  private var counts: [Talker: Int] = [:]
  private var ultrasonic = A02YYUWParser()
  private var lastFour: [UInt8] = []
  private var line: [UInt8] = []
  private var splitter = H4Splitter()

  public init() {}

  /// Who talks, as soon as that is sure.
  public var talker: Talker? {
    let sure = Talker.allCases.filter { counts[$0, default: 0] >= $0.sureAfter }
    return sure.max { counts[$0, default: 0] < counts[$1, default: 0] }
  }

  /// Takes bytes as they come, and hands each frame of any kind to `found`.
  public mutating func take(_ bytes: Span<UInt8>, found: (DecodedFrame) -> Void = { _ in }) {
    byteCount += bytes.count
    for index in bytes.indices {
      let byte = bytes[index]
      if firstBytes.count < Self.bytesKept { firstBytes.append(byte) }
      if let frame = ultrasonicFrame(byte) ?? lineFrame(byte) {
        counts[frame.talker, default: 0] += 1
        found(frame)
      }
    }
    var taken = 0
    while taken < bytes.count {
      taken += splitter.append(bytes, from: taken)
      while let packet = splitter.next() {
        counts[.hci, default: 0] += 1
        found(DecodedFrame(talker: .hci, bytes: Array(splitter.buffer[packet]), meaning: "HCI event"))
      }
    }
  }

  private mutating func ultrasonicFrame(_ byte: UInt8) -> DecodedFrame? {
    lastFour.append(byte)
    if lastFour.count > A02YYUWParser.frameLength { lastFour.removeFirst() }
    guard let distance = ultrasonic.feed(byte) else { return nil }
    let meaning =
      switch distance {
      case .millimetres(let millimetres): "\(millimetres) mm"
      case .blindZone: "nearer than it can measure"
      case .noTarget: "no echo"
      }
    return DecodedFrame(talker: .a02yyuw, bytes: lastFour, meaning: meaning)
  }

  private mutating func lineFrame(_ byte: UInt8) -> DecodedFrame? {
    guard byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") else {
      if line.count < Self.longestLine { line.append(byte) }
      return nil
    }
    let ended = line
    line.removeAll(keepingCapacity: true)
    guard !ended.isEmpty else { return nil }
    if let meaning = Self.maxBotix(ended) {
      return DecodedFrame(talker: .maxbotix, bytes: ended + [byte], meaning: meaning)
    }
    if let meaning = Self.sentence(ended) {
      return DecodedFrame(talker: .nmea, bytes: ended + [byte], meaning: meaning)
    }
    return nil
  }

  /// `R1234`, perhaps with a space behind it: four digits are millimetres, three centimetres.
  private static func maxBotix(_ line: [UInt8]) -> String? {
    var digits = line[...]
    if digits.last == UInt8(ascii: " ") { digits = digits.dropLast() }
    guard digits.first == UInt8(ascii: "R"), digits.count == 4 || digits.count == 5,
      digits.dropFirst().allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    let number = digits.dropFirst().reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    return digits.count == 5 ? "\(number) mm" : "\(number) cm"
  }

  /// What satellite receivers say, behind the two letters of the system.
  private static let receiverSentences = [
    "GGA", "RMC", "GSA", "GSV", "GLL", "VTG", "ZDA", "GNS", "GST", "GBS", "TXT",
  ]

  /// `$…*hh` with the right sum: which sentence it is, and whether it holds a fix.
  private static func sentence(_ line: [UInt8]) -> String? {
    guard line.count >= 9, line[0] == UInt8(ascii: "$"), line[line.count - 3] == UInt8(ascii: "*"),
      let high = Hexadecimal.value(line[line.count - 2] | 0x20),
      let low = Hexadecimal.value(line[line.count - 1] | 0x20)
    else { return nil }
    let content = line[1..<line.count - 3]
    guard content.reduce(0, { $0 ^ $1 }) == high << 4 | low else { return nil }
    let fields = content.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    let name = String(decoding: fields.first ?? [], as: UTF8.self)
    // Others send lines of this form too, with words of their own.
    guard name.utf8.count == 5, receiverSentences.contains(String(name.suffix(3))) else { return nil }
    if name.hasSuffix("GGA"), fields.count > 7 {
      let quality = String(decoding: fields[6], as: UTF8.self)
      return quality == "0"
        ? "\(name), no fix" : "\(name), a fix with \(String(decoding: fields[7], as: UTF8.self)) satellites"
    }
    if name.hasSuffix("RMC"), fields.count > 2 {
      return fields[2] == [UInt8(ascii: "A")] ? "\(name), a fix" : "\(name), no fix"
    }
    return name
  }
}
