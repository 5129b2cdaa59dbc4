import Delivery
import Glibc
import Locks
import Logging
import Observations
import SensorDrivers

/// Polls what the kernel knows of the board itself. The files are read on a thread of their own, because a battery gauge
/// or a disk may hang; one that does is a fault of its sensor and costs the others nothing but their turn.
final class BoardLink: EventSource {
  /// One value that is polled.
  struct Point {
    let sensor: SensorID
    let quantity: Quantity
    let source: BoardSource
    /// Value = the kernel's number in the quantity's unit × scale + offset.
    let scale: Double
    let offset: Double
    let every: TimeSpan
  }

  /// How long a reading may take.
  static let timeout = TimeSpan.seconds(10)

  private let points: [Point]
  private let sink: any ObservationSink
  private let logger: Logger
  private let reader: BoardReader
  private var due: [MonotonicTime]
  /// When the reading that is under way must be there.
  private var answerDue: [MonotonicTime?]
  private var saidFault: [FaultCause?]

  /// - Parameter root: the folder that stands for `/`.
  /// - Throws: `GatewayError` when the thread cannot be started.
  init(
    points: [Point], root: String = "", sink: any ObservationSink, logger: Logger, at time: MonotonicTime
  ) throws(GatewayError) {
    self.points = points
    self.sink = sink
    self.logger = logger
    do {
      reader = try BoardReader(sources: points.map(\.source), root: root)
    } catch {
      throw GatewayError(GatewayError.ExitStatus(rawValue: error.exitStatus) ?? .bug, "\(error)")
    }
    due = points.map { _ in time }
    answerDue = points.map { _ in nil }
    saidFault = points.map { _ in nil }
  }

  deinit {
    reader.stop()
  }

  var interest: EventInterest? { EventInterest(descriptor: reader.descriptor) }

  var nextDeadline: MonotonicTime? {
    points.indices.map { answerDue[$0] ?? due[$0] }.min()
  }

  func ready(at time: MonotonicTime) {
    var observations: [TimedObservation] = []
    for (index, result) in reader.takeResults() {
      answerDue[index] = nil
      observations.append(TimedObservation(time: time, observation: observation(of: index, result)))
    }
    if !observations.isEmpty { sink.take(observations) }
  }

  func wake(at time: MonotonicTime) {
    var late: [TimedObservation] = []
    var wanted: [Int] = []
    for index in points.indices {
      if let limit = answerDue[index] {
        guard limit <= time else { continue }
        // It is still being read, and is not asked for a second time: its answer may come yet.
        answerDue[index] = time + points[index].every
        say(.timeout, of: index, "reading takes longer than \(Int(Self.timeout.seconds)) s")
        late.append(TimedObservation(time: time, observation: .fault(points[index].sensor, .timeout)))
      } else if due[index] <= time {
        // On a grid; a poll that was missed is skipped.
        while due[index] <= time { due[index] = due[index] + points[index].every }
        answerDue[index] = time + Self.timeout
        wanted.append(index)
      }
    }
    if !wanted.isEmpty { reader.request(wanted) }
    if !late.isEmpty { sink.take(late) }
  }

  private func observation(of index: Int, _ result: Result<Double, SensorDriversError>) -> Observation {
    let point = points[index]
    switch result {
    case .failure(let error):
      say(error.cause, of: index, "\(error)")
      return .fault(point.sensor, error.cause)
    case .success(let raw):
      let value = raw * point.source.unitScale(for: point.quantity) * point.scale + point.offset
      guard let measure = Measure(rounding: value, for: point.quantity) else {
        return .fault(point.sensor, .outOfRange)
      }
      if saidFault[index] != nil { logger.notice("\(point.sensor) can be read again.") }
      saidFault[index] = nil
      return .reading(point.sensor, measure)
    }
  }

  private func say(_ cause: FaultCause, of index: Int, _ reason: String) {
    guard saidFault[index] != cause else { return }
    saidFault[index] = cause
    logger.warning("\(points[index].sensor): \(reason)")
  }
}

/// The thread that reads, and what passes between it and the loop: at most one request and one result for each source.
private final class BoardReader: Sendable {
  private struct State {
    var wanted: [Int] = []
    var results: [(Int, Result<Double, SensorDriversError>)] = []
    var isStopping = false
  }

  private let sources: [BoardSource]
  private let root: String
  private let state = Locked(State())
  private let requested: Wake
  private let answered: Wake

  init(sources: [BoardSource], root: String) throws(DeliveryError) {
    self.sources = sources
    self.root = root
    requested = try Wake()
    answered = try Wake()
    _ = try WorkerThread(name: "mimamori-board") { [self] in work() }
  }

  var descriptor: Int32 { answered.descriptor }

  func request(_ indices: [Int]) {
    state.withLock { $0.wanted += indices }
    requested.signal()
  }

  func takeResults() -> [(Int, Result<Double, SensorDriversError>)] {
    answered.clear()
    return state.withLock { state in
      defer { state.results.removeAll(keepingCapacity: true) }
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
      while let index = state.withLock({ $0.wanted.isEmpty ? nil : $0.wanted.removeFirst() }) {
        let result: Result<Double, SensorDriversError>
        do throws(SensorDriversError) {
          result = .success(try sources[index].read(root: root))
        } catch {
          result = .failure(error)
        }
        state.withLock { $0.results.append((index, result)) }
        answered.signal()
      }
      if state.withLock({ $0.isStopping }) { return }
    }
  }
}
