import Logging
import Observations
import SensorDrivers

/// Takes what the drivers observe, in the order in which it was observed.
protocol ObservationSink: AnyObject {
  func take(_ observations: [TimedObservation])

  /// Takes what one event led to: the calls of the driver, where they are recorded, and what it observed.
  func take(_ actions: DriverActions, from source: DriverSource)
}

extension ObservationSink {
  func take(_ actions: DriverActions, from source: DriverSource) {
    if !actions.observations.isEmpty { take(actions.observations) }
  }
}

/// Keeps one port open, a serial one or a Bluetooth controller, and its driver fed: a port that is missing, busy or
/// pulled out fails alone, is said once, and is tried again until it is back.
final class SerialLink: EventSource {
  let port: PortID
  let address: DeviceAddress

  private let directionSettings: RS485Settings?
  private let locator: DeviceLocator
  private var breakMethod: BreakMethod
  private var driver: any SerialDriver
  private let sink: any ObservationSink
  private let logger: Logger
  private var serial: DevicePort?
  private var outputs: [OutputID: ModbusOutputLine] = [:]
  private var actions = DriverActions()
  /// What is being carried out, while `actions` collects what that leads to.
  private var carried = DriverActions()
  private var isActing = false
  private var direction: RS485Direction?
  private var transmit: [UInt8] = []
  private var buffer = [UInt8](repeating: 0, count: 4096)
  private let now: () -> MonotonicTime
  /// How long after the time that the driver was told its break began or ended. Its next deadline is later by that much:
  /// the line must be held for as long as it wants, however long this program was kept waiting.
  private var breakLag = TimeSpan.zero
  private var retry: PortRetry
  private var failure: FaultCause?

  /// What waits to be written at most; a device that takes nothing is not worth more memory.
  private static let transmitLimit = 8192

  /// A serial port.
  convenience init(
    port: PortID, path: String, line: SerialLine, direction: RS485Settings? = nil, breakMethod: BreakMethod = .line,
    locator: DeviceLocator = DeviceLocator(), driver: any SerialDriver, sink: any ObservationSink, logger: Logger,
    at time: MonotonicTime
  ) {
    self.init(
      port: port, address: .serial(path: path, line: line), direction: direction, breakMethod: breakMethod,
      locator: locator, driver: driver, sink: sink, logger: logger, at: time)
  }

  /// Any port.
  init(
    port: PortID, address: DeviceAddress, direction: RS485Settings? = nil, breakMethod: BreakMethod = .line,
    locator: DeviceLocator = DeviceLocator(), driver: any SerialDriver, sink: any ObservationSink, logger: Logger,
    at time: MonotonicTime, now: @escaping () -> MonotonicTime = { SystemClock.kernel().monotonic }
  ) {
    self.now = now
    directionSettings = direction
    self.breakMethod = breakMethod
    self.locator = locator
    self.port = port
    self.address = address
    self.driver = driver
    self.sink = sink
    self.logger = logger
    retry = PortRetry(at: time)
  }

  /// What went over the port since the start.
  var counters: PortCounters { driver.counters }

  /// Why the port cannot be used at the moment, if it cannot.
  var fault: FaultCause? { failure }

  /// How often the port was opened again since the start.
  private(set) var reopenings: UInt64 = 0
  private var wasOpened = false

  var interest: EventInterest? {
    guard let descriptor = serial?.fileDescriptor else { return nil }
    return EventInterest(descriptor: descriptor, writing: !transmit.isEmpty && isWriting)
  }

  /// Whether what waits may be written as soon as the kernel takes it. The time is that of the last call: a port that
  /// turns round wakes up by its deadline.
  private var isWriting: Bool { direction?.maySend(at: lastTime) ?? true }
  private var lastTime = MonotonicTime(nanoseconds: 0)

  var nextDeadline: MonotonicTime? {
    guard serial != nil else { return retry.due }
    let due = driver.nextDeadline.map { $0 + breakLag }
    guard let turn = direction?.deadline(withBytesWaiting: !transmit.isEmpty, at: lastTime) else { return due }
    return due.map { min($0, turn) } ?? turn
  }

  func ready(at time: MonotonicTime) {
    flush(at: time)
    // So many reads of one turn at most, so that a talkative port cannot keep the others waiting.
    for _ in 0..<(serial?.readsPerTurn ?? 0) {
      guard serial != nil else { return }
      var span = buffer.mutableSpan
      switch serial!.read(into: &span) {
      case .bytes(let count):
        driver.received(buffer.span.extracting(0..<count), at: time, into: &actions)
        act(at: time)
        guard serial?.mayHaveMore(after: count, of: buffer.count) ?? false else { return }
      case .nothing: return
      case .lost(let error):
        close(error, at: time)
        return
      }
    }
  }

  func wake(at time: MonotonicTime) {
    guard serial != nil else { return open(at: time) }
    if direction != nil { turn(at: time) }
    guard let due = driver.nextDeadline, due + breakLag <= time else { return }
    breakLag = .zero
    driver.wake(at: time, into: &actions)
    act(at: time)
  }

