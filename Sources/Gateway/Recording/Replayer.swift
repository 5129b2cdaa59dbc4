public import Alerts
public import Observations

/// Feeds a recording to a station in the recording's own time.
///
/// Pure: it reads no file and prints nothing. What the station asks for after each line is appended to the caller's
/// effects. Deadlines at or before a line's time fire before it; lines of one time act in their order.
public struct Replayer {
  /// At most so many names of unknown sensors are kept for the warning.
  private static let namesKept = 16
  /// Drivers are woken so often from one line to the next; what a longer silence would bring is passed over.
  private static let wakesInARow = 100_000

  public private(set) var station: Station
  /// How many lines were read.
  public private(set) var lineCount = 0
  /// Lines with raw bytes or edges that were passed over, because readings were asked for.
  public private(set) var rawLineCount = 0
  /// Lines that say what the drivers in the replay say themselves: passed over, so that nothing counts twice.
  public private(set) var supersededLineCount = 0
  /// Lines that the recording itself says are missing.
  public private(set) var missingLineCount = 0
  /// Lines that name a sensor which the plan does not have: passed over.
  public private(set) var unknownSensorLineCount = 0
  /// Some of their names, in the order of appearance.
  public private(set) var unknownSensors: [String] = []
  /// The moment of the last line, once there was one: where a snapshot belongs.
  public private(set) var now: Moment?

  /// A sensor gave a sign of life.
  public struct Heard: Sendable {
    public let sensor: SensorID
    public let at: Moment
    /// What its detectors see then; nil for what is not believed and for what does not measure.
    public let value: Measure?
    /// False: the other sensor of the station spoke, and the joint level is another now.
    public let isOwn: Bool
  }

  /// What the last line made sensors say, where `keepsHeard` asks for it.
  public private(set) var heard: [Heard] = []
  private let keepsHeard: Bool
  /// Of two sensors of one station: the first by the second.
  private let firstOfPair: [SensorID: SensorID]

  /// Raw lines of ports and sensors that the configuration does not have: passed over.
  public var unknownRawLineCount: Int { raw?.unknownCount ?? 0 }
  /// Recorded requests which the drivers in the replay did not make.
  public var differentRequestCount: Int { raw?.differentRequests ?? 0 }

  private let quantities: [SensorID: Quantity]
  private var raw: RawReplay?
  private let watch: WatchPlan
  private let resolve: (RecordedTag) -> SubjectID?
  private let search: (String, WatchSearch, Moment) -> Void
  private var isStarted = false
  private var timeline = RecordingTimeline()

  /// - Parameters:
  ///   - station: as made by its plan, not yet started: it is started at the first line's moment.
  ///   - plan: the station's plan.
  ///   - watch: the persons who are watched over, told to the station when it starts.
  ///   - drivers: what recorded bytes and edges are fed to; nil: they are passed over.
  ///   - resolve: finds the person who carries a tag, if it is on the list or searched for.
  ///   - search: told the hash of a tag that is searched for from a moment on, for `resolve`.
  ///   - keepsHeard: keep what sensors say, line by line, in `heard`.
  public init(
    station: Station, plan: StationPlan, watch: WatchPlan = .empty, drivers: ReplayDrivers? = nil,
    resolve: @escaping (RecordedTag) -> SubjectID? = { _ in nil },
    search: @escaping (String, WatchSearch, Moment) -> Void = { _, _, _ in }, keepsHeard: Bool = false
  ) {
    self.keepsHeard = keepsHeard
    firstOfPair = Dictionary(
      plan.floods.compactMap { rule in rule.pair.map { ($0.second, rule.sensor) } },
      uniquingKeysWith: { first, _ in first })
    self.search = search
    self.station = station
    self.watch = watch
    self.resolve = resolve
    raw = drivers.map { RawReplay($0) }
    var quantities: [SensorID: Quantity] = [:]
    for sensor in plan.sensors { quantities[sensor.id] = sensor.quantity }
    self.quantities = quantities
  }

  /// Goes on where an earlier replay's snapshot was taken, as if the two recordings were one.
  public mutating func restore(_ states: [SavedState], sequences: [String: UInt64]) {
    guard let stopped = Station.stopMoment(of: states) else { return }
    station.restore(states, sequences: sequences, at: stopped, sameBoot: true)
    timeline.goOn(from: stopped)
    now = stopped
  }

  /// Takes the next line, without its line feed.
  public mutating func feed(_ bytes: Span<UInt8>, into effects: inout Effects) throws(RecordingError) {
    lineCount += 1
    if keepsHeard { heard.removeAll(keepingCapacity: true) }
    guard bytes.count <= LineSplitter.longestLine else {
      throw RecordingError(line: lineCount, reason: "the line is longer than \(LineSplitter.longestLine) bytes")
    }
    let line = try RecordingLine(bytes, number: lineCount)
    if case .header = line.content {
      guard lineCount == 1 else {
        throw RecordingError(line: lineCount, reason: "a header can only be the first line")
      }
      return
    }
    let moment: Moment
    do throws(RecordingProblem) {
      moment = try timeline.moment(of: line)
    } catch {
      throw RecordingError(line: lineCount, reason: error.reason)
    }
    startIfNeeded(at: moment, into: &effects)
    wakeDrivers(by: moment, into: &effects)
    now = moment
    if let observations = observations(of: line, at: moment.monotonic) {
      station.handle(.timePasses, at: moment, into: &effects)
      handle(observations, at: moment, into: &effects)
    } else {
      tell(try input(of: line, at: moment), at: moment, into: &effects)
    }
  }

