/// Lets the backlog go at a steady rate: a bucket of tokens.
package struct Pace: Sendable {
  private let perSecond: Double
  private let capacity: Double
  private var tokens: Double
  private var filledAt: Int64

  /// - Parameter perSecond: 0 is without a limit.
  package init(perSecond: Int, burst: Int, now: Int64) {
    self.perSecond = Double(perSecond)
    capacity = Double(max(1, burst))
    tokens = capacity
    filledAt = now
  }

  /// How many may go now.
  package mutating func available(now: Int64) -> Int {
    guard perSecond > 0 else { return .max }
    tokens = min(capacity, tokens + Double(max(0, now - filledAt)) / 1e9 * perSecond)
    filledAt = now
    return Int(tokens)
  }

  package mutating func take(_ count: Int) {
    if perSecond > 0 { tokens -= Double(count) }
  }

  /// When the next may go, after none was available.
  package func nextNanoseconds() -> Int64 {
    guard perSecond > 0, tokens < 1 else { return filledAt }
    return filledAt + Int64((1 - tokens) / perSecond * 1e9) + 1
  }
}
