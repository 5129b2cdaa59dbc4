import Observations
import SensorDrivers

/// Hands the signals that steer a command to whoever waits for them in the loop.
final class SignalSource: EventSource {
  private let signals: SignalDescriptor

  /// Called for each signal.
  var handler: (SignalDescriptor.Request) -> Void = { _ in }

  init(_ signals: consuming SignalDescriptor) {
    self.signals = signals
  }

  var interest: EventInterest? { EventInterest(descriptor: signals.descriptor) }
  var nextDeadline: MonotonicTime? { nil }

  func ready(at time: MonotonicTime) {
    while let request = signals.next() { handler(request) }
  }

  func wake(at time: MonotonicTime) {
    // It has no deadline.
  }
}

/// Shows the service manager that the sensing loop is alive.
final class Watchdog: EventSource {
  private let notifier: ServiceNotifier
  private let interval: TimeSpan
  private var due: MonotonicTime

  /// Nil where nobody watches.
  init?(_ notifier: ServiceNotifier, at time: MonotonicTime) {
    guard let interval = notifier.watchdogInterval else { return nil }
    self.notifier = notifier
    self.interval = interval
    due = time
  }

  var interest: EventInterest? { nil }
  var nextDeadline: MonotonicTime? { due }

  func ready(at time: MonotonicTime) {
    // It has no descriptor.
  }

  func wake(at time: MonotonicTime) {
    notifier.watchdog()
    due = time + interval
  }
}