  /// Hands what becomes of an output of this port to its line.
  func reports(to line: ModbusOutputLine) {
    outputs[line.id] = line
  }

  /// Has the driver switch one of its outputs. The bytes are on their way when this returns, also when it is called by
  /// what an observation of this port led to.
  func command(_ output: OutputID, on: Bool, at time: MonotonicTime) {
    driver.command(output, on: on, at: time, into: &actions)
    transmitActions(at: time)
    act(at: time)
  }

  private func open(at time: MonotonicTime) {
    let start = now()
    do throws(SensorDriversError) {
      let opened = try address.open(by: locator)
      if let directionSettings { try opened.setDirection(directionSettings) }
      serial = consume opened
      retry.spent(from: start, to: now())
      retry.opened()
      direction = directionSettings.flatMap { settings in
        guard settings.way == .rts, case .serial(_, let line) = address else { return nil }
        return RS485Direction(settings, line: line)
      }
      if failure != nil { logger.notice("The \(address.name) is back.") }
      if let warning = serial?.warning, failure == nil { logger.warning("\(warning)") }
      if wasOpened { reopenings += 1 }
      wasOpened = true
      failure = nil
      breakLag = .zero
      driver.opened(at: time, into: &actions)
      act(at: time)
    } catch {
      retry.spent(from: start, to: now())
      close(error, at: time)
    }
  }

  /// Lets the port go, if it is open.
  private func release() {
    let start = now()
    serial = nil
    transmit.removeAll()
    retry.spent(from: start, to: now())
  }

  /// Gives the port up until it is tried again; says a failure once, not at each try.
  private func close(_ error: SensorDriversError, at time: MonotonicTime) {
    release()
    retry.failed(at: time)
    guard failure != error.cause else { return }
    failure = error.cause
    logger.warning("\(error)")
    driver.failed(error.cause, at: time, into: &actions)
    act(at: time)
  }

  /// Carries out what the driver asks for. What that leads to, such as a command for an output of this same port, is
  /// carried out after it and not within.
  private func act(at time: MonotonicTime) {
    guard !isActing else { return }
    isActing = true
    defer { isActing = false }
    while !actions.isEmpty {
      transmitActions(at: time)
      swap(&actions, &carried)
      sink.take(carried, from: .port(port))
      for report in carried.outputs { outputs[report.output]?.take(report.state) }
      if carried.reopen, serial != nil {
        release()
        retry.closed(at: time)
      }
      carried.removeAll()
    }
  }

  private func transmitActions(at time: MonotonicTime) {
    if let lineBreak = actions.lineBreak {
      actions.lineBreak = nil
      set(lineBreak, at: time)
    }
    guard !actions.transmit.isEmpty else { return }
    if serial != nil, transmit.count + actions.transmit.count <= Self.transmitLimit { transmit += actions.transmit }
    actions.transmit.removeAll(keepingCapacity: true)
    flush(at: time)
  }

  /// Begins or ends a break, by another way if the port does not know the one that was asked for.
  private func set(_ lineBreak: LineBreak, at time: MonotonicTime) {
    guard serial != nil else { return }
    switch serial!.setBreak(lineBreak, by: breakMethod) {
    case .done: breakLag = max(.zero, now() - time)
    case .unsupported:
      breakMethod = .byte
      logger.warning(
        "The \(address.name) cannot make a break: it is made by a slow zero byte instead; `break = \"byte\"` says so."
      )
      set(lineBreak, at: time)
    case .lost(let error):
      actions.transmit.removeAll()
      close(error, at: time)
    }
  }

  private func flush(at time: MonotonicTime) {
    lastTime = time
    guard serial != nil, !transmit.isEmpty else { return }
    if direction != nil {
      if direction!.begin(at: time) { setRequestToSend(true, at: time) }
      guard serial != nil, direction!.maySend(at: time) else { return }
    }
    let bytes = transmit
    let result = serial!.write(bytes.span)
    switch result {
    case .written(let count):
      transmit.removeFirst(count)
      if count > 0 { direction?.sent(count, at: time) }
    case .lost(let error): close(error, at: time)
    }
  }

  /// Sends when the line has been turned round, and turns it back when everything has left.
  private func turn(at time: MonotonicTime) {
    flush(at: time)
    guard direction != nil, let port = serial?.fileDescriptor else { return }
    if direction!.pass(at: time, hasSentAll: { SerialPort.hasSentAll(port) }) { setRequestToSend(false, at: time) }
  }

  private func setRequestToSend(_ isSending: Bool, at time: MonotonicTime) {
    guard let directionSettings, serial != nil else { return }
    let result = serial!.setRequestToSend(isSending == directionSettings.isActiveWhileSending)
    guard result != 0 else { return }
    close(
      SensorDriversError(
        action: "set the RTS line of the \(address.name)", errorNumber: result,
        advice: "Check the cable and the adapter.", cause: .portLost), at: time)
  }
}
