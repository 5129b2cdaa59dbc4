/// The newest state of each retained topic, and which of them the broker has yet to hear.
package struct RetainedTable: Sendable {
  private struct Entry: Sendable {
    var state: RetainedState
    /// Counts the states of all topics: tells an acknowledged state from a newer one.
    var version: UInt64
    var changedAt: Int64
    var isInFlight = false
    var isQueued = false
    /// Forgotten once acknowledged: it can be made again.
    var isTransient: Bool
  }

  /// A state to publish.
  package struct Due: Sendable, Hashable {
    package var state: RetainedState
    package var version: UInt64
  }

  private let limit: Int
  private var entries: [String: Entry] = [:]
  private var lastVersion: UInt64 = 0
  private var isConnected = false
  private var urgent: [String] = []
  private var ready: [String] = []
  /// Topics to be sent after a connect, each at its time.
  private var spread: [(at: Int64, topic: String)] = []
  private var spreadNext = 0

  package init(limit: Int) {
    self.limit = limit
  }

  package var count: Int { entries.count }

  package var hasUrgent: Bool { !urgent.isEmpty }

  /// Takes a state in place of the earlier one of its topic.
  ///
  /// - Returns: false when there are too many topics, and this one was dropped.
  package mutating func set(_ state: RetainedState, isTransient: Bool, now: Int64) -> Bool {
    lastVersion += 1
    if var entry = entries[state.topic] {
      entry.state = state
      entry.version = lastVersion
      entry.changedAt = now
      entries[state.topic] = entry
    } else {
      guard entries.count < limit else { return false }
      entries[state.topic] = Entry(state: state, version: lastVersion, changedAt: now, isTransient: isTransient)
    }
    if isConnected { enqueue(state.topic) }
    return true
  }

  private mutating func enqueue(_ topic: String) {
    guard var entry = entries[topic], !entry.isInFlight, !entry.isQueued else { return }
    entry.isQueued = true
    entries[topic] = entry
    if entry.state.urgency == .atOnce { urgent.append(topic) } else { ready.append(topic) }
  }

  /// A connection begins: everything is sent anew, the urgent at once, the rest spread evenly.
  package mutating func connected(now: Int64, spreadNanoseconds: Int64) {
    disconnected()
    isConnected = true
    let topics = entries.values.sorted { $0.version < $1.version }.map(\.state)
    for state in topics where state.urgency == .atOnce { enqueue(state.topic) }
    let others = topics.filter { $0.urgency == .spread }
    spread = others.enumerated().map { index, state in
      (now + spreadNanoseconds / Int64(others.count) * Int64(index), state.topic)
    }
  }

  package mutating func disconnected() {
    isConnected = false
    urgent = []
    ready = []
    spread = []
    spreadNext = 0
    for topic in entries.keys {
      entries[topic]?.isInFlight = false
      entries[topic]?.isQueued = false
    }
  }

  /// The next urgent state.
  package mutating func nextUrgent(now: Int64) -> Due? {
    while !urgent.isEmpty {
      if let due = take(urgent.removeFirst(), now: now) { return due }
    }
    return nil
  }

  /// The next state that changed, or whose time in the spread has come.
  package mutating func next(now: Int64) -> Due? {
    while spreadNext < spread.count, spread[spreadNext].at <= now {
      enqueue(spread[spreadNext].topic)
      spreadNext += 1
    }
    while !ready.isEmpty {
      if let due = take(ready.removeFirst(), now: now) { return due }
    }
    return nil
  }

  /// When `next` will have something; nil when nothing is scheduled.
  package var nextNanoseconds: Int64? {
    if !ready.isEmpty || !urgent.isEmpty { return .min }
    return spreadNext < spread.count ? spread[spreadNext].at : nil
  }

  private mutating func take(_ topic: String, now: Int64) -> Due? {
    guard var entry = entries[topic] else { return nil }
    entry.isQueued = false
    var state = entry.state
    if let expiry = state.expirySeconds {
      let age = max(0, now - entry.changedAt) / 1_000_000_000
      guard age < Int64(expiry) else {
        entries[topic] = nil
        return nil
      }
      state.expirySeconds = expiry - UInt32(clamping: age)
    }
    entry.isInFlight = true
    entries[topic] = entry
    return Due(state: state, version: entry.version)
  }

  /// The broker has this version. A newer one goes next.
  package mutating func acknowledged(_ topic: String, version: UInt64) {
    guard var entry = entries[topic] else { return }
    entry.isInFlight = false
    entries[topic] = entry
    guard entry.version == version else { return enqueue(topic) }
    if entry.isTransient || entry.state.payload.isEmpty { entries[topic] = nil }
  }
}
