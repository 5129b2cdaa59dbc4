public import Observations

/// The sensors of one port that speak in lines of text, each by its pattern: they talk by themselves, or each is asked in
/// turn.
///
/// - A line that fits no pattern is counted and otherwise ignored. Where sensors talk by themselves, two seconds of
///   nothing but such lines are a fault of all, `garbled_reply`; a sensor that falls silent is told by its `stale_after`.
/// - A sensor that is asked answers with one line for each pattern of its request. Without an answer it is asked once
///   more, then it is a fault: `timeout` if no byte came, `garbled_reply` if no line fitted. It is left alone for 2, 4, 8,
///   16, then 30 s; the first answer ends that.
/// - A line that fits but in whose `{status:…}` another word stands is `device_exception`.
public struct LineSensors: SerialDriver {
  /// A request under way.
  private struct Exchange: Sendable {
    let question: Int
    var deadline: MonotonicTime
    /// The points that have not been told of yet.
    var open: [Int]
    var isRepeated = false
    var hasHeard = false
  }

  private static let silenceBeforeReopening = TimeSpan.minutes(10)
  /// Failing sensors wait for the others, but not for ever.
  private static let longestDeferral = TimeSpan.minutes(1)

  public let sensors: [SensorID]
  public private(set) var counters = PortCounters()
  public private(set) var nextDeadline: MonotonicTime?

  private let points: [LinePoint]
  /// Each pattern once.
  private let patterns: [LinePattern]
  private var collector: LineCollector
  private var questions: [LineQuestion] = []
  private var exchange: Exchange?
  private var talker: TalkingLine
  private var paces: [SpeakingPace]
  private var values: [Double] = []
  private var isOpen = false
  private var lineFree = MonotonicTime(nanoseconds: 0)
  private var wrongLines: UInt64 = 0

  /// - Parameter terminator: what ends a line; empty: each carriage return and each line feed.
  public init(points: [LinePoint], terminator: [UInt8] = []) {
    self.points = points
    sensors = points.map(\.sensor)
    var patterns: [LinePattern] = []
    for point in points where !patterns.contains(point.pattern) { patterns.append(point.pattern) }
    self.patterns = patterns
    collector = LineCollector(terminator: terminator)
    paces = points.map { _ in SpeakingPace() }
    for (index, point) in points.enumerated() {
      guard let poll = point.poll else { continue }
      let place = questions.firstIndex { $0.poll.request == poll.request } ?? questions.count
      if place == questions.count { questions.append(LineQuestion(poll)) }
      questions[place].points.append(index)
    }
    talker = TalkingLine(patience: questions.isEmpty ? .seconds(60) : Self.silenceBeforeReopening)
  }

  private var isPolled: Bool { !questions.isEmpty }

  public mutating func opened(at time: MonotonicTime, into actions: inout DriverActions) {
    isOpen = true
    exchange = nil
    collector.discard()
    talker.opened(at: time)
    lineFree = time
    for index in questions.indices { questions[index].restart(at: time) }
    proceed(at: time, into: &actions)
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    isOpen = false
    exchange = nil
    talker.closed()
    nextDeadline = nil
    for index in points.indices {
      paces[index].failed(cause, at: time)
      actions.observations.append(TimedObservation(time: time, observation: .fault(points[index].sensor, cause)))
    }
  }

  public mutating func received(_ bytes: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions) {
    guard isOpen, bytes.count > 0 else { return }
    counters.bytesReceived += UInt64(bytes.count)
    settleGarbage(at: time, into: &actions)
    // What noise has left of a line is no beginning of the next one.
    if talker.heard(at: time), !isPolled { collector.discard() }
    exchange?.hasHeard = true
    for index in bytes.indices {
      if !isPolled { talker.misunderstood(at: time) }
      if collector.feed(bytes[index]) { take(collector.line, at: time, into: &actions) }
    }
    counters.checksumErrors = wrongLines + collector.overlong
    proceed(at: time, into: &actions)
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    guard isOpen else { return }
    settleGarbage(at: time, into: &actions)
    if let exchange, time >= exchange.deadline { passDeadline(of: exchange, at: time, into: &actions) }
    if talker.isSilent(at: time) { actions.reopen = true }
    proceed(at: time, into: &actions)
  }

  /// Begins the next exchange if its time has come, and says when something is to be done next.
  private mutating func proceed(at time: MonotonicTime, into actions: inout DriverActions) {
    guard isPolled else {
      nextDeadline = talker.nextDeadline
      return
    }
    if exchange == nil, time >= lineFree, let next = choose(at: time) {
      let points = questions[next].points
      exchange = Exchange(question: next, deadline: time, open: points)
      send(at: time, into: &actions)
    }
    let next = exchange?.deadline ?? max(questions.map(\.start).min() ?? time, lineFree)
    nextDeadline = talker.nextDeadline.map { min($0, next) } ?? next
  }
}

