import Observations

/// The newest readings of a level, averaged in a few slots of time, and the robust slope through them.
///
/// Memory and work are the same at one reading a second and at one in ten minutes. The slope is Theil and Sen's: the
/// median of the slopes between every two slots, which a quarter of wrong slots does not move, nor waves that go up and
/// down within a slot or within the window.
struct TrendWindow: Sendable {
  /// The window is cut into so many slots; readings within one are averaged.
  static let slotsInWindow: Int64 = 16
  /// With fewer slots that hold readings there is no slope.
  static let fewestSlots = 4
  /// A level that moved less than this within the window stands still.
  static let leastMovement = 0.01

  struct Slot: Sendable, Hashable, Codable {
    var number: Int64
    var count: Double
    /// Metres, and seconds since the origin, added up.
    var levels: Double
    var times: Double

    var level: Double { levels / count }
    var time: Double { times / count }
  }

  /// The slope as it was when the newest slot began.
  struct Slope: Sendable, Hashable, Codable {
    /// Metres a second: the median of all slopes.
    var median: Double
    /// Of the slopes over at least a quarter of the time: one in ten is lower, or higher.
    var low: Double
    var high: Double
    /// How the rate itself changes: the slope of the newer half of the time less that of the older half.
    var bend: Double
    /// Slots that it was made from.
    var slots: Int
    /// The part of all slopes that rise, 0 to 1.
    var rising: Double
    /// The level on the line through the slots, at `time`.
    var level: Double
    /// When the newest slot was, in seconds since the origin.
    var time: Double
    /// The time that the slots span, in seconds.
    var seconds: Double
  }

  struct Memory: Sendable, Hashable, Codable {
    var origin: MonotonicTime?
    var slots: [Slot] = []
    var slope: Slope?
  }

  let span: TimeSpan
  private let slotLength: TimeSpan
  /// Older readings are of no use, however few there are.
  private let longest: TimeSpan
  private(set) var memory = Memory()

  /// - Parameters:
  ///   - span: the window.
  ///   - longest: how far back to reach where readings are too rare for the window.
  init(span: TimeSpan, longest: TimeSpan) {
    self.span = span
    self.longest = max(longest, span)
    slotLength = TimeSpan(nanoseconds: max(span.nanoseconds / Self.slotsInWindow, 1))
  }

  /// The slope, if there are readings enough over at least half of the window.
  var slope: Slope? { memory.slope }

  /// The slope with the level that its line has reached at `time`.
  func slope(at time: MonotonicTime) -> Slope? {
    guard let origin = memory.origin, var slope = memory.slope else { return nil }
    let now = (time - origin).seconds
    slope.level += slope.median * (now - slope.time)
    slope.time = now
    return slope
  }

  /// Takes a believable reading. Returns whether it began a slot, and with it a new slope.
  mutating func add(_ value: Measure, at time: MonotonicTime) -> Bool {
    if let origin = memory.origin, let last = memory.slots.last {
      let newest = origin + slotLength * last.number
      if time < newest || time - newest > longest + slotLength { forget() }
    }
    let origin = memory.origin ?? time
    memory.origin = origin
    let number = (time - origin).nanoseconds / slotLength.nanoseconds
    let seconds = (time - origin).seconds
    if let last = memory.slots.last, last.number == number {
      memory.slots[memory.slots.count - 1].count += 1
      memory.slots[memory.slots.count - 1].levels += value.value
      memory.slots[memory.slots.count - 1].times += seconds
      return false
    }
    memory.slots.append(Slot(number: number, count: 1, levels: value.value, times: seconds))
    while let first = memory.slots.first, isTooOld(number - first.number) { memory.slots.removeFirst() }
    memory.slope = makeSlope()
    return true
  }

  private func isTooOld(_ age: Int64) -> Bool {
    guard age > Self.slotsInWindow else { return false }
    return memory.slots.count > Self.fewestSlots || age > longest.nanoseconds / slotLength.nanoseconds
  }

