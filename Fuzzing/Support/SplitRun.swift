import Observations

@testable import SensorDrivers

/// One wire before two drivers of a kind: what comes is given to the one as it comes and to the other byte by byte. That
/// must make no difference.
struct SplitRun<Driver: SerialDriver> {
  private(set) var whole: Driver
  private(set) var parts: Driver
  private(set) var wholeActions = DriverActions()
  private(set) var partActions = DriverActions()

  /// The input is a script: a byte says how long the line is silent (its upper bits, in units of `pauseMilliseconds`) and how many
  /// bytes come then (its `countBits` lower bits, and `least`).
  init(_ driver: Driver, input: [UInt8], countBits: UInt8, least: Int, pauseMilliseconds: Int64) {
    whole = driver
    parts = driver
    var time = MonotonicTime(nanoseconds: 0)
    whole.opened(at: time, into: &wholeActions)
    parts.opened(at: time, into: &partActions)
    var index = 0
    while index < input.count {
      let step = input[index]
      time = time + .milliseconds(Int64(step >> countBits) * pauseMilliseconds)
      while let deadline = whole.nextDeadline, deadline <= time {
        whole.wake(at: deadline, into: &wholeActions)
        parts.wake(at: deadline, into: &partActions)
        precondition(whole.nextDeadline != deadline, "A deadline that does not move on")
      }
      let end = max(min(index + 1 + least + Int(step & (1 << countBits - 1)), input.count), index + 1)
      // Nothing is handed over when nothing came: it would prolong the wait for the rest of a packet.
      if end > index + 1 { whole.received(input.span.extracting(index + 1..<end), at: time, into: &wholeActions) }
      for place in index + 1..<end {
        parts.received(input.span.extracting(place..<place + 1), at: time, into: &partActions)
      }
      index = end
    }
    precondition(wholeActions.observations == partActions.observations, "The split changes what is said")
    precondition(wholeActions.transmit == partActions.transmit, "The split changes what is sent")
    precondition(whole.counters == parts.counters, "The split changes the counters")
  }

  /// Every level that was said, in thousandths.
  var levels: [Int64] {
    wholeActions.observations.compactMap { timed in
      if case .reading(_, let level) = timed.observation { level.thousandths } else { nil }
    }
  }
}

/// The bytes that the fuzzer hands over, at most `most` of them.
func script(_ start: UnsafePointer<UInt8>?, _ count: Int, most: Int = .max) -> [UInt8] {
  unsafe Array(UnsafeBufferPointer(start: start, count: min(count, most)))
}
