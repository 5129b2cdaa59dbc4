import Observations

/// How sure a notice is, from 0 to 1: a mark for comparing, not a probability.
extension PlaceWatch {
  /// Half for the rule being met, a quarter for how far the signal lies above `enter`, up to 12 dB, and a quarter for
  /// how many of the sightings reached it.
  func arrivalConfidence(of person: Presence) -> Double {
    let above = Int(person.smoothedSignal) - Int(rule.enter) * 16
    let signalPart = min(max(above, 0), 192) * 2500 / 192
    let countPart = person.strong.nonzeroBitCount * 2500 / ringSize
    return Double((5000 + signalPart + countPart + 50) / 100) / 100
  }

  /// A person who went away was heard fainter and fainter: 0.95 at `leave` or below. A tag that fell silent while it was
  /// heard well may have stopped or been covered: down to 0.6 at 20 dB above `leave`. Less where the silence says little:
  /// see `doubt`.
  func departureConfidence(of person: Presence, at time: MonotonicTime) -> Double {
    let above = Int(person.smoothedSignal) - Int(rule.leave) * 16
    let part = min(max(above, 0), 320) * 3500 / 320
    let doubt = Self.doubt(of: person, silence: time - max(person.lastKept, silenceCountsFrom), certainAfter: 10)
    return Double((9500 - part + 50) / 100 - doubt) / 100
  }

  /// That somebody was not heard: 0.9, or 0.7 where some of the receivers do not work, less where the silence says little.
  /// Of a tag that was never heard nobody knows whether it works: 0.3 less.
  func absenceConfidence(of person: Presence, isWatching: Bool, at time: MonotonicTime) -> Double {
    let most = isWatching ? 90 : 70
    guard !person.isNeverHeard else { return Double(most - 30) / 100 }
    let silence = time - max(person.quietSince, silenceCountsFrom)
    return Double(most - Self.doubt(of: person, silence: silence, certainAfter: 20)) / 100
  }

  /// What a silence leaves open, in hundredths: one for each gap that the tag was heard too seldom for its interval to be
  /// known, 16 at most; else two for each of its intervals that the silence is shorter than `certainAfter` of them, 20 at
  /// most.
  private static func doubt(of person: Presence, silence: TimeSpan, certainAfter: Int64) -> Int {
    guard let interval = person.interval.learned, interval > .zero else { return person.interval.gapsMissing }
    let intervals = max(silence.nanoseconds, 0) / max(interval.nanoseconds, 1)
    return Int(min(max(certainAfter - intervals, 0) * 2, 20))
  }

  /// Less than an arrival at the same signal: half, and a quarter for how far the strongest lay above `enter`.
  func passageConfidence(of person: Presence) -> Double {
    let above = Int(person.passingSignal) - Int(rule.enter) * 16
    let signalPart = min(max(above, 0), 192) * 2500 / 192
    return Double((5000 + signalPart + 50) / 100) / 100
  }
}
