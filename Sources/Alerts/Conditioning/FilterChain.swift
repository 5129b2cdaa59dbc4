import Observations

/// The filters of one sensor with what each remembers: at most its window.
struct FilterChain: Sendable {
  /// What came of one reading.
  enum Outcome: Sendable, Equatable {
    /// The value; `isPassed`: every filter lets it be published.
    case shaped(Double, isPassed: Bool)
    case rejected(FaultCause)
  }

  /// What one filter remembers.
  struct Stage: Sendable, Hashable, Codable {
    /// The newest readings; the oldest at `next` once it is full.
    var window: [Double] = []
    var next = 0
    var average: Double?
    /// Results since one was published.
    var held = 0
    var lastPassed: Double?
    var lastPassedAt: MonotonicTime?
  }

  private let filters: [ReadingFilter]
  private let quantity: Quantity
  /// The filters before this one are calibrations: a reading is judged behind them.
  private let firstShaping: Int
  private(set) var stages: [Stage]

  /// After so long without a reading there is no value.
  let timeout: TimeSpan?
  let heartbeat: TimeSpan?
  /// Whether any filter holds values back from publishing.
  let isGating: Bool
  /// Whether a filter says itself what change is worth publishing.
  let hasDelta: Bool

  init(_ filters: [ReadingFilter], quantity: Quantity) {
    self.filters = filters
    self.quantity = quantity
    firstShaping = filters.firstIndex { !$0.isCalibration } ?? filters.count
    stages = filters.map { Self.fresh($0) }
    var timeout: TimeSpan?
    var heartbeat: TimeSpan?
    var isGating = false
    var hasDelta = false
    for filter in filters {
      switch filter {
      case .timeout(let span): timeout = min(timeout ?? span, span)
      case .heartbeat(let period, let isOptimistic):
        heartbeat = min(heartbeat ?? period, period)
        isGating = isGating || !isOptimistic
      case .delta:
        hasDelta = true
        isGating = true
      case .throttle: isGating = true
      case .median(let window), .slidingWindowMovingAverage(let window), .exponentialMovingAverage(_, let window):
        isGating = isGating || window.sendEvery > 1
      case .clamp, .calibrate, .filterOut: break
      }
    }
    self.timeout = timeout
    self.heartbeat = heartbeat
    self.isGating = isGating
    self.hasDelta = hasDelta
  }

  private static func fresh(_ filter: ReadingFilter) -> Stage {
    var stage = Stage()
    switch filter {
    case .median(let window), .slidingWindowMovingAverage(let window), .exponentialMovingAverage(_, let window):
      stage.held = window.sendEvery - window.sendFirstAt
    default: break
    }
    return stage
  }

  var isEmpty: Bool { filters.isEmpty }

  /// Forgets what it remembers: after a silence old readings say nothing about new ones.
  mutating func restart() {
    stages = filters.map { Self.fresh($0) }
  }

  /// Takes up what an earlier run remembered, unless the filters are others by now.
  mutating func restore(_ remembered: [Stage], shift: (MonotonicTime) -> MonotonicTime) {
    guard remembered.count == stages.count else { return }
    for (index, filter) in filters.enumerated() {
      switch filter {
      case .median(let window), .slidingWindowMovingAverage(let window):
        guard remembered[index].window.count <= window.size, remembered[index].next < window.size else { continue }
      default: break
      }
      stages[index] = remembered[index]
      stages[index].lastPassedAt = remembered[index].lastPassedAt.map(shift)
    }
  }

  /// What was measured, as the calibrations at the head of the list tell it.
  func measured(_ raw: Double) -> Outcome {
    var value = raw
    for filter in filters[..<firstShaping] {
      switch filter {
      case .calibrate(let curve): value = curve.value(at: value)
      case .filterOut(let values) where isAmong(values, value): return .rejected(.filteredOut)
      default: break
      }
    }
    return .shaped(value, isPassed: true)
  }

  /// Runs a plausible value through the filters behind the calibrations.
  mutating func shape(_ measured: Double, at time: MonotonicTime) -> Outcome {
    var value = measured
    var isPassed = true
    for index in firstShaping..<filters.count {
      switch filters[index] {
      case .median(let window):
        value = stages[index].median(adding: value, size: window.size)
        if !stages[index].sends(window) { isPassed = false }
      case .slidingWindowMovingAverage(let window):
        value = stages[index].mean(adding: value, size: window.size)
        if !stages[index].sends(window) { isPassed = false }
      case .exponentialMovingAverage(let alpha, let window):
        let average = stages[index].average.map { alpha * value + (1 - alpha) * $0 } ?? value
        stages[index].average = average
        value = average
        if !stages[index].sends(window) { isPassed = false }
      case .clamp(let lowest, let highest, let ignoresOutOfRange):
        var clamped = value
        if let lowest { clamped = max(clamped, lowest) }
        if let highest { clamped = min(clamped, highest) }
        if clamped != value, ignoresOutOfRange { return .rejected(.outOfRange) }
        value = clamped
      case .calibrate(let curve): value = curve.value(at: value)
      case .filterOut(let values): if isAmong(values, value) { return .rejected(.filteredOut) }
      case .delta(let difference):
        // A filter that holds a value back hands none to the next one that could pass it.
        if isPassed, !stages[index].differs(value, by: difference) { isPassed = false }
      case .throttle(let span):
        if isPassed, !stages[index].isOver(span, at: time) { isPassed = false }
      case .heartbeat(_, let isOptimistic): if !isOptimistic { isPassed = false }
      case .timeout: break
      }
    }
    return .shaped(value, isPassed: isPassed)
  }

  private func isAmong(_ values: [Measure], _ value: Double) -> Bool {
    guard let rounded = Measure(rounding: value, for: quantity) else { return false }
    return values.contains(rounded)
  }
}

extension FilterChain.Stage {
  fileprivate mutating func add(_ value: Double, size: Int) {
    if window.count < size {
      window.append(value)
    } else {
      window[next] = value
      next = (next + 1) % size
    }
  }

  fileprivate mutating func median(adding value: Double, size: Int) -> Double {
    add(value, size: size)
    let sorted = window.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  fileprivate mutating func mean(adding value: Double, size: Int) -> Double {
    add(value, size: size)
    // Summed anew each time: a running sum would drift, and differently after a restart.
    return window.reduce(0, +) / Double(window.count)
  }

  fileprivate mutating func sends(_ window: ReadingFilter.Window) -> Bool {
    held += 1
    guard held >= window.sendEvery else { return false }
    held = 0
    return true
  }

  fileprivate mutating func differs(_ value: Double, by difference: ReadingFilter.Difference) -> Bool {
    if let lastPassed {
      let least =
        switch difference {
        case .absolute(let least): least
        case .fraction(let part): abs(lastPassed * part)
        }
      guard abs(value - lastPassed) > least else { return false }
    }
    lastPassed = value
    return true
  }

  fileprivate mutating func isOver(_ span: TimeSpan, at time: MonotonicTime) -> Bool {
    if let lastPassedAt, time - lastPassedAt < span { return false }
    lastPassedAt = time
    return true
  }
}
