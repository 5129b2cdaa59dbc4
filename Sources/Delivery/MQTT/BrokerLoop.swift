internal import Glibc
internal import Logging

/// The MQTT thread: connects, reads and writes, and connects again, until it is told to stop.
struct BrokerLoop: Sendable {
  /// A connection that lasts this long was a good one.
  private static let goodNanoseconds: Int64 = 5_000_000_000

  let settings: DeliverySettings
  let link: BrokerLink
  let inbox: Inbox
  let logger: Logger
  let now: @Sendable () -> Int64
  let random: @Sendable () -> Double

  /// How one attempt ended.
  private struct Ending {
    var problem: BrokerProblem
    /// When the broker accepted; nil when it never did.
    var acceptedAt: Int64?
    var versionRefused = false
    var closedWithoutAnswer = false
  }

  func run() {
    var backOff = BackOff(
      firstNanoseconds: settings.timing.firstBackOffNanoseconds,
      longestNanoseconds: settings.timing.longestBackOffNanoseconds)
    var choice = ProtocolChoice(configured: settings.version)
    var lastWord: String?
    while !link.wishesStop {
      let version = choice.next(now: now())
      let number = link.nextNumber()
      let ending = attempt(version: version, number: number)
      link.open(nil)
      if link.wishesStop { break }
      report(ending, number: number, version: version, lastWord: &lastWord)
      if ending.versionRefused { choice.versionRefused(version, now: now()) }
      if ending.closedWithoutAnswer { choice.closedWithoutAnswer(version) }
      if let acceptedAt = ending.acceptedAt, now() - acceptedAt >= BrokerLoop.goodNanoseconds { backOff.lasted() }
      pause(backOff.nextNanoseconds(random: random()))
    }
  }

  /// Waits, but not for a stop.
  private func pause(_ nanoseconds: Int64) {
    let end = now() + nanoseconds
    while !link.wishesStop {
      let remaining = end - now()
      guard remaining > 0 else { return }
      link.wake.wait(nanoseconds: remaining)
      link.wake.clear()
    }
  }

  /// One line when the trouble changes, not one for each attempt.
  private func report(
    _ ending: Ending, number: UInt64, version: DeliverySettings.ProtocolVersion, lastWord: inout String?
  ) {
    if ending.acceptedAt != nil {
      lastWord = nil
      inbox.post([.disconnected(ending.problem)])
    } else {
      inbox.post([.failed(ending.problem, number: number)])
    }
    guard lastWord != ending.problem.word else { return }
    lastWord = ending.problem.word
    let what = ending.acceptedAt == nil ? "Failed to connect to the broker" : "Lost the broker"
    logger.warning(
      "\(what): \(ending.problem.text). Messages are kept and sent later.",
      metadata: [
        "host": "\(settings.brokerHost)", "port": "\(settings.brokerPort)", "mqtt": "\(version.rawValue)",
        "problem": "\(ending.problem.word)",
      ])
  }

  private func attempt(version: DeliverySettings.ProtocolVersion, number: UInt64) -> Ending {
    let client: MosquittoClient
    do {
      let will = StatusPayload(boot: settings.bootID).offline(cause: "will", connection: number)
      client = try MosquittoClient(settings: settings, version: version, number: number, will: will)
    } catch {
      return Ending(problem: configurationProblem(error))
    }
    do {
      try client.connect()
    } catch {
      return Ending(problem: unreachableProblem(error))
    }
    return converse(client)
  }

  /// From CONNECT to the end of the connection.
  private func converse(_ client: MosquittoClient) -> Ending {
    let answerBy = now() + settings.timing.connectAnswerNanoseconds
    var acceptedAt: Int64?
    while true {
      let isReadable = wait(client, until: acceptedAt == nil ? answerBy : nil)
      if link.wishesStop {
        if link.wishesGoodbye, acceptedAt != nil { client.disconnect() }
        return Ending(problem: BrokerProblem("stopped", "the gateway stops"), acceptedAt: acceptedAt)
      }
      let failure: MosquittoFailure?
      do {
        try client.work(isConnected: acceptedAt != nil, isReadable: isReadable)
        failure = nil
      } catch {
        failure = error
      }
      if let ending = forward(client, acceptedAt: &acceptedAt) { return ending }
      if failure != nil || client.socket < 0 { return ending(failure, acceptedAt: acceptedAt) }
      if let problem = link.takeReconnectWish() { return Ending(problem: problem, acceptedAt: acceptedAt) }
      if acceptedAt == nil, now() >= answerBy { return Ending(problem: silenceProblem) }
    }
  }

