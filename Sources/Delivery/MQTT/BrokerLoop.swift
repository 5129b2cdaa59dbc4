internal import Logging

/// The MQTT thread: connects, reads and writes, and connects again, until it is told to stop.
struct BrokerLoop: Sendable {
  /// How long the fallback may take to hear that this gateway goes.
  private static let farewellNanoseconds: Int64 = 3_000_000_000

  let settings: DeliverySettings
  let link: BrokerLink
  let inbox: Inbox
  let network: any BrokerNetwork
  let logger: Logger
  let now: @Sendable () -> Int64
  let random: @Sendable () -> Double

  /// How one attempt ended.
  struct Ending {
    var problem: BrokerProblem
    /// When the broker accepted; nil when it never did.
    var acceptedAt: Int64?
    var versionRefused = false
    var closedWithoutAnswer = false
    /// The connection to the first broker that is used in its place.
    var successor: Contact?
  }

  /// A broker that has answered.
  struct Contact {
    var client: any BrokerClient
    var terms: ConnectionTerms
  }

  func run() {
    var backOff = BackOff(
      firstNanoseconds: settings.timing.firstBackOffNanoseconds,
      longestNanoseconds: settings.timing.longestBackOffNanoseconds)
    var order = BrokerOrder(count: settings.brokers.count)
    var course = ConnectionCourse(brokers: settings.brokers)
    var lastWords: [Int: String] = [:]
    var successor: Contact?
    while !link.wishesStop {
      let terms: ConnectionTerms
      var ending: Ending
      let isReturn = successor != nil
      if let contact = successor {
        terms = contact.terms
        ending = converse(contact, &course)
      } else {
        (terms, ending) = attempt(order.next, &course)
      }
      successor = ending.successor
      link.close()
      if link.wishesStop { break }
      let isGood = ending.acceptedAt.map { now() - $0 >= BrokerLives.goodNanoseconds } ?? false
      if ending.acceptedAt != nil, successor == nil || isGood {
        course.lives.ended(terms.broker, isGood: isGood, isReturn: isReturn)
      }
      let isSuspicious = ending.acceptedAt != nil && course.lives.isSuspicious(terms.broker)
      if isSuspicious, ending.problem.word == "lost" { ending.problem = shortLived }
      report(ending, terms, isGood: isGood, lastWords: &lastWords)
      course.note(ending, of: terms, now: now())
      guard successor == nil else { continue }
      let isTakenOver = ending.problem.word == "taken_over" || ending.problem.word == "short_lived"
      if ending.acceptedAt != nil, !isTakenOver, isGood { backOff.lasted() }
      if ending.acceptedAt != nil, !isSuspicious {
        order.lost()
      } else {
        // Whether it ends each connection over a message the ledger thread finds out: another broker may take that too.
        order.failed(terms.broker)
        guard order.isRoundOver else { continue }
      }
      pause(isTakenOver ? backOff.nextAfterTakeover(random: random()) : backOff.nextNanoseconds(random: random()))
    }
    // It has the same client id as the connection that a reload makes.
    course.scout?.abandon()
  }

  /// Waits, but not for a stop.
  private func pause(_ nanoseconds: Int64) {
    let end = now() + nanoseconds
    while !link.wishesStop {
      let remaining = end - now()
      guard remaining > 0 else { return }
      network.rest(nanoseconds: remaining)
    }
  }

  /// One line when a broker's trouble changes, not one for each attempt.
  private func report(_ ending: Ending, _ terms: ConnectionTerms, isGood: Bool, lastWords: inout [Int: String]) {
    if ending.acceptedAt != nil {
      if isGood { lastWords[terms.broker] = nil }
      inbox.post([.disconnected(ending.problem)])
    } else {
      inbox.post([.failed(ending.problem, number: terms.number)])
    }
    guard ending.successor == nil, lastWords[terms.broker] != ending.problem.word else { return }
    lastWords[terms.broker] = ending.problem.word
    let what = ending.acceptedAt == nil ? "Failed to connect to the broker" : "Lost the broker"
    var metadata = names(of: terms)
    metadata["problem"] = "\(ending.problem.word)"
    logger.warning("\(what): \(ending.problem.text). Messages are kept and sent later.", metadata: metadata)
  }

