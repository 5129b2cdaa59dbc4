import Logging

/// Keeps the lines that were logged.
struct LogCapture: LogHandler {
  let lines: Arrivals<String>
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.trace

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let details = (event.metadata ?? [:]).map { "\($0)=\($1)" }.sorted().joined(separator: " ")
    lines.add("\(event.level): \(event.message) \(details)")
  }

  /// A logger and where its lines arrive.
  static func make() -> (logger: Logger, lines: Arrivals<String>) {
    let lines = Arrivals<String>()
    return (Logger(label: "test") { _ in LogCapture(lines: lines) }, lines)
  }
}
