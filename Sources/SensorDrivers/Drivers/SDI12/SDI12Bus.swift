public import Observations

/// The arbiter of one SDI-12 line: 1200 baud, seven bits, even parity, one wire for both directions
/// (SDI-12 specification 1.4).
///
/// - Each conversation begins with a break of 25 ms and 10 ms of marking, both counted by deadlines: nothing waits for
///   them. A command that follows an answer at once needs no break.
/// - An answer has to begin within 15 ms, but it is seen late: a port may keep 16 characters, 133 ms, before it hands them
///   on. So 200 ms are allowed. By then the device sleeps again: each of three repetitions (7.2) begins with a break. A
///   device that has failed is asked once only. An adapter that does all this by itself is given 1.5 s, three times.
/// - During `M` the line is the device's until it asks for service or its time is over. During `C` others are asked, but
///   not the same device: a command would abort its measurement.
/// - A device that fails is left alone for 2, 4, 8, 16, then 30 s; the first answer ends that.
/// - Measurements are made at fixed slots; one that cannot be kept is skipped. Of those that are due, the one that has
///   waited longest goes first, those of failing devices last, though never later than a minute.
public struct SDI12Bus: SerialDriver {
  /// What the line is doing for the conversation under way.
  enum Phase: Sendable {
    /// Spacing.
    case breaking
    /// Marking before a command.
    case marking
    /// A command was sent: its answer is awaited.
    case awaiting
    /// The device measures and has the line: it may ask for service.
    case serving
  }

  /// A conversation with one device about one measurement.
  struct Conversation: Sendable {
    let task: Int
    var command: SDI12Command
    var phase: Phase
    var deadline: MonotonicTime
    /// The answer must be whole by then, however slowly its bytes drip.
    var limit = MonotonicTime(nanoseconds: 0)
    /// How often the command went without a right answer.
    var failures = 0
  }

  /// At least 12 ms; the same must hold for a zero byte at half speed, 16.7 ms, and an adapter's delay.
  static let breakLength = TimeSpan.milliseconds(25)
  /// At least 8.33 ms.
  static let markLength = TimeSpan.milliseconds(10)
  /// From the command's last bit to the answer's first byte: 15 ms, 16 characters and four more that an UART waits for, and
  /// a little for this program.
  private static let ownWindow = TimeSpan.milliseconds(200)
  /// The same for an adapter that makes breaks and repetitions by itself, and hands the answer on as a whole.
  private static let adapterWindow = TimeSpan.milliseconds(1500)
  /// Between two bytes of an answer: 1.66 ms, and again what a port keeps of it.
  static let byteGap = TimeSpan.milliseconds(200)
  private static let longestDeferral = TimeSpan.minutes(1)
  private static let silenceBeforeReopening = TimeSpan.minutes(10)

  public let sensors: [SensorID]
  public internal(set) var counters = PortCounters()
  public private(set) var nextDeadline: MonotonicTime?

  /// False: the adapter makes the break by itself when it sees a command.
  let sendsBreak: Bool
  private let mostTries: Int
  private let answerWindow: TimeSpan
  private let characterTime: TimeSpan
  var tasks: [SDI12Task] = []
  var devices: [SDI12Device] = []
  var reader = SDI12LineReader()
  var conversation: Conversation?
  private var isOpen = false
  private var lineFree = MonotonicTime(nanoseconds: 0)
  private var reopenAt = MonotonicTime(nanoseconds: 0)

  /// Measures `points` on `line`.
  public init(line: SerialLine, points: [SDI12Point], sendsBreak: Bool = true) {
    self.sendsBreak = sendsBreak
    mostTries = sendsBreak ? 4 : 3
    answerWindow = sendsBreak ? Self.ownWindow : Self.adapterWindow
    sensors = points.map(\.sensor)
    characterTime = TimeSpan(nanoseconds: line.characterNanoseconds)
    for point in points {
      let device = devices.firstIndex { $0.address == point.address } ?? devices.count
      if device == devices.count { devices.append(SDI12Device(address: point.address)) }
      if let identity = point.identity { devices[device].identity = identity }
      if let task = tasks.firstIndex(where: { $0.device == device && $0.measurement == point.measurement }) {
        tasks[task].add(point)
      } else {
        tasks.append(SDI12Task(point, device: device))
      }
    }
  }

  /// What the port must be set to for `line`: on one of eight bits without parity, seven bits and even parity are made
  /// in software, except where the adapter speaks SDI-12 by itself.
  public static func portLine(_ line: SerialLine, sendsBreak: Bool) -> SerialLine {
    guard sendsBreak, line.dataBits == 8, line.parity == .none else { return line }
    return SerialLine(
      baud: line.baud, dataBits: 7, parity: .even, stopBits: line.stopBits, makesParityInSoftware: true)
  }

  public mutating func opened(at time: MonotonicTime, into actions: inout DriverActions) {
    isOpen = true
    conversation = nil
    lineFree = time
    reopenAt = time + Self.silenceBeforeReopening
    for index in tasks.indices { tasks[index].restart(at: time) }
    for index in devices.indices { devices[index].restart() }
    proceed(at: time, into: &actions)
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    isOpen = false
    conversation = nil
    nextDeadline = nil
    for sensor in sensors {
      actions.observations.append(TimedObservation(time: time, observation: .fault(sensor, cause)))
    }
  }

