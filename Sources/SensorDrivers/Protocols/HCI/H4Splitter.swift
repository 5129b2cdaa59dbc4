/// One packet that the splitter found: its bytes are `buffer[range]`, packet type first.
public struct H4Packet: Sendable, Hashable {
  public let type: H4PacketType
  public let range: Range<Int>
  /// Whether its own fields proved that it is a packet. Others are taken for packets as long as nothing speaks
  /// against it, and nothing should be done because of them.
  public let isVerified: Bool
}

/// Cuts the byte stream of HCI's UART transport (H4) into packets and finds back after noise.
///
/// H4 has neither a checksum nor a start mark: a lost byte shifts everything behind it. So a packet counts as proved
/// only if it is an event whose fields agree with its length. Where the byte behind a packet cannot begin another, the
/// splitter returns to the byte after the last proved packet's first and searches from there for an event that is
/// proved. So it loses the damaged packet and none of the next ones, and what it finds does not depend on how the bytes
/// were cut into chunks.
public struct H4Splitter: Sendable {
  /// The longest way back in bytes: a proved packet and what followed it without proof. Any packet that would need
  /// more is taken for noise: the longest event has 258 bytes.
  public static let longestRetreat = 2048
  private static let capacity = 8192

  /// Holds the packets until `append` is called again.
  public private(set) var buffer: [UInt8]
  private var end = 0
  private var position = 0
  private var retreat = 0
  private var isSearching = false

  /// How often the beginning of the next packet had to be searched.
  public private(set) var resynchronisations: UInt64 = 0
  /// Events of a known kind whose fields contradict their length.
  public private(set) var malformedEvents: UInt64 = 0

  public init() {
    buffer = [UInt8](repeating: 0, count: Self.capacity)
  }

  /// Whether bytes wait for the rest of their packet.
  public var hasPartialPacket: Bool { position < end }

  /// Forgets all bytes, as after the port was opened anew.
  public mutating func removeAll() {
    end = 0
    position = 0
    retreat = 0
    isSearching = false
  }

  /// Takes bytes from `start` on and returns how many: all, or as many as there is room for.
  ///
  /// Call `next` until it returns nil before giving more; there is then room for at least 6,000 bytes.
  public mutating func append(_ bytes: Span<UInt8>, from start: Int) -> Int {
    if retreat > 0, Self.capacity - end < bytes.count - start {
      compact()
    }
    let taken = min(Self.capacity - end, bytes.count - start)
    let first = end
    var room = buffer.mutableSpan
    for index in 0..<taken {
      room[first + index] = bytes[start + index]
    }
    end += taken
    return taken
  }

  private mutating func compact() {
    let distance = retreat
    let kept = retreat..<end
    var room = buffer.mutableSpan
    for index in kept {
      room[index - distance] = room[index]
    }
    end -= retreat
    position -= retreat
    retreat = 0
  }

  /// The next packet, or nil when the rest of it has not arrived.
  public mutating func next() -> H4Packet? {
    while position < end {
      switch examine() {
      case .incomplete(let length):
        guard position + length - retreat <= Self.longestRetreat else {
          slide()
          continue
        }
        return nil
      case .noise:
        slide()
      case .malformed:
        if !isSearching { malformedEvents += 1 }
        slide()
      case .packet(let type, let length, let isVerified):
        if isVerified {
          isSearching = false
          retreat = position
        } else if isSearching || position + length - retreat > Self.longestRetreat {
          slide()
          continue
        }
        let range = position..<position + length
        position = range.upperBound
        return H4Packet(type: type, range: range, isVerified: isVerified)
      }
    }
    return nil
  }

  /// The rest of the packet did not come in time: its beginning was noise. Call `next` again, for what lay behind.
  public mutating func abandonPartialPacket() {
    if position < end { slide() }
  }

  private mutating func slide() {
    if isSearching {
      position += 1
    } else {
      isSearching = true
      resynchronisations += 1
      position = retreat + 1
    }
    retreat = position
  }

  private enum Finding {
    /// Needs so many bytes, as far as can be seen.
    case incomplete(length: Int)
    case noise
    case malformed
    case packet(H4PacketType, length: Int, isVerified: Bool)
  }

  private func examine() -> Finding {
    let bytes = buffer.span
    let available = end - position
    guard let type = H4PacketType(rawValue: bytes[position]), type == .event || !isSearching else { return .noise }
    let headerLength: Int
    switch type {
    case .event: headerLength = 3
    case .command, .synchronousData: headerLength = 4
    case .asynchronousData, .isochronousData: headerLength = 5
    }
    guard available >= headerLength else { return .incomplete(length: headerLength) }
    var length = headerLength
    switch type {
    case .event: return examineEvent(available: available)
    case .command, .synchronousData: length += Int(bytes[position + 3])
    case .asynchronousData: length += Int(bytes[position + 3]) | Int(bytes[position + 4]) << 8
    case .isochronousData: length += Int(bytes[position + 3]) | Int(bytes[position + 4] & 0x3F) << 8
    }
    guard available >= length else { return .incomplete(length: length) }
    return .packet(type, length: length, isVerified: false)
  }

  private func examineEvent(available: Int) -> Finding {
    let bytes = buffer.span
    let code = bytes[position + 1]
    let parameters = Int(bytes[position + 2])
    let length = 3 + parameters
    switch code {
    case HCIEventCode.commandComplete where parameters < 3: return .malformed
    case HCIEventCode.commandStatus where parameters != 4: return .malformed
    case HCIEventCode.hardwareError where parameters != 1: return .malformed
    case HCIEventCode.lowEnergyMeta where parameters < 1: return .malformed
    case HCIEventCode.commandComplete, HCIEventCode.commandStatus, HCIEventCode.hardwareError,
      HCIEventCode.lowEnergyMeta:
      break
    default:
      if isSearching { return .noise }
    }
    guard available >= length else { return .incomplete(length: length) }
    switch code {
    case HCIEventCode.commandComplete:
      return Self.isOpcode(bytes[position + 4], bytes[position + 5])
        ? .packet(.event, length: length, isVerified: true) : .malformed
    case HCIEventCode.commandStatus:
      return Self.isOpcode(bytes[position + 5], bytes[position + 6])
        ? .packet(.event, length: length, isVerified: true) : .malformed
    case HCIEventCode.hardwareError:
      return .packet(.event, length: length, isVerified: true)
    case HCIEventCode.lowEnergyMeta:
      let subevent = bytes[position + 3]
      guard subevent == HCIEventCode.advertisingReport || subevent == HCIEventCode.extendedAdvertisingReport else {
        return .packet(.event, length: length, isVerified: false)
      }
      let event = bytes.extracting(position + 1..<position + length)
      return AdvertisingReportCursor(event) == nil
        ? .malformed : .packet(.event, length: length, isVerified: true)
    default:
      return .packet(.event, length: length, isVerified: false)
    }
  }

  /// Whether the two bytes, low one first, are an opcode: no operation (0), a group 1 to 8, or the vendor's group.
  private static func isOpcode(_ low: UInt8, _ high: UInt8) -> Bool {
    let group = high >> 2
    return (1...8).contains(group) || group == 0x3F || (high == 0 && low == 0)
  }
}
