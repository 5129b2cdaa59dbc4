/// One advertisement as the controller heard it: the header of an advertising report and where its data lie.
public struct AdvertisingReport: Sendable, Hashable {
  /// Whether a report holds all of an advertisement's data.
  public enum Completeness: UInt8, Sendable {
    case complete = 0
    /// The data go on in a later report.
    case more = 1
    /// The controller lost the rest.
    case truncated = 2
  }

  /// 0 public, 1 random, 2 and 3 their resolved kinds, 0xFF anonymous.
  public let addressType: UInt8
  /// The advertiser's address, 48 bits, as people write it: DB:42:66:78:3C:B4 is 0xDB4266783CB4.
  public let address: UInt64
  /// The advertising set (SID) of an extended advertisement; 0xFF for none.
  public let advertisingSet: UInt8
  public let completeness: Completeness
  /// Received signal strength in dBm, -127 to +20; nil when the controller does not know it.
  public let signal: Int8?
  /// Where the advertising data lie in the event.
  public let data: Range<Int>
}

/// Walks the reports of one advertising event: LE Advertising Report (Bluetooth Core, Vol 4, Part E, 7.7.65.2) and LE
/// Extended Advertising Report (7.7.65.13).
///
/// The events' bytes begin with the event code, without the packet type. When an event holds several reports they are
/// read one whole report after another, which is what Linux does and what controllers send, though the specification's
/// text can be read as one array per field. An event whose lengths do not add up exactly is refused whole.
public struct AdvertisingReportCursor: Sendable {
  private let isExtended: Bool
  private var remaining: Int
  private var offset = 4

  private static let eventHeaderLength = 4
  private static let legacyHeaderLength = 9
  private static let extendedHeaderLength = 24
  private static let longestLegacyData = 31
  private static let longestExtendedData = 229

  /// Returns nil unless `event` is an advertising event in which every length and every enumerated field is right.
  public init?(_ event: Span<UInt8>) {
    guard event.count > Self.eventHeaderLength, event[0] == HCIEventCode.lowEnergyMeta,
      Int(event[1]) == event.count - 2
    else { return nil }
    switch event[2] {
    case HCIEventCode.advertisingReport: isExtended = false
    case HCIEventCode.extendedAdvertisingReport: isExtended = true
    default: return nil
    }
    remaining = Int(event[3])
    guard remaining > 0 else { return nil }
    var end = Self.eventHeaderLength
    for _ in 0..<remaining {
      guard let next = isExtended ? Self.endOfExtended(event, at: end) : Self.endOfLegacy(event, at: end) else {
        return nil
      }
      end = next
    }
    guard end == event.count else { return nil }
  }

  private static func endOfLegacy(_ event: Span<UInt8>, at start: Int) -> Int? {
    guard start + legacyHeaderLength < event.count else { return nil }
    let length = Int(event[start + 8])
    let end = start + legacyHeaderLength + length + 1
    guard event[start] <= 4, event[start + 1] <= 3, length <= longestLegacyData, end <= event.count else { return nil }
    return end
  }

  private static func endOfExtended(_ event: Span<UInt8>, at start: Int) -> Int? {
    guard start + extendedHeaderLength <= event.count else { return nil }
    let length = Int(event[start + 23])
    let end = start + extendedHeaderLength + length
    let addressType = event[start + 2]
    let primary = event[start + 9]
    guard AdvertisingReport.Completeness(rawValue: event[start] >> 5 & 3) != nil,
      addressType <= 3 || addressType >= 0xFE, primary == 1 || primary == 3 || primary == 4, event[start + 10] <= 4,
      length <= longestExtendedData, end <= event.count
    else { return nil }
    return end
  }

  /// The next report, in the same `event` that the cursor was made with.
  public mutating func next(in event: Span<UInt8>) -> AdvertisingReport? {
    guard remaining > 0 else { return nil }
    remaining -= 1
    let start = offset
    if isExtended {
      let first = start + Self.extendedHeaderLength
      offset = first + Int(event[start + 23])
      return AdvertisingReport(
        addressType: event[start + 2], address: Self.address(event, at: start + 3),
        advertisingSet: event[start + 11],
        completeness: AdvertisingReport.Completeness(rawValue: event[start] >> 5 & 3) ?? .truncated,
        signal: Self.signal(event[start + 13]), data: first..<offset)
    }
    let first = start + Self.legacyHeaderLength
    let end = first + Int(event[start + 8])
    offset = end + 1
    return AdvertisingReport(
      addressType: event[start + 1], address: Self.address(event, at: start + 2), advertisingSet: 0xFF,
      completeness: .complete, signal: Self.signal(event[end]), data: first..<end)
  }

  private static func address(_ event: Span<UInt8>, at start: Int) -> UInt64 {
    var address: UInt64 = 0
    for index in stride(from: 5, through: 0, by: -1) {
      address = address << 8 | UInt64(event[start + index])
    }
    return address
  }

  /// 127 says "not available"; other values above +20 or at -128 are no signal strengths.
  private static func signal(_ byte: UInt8) -> Int8? {
    let signal = Int8(bitPattern: byte)
    return (-127...20).contains(signal) ? signal : nil
  }
}
