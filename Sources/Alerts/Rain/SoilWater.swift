import Observations

/// The soil water index: three tanks, each draining into the next. A reference for staff, never a warning.
///
/// The parameters are those that the Japan Meteorological Agency uses for the whole country; a step is ten minutes.
/// It needs days of rain to be right, so it outlives restarts, and drains through a pause.
struct SoilWater: Sendable {
  static let step = TimeSpan.minutes(10)
  /// After so long without a gap it no longer depends on what was missed.
  static let memorySpan = TimeSpan.hours(240)
  /// After more steps than these (two years) nothing is left in the tanks.
  private static let mostSteps: Int64 = 105_120
  /// More rain than ever fell in ten minutes: what a broken count may do.
  private static let mostRain = 1000.0

  struct Memory: Sendable, Hashable, Codable {
    /// Millimetres of water in each tank.
    var first = 0.0
    var second = 0.0
    var third = 0.0
    /// Millimetres that fell since `through`.
    var pending = 0.0
    /// Up to when the tanks are worked out.
    var through: MonotonicTime?
  }

  private(set) var memory = Memory()

  /// The index in millimetres, with the rain of the step that is not over.
  func index(at time: MonotonicTime) -> Double {
    var now = self
    now.advance(to: time)
    return now.memory.first + now.memory.second + now.memory.third + now.memory.pending
  }

  mutating func add(millimetres: Double, at time: MonotonicTime) {
    advance(to: time)
    memory.pending = min(memory.pending + max(millimetres, 0), Self.mostRain)
  }

  private mutating func advance(to time: MonotonicTime) {
    guard let through = memory.through else {
      memory.through = time
      return
    }
    let steps = (time - through).nanoseconds / Self.step.nanoseconds
    guard steps > 0 else { return }
    memory.through = through + Self.step * steps
    guard steps <= Self.mostSteps else {
      memory = Memory(through: memory.through)
      return
    }
    for _ in 0..<steps {
      drain()
      if memory.first + memory.second + memory.third < 1e-6 { break }
    }
  }

  /// One step of ten minutes.
  private mutating func drain() {
    let hours = 1.0 / 6
    let (first, second, third) = (memory.first, memory.second, memory.third)
    let firstOutflow = 0.1 * max(0, first - 15) + 0.15 * max(0, first - 60)
    let secondOutflow = 0.05 * max(0, second - 15)
    let thirdOutflow = 0.01 * max(0, third - 15)
    memory.first = (1 - 0.12 * hours) * first - firstOutflow * hours + memory.pending
    memory.second = (1 - 0.05 * hours) * second - secondOutflow * hours + 0.12 * hours * first
    memory.third = (1 - 0.01 * hours) * third - thirdOutflow * hours + 0.05 * hours * second
    memory.pending = 0
  }

  mutating func restore(_ remembered: Memory, shift: (MonotonicTime) -> MonotonicTime) {
    memory = remembered
    memory.through = remembered.through.map(shift)
  }
}
