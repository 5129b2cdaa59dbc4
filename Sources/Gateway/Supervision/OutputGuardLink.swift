import Logging
import Observations
import SensorDrivers

/// Serves the guard of the outputs among the other sources of the loop, and says what becomes of it.
final class OutputGuardLink: EventSource {
  private let outputGuard: OutputGuard
  private let logger: Logger

  init(_ outputGuard: OutputGuard, logger: Logger) {
    self.outputGuard = outputGuard
    self.logger = logger
  }

  var interest: EventInterest? { outputGuard.fileDescriptor.map { EventInterest(descriptor: $0) } }
  var nextDeadline: MonotonicTime? { outputGuard.nextDeadline }

  func ready(at time: MonotonicTime) {
    serve(at: time)
  }

  func wake(at time: MonotonicTime) {
    serve(at: time)
  }

  private func serve(at time: MonotonicTime) {
    for event in outputGuard.serve(at: time) {
      switch event {
      case .lost(let reason):
        logger.error(
          "The guard of the outputs is lost: \(reason). Until there is another, an output stays as it is if the gateway is killed."
        )
      case .isBack: logger.notice("The outputs are guarded again.")
      case .failed(let error): logger.error("\(error)")
      case .refused(let line, let reason): logger.error("The output on \(line) is not guarded: \(reason).")
      }
    }
  }
}
