import Observations

/// When a place could not hear anybody: blind, or the gateway did not run.
struct HearingRecord: Sendable, Hashable, Codable {
  struct Gap: Sendable, Hashable, Codable {
    var start: MonotonicTime
    var end: MonotonicTime
  }

  /// The newest; an older one is joined with its neighbour, and what was heard between is taken for not heard.
  private static let mostGaps = 8
  /// A shorter one is none: nobody comes and goes in it.
  private static let shortest = TimeSpan.seconds(10)

  private(set) var gaps: [Gap] = []
  /// Since when it is deaf now.
  private(set) var deafSince: MonotonicTime?

  mutating func setDeaf(_ isDeaf: Bool, at time: MonotonicTime) {
    if isDeaf {
      deafSince = deafSince ?? time
    } else if let since = deafSince {
      deafSince = nil
      add(Gap(start: since, end: time))
    }
  }

  mutating func add(_ gap: Gap) {
    guard gap.end - gap.start >= Self.shortest else { return }
    gaps.append(gap)
    guard gaps.count > Self.mostGaps else { return }
    gaps[1].start = gaps[0].start
    gaps.removeFirst()
  }

  /// For how long it was deaf from `start` to `end`.
  func deaf(from start: MonotonicTime, to end: MonotonicTime) -> TimeSpan {
    var sum = TimeSpan.zero
    for gap in gaps { sum = sum + max(min(gap.end, end) - max(gap.start, start), .zero) }
    if let deafSince { sum = sum + max(end - max(deafSince, start), .zero) }
    return sum
  }

  /// When it began to hear again.
  var hearsSince: MonotonicTime? { gaps.last?.end }

  /// The same with every time moved.
  func shifted(by shift: (MonotonicTime) -> MonotonicTime) -> HearingRecord {
    var record = HearingRecord()
    record.gaps = gaps.map { Gap(start: shift($0.start), end: shift($0.end)) }
    record.deafSince = deafSince.map(shift)
    return record
  }
}
