public import Observations

/// The arbiter of one Modbus RTU line: it asks each sensor on its own grid and switches the outputs, one request at a time.
///
/// - An output's command goes before any poll, is sent again when it goes unanswered, and is read back. While nothing
///   changes it is written and read back at its own interval, and at once when its device was away.
/// - A sensor is polled at fixed slots; a slot that cannot be kept is skipped, so polls neither drift nor pile up. Of the
///   sensors that are due, the one that has waited longest goes first. Sensors that lie next to each other are asked with
///   one request; if the unit answers that with an exception, each is asked alone until the port is opened again.
/// - A unit whose identity is configured is asked for it first, and again after each silence; another device is the fault
///   `wrong_device` of all that is configured there, and is neither read nor written.
/// - RTU answers carry no number, so an answer that is late could be taken for the next one. After a request went
///   unanswered, its unit is therefore not asked until an answer can no longer be expected: one second, or three times
///   the timeout, and twice the lateness that was ever seen, at most ten. Other units are asked meanwhile. Afterwards it
///   is asked the same again; another register whose answer would look the same has to wait three seconds. An answer
///   that comes nevertheless, when none is due, makes the value before it a `late_reply`. Commands need not wait: what
///   answers them repeats them.
/// - A poll that has failed with all its retries is a fault: `timeout` (no byte came), `garbled_reply` (bytes, but no
///   answer), `late_reply` (the answer came after its time); an exception is `device_exception` at once.
/// - A unit that fails is left alone for 2, 4, 8, 16, then 30 s, and then asked only when no other sensor needs the line
///   during the whole timeout; on a line without such a pause, the failing units together cost a fortieth of the time.
///   The first answer ends that.
public struct ModbusBus: SerialDriver {
  struct Transaction: Sendable {
    enum Purpose: Sendable {
      case poll(Int)
      case write(Int)
      case readBack(Int)
    }

    let purpose: Purpose
    /// The unit's place in the list.
    let unit: Int
    let request: ModbusRequest
    let deadline: MonotonicTime
    /// Bytes that belonged to no frame, before a frame of another unit.
    var strayBytes = 0
  }

  /// A stray byte or two is what a line makes when it is turned round, and no answer.
  static let turnaroundBytes = 2
  /// Noise may postpone a request by at most this.
  private static let longestWaitForSilence = TimeSpan.milliseconds(200)
  /// The line is given to failing units for one part in so many, where they get no pause of it.
  static let probeShare: Int64 = 40
  private static let silenceBeforeReopening = TimeSpan.minutes(10)
  /// How often a wrong device is asked again who it is.
  private static let identificationInterval = TimeSpan.seconds(10)

  public let sensors: [SensorID]
  public internal(set) var counters = PortCounters()
  public internal(set) var nextDeadline: MonotonicTime?

  let interFrameSilence: TimeSpan
  let pause: TimeSpan
  let points: [ModbusPoint]
  var polls: [ModbusPollState] = []
  var units: [ModbusUnitState] = []
  var outputs: [ModbusOutputState] = []
  var parser = ModbusReplyParser()
  var isOpen = false
  var transaction: Transaction?
  /// The line is silent enough for a request from then on.
  var lineFree = MonotonicTime(nanoseconds: 0)
  /// The devices have had their pause from then on.
  var pausedUntil = MonotonicTime(nanoseconds: 0)
  private var lastByte = MonotonicTime(nanoseconds: 0)
  /// When the bytes began that have followed each other without such a silence.
  var noiseStart = MonotonicTime(nanoseconds: 0)
  var nextForcedProbe = MonotonicTime(nanoseconds: 0)
  var reopenAt = MonotonicTime(nanoseconds: 0)

  /// Polls `points` and switches `outputs` on `line`. What is configured at a unit that is not 1 to 247, or beyond the
  /// last register, is left out: the configuration refuses it. Of several identities of one unit the first counts.
  public init(
    line: SerialLine, points: [ModbusPoint], outputs: [ModbusOutput] = [], identities: [ModbusIdentity] = [],
    manners: ModbusLineManners = ModbusLineManners()
  ) {
    sensors = points.map(\.sensor)
    self.points = points
    pause = min(max(manners.pause, .zero), .seconds(10))
    interFrameSilence =
      line.baud > 19_200
      ? TimeSpan(nanoseconds: 1_750_000) : TimeSpan(nanoseconds: line.characterNanoseconds * 7 / 2)
    for range in ModbusRange.ranges(of: points, gap: manners.gap.map { min(max($0, 0), 124) }) {
      addPolls(of: range, identities, line)
    }
    for output in outputs {
      let timeout = output.timeout ?? .milliseconds(300)
      guard let unit = place(ofUnit: output.unit, identities, timeout: timeout, line),
        let state = ModbusOutputState(output, unit: unit, line: line)
      else { continue }
      self.outputs.append(state)
    }
  }

