import CGPIOD
import Glibc
import Locks
public import Observations

/// A small process beside this one that sets output lines to their safe level when this one ends without doing so: after
/// `kill -9`, a crash, or the service manager's watchdog.
///
/// It is started with the first line. Whoever owns a guard waits for `fileDescriptor` and `nextDeadline` and calls
/// `serve`: a guard that has ended or does not answer is replaced. Nothing here waits but `settle`.
public final class OutputGuard: Sendable {
  /// How many lines it holds at most.
  public static let capacity = Int(MIMAMORI_GUARD_LINES_MAX)

  /// What happened to the guard.
  public enum Event: Sendable, Hashable {
    /// It is gone: the lines are not guarded until another is there. The reason is one of the kernel's or our own.
    case lost(reason: String)
    /// The lines are guarded again.
    case isBack
    /// None can be started; it is tried again.
    case failed(SensorDriversError)
    /// It could not take this line, for the reason given.
    case refused(line: String, reason: String)
  }

  private let state: Locked<State>

  /// A guard that is not yet started.
  ///
  /// - Parameter lastWords: what the line that it logs on standard error begins with; cut off after 64 bytes.
  public init(lastWords: String) {
    state = Locked(State(lastWords: lastWords))
  }

  deinit {
    state.withLock { $0.end() }
  }

  /// Readable when the guard has answered or has ended; nil while there is none. It stays the guard's.
  public var fileDescriptor: Int32? {
    state.withLock { $0.process.map(\.socket) }
  }

  /// The guard's process; nil while there is none.
  public var processNumber: Int32? {
    state.withLock { $0.process.map(\.number) }
  }

  /// When `serve` is due, if ever.
  public var nextDeadline: MonotonicTime? {
    state.withLock { $0.nextDeadline }
  }

  /// Takes the guard's answers, asks whether it is there still, and replaces it if it is not. Returns what is to be said.
  public func serve(at time: MonotonicTime) -> [Event] {
    state.withLock { $0.serve(at: time) }
  }

  /// Whether the guard, as far as is known, holds the line.
  func isHolding(_ number: UInt32) -> Bool {
    state.withLock { $0.process != nil && $0.lines[number]?.isRefused == false }
  }

  /// Has the guard hold a line, at once when it runs and otherwise when it does again. `descriptor` is a request of one
  /// output line; it must stay open until the line is dropped. Returns the number by which the line is dropped.
  func hold(_ descriptor: Int32, isSafeActive: Bool, name: String) -> UInt32 {
    state.withLock { $0.hold(HeldLine(descriptor: descriptor, isSafeActive: isSafeActive, name: name), at: .current) }
  }

  /// Has the guard let go of a line, as it is. It does so a moment later: see `settle`.
  func drop(_ number: UInt32) {
    state.withLock { $0.drop(number, at: .current) }
  }

  /// Waits until the guard has let go of what it was told to drop, so that the lines can be requested again. One that takes
  /// longer than `limit` is ended, which frees its lines too.
  func settle(within limit: TimeSpan) {
    state.withLock { $0.settle(within: limit) }
  }
}

/// A line as it is handed to the guard.
private struct HeldLine {
  let descriptor: Int32
  let isSafeActive: Bool
  /// What messages call it.
  let name: String
  var isRefused = false
}

private struct State {
  /// A guard that runs, and the socket to it.
  struct Running {
    let number: Int32
    let socket: Int32
    let start: MonotonicTime
  }

  let lastWords: String
  var process: Running?
  var lines: [UInt32: HeldLine] = [:]
  private var lastNumber: UInt32 = 0
  /// Orders that were not yet answered, and since when one of them waits.
  private var unanswered = 0
  private var waitingSince = MonotonicTime(nanoseconds: 0)
  private var checkAt = MonotonicTime(nanoseconds: 0)
  private var restartAt: MonotonicTime?
  private var wasLost = false
  private var hasFailed = false
  /// Guards that have ended, or are about to, and are still this process's children.
  private var ended: [Int32] = []
  private var reapAt = MonotonicTime(nanoseconds: 0)
  private var events: [OutputGuard.Event] = []

  /// So long a guard may take to answer: the machine may be very busy.
  private static let patience = TimeSpan.seconds(5)
  /// A guard that was stopped, or hangs, is noticed within this and `patience`.
  private static let checkInterval = TimeSpan.minutes(1)
  /// A guard that ends again and again is not started again more often than this.
  private static let restartInterval = TimeSpan.seconds(10)
  private static let reapInterval = TimeSpan.milliseconds(100)

  init(lastWords: String) {
    self.lastWords = lastWords
  }

  var nextDeadline: MonotonicTime? {
    if !events.isEmpty { return MonotonicTime(nanoseconds: 0) }
    var deadline: MonotonicTime?
    func consider(_ time: MonotonicTime) { deadline = deadline.map { min($0, time) } ?? time }
    if process != nil { consider(unanswered > 0 ? waitingSince + Self.patience : checkAt) }
    if let restartAt, !lines.isEmpty { consider(restartAt) }
    if !ended.isEmpty { consider(reapAt) }
    return deadline
  }