  /// Sleeps until the socket or another thread wants something.
  private func wait(_ client: MosquittoClient, until deadline: Int64?) -> Bool {
    // libmosquitto must be called now and then to keep the connection alive; more often than that is wasted.
    var nanoseconds = Int64(max(1, min(5, settings.keepAliveSeconds / 4))) * 1_000_000_000
    if let deadline { nanoseconds = min(nanoseconds, max(0, deadline - now())) }
    let wanted = Int16(POLLIN) | (client.wantsWrite ? Int16(POLLOUT) : 0)
    var entries = [
      pollfd(fd: client.socket, events: wanted, revents: 0),
      pollfd(fd: link.wake.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    _ = unsafe poll(&entries, 2, pollMilliseconds(nanoseconds))
    if entries[1].revents != 0 { link.wake.clear() }
    return entries[0].revents & ~Int16(POLLOUT) != 0
  }

  /// Passes on what libmosquitto told.
  ///
  /// - Returns: the end, when the broker refused or dismissed this client.
  private func forward(_ client: MosquittoClient, acceptedAt: inout Int64?) -> Ending? {
    var events: [BrokerEvent] = []
    var ending: Ending?
    for notice in client.takeNotices() {
      switch notice {
      case .acknowledged(let packet, let reason):
        events.append(.acknowledged(packet: packet, reason: reason))
      case .answered(0, let terms):
        acceptedAt = now()
        link.open(client)
        events.append(.connected(terms))
        logger.notice(
          "Connected to the broker",
          metadata: [
            "host": "\(settings.brokerHost)", "port": "\(settings.brokerPort)", "mqtt": "\(terms.version.rawValue)",
            "connection": "\(terms.number)",
          ])
      case .answered(let reason, _):
        ending = Ending(problem: .refused(reason: reason), versionRefused: reason == 1 || reason == 132)
      case .dismissed(let reason):
        ending = Ending(problem: dismissal(reason), acceptedAt: acceptedAt)
      }
    }
    inbox.post(events)
    return ending
  }

  // MARK: Words

  private func ending(_ failure: MosquittoFailure?, acceptedAt: Int64?) -> Ending {
    if acceptedAt != nil {
      let reason = failure?.text ?? "the connection was closed"
      return Ending(
        problem: BrokerProblem("lost", "the connection ended (\(reason)): check the broker and the line"),
        acceptedAt: acceptedAt)
    }
    if let failure, failure.isTransportSecurity {
      return Ending(
        problem: BrokerProblem(
          "tls", "the TLS handshake failed: check mqtt.tls, the certificates' dates and names, and the board's clock"))
    }
    // Before it has accepted, a broker ends no connection within a packet; a web server does.
    if let failure, failure.isProtocolViolation || failure.isCutShort {
      return Ending(
        problem: BrokerProblem(
          "not_mqtt", "what answers there does not speak MQTT: check mqtt.host and mqtt.port, and whether TLS is needed"
        ))
    }
    if failure == nil || failure?.isClosed == true {
      return Ending(
        problem: BrokerProblem(
          "closed",
          "the broker closes without an MQTT answer: check the port, whether TLS is needed, and the broker's log;"
            + " the other version of MQTT is tried"),
        closedWithoutAnswer: true)
    }
    return Ending(problem: unreachableProblem(failure ?? MosquittoFailure(code: 0, systemCode: 0)))
  }

  private var silenceProblem: BrokerProblem {
    BrokerProblem(
      "no_answer",
      "the port is open but no MQTT broker answers within \(settings.timing.connectAnswerNanoseconds / 1_000_000_000) s:"
        + " check mqtt.host and mqtt.port, and whether the broker hangs")
  }

  private func configurationProblem(_ failure: MosquittoFailure) -> BrokerProblem {
    BrokerProblem("settings", "the settings cannot be used (\(failure.text)): check mqtt and the files of mqtt.tls")
  }

  private func unreachableProblem(_ failure: MosquittoFailure) -> BrokerProblem {
    if failure.isTransportSecurity {
      return BrokerProblem(
        "tls", "TLS cannot be started (\(failure.text)): check the files of mqtt.tls")
    }
    if failure.isSettings { return configurationProblem(failure) }
    if failure.isUnresolved {
      return BrokerProblem("unreachable", "the broker's name cannot be resolved: check mqtt.host and the name server")
    }
    return BrokerProblem(
      "unreachable", "the broker cannot be reached (\(failure.text)): check mqtt.host, mqtt.port and the network")
  }

  private func dismissal(_ reason: Int32) -> BrokerProblem {
    switch reason {
    case 142:
      BrokerProblem("taken_over", "another client took over with the same id: give every gateway an id of its own")
    case 139: BrokerProblem("lost", "the broker shuts down")
    case 141: BrokerProblem("lost", "the broker heard no sign of life: check the line")
    case 147:
      BrokerProblem("lost", "the broker was sent more than it takes at once: lower the in-flight window")
    case 149: BrokerProblem("lost", "a message was longer than the broker takes: raise its maximum packet size")
    default: BrokerProblem("lost", "the broker ended the connection (reason \(reason)): see the broker's log")
    }
  }
}
