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

  /// A connection lasted: the next wait is short again. One that ends at once does not count, or two clients with one
  /// id would throw each other out for ever.
  package mutating func lasted() {
    failures = 0
  }
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
package struct BrokerProblem: Sendable, Hashable {
  /// `unreachable`, `login_refused`, `not_authorized`, `version_refused`, `refused`, `no_answer`, `not_mqtt`, `closed`,
  /// `tls`, `lost`, `stuck`, `taken_over`, `settings`.
  package var word: String
  /// What happened and what to do.
  package var text: String

  package init(_ word: String, _ text: String) {
    self.word = word
    self.text = text
  }

  /// The reason with which the broker answered CONNECT: MQTT 5 section 3.2.2.2, MQTT 3.1.1 section 3.2.2.3.
  package static func refused(reason: Int32) -> BrokerProblem {
    switch reason {
    case 4, 134:
      BrokerProblem(
        "login_refused",
        "the broker refuses the login: check mqtt.username and the password file, and the broker's users")
    case 5, 135:
      BrokerProblem(
        "not_authorized", "the broker does not admit this client: check the login, the certificate and the broker's ACL"
      )
    case 1, 132:
      BrokerProblem("version_refused", "the broker does not speak this version of MQTT: the other version is tried")
    case 2, 133: BrokerProblem("refused", "the broker refuses the client id: check gateway.id and the broker's rules")
    case 3, 136, 137: BrokerProblem("refused", "the broker says that it is not available: check the broker's load")
    case 138: BrokerProblem("refused", "the broker has banned this client: ask the broker's administrator")
    default: BrokerProblem("refused", "the broker refuses the connection (reason \(reason)): see the broker's log")
    }
  }
}
