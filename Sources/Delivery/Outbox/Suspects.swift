/// What a broker seems to end the connection over without a word. It is held back, so that the rest gets through, and tried
/// again later, one at a time.
package struct Suspects: Sendable {
  /// What can be held back.
  package enum Suspect: Hashable, Sendable {
    /// All revisions of an id.
    case message(root: Int64)
    case state(topic: String)
    case status
    /// The backlog of observations.
    case observations
    /// Not held back but given up: nobody waits for it for long.
    case answer
  }

  /// How a connection ended.
  package struct Ending: Sendable {
    package var broker: Int
    package var lastedNanoseconds: Int64
    /// What was not acknowledged yet, in the order of handing over; nil where it can be blamed for nothing.
    package var inFlight: [Suspect?]
    /// Whether it is known why, and that it was not over what is in flight.
    package var isExplained: Bool

    package init(broker: Int, lastedNanoseconds: Int64, inFlight: [Suspect?], isExplained: Bool) {
      self.broker = broker
      self.lastedNanoseconds = lastedNanoseconds
      self.inFlight = inFlight
      self.isExplained = isExplained
    }
  }

  private struct Probe {
    var suspect: Suspect
    var broker: Int
    var at: Int64
  }

  /// A connection that lasts this long was not ended over what was sent first.
  package static let goodNanoseconds = BrokerLives.goodNanoseconds
  /// So many endings in succession are no accident.
  private static let suspiciousEndings = 3
  /// What was let go and is not under way after this time is not there any more.
  private static let probeNanoseconds: Int64 = 60_000_000_000

  private var endings = 0
  private var lastOldest: Suspect?
  /// When each is tried again, by broker: what one ends the connection over another may take.
  private var retries: [Suspect: [Int: Int64]] = [:]
  /// What is being tried again.
  private var probe: Probe?

  package init() {}

  /// Whether one message at a time is to be sent, so that the offender shows itself.
  package var isSearching: Bool { endings >= Suspects.suspiciousEndings - 1 }

  /// What is suspected with this broker.
  package func suspects(broker: Int) -> [Suspect] { retries.filter { $0.value[broker] != nil }.map(\.key) }

  package func isSuspected(_ suspect: Suspect, broker: Int) -> Bool { retries[suspect]?[broker] != nil }

  /// Learns from the end of a connection.
  ///
  /// - Returns: which of what was in flight is to be held back.
  package mutating func ended(_ ending: Ending) -> Int? {
    probe = nil
    guard !ending.isExplained else { return nil }
    let known = ending.inFlight.firstIndex { $0.map { isSuspected($0, broker: ending.broker) } ?? false }
    if let known { return known }
    let oldest = ending.inFlight.first ?? nil
    let isSame = oldest != nil && oldest == lastOldest
    lastOldest = oldest
    guard oldest != nil, ending.lastedNanoseconds < Suspects.goodNanoseconds || isSame else {
      endings = 0
      return nil
    }
    endings += 1
    return endings >= Suspects.suspiciousEndings ? 0 : nil
  }

  /// Holds one back with this broker.
  package mutating func hold(_ suspect: Suspect, broker: Int, until: Int64) {
    retries[suspect, default: [:]][broker] = until
    if probe?.suspect == suspect { probe = nil }
  }

  /// The broker has acknowledged it.
  package mutating func acquit(_ suspect: Suspect, broker: Int) {
    guard !retries.isEmpty else { return }
    if probe?.suspect == suspect { probe = nil }
    // A message that one broker has goes to no other.
    if case .message = suspect { retries[suspect] = nil } else { retries[suspect]?[broker] = nil }
    if retries[suspect]?.isEmpty ?? false { retries[suspect] = nil }
  }

  /// What is tried again now: what waits longest, and no other before that is decided.
  ///
  /// - Parameter isUnderWay: whether it is with the broker.
  package mutating func next(on connection: Trial, now: Int64, isUnderWay: (Suspect) -> Bool) -> Suspect? {
    guard !retries.isEmpty else { return nil }
    if let probe {
      guard now - probe.at >= Suspects.probeNanoseconds else { return nil }
      guard !isUnderWay(probe.suspect) else {
        self.probe?.at = now
        return nil
      }
      acquit(probe.suspect, broker: probe.broker)
    }
    guard let due = first(on: connection), due.at <= now else { return nil }
    probe = Probe(suspect: due.suspect, broker: connection.broker, at: now)
    return due.suspect
  }

  /// When `next` may have something; nil when nothing is scheduled.
  package func nextNanoseconds(on connection: Trial) -> Int64? {
    guard let probe else { return first(on: connection)?.at }
    return probe.at + Suspects.probeNanoseconds
  }

  private func first(on connection: Trial) -> (suspect: Suspect, at: Int64)? {
    let waiting = retries.compactMap { suspect, times in
      times[connection.broker].map { (suspect: suspect, at: connection.readyAt(suspect, due: $0), due: $0) }
    }
    return waiting.min { ($0.at, $0.due, $0.suspect) < ($1.at, $1.due, $1.suspect) }.map { ($0.suspect, $0.at) }
  }
}

extension Suspects {
  /// The connection on which something is tried again.
  package struct Trial: Sendable {
    /// So long a state waits for a connection that lasts.
    private static let patienceNanoseconds: Int64 = 300_000_000_000

    package var broker: Int
    package var acceptedAt: Int64
    /// Whether no message waits.
    package var isIdle: Bool

    package init(broker: Int, acceptedAt: Int64, isIdle: Bool) {
      self.broker = broker
      self.acceptedAt = acceptedAt
      self.isIdle = isIdle
    }

    /// What else waits goes first. A state besides waits until the connection has proved good, or it would look as if the
    /// broker ended each soon after it has accepted it.
    fileprivate func readyAt(_ suspect: Suspect, due: Int64) -> Int64 {
      let proven = max(due, acceptedAt + Suspects.goodNanoseconds)
      guard isIdle else { return proven }
      if case .message = suspect { return due }
      return min(proven, due + Trial.patienceNanoseconds)
    }
  }
}

extension Suspects.Suspect: Comparable {
  /// Any order that is the same in each run.
  package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

  private var rank: (Int, Int64, String) {
    switch self {
    case .status: (0, 0, "")
    case .state(let topic): (1, 0, topic)
    case .message(let root): (2, root, "")
    case .observations: (3, 0, "")
    case .answer: (4, 0, "")
    }
  }
}
