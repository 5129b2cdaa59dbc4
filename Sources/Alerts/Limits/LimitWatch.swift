import Observations

/// Decides when a value of the board's own, such as its supply voltage, is beyond its limit and when it is back.
struct LimitWatch: Sendable {
  enum Change: Sendable, Hashable {
    /// It has been beyond the limit for long enough, since this moment.
    case crossed(since: Moment)
    case recovered
  }

  let rule: LimitRule
  private var isBeyond = false
  private(set) var beyondSince: Moment?

  init(_ rule: LimitRule) {
    self.rule = rule
  }

  mutating func take(_ value: Measure, at moment: Moment) -> Change? {
    if isBeyond {
      guard isBack(value) else { return nil }
      isBeyond = false
      beyondSince = nil
      return .recovered
    }
    guard isTooFar(value) else {
      beyondSince = nil
      return nil
    }
    let since = beyondSince ?? moment
    beyondSince = since
    guard moment.monotonic - since.monotonic >= rule.confirm else { return nil }
    isBeyond = true
    return .crossed(since: since)
  }

  /// Nobody knows what the value did meanwhile: what was being confirmed is confirmed anew.
  mutating func forget() {
    beyondSince = nil
  }

  /// The book says whether the limit's alert is active; `beyondSince` is what was still being confirmed.
  mutating func restore(isBeyond: Bool, beyondSince: Moment?) {
    self.isBeyond = isBeyond
    self.beyondSince = beyondSince
  }

  private func isTooFar(_ value: Measure) -> Bool {
    rule.side == .below ? value <= rule.threshold : value >= rule.threshold
  }

  private func isBack(_ value: Measure) -> Bool {
    rule.side == .below ? value >= rule.threshold + rule.margin : value <= rule.threshold - rule.margin
  }
}