  private func names(of terms: ConnectionTerms) -> Logger.Metadata {
    let broker = settings.brokers[terms.broker]
    var names: Logger.Metadata = [
      "host": "\(broker.host)", "port": "\(broker.port)", "mqtt": "\(terms.version.rawValue)",
    ]
    if settings.fallback != nil { names["broker"] = terms.broker == 0 ? "first" : "fallback" }
    return names
  }

  // MARK: One connection

  /// From the broker's answer to the end of the connection.
  func converse(_ contact: Contact, _ course: inout ConnectionCourse) -> Ending {
    let client = contact.client
    var talk = Talk(heardAt: now(), returnAt: contact.terms.broker == 0 ? .max : now() + returnNanoseconds(course))
    if let ending = forward(client, &talk) { return ending }
    while true {
      let isReadable = wait(client, talk)
      if link.wishesStop {
        if link.wishesGoodbye, talk.acceptedAt != nil { client.disconnect() }
        return Ending(problem: BrokerProblem("stopped", "the gateway stops"), acceptedAt: talk.acceptedAt)
      }
      var failure: MosquittoFailure?
      do {
        try client.work(isConnected: talk.acceptedAt != nil, isReadable: isReadable)
        if isReadable { talk.heardAt = now() }
      } catch {
        failure = error
      }
      if let ending = forward(client, &talk) { return ending }
      if talk.acceptedAt != nil, failure == nil { listen(client, &talk.listening) }
      if failure != nil || !client.isOpen {
        return Ending(problem: loss(failure, client), acceptedAt: talk.acceptedAt)
      }
      if let problem = link.takeReconnectWish() { return Ending(problem: problem, acceptedAt: talk.acceptedAt) }
      if let silentAt = silentAt(talk), now() >= silentAt {
        return Ending(problem: silence, acceptedAt: talk.acceptedAt)
      }
      if contact.terms.broker != 0, let first = look(for: &talk, &course) {
        farewell(client, contact.terms)
        return Ending(
          problem: BrokerProblem("returned", "the first broker answers again"), acceptedAt: talk.acceptedAt,
          successor: first)
      }
    }
  }

  /// What is known of a connection while it lasts.
  struct Talk {
    var acceptedAt: Int64?
    var terms: ConnectionTerms?
    var listening = Listening()
    /// When something last came.
    var heardAt: Int64
    /// When the first broker is tried again; `max` while it is used, or being tried.
    var returnAt: Int64
  }

  /// Seconds between signs of life; nil when the broker wants none.
  private func keepAlive(_ talk: Talk) -> Int? {
    let seconds = talk.terms?.keepAliveSeconds ?? settings.keepAliveSeconds
    return seconds > 0 ? seconds : nil
  }

  /// When nothing has come for so long that the line must be dead. A broker that lives has answered the sign of life that
  /// libmosquitto sends after one keep-alive period without hearing anything.
  private func silentAt(_ talk: Talk) -> Int64? {
    keepAlive(talk).map { talk.heardAt + Int64($0) * 1_450_000_000 }
  }

  /// Sleeps until the socket or another thread wants something.
  private func wait(_ client: any BrokerClient, _ talk: Talk) -> Bool {
    // The client must be called now and then to keep the connection alive; more often than that is wasted.
    let due = min(silentAt(talk) ?? .max, talk.returnAt)
    let nanoseconds = min(network.longestSleep(keepAliveSeconds: keepAlive(talk) ?? 60), max(0, due - now()))
    return network.wait(for: client, nanoseconds: nanoseconds)
  }

