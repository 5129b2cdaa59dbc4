import Observations

/// What tags said of their batteries in advertisements that do not name them, until one does.
///
/// The two belong together by their radio address, of which only a number is kept that no other process can compute. At
/// most 512 are remembered, each for 15 minutes; the oldest of the four that share a row makes way for a new one.
struct TagBatteries: Sendable {
  private struct Entry: Sendable {
    var key: UInt64
    var heardAt: MonotonicTime
    var percent: UInt8
  }

  static let capacity = 512
  private static let rowLength = 4
  private static let memory = TimeSpan.minutes(15)

  /// Made when the first battery is heard: most receivers never hear one.
  private var entries: [Entry?] = []
  /// How many were forgotten before their time for want of room.
  private(set) var evicted: UInt64 = 0

  mutating func removeAll() {
    for index in entries.indices { entries[index] = nil }
  }

  /// Remembers what the sender at this address said at `time`.
  mutating func note(_ percent: UInt8, from advertiser: Advertiser, at time: MonotonicTime) {
    if entries.isEmpty { entries = Array(repeating: nil, count: Self.capacity) }
    let key = Self.key(advertiser)
    let place = place(for: key, at: time)
    if let entry = entries[place], entry.key != key, time - entry.heardAt <= Self.memory { evicted += 1 }
    entries[place] = Entry(key: key, heardAt: time, percent: percent)
  }

  /// Where `key` is, or where it belongs: a free place of its row, or else the place of the oldest.
  private func place(for key: UInt64, at time: MonotonicTime) -> Int {
    let row = Self.row(of: key)
    if let known = row.first(where: { entries[$0]?.key == key }) { return known }
    var oldest = row.lowerBound
    for index in row {
      guard let entry = entries[index], time - entry.heardAt <= Self.memory else { return index }
      if let other = entries[oldest], entry.heardAt < other.heardAt { oldest = index }
    }
    return oldest
  }

  /// What is known of the tag at this address, in percent.
  func percent(of advertiser: Advertiser, at time: MonotonicTime) -> UInt8? {
    guard !entries.isEmpty else { return nil }
    let key = Self.key(advertiser)
    for index in Self.row(of: key) {
      if let entry = entries[index], entry.key == key, time - entry.heardAt <= Self.memory { return entry.percent }
    }
    return nil
  }

  private static func row(of key: UInt64) -> Range<Int> {
    let first = Int(key % UInt64(capacity / rowLength)) * rowLength
    return first..<first + rowLength
  }

  /// Different in each process, as the hashes of the standard library are.
  private static func key(_ advertiser: Advertiser) -> UInt64 {
    UInt64(bitPattern: Int64(advertiser.hashValue))
  }
}
