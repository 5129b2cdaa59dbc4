internal import Logging

extension LedgerLoop {
  /// The part of the window that the backlog may fill: a live alert finds room at once.
  var backlogWindow: Int { connection.map { max(1, $0.window - max(1, $0.window / 4)) } ?? 0 }

  /// The part of the window that states may fill.
  var stateWindow: Int { connection.map { max(1, $0.window / 2) } ?? 0 }

  // MARK: Events of the connection

  func handle(_ event: BrokerEvent, now: Int64) {
    switch event {
    case .connected(let terms): connected(terms, now: now)
    case .acknowledged(let packet, let reason): acknowledged(packet: packet, reason: reason, now: now)
    case .disconnected(let problem):
      disconnected(problem, now: now)
      statistics.lastError = problem.word
    case .failed(let problem, let number):
      statistics.connection = number
      statistics.lastError = problem.word
    }
  }

  private func connected(_ terms: ConnectionTerms, now: Int64) {
    let window = max(1, min(settings.limits.inFlight, terms.receiveMaximum ?? .max))
    connection = Connection(terms: terms, acceptedAt: now, window: window)
    if suspects.isSearching {
      connection?.window = 1
      connection?.wider = (window, now + Suspects.goodNanoseconds)
    }
    if hadConnection { statistics.reconnects += 1 }
    statistics.connection = terms.number
    statistics.isConnected = true
    statistics.sinceNanoseconds = now
    statistics.protocolVersion = terms.version.rawValue
    statistics.lastRefusal = nil
    // A broker may end the connection with a message that it refuses: that waits its time, or nothing else would ever
    // get through. Another broker may take it, and whether a message is too long is known without sending it.
    let isOther = terms.broker != statistics.broker
    let retryAt = now + settings.timing.refusedRetryNanoseconds
    refused = isOther ? [:] : refused.filter { !tooLong.contains($0.key) }.mapValues { min($0, retryAt) }
    if isOther { retained.forgetRefusals() }
    lane.heldUntil = isOther ? nil : lane.heldUntil.map { min($0, retryAt) }
    tooLong = []
    waiting = []
    saidRefusals = []
    let again = Set(resend)
    live = unwritten.order.filter { !again.contains($0) && unwritten[$0]?.acknowledgedMilliseconds == nil }
    liveRows = Set(live)
    backlog = []
    mayHaveBacklog = outboxRows > 0
    pace = Pace(perSecond: settings.limits.backlogPerSecond, burst: window, now: now)
    observationsConnected(now: now)
    holdSuspectsBack(terms.broker)
    retained.connected(now: now, spreadNanoseconds: settings.timing.spreadNanoseconds)
    if !hadConnection || !terms.sessionPresent || terms.broker != statistics.broker { refreshHeads(now: now) }
    statistics.broker = terms.broker
    hadConnection = true
  }

  private func disconnected(_ problem: BrokerProblem, now: Int64) {
    let flights = inFlight.values.sorted { $0.order < $1.order }
    let givenUp = suspect(flights, problem, now: now)
    let interrupted = flights.compactMap { flight -> Int64? in
      if case .message(let row, _, _, _, _) = flight.content { row } else { nil }
    }
    resend = interrupted + resend
    let unheard = flights.compactMap { flight -> (answer: Answer, at: Int64)? in
      if case .answer(let answer) = flight.content, flight.order != givenUp { (answer, flight.at) } else { nil }
    }
    answers = Array((unheard + answers).suffix(settings.limits.waitingAnswers))
    observationsDisconnected()
    inFlight = [:]
    inFlightRows = []
    live = []
    liveRows = []
    backlog = []
    connection = nil
    retained.disconnected()
    take(superseded: retained.takeSuperseded(), now: now)
    statistics.isConnected = false
    statistics.sinceNanoseconds = now
  }

  private func acknowledged(packet: Int32, reason: Int32, now: Int64) {
    guard let flight = inFlight.removeValue(forKey: packet) else { return }
    let refusal = reason >= 128 ? BrokerProblem.unpublished(reason: reason) : nil
    if let refusal { noteRefusal(refusal, of: flight.content) }
    connection?.hasJustRefused = refusal != nil
    if let suspect = flight.content.suspect { suspects.acquit(suspect, broker: statistics.broker) }
    switch flight.content {
    case .message(let row, let root, let lane, let stream, let sequence):
      inFlightRows.remove(row)
      if let refusal { return holdBack(root, refusal, now: now) }
      settle(row, bytes: flight.size)
      statistics.acknowledged += 1
      if waiting.contains(root) { goOn(root, lane: lane) }
      if let sequence {
        streams.settled(sequence, of: stream)
        if lane == .notice { touchHead(stream, now: now) }
      }
    case .retained(let topic, let version):
      if refusal != nil {
        retained.refused(topic, now: now, retryNanoseconds: settings.timing.refusedRetryNanoseconds)
      } else {
        retained.acknowledged(topic, version: version)
      }
    case .status:
      if offlineSent { offlineAcknowledged = true }
      guard refusal != nil else { return }
      suspects.hold(.status, broker: statistics.broker, until: now + settings.timing.refusedRetryNanoseconds)
    case .observation(let item): acknowledged(item, isRefused: refusal != nil, now: now)
    case .abandoned(let root, let lane):
      if waiting.contains(root) { goOn(root, lane: lane) }
    case .answer: break
    }
  }

