import Alerts
import Gateway
import Glibc
import Observations

/// A river basin's gauges over some days: 32 levels that rise and fall with one another, a reading a second each.
struct RecordedReadings: Sequence, IteratorProtocol {
  /// The gauge's number, the second of the recording, and the level.
  struct Reading {
    var sensor: Int
    var second: Int
    var level: Measure
  }

  static let gauges = 32
  static let sensors = (0..<gauges).map { SensorID("river-\($0 + 1)") }
  /// A flood takes a day to come and go, in which each gauge passes its thresholds.
  private static let tideSeconds = 86_400

  private var index = 0
  private var generator = SeededGenerator(seed: 2)

  /// Reading after reading, without an end.
  mutating func next() -> Reading? {
    let sensor = index % Self.gauges
    let second = index / Self.gauges
    index += 1
    let phase = (second + sensor * Self.tideSeconds / Self.gauges) % Self.tideSeconds
    let height = Int64(Swift.min(phase, Self.tideSeconds - phase)) * 5_000 / Int64(Self.tideSeconds / 2)
    return Reading(
      sensor: sensor, second: second, level: Measure(thousandths: height + Int64.random(in: -8...8, using: &generator)))
  }

  /// A moment of the recording.
  static func moment(_ second: Int) -> Moment {
    Moment(
      monotonic: MonotonicTime(nanoseconds: Int64(second + 100) * 1_000_000_000),
      wall: WallTime(milliseconds: 1_795_000_000_000 + Int64(second) * 1_000), clock: .synchronized)
  }

  static var plan: StationPlan {
    StationPlan(
      gateway: "benchmark",
      sensors: sensors.map { id in
        SensorPlan(
          id: id, name: id.text, quantity: .waterLevel,
          range: Measure(thousandths: -1_000)...Measure(thousandths: 10_000), staleAfter: .seconds(60))
      },
      floods: sensors.map { id in
        FloodRule(
          sensor: id,
          levels: [
            FloodRule.Level(step: .standby, threshold: Measure(thousandths: 2_000)),
            FloodRule.Level(step: .caution, threshold: Measure(thousandths: 3_000)),
            FloodRule.Level(step: .danger, threshold: Measure(thousandths: 4_000)),
          ],
          confirm: .readings(3), releaseMargin: Measure(thousandths: 100), releaseHold: .minutes(10))
      })
  }

  /// Appends a reading as a recording holds it.
  static func append(_ reading: Reading, to bytes: inout [UInt8]) {
    let moment = moment(reading.second)
    RecordingLine(
      monotonic: moment.monotonic, wall: moment.wall,
      content: .reading(sensors[reading.sensor], DecimalNumber(reading.level))
    ).write(into: &bytes, zone: TimeZoneOffsets.fixed(seconds: 9 * 3600))
  }

  /// Writes a recording of so many readings for `replay`.
  static func write(_ count: Int, to path: String) throws {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw BenchmarkFailure("Failed to create \(path)") }
    defer { close(file) }
    var bytes: [UInt8] = []
    func empty() throws {
      guard unsafe Glibc.write(file, bytes, bytes.count) == bytes.count else {
        throw BenchmarkFailure("Failed to write \(path)")
      }
      bytes.removeAll(keepingCapacity: true)
    }
    for reading in RecordedReadings().prefix(count) {
      append(reading, to: &bytes)
      if bytes.count > 1 << 20 { try empty() }
    }
    try empty()
  }
}

/// Readings a second through the state machine alone, and lines a second with parsing, as `replay` does it.
func readingFigures() throws {
  let readings = Array(RecordedReadings().prefix(1_000_000))
  var alerts = 0
  Rates.measure(repetitions: 7) {
    var station = Station(plan: RecordedReadings.plan, identify: replayIdentifier)
    var effects = Effects()
    station.start(at: RecordedReadings.moment(0), into: &effects)
    alerts = 0
    for reading in readings {
      station.handle(
        .reading(RecordedReadings.sensors[reading.sensor], reading.level), at: RecordedReadings.moment(reading.second),
        into: &effects)
      alerts += effects.alerts.count
      effects.removeAll()
    }
    return readings.count
  }.report("state-machine")
  guard alerts > 0 else { throw BenchmarkFailure("The readings raised no alert") }

  var recording: [UInt8] = []
  let lineCount = 200_000
  for reading in RecordedReadings().prefix(lineCount) { RecordedReadings.append(reading, to: &recording) }
  try Rates.measure(repetitions: 7) {
    var replayer = Replayer(
      station: Station(plan: RecordedReadings.plan, identify: replayIdentifier), plan: RecordedReadings.plan)
    var effects = Effects()
    var splitter = LineSplitter()
    try splitter.feed(recording.span) { (line) throws(RecordingError) in
      try replayer.feed(line, into: &effects)
      effects.removeAll()
    }
    return replayer.lineCount
  }.report("replay-lines")
}
