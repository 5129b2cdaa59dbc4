public import Observations

/// An A02YYUW ultrasonic sensor over water, or a JSN-SR04T in mode 2: it talks by itself, 9600 8N1, ten frames a second.
///
/// The level is the sensor's height above the gauge's zero minus the distance to the water. What is nearer than the blind
/// zone or beyond reach is a fault, never a level.
public struct UltrasonicSensor: SerialDriver {
  /// What the sensor's maker prescribes.
  public static let line = SerialLine(baud: 9600)

  /// Between two readings: a frame takes 100 ms, and a tenth of it is left to the clock's and the kernel's whims.
  private static let readingInterval = TimeSpan.milliseconds(90)
  /// A frame's bytes follow each other within 5 ms, a USB adapter's pause included within 20; frames are 100 ms apart.
  private static let frameGap = TimeSpan.milliseconds(50)
  private static let faultInterval = TimeSpan.seconds(1)
  private static let garbageLimit = TimeSpan.seconds(2)
  /// Bytes that stay away for so long end a run of garbage: a stray byte now and then is no fault.
  private static let garbagePause = TimeSpan.seconds(1)
  /// A frame's sum has eight bits: in a stream of noise one seems to be there every few seconds. So long after bytes that
  /// belonged to no frame a frame is doubted. A sensor that talks alone on its line is never doubted.
  private static let noiseSpan = TimeSpan.milliseconds(90)
  /// Two doubted frames that differ by less than this, in millimetres, confirm each other…
  private static let doubtTolerance = 100
  /// …if no more than this lies between them.
  private static let doubtSpan = TimeSpan.seconds(1)
  private static let silenceBeforeReopening = TimeSpan.seconds(60)

  public let sensors: [SensorID]
  /// Height of the sensor's face above the gauge's zero, in metres.
  public let mountHeight: Measure

  public private(set) var counters = PortCounters()

  private let sensor: SensorID
  private var parser = A02YYUWParser()
  private var lastByte: MonotonicTime?
  private var lastReading: MonotonicTime?
  private var lastFault: (cause: FaultCause, time: MonotonicTime)?
  /// When a run of bytes without a frame will have lasted too long.
  private var garbageDue: MonotonicTime?
  private var reopenAt: MonotonicTime?
  /// The last distance that was doubted.
  private var doubted: (millimetres: Int, time: MonotonicTime)?
  private var strayBytes: UInt64 = 0
  private var lastStray: MonotonicTime?

  public init(sensor: SensorID, mountHeight: Measure) {
    self.sensor = sensor
    self.sensors = [sensor]
    self.mountHeight = mountHeight
  }

  public var nextDeadline: MonotonicTime? {
    guard let reopenAt, let garbageDue else { return reopenAt }
    return min(reopenAt, garbageDue)
  }

  public mutating func opened(at time: MonotonicTime, into actions: inout DriverActions) {
    parser.gap()
    lastByte = nil
    garbageDue = nil
    reopenAt = time + Self.silenceBeforeReopening
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    reopenAt = nil
    garbageDue = nil
    lastFault = (cause, time)
    actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, cause)))
  }

  public mutating func received(_ bytes: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions) {
    guard bytes.count > 0 else { return }
    counters.bytesReceived += UInt64(bytes.count)
    settleGarbage(at: time, into: &actions)
    if let lastByte, time - lastByte > Self.frameGap {
      parser.gap()
      noteStrayBytes(at: lastByte)
    }
    lastByte = time
    reopenAt = time + Self.silenceBeforeReopening
    for index in bytes.indices {
      let distance = parser.feed(bytes[index])
      noteStrayBytes(at: time)
      if let distance {
        counters.frames += 1
        guard isBelievable(distance, at: time) else { continue }
        garbageDue = nil
        report(distance, at: time, into: &actions)
      } else if garbageDue == nil {
        garbageDue = time + Self.garbageLimit
      }
    }
    counters.checksumErrors = parser.checksumErrors
    counters.resynchronisations = parser.resynchronisations
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    settleGarbage(at: time, into: &actions)
    // Nothing has been heard for a minute from a sensor that talks by itself: the port may have lost its settings.
    guard let reopenAt, time >= reopenAt else { return }
    self.reopenAt = time + Self.silenceBeforeReopening
    actions.reopen = true
  }

  /// A run of garbage has lasted for two seconds, or another: it is a fault if bytes still come. Decided by time alone,
  /// before the bytes that come now, so that it does not matter how they are split.
  private mutating func settleGarbage(at time: MonotonicTime, into actions: inout DriverActions) {
    guard let due = garbageDue, time >= due else { return }
    guard let lastByte, due - lastByte <= Self.garbagePause else {
      garbageDue = nil
      return
    }
    garbageDue = time + Self.faultInterval
    report(FaultCause.garbledReply, at: time, into: &actions)
  }

  private mutating func noteStrayBytes(at time: MonotonicTime) {
    guard parser.strayCount != strayBytes else { return }
    strayBytes = parser.strayCount
    lastStray = time
  }

  /// Whether the frame is one. On a quiet line its sum is proof enough; in noise it takes a second frame that says nearly
  /// the same.
  private mutating func isBelievable(_ distance: A02YYUWDistance, at time: MonotonicTime) -> Bool {
    guard let lastStray, time - lastStray < Self.noiseSpan else {
      doubted = nil
      return true
    }
    guard case .millimetres(let millimetres) = distance else { return false }
    defer { doubted = (millimetres, time) }
    guard let doubted, time - doubted.time <= Self.doubtSpan else { return false }
    return abs(millimetres - doubted.millimetres) <= Self.doubtTolerance
  }

  private mutating func report(
    _ distance: A02YYUWDistance, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    switch distance {
    case .blindZone: report(FaultCause.blindZone, at: time, into: &actions)
    case .noTarget: report(FaultCause.noTarget, at: time, into: &actions)
    case .millimetres(let millimetres):
      if let lastReading, time - lastReading < Self.readingInterval { return }
      lastReading = time
      lastFault = nil
      let level = mountHeight - Measure(thousandths: Int64(millimetres))
      actions.observations.append(TimedObservation(time: time, observation: .reading(sensor, level)))
    }
  }

  private mutating func report(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    if let lastFault {
      let pause = lastFault.cause == cause ? Self.faultInterval : Self.readingInterval
      if time - lastFault.time < pause { return }
    }
    lastFault = (cause, time)
    actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, cause)))
  }
}