// MARK: - Lines

extension LineSensors {
  private mutating func take(_ line: [UInt8], at time: MonotonicTime, into actions: inout DriverActions) {
    var isUnderstood = false
    for pattern in patterns {
      values.removeAll(keepingCapacity: true)
      let match = pattern.match(line.span, into: &values)
      guard match == .values || match == .unwell else { continue }
      isUnderstood = true
      if isPolled {
        answer(pattern, match, at: time, into: &actions)
      } else {
        tell(pattern, match, at: time, into: &actions)
      }
    }
    guard isUnderstood else {
      wrongLines += 1
      return
    }
    counters.frames += 1
    talker.understood()
  }

  /// A sensor has said a line by itself.
  private mutating func tell(
    _ pattern: LinePattern, _ match: LinePattern.Match, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    for index in points.indices where points[index].pattern == pattern {
      let said: Observation =
        match == .unwell ? .fault(points[index].sensor, .deviceException) : points[index].observation(values)
      let maySay =
        if case .fault(_, let cause) = said {
          paces[index].maySay(cause, at: time)
        } else {
          paces[index].maySayValue(at: time)
        }
      if maySay { actions.observations.append(TimedObservation(time: time, observation: said)) }
    }
  }

  /// A sensor has answered.
  private mutating func answer(
    _ pattern: LinePattern, _ match: LinePattern.Match, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    guard let current = exchange, current.open.contains(where: { points[$0].pattern == pattern }) else {
      counters.lateReplies += 1
      return
    }
    for index in current.open where points[index].pattern == pattern {
      let said: Observation =
        match == .unwell ? .fault(points[index].sensor, .deviceException) : points[index].observation(values)
      if match == .unwell { counters.exceptions += 1 }
      actions.observations.append(TimedObservation(time: time, observation: said))
    }
    exchange?.open.removeAll { points[$0].pattern == pattern }
    guard exchange?.open.isEmpty ?? true else { return }
    questions[current.question].answered()
    questions[current.question].advance(after: time)
    // Which of the two requests this answers nobody knows: the other's answer may follow.
    if current.isRepeated, let patience = patience(after: current.question) { lineFree = current.deadline + patience }
    exchange = nil
  }

  private mutating func settleGarbage(at time: MonotonicTime, into actions: inout DriverActions) {
    guard !isPolled, talker.hasGarbageLasted(at: time) else { return }
    for index in points.indices where paces[index].maySay(.garbledReply, at: time) {
      let fault = Observation.fault(points[index].sensor, .garbledReply)
      actions.observations.append(TimedObservation(time: time, observation: fault))
    }
  }
}

// MARK: - Requests

extension LineSensors {
  private func choose(at time: MonotonicTime) -> Int? {
    func rank(_ question: LineQuestion) -> MonotonicTime {
      question.isTrusted ? question.start : question.start + Self.longestDeferral
    }
    return questions.indices.filter { questions[$0].start <= time }.min { rank(questions[$0]) < rank(questions[$1]) }
  }

  private mutating func send(at time: MonotonicTime, into actions: inout DriverActions) {
    guard let current = exchange else { return }
    let poll = questions[current.question].poll
    collector.discard()
    actions.transmit += poll.request
    counters.bytesSent += UInt64(poll.request.count)
    exchange?.deadline = time + max(poll.timeout, .milliseconds(20))
  }

  private mutating func passDeadline(
    of current: Exchange, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    if !current.hasHeard { counters.timeouts += 1 }
    if questions[current.question].isTrusted, !current.isRepeated {
      exchange?.isRepeated = true
      send(at: time, into: &actions)
      return
    }
    exchange = nil
    let cause: FaultCause = current.hasHeard ? .garbledReply : .timeout
    for index in current.open {
      actions.observations.append(TimedObservation(time: time, observation: .fault(points[index].sensor, cause)))
    }
    questions[current.question].failed(at: time)
    questions[current.question].advance(after: time)
    lineFree = time + (patience(after: current.question) ?? .zero)
  }

  /// How long another request waits after one without an answer: where its answer would look the same, until a late one
  /// can no longer be taken for it. Nil where no other's does.
  private func patience(after question: Int) -> TimeSpan? {
    let own = questions[question].points.map { points[$0].pattern }
    let isMistakable = questions.indices.contains { other in
      other != question && questions[other].points.contains { own.contains(points[$0].pattern) }
    }
    return isMistakable ? max(questions[question].poll.timeout, .seconds(1)) : nil
  }
}
