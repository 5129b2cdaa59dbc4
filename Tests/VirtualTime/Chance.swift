import Locks

/// Random numbers that are the same for the same seed (SplitMix64).
struct Chance: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed &* 0x9E37_79B9_7F4A_7C15 ^ 0x6A09_E667_F3BC_C908
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }

  /// True once in so many times.
  mutating func isOne(in count: Int) -> Bool { below(count) == 0 }

  /// From 0 up to, not including, `bound`.
  mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(bound)) }

  /// From 0 up to, not including, 1.
  mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A time between the two: each order of magnitude as often as the next.
  mutating func between(_ shortest: Int64, _ longest: Int64) -> Int64 {
    // Halving steps instead of a logarithm: the same on every machine.
    var ceiling = longest
    while ceiling / 2 > shortest, isOne(in: 2) { ceiling /= 2 }
    return shortest + Int64(Double(ceiling - shortest) * fraction())
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}

extension Int64 {
  static let second: Int64 = 1_000_000_000
  static let minute = 60 * second
  static let hour = 60 * minute
}

/// A source of random numbers that closures share.
final class RandomSource: Sendable {
  private let chance: Locked<Chance>

  init(seed: UInt64) { chance = Locked(Chance(seed: seed)) }

  /// From 0 up to, not including, 1.
  func fraction() -> Double { chance.withLock { $0.fraction() } }

  /// 128 bits in hexadecimal.
  func identifier() -> String {
    let words = chance.withLock { [$0.next(), $0.next()] }
    return words.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }.joined()
  }
}