  /// Passes on what libmosquitto told.
  ///
  /// - Returns: the end, when the broker refused or dismissed this client.
  private func forward(_ client: any BrokerClient, _ talk: inout Talk) -> Ending? {
    var events: [BrokerEvent] = []
    var ending: Ending?
    for notice in client.takeNotices() {
      switch notice {
      case .acknowledged(let packet, let reason):
        events.append(.acknowledged(packet: packet, reason: reason))
      case .answered(0, let terms):
        talk.acceptedAt = now()
        talk.terms = terms
        // Before anything is published, so that whoever sees the status can already be heard.
        listen(client, &talk.listening)
        link.open(client, number: terms.number)
        events.append(.connected(terms))
        var metadata = names(of: terms)
        metadata["connection"] = "\(terms.number)"
        logger.notice("Connected to the broker", metadata: metadata)
      case .subscribed(let packet, let reason):
        let topic = talk.listening.asked.removeValue(forKey: packet)
        if reason >= 128, let topic { reportRefusedSubscription(topic, reason) }
      case .answered(let reason, _):
        ending = Ending(problem: .refused(reason: reason), versionRefused: reason == 1 || reason == 132)
      case .dismissed(let reason):
        ending = Ending(problem: .dismissed(reason: reason), acceptedAt: talk.acceptedAt)
      }
    }
    inbox.post(events)
    return ending
  }

  private func loss(_ failure: MosquittoFailure?, _ client: any BrokerClient) -> BrokerProblem {
    // By TLS 1.3 a broker that does not accept the certificate says so only after the handshake.
    if let refusal = client.refusal { return refusal }
    if let failure, failure.isUnreadable { return .unreadable }
    let reason = failure?.text ?? "the connection was closed"
    return BrokerProblem("lost", "the connection ended (\(reason)): check the broker and the line")
  }

  private var silence: BrokerProblem {
    BrokerProblem("silent", "nothing came from the broker for one and a half keep-alive periods: check the line")
  }

  /// Not every broker says why it throws a client out.
  private var shortLived: BrokerProblem {
    BrokerProblem(
      "short_lived",
      "the broker ends each connection soon after it has accepted it: see whether another client has the same id, and"
        + " the broker's log")
  }

  // MARK: Back to the first broker

  /// Longer after each return that was in vain.
  private func returnNanoseconds(_ course: ConnectionCourse) -> Int64 {
    Int64(Double(settings.timing.returnNanoseconds * course.lives.returnFactor) * (0.8 + 0.4 * random()))
  }

  /// Looks after the first broker while the fallback is used: a connection that it has accepted, or nil.
  private func look(for talk: inout Talk, _ course: inout ConnectionCourse) -> Contact? {
    if let attempt = course.scout {
      if let outcome = attempt.take() {
        course.scout = nil
        talk.returnAt = now() + returnNanoseconds(course)
        if case .answered(let client) = outcome, client.isAccepted {
          return Contact(client: client, terms: attempt.terms)
        }
      }
      return nil
    }
    guard now() >= talk.returnAt else { return nil }
    guard course.isFree(0) else {
      talk.returnAt = now() + returnNanoseconds(course)
      return nil
    }
    talk.returnAt = .max
    course.scout = begin(0, &course)
    return nil
  }

  /// Leaves the fallback: its status becomes offline. Without its answer the connection is only cut, and the will says it.
  private func farewell(_ client: any BrokerClient, _ terms: ConnectionTerms) {
    link.close()
    var offline = WireMessage(
      topic: settings.statusTopic,
      payload: StatusPayload(boot: settings.bootID).offline(cause: "moved", connection: terms.number))
    offline.isRetained = true
    guard let packet = try? client.publish(offline) else { return }
    let end = now() + BrokerLoop.farewellNanoseconds
    while now() < end, !link.wishesStop, client.isOpen {
      let isReadable = wait(client, Talk(heardAt: now(), returnAt: .max))
      guard (try? client.work(isConnected: true, isReadable: isReadable)) != nil else { return }
      for case .acknowledged(let number, let reason) in client.takeNotices() {
        inbox.post([.acknowledged(packet: number, reason: reason)])
        if number == packet, reason < 128 { return client.disconnect() }
      }
    }
  }
}
