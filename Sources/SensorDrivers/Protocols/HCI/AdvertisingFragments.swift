/// Puts together the data of extended advertisements that the controller reports in parts.
///
/// Holds at most 8 advertisements of at most 1,650 bytes, which is the longest that the specification allows; a ninth
/// takes the place of the oldest.
struct AdvertisingFragments: Sendable {
  static let capacity = 8
  static let longestData = 1650

  private struct Entry: Sendable {
    let addressType: UInt8
    let address: UInt64
    let advertisingSet: UInt8
    let slot: Int
    var count: Int
    var signal: Int8?

    func isFor(_ report: AdvertisingReport) -> Bool {
      address == report.address && advertisingSet == report.advertisingSet && addressType == report.addressType
    }
  }

  /// Where the data of a whole advertisement lie in `bytes`, until the next call of `add`.
  struct Whole {
    let data: Range<Int>
    let signal: Int8?
  }

  /// The oldest first.
  private var entries: [Entry] = []
  /// Room for every slot, made when the first fragment comes: most receivers never hear one.
  private(set) var bytes: [UInt8] = []
  /// Advertisements of which a part was lost for want of room.
  private(set) var dropped: UInt64 = 0

  mutating func removeAll() {
    entries.removeAll(keepingCapacity: true)
  }

  /// Whether `report` begins or continues an advertisement in parts.
  func concerns(_ report: AdvertisingReport) -> Bool {
    report.completeness == .more || (!entries.isEmpty && entries.contains { $0.isFor(report) })
  }

  /// Adds the part that `report` of `event` brings, and returns the advertisement when that was the last.
  mutating func add(_ report: AdvertisingReport, of event: Span<UInt8>) -> Whole? {
    if bytes.isEmpty { bytes = [UInt8](repeating: 0, count: Self.capacity * Self.longestData) }
    let index = entries.firstIndex { $0.isFor(report) } ?? start(report)
    guard entries[index].count + report.data.count <= Self.longestData else {
      entries.remove(at: index)
      dropped += 1
      return nil
    }
    let first = entries[index].slot * Self.longestData
    let next = first + entries[index].count
    var room = bytes.mutableSpan
    for offset in 0..<report.data.count {
      room[next + offset] = event[report.data.lowerBound + offset]
    }
    entries[index].count += report.data.count
    entries[index].signal = report.signal ?? entries[index].signal
    guard report.completeness != .more else { return nil }
    let entry = entries.remove(at: index)
    return Whole(data: first..<first + entry.count, signal: entry.signal)
  }

  private mutating func start(_ report: AdvertisingReport) -> Int {
    if entries.count == Self.capacity {
      entries.removeFirst()
      dropped += 1
    }
    let used = entries.reduce(into: 0) { $0 |= 1 << $1.slot }
    let slot = (0..<Self.capacity).first { used & 1 << $0 == 0 } ?? 0
    entries.append(
      Entry(
        addressType: report.addressType, address: report.address, advertisingSet: report.advertisingSet, slot: slot,
        count: 0, signal: nil))
    return entries.count - 1
  }
}
