public import Observations

/// A Bluetooth controller on a serial port that speaks HCI (H4), and listens for tags without ever sending by radio.
///
/// Every report of a known format with a signal strength becomes a sighting. While reports come, the receiver says once
/// a second that it is alive; when none comes for a while it is asked something harmless, and its answer says so.
public struct BeaconReceiver: SerialDriver {
  /// How a receiver listens and how patient the gateway is with it.
  public struct Settings: Sendable, Hashable {
    public var scan: ScanSettings
    /// How long the answer to a command may take.
    public var commandTimeout: TimeSpan
    /// After so long without a word the controller is asked whether it lives.
    public var quietBeforeProbe: TimeSpan
    /// After so long without a report the controller is started anew, which costs less than 0.1 s of listening.
    public var quietBeforeRestart: TimeSpan
    /// The rest of a packet that is not there after so long does not come any more.
    public var partialTimeout: TimeSpan

    public init(
      scan: ScanSettings = .continuous, commandTimeout: TimeSpan = .seconds(1),
      quietBeforeProbe: TimeSpan = .seconds(10), quietBeforeRestart: TimeSpan = .seconds(60),
      partialTimeout: TimeSpan = .milliseconds(250)
    ) {
      self.scan = scan
      self.commandTimeout = commandTimeout
      self.quietBeforeProbe = quietBeforeProbe
      self.quietBeforeRestart = quietBeforeRestart
      self.partialTimeout = partialTimeout
    }
  }

  private let sensor: SensorID
  private let partialTimeout: TimeSpan
  private var splitter = H4Splitter()
  private var session: ReceiverSession
  private var fragments = AdvertisingFragments()
  private var partialDeadline: MonotonicTime?
  private var bytesReceived: UInt64 = 0
  private var frames: UInt64 = 0

  public init(sensor: SensorID, settings: Settings = Settings()) {
    self.sensor = sensor
    partialTimeout = settings.partialTimeout
    session = ReceiverSession(sensor: sensor, settings: settings)
  }

  public var sensors: [SensorID] { [sensor] }

  public var counters: PortCounters {
    var counters = PortCounters()
    counters.bytesReceived = bytesReceived
    counters.bytesSent = session.bytesSent
    counters.frames = frames
    counters.checksumErrors = splitter.malformedEvents
    counters.resynchronisations = splitter.resynchronisations
    counters.timeouts = session.timeouts
    return counters
  }

  public var nextDeadline: MonotonicTime? {
    guard let partialDeadline else { return session.nextDeadline }
    return min(partialDeadline, session.nextDeadline ?? partialDeadline)
  }

  public mutating func opened(at time: MonotonicTime, into actions: inout DriverActions) {
    forgetBytes()
    session.opened(at: time, into: &actions)
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    forgetBytes()
    session.failed(cause, at: time, into: &actions)
  }

  private mutating func forgetBytes() {
    splitter.removeAll()
    fragments.removeAll()
    partialDeadline = nil
  }

  public mutating func received(
    _ bytes: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    bytesReceived += UInt64(bytes.count)
    var taken = 0
    while taken < bytes.count {
      taken += splitter.append(bytes, from: taken)
      drain(at: time, into: &actions)
    }
    partialDeadline = splitter.hasPartialPacket ? time + partialTimeout : nil
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    if let deadline = partialDeadline, time >= deadline {
      partialDeadline = nil
      while splitter.hasPartialPacket {
        splitter.abandonPartialPacket()
        drain(at: time, into: &actions)
      }
    }
    session.wake(at: time, into: &actions)
  }

  private mutating func drain(at time: MonotonicTime, into actions: inout DriverActions) {
    // `next` never changes the bytes; this second owner of them is gone before `append` does.
    let buffer = splitter.buffer
    let bytes = buffer.span
    while let packet = splitter.next() {
      frames += 1
      let event = bytes.extracting(packet.lowerBound + 1..<packet.upperBound)
      if var reports = AdvertisingReportCursor(event) {
        session.heardReport(at: time, into: &actions)
        while let report = reports.next(in: event) {
          Self.hear(report, of: event, from: sensor, with: &fragments, at: time, into: &actions)
        }
      } else {
        session.heard(event, at: time, into: &actions)
      }
    }
  }

  private static func hear(
    _ report: AdvertisingReport, of event: Span<UInt8>, from sensor: SensorID,
    with fragments: inout AdvertisingFragments, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    let found: TagAdvertisement?
    var signal = report.signal
    if fragments.concerns(report) {
      guard let whole = fragments.add(report, of: event) else { return }
      signal = whole.signal
      found = TagRecognition.recognise(fragments.bytes.span.extracting(whole.data))
    } else {
      found = TagRecognition.recognise(event.extracting(report.data))
    }
    guard let found, let signal else { return }
    let sighting = TagSighting(tag: found.tag, signal: signal)
    actions.observations.append(TimedObservation(time: time, observation: .sighting(sensor, sighting)))
  }
}
