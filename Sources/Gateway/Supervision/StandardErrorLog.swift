import Glibc
public import Logging
import Synchronization

/// Logs to standard error, one line an event: with the priorities of sd-daemon(3) where the journal reads it, otherwise
/// with the level's name.
///
/// It never waits: a line that standard error does not take at once is dropped and counted, because the thread that logs
/// also sounds the siren.
public struct StandardErrorLog: LogHandler {
  public var logLevel = Logger.Level.info
  public var metadata = Logger.Metadata()

  private let label: String
  private let hasPriorities: Bool

  /// A line is cut off here; the kernel then takes it whole or not at all.
  private static let longestLine = 4000
  private static let dropped = Atomic<Int>(0)

  public init(label: String) {
    self.label = label
    hasPriorities = ServiceNotifier.variable("JOURNAL_STREAM") != nil
  }

  /// Makes this the log of the whole program. Called once, by the command.
  public static func install() {
    LoggingSystem.bootstrap(StandardErrorLog.init)
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    write(line(for: event))
  }

  /// The event on one line, with its details behind it: `warning mimamori-gateway: Lost the broker [host=10.0.0.1]`.
  func line(for event: LogEvent) -> String {
    let details = metadata.merging(event.metadata ?? [:]) { _, newer in newer }
    let text = details.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined(separator: " ")
    return "\(beginning(of: event.level))\(event.message)" + (text.isEmpty ? "" : " [\(text)]")
  }

  /// What a line of this level begins with, for whoever writes to standard error in this log's way.
  public func beginning(of level: Logger.Level) -> String { "\(prefix(level))\(label): " }

  private func prefix(_ level: Logger.Level) -> String {
    guard hasPriorities else { return "\(level.rawValue) " }
    return switch level {
    case .trace, .debug: "<7>"
    case .info: "<6>"
    case .notice: "<5>"
    case .warning: "<4>"
    case .error: "<3>"
    case .critical: "<2>"
    }
  }

  private func write(_ line: String) {
    var descriptor = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
    guard unsafe poll(&descriptor, 1, 0) == 1, descriptor.revents & Int16(POLLOUT) != 0 else {
      Self.dropped.add(1, ordering: .relaxed)
      return
    }
    let missing = Self.dropped.exchange(0, ordering: .relaxed)
    let note = missing > 0 ? "(\(missing) lines before this were dropped) " : ""
    // One event is one line, whatever a device or a broker has put into its words.
    var bytes = Array((note + line).utf8.prefix(Self.longestLine)).map { $0 < 0x20 ? UInt8(ascii: " ") : $0 }
    bytes.append(UInt8(ascii: "\n"))
    _ = unsafe Glibc.write(STDERR_FILENO, bytes, bytes.count)
  }
}
