public import Observations

extension FaultCause {
  /// A satellite receiver works and does not know where it is.
  public static let noFix = FaultCause(rawValue: "no_fix")
}

/// A satellite receiver on a vehicle that talks NMEA 0183 by itself, once a second or oftener.
///
/// It says where it is at most once a second. Without a fix there is no position: neither the last one nor a guess.
public struct SatelliteReceiver: SerialDriver {
  /// Between two positions; a tenth of a second is left to the receiver's whims.
  private static let positionInterval = TimeSpan.milliseconds(900)
  /// Sentences of one second are this close together.
  private static let sameSecond = TimeSpan.milliseconds(1500)
  /// Without RMC for so long, GGA alone tells the position, without its date.
  private static let minimumMissing = TimeSpan.seconds(5)
  private static let faultInterval = TimeSpan.seconds(1)
  private static let silenceBeforeReopening = TimeSpan.seconds(60)
  /// The error of one measured distance, in metres, by which the dilution of precision is multiplied: usual for
  /// receivers that know nothing better.
  private static let rangeErrorMetres = 5
  /// A date before this was told by a receiver whose count of weeks has wrapped.
  private static let earliestYear = 2026

  public let sensors: [SensorID]
  public private(set) var counters = PortCounters()
  public private(set) var nextDeadline: MonotonicTime?

  private let sensor: SensorID
  private var splitter = NMEASplitter()
  private var lastMinimum: MonotonicTime?
  private var lastPosition: MonotonicTime?
  private var lastFault: (cause: FaultCause, time: MonotonicTime)?
  private var dilution: (hundredths: Int, time: MonotonicTime)?
  /// When GGA last said that there is no fix, for receivers whose RMC goes on to call the last one valid.
  private var withoutFix: MonotonicTime?

  public init(sensor: SensorID) {
    self.sensor = sensor
    sensors = [sensor]
  }

  public mutating func opened(at time: MonotonicTime, into actions: inout DriverActions) {
    splitter.discard()
    // GGA alone is believed only when RMC has had its time to come.
    lastMinimum = time
    nextDeadline = time + Self.silenceBeforeReopening
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    nextDeadline = nil
    lastFault = nil
    report(cause, at: time, into: &actions)
  }

  public mutating func received(_ bytes: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions) {
    guard bytes.count > 0 else { return }
    counters.bytesReceived += UInt64(bytes.count)
    nextDeadline = time + Self.silenceBeforeReopening
    for index in bytes.indices {
      guard let body = splitter.feed(bytes[index]) else { continue }
      counters.frames += 1
      if let sentence = NMEASentence(body: body) { take(sentence, at: time, into: &actions) }
    }
    counters.checksumErrors = splitter.checksumErrors
    counters.resynchronisations = splitter.resynchronisations
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    // It talks by itself: a minute of silence may be a port that has lost its settings.
    guard let deadline = nextDeadline, time >= deadline else { return }
    nextDeadline = time + Self.silenceBeforeReopening
    actions.reopen = true
  }

  private mutating func take(_ sentence: NMEASentence, at time: MonotonicTime, into actions: inout DriverActions) {
    switch sentence {
    case .recommendedMinimum(let timeOfDay, let date, let fix):
      lastMinimum = time
      let isContradicted = withoutFix.map { time - $0 <= Self.sameSecond } ?? false
      guard let fix, !isContradicted else { return report(.noFix, at: time, into: &actions) }
      report(fix, clock: Self.wallTime(date, timeOfDay), at: time, into: &actions)
    case .fixData(_, let fix, let hundredths):
      dilution = fix == nil ? nil : hundredths.map { ($0, time) }
      withoutFix = fix == nil ? time : nil
      if let lastMinimum, time - lastMinimum < Self.minimumMissing { return }
      guard let fix else { return report(.noFix, at: time, into: &actions) }
      report(fix, clock: nil, at: time, into: &actions)
    }
  }

  private mutating func report(
    _ position: Position, clock: WallTime?, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    if let lastPosition, time - lastPosition < Self.positionInterval { return }
    lastPosition = time
    lastFault = nil
    let fresh = dilution.flatMap { time - $0.time <= Self.sameSecond ? $0.hundredths : nil }
    let accuracy = fresh.map { Measure(thousandths: Int64($0 * Self.rangeErrorMetres * 10)) }
    let fix = PositionFix(position: position, time: clock, accuracy: accuracy)
    actions.observations.append(TimedObservation(time: time, observation: .position(sensor, fix)))
  }

  private mutating func report(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    if let lastFault, lastFault.cause == cause, time - lastFault.time < Self.faultInterval { return }
    lastFault = (cause, time)
    actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, cause)))
  }

  private static func wallTime(_ date: NMEASentence.Date?, _ timeOfDay: Int?) -> WallTime? {
    guard let date, let timeOfDay, date.year >= earliestYear else { return nil }
    let days = CivilTime.daysSince1970(year: date.year, month: date.month, day: date.day)
    return WallTime(milliseconds: Int64(days) * 86_400_000 + Int64(timeOfDay))
  }
}
