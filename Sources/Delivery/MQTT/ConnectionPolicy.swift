/// How long to wait before the next attempt to connect: doubling, with full jitter, so that a thousand gateways do not
/// return in one moment.
package struct BackOff: Sendable {
  private let firstNanoseconds: Int64
  private let longestNanoseconds: Int64
  private var failures = 0

  package init(firstNanoseconds: Int64, longestNanoseconds: Int64) {
    self.firstNanoseconds = firstNanoseconds
    self.longestNanoseconds = longestNanoseconds
  }

  /// The wait after one more failure or lost connection.
  ///
  /// - Parameter random: from 0 up to, not including, 1.
  package mutating func nextNanoseconds(random: Double) -> Int64 {
    var ceiling = min(firstNanoseconds, longestNanoseconds)
    for _ in 0..<failures where ceiling < longestNanoseconds { ceiling = min(ceiling * 2, longestNanoseconds) }
    failures += 1
    return Int64(Double(ceiling) * random)
  }

  /// The wait after another client took over: at least half of what it may be, because two clients that throw each other
  /// out are a storm.
  package mutating func nextAfterTakeover(random: Double) -> Int64 {
    nextNanoseconds(random: 0.5 + random / 2)
  }

  /// A connection lasted: the next wait is short again. One that ends at once does not count, or two clients with one
  /// id would throw each other out for ever.
  package mutating func lasted() {
    failures = 0
  }
}

/// Which broker is tried next: the first whenever there is a choice, another when it did not answer.
package struct BrokerOrder: Sendable {
  private let count: Int
  /// The number of the broker that is tried next.
  package private(set) var next = 0

  /// - Parameter count: from 1.
  package init(count: Int) {
    self.count = count
  }

  /// This one did not accept, or did and ended each connection soon after.
  package mutating func failed(_ broker: Int) {
    next = (broker + 1) % count
  }

  /// One that had accepted is lost: the first comes first again.
  package mutating func lost() {
    next = 0
  }

  /// Whether all have been tried: a wait of growing length is due. Within a round it is not.
  package var isRoundOver: Bool { next == 0 }
}

/// How connections with the brokers went that had been accepted.
package struct BrokerLives: Sendable {
  /// A connection that lasts this long was a good one.
  package static let goodNanoseconds: Int64 = 10_000_000_000
  /// So many in succession that were none are no accident.
  private static let suspicious = 3
  private static let mostDoublings = 6

  private var short: [Int]
  private var vainReturns = 0

  package init(count: Int) {
    short = Array(repeating: 0, count: count)
  }

  /// A connection has ended, and not because the gateway wanted it.
  ///
  /// - Parameter isReturn: whether the fallback was left for it.
  package mutating func ended(_ broker: Int, isGood: Bool, isReturn: Bool) {
    short[broker] = isGood ? 0 : short[broker] + 1
    guard broker == 0 else { return }
    vainReturns = isGood ? 0 : vainReturns + (isReturn ? 1 : 0)
  }

  /// Whether a broker ends each connection soon after it has accepted it.
  package func isSuspicious(_ broker: Int) -> Bool { short[broker] >= BrokerLives.suspicious }

  /// How many times the usual time passes before the first broker is returned to.
  package var returnFactor: Int64 { 1 << Int64(min(vainReturns, BrokerLives.mostDoublings)) }
}

/// Which version of MQTT the next attempt speaks.
package struct ProtocolChoice: Sendable {
  /// How long an explicit refusal of MQTT 5 is believed.
  private static let refusalNanoseconds: Int64 = 24 * 3600 * 1_000_000_000

  private let configured: DeliverySettings.ProtocolVersion
  private var threeUntil: Int64?
  private var tryThreeNext = false

  package init(configured: DeliverySettings.ProtocolVersion) {
    self.configured = configured
  }

  package mutating func next(now: Int64) -> DeliverySettings.ProtocolVersion {
    if configured == .three { return .three }
    if let until = threeUntil {
      if now < until { return .three }
      threeUntil = nil
    }
    defer { tryThreeNext = false }
    return tryThreeNext ? .three : .five
  }

  /// The broker said that it does not know this version.
  package mutating func versionRefused(_ version: DeliverySettings.ProtocolVersion, now: Int64) {
    threeUntil = version == .five ? now + ProtocolChoice.refusalNanoseconds : nil
  }

  /// The broker closed without a word, as old brokers do on a version that they do not know.
  package mutating func closedWithoutAnswer(_ version: DeliverySettings.ProtocolVersion) {
    tryThreeNext = version == .five
  }
}

/// Why there is no connection, in a word for the statistics and a sentence for the log.
package struct BrokerProblem: Error, Sendable, Hashable {
  /// `unreachable`, `login_refused`, `not_authorized`, `version_refused`, `refused`, `busy`, `quota`, `too_large`,
  /// `topic_invalid`, `unfit`, `no_answer`, `not_mqtt`, `unreadable`, `closed`, `tls`, `tls_authority`, `tls_name`, `tls_expired`,
  /// `tls_refused`, `lost`, `silent`, `stuck`, `taken_over`, `short_lived`, `dismissed`, `moved_away`, `alias`, `settings`, `returned`.
  package var word: String
  /// What happened and what to do.
  package var text: String

  package init(_ word: String, _ text: String) {
    self.word = word
    self.text = text
  }
}