  private mutating func tell(_ input: StationInput, at moment: Moment, into effects: inout Effects) {
    station.handle(input, at: moment, into: &effects)
    guard keepsHeard else { return }
    switch input {
    case .reading(let sensor, _):
      note(sensor, at: moment)
      if let first = firstOfPair[sensor] { note(first, at: moment, isOwn: false) }
    case .contact(let sensor, _), .tips(let sensor, _), .alive(let sensor), .position(let sensor, _),
      .sighting(let sensor, _, _, _, _):
      note(sensor, at: moment)
    case .fault, .output, .ledger, .certificate, .watch, .command, .timePasses: break
    }
  }

  private mutating func note(_ sensor: SensorID, at moment: Moment, isOwn: Bool = true) {
    heard.append(Heard(sensor: sensor, at: moment, value: station.believedValue(of: sensor), isOwn: isOwn))
  }

  /// Drivers whose every call is not in the recording are woken by time.
  private mutating func wakeDrivers(by moment: Moment, into effects: inout Effects) {
    for _ in 0..<Self.wakesInARow {
      guard let (due, observations) = raw?.wakeNext(by: moment.monotonic) else { return }
      guard !observations.isEmpty else { continue }
      let time = max(due, now?.monotonic ?? due)
      let then = Moment(
        monotonic: time, wall: moment.wall - (moment.monotonic - time), clock: moment.clock)
      now = then
      handle(observations, at: then, into: &effects)
    }
  }

  /// What a line of a wire makes its driver say; nil for any other line.
  private mutating func observations(of line: RecordingLine, at time: MonotonicTime) -> [TimedObservation]? {
    let shift = time - (line.monotonic ?? time)
    let content: RecordingLine.Content
    switch line.content {
    case .event("start", _), .event("reload", _):
      raw?.restart()
      return nil
    case .gap(let lines):
      missingLineCount += lines
      raw?.gap()
      return nil
    case .rawEdge(let sensor, let rising, let sequence, let number, let stamp):
      content = .rawEdge(sensor, rising: rising, sequence: sequence, line: number, stamp: stamp.map { $0 + shift })
    case .rawBytes, .sentBytes, .call: content = line.content
    default: return nil
    }
    if raw == nil { rawLineCount += 1 }
    return raw?.take(content, at: line.called.map { $0 + shift } ?? time)
  }

  private mutating func handle(_ observations: [TimedObservation], at moment: Moment, into effects: inout Effects) {
    for timed in observations {
      let input = StationInput(timed.observation) { sensor, sighting in
        resolve(.clear(sighting.tag)).map {
          .sighting(sensor, $0, signal: sighting.signal, battery: sighting.battery, button: sighting.button)
        }
      }
      if let input { tell(input, at: moment, into: &effects) }
    }
  }

  private mutating func startIfNeeded(at moment: Moment, into effects: inout Effects) {
    guard !isStarted else { return }
    isStarted = true
    let start = now ?? moment
    station.start(at: start, into: &effects)
    if !watch.members.isEmpty { station.handle(.watch(watch), at: start, into: &effects) }
  }

  private mutating func input(of line: RecordingLine, at moment: Moment) throws(RecordingError) -> StationInput {
    switch line.content {
    case .header, .event, .timePasses, .gap, .rawBytes, .sentBytes, .frames, .rawEdge, .call:
      return .timePasses
    case .command(let command, let tag):
      if case .search(let wanted) = command.action, let tag { search(tag, wanted, moment) }
      return .command(command)
    case .reading(let sensor, let number):
      guard let quantity = try quantity(of: sensor, "value", { $0.isMeasured }) else {
        return .timePasses
      }
      guard let value = Measure(number, for: quantity) else {
        throw RecordingError(line: lineCount, reason: "\"value\" is larger than any sensor means")
      }
      return .reading(sensor, value)
    case .fault(let sensor, let cause):
      return try quantity(of: sensor, "fault", { _ in true }) == nil ? .timePasses : .fault(sensor, cause)
    case .output(let output, let cause): return .output(output, cause)
    case .ledger(let cause): return .ledger(cause)
    case .certificate(let certificate, let cause): return .certificate(certificate, cause)
    case .contact(let sensor, let active):
      return try quantity(of: sensor, "active", { $0.isContact }) == nil
        ? .timePasses : .contact(sensor, active: active)
    case .tips(let sensor, let count):
      return try quantity(of: sensor, "count", { $0 == .rain }) == nil ? .timePasses : .tips(sensor, count: count)
    case .position(let sensor, let fix):
      return try quantity(of: sensor, "latitude", { $0 == .position }) == nil ? .timePasses : .position(sensor, fix)
    case .alive(let sensor):
      return try quantity(of: sensor, "alive", { _ in true }) == nil ? .timePasses : .alive(sensor)
    case .sighting(let sensor, let tag, let signal, let battery, let button):
      guard try quantity(of: sensor, "rssi", { $0 == .beacon }) != nil else { return .timePasses }
      // Whoever it was: the receiver works.
      guard let subject = resolve(tag) else { return .alive(sensor) }
      return .sighting(sensor, subject, signal: signal, battery: battery, button: button)
    }
  }

  /// What the sensor measures, or nil for one that the plan does not have.
  private mutating func quantity(
    of sensor: SensorID, _ member: String, _ canSay: (Quantity) -> Bool
  ) throws(RecordingError) -> Quantity? {
    guard let quantity = quantities[sensor] else {
      unknownSensorLineCount += 1
      if unknownSensors.count < Self.namesKept, !unknownSensors.contains(sensor.text) {
        unknownSensors.append(sensor.text)
      }
      return nil
    }
    if raw?.covered.contains(sensor) == true {
      supersededLineCount += 1
      return nil
    }
    guard canSay(quantity) else {
      throw RecordingError(
        line: lineCount,
        reason: "the sensor \"\(sensor)\" measures \(quantity.rawValue) and cannot say \"\(member)\"")
    }
    return quantity
  }
}
