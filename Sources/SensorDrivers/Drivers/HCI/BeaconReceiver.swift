public import Observations

/// A Bluetooth controller that speaks HCI (H4) on a serial port or by the kernel's user channel, and listens for tags
/// without ever sending by radio.
///
/// Every report of a known format with a signal strength becomes a sighting. While reports come, the receiver says once
/// a second that it is alive; when none comes for a while it is asked something harmless, and its answer says so. One
/// that answers and hears nothing is started anew, then opened anew, and after `quietBeforeDeaf` it is deaf, whatever it
/// answers, until it hears something.
public struct BeaconReceiver: SerialDriver {
  /// How a receiver listens and how patient the gateway is with it.
  public struct Settings: Sendable, Hashable {
    public var scan: ScanSettings
    /// How long the answer to a command may take.
    public var commandTimeout: TimeSpan
    /// After so long without a word the controller is asked whether it lives.
    public var quietBeforeProbe: TimeSpan
    /// After so long without a report the controller is started anew, which costs less than 0.1 s of listening; each
    /// second time in a row the port is opened anew.
    public var quietBeforeRestart: TimeSpan
    /// After so long without a single report, over all these starts, the receiver is deaf.
    public var quietBeforeDeaf: TimeSpan
    /// The rest of a packet that is not there after so long does not come any more.
    public var partialTimeout: TimeSpan
    /// Which tags are known.
    public var recognition: TagRecognition

    public init(
      scan: ScanSettings = .continuous, commandTimeout: TimeSpan = .seconds(1),
      quietBeforeProbe: TimeSpan = .seconds(10), quietBeforeRestart: TimeSpan = .seconds(60),
      quietBeforeDeaf: TimeSpan = .minutes(10), partialTimeout: TimeSpan = .milliseconds(250),
      recognition: TagRecognition = TagRecognition()
    ) {
      self.scan = scan
      self.commandTimeout = commandTimeout
      self.quietBeforeProbe = quietBeforeProbe
      self.quietBeforeRestart = quietBeforeRestart
      self.quietBeforeDeaf = quietBeforeDeaf
      self.partialTimeout = partialTimeout
      self.recognition = recognition
    }
  }

  private let sensor: SensorID
  private let partialTimeout: TimeSpan
  private let recognition: TagRecognition
  private var splitter = H4Splitter()
  private var session: ReceiverSession
  private var fragments = AdvertisingFragments()
  private var batteries = TagBatteries()
  private var contacts: RadioContacts
  private var partialDeadline: MonotonicTime?
  private var bytesReceived: UInt64 = 0
  private var frames: UInt64 = 0

  /// - Parameter contacts: the tags that are flood contacts; they become contacts, never sightings.
  public init(sensor: SensorID, settings: Settings = Settings(), contacts: [RadioContact] = []) {
    self.sensor = sensor
    self.contacts = RadioContacts(contacts, of: sensor)
    partialTimeout = settings.partialTimeout
    recognition = settings.recognition
    session = ReceiverSession(sensor: sensor, settings: settings)
  }

  public var sensors: [SensorID] { [sensor] + contacts.sensors }

  public var counters: PortCounters {
    var counters = PortCounters()
    counters.bytesReceived = bytesReceived
    counters.bytesSent = session.bytesSent
    counters.frames = frames
    counters.checksumErrors = splitter.malformedEvents
    counters.resynchronisations = splitter.resynchronisations
    counters.timeouts = session.timeouts
    counters.dropped = fragments.dropped + batteries.evicted
    return counters
  }

  public var nextDeadline: MonotonicTime? {
    var next = session.nextDeadline
    for deadline in [partialDeadline, contacts.nextDeadline] {
      if let deadline { next = min(next ?? deadline, deadline) }
    }
    return next
  }

  public mutating func opened(at time: MonotonicTime, into actions: inout DriverActions) {
    forgetBytes()
    let first = actions.observations.count
    session.opened(at: time, into: &actions)
    tellContacts(from: first, at: time, into: &actions)
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    forgetBytes()
    let first = actions.observations.count
    session.failed(cause, at: time, into: &actions)
    tellContacts(from: first, at: time, into: &actions)
  }

  /// What the receiver said of itself from the observation `first` on concerns its contacts.
  private mutating func tellContacts(from first: Int, at time: MonotonicTime, into actions: inout DriverActions) {
    guard !contacts.isEmpty else { return }
    for index in first..<actions.observations.count {
      contacts.receiverSaid(actions.observations[index].observation, at: time, into: &actions)
    }
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
    let first = actions.observations.count
    var taken = 0
    while taken < bytes.count {
      taken += splitter.append(bytes, from: taken)
      drain(at: time, into: &actions)
    }
    partialDeadline = splitter.hasPartialPacket ? time + partialTimeout : nil
    tellContacts(from: first, at: time, into: &actions)
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    let first = actions.observations.count
    if let deadline = partialDeadline, time >= deadline {
      partialDeadline = nil
      while splitter.hasPartialPacket {
        splitter.abandonPartialPacket()
        drain(at: time, into: &actions)
      }
    }
    session.wake(at: time, into: &actions)
    tellContacts(from: first, at: time, into: &actions)
    contacts.wake(at: time, into: &actions)
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
          hear(report, of: event, at: time, into: &actions)
        }
      } else {
        session.heard(event, at: time, into: &actions)
      }
    }
  }

  private mutating func hear(
    _ report: AdvertisingReport, of event: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    let advertiser = Advertiser(addressType: report.addressType, address: report.address)
    let found: TagRecognition.Finding?
    var signal = report.signal
    if fragments.concerns(report) {
      guard let whole = fragments.add(report, of: event) else { return }
      signal = whole.signal
      found = recognition.find(in: fragments.bytes.span.extracting(whole.data), from: advertiser)
    } else {
      found = recognition.find(in: event.extracting(report.data), from: advertiser)
    }
    switch found {
    case .tag(let found):
      guard let signal else { return }
      let battery = found.battery ?? (found.mayHaveTelemetry ? batteries.percent(of: advertiser, at: time) : nil)
      if !contacts.isEmpty, contacts.heard(found.tag, battery: battery, at: time, into: &actions) { return }
      let sighting = TagSighting(tag: found.tag, signal: signal, battery: battery, button: found.isButtonPressed)
      actions.observations.append(TimedObservation(time: time, observation: .sighting(sensor, sighting)))
    case .telemetry(let telemetry):
      guard let millivolts = telemetry.batteryMillivolts else { return }
      batteries.note(CoinCell.percent(millivolts: Int(millivolts)), from: advertiser, at: time)
    case nil: break
    }
  }
}

extension TagAdvertisement {
  /// Whether other advertisements of the same sender may tell of its battery (Eddystone-TLM).
  fileprivate var mayHaveTelemetry: Bool { tag.format == .eddystoneUID || tag.format == .eddystoneEID }
}