  private mutating func addPolls(of range: ModbusRange, _ identities: [ModbusIdentity], _ line: SerialLine) {
    func request(_ start: Int, _ quantity: Int) -> ModbusRequest? {
      guard start + quantity <= 65_536 else { return nil }
      return ModbusRequest(unit: range.unit, table: range.table, address: UInt16(start), quantity: quantity)
    }
    guard let whole = request(range.start, range.quantity) else { return }
    let timeout = range.members.map { whole.timeout(configured: points[$0].timeout, on: line) }.max() ?? .zero
    guard let unit = place(ofUnit: range.unit, identities, timeout: timeout, line) else { return }
    let first = polls.count + 1
    polls.append(
      ModbusPollState(
        request: whole, unit: unit, members: range.members, timeout: timeout, every: range.every,
        retries: range.members.map { points[$0].retries }.max() ?? 0,
        parts: range.members.count > 1 ? first..<first + range.members.count : 0..<0))
    guard range.members.count > 1 else { return }
    for member in range.members {
      let point = points[member]
      let part = request(Int(point.address), point.width) ?? whole
      polls.append(
        ModbusPollState(
          request: part, unit: unit, members: [member], timeout: part.timeout(configured: point.timeout, on: line),
          every: point.every, retries: point.retries, isActive: false))
    }
  }

  /// The unit's place in the list, made if there is none; with it the poll that asks who it is.
  private mutating func place(
    ofUnit address: UInt8, _ identities: [ModbusIdentity], timeout: TimeSpan, _ line: SerialLine
  ) -> Int? {
    if let known = units.firstIndex(where: { $0.address == address }) { return known }
    guard (1...247).contains(address) else { return nil }
    let identity = identities.first { $0.unit == address }
    units.append(ModbusUnitState(address: address, identity: identity, timeout: timeout))
    guard let identity,
      let request = ModbusRequest(
        unit: address, table: identity.table, address: identity.address, quantity: identity.type.registerCount)
    else { return units.count - 1 }
    polls.append(
      ModbusPollState(
        request: request, unit: units.count - 1, members: [],
        timeout: max(timeout, request.timeout(configured: nil, on: line)), every: Self.identificationInterval,
        retries: 1))
    return units.count - 1
  }
}

// MARK: - What happens to the port

extension ModbusBus {
  public mutating func opened(at time: MonotonicTime, into actions: inout DriverActions) {
    isOpen = true
    transaction = nil
    parser.discard()
    lineFree = time + interFrameSilence
    pausedUntil = time
    nextForcedProbe = time
    reopenAt = time + Self.silenceBeforeReopening
    for index in polls.indices {
      polls[index].restart(at: time)
      polls[index].isActive = true
    }
    for index in polls.indices {
      for part in polls[index].parts { polls[part].isActive = false }
    }
    for index in units.indices {
      units[index].restart()
      units[index].pollCount = polls.count { $0.unit == index && $0.isActive && !$0.isIdentification }
    }
    for index in outputs.indices { outputs[index].restart(at: time) }
    proceed(at: time, into: &actions)
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    isOpen = false
    transaction = nil
    nextDeadline = nil
    for sensor in sensors {
      actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, cause)))
    }
    for index in outputs.indices { say(outputs[index].report(.failed(cause)), of: index, into: &actions) }
  }

  public mutating func received(_ bytes: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions) {
    guard isOpen, bytes.count > 0 else { return }
    counters.bytesReceived += UInt64(bytes.count)
    settle(at: time, into: &actions)
    reopenAt = time + Self.silenceBeforeReopening
    if time - lastByte > interFrameSilence { noiseStart = time }
    lastByte = time
    lineFree = min(time + interFrameSilence, noiseStart + Self.longestWaitForSilence)
    for index in bytes.indices {
      guard let match = parser.feed(bytes[index]) else { continue }
      counters.frames += 1
      if match.skipped > 0 { counters.resynchronisations += 1 }
      take(match, at: time, into: &actions)
    }
    proceed(at: time, into: &actions)
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    guard isOpen else { return }
    settle(at: time, into: &actions)
    if time >= reopenAt {
      reopenAt = time + Self.silenceBeforeReopening
      actions.reopen = units.indices.allSatisfy(isSilent)
    }
    proceed(at: time, into: &actions)
  }

  public mutating func command(
    _ output: OutputID, on: Bool, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    guard let index = outputs.firstIndex(where: { $0.output.output == output }) else { return }
    outputs[index].command(on, at: time)
    // What is under way is not judged here: its answer may be waiting in the kernel.
    if isOpen { proceed(at: time, into: &actions) }
  }

  /// Whether nothing comes back from a unit, neither for its sensors nor for its outputs.
  private func isSilent(_ unit: Int) -> Bool {
    if units[unit].pollCount > 0 || units[unit].identity != nil { return units[unit].isSilent }
    return outputs.allSatisfy { $0.unit != unit || $0.failures > 0 }
  }
}
