public import Observations

/// A Bluetooth controller that speaks H4: it answers the commands of a scanning host and reports the tags near it.
///
/// It knows legacy advertising only, as many receivers on a serial line do.
public struct SimulatedController: SimulatedDevice {
  private struct Tag {
    let name: String
    let advertisement: [UInt8]
    let address: [UInt8]
    let interval: TimeSpan
    var signal: Int8?
    var nextReport: MonotonicTime
  }

  private var tags: [Tag]
  private var isScanning = false
  private var isSilent = false
  private var isGarbled = false
  private var input: [UInt8] = []
  private var random: UInt64 = 0x9E37_79B9_7F4A_7C15

  public init(tags: [Scenario.Tag], at time: MonotonicTime) {
    self.tags = tags.enumerated().map { index, tag in
      Tag(
        name: tag.name, advertisement: Self.advertisement(of: tag),
        address: [UInt8(truncatingIfNeeded: index), UInt8(truncatingIfNeeded: index >> 8), 0xA4, 0xA3, 0xA2, 0xC0],
        interval: tag.interval, signal: nil, nextReport: time)
    }
  }

  public var nextDeadline: MonotonicTime? {
    guard isScanning, !isSilent else { return nil }
    return tags.lazy.filter { $0.signal != nil }.map(\.nextReport).min()
  }

  public mutating func received(_ bytes: [UInt8], at time: MonotonicTime, answer: inout [UInt8]) {
    input += bytes
    // H4: 01, opcode (little endian), length, parameters.
    while input.count >= 4 {
      guard input[0] == 0x01 else {
        input.removeFirst()
        continue
      }
      let length = 4 + Int(input[3])
      guard input.count >= length else { return }
      let opcode = UInt16(input[1]) | UInt16(input[2]) << 8
      let parameters = Array(input[4..<length])
      input.removeFirst(length)
      if !isSilent { reply(to: opcode, parameters, answer: &answer) }
    }
  }

  private mutating func reply(to opcode: UInt16, _ parameters: [UInt8], answer: inout [UInt8]) {
    var status: UInt8 = 0
    var result: [UInt8] = []
    switch opcode {
    case 0x0C03: isScanning = false
    case 0x200C: isScanning = parameters.first == 1
    case 0x0C01, 0x2001, 0x200B: break
    case 0x1001: result = [0x08, 0, 0, 0x08, 0xFF, 0xFF, 0, 0]
    case 0x1002: result = [UInt8](repeating: 0, count: 64)
    case 0x1009: result = [0xA5, 0xA4, 0xA3, 0xA2, 0xA1, 0xA0]
    case 0x2003: result = [UInt8](repeating: 0, count: 8)
    default: status = 0x01  // Unknown HCI Command
    }
    let parameters = [1, UInt8(truncatingIfNeeded: opcode), UInt8(opcode >> 8), status] + result
    answer += [0x04, 0x0E, UInt8(parameters.count)] + parameters
  }

  public mutating func wake(at time: MonotonicTime, answer: inout [UInt8]) {
    guard isScanning, !isSilent else { return }
    for index in tags.indices {
      guard let signal = tags[index].signal, tags[index].nextReport <= time else { continue }
      // Tags advertise with a random delay of up to 10 ms (Core specification, Vol 6, Part B, 4.4.2.2).
      let delay = TimeSpan.milliseconds(Int64(nextRandom() % 11))
      tags[index].nextReport = max(tags[index].nextReport + tags[index].interval, time) + delay
      let fading = Int8(truncatingIfNeeded: Int(nextRandom() % 7) - 3)
      report(tags[index], signal: signal &+ fading, answer: &answer)
    }
  }

  private func report(_ tag: Tag, signal: Int8, answer: inout [UInt8]) {
    let data = tag.advertisement
    var event: [UInt8] = [0x02, 1, 0x03, 0x01] + tag.address + [UInt8(data.count)] + data
    event.append(UInt8(bitPattern: signal))
    if isGarbled { event[1] = 0x7F }
    answer += [0x04, 0x3E, UInt8(event.count)] + event
  }

  public mutating func apply(_ setting: Scenario.Setting, to sensor: String, at time: MonotonicTime) {
    switch setting {
    case .tag(let name, let signal):
      for index in tags.indices where tags[index].name == name {
        tags[index].signal = signal
        tags[index].nextReport = max(tags[index].nextReport, time)
      }
    case .silent(let silent): isSilent = silent
    case .garbled(let garbled): isGarbled = garbled
    default: break
    }
  }

  private mutating func nextRandom() -> UInt64 {
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    return random
  }

  /// The tag's advertising data: flags, then what its format prescribes.
  private static func advertisement(of tag: Scenario.Tag) -> [UInt8] {
    let flags: [UInt8] = [0x02, 0x01, 0x06]
    switch tag.format {
    case .iBeacon: return flags + [0x1A, 0xFF, 0x4C, 0x00, 0x02, 0x15] + tag.identifier + [0xC5]
    case .altBeacon: return flags + [0x1B, 0xFF, 0x18, 0x01, 0xBE, 0xAC] + tag.identifier + [0xC5, 0x00]
    case .eddystoneUID:
      return flags + [0x03, 0x03, 0xAA, 0xFE, 0x17, 0x16, 0xAA, 0xFE, 0x00, 0xEE] + tag.identifier + [0, 0]
    case .lineSimpleBeacon:
      return flags + [0x03, 0x03, 0x6F, 0xFE, 0x0B, 0x16, 0x6F, 0xFE, 0x02] + tag.identifier + [0x7F, 0x00]
    default: return flags
    }
  }
}