  public mutating func received(_ bytes: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions) {
    guard isOpen, bytes.count > 0 else { return }
    counters.bytesReceived += UInt64(bytes.count)
    for index in bytes.indices {
      switch conversation?.phase {
      case .awaiting, .serving:
        if reader.feed(bytes[index]) { takeLine(at: time, into: &actions) }
      case .breaking, .marking, nil:
        // Echoes of our own break, and noise.
        break
      }
    }
    counters.resynchronisations = reader.resynchronisations
    if let conversation, conversation.phase == .awaiting, reader.isUnderWay {
      self.conversation?.deadline = min(conversation.limit, max(conversation.deadline, time + Self.byteGap))
    }
    proceed(at: time, into: &actions)
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    guard isOpen else { return }
    if let conversation, time >= conversation.deadline { passDeadline(of: conversation, at: time, into: &actions) }
    if time >= reopenAt {
      reopenAt = time + Self.silenceBeforeReopening
      if !devices.contains(where: \.isTrusted) {
        actions.reopen = true
        endBreak(into: &actions)
        conversation = nil
      }
    }
    proceed(at: time, into: &actions)
  }

  /// Whatever is said on the line, it is alive.
  mutating func postponeReopening(at time: MonotonicTime) {
    reopenAt = time + Self.silenceBeforeReopening
  }

  /// The conversation is over; the line may be used again after a moment.
  mutating func hangUp(at time: MonotonicTime) {
    conversation = nil
    lineFree = time + Self.markLength
  }
}

// MARK: - What is next

extension SDI12Bus {
  /// Begins the next conversation if its time has come, and says when something is to be done next.
  private mutating func proceed(at time: MonotonicTime, into actions: inout DriverActions) {
    if conversation == nil, time >= lineFree, let next = choose(at: time) {
      begin(next, at: time, into: &actions)
    }
    guard !tasks.isEmpty else {
      nextDeadline = nil
      return
    }
    if let conversation {
      nextDeadline = conversation.deadline
    } else {
      let soonest = tasks.indices.compactMap { start($0) }.min() ?? reopenAt
      nextDeadline = min(max(soonest, lineFree), max(reopenAt, lineFree))
    }
  }

  /// When the line is needed for this task; nil while another one of the same device measures.
  private func start(_ index: Int) -> MonotonicTime? {
    let task = tasks[index]
    if let readyAt = task.readyAt { return readyAt }
    if tasks.contains(where: { $0.device == task.device && $0.readyAt != nil }) { return nil }
    return max(task.due, devices[task.device].restsUntil ?? task.due)
  }

  private func choose(at time: MonotonicTime) -> Int? {
    var best: (index: Int, rank: MonotonicTime)?
    for index in tasks.indices {
      guard let start = start(index), start <= time else { continue }
      let rank = devices[tasks[index].device].isTrusted ? start : start + Self.longestDeferral
      if best.map({ rank < $0.rank }) ?? true { best = (index, rank) }
    }
    return best?.index
  }

  private mutating func begin(_ index: Int, at time: MonotonicTime, into actions: inout DriverActions) {
    let command: SDI12Command
    if tasks[index].readyAt != nil {
      command = .data(0)
    } else if devices[tasks[index].device].needsIdentifying {
      command = .identify
    } else {
      command = .measure(tasks[index].measurement)
    }
    conversation = Conversation(task: index, command: command, phase: .marking, deadline: time)
    wake(at: time, thenSendInto: &actions)
  }
}

// MARK: - Breaks, commands and their repetition

extension SDI12Bus {
  /// Wakes the devices and sends the command after that.
  private mutating func wake(at time: MonotonicTime, thenSendInto actions: inout DriverActions) {
    guard sendsBreak else {
      send(at: time, into: &actions)
      return
    }
    actions.lineBreak = .begin
    conversation?.phase = .breaking
    conversation?.deadline = time + Self.breakLength
  }

  private mutating func endBreak(into actions: inout DriverActions) {
    if conversation?.phase == .breaking { actions.lineBreak = .end }
  }

  /// Sends another command of the same conversation, without a break: the device is awake.
  mutating func ask(_ command: SDI12Command, at time: MonotonicTime, into actions: inout DriverActions) {
    conversation?.command = command
    conversation?.failures = 0
    send(at: time, into: &actions)
  }

  private mutating func send(at time: MonotonicTime, into actions: inout DriverActions) {
    guard let current = conversation else { return }
    var command: [UInt8] = []
    current.command.encode(to: devices[tasks[current.task].device].address, into: &command)
    reader.expect(echo: command.span)
    actions.transmit += command
    counters.bytesSent += UInt64(command.count)
    let end = time + characterTime * Int64(command.count)
    conversation?.phase = .awaiting
    conversation?.deadline = end + answerWindow
    // The slowest answer at 1200 baud takes 0.8 s.
    conversation?.limit = end + answerWindow + characterTime * Int64(SDI12LineReader.maximumLength)
  }

  private mutating func passDeadline(
    of current: Conversation, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    switch current.phase {
    case .breaking:
      actions.lineBreak = .end
      conversation?.phase = .marking
      conversation?.deadline = time + Self.markLength
    case .marking:
      send(at: time, into: &actions)
    case .awaiting:
      if reader.isUnderWay {
        counters.checksumErrors += 1
        attemptFailed(.garbledReply, at: time, into: &actions)
      } else {
        counters.timeouts += 1
        attemptFailed(.timeout, at: time, into: &actions)
      }
    case .serving:
      // Its time is over: the values must be there, whether or not it has asked for service.
      conversation?.command = .data(0)
      wake(at: time, thenSendInto: &actions)
    }
  }

  /// The command went without a right answer: again, or it is a fault.
  mutating func attemptFailed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    guard let current = conversation else { return }
    let device = tasks[current.task].device
    conversation?.failures += 1
    if current.failures + 1 < (devices[device].isTrusted ? mostTries : 1) {
      wake(at: time, thenSendInto: &actions)
    } else {
      deviceFailed(device, cause, at: time, into: &actions)
    }
  }
}
