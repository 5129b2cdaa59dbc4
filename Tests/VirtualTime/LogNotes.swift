import Locks
import Logging

/// What the gateway's log says that a judge must know, and its last lines.
final class LogNotes: Sendable {
  private struct State {
    var isForgetful = false
    var lines: [String] = []
  }

  private static let kept = 200
  private let state = Locked(State())
  private let isTracing: Bool

  init(isTracing: Bool) { self.isTracing = isTracing }

  /// Whether a run said that it could not note which numbers it sent from memory, and no disk has taken anything since: a run
  /// after it may have read them where a power cut takes them away.
  var isForgetful: Bool { state.withLock { $0.isForgetful } }

  func noteDiskWorks() { state.withLock { $0.isForgetful = false } }

  func takeLines() -> [String] {
    state.withLock { state in
      defer { state.lines = [] }
      return state.lines
    }
  }

  var logger: Logger { Logger(label: "virtual", factory: { _ in Handler(notes: self) }) }

  fileprivate func take(_ level: Logger.Level, _ message: String) {
    let isForgetful = level == .critical && message.hasPrefix("Failed to note which numbers")
    guard isForgetful || isTracing else { return }
    let isTracing = isTracing
    state.withLock { state in
      if isForgetful { state.isForgetful = true }
      if isTracing, state.lines.count < Self.kept { state.lines.append("\(level): \(message)") }
    }
  }

  private struct Handler: LogHandler {
    let notes: LogNotes
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.notice

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { notes.take(event.level, event.message.description) }
  }
}
