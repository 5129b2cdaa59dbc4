import Delivery
import FoundationEssentials
import Observations

/// What a month's messages say about each alert: the bytes of the ledger, read again.
struct AlertHistory {
  /// One alert through its life.
  struct Entry {
    var id: String
    var mode: String
    var kind: String
    var sensor: String
    var name: String
    var fault: String?
    var onset: WallTime
    var raised: WallTime
    /// Nil while it is active.
    var cleared: WallTime?
    /// The highest level, and when it was first told.
    var level: Int?
    var levelAt: WallTime
    /// For each step that was estimated, when the first estimate of it was told.
    var estimates: [String: WallTime] = [:]
    /// From the first estimate of the highest step until it was told.
    var estimateLead: TimeSpan?
    /// How the staff marked it, if they did.
    var mark: String?
  }

  private struct Wire: Decodable {
    struct Observed: Decodable {
      struct Next: Decodable {
        var step: String
      }
      var next: Next?
    }
    struct Acknowledged: Decodable {
      var cause: String?
    }
    var id: String
    var message: String
    var mode: String
    var kind: String
    var sensor: String
    var name: String
    var level: Int?
    var step: String?
    var onset: String
    var detected: String
    var fault: String?
    var observed: Observed?
    var acknowledged: Acknowledged?
  }

  /// In the order of raising.
  private(set) var entries: [Entry] = []
  /// Messages that could not be read.
  private(set) var unreadable = 0
  private var index: [String: Int] = [:]
  private let decoder = JSONDecoder()

  mutating func add(_ bytes: [UInt8]) {
    guard let wire = try? decoder.decode(Wire.self, from: Data(bytes)), let onset = WallTime(rfc3339: wire.onset),
      let detected = WallTime(rfc3339: wire.detected)
    else {
      unreadable += 1
      return
    }
    let position = index[wire.id] ?? entries.count
    if position == entries.count {
      index[wire.id] = position
      entries.append(
        Entry(
          id: wire.id, mode: wire.mode, kind: wire.kind, sensor: wire.sensor, name: wire.name, fault: wire.fault,
          onset: onset, raised: detected, level: wire.level, levelAt: detected))
    }
    update(&entries[position], with: wire, at: detected)
  }

  /// Of an alert that was not told of in the month it says nothing here.
  mutating func add(_ mark: AlertMark) {
    if let position = index[mark.alert] { entries[position].mark = mark.cause }
  }

  private func update(_ entry: inout Entry, with wire: Wire, at detected: WallTime) {
    if wire.message == "clear" {
      entry.cleared = detected
    } else if let level = wire.level, level > entry.level ?? 0 || detected == entry.raised {
      entry.level = level
      entry.levelAt = detected
      entry.estimateLead = wire.step.flatMap { entry.estimates[$0] }.map { detected - $0 }
    }
    if let next = wire.observed?.next, entry.estimates[next.step] == nil { entry.estimates[next.step] = detected }
    if let cause = wire.acknowledged?.cause { entry.mark = cause }
  }
}
