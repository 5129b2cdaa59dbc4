public import Observations

extension HealthReport {
  /// What waits for the broker in one lane.
  public struct Lane: Sendable, Hashable {
    /// `alert`, `state` or `observation`.
    public var name: String
    public var messages: Int
    public var bytes: Int
    /// Above it the lane gives something up: alerts never.
    public var mostBytes: Int
    /// Of observations: how far apart those of one sensor are kept; longer than configured while there is no room.
    public var interval: TimeSpan?

    public init(name: String, messages: Int, bytes: Int, mostBytes: Int, interval: TimeSpan? = nil) {
      self.name = name
      self.messages = messages
      self.bytes = bytes
      self.mostBytes = mostBytes
      self.interval = interval
    }
  }

  /// The file system of the state folder.
  public struct Storage: Sendable, Hashable {
    /// Nil while it is not known.
    public var freeBytes: Int64?
    /// Below it observations are not written.
    public var reserveBytes: Int64
    /// Whether that is so.
    public var isYielding: Bool
    /// How often the ledger was found damaged while it was used, since the start.
    public var ledgersSetAside: Int

    public init(freeBytes: Int64?, reserveBytes: Int64, isYielding: Bool, ledgersSetAside: Int) {
      self.freeBytes = freeBytes
      self.reserveBytes = reserveBytes
      self.isYielding = isYielding
      self.ledgersSetAside = ledgersSetAside
    }
  }
}

extension Formats {
  func writeLanes(_ report: HealthReport, into json: inout JSONWriter) {
    guard !report.lanes.isEmpty else { return }
    json.key("lanes")
    json.beginObject()
    for lane in report.lanes {
      json.key(lane.name)
      json.beginObject()
      json.member("messages", lane.messages)
      json.member("bytes", lane.bytes)
      json.member("most_bytes", lane.mostBytes)
      if let interval = lane.interval { json.member("interval_s", seconds: interval) }
      json.endObject()
    }
    json.endObject()
  }

  func write(_ storage: HealthReport.Storage?, into json: inout JSONWriter) {
    guard let storage else { return }
    json.key("storage")
    json.beginObject()
    json.member("free_bytes", storage.freeBytes)
    json.member("reserve_bytes", storage.reserveBytes)
    json.member("yielding", storage.isYielding)
    json.member("ledgers_set_aside", storage.ledgersSetAside)
    json.endObject()
  }
}
