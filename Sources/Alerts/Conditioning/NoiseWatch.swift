import Observations

/// Tells a sensor whose readings jump about from water that moves.
///
/// The scatter is how far a reading lies from the middle of its two neighbours, in the middle of all: a straight rise has
/// none, however steep, and one wild reading changes nothing. A noisy sensor still decides: its values are uncertain, and
/// doubt is no reason to miss a flood.
struct NoiseWatch: Sendable {
  /// With fewer readings nothing is said.
  static let fewestReadings = 10
  /// So many are kept, evenly over the time.
  static let mostReadings = 60

  struct Reading: Sendable, Hashable, Codable {
    var value: Measure
    var at: MonotonicTime
  }

  /// What a restart must know.
  struct Memory: Sendable, Hashable, Codable {
    var readings: [Reading] = []
    var isNoisy = false
  }

  private let plan: ConditioningPlan.MaxNoise
  private(set) var memory = Memory()

  init(_ plan: ConditioningPlan.MaxNoise) {
    self.plan = plan
  }

  var isNoisy: Bool { memory.isNoisy }

  /// Takes what the sensor measures, before it is smoothed.
  mutating func take(_ value: Measure, at time: MonotonicTime) {
    let spacing = TimeSpan(nanoseconds: plan.within.nanoseconds / Int64(Self.mostReadings))
    if let last = memory.readings.last, time - last.at < spacing { return }
    memory.readings.removeAll { time - $0.at > plan.within }
    memory.readings.append(Reading(value: value, at: time))
    guard memory.readings.count >= Self.fewestReadings, let first = memory.readings.first,
      (time - first.at).nanoseconds >= plan.within.nanoseconds / 2
    else { return }
    // Over at half of what it takes, so that it does not come and go.
    let limit = memory.isNoisy ? plan.spread.thousandths : plan.spread.thousandths * 2
    memory.isNoisy = doubleScatter > limit
  }

  /// Twice the scatter, in thousandths.
  private var doubleScatter: Int64 {
    let values = memory.readings.map(\.value.thousandths)
    var bends: [Int64] = []
    for index in 1..<values.count - 1 {
      let neighbours: Int64 = values[index - 1] + values[index + 1]
      bends.append(abs(2 * values[index] - neighbours))
    }
    bends.sort()
    return bends[bends.count / 2]
  }

  mutating func restore(_ remembered: Memory, shift: (MonotonicTime) -> MonotonicTime) {
    memory.isNoisy = remembered.isNoisy
    memory.readings = remembered.readings.map { Reading(value: $0.value, at: shift($0.at)) }
  }
}
