public import Observations
public import SensorDrivers

/// Makes the drivers of a configuration anew, for a replay of what went over their wires.
public struct ReplayDrivers {
  let serial: (PortID) -> (any SerialDriver)?
  let gpio: (SensorID) -> (any GPIODriver)?

  /// - Parameters:
  ///   - serial: the driver of a serial port; nil for a port that no sensor uses.
  ///   - gpio: the driver of a sensor on a GPIO line; nil for any other sensor.
  public init(serial: @escaping (PortID) -> (any SerialDriver)?, gpio: @escaping (SensorID) -> (any GPIODriver)?) {
    self.serial = serial
    self.gpio = gpio
  }
}

/// Feeds recorded bytes and edges to drivers in the recording's own time, and gathers what they observe.
///
/// Where the recording says each call of a driver, as `record --raw` writes them, the same calls are made again. Where it
/// has bytes or edges alone, as a line analyser writes them, the driver is opened just before the first of them, and its
/// deadlines fire in the recording's time.
struct RawReplay {
  private enum Driver {
    case serial(any SerialDriver)
    case gpio(any GPIODriver)

    var nextDeadline: MonotonicTime? {
      switch self {
      case .serial(let driver): driver.nextDeadline
      case .gpio(let driver): driver.nextDeadline
      }
    }
  }

  private struct Entry {
    let source: DriverSource
    var driver: Driver
    /// Each of its calls is recorded.
    let isExact: Bool
    /// What the driver asked to send and the recording has not yet shown.
    var sent: [UInt8] = []
    /// Of GPIO lines that are not exact: their numbers and levels, and the sequence number before the first edge.
    var lines: [UInt32] = []
    var levels: [Bool] = []
    var sequenceBase: UInt64 = 0
    var edges: UInt64 = 0
    /// Not woken before, because it asked to be woken in the past.
    var notBefore = MonotonicTime(nanoseconds: .min)
  }

  /// Between opening a port and the first byte of a recording that does not say when it was opened.
  private static let lead = TimeSpan.milliseconds(100)
  private static let shortestWait = TimeSpan.milliseconds(1)
  private static let sentLimit = 65_536

  /// The sensors that speak through drivers from now on: their recorded readings are passed over.
  private(set) var covered: Set<SensorID> = []
  /// Ports and sensors of raw lines that the configuration does not have.
  private(set) var unknownCount = 0
  /// Requests that the recording has and the drivers of this configuration did not make.
  private(set) var differentRequests = 0

  private let drivers: ReplayDrivers
  private var entries: [Entry] = []
  private var actions = DriverActions()

  init(_ drivers: ReplayDrivers) {
    self.drivers = drivers
  }

  /// The program was started, or took up its configuration anew: so are its drivers.
  mutating func restart() {
    entries.removeAll()
  }

  /// Lines are missing: what was sent in them is not known.
  mutating func gap() {
    for index in entries.indices { entries[index].sent.removeAll() }
  }

  /// Wakes the driver whose deadline is the next at or before `time`, of those whose calls the recording does not say
  /// itself. Returns when that was and what it observed; nil when none is due.
  mutating func wakeNext(by time: MonotonicTime) -> (due: MonotonicTime, observations: [TimedObservation])? {
    var next: (index: Int, due: MonotonicTime)?
    for index in entries.indices where !entries[index].isExact {
      guard let deadline = entries[index].driver.nextDeadline else { continue }
      let due = max(deadline, entries[index].notBefore)
      if due <= time, next.map({ due < $0.due }) ?? true { next = (index, due) }
    }
    guard let (index, due) = next else { return nil }
    wake(index, at: due)
    entries[index].notBefore = due + Self.shortestWait
    return (due, actions.observations)
  }

  private mutating func wake(_ index: Int, at time: MonotonicTime) {
    actions.removeAll()
    switch entries[index].driver {
    case .serial(var driver):
      driver.wake(at: time, into: &actions)
      // The port is there again at once: a recording of bytes alone does not say how long that takes.
      if actions.reopen { driver.opened(at: time, into: &actions) }
      entries[index].driver = .serial(driver)
    case .gpio(var driver):
      driver.wake(at: time, into: &actions)
      if driver.wantsLevels { driver.levelsRead(entries[index].levels, at: time, into: &actions) }
      entries[index].driver = .gpio(driver)
    }
  }

  /// Makes the call that a line says. Returns what the driver observed; nil when the line is none of a driver's, or of a
  /// port or a sensor that the configuration does not have.
  mutating func take(_ content: RecordingLine.Content, at time: MonotonicTime) -> [TimedObservation]? {
    actions.removeAll()
    switch content {
    case .rawBytes(let port, let hex):
      let bytes = Self.bytes(hex)
      guard let index = entry(.port(port), isExact: false, at: time), !bytes.isEmpty else { return nil }
      guard case .serial(var driver) = entries[index].driver else { return nil }
      driver.received(bytes.span, at: time, into: &actions)
      entries[index].driver = .serial(driver)
      finish(index)
    case .sentBytes(let port, let hex):
      compare(Self.bytes(hex), sentTo: port)
    case .rawEdge(let sensor, let rising, let sequence, let line, let stamp):
      guard
        let index = entry(
          .line(sensor), isExact: false, at: stamp ?? time, edge: (line, rising), sequence: sequence)
      else { return nil }
      edge(index, rising: rising, sequence: sequence, line: line, stamp: stamp ?? time, at: time)
    case .call(let source, let call):
      guard let index = entry(source, isExact: true, at: time) else { return nil }
      make(call, of: index, at: time)
      finish(index)
    default:
      return nil
    }
    return actions.observations
  }