  /// The readings so far have nothing to do with those that will come.
  mutating func forget() {
    memory = Memory()
  }

  private func makeSlope() -> Slope? {
    let slots = memory.slots
    guard slots.count >= Self.fewestSlots, let first = slots.first, let last = slots.last else { return nil }
    let seconds = last.time - first.time
    guard seconds > 0, seconds * 2 >= span.seconds else { return nil }
    var lowest = first.level
    var highest = first.level
    for slot in slots {
      lowest = min(lowest, slot.level)
      highest = max(highest, slot.level)
    }
    guard highest - lowest >= Self.leastMovement else {
      return Slope(
        median: 0, low: 0, high: 0, bend: 0, slots: slots.count, rising: 0, level: last.level, time: last.time,
        seconds: seconds)
    }
    var all: [Double] = []
    var long: [Double] = []
    all.reserveCapacity(slots.count * (slots.count - 1) / 2)
    long.reserveCapacity(all.capacity)
    var rising = 0
    for (index, later) in slots.enumerated().dropFirst() {
      for earlier in slots[..<index] {
        let time = later.time - earlier.time
        let slope = (later.level - earlier.level) / time
        if slope > 0 { rising += 1 }
        all.append(slope)
        if time * 4 >= seconds { long.append(slope) }
      }
    }
    let median = all.median()
    var levels = slots.map { $0.level + median * (last.time - $0.time) }
    return Slope(
      median: median, low: long.select(long.count / 10), high: long.select(long.count - 1 - long.count / 10),
      bend: bend(from: first.time, over: seconds), slots: slots.count,
      rising: Double(rising) / Double(all.count), level: levels.median(), time: last.time,
      seconds: seconds)
  }

  private func bend(from start: Double, over seconds: Double) -> Double {
    let middle = start + seconds / 2
    func slope(_ slots: [Slot]) -> Double? {
      var slopes: [Double] = []
      for (index, later) in slots.enumerated().dropFirst() {
        for earlier in slots[..<index] where (later.time - earlier.time) * 8 >= seconds {
          slopes.append((later.level - earlier.level) / (later.time - earlier.time))
        }
      }
      return slopes.isEmpty ? nil : slopes.median()
    }
    guard let older = slope(memory.slots.filter { $0.time <= middle }),
      let newer = slope(memory.slots.filter { $0.time >= middle })
    else { return 0 }
    return newer - older
  }

  mutating func restore(_ remembered: Memory, shift: (MonotonicTime) -> MonotonicTime) {
    memory = remembered
    memory.origin = remembered.origin.map(shift)
  }
}

extension TrendWindow.Slope {
  /// Metres an hour, rounded to a centimetre an hour.
  var perHour: Measure? {
    Measure(rounding: (median * 360_000).rounded(.toNearestOrAwayFromZero) / 100, for: .waterLevel)
  }
}

extension [Double] {
  /// The median; the order of the numbers is lost.
  fileprivate mutating func median() -> Double {
    let upper = select(count / 2)
    guard count % 2 == 0, let lower = self[..<(count / 2)].max() else { return upper }
    return (lower + upper) / 2
  }

  /// The number that stood at `index` if they were sorted. It is brought there, with none larger before it and none
  /// smaller behind: sorting them all takes several times as long.
  fileprivate mutating func select(_ index: Int) -> Double {
    var low = 0
    var high = count - 1
    while low < high {
      // By the one in the middle, so that a row that rises is the best case and not the worst.
      swapAt((low + high) / 2, high)
      let pivot = self[high]
      var place = low
      for candidate in low..<high where self[candidate] < pivot {
        swapAt(candidate, place)
        place += 1
      }
      swapAt(place, high)
      if place == index { break }
      if place < index { low = place + 1 } else { high = place - 1 }
    }
    return self[index]
  }
}
