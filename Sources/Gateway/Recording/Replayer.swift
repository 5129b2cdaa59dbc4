public import Alerts
public import Observations

/// Feeds a recording to a station in the recording's own time.
///
/// Pure: it reads no file and prints nothing. What the station asks for after each line is appended to the caller's
/// effects. Deadlines at or before a line's time fire before it; lines of one time act in their order.
public struct Replayer {
  /// At most so many names of unknown sensors are kept for the warning.
  private static let namesKept = 16

  public private(set) var station: Station
  /// How many lines were read.
  public private(set) var lineCount = 0
  /// Lines with raw bytes or edges: accepted, and passed over by this version.
  public private(set) var rawLineCount = 0
  /// Lines that name a sensor which the plan does not have: passed over.
  public private(set) var unknownSensorLineCount = 0
  /// Some of their names, in the order of appearance.
  public private(set) var unknownSensors: [String] = []
  /// The moment of the last line, once there was one: where a snapshot belongs.
  public private(set) var now: Moment?

  private let quantities: [SensorID: Quantity]
  private let watch: WatchPlan
  private let resolve: (RecordedTag) -> SubjectID?
  private var isStarted = false
  private var timeline = RecordingTimeline()

  /// - Parameters:
  ///   - station: as made by its plan, not yet started: it is started at the first line's moment.
  ///   - plan: the station's plan.
  ///   - watch: the persons who are watched over, told to the station when it starts.
  ///   - resolve: finds the person who carries a tag, if it is on the list.
  public init(
    station: Station, plan: StationPlan, watch: WatchPlan = .empty,
    resolve: @escaping (RecordedTag) -> SubjectID? = { _ in nil }
  ) {
    self.station = station
    self.watch = watch
    self.resolve = resolve
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
    now = moment
    station.handle(try input(of: line), at: moment, into: &effects)
  }

  private mutating func startIfNeeded(at moment: Moment, into effects: inout Effects) {
    guard !isStarted else { return }
    isStarted = true
    let start = now ?? moment
    station.start(at: start, into: &effects)
    if !watch.members.isEmpty { station.handle(.watch(watch), at: start, into: &effects) }
  }

  private mutating func input(of line: RecordingLine) throws(RecordingError) -> StationInput {
    switch line.content {
    case .header, .event, .timePasses:
      return .timePasses
    case .rawBytes, .rawEdge:
      rawLineCount += 1
      return .timePasses
    case .reading(let sensor, let number):
      guard let quantity = try quantity(of: sensor, "value", [.waterLevel, .temperature, .voltage]) else {
        return .timePasses
      }
      guard let value = Measure(number, for: quantity) else {
        throw RecordingError(line: lineCount, reason: "\"value\" is larger than any sensor means")
      }
      return .reading(sensor, value)
    case .fault(let sensor, let cause):
      return try quantity(of: sensor, "fault", Quantity.allCases) == nil ? .timePasses : .fault(sensor, cause)
    case .contact(let sensor, let active):
      return try quantity(of: sensor, "active", [.floodContact]) == nil
        ? .timePasses : .contact(sensor, active: active)
    case .tips(let sensor, let count):
      return try quantity(of: sensor, "count", [.rain]) == nil ? .timePasses : .tips(sensor, count: count)
    case .alive(let sensor):
      return try quantity(of: sensor, "alive", Quantity.allCases) == nil ? .timePasses : .alive(sensor)
    case .sighting(let sensor, let tag, let signal, let battery, let button):
      guard try quantity(of: sensor, "rssi", [.beacon]) != nil else { return .timePasses }
      // Whoever it was: the receiver works.
      guard let subject = resolve(tag) else { return .alive(sensor) }
      return .sighting(sensor, subject, signal: signal, battery: battery, button: button)
    }
  }

  /// What the sensor measures, or nil for one that the plan does not have.
  private mutating func quantity(
    of sensor: SensorID, _ member: String, _ allowed: [Quantity]
  ) throws(RecordingError) -> Quantity? {
    guard let quantity = quantities[sensor] else {
      unknownSensorLineCount += 1
      if unknownSensors.count < Self.namesKept, !unknownSensors.contains(sensor.text) {
        unknownSensors.append(sensor.text)
      }
      return nil
    }
    guard allowed.contains(quantity) else {
      throw RecordingError(
        line: lineCount,
        reason: "the sensor \"\(sensor)\" measures \(quantity.rawValue) and cannot say \"\(member)\"")
    }
    return quantity
  }
}

