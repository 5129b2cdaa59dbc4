public import Observations

/// Sensors that hang on one thing: a serial port, a receiver, a chip of lines. When that fails it is one alert, which
/// names those that are silent by it.
struct FaultGroup: Sendable {
  /// Who recovers one after the other is told together, this long after the first.
  static let settling = TimeSpan.minutes(1)

  /// What a restart must know.
  struct Memory: Sendable, Hashable, Codable {
    struct Silenced: Sendable, Hashable, Codable {
      var sensor: SensorID
      var cause: FaultCause
    }

    var source: SensorID
    var silenced: [Silenced]
    var settlesAt: MonotonicTime?
    var hasRecovered: Bool
    /// Older records do not have it.
    var flicker: FaultFlicker.Memory?
  }

  /// Names it among sensors: `port:rs485`.
  let source: SensorID
  /// Its name, as people know it.
  let name: String
  /// The channels, in the order of the plan; two or more.
  let members: [Int]
  /// Those whose fault its alert tells, in the order of the plan.
  var silenced: [Int] = []
  /// Whether one of them spoke again since the alert was raised, so that the thing itself works.
  var hasRecovered = false
  /// Notices when its fault comes and goes.
  var flicker = FaultFlicker()

  /// Whether its alert goes on: for those that are silent, or until it was sound for long enough.
  var isTold: Bool { !silenced.isEmpty || flicker.soundSince != nil }

  /// The groups of a plan, in the order of their first sensors.
  static func groups(of plan: StationPlan) -> [FaultGroup] {
    var sources: [String] = []
    var members: [String: [Int]] = [:]
    for (index, sensor) in plan.sensors.enumerated() {
      guard let source = sensor.source else { continue }
      if members[source] == nil { sources.append(source) }
      members[source, default: []].append(index)
    }
    return sources.compactMap { source in
      guard let channels = members[source], channels.count > 1 else { return nil }
      let id = SensorID(source)
      let receiver = plan.sensors.first { source.hasPrefix("receiver:") && $0.id.text == id.bare }
      return FaultGroup(source: id, name: receiver?.name ?? id.bare, members: channels)
    }
  }
}

extension FaultCause {
  /// The thing that sensors hang on has failed, not one of them.
  var isOfTheSource: Bool {
    switch self {
    case .portMissing, .portBusy, .portLost, .portError, .deaf: true
    default: false
    }
  }

  /// No word comes that can be read: where that is so of all sensors at once, they have one cause.
  var isSpeechless: Bool {
    switch self {
    case .timeout, .lateReply, .garbledReply, .silent: true
    default: isOfTheSource
    }
  }
}

extension SensorID {
  /// What is before the colon of something that is no sensor: `port`, `receiver`, `chip`, `output` or `board`; nil of a sensor.
  public var about: String? {
    text.firstIndex(of: ":").map { String(text[..<$0]) }
  }

  /// The name without what it is.
  public var bare: String {
    text.firstIndex(of: ":").map { String(text[text.index(after: $0)...]) } ?? text
  }
}
