internal import Glibc
internal import Locks

/// One attempt to connect, on a thread of its own: the operating system may take minutes to resolve a name or to give up
/// an address, and meanwhile another connection may have to be served, or the gateway to stop.
final class ConnectionAttempt: BrokerAttempt {
  private enum State: Sendable {
    case running
    case done(BrokerOutcome)
    /// Nobody waits for it any more.
    case abandoned
    case over
  }

  /// What is known of the connection before the broker has answered.
  let terms: ConnectionTerms
  private let settings: DeliverySettings
  private let incoming: IncomingQueue
  private let mayAbbreviate: Bool
  private let wake: Wake
  private let now: @Sendable () -> Int64
  private let state = Locked(State.running)

  /// - Parameter wake: signalled when it is done.
  init(
    _ settings: DeliverySettings, _ terms: ConnectionTerms, incoming: IncomingQueue, mayAbbreviate: Bool, wake: Wake,
    now: @escaping @Sendable () -> Int64
  ) {
    self.settings = settings
    self.terms = terms
    self.incoming = incoming
    self.mayAbbreviate = mayAbbreviate
    self.wake = wake
    self.now = now
  }

  func begin() {
    do {
      _ = try WorkerThread(name: "mqtt-connect") { [self] in finish(contact()) }
    } catch {
      finish(.failed(BrokerProblem("unreachable", error.description), closedWithoutAnswer: false))
    }
  }

  /// The outcome, once; nil while it is under way.
  func take() -> BrokerOutcome? {
    state.withLock { state in
      guard case .done(let outcome) = state else { return nil }
      state = .over
      return outcome
    }
  }

  /// Leaves it to end when the operating system lets it.
  func abandon() {
    state.withLock { state in
      if case .running = state { state = .abandoned } else { state = .over }
    }
  }

  /// Whether its thread has ended.
  var isOver: Bool {
    state.withLock { state in
      switch state {
      case .running, .abandoned: false
      case .done, .over: true
      }
    }
  }

  private var isAbandoned: Bool {
    state.withLock { if case .abandoned = $0 { true } else { false } }
  }

  private func finish(_ outcome: BrokerOutcome) {
    state.withLock { state in
      if case .running = state { state = .done(outcome) } else { state = .over }
    }
    wake.signal()
  }

  // MARK: Its own thread

  private func contact() -> BrokerOutcome {
    let broker = settings.brokers[terms.broker]
    let will = StatusPayload(boot: settings.bootID).offline(cause: "will", connection: terms.number)
    let transport: TransportContext?
    do {
      transport = try broker.security.map { security throws(BrokerProblem) in
        try TransportContext(security, host: broker.host)
      }
    } catch {
      return .failed(error, closedWithoutAnswer: false)
    }
    let client: MosquittoClient
    do {
      client = try MosquittoClient(
        settings: settings, terms: terms, transport: transport, will: will, incoming: incoming,
        mayAbbreviate: mayAbbreviate)
    } catch {
      return .failed(.unusableSettings(error), closedWithoutAnswer: false)
    }
    do {
      try client.connect()
    } catch {
      return .failed(client.refusal ?? .unreachable(error), closedWithoutAnswer: false)
    }
    return waitForAnswer(client)
  }

  private func waitForAnswer(_ client: MosquittoClient) -> BrokerOutcome {
    let end = now() + settings.timing.connectAnswerNanoseconds
    while !isAbandoned {
      let remaining = end - now()
      guard remaining > 0 else { return .failed(silence, closedWithoutAnswer: false) }
      let wanted = Int16(POLLIN) | (client.wantsWrite ? Int16(POLLOUT) : 0)
      var entry = pollfd(fd: client.socket, events: wanted, revents: 0)
      _ = unsafe poll(&entry, 1, pollMilliseconds(min(remaining, 200_000_000)))
      var failure: MosquittoFailure?
      do {
        try client.work(isConnected: false, isReadable: true)
      } catch {
        failure = error
      }
      if client.hasNotices { return .answered(client) }
      if failure != nil || client.socket < 0 {
        let (problem, closed) = BrokerProblem.unanswered(failure)
        return .failed(client.refusal ?? problem, closedWithoutAnswer: closed && client.refusal == nil)
      }
    }
    return .failed(silence, closedWithoutAnswer: false)
  }

  private var silence: BrokerProblem {
    BrokerProblem(
      "no_answer",
      "the port is open but no MQTT broker answers within \(settings.timing.connectAnswerNanoseconds / 1_000_000_000) s:"
        + " check mqtt.host and mqtt.port, and whether the broker hangs")
  }
}

/// What a failure of libmosquitto means before the broker has answered.
extension BrokerProblem {
  static func unusableSettings(_ failure: MosquittoFailure) -> BrokerProblem {
    BrokerProblem("settings", "the settings cannot be used (\(failure.text)): check mqtt and the files of mqtt.tls")
  }

  static func unreachable(_ failure: MosquittoFailure) -> BrokerProblem {
    if failure.isTransportSecurity { return handshakeFailed }
    if failure.isSettings { return unusableSettings(failure) }
    if failure.isUnresolved {
      return BrokerProblem("unreachable", "the broker's name cannot be resolved: check mqtt.host and the name server")
    }
    return BrokerProblem(
      "unreachable", "the broker cannot be reached (\(failure.text)): check mqtt.host, mqtt.port and the network")
  }

  private static var handshakeFailed: BrokerProblem {
    BrokerProblem(
      "tls", "the TLS handshake failed: check whether the broker speaks TLS on this port, and its log")
  }

  /// - Returns: also whether it was closed without a word, as old brokers do on a version that they do not know.
  fileprivate static func unanswered(_ failure: MosquittoFailure?) -> (problem: BrokerProblem, isClosed: Bool) {
    if let failure, failure.isTransportSecurity { return (handshakeFailed, false) }
    if let failure, failure.isUnreadable { return (.unreadable, false) }
    // Before it has accepted, a broker ends no connection within a packet; a web server does.
    if let failure, failure.isProtocolViolation || failure.isCutShort {
      return (
        BrokerProblem(
          "not_mqtt", "what answers there does not speak MQTT: check mqtt.host and mqtt.port, and whether TLS is needed"
        ), false
      )
    }
    guard let failure, !failure.isClosed else {
      return (
        BrokerProblem(
          "closed",
          "the broker closes without an MQTT answer: check the port, whether TLS is needed, and the broker's log;"
            + " the other version of MQTT is tried"), true
      )
    }
    return (unreachable(failure), false)
  }
}
