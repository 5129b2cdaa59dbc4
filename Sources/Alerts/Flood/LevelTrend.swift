import Observations

/// How one gauge's water moves: its rate of rise, the forecast of the next step, and the alert of a fast rise.
struct LevelTrend: Sendable {
  /// What a restart must know.
  struct Memory: Sendable, Hashable, Codable {
    var window: TrendWindow.Memory?
    var rise: RiseWatch.Memory?
    var forecast: LevelForecast.Memory?
    var forecastEnds: MonotonicTime?
  }

  private var window: TrendWindow
  var rise: RiseWatch?
  private(set) var forecast: LevelForecast?
  /// When what was forecast is over without another reading.
  private(set) var forecastEnds: MonotonicTime?

  init(_ rule: FloodRule) {
    let span = LevelForecast.window(for: rule.forecast)
    window = TrendWindow(span: span, longest: max(rule.forecast ?? .zero, span * 2))
    forecast = rule.forecast.map { LevelForecast(horizon: $0) }
    rise = rule.rise.map { RiseWatch($0, hold: rule.releaseHold) }
  }

  /// Metres an hour; nil while nobody can say.
  var perHour: Measure? { window.slope?.perHour }

  /// What was last said about the next step.
  var next: Alert.Next? { forecast?.said }

  /// Takes one believable reading for the forecast. Returns whether there is a new slope.
  mutating func add(_ value: Measure, at time: MonotonicTime) -> Bool {
    window.add(value, at: time)
  }

  mutating func restate(next level: FloodRule.Level?, at moment: Moment) {
    forecast?.restate(window.slope(at: moment.monotonic), next: level, at: moment)
    forecastEnds = forecast?.deadline(readAt: moment)
  }

  mutating func judge(next level: FloodRule.Level?, at moment: Moment) -> LevelForecast.Change? {
    guard forecast != nil else { return nil }
    let change = forecast?.judge(window.slope(at: moment.monotonic), next: level, at: moment)
    if change != nil { forecastEnds = forecast?.deadline(readAt: moment) }
    return change
  }

  mutating func withdraw(at moment: Moment) -> LevelForecast.Change? {
    forecastEnds = nil
    return forecast?.withdraw(at: moment)
  }

  /// The sensor failed: the slope is of no use any more.
  mutating func forget() {
    window.forget()
    rise?.forget()
  }

  // MARK: Memory

  var needsSaving: Bool { rise?.needsSaving ?? false }

  mutating func save() -> Memory {
    Memory(rise: rise?.save(), forecast: forecast?.memory, forecastEnds: forecastEnds)
  }

  var memory: Memory {
    Memory(window: window.memory, rise: rise?.memory, forecast: forecast?.memory, forecastEnds: forecastEnds)
  }

  /// - Parameter isExact: whether it was saved as the earlier run stopped; else slots and forecast are of no use.
  mutating func restore(
    _ remembered: Memory, isRaised: Bool, isExact: Bool, shift: (MonotonicTime) -> MonotonicTime
  ) {
    if let memory = remembered.rise { rise?.restore(memory, isRaised: isRaised, shift: shift) }
    guard isExact else { return }
    if let slots = remembered.window { window.restore(slots, shift: shift) }
    guard forecast != nil, let memory = remembered.forecast else { return }
    forecast?.restore(memory, shift: shift)
    forecastEnds = remembered.forecastEnds.map(shift)
  }

  /// After a power cut: what the active alert says was forecast still is what people were told.
  mutating func restore(said: Alert.Next?, at moment: Moment) {
    guard let said, forecast != nil else { return }
    forecast?.restore(LevelForecast.Memory(said: said, saidAt: moment.monotonic)) { $0 }
    forecastEnds = forecast?.deadline(readAt: moment)
  }
}
