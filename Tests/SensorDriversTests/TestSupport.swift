import Observations
import SensorDrivers

/// The bytes that a text of hexadecimal digits stands for; nothing else may be in it.
func bytes(_ hex: some StringProtocol) -> [UInt8] {
  let digits = hex.compactMap(\.hexDigitValue)
  precondition(digits.count == hex.count && digits.count % 2 == 0, "\(hex) is not hexadecimal")
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// SplitMix64: the same numbers on every machine for the same seed, so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

extension MonotonicTime {
  /// So many milliseconds after the boot.
  static func at(milliseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }
}

extension [UInt8] {
  /// The same with one bit turned over, counted from the first byte's lowest.
  func flipping(bit: Int) -> [UInt8] {
    var copy = self
    copy[bit / 8] ^= 1 << UInt8(bit % 8)
    return copy
  }

  /// The same in pieces of 1 to `longest` bytes.
  func split(longest: Int, using generator: inout SeededGenerator) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var start = 0
    while start < count {
      let end = Swift.min(start + Int.random(in: 1...longest, using: &generator), count)
      pieces.append(Array(self[start..<end]))
      start = end
    }
    return pieces
  }
}

extension Sequence<TimedObservation> {
  /// The values of one sensor, in order.
  func values(of sensor: SensorID) -> [Measure] {
    compactMap { if case .reading(sensor, let value) = $0.observation { value } else { nil } }
  }

  /// The faults of one sensor, in order.
  func faults(of sensor: SensorID) -> [FaultCause] {
    compactMap { if case .fault(sensor, let cause) = $0.observation { cause } else { nil } }
  }
}
