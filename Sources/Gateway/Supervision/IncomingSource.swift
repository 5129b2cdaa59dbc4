import Delivery
import Observations
import SensorDrivers

/// Hands what the broker passed on to who waits for it, a few messages a turn: ports and the siren come in between.
final class IncomingSource: EventSource {
  private static let mostInOneTurn = 4

  private let queue: IncomingQueue
  private let handler: (IncomingMessage) -> Void

  init(_ queue: IncomingQueue, handler: @escaping (IncomingMessage) -> Void) {
    self.queue = queue
    self.handler = handler
  }

  var interest: EventInterest? { EventInterest(descriptor: queue.descriptor) }
  var nextDeadline: MonotonicTime? { nil }

  func ready(at time: MonotonicTime) {
    for message in queue.take(Self.mostInOneTurn) { handler(message) }
  }

  func wake(at time: MonotonicTime) {
    // It has no deadline.
  }
}