  /// Waits with all revisions of an id: what comes after a refused revision must not arrive before it.
  private func holdBack(_ root: Int64, _ problem: BrokerProblem, now: Int64) {
    let timing = settings.timing
    refused[root] = now + (problem.isLasting ? timing.unfitRetryNanoseconds : timing.refusedRetryNanoseconds)
    waiting.insert(root)
  }

  /// The broker has it.
  private func settle(_ row: Int64, bytes: Int, as mark: Int64? = nil) {
    let wall = mark ?? closures.wallMilliseconds()
    if unwritten[row] != nil {
      unwritten[row]?.acknowledgedMilliseconds = wall
    } else {
      pendingAcknowledgments[row] = wall
    }
    outboxLost(1, bytes: bytes)
  }

  /// Says it once for each kind of trouble on a connection. Never the topic: it may be a person's.
  private func noteRefusal(_ problem: BrokerProblem, of content: Flight.Content) {
    statistics.refusedByBroker += 1
    statistics.lastRefusal = problem.word
    let what: String
    switch content {
    case .message:
      let retry = problem.isLasting ? "with the next connection" : "again"
      what = "it is kept and tried \(retry), and later messages of its id wait for it"
    case .answer, .abandoned: what = "it is given up"
    case .retained, .status, .observation: what = "the newest of its topic is tried again later"
    }
    guard saidRefusals.insert("\(problem.word) \(what)").inserted else { return }
    logger.error(
      "The broker refuses a message (\(problem.text)): \(what)",
      metadata: ["lane": "\(content.lane)", "problem": "\(problem.word)"])
  }

  // MARK: Handing over

  /// Hands over what was chosen, in its order.
  func send(_ chosen: [StoredMessage], now: Int64) {
    var refusedRoots: Set<Int64> = []
    for stored in chosen {
      guard !refusedRoots.contains(stored.root) else { continue }
      let message = stored.message
      guard settings.wireTopic(message.topic) != nil else {
        // An IoT Agent's message from before the configuration lost the agent.
        settle(stored.row, bytes: message.draft.count, as: LedgerSchema.givenUp)
        if waiting.contains(stored.root) { goOn(stored.root, lane: stored.lane) }
        continue
      }
      let content = Flight.Content.message(
        row: stored.row, root: stored.root, lane: stored.lane, stream: message.stream, sequence: message.sequence)
      var wire = WireMessage(topic: message.topic, payload: message.draft)
      if message.form != .measure { (wire.id, wire.revision) = (message.id, message.revision) }
      switch handOver(wire, content, now: now) {
      case .done:
        inFlightRows.insert(stored.row)
        statistics.published += 1
      case .impossible(let problem):
        holdBack(stored.root, problem, now: now)
        refusedRoots.insert(stored.root)
      case .notConnected: return
      }
    }
  }

  /// Hands over what somebody waits for at this moment: what caused it is on the disk.
  func sendAnswers(now: Int64) {
    answers.removeAll { now - $0.at > settings.timing.answerNanoseconds }
    guard let connection, !connection.isBroken, !offlineSent else { return }
    while let (answer, _) = answers.first, inFlight.count < connection.window {
      var wire = WireMessage(topic: answer.topic, payload: answer.payload)
      wire.correlationData = answer.correlationData
      if case .notConnected = handOver(wire, .answer(answer), now: now) { return }
      answers.removeFirst()
    }
  }

  enum HandOver {
    case done
    /// This message cannot be sent on this connection.
    case impossible(BrokerProblem)
    case notConnected
  }

  func handOver(_ message: WireMessage, _ content: Flight.Content, now: Int64) -> HandOver {
    guard let connection, !connection.isBroken else { return .notConnected }
    var message = message
    guard let wireTopic = settings.wireTopic(message.topic) else {
      return .impossible(BrokerProblem("unfit", "its topic has lost its secret"))
    }
    message.topic = wireTopic
    do {
      let packet = try link.publish(connection: connection.terms.number, message)
      handOvers += 1
      inFlight[packet] = Flight(content: content, at: now, order: handOvers, size: message.payload.count)
      return .done
    } catch {
      switch error {
      case .tooLong:
        if case .message(_, let root, _, _, _) = content { tooLong.insert(root) }
        let limit = connection.terms.maximumPacketBytes.map { "\($0) bytes" } ?? "what MQTT allows"
        return impossible(
          BrokerProblem(
            "too_large",
            "\(message.payload.count) bytes are more than the broker takes, which is \(limit) with the topic: raise its"
              + " maximum packet size"), content)
      case .impossible(let reason): return impossible(BrokerProblem("unfit", reason), content)
      case .notConnected:
        breakConnection(BrokerProblem("lost", "a message could not be handed over: a fresh connection is made"))
        return .notConnected
      }
    }
  }

  private func impossible(_ problem: BrokerProblem, _ content: Flight.Content) -> HandOver {
    noteRefusal(problem, of: content)
    return .impossible(problem)
  }
}
