import Observations

/// When it rained: the tips of the longest window that anybody asks for, so that every rolling sum is exact.
///
/// Each entry says how many tips there were up to its time, so that a sum is one difference. There are at most
/// `mostEntries`; when they are too many every other one of the older half is given up, which makes old tips appear a
/// little younger: a sum may then be too high for a moment, never too low.
struct RainHistory: Sendable {
  static let mostEntries = 2048

  struct Entry: Sendable, Hashable {
    var time: MonotonicTime
    /// Tips up to and with this time.
    var tips: UInt64
  }

  struct Memory: Sendable, Hashable {
    var entries: [Entry] = []
    /// Tips before the first entry.
    var before: UInt64 = 0
  }

  private let longest: TimeSpan
  private(set) var memory = Memory()

  /// - Parameter longest: the longest window that is asked for.
  init(longest: TimeSpan) {
    self.longest = longest
  }

  var tips: UInt64 { memory.entries.last?.tips ?? memory.before }

  mutating func add(_ count: UInt64, at time: MonotonicTime) {
    let tips = self.tips &+ count
    if let last = memory.entries.last, last.time >= time {
      memory.entries[memory.entries.count - 1].tips = tips
      return
    }
    memory.entries.append(Entry(time: time, tips: tips))
    guard memory.entries.count > Self.mostEntries else { return forget(before: time - longest) }
    forget(before: time - longest)
    if memory.entries.count > Self.mostEntries { thin() }
  }

  /// Drops what no window reaches any more, some of it at a time.
  private mutating func forget(before time: MonotonicTime) {
    guard let first = memory.entries.first, first.time <= time else { return }
    let count = memory.entries.partitioningIndex { $0.time > time }
    guard count > 0, count >= memory.entries.count / 4 || memory.entries.count > Self.mostEntries else { return }
    memory.before = memory.entries[count - 1].tips
    memory.entries.removeFirst(count)
  }

  private mutating func thin() {
    let half = memory.entries.count / 2
    var kept: [Entry] = []
    kept.reserveCapacity(Self.mostEntries)
    for (index, entry) in memory.entries.enumerated() where index >= half || index % 2 == 1 { kept.append(entry) }
    memory.entries = kept
  }

  /// The tips of the window of length `span` that ends at `time`; a tip as old as the window is out of it.
  func tips(within span: TimeSpan, at time: MonotonicTime) -> UInt64 {
    let index = memory.entries.partitioningIndex { $0.time > time - span }
    return tips &- (index == 0 ? memory.before : memory.entries[index - 1].tips)
  }

  /// When the tips of the window fall below `count`, if no more come. Nil: they are below it already.
  func time(whenFewerThan count: UInt64, within span: TimeSpan, at time: MonotonicTime) -> MonotonicTime? {
    let present = tips(within: span, at: time)
    guard present >= count, count > 0 else { return nil }
    // As soon as everything up to this number of tips is out of the window.
    let last = tips &- count
    let index = memory.entries.partitioningIndex { $0.tips > last }
    guard index < memory.entries.count else { return nil }
    return memory.entries[index].time + span
  }

  mutating func restore(_ remembered: Memory, shift: (MonotonicTime) -> MonotonicTime) {
    memory = remembered
    for index in memory.entries.indices { memory.entries[index].time = shift(memory.entries[index].time) }
  }
}

extension RainHistory.Memory: Codable {
  /// One row of numbers: the tips before, then for each entry the nanoseconds and the tips since the one before. It is
  /// saved every other minute while it rains, so it is kept short.
  init(from decoder: any Decoder) throws {
    var row = try decoder.unkeyedContainer()
    before = try row.decode(UInt64.self)
    var last = RainHistory.Entry(time: MonotonicTime(nanoseconds: 0), tips: before)
    while !row.isAtEnd {
      let nanoseconds = try row.decode(Int64.self)
      let time = last.time.nanoseconds.addingReportingOverflow(nanoseconds)
      last.tips &+= try row.decode(UInt64.self)
      guard !time.overflow, entries.isEmpty || nanoseconds >= 0, entries.count < 2 * RainHistory.mostEntries else {
        throw DecodingError.dataCorruptedError(in: row, debugDescription: "The times of the tips do not rise")
      }
      last.time = MonotonicTime(nanoseconds: time.partialValue)
      entries.append(last)
    }
  }

  func encode(to encoder: any Encoder) throws {
    var row = encoder.unkeyedContainer()
    try row.encode(before)
    var last = RainHistory.Entry(time: MonotonicTime(nanoseconds: 0), tips: before)
    for entry in entries {
      try row.encode(entry.time.nanoseconds - last.time.nanoseconds)
      try row.encode(entry.tips &- last.tips)
      last = entry
    }
  }
}

extension Array {
  /// The index of the first element that `belongs` to the later part, by halving.
  fileprivate func partitioningIndex(where belongs: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if belongs(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