  mutating func serve(at time: MonotonicTime) -> [OutputGuard.Event] {
    takeAnswers(at: time)
    if process != nil, unanswered > 0, time >= waitingSince + Self.patience {
      lose("it does not answer", at: time)
    }
    if process != nil, unanswered == 0, time >= checkAt {
      checkAt = time + Self.checkInterval
      give(MIMAMORI_GUARD_CHECK, number: 0, at: time)
    }
    if process == nil, let restartAt, !lines.isEmpty, time >= restartAt { start(at: time) }
    reap(at: time)
    defer { events.removeAll() }
    return events
  }

  mutating func hold(_ line: HeldLine, at time: MonotonicTime) -> UInt32 {
    lastNumber += 1
    lines[lastNumber] = line
    if process != nil {
      give(MIMAMORI_GUARD_HOLD, number: lastNumber, line, at: time)
    } else if restartAt == nil {
      start(at: time)
    }
    return lastNumber
  }

  mutating func drop(_ number: UInt32, at time: MonotonicTime) {
    guard let line = lines.removeValue(forKey: number), process != nil, !line.isRefused else { return }
    give(MIMAMORI_GUARD_DROP, number: number, at: time)
  }

  mutating func settle(within limit: TimeSpan) {
    let end = MonotonicTime.current + limit
    while let socket = process?.socket, unanswered > 0 {
      let now = MonotonicTime.current
      guard now < end else { return lose("it does not answer", at: now) }
      var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
      // SAFETY: poll writes to the one structure.
      _ = unsafe poll(&waiting, 1, Int32(clamping: (end - now).milliseconds + 1))
      takeAnswers(at: .current)
    }
  }

  /// Lets the guard go, which makes what it still holds safe.
  mutating func end() {
    guard let running = process else { return }
    close(running.socket)
    process = nil
    ended.append(running.number)
    reap(at: .current)
  }

  private mutating func start(at time: MonotonicTime) {
    var socket: Int32 = -1
    var number: Int32 = 0
    // SAFETY: it copies the words and writes the two numbers.
    let result = unsafe mimamori_guard_start(lastWords, &socket, &number)
    guard result == 0 else {
      restartAt = time + Self.restartInterval
      guard !hasFailed else { return }
      hasFailed = true
      return events.append(
        .failed(
          SensorDriversError(
            action: "start the guard of the outputs", errorNumber: -result,
            advice: "Allow the gateway one more process (`TasksMax` of its service) and some memory.", cause: .portError
          )))
    }
    process = Running(number: number, socket: socket, start: time)
    restartAt = nil
    unanswered = 0
    checkAt = time + Self.checkInterval
    if wasLost || hasFailed { events.append(.isBack) }
    (wasLost, hasFailed) = (false, false)
    for (number, line) in lines.sorted(by: { $0.key < $1.key }) {
      lines[number]?.isRefused = false
      give(MIMAMORI_GUARD_HOLD, number: number, line, at: time)
    }
  }

  private mutating func give(
    _ order: mimamori_guard_order, number: UInt32, _ line: HeldLine? = nil, at time: MonotonicTime
  ) {
    guard let socket = process?.socket else { return }
    let result = mimamori_guard_give_order(
      socket, order.rawValue, number, line?.descriptor ?? -1, line?.isSafeActive == true ? 1 : 0)
    guard result == 0 else { return lose(SensorDriversError.message(-result), at: time) }
    if unanswered == 0 { waitingSince = time }
    unanswered += 1
  }

  private mutating func takeAnswers(at time: MonotonicTime) {
    while let socket = process?.socket {
      var answer = mimamori_guard_answer()
      // SAFETY: it writes the one answer.
      let result = unsafe mimamori_guard_take_answer(socket, &answer)
      if result == -EAGAIN { return }
      guard result == 0 else { return lose("it has ended", at: time) }
      unanswered = max(0, unanswered - 1)
      waitingSince = time
      guard answer.order == MIMAMORI_GUARD_HOLD.rawValue, answer.result != 0, let line = lines[answer.number] else {
        continue
      }
      lines[answer.number]?.isRefused = true
      let reason =
        answer.result == -ENOSPC
        ? "it holds \(MIMAMORI_GUARD_LINES_MAX) lines at most" : SensorDriversError.message(-answer.result)
      events.append(.refused(line: line.name, reason: reason))
    }
  }

  /// Gives the guard up: it is gone, or it is made to go, so that it holds no line any more.
  private mutating func lose(_ reason: String, at time: MonotonicTime) {
    guard let running = process else { return }
    _ = kill(running.number, SIGKILL)
    close(running.socket)
    process = nil
    unanswered = 0
    ended.append(running.number)
    reapAt = time
    wasLost = true
    events.append(.lost(reason: reason))
    restartAt = max(time, running.start + Self.restartInterval)
  }

  /// Takes leave of the children that have ended.
  private mutating func reap(at time: MonotonicTime) {
    guard !ended.isEmpty else { return }
    ended.removeAll { process in
      let result = waitpid(process, nil, WNOHANG)
      let code = errno
      return result == process || (result < 0 && code == ECHILD)
    }
    reapAt = time + Self.reapInterval
  }
}

extension MonotonicTime {
  /// The time now (CLOCK_MONOTONIC).
  fileprivate static var current: MonotonicTime {
    var time = timespec()
    // SAFETY: clock_gettime writes the one structure.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}
