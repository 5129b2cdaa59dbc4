/// The newest state of each retained topic, and which of them the broker has yet to hear.
package struct RetainedTable: Sendable {
  private struct Entry: Sendable {
    var state: RetainedState
    /// Counts the states of all topics: tells an acknowledged state from a newer one.
    var version: UInt64
    var changedAt: Int64
    /// The version that was handed over and not acknowledged yet, and what it was if it is no more the newest.
    var inFlight: UInt64?
    var replaced: Superseded?
    var isDelivered = false
    var isQueued = false
    /// Forgotten once acknowledged: it can be made again.
    var isTransient: Bool
  }

  /// What the broker refused.
  private struct Refusal: Sendable {
    /// When it is tried again; `max` for what is held back until it is let go, `min` while it is being tried.
    var until: Int64
    /// The same if it changes before.
    var untilChanged: Int64
    /// How often in succession.
    var times: Int
  }

  /// What does not change and is refused time after time is tried this many times less often at most: a broker may end
  /// the connection with each refusal.
  private static let mostDoublings = 4

  /// A state to publish.
  package struct Due: Sendable, Hashable {
    package var state: RetainedState
    package var version: UInt64
  }

  /// An observation that the broker did not get while it was the newest, and when it was made.
  package struct Superseded: Sendable, Hashable {
    package var state: RetainedState
    package var changedAt: Int64
  }

  private let limit: Int
  private let mostBytes: Int
  /// Bytes of all topics and payloads.
  package private(set) var bytes = 0
  private var superseded: [Superseded] = []
  private var entries: [String: Entry] = [:]
  private var lastVersion: UInt64 = 0
  private var isConnected = false
  /// Topics that the broker refused: at most those of `entries`.
  private var refusals: [String: Refusal] = [:]
  /// When the first of them is tried again, or before.
  private var retryAt = Int64.max
  private var urgent: [String] = []
  private var ready: [String] = []
  /// Topics to be sent after a connect, each at its time.
  private var spread: [(at: Int64, topic: String)] = []
  private var spreadNext = 0

  package init(limit: Int, mostBytes: Int = .max) {
    self.limit = limit
    self.mostBytes = mostBytes
  }

  /// What was superseded since the last call, oldest first.
  package mutating func takeSuperseded() -> [Superseded] {
    guard !superseded.isEmpty else { return [] }
    defer { superseded = [] }
    return superseded
  }

  /// The newest observations that the broker has not got.
  package var undelivered: [Superseded] {
    entries.values.filter { !$0.isDelivered && $0.state.backlogTopic != nil }
      .map { Superseded(state: $0.state, changedAt: $0.changedAt) }
  }

  package var count: Int { entries.count }

  package var hasUrgent: Bool { !urgent.isEmpty }

  /// Takes a state in place of the earlier one of its topic.
  ///
  /// - Returns: false when there are too many topics, or too many bytes in them, and this one was dropped.
  package mutating func set(_ state: RetainedState, isTransient: Bool, now: Int64) -> Bool {
    lastVersion += 1
    let size = state.topic.utf8.count + state.payload.count
    if var entry = entries[state.topic] {
      let growth = size - entry.state.topic.utf8.count - entry.state.payload.count
      guard growth <= 0 || bytes + growth <= mostBytes else { return false }
      bytes += growth
      supersede(&entry)
      entry.state = state
      entry.version = lastVersion
      entry.changedAt = now
      entry.isDelivered = false
      entries[state.topic] = entry
      if let refusal = refusals[state.topic] { retry(state.topic, at: min(refusal.until, refusal.untilChanged)) }
    } else {
      guard entries.count < limit, bytes + size <= mostBytes else { return false }
      bytes += size
      entries[state.topic] = Entry(state: state, version: lastVersion, changedAt: now, isTransient: isTransient)
    }
    if isConnected { enqueue(state.topic) }
    return true
  }

  /// A newer observation takes the place of one that the broker may not have.
  private mutating func supersede(_ entry: inout Entry) {
    guard !entry.isDelivered, entry.state.backlogTopic != nil else { return }
    let old = Superseded(state: entry.state, changedAt: entry.changedAt)
    // What is with the broker at this moment is mostly acknowledged in the next.
    if entry.inFlight == entry.version { entry.replaced = old } else { superseded.append(old) }
  }

  private mutating func remove(_ topic: String) {
    guard let entry = entries.removeValue(forKey: topic) else { return }
    bytes -= topic.utf8.count + entry.state.payload.count
    refusals[topic] = nil
  }

  private mutating func enqueue(_ topic: String) {
    guard var entry = entries[topic], entry.inFlight == nil, !entry.isQueued else { return }
    // What is refused comes again when its time has come.
    guard refusals[topic]?.until ?? .min == .min else { return }
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

  /// Everything that the broker keeps is sent once more on the present connection, as after a connect.
  package mutating func refresh(now: Int64, spreadNanoseconds: Int64) {
    let topics = entries.values.filter { $0.state.isRetained }.sorted { $0.version < $1.version }.map(\.state)
    for state in topics where state.urgency == .atOnce { enqueue(state.topic) }
    spread = Array(spread[spreadNext...])
    spreadNext = 0
    let scheduled = Set(spread.map(\.topic))
    let others = topics.filter { $0.urgency == .spread && !scheduled.contains($0.topic) }
    for (index, state) in others.enumerated() {
      spread.append((now + spreadNanoseconds / Int64(others.count) * Int64(index), state.topic))
    }
    spread.sort { $0.at < $1.at }
  }

  package mutating func disconnected() {
    isConnected = false
    urgent = []
    ready = []
    spread = []
    spreadNext = 0
    for topic in entries.keys {
      if let lost = entries[topic]?.replaced { superseded.append(lost) }
      entries[topic]?.replaced = nil
      entries[topic]?.inFlight = nil
      entries[topic]?.isQueued = false
    }
  }

  /// The next urgent state.
  package mutating func nextUrgent(now: Int64) -> Due? {
    endRefusals(now: now)
    while !urgent.isEmpty {
      if let due = take(urgent.removeFirst(), now: now) { return due }
    }
    return nil
  }

  /// The next state that changed, or whose time in the spread has come.
  package mutating func next(now: Int64) -> Due? {
    endRefusals(now: now)
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
    let next = min(retryAt, spreadNext < spread.count ? spread[spreadNext].at : .max)
    return next < .max ? next : nil
  }

  private mutating func take(_ topic: String, now: Int64) -> Due? {
    guard var entry = entries[topic] else { return nil }
    entry.isQueued = false
    var state = entry.state
    if let expiry = state.expirySeconds {
      let age = max(0, now - entry.changedAt) / 1_000_000_000
      guard age < Int64(expiry) else {
        supersede(&entry)
        remove(topic)
        return nil
      }
      state.expirySeconds = expiry - UInt32(clamping: age)
    }
    entry.inFlight = entry.version
    entries[topic] = entry
    return Due(state: state, version: entry.version)
  }

  // MARK: Refusals

  /// The broker refused what was handed over of this topic: the newest of it is tried again after a time, which is longer for
  /// what is refused time after time, is not urgent and does not change.
  package mutating func refused(_ topic: String, now: Int64, retryNanoseconds: Int64) {
    guard var entry = entries[topic] else { return }
    let isSame = entry.inFlight == entry.version
    entry.replaced = nil
    entry.inFlight = nil
    // A refused observation is not kept for the backlog, which would be refused too.
    entry.isDelivered = isSame
    entries[topic] = entry
    let times = refusals[topic]?.times ?? 0
    let isSeldom = isSame && entry.state.urgency == .spread
    let doublings = isSeldom ? min(times, RetainedTable.mostDoublings) : 0
    let soonest = now + retryNanoseconds
    refusals[topic] = Refusal(until: .max, untilChanged: soonest, times: times + 1)
    retry(topic, at: now + retryNanoseconds << Int64(doublings))
  }

  private mutating func retry(_ topic: String, at time: Int64) {
    refusals[topic]?.until = time
    if time > .min { retryAt = min(retryAt, time) }
  }

  /// Holds a topic back until it is let go.
  package mutating func hold(_ topic: String) {
    guard entries[topic] != nil else { return }
    refusals[topic] = Refusal(until: .max, untilChanged: .max, times: refusals[topic]?.times ?? 0)
  }

  package mutating func letGo(_ topic: String) {
    refusals[topic] = nil
    if isConnected { enqueue(topic) }
  }

  private mutating func endRefusals(now: Int64) {
    guard retryAt <= now else { return }
    let due = refusals.filter { $0.value.until <= now && $0.value.until > .min }
    for (topic, _) in due.sorted(by: { ($0.value.until, $0.key) < ($1.value.until, $1.key) }) {
      refusals[topic]?.until = .min
      enqueue(topic)
    }
    retryAt = refusals.values.map(\.until).filter { $0 > .min }.min() ?? .max
  }

  /// What one broker refused another may take.
  package mutating func forgetRefusals() {
    refusals = [:]
    retryAt = .max
  }

  /// The broker has this version. A newer one goes next.
  package mutating func acknowledged(_ topic: String, version: UInt64) {
    guard var entry = entries[topic] else { return }
    entry.inFlight = nil
    entry.replaced = nil
    entry.isDelivered = entry.version == version
    entries[topic] = entry
    refusals[topic] = nil
    guard entry.isDelivered else { return enqueue(topic) }
    if entry.isTransient || entry.state.payload.isEmpty { remove(topic) }
  }
}
