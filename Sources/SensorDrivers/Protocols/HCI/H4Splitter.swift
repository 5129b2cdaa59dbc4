/// Cuts the byte stream of HCI's UART transport (H4) into events and finds back after noise.
///
/// H4 has neither a checksum nor a start mark: a lost byte shifts everything behind it, and a false header may claim
/// whole packets. So only events of the kinds that a receiver acts on are taken, and only if their fields agree with
/// their length. Where no such event begins behind another one, every byte after the first of that other one is tried:
/// a packet that lost bytes has swallowed the beginning of the next. So the splitter loses the damaged packet alone,
/// and what it finds does not depend on how the bytes were cut into chunks. Packets of other kinds are passed over in
/// the same way, byte by byte, without trusting the length that they claim.
public struct H4Splitter: Sendable {
  /// The longest event: packet type, code, length and 255 bytes.
  public static let longestPacket = 258
  private static let capacity = 8192
  private static let headerLength = 3

  /// Holds the events until `append` is called again.
  public private(set) var buffer: [UInt8]
  private var end = 0
  private var position = 0
  /// Where the last event begins; equal to `position` when there is none to go back to.
  private var last = 0
  private var isSearching = false

  /// How often there was something else where an event should have begun.
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
    last = 0
    isSearching = false
  }

  /// Takes bytes from `start` on and returns how many: all, or as many as there is room for.
  ///
  /// Call `next` until it returns nil before giving more; there is then room for at least 7,600 bytes.
  public mutating func append(_ bytes: Span<UInt8>, from start: Int) -> Int {
    if last > 0, Self.capacity - end < bytes.count - start {
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
    let distance = last
    let kept = last..<end
    var room = buffer.mutableSpan
    for index in kept {
      room[index - distance] = room[index]
    }
    end -= distance
    position -= distance
    last = 0
  }

  /// Where the next event lies in `buffer`, packet type first; nil when the rest of it has not arrived.
  public mutating func next() -> Range<Int>? {
    while position < end {
      switch examine() {
      case .incomplete:
        return nil
      case .other:
        slide()
      case .malformed:
        if !isSearching { malformedEvents += 1 }
        slide()
      case .event(let length):
        isSearching = false
        last = position
        position += length
        return last..<position
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
      position = last + 1
    }
    last = position
  }

  private enum Finding {
    case incomplete
    case other
    case malformed
    case event(length: Int)
  }

  private func examine() -> Finding {
    let bytes = buffer.span
    guard bytes[position] == H4PacketType.event else { return .other }
    let available = end - position
    guard available >= Self.headerLength else { return .incomplete }
    let parameters = Int(bytes[position + 2])
    let length = Self.headerLength + parameters
    switch bytes[position + 1] {
    case HCIEventCode.commandComplete:
      guard parameters >= 3 else { return .malformed }
      guard available >= length else { return .incomplete }
      return Self.isOpcode(bytes[position + 4], bytes[position + 5]) ? .event(length: length) : .malformed
    case HCIEventCode.commandStatus:
      guard parameters == 4 else { return .malformed }
      guard available >= length else { return .incomplete }
      return Self.isOpcode(bytes[position + 5], bytes[position + 6]) ? .event(length: length) : .malformed
    case HCIEventCode.hardwareError:
      guard parameters == 1 else { return .malformed }
      return available >= length ? .event(length: length) : .incomplete
    case HCIEventCode.lowEnergyMeta:
      guard available > Self.headerLength else { return .incomplete }
      let subevent = bytes[position + 3]
      guard subevent == HCIEventCode.advertisingReport || subevent == HCIEventCode.extendedAdvertisingReport else {
        return .other
      }
      guard available >= length else { return .incomplete }
      let event = bytes.extracting(position + 1..<position + length)
      return AdvertisingReportCursor(event) == nil ? .malformed : .event(length: length)
    default:
      return .other
    }
  }

  /// Whether the two bytes, low one first, are an opcode: no operation (0), a group 1 to 8, or the vendor's group.
  private static func isOpcode(_ low: UInt8, _ high: UInt8) -> Bool {
    let group = high >> 2
    return (1...8).contains(group) || group == 0x3F || (high == 0 && low == 0)
  }
}