/// Puts the lines of a recording on one clock that never goes back.
///
/// With `mono`, `mono` orders and `time` may step; without, `time` orders. A new boot, whose monotonic clock begins anew,
/// is joined by the wall clock.
struct RecordingTimeline: Sendable {
  private enum Order { case unknown, monotonic, wall }

  /// Two clocks of one boot differ by less than this over a pause, unless the wall clock was set.
  private static let sameBootDrift = TimeSpan.seconds(2)

  private var order = Order.unknown
  private var last: Moment?
  private var boot: String?
  /// What is added to the line's `mono`, in nanoseconds.
  private var offset: Int64 = 0
  /// Wall time minus monotonic time, in milliseconds, as last seen.
  private var wallOffset: Int64?
  /// How far the wall clock could be trusted, as last said.
  private var quality = ClockQuality.synchronized

  mutating func goOn(from moment: Moment) {
    last = moment
    wallOffset = moment.wall.milliseconds - moment.monotonic.nanoseconds / 1_000_000
  }

  mutating func moment(of line: RecordingLine) throws(RecordingProblem) -> Moment {
    if let clock = line.clock { quality = clock }
    if let monotonic = line.monotonic {
      return try ordered(monotonic, wall: line.wall, boot: bootStarted(by: line))
    }
    guard let wall = line.wall else { throw RecordingProblem("the line has no time") }
    if order == .monotonic {
      // A line without `mono` among others that have it: it stands where the wall clock was at last.
      let known = wallOffset ?? wall.milliseconds - (last?.monotonic.nanoseconds ?? 0) / 1_000_000
      return try advance(
        to: Moment(
          monotonic: MonotonicTime(nanoseconds: (wall.milliseconds - known) * 1_000_000), wall: wall,
          clock: quality))
    }
    order = .wall
    wallOffset = 0
    return try advance(
      to: Moment(
        monotonic: MonotonicTime(nanoseconds: wall.milliseconds * 1_000_000), wall: wall, clock: quality))
  }

  private func bootStarted(by line: RecordingLine) -> String? {
    guard case .event("start", let boot) = line.content else { return nil }
    return boot
  }

  private mutating func ordered(
    _ monotonic: MonotonicTime, wall: WallTime?, boot started: String?
  ) throws(RecordingProblem) -> Moment {
    let isNewBoot = started != nil && boot != nil && started != boot
    if let started { boot = started }
    if let last, order != .monotonic || isNewBoot {
      try join(monotonic, wall: wall, to: last, isNewBoot: isNewBoot)
    }
    order = .monotonic
    let time = MonotonicTime(nanoseconds: monotonic.nanoseconds + offset)
    if let wall { wallOffset = wall.milliseconds - time.nanoseconds / 1_000_000 }
    let shown = wall ?? WallTime(milliseconds: (wallOffset ?? 0) + time.nanoseconds / 1_000_000)
    return try advance(
      to: Moment(monotonic: time, wall: shown, clock: wallOffset == nil ? .unsynchronized : quality))
  }

  /// Lays another monotonic clock to the end of what was read: by the wall clock where both have it.
  private mutating func join(
    _ monotonic: MonotonicTime, wall: WallTime?, to last: Moment, isNewBoot: Bool
  ) throws(RecordingProblem) {
    // The state of an earlier replay of the same boot: its clock goes on.
    if order == .unknown, !isNewBoot, monotonic >= last.monotonic {
      let difference = wall.map { ($0 - last.wall) - (monotonic - last.monotonic) } ?? .zero
      if difference.nanoseconds.magnitude <= Self.sameBootDrift.nanoseconds.magnitude { return }
    }
    guard let wall else {
      guard isNewBoot || order == .unknown else {
        throw RecordingProblem("\"mono\" without \"time\" in a recording that \"time\" has ordered so far")
      }
      offset = max(last.monotonic.nanoseconds - monotonic.nanoseconds, offset)
      return
    }
    let elapsed = max(wall - last.wall, .zero)
    offset = (last.monotonic + elapsed).nanoseconds - monotonic.nanoseconds
  }

  private mutating func advance(to moment: Moment) throws(RecordingProblem) -> Moment {
    if let last, moment.monotonic < last.monotonic {
      let back = Double((last.monotonic - moment.monotonic).milliseconds) / 1000
      throw RecordingProblem("out of order: \(back) s before the line above")
    }
    last = moment
    return moment
  }
}
