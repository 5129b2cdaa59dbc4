import Observations

/// A water level that moves in straight lines.
struct SimulatedLevel {
  private var start: Double
  private var end: Double
  private var startTime: MonotonicTime
  private var span: TimeSpan

  init(metres: Double) {
    start = metres
    end = metres
    startTime = MonotonicTime(nanoseconds: 0)
    span = .zero
  }

  /// Moves from where the water stands to `metres` over `span`.
  mutating func move(to metres: Double, over span: TimeSpan, from time: MonotonicTime) {
    start = self.metres(at: time)
    end = metres
    startTime = time
    self.span = span
  }

  func metres(at time: MonotonicTime) -> Double {
    let elapsed = (time - startTime).seconds
    guard span > .zero, elapsed < span.seconds else { return end }
    return start + (end - start) * max(0, elapsed) / span.seconds
  }
}
