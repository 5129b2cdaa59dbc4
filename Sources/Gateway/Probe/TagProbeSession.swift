public import Observations
public import SensorDrivers

/// Listens to a Bluetooth controller on a serial port, as the gateway does, and gathers what it hears.
public struct TagProbeSession {
  private let wire: ProbeWire
  private let line: SerialLine
  /// What the receiver said of itself at the end.
  public private(set) var counters = PortCounters()

  public init(_ wire: ProbeWire, line: SerialLine) {
    self.wire = wire
    self.line = line
  }

  /// Listens for `span`, or until it is stopped. `heard` is called about once a second with what there is so far.
  public mutating func listen(
    for span: TimeSpan, key: TagKey?, heard: (TagSurvey, PortCounters) -> Void
  ) throws(GatewayError) -> TagSurvey {
    var survey = TagSurvey(key: key)
    var driver = BeaconReceiver(sensor: SensorID("probed"))
    var actions = DriverActions()
    try wire.configure(line)
    let end = wire.now + span
    var next = wire.now + .seconds(1)
    driver.opened(at: wire.now, into: &actions)
    while !wire.isStopped, wire.now < end {
      for timed in actions.observations { survey.take(timed.observation) }
      if !actions.transmit.isEmpty { try wire.send(actions.transmit) }
      let reopen = actions.reopen
      actions.removeAll()
      if reopen {
        try wire.configure(line)
        driver.opened(at: wire.now, into: &actions)
        continue
      }
      if wire.now >= next {
        next = wire.now + .seconds(1)
        heard(survey, driver.counters)
      }
      try wire.listen(until: min(end, next, driver.nextDeadline ?? end)) { bytes, time in
        driver.received(bytes, at: time, into: &actions)
        return true
      }
      if let due = driver.nextDeadline, wire.now >= due { driver.wake(at: wire.now, into: &actions) }
    }
    for timed in actions.observations { survey.take(timed.observation) }
    counters = driver.counters
    return survey
  }
}

extension TagProbeSession {
  /// What the receiver said of itself.
  public func receiverText(_ survey: TagSurvey, _ path: String) -> String {
    let faults = survey.faults.isEmpty ? "no fault" : survey.faults.map(\.rawValue).joined(separator: ", ")
    return "receiver \(path): \(counters.frames) frames in \(counters.bytesReceived) bytes, "
      + "\(counters.checksumErrors) malformed, \(counters.resynchronisations) resynchronisations, "
      + "\(counters.timeouts) timeouts; \(survey.alive > 0 ? "listening" : "not listening"); \(faults)"
  }
}

/// Which receiver is listened to, and what its tags are hashed with.
public struct TagProbeSetup {
  /// Nil where neither an argument nor the configuration names one.
  public let device: String?
  public let line: SerialLine
  public let key: TagKey

  /// - Parameters:
  ///   - path: the configuration's file; nil: the tags are hashed with a key of this run.
  ///   - device: the controller's port; nil: the first receiver of the configuration.
  ///   - line: its settings; nil: the configuration's, or 1,000,000 8N1.
  public init(configuration path: String?, device: String?, line: SerialLine?) throws {
    var configuration: GatewayConfiguration?
    if let path {
      let check = try ConfigurationChecker.check(path: path)
      guard let read = check.configuration else {
        throw GatewayError(.badConfiguration, check.problemText + "Failed to use \(path): mend the errors above")
      }
      configuration = read
    }
    let receiver = configuration?.sensors.first { if case .hci = $0.driver { true } else { false } }
    let port = receiver?.port.flatMap { configuration?.port($0) }
    self.device = device ?? port?.device
    self.line = line ?? (device == nil ? port?.line : nil) ?? SerialLine(baud: 1_000_000)
    if let file = configuration?.watchlist?.tagKeys.first?.file.path {
      key = try KeyFile.tagKey(at: file).key
    } else {
      guard let made = TagKey(bytes: try RandomBytes.make(32)) else {
        throw GatewayError(.bug, "Failed to make a key: the system gave no random bytes")
      }
      key = made
    }
  }
}
