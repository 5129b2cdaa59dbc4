import Alerts
import Delivery
import Locks
import Logging
import Observations
import SensorDrivers

/// Looks after the ends of the certificates that this gateway needs: at the start, with each configuration, and daily.
///
/// The files are read on a thread of their own, because a disk may hang; only a time comes to the sensing thread.
final class CertificateLink: EventSource {
  /// One file that is watched.
  struct Point {
    let certificate: BoardCertificate
    let path: String
  }

  /// A certificate that ends within this time is told of.
  static let notice = TimeSpan.hours(30 * 24)
  private static let daily = TimeSpan.hours(24)
  /// How soon it is looked again while the clock cannot be trusted.
  private static let untilClock = TimeSpan.seconds(30)

  private let points: [Point]
  private let logger: Logger
  private let reader: CertificateReader
  private let present: () -> Moment
  private let found: (BoardCertificate, FaultCause?) -> Void
  private var due: MonotonicTime
  private var said: [BoardCertificate: String] = [:]

  /// - Parameters:
  ///   - present: the time now.
  ///   - found: told how long each certificate lasts: nil for long enough.
  /// - Throws: `GatewayError` when the thread cannot be started.
  init(
    points: [Point], logger: Logger, present: @escaping () -> Moment,
    found: @escaping (BoardCertificate, FaultCause?) -> Void, at time: MonotonicTime
  ) throws(GatewayError) {
    self.points = points
    self.logger = logger
    self.present = present
    self.found = found
    due = time
    do {
      reader = try CertificateReader(paths: points.map(\.path))
    } catch {
      throw GatewayError(GatewayError.ExitStatus(rawValue: error.exitStatus) ?? .bug, "\(error)")
    }
  }

  deinit {
    reader.stop()
  }

  var interest: EventInterest? { EventInterest(descriptor: reader.descriptor) }

  var nextDeadline: MonotonicTime? { due }

  func wake(at time: MonotonicTime) {
    due = time + Self.daily
    reader.request()
  }

  func ready(at time: MonotonicTime) {
    for (point, result) in zip(points, reader.takeResults()) {
      switch result {
      case .failure(let error):
        // What it says of the connection is told there; that a file is missing now does not end what was told of it.
        say(point.certificate, "unreadable", .warning, "\(point.certificate.name): \(error)")
      case .success(let end): judge(point.certificate, end, at: time)
      }
    }
  }

  private func judge(_ certificate: BoardCertificate, _ end: WallTime, at time: MonotonicTime) {
    let now = present()
    guard now.clock != .unsynchronized else {
      due = min(due, time + Self.untilClock)
      return
    }
    let cause = Self.cause(end: end, now: now.wall)
    switch cause {
    case nil: said[certificate] = nil
    case .certificateExpired?: say(certificate, "expired", .error, "\(certificate.name) has expired: renew it.")
    case .some:
      let days = max(0, (end - now.wall).milliseconds / 86_400_000)
      say(certificate, "expiring", .warning, "\(certificate.name) ends in \(days) days: renew it.")
    }
    found(certificate, cause)
  }

  /// What there is to say of a certificate that lasts until `end`; nil: nothing.
  static func cause(end: WallTime, now: WallTime) -> FaultCause? {
    if end <= now { return .certificateExpired }
    return end - now <= notice ? .certificateExpiring : nil
  }

  private func say(_ certificate: BoardCertificate, _ word: String, _ level: Logger.Level, _ text: String) {
    guard said[certificate] != word else { return }
    said[certificate] = word
    logger.log(level: level, "\(text)")
  }
}

/// The thread that reads, and what passes between it and the loop: the newest reading of all files.
private final class CertificateReader: Sendable {
  private struct State {
    var isWanted = false
    var results: [Result<WallTime, GatewayError>] = []
    var isStopping = false
  }

  private let paths: [String]
  private let state = Locked(State())
  private let requested: Wake
  private let answered: Wake

  init(paths: [String]) throws(DeliveryError) {
    self.paths = paths
    requested = try Wake()
    answered = try Wake()
    _ = try WorkerThread(name: "certificates") { [self] in work() }
  }

  var descriptor: Int32 { answered.descriptor }

  func request() {
    state.withLock { $0.isWanted = true }
    requested.signal()
  }

  /// In the order of the paths; empty when nothing new was read.
  func takeResults() -> [Result<WallTime, GatewayError>] {
    answered.clear()
    return state.withLock { state in
      defer { state.results = [] }
      return state.results
    }
  }

  /// The thread ends when it is back from what it reads; it is not waited for.
  func stop() {
    state.withLock { $0.isStopping = true }
    requested.signal()
  }

  private func work() {
    while true {
      requested.wait(nanoseconds: nil)
      requested.clear()
      let (isStopping, isWanted) = state.withLock { state in
        defer { state.isWanted = false }
        return (state.isStopping, state.isWanted)
      }
      if isStopping { return }
      guard isWanted else { continue }
      let results = paths.map { path in
        Result { () throws(GatewayError) in try CertificateFile.end(at: path) }
      }
      state.withLock { $0.results = results }
      answered.signal()
    }
  }
}
