internal import Logging

/// What the broker ends connections over without a word costs a connection each, and does not keep the rest from getting
/// through.
extension LedgerLoop {
  /// Learns from the end of the connection, while it is still known what was in flight.
  ///
  /// - Returns: an answer that is given up.
  func suspect(_ flights: [Flight], _ problem: BrokerProblem, now: Int64) -> UInt64? {
    guard let connection else { return nil }
    let broker = connection.terms.broker
    let ending = Suspects.Ending(
      broker: broker, lastedNanoseconds: now - connection.acceptedAt, inFlight: flights.map(\.content.suspect),
      isExplained: problem.isOfNoMessage || connection.hasJustRefused)
    guard let index = suspects.ended(ending), let suspect = flights[index].content.suspect else { return nil }
    report(flights[index].content, isNew: !suspects.isSuspected(suspect, broker: broker))
    if suspect == .answer { return flights[index].order }
    suspects.hold(suspect, broker: broker, until: now + settings.timing.refusedRetryNanoseconds)
    return nil
  }

  /// Holds back what is suspected with the broker of the present connection, until it is its turn.
  func holdSuspectsBack(_ broker: Int) {
    for suspect in suspects.suspects(broker: broker) { holdBack(suspect) }
  }

  private func holdBack(_ suspect: Suspects.Suspect) {
    switch suspect {
    case .message(let root):
      refused[root] = .max
      waiting.insert(root)
    case .state(let topic): retained.hold(topic)
    case .status: connection?.needsStatus = false
    case .observations: lane.heldUntil = .max
    case .answer: break
    }
  }

  /// Tries again what was held back: when all else has gone, or the connection has proved to be a good one.
  func trySuspect(now: Int64) {
    guard let trial, !offlineSent else { return }
    let underWay = Set(inFlight.values.compactMap(\.content.suspect))
    switch suspects.next(on: trial, now: now, isUnderWay: underWay.contains) {
    case .message(let root): endRefusal(root)
    case .state(let topic): retained.letGo(topic)
    case .status: connection?.needsStatus = true
    case .observations: lane.heldUntil = nil
    case .answer, nil: break
    }
  }

  /// When something held back is due; nil when nothing is.
  var nextSuspectNanoseconds: Int64? { trial.flatMap { suspects.nextNanoseconds(on: $0) } }

  private var trial: Suspects.Trial? {
    guard let connection, !connection.isBroken, stopBy == nil else { return nil }
    let isIdle =
      resend.isEmpty && live.isEmpty && backlog.isEmpty && !mayHaveBacklog
      && !inFlight.values.contains(where: \.isMessage)
    return Suspects.Trial(broker: connection.terms.broker, acceptedAt: connection.acceptedAt, isIdle: isIdle)
  }

  /// A connection that has lasted is used in full again.
  func widenWindow(now: Int64) {
    guard let wider = connection?.wider, now >= wider.at else { return }
    connection?.window = wider.window
    connection?.wider = nil
  }

  /// Once for each of them. Never the topic: it may be a person's.
  private func report(_ content: Flight.Content, isNew: Bool) {
    guard isNew else { return }
    var metadata: Logger.Metadata = ["lane": "\(content.lane)"]
    if case .message(let row, _, .alert, _, _) = content, let stored = try? unwritten[row] ?? ledger.message(row: row) {
      metadata["id"] = "\(stored.message.id)"
      metadata["topic"] = "\(stored.message.topic)"
    }
    let seconds = settings.timing.refusedRetryNanoseconds / 1_000_000_000
    let what =
      switch content {
      case .answer: "it is given up"
      case .message: "it is kept and tried again after \(seconds) s, and later messages of its id wait for it"
      default: "it is held back and tried again after \(seconds) s"
      }
    logger.error(
      """
      The broker ends one connection after another with this message and does not say why: \(what); the others go on. \
      See the broker's log: whether it allows the message, and takes one of this size
      """, metadata: metadata)
  }
}

extension LedgerLoop.Flight.Content {
  /// As what it is held back; nil for what is not sent again.
  var suspect: Suspects.Suspect? {
    switch self {
    case .message(_, let root, _, _, _): .message(root: root)
    case .retained(let topic, _): .state(topic: topic)
    case .status: .status
    case .answer: .answer
    case .observation: .observations
    case .abandoned: nil
    }
  }
}

extension BrokerProblem {
  /// Whether the connection ended for a reason that no message gave.
  fileprivate var isOfNoMessage: Bool { ["taken_over", "returned", "stopped", "alias", "moved_away"].contains(word) }
}
