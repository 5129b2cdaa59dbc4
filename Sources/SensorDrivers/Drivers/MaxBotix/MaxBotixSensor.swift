public import Observations

/// In what a MaxBotix sensor counts. The data sheet of the model says it.
public enum MaxBotixOutput: String, Sendable, Hashable, CaseIterable {
  /// Four digits of millimetres: HRXL-MaxSonar-WR, HRLV, HRUSB.
  case millimetres = "mm"
  /// Three digits of centimetres: XL-MaxSonar-WR and -EZ.
  case centimetres = "cm"
  /// Four digits of centimetres: the models of the XL series that reach 10 m, such as the MB7066.
  case longCentimetres = "cm4"
  /// Three digits of inches: LV-MaxSonar-EZ.
  case inches = "inch"

  /// How many digits a frame has.
  public var digits: Int {
    switch self {
    case .centimetres, .inches: 3
    case .millimetres, .longCentimetres: 4
    }
  }

  /// One count in tenths of a millimetre.
  public var tenthsOfMillimetre: Int {
    switch self {
    case .millimetres: 10
    case .centimetres, .longCentimetres: 100
    case .inches: 254
    }
  }

  /// What the most common models report for no target.
  public var usualNoTarget: Int {
    switch self {
    case .millimetres: 5000
    case .centimetres: 765
    case .longCentimetres: 1068
    case .inches: 254
    }
  }
}

/// A MaxBotix ultrasonic sensor over water: it talks by itself, 9600 8N1, five to twenty frames a second.
///
/// The level is the sensor's height above the gauge's zero minus the distance to the water. The greatest number that the
/// model can say means that there was no echo; what is nearer than it can measure is said as its least distance. Both are
/// faults where the configuration names them, never levels.
public struct MaxBotixSensor: SerialDriver {
  /// What the sensor's maker prescribes.
  public static let line = SerialLine(baud: 9600)

  public let sensors: [SensorID]
  /// Height of the sensor's face above the gauge's zero, in metres.
  public let mountHeight: Measure
  public let output: MaxBotixOutput
  /// This number and all above it mean no target.
  public let noTarget: Int
  /// A target at this distance or nearer is in the blind zone; nil: unknown.
  public let leastDistance: Measure?

  public private(set) var counters = PortCounters()

  private let sensor: SensorID
  private var parser: MaxBotixParser
  private var talker = TalkingLine()
  private var pace = SpeakingPace()

  public init(
    sensor: SensorID, mountHeight: Measure, output: MaxBotixOutput, noTarget: Int? = nil, leastDistance: Measure? = nil
  ) {
    self.sensor = sensor
    self.sensors = [sensor]
    self.mountHeight = mountHeight
    self.output = output
    self.noTarget = noTarget ?? output.usualNoTarget
    self.leastDistance = leastDistance
    parser = MaxBotixParser(digits: output.digits)
  }

  public var nextDeadline: MonotonicTime? { talker.nextDeadline }

  public mutating func opened(at time: MonotonicTime, into actions: inout DriverActions) {
    parser.gap()
    talker.opened(at: time)
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    talker.closed()
    pace.failed(cause, at: time)
    actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, cause)))
  }

  public mutating func received(_ bytes: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions) {
    guard bytes.count > 0 else { return }
    counters.bytesReceived += UInt64(bytes.count)
    if talker.hasGarbageLasted(at: time) { report(.garbledReply, at: time, into: &actions) }
    if talker.heard(at: time) { parser.gap() }
    for index in bytes.indices {
      if let number = parser.feed(bytes[index]) {
        counters.frames += 1
        talker.understood()
        report(number, at: time, into: &actions)
      } else {
        talker.misunderstood(at: time)
      }
    }
    counters.checksumErrors = parser.malformed
    counters.resynchronisations = parser.resynchronisations
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    if talker.hasGarbageLasted(at: time) { report(.garbledReply, at: time, into: &actions) }
    if talker.isSilent(at: time) { actions.reopen = true }
  }

  private mutating func report(_ number: Int, at time: MonotonicTime, into actions: inout DriverActions) {
    guard number < noTarget else {
      report(.noTarget, at: time, into: &actions)
      return
    }
    let tenths = number * output.tenthsOfMillimetre
    let distance = Measure(thousandths: Int64((tenths + 5) / 10))
    if number == 0 || leastDistance.map({ distance <= $0 }) ?? false {
      report(.blindZone, at: time, into: &actions)
    } else if pace.maySayValue(at: time) {
      let level = mountHeight - distance
      actions.observations.append(TimedObservation(time: time, observation: .reading(sensor, level)))
    }
  }

  private mutating func report(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    guard pace.maySay(cause, at: time) else { return }
    actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, cause)))
  }
}
