import Observations

/// Two sensors of one station that measure the same water, and whose turn it is to be judged.
///
/// The ladder sees a level at each reading of the sensor that is named first, and of the other one only while the first
/// is faulty or silent: counted together, one wave would be seen twice.
struct StationPair: Sendable {
  /// After so many readings of the other sensor without one of the first, the other leads.
  static let readingsToLead = 3

  /// The other sensor's channel.
  let other: Int
  let combination: FloodRule.Pair.Combination
  private(set) var otherReadings = 0
  /// What the ladder saw last, and from which of the two.
  private(set) var level: Measure?
  private(set) var isFromFirst = true
  private(set) var isFromOther = false

  init(other: Int, combination: FloodRule.Pair.Combination) {
    self.other = other
    self.combination = combination
  }

  /// The first sensor spoke.
  mutating func heardFirst() {
    otherReadings = 0
  }

  /// The other sensor spoke. Returns whether it leads now.
  mutating func heardOther(isFirstSound: Bool) -> Bool {
    otherReadings = min(otherReadings, .max - 1) + 1
    return !isFirstSound || otherReadings >= Self.readingsToLead
  }

  /// The level by what each of the two says that can be believed; at least one does.
  mutating func combine(first: Measure?, other: Measure?) -> Measure? {
    isFromFirst = first != nil
    isFromOther = other != nil
    guard let first, let other else {
      level = first ?? other
      return level
    }
    switch combination {
    case .higher: level = max(first, other)
    case .lower: level = min(first, other)
    case .mean: level = Measure(thousandths: first.thousandths + (other.thousandths - first.thousandths) / 2)
    case .first:
      level = first
      isFromOther = false
    }
    return level
  }

  /// What a restart must know.
  struct Memory: Sendable, Hashable, Codable {
    var otherReadings: Int
    var level: Measure?
    var isFromFirst: Bool
    var isFromOther: Bool
  }

  var memory: Memory {
    Memory(otherReadings: otherReadings, level: level, isFromFirst: isFromFirst, isFromOther: isFromOther)
  }

  mutating func restore(_ memory: Memory) {
    otherReadings = memory.otherReadings
    level = memory.level
    isFromFirst = memory.isFromFirst
    isFromOther = memory.isFromOther
  }
}