  private mutating func make(_ call: RecordingLine.Call, of index: Int, at time: MonotonicTime) {
    switch entries[index].driver {
    case .serial(var driver):
      switch call {
      case .opened:
        entries[index].sent.removeAll()
        driver.opened(at: time, into: &actions)
      case .failed(let cause): driver.failed(cause, at: time, into: &actions)
      case .woken: driver.wake(at: time, into: &actions)
      case .commanded(let output, let on): driver.command(output, on: on, at: time, into: &actions)
      case .linesOpened, .levels: break
      }
      entries[index].driver = .serial(driver)
    case .gpio(var driver):
      switch call {
      case .linesOpened(let lines):
        entries[index].lines = lines.offsets
        if lines.offsets.count == driver.inputs.count { driver.opened(lines, at: time, into: &actions) }
      case .failed(let cause): driver.failed(cause, at: time, into: &actions)
      case .woken: driver.wake(at: time, into: &actions)
      case .levels(let levels):
        if levels.count == driver.inputs.count { driver.levelsRead(levels, at: time, into: &actions) }
      case .opened, .commanded: break
      }
      entries[index].driver = .gpio(driver)
    }
  }

  private mutating func edge(
    _ index: Int, rising: Bool, sequence: UInt64?, line: UInt32?, stamp: MonotonicTime, at time: MonotonicTime
  ) {
    guard case .gpio(var driver) = entries[index].driver else { return }
    entries[index].edges += 1
    let offset = line ?? entries[index].lines.first ?? 0
    if let place = entries[index].lines.firstIndex(of: offset), place < entries[index].levels.count {
      entries[index].levels[place] = rising
    }
    let base = entries[index].sequenceBase
    let number = sequence.map { $0 &- base } ?? entries[index].edges
    let edge = GPIOEdge(
      offset: offset, isRising: rising, time: stamp, lineSequence: UInt32(truncatingIfNeeded: number))
    driver.edge(edge, at: time, into: &actions)
    entries[index].driver = .gpio(driver)
    finish(index)
  }

  /// The place of a source's driver, which is made when its first line comes.
  private mutating func entry(
    _ source: DriverSource, isExact: Bool, at time: MonotonicTime, edge: (line: UInt32?, rising: Bool)? = nil,
    sequence: UInt64? = nil
  ) -> Int? {
    if let index = entries.firstIndex(where: { $0.source == source }) { return index }
    let entry: Entry?
    switch source {
    case .port(let port):
      entry = drivers.serial(port).map { driver in
        covered.formUnion(driver.sensors)
        return Entry(source: source, driver: .serial(driver), isExact: isExact)
      }
    case .line(let sensor):
      entry = drivers.gpio(sensor).map { driver in
        covered.insert(sensor)
        return Entry(source: source, driver: .gpio(driver), isExact: isExact)
      }
    }
    guard var entry else {
      unknownCount += 1
      return nil
    }
    entry.sequenceBase = (sequence ?? 1) &- 1
    if !isExact { open(&entry, before: time, edge) }
    entries.append(entry)
    return entries.count - 1
  }

  /// Nothing says when it was opened: shortly before the first byte or edge. A request that goes out then is answered by
  /// what comes.
  private mutating func open(
    _ entry: inout Entry, before time: MonotonicTime, _ edge: (line: UInt32?, rising: Bool)?
  ) {
    let opened = max(time - Self.lead, MonotonicTime(nanoseconds: 0))
    switch entry.driver {
    case .serial(var driver):
      driver.opened(at: opened, into: &actions)
      for _ in 0..<8 {
        guard let due = driver.nextDeadline, due <= time else { break }
        driver.wake(at: due, into: &actions)
      }
      entry.driver = .serial(driver)
    case .gpio(var driver):
      entry.lines = driver.inputs.enumerated().map { index, input in
        if case .number(let number) = input.line { number } else { UInt32(index) }
      }
      // Before its first edge a line had the other level.
      let first = edge?.line ?? entry.lines.first
      entry.levels = entry.lines.map { $0 == first && edge?.rising == false }
      driver.opened(
        GPIOLinesOpened(offsets: entry.lines, levels: entry.levels, isDebounced: false), at: opened, into: &actions)
      entry.driver = .gpio(driver)
    }
  }

  /// Keeps what the driver asked to send, so that it can be compared.
  private mutating func finish(_ index: Int) {
    guard entries[index].isExact else { return }
    entries[index].sent += actions.transmit
    if entries[index].sent.count > Self.sentLimit { entries[index].sent.removeAll() }
  }

  private mutating func compare(_ bytes: [UInt8], sentTo port: PortID) {
    guard let index = entries.firstIndex(where: { $0.source == .port(port) }), entries[index].isExact else { return }
    if entries[index].sent.starts(with: bytes) {
      entries[index].sent.removeFirst(bytes.count)
    } else {
      differentRequests += 1
      entries[index].sent.removeAll()
    }
  }

  /// The line has been read: these are pairs of digits.
  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count - 1, by: 2).map { index in
      (Hexadecimal.value(digits[index]) ?? 0) << 4 | (Hexadecimal.value(digits[index + 1]) ?? 0)
    }
  }
}
