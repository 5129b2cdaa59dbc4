import Observations

/// What a receiver's controller is told and what it says: start, listening, proof of life, and starting again.
///
/// One command is under way at a time. A command without an answer, one that is refused, a hardware error and a
/// controller that restarted by itself all lead to a new start; after three failures in a row the port is opened anew.
/// So do one and two spans of hearing nothing at all; who hears nothing for longer still is deaf, whatever it answers.
struct ReceiverSession: Sendable {
  /// The steps of a start, in order.
  private enum Step: Sendable {
    case reset, eventMask, features, supportedCommands, lowEnergyEventMask, scanStop, scanParameters, scanEnable
  }

  private enum State: Sendable {
    /// The port is not open, or is to be opened again.
    case closed
    case starting(Step)
    /// A start failed; the next begins at this time.
    case pausing(until: MonotonicTime)
    case scanning
  }

  private static let failuresBeforeReopening = 3
  /// From the first octet of Read Local Supported Commands: extended scan parameters and enable are 37.5 and 37.6.
  private static let extendedScanOctet = 37
  private static let extendedScanBits: UInt8 = 0x60
  /// Bit 12 of the LE features: extended advertising.
  private static let extendedFeatureOctet = 1
  private static let extendedFeatureBit: UInt8 = 0x10

  private let sensor: SensorID
  private let settings: BeaconReceiver.Settings
  private var state = State.closed
  /// The command whose answer is awaited, until when, and whether the controller lets it be sent already.
  private var outstanding: (opcode: HCIOpcode, deadline: MonotonicTime, isSent: Bool)?
  /// How many commands the controller would take now (Num_HCI_Command_Packets).
  private var credits: UInt8 = 1
  private var supportsExtended = false
  /// The controller said that it can scan the extended way and then refused to.
  private var refusedExtended = false
  private var failures = 0
  private var isDeaf = false
  /// When the controller last said anything at all.
  private var lastHeard = MonotonicTime(nanoseconds: 0)
  /// When scanning began or the last report came.
  private var lastReport = MonotonicTime(nanoseconds: 0)
  private var startedAt = MonotonicTime(nanoseconds: 0)
  private var lastAlive: MonotonicTime?
  /// Since when nothing was heard although the port could be used, over all starts; nil while it cannot.
  private var quietSince: MonotonicTime?
  private var quietStarts = 0
  /// Deaf because it hears nothing: an answer proves no more that it does.
  private var isQuietDeaf = false

  private(set) var timeouts: UInt64 = 0
  private(set) var bytesSent: UInt64 = 0

  init(sensor: SensorID, settings: BeaconReceiver.Settings) {
    self.sensor = sensor
    self.settings = settings
  }

  var nextDeadline: MonotonicTime? {
    if let outstanding { return outstanding.deadline }
    switch state {
    case .closed, .starting: return nil
    case .pausing(let until): return until
    case .scanning:
      let due = min(lastHeard + settings.quietBeforeProbe, lastReport + settings.quietBeforeRestart)
      guard !isQuietDeaf, let quietSince else { return due }
      return min(due, quietSince + settings.quietBeforeDeaf)
    }
  }

  mutating func opened(at time: MonotonicTime, into actions: inout DriverActions) {
    failures = 0
    refusedExtended = false
    if quietSince == nil { quietSince = time }
    start(at: time, into: &actions)
  }

  mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    state = .closed
    outstanding = nil
    isDeaf = false
    lastAlive = nil
    quietSince = nil
    quietStarts = 0
    isQuietDeaf = false
    actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, cause)))
  }

  mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    if let outstanding {
      guard time >= outstanding.deadline else { return }
      timeouts += 1
      failStart(at: time, pause: false, into: &actions)
      return
    }
    switch state {
    case .closed, .starting:
      break
    case .pausing(let until):
      if time >= until { start(at: time, into: &actions) }
    case .scanning:
      judgeQuiet(at: time, into: &actions)
      if time >= lastReport + settings.quietBeforeRestart {
        restartQuiet(at: time, into: &actions)
      } else if time >= lastHeard + settings.quietBeforeProbe {
        send(.readAddress, at: time, into: &actions)
      }
    }
  }

  /// Nothing was heard for so long that the receiver cannot be believed to hear.
  private mutating func judgeQuiet(at time: MonotonicTime, into actions: inout DriverActions) {
    guard !isQuietDeaf, let quietSince, time >= quietSince + settings.quietBeforeDeaf else { return }
    isQuietDeaf = true
    actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, .deaf)))
  }

  /// The controller may have restarted by itself and not listen at all, though it answers; or the way to it is stuck.
  private mutating func restartQuiet(at time: MonotonicTime, into actions: inout DriverActions) {
    quietStarts += 1
    guard quietStarts.isMultiple(of: 2) else { return start(at: time, into: &actions) }
    state = .closed
    actions.reopen = true
  }

  /// A verified advertising event came.
  mutating func heardReport(at time: MonotonicTime, into actions: inout DriverActions) {
    lastHeard = time
    guard case .scanning = state else { return }
    lastReport = time
    quietSince = time
    quietStarts = 0
    isQuietDeaf = false
    showLife(at: time, into: &actions)
  }

  /// A verified event other than a report came; `event` begins with the event code.
  mutating func heard(_ event: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions) {
    guard event.count >= 3 else { return }
    lastHeard = time
    switch event[0] {
    case HCIEventCode.commandComplete where event.count >= 5:
      credits = event[2]
      let opcode = UInt16(event[3]) | UInt16(event[4]) << 8
      answered(opcode, event.extracting(5..<event.count), at: time, into: &actions)
    case HCIEventCode.commandStatus where event.count == 6:
      credits = event[3]
      // Each of our commands is answered by Command Complete; a Command Status says that it was refused.
      if event[2] != 0 {
        let opcode = UInt16(event[4]) | UInt16(event[5]) << 8
        answered(opcode, event.extracting(2..<3), at: time, into: &actions)
      }
    case HCIEventCode.hardwareError:
      if case .closed = state { return }
      failStart(at: time, pause: true, into: &actions)
    default:
      break
    }
  }

  private mutating func start(at time: MonotonicTime, into actions: inout DriverActions) {
    credits = 1
    supportsExtended = false
    run(.reset, at: time, into: &actions)
  }

  private mutating func run(_ step: Step, at time: MonotonicTime, into actions: inout DriverActions) {
    state = .starting(step)
    let opcode: HCIOpcode =
      switch step {
      case .reset: .reset
      case .eventMask: .setEventMask
      case .features: .readLowEnergyFeatures
      case .supportedCommands: .readLocalSupportedCommands
      case .lowEnergyEventMask: .setLowEnergyEventMask
      case .scanStop: supportsExtended ? .setExtendedScanEnable : .setScanEnable
      case .scanParameters: supportsExtended ? .setExtendedScanParameters : .setScanParameters
      case .scanEnable: supportsExtended ? .setExtendedScanEnable : .setScanEnable
      }
    send(opcode, at: time, into: &actions)
  }

  private mutating func send(_ opcode: HCIOpcode, at time: MonotonicTime, into actions: inout DriverActions) {
    outstanding = (opcode, time + settings.commandTimeout, false)
    transmitIfAllowed(into: &actions)
  }

  private mutating func transmitIfAllowed(into actions: inout DriverActions) {
    guard let waiting = outstanding, !waiting.isSent, credits > 0 else { return }
    let before = actions.transmit.count
    var listens = true
    if case .starting(.scanStop) = state { listens = false }
    HCICommand.append(
      waiting.opcode, extended: supportsExtended, listens: listens, scan: settings.scan, to: &actions.transmit)
    bytesSent += UInt64(actions.transmit.count - before)
    credits -= 1
    outstanding?.isSent = true
  }

  /// `returned` begins with the status, where there is one.
  private mutating func answered(
    _ opcode: UInt16, _ returned: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    guard let awaited = outstanding, awaited.isSent, awaited.opcode.rawValue == opcode else {
      if opcode == 0 || opcode == HCIOpcode.reset.rawValue { unexpectedRestart(at: time, into: &actions) }
      transmitIfAllowed(into: &actions)
      return
    }
    outstanding = nil
    let isRefused = returned.isEmpty || returned[0] != 0
    guard case .starting(let step) = state else {
      // The probe: whatever the controller says, it lives.
      showLife(at: time, into: &actions)
      return
    }
    advance(from: step, isRefused: isRefused, returned, at: time, into: &actions)
  }

  private mutating func advance(
    from step: Step, isRefused: Bool, _ returned: Span<UInt8>, at time: MonotonicTime,
    into actions: inout DriverActions
  ) {
    switch step {
    case .reset where !isRefused:
      run(.eventMask, at: time, into: &actions)
    case .eventMask where !isRefused:
      run(refusedExtended ? .lowEnergyEventMask : .features, at: time, into: &actions)
    case .features:
      let octet = 1 + Self.extendedFeatureOctet
      let hasFeature = !isRefused && returned.count > octet && returned[octet] & Self.extendedFeatureBit != 0
      run(hasFeature ? .supportedCommands : .lowEnergyEventMask, at: time, into: &actions)
    case .supportedCommands:
      let octet = 1 + Self.extendedScanOctet
      supportsExtended =
        !isRefused && returned.count > octet && returned[octet] & Self.extendedScanBits == Self.extendedScanBits
      run(.lowEnergyEventMask, at: time, into: &actions)
    case .lowEnergyEventMask where !isRefused:
      run(.scanStop, at: time, into: &actions)
    case .scanStop:
      // Parameters are refused while the controller scans, and not each one stops at a reset. If it did, this fails.
      run(.scanParameters, at: time, into: &actions)
    case .scanParameters where !isRefused:
      run(.scanEnable, at: time, into: &actions)
    case .scanEnable where !isRefused:
      state = .scanning
      startedAt = time
      lastReport = time
      showLife(at: time, into: &actions)
    case .lowEnergyEventMask where supportsExtended, .scanParameters where supportsExtended,
      .scanEnable where supportsExtended:
      // A controller takes legacy or extended commands, not both, until it is reset.
      refusedExtended = true
      start(at: time, into: &actions)
    case .reset, .eventMask, .lowEnergyEventMask, .scanParameters, .scanEnable:
      failStart(at: time, pause: true, into: &actions)
    }
  }

  /// Many controllers answer "no operation" after they restarted. The same words are also allowed as a mere permission
  /// to send, so that they count at most once in a while.
  private mutating func unexpectedRestart(at time: MonotonicTime, into actions: inout DriverActions) {
    guard case .scanning = state, outstanding == nil, time >= startedAt + settings.quietBeforeProbe else { return }
    start(at: time, into: &actions)
  }

  private mutating func failStart(at time: MonotonicTime, pause: Bool, into actions: inout DriverActions) {
    outstanding = nil
    failures += 1
    if failures >= Self.failuresBeforeReopening {
      failures = 0
      state = .closed
      actions.reopen = true
      if !isDeaf {
        isDeaf = true
        actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, .deaf)))
      }
    } else if pause {
      state = .pausing(until: time + settings.commandTimeout)
    } else {
      start(at: time, into: &actions)
    }
  }

  private mutating func showLife(at time: MonotonicTime, into actions: inout DriverActions) {
    if time >= startedAt + settings.quietBeforeProbe { failures = 0 }
    guard !isQuietDeaf else { return }
    isDeaf = false
    if let lastAlive, time < lastAlive + .seconds(1) { return }
    lastAlive = time
    actions.observations.append(TimedObservation(time: time, observation: .alive(sensor)))
  }
}
