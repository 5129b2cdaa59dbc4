internal import Logging

extension LedgerLoop {
  /// What a page of the backlog holds at most.
  private static let pageRows = 256
  /// Ids that may be refused at once before the backlog waits.
  private static let refusedIDs = 1_000

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
      disconnected(now: now)
      statistics.lastError = problem.word
    case .failed(let problem, let number):
      statistics.connection = number
      statistics.lastError = problem.word
    }
  }

  private func connected(_ terms: ConnectionTerms, now: Int64) {
    let window = max(1, min(settings.limits.inFlight, terms.receiveMaximum ?? .max))
    connection = Connection(terms: terms, window: window)
    if hadConnection { statistics.reconnects += 1 }
    statistics.connection = terms.number
    statistics.isConnected = true
    statistics.sinceNanoseconds = now
    statistics.protocolVersion = terms.version.rawValue
    refused = [:]
    lastRefusalWord = nil
    let again = Set(resend)
    live = unwritten.order.filter { !again.contains($0) && unwritten[$0]?.acknowledgedMilliseconds == nil }
    liveRows = Set(live)
    backlog = []
    mayHaveBacklog = outboxRows > 0
    pace = Pace(perSecond: settings.limits.backlogPerSecond, burst: window, now: now)
    retained.connected(now: now, spreadNanoseconds: settings.timing.spreadNanoseconds)
    if !hadConnection || !terms.sessionPresent { refreshHeads(now: now) }
    hadConnection = true
  }

  private func disconnected(now: Int64) {
    let interrupted = inFlight.values.sorted { $0.order < $1.order }.compactMap { flight -> Int64? in
      if case .message(let row, _, _, _, _) = flight.content { row } else { nil }
    }
    resend = interrupted + resend
    inFlight = [:]
    inFlightRows = []
    live = []
    liveRows = []
    backlog = []
    connection = nil
    retained.disconnected()
    statistics.isConnected = false
    statistics.sinceNanoseconds = now
  }

  private func acknowledged(packet: Int32, reason: Int32, now: Int64) {
    guard let flight = inFlight.removeValue(forKey: packet) else { return }
    let isRefused = reason >= 128
    if isRefused { noteRefusal("reason \(reason)") }
    switch flight.content {
    case .message(let row, let root, let lane, let stream, let sequence):
      inFlightRows.remove(row)
      guard !isRefused else {
        refused[root] = now + settings.timing.refusedRetryNanoseconds
        return
      }
      settle(row)
      statistics.acknowledged += 1
      if let sequence {
        streams.settled(sequence, of: stream)
        if lane == .notice { touchHead(stream, now: now) }
      }
    case .retained(let topic, let version):
      retained.acknowledged(topic, version: version)
    case .status:
      if offlineSent { offlineAcknowledged = true }
    case .abandoned: break
    }
  }

  /// The broker has it.
  private func settle(_ row: Int64) {
    let wall = closures.wallMilliseconds()
    if unwritten[row] != nil {
      unwritten[row]?.acknowledgedMilliseconds = wall
    } else {
      pendingAcknowledgments[row] = wall
    }
    outboxRows -= 1
  }

  private func noteRefusal(_ word: String) {
    statistics.refusedByBroker += 1
    guard lastRefusalWord != word else { return }
    lastRefusalWord = word
    logger.error(
      """
      The broker refuses a message (\(word)): it is kept and tried again. Check the broker's ACL for this gateway \
      and its limits of size.
      """)
  }

  // MARK: Choosing

  /// What is sent next, with frozen bytes. The freezing is not written yet.
  func choose(now: Int64) -> [StoredMessage] {
    guard let connection, !connection.isBroken, !offlineSent else { return [] }
    refused = refused.filter { _, retryAt in
      if retryAt <= now { mayHaveBacklog = true }
      return retryAt > now
    }
    let urgent = (connection.needsStatus ? 1 : 0) + (retained.hasUrgent ? 1 : 0)
    var room = connection.window - inFlight.count - urgent
    var chosen: [StoredMessage] = []
    take(from: &resend, room: &room, into: &chosen)
    statistics.resent += UInt64(chosen.count)
    if resend.isEmpty { take(from: &live, room: &room, into: &chosen) }
    for stored in chosen { liveRows.remove(stored.row) }
    if resend.isEmpty, live.isEmpty, stopBy == nil {
      takeBacklog(room: min(room, backlogWindow - inFlight.count - chosen.count), into: &chosen, now: now)
    }
    return chosen.map { freeze($0, now: now) }
  }

  private func take(from queue: inout [Int64], room: inout Int, into chosen: inout [StoredMessage]) {
    var taken = 0
    while room > 0, taken < queue.count {
      let row = queue[taken]
      taken += 1
      guard let stored = load(row) else {
        liveRows.remove(row)
        continue
      }
      chosen.append(stored)
      room -= 1
    }
    queue.removeFirst(taken)
  }

  /// The message of a row, unless it was settled, refused or cannot be read now.
  private func load(_ row: Int64) -> StoredMessage? {
    var found = unwritten[row]
    do {
      if found == nil { found = try ledger.message(row: row) }
    } catch {
      // It is found again with the backlog.
      mayHaveBacklog = true
    }
    guard let stored = found, stored.acknowledgedMilliseconds == nil, pendingAcknowledgments[row] == nil,
      refused[stored.root] == nil
    else { return nil }
    return stored
  }

  private func takeBacklog(room: Int, into chosen: inout [StoredMessage], now: Int64) {
    // Not more than a window of them: no pacing is needed.
    let isPaced = outboxRows - inFlight.count > (connection?.window ?? 0)
    let count = min(room, isPaced ? pace.available(now: now) : room)
    guard count > 0 else { return }
    if backlog.isEmpty, mayHaveBacklog { loadBacklog(besides: chosen, now: now) }
    let page = backlog.prefix(count)
    chosen += page
    backlog.removeFirst(page.count)
    if isPaced { pace.take(page.count) }
  }

  private func loadBacklog(besides chosen: [StoredMessage], now: Int64) {
    guard refused.count < LedgerLoop.refusedIDs else {
      mayHaveBacklog = false
      return
    }
    let perSecond = settings.limits.backlogPerSecond
    let limit =
      perSecond == 0
      ? LedgerLoop.pageRows : max(settings.limits.inFlight, min(LedgerLoop.pageRows, perSecond / 4))
    let rows = Set(chosen.map(\.row))
    do {
      backlog = try ledger.outbox(limit: limit) { row, root in
        !rows.contains(row) && !inFlightRows.contains(row) && pendingAcknowledgments[row] == nil && refused[root] == nil
      }
      mayHaveBacklog = backlog.count == limit
      // What is late stays late: freezing it ahead of its hand-over changes nothing and spares a sync for each window.
      for index in backlog.indices where isLate(backlog[index], now: now) {
        backlog[index] = freeze(backlog[index], now: now)
      }
    } catch {
      mayHaveBacklog = false
      ledgerFails(error, now: now)
    }
  }

  /// Whether it is to be marked as delayed. How old a message of an earlier boot is cannot be told: it counts as late.
  private func isLate(_ stored: StoredMessage, now: Int64) -> Bool {
    stored.boot != settings.bootID
      || now - stored.message.detectedNanoseconds > settings.timing.delayedNanoseconds
  }

  /// Decides the bytes for ever, if they are not decided.
  private func freeze(_ stored: StoredMessage, now: Int64) -> StoredMessage {
    guard !stored.isFrozen else { return stored }
    var frozen = stored
    if let bytes = pendingFreezes[stored.row] {
      frozen.message.draft = bytes
    } else {
      frozen.message.draft = closures.freeze(stored.message.draft, isLate(stored, now: now))
    }
    frozen.isFrozen = true
    if unwritten[stored.row] != nil {
      unwritten[stored.row] = frozen
    } else {
      pendingFreezes[stored.row] = frozen.message.draft
    }
    return frozen
  }

  // MARK: Handing over

  /// Hands over what was chosen, in its order.
  func send(_ chosen: [StoredMessage], now: Int64) {
    var refusedRoots: Set<Int64> = []
    for stored in chosen {
      guard !refusedRoots.contains(stored.root) else { continue }
      let message = stored.message
      let content = Flight.Content.message(
        row: stored.row, root: stored.root, lane: stored.lane, stream: message.stream, sequence: message.sequence)
      switch handOver(message.topic, message.draft, isRetained: false, expirySeconds: nil, content, now: now) {
      case .done:
        inFlightRows.insert(stored.row)
        statistics.published += 1
      case .impossible:
        refused[stored.root] = now + settings.timing.refusedRetryNanoseconds
        refusedRoots.insert(stored.root)
      case .notConnected: return
      }
    }
  }

  enum HandOver {
    case done, impossible, notConnected
  }

  func handOver(
    _ topic: String, _ payload: [UInt8], isRetained: Bool, expirySeconds: UInt32?, _ content: Flight.Content,
    now: Int64
  ) -> HandOver {
    guard let connection, !connection.isBroken else { return .notConnected }
    do {
      let packet = try link.publish(
        connection: connection.terms.number, topic: topic, payload: payload, isRetained: isRetained,
        expirySeconds: expirySeconds)
      handOvers += 1
      inFlight[packet] = Flight(content: content, at: now, order: handOvers)
      return .done
    } catch {
      switch error {
      case .impossible(let reason):
        noteRefusal(reason)
        return .impossible
      case .notConnected:
        breakConnection(BrokerProblem("lost", "a message could not be handed over: a fresh connection is made"))
        return .notConnected
      }
    }
  }
}
