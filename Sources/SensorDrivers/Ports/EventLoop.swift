import CPoll
import Glibc
public import Observations

/// Something that waits for a descriptor, for a deadline, or for both: a port, a timer, a signal.
///
/// All sources of a loop live on its one thread. None may block: a slow device costs the others nothing.
public protocol EventSource: AnyObject {
  /// The descriptor to wait for, or nil while there is none.
  var interest: EventInterest? { get }

  /// When `wake` is due at the latest, if ever.
  var nextDeadline: MonotonicTime? { get }

  /// The descriptor can be read or written, or has failed.
  func ready(at time: MonotonicTime)

  /// A deadline was reached.
  func wake(at time: MonotonicTime)
}

/// What a source waits for.
public struct EventInterest: Sendable {
  public var descriptor: Int32
  /// Also wait until it can be written.
  public var writing: Bool

  public init(descriptor: Int32, writing: Bool = false) {
    self.descriptor = descriptor
    self.writing = writing
  }
}

/// Waits with ppoll(2) until a descriptor is ready or a deadline is reached, and calls its source. It wakes up as soon as a
/// deadline is reached, never before and never for nothing, so that a calm gateway costs nothing.
public final class EventLoop {
  private var sources: [any EventSource] = []
  private let now: () -> MonotonicTime
  private var isStopping = false

  /// A loop that reads the time from `now`.
  public init(now: @escaping () -> MonotonicTime) {
    self.now = now
  }

  /// Adds a source; those added first are served first.
  public func add(_ source: any EventSource) {
    sources.append(source)
  }

  /// Ends `run` after the turn under way.
  public func stop() {
    isStopping = true
  }

  /// Serves the sources until `stop` is called.
  public func run() {
    while !isStopping { turn(atMost: nil) }
  }

  /// Waits once, at most until `limit`, and serves what is ready and due.
  public func turn(atMost limit: MonotonicTime?) {
    var deadline = limit
    var descriptors: [pollfd] = []
    var owners: [Int] = []
    descriptors.reserveCapacity(sources.count)
    owners.reserveCapacity(sources.count)
    for (index, source) in sources.enumerated() {
      if let due = source.nextDeadline, deadline.map({ due < $0 }) ?? true { deadline = due }
      guard let interest = source.interest else { continue }
      let events = Int16(POLLIN) | (interest.writing ? Int16(POLLOUT) : 0)
      descriptors.append(pollfd(fd: interest.descriptor, events: events, revents: 0))
      owners.append(index)
    }
    wait(for: &descriptors, until: deadline)

    let time = now()
    for (position, descriptor) in descriptors.enumerated() where descriptor.revents != 0 {
      sources[owners[position]].ready(at: time)
    }
    for source in sources {
      if let due = source.nextDeadline, due <= time { source.wake(at: time) }
    }
  }

  private func wait(for descriptors: inout [pollfd], until deadline: MonotonicTime?) {
    let nanoseconds = deadline.map { max(0, ($0 - now()).nanoseconds) } ?? -1
    // An interrupted wait is an early turn: nothing is ready, what is due is served, and the loop waits again.
    _ = unsafe mimamori_poll(&descriptors, UInt(descriptors.count), nanoseconds)
  }
}
