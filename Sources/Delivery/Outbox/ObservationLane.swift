/// Observations on their way into the backlog: of each sensor at most one an interval, bounded also while they cannot be
/// written.
package struct ObservationBuffer: Sendable {
  private struct Slot: Hashable {
    var topic: String
    var bucket: Int64
  }

  /// So many may wait in memory, and so many bytes of them.
  private let mostRows: Int
  private let mostBytes: Int
  /// Oldest first, as they are to be written.
  package private(set) var waiting: [WaitingObservation] = []
  package private(set) var bytes = 0
  /// One of each sensor is kept for each interval of this length: longer while there is no room.
  package private(set) var intervalMilliseconds: Int64
  /// The newest of each topic, as an index into `waiting`.
  private var newest: [String: Int] = [:]
  /// What was left out, because a newer one lay in its interval.
  package private(set) var thinned: UInt64 = 0
  /// What was given up for want of room, although it was the only one of its interval.
  package private(set) var dropped: UInt64 = 0

  package init(intervalMilliseconds: Int64, mostRows: Int = 10_000, mostBytes: Int = 4 * 1_048_576) {
    self.intervalMilliseconds = max(1, intervalMilliseconds)
    self.mostRows = mostRows
    self.mostBytes = mostBytes
  }

  package mutating func add(_ observation: WaitingObservation) {
    if let index = newest[observation.topic],
      waiting[index].bucket(intervalMilliseconds: intervalMilliseconds)
        == observation.bucket(intervalMilliseconds: intervalMilliseconds)
    {
      bytes += observation.size - waiting[index].size
      waiting[index] = observation
      thinned += 1
    } else {
      newest[observation.topic] = waiting.count
      waiting.append(observation)
      bytes += observation.size
    }
    makeRoom()
  }

  /// Doubles the interval until there is room; where that frees nothing, the older half goes.
  private mutating func makeRoom() {
    while waiting.count > mostRows || bytes > mostBytes {
      let before = waiting.count
      thin(to: intervalMilliseconds * 2)
      guard waiting.count * 8 > before * 7 else { continue }
      let excess = waiting.count / 2 + 1
      dropped += UInt64(excess)
      replace(by: Array(waiting.dropFirst(excess)))
    }
  }

  /// Keeps the newest of each interval of this length, and goes on with it. Never with a shorter one.
  package mutating func thin(to milliseconds: Int64) {
    guard milliseconds > intervalMilliseconds else { return }
    intervalMilliseconds = milliseconds
    var kept: Set<Slot> = []
    let remaining = waiting.reversed().filter {
      kept.insert(Slot(topic: $0.topic, bucket: $0.bucket(intervalMilliseconds: milliseconds))).inserted
    }
    thinned += UInt64(waiting.count - remaining.count)
    replace(by: remaining.reversed())
  }

  private mutating func replace(by observations: [WaitingObservation]) {
    waiting = observations
    bytes = observations.reduce(0) { $0 + $1.size }
    newest = [:]
    for (index, observation) in observations.enumerated() { newest[observation.topic] = index }
  }

  /// Takes out all, oldest first, and goes on with this interval.
  package mutating func removeAll(intervalMilliseconds: Int64) {
    replace(by: [])
    self.intervalMilliseconds = max(1, intervalMilliseconds)
  }

  /// The wall clock was set: all is dated anew.
  package mutating func shift(by milliseconds: Int64) {
    for index in waiting.indices { waiting[index].wallMilliseconds += milliseconds }
  }
}

/// What the ledger's thread knows of the backlog of observations beside the table itself.
struct ObservationLane {
  /// One that is handed over: with its row, if it is on the disk.
  struct Item {
    var row: Int64?
    var observation: WaitingObservation
  }

  var buffer: ObservationBuffer
  /// How far apart the observations of a sensor are kept.
  var intervalMilliseconds: Int64
  /// The next to be sent, newest first, and rows that are with the broker.
  var page: [Item] = []
  var inFlight: Set<Int64> = []
  /// Rows that the broker has and that are yet to be removed.
  var sent: Set<Int64> = []
  /// Whether all that waits has been looked at on this connection.
  var isExhausted = false
  var pace: Pace
  /// The broker refused one: the next is tried then.
  var heldUntil: Int64?
  /// Up to which row the table is thinned; nil while it is not being thinned.
  var thinnedThrough: Int64?
  var expireAt: Int64
  /// What was left out because a newer one lay in its interval, and what was given up, beside what the buffer counts.
  var thinned: UInt64 = 0
  var dropped: UInt64 = 0
  /// The wall clock less the monotonic one, as what waits is dated; and what the table is yet to be shifted by.
  var offsetMilliseconds: Int64
  var unwrittenShift: Int64 = 0
  /// Another difference of the two, seen once.
  var suspectedOffset: Int64?
  /// When what was gathered is written at the latest.
  var writeAt: Int64

  init(limits: DeliverySettings.Limits, now: Int64, wallMilliseconds: Int64) {
    buffer = ObservationBuffer(intervalMilliseconds: limits.observationIntervalMilliseconds)
    intervalMilliseconds = limits.observationIntervalMilliseconds
    pace = ObservationLane.pace(limits, now: now)
    expireAt = now
    writeAt = now
    offsetMilliseconds = wallMilliseconds - now / 1_000_000
  }
  /// At once at most what half a second brings.
  static func pace(_ limits: DeliverySettings.Limits, now: Int64) -> Pace {
    Pace(perSecond: limits.observationsPerSecond, burst: limits.observationsPerSecond / 2, now: now)
  }
}
