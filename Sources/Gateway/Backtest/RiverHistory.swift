import Alerts
import Observations

/// What one replay told of one river, beside how its water really stood.
struct RiverHistory {
  /// One stay at a step of the ladder or above it.
  struct Visit {
    let step: LadderStep
    let threshold: Measure
    /// The first of the readings at or above the threshold that led to it.
    let crossed: Moment
    let told: Moment
    /// Nil while it goes on.
    var left: Moment?
    /// The highest level meanwhile.
    var highest: Measure?
  }

  /// What was estimated of one step, from the first estimate until it was reached or taken back.
  struct Forecast {
    enum Outcome {
      case came(Moment)
      case withdrawn(Moment)
      /// The recording ends before it is known.
      case open
    }

    let step: LadderStep
    let made: Moment
    let first: Alert.Next
    /// How often it was said, revisions included.
    var count = 1
    /// Of these, how often the water came between earliest and latest.
    var inside = 0
    var outcome = Outcome.open
  }

  /// What does not fit is counted.
  static let most = 10_000

  let rule: FloodRule
  private(set) var visits: [Visit] = []
  private(set) var forecasts: [Forecast] = []
  private(set) var leftOut = 0
  private(set) var highest: (value: Measure, at: Moment)?
  private(set) var lowest: (value: Measure, at: Moment)?
  private var open: [LadderStep: Int] = [:]
  /// Of each step whose threshold the water is at or above: since when, and the highest level since.
  private var above: [LadderStep: (since: Moment, highest: Measure)] = [:]
  private var current: (forecast: Forecast, said: [Alert.Next])?

  init(_ rule: FloodRule) {
    self.rule = rule
  }

  /// A believable level.
  mutating func take(_ level: Measure, at moment: Moment) {
    if highest.map({ level > $0.value }) ?? true { highest = (level, moment) }
    if lowest.map({ level < $0.value }) ?? true { lowest = (level, moment) }
    for rung in rule.levels {
      if level < rung.threshold {
        above[rung.step] = nil
      } else {
        let before = above[rung.step] ?? (moment, level)
        above[rung.step] = (before.since, max(before.highest, level))
      }
    }
    for index in open.values { visits[index].highest = visits[index].highest.map { max($0, level) } ?? level }
  }

  /// A message says that the water is at this step now; nil: below all of them.
  mutating func moved(to step: LadderStep?, at moment: Moment) {
    for rung in rule.levels {
      let isReached = step.map { rung.step <= $0 } ?? false
      if isReached, open[rung.step] == nil {
        begin(rung, at: moment)
      } else if !isReached, let index = open.removeValue(forKey: rung.step) {
        visits[index].left = moment
      }
    }
  }

  private mutating func begin(_ rung: FloodRule.Level, at moment: Moment) {
    let crossed = above[rung.step]?.since ?? moment
    if current?.forecast.step == rung.step { close(.came(crossed)) }
    guard visits.count < Self.most else {
      leftOut += 1
      return
    }
    open[rung.step] = visits.count
    visits.append(
      Visit(
        step: rung.step, threshold: rung.threshold, crossed: crossed, told: moment, highest: above[rung.step]?.highest))
  }

  /// A message or an observation says when the next step will be reached; nil: it says nothing of that.
  mutating func estimated(_ next: Alert.Next?, at moment: Moment) {
    if let current, next?.step != current.forecast.step {
      // The water stands at the threshold and is being confirmed: whether it came is said soon.
      if next == nil, above[current.forecast.step] != nil { return }
      close(.withdrawn(moment))
    }
    guard let next else { return }
    if current == nil {
      current = (Forecast(step: next.step, made: moment, first: next), [next])
    } else if current?.said.last != next {
      current?.forecast.count += 1
      if let count = current?.said.count, count < Self.most { current?.said.append(next) }
    }
  }

  /// The recording is over.
  mutating func finish() { close(.open) }

  private mutating func close(_ outcome: Forecast.Outcome) {
    guard let said = current?.said, var forecast = current?.forecast else { return }
    current = nil
    forecast.outcome = outcome
    if case .came(let moment) = outcome {
      forecast.inside = said.count { $0.earliest <= moment.wall && moment.wall <= $0.latest }
    }
    guard forecasts.count < Self.most else {
      leftOut += 1
      return
    }
    forecasts.append(forecast)
  }
}
