/// What is remembered of the brokers from one connection to the next.
struct ConnectionCourse: Sendable {
  /// Which version each broker is spoken to in.
  var choices: [ProtocolChoice]
  /// Whether each broker understood the numbers that stand for topics.
  private(set) var mayAbbreviate: [Bool]
  /// The last attempt with each broker that nobody waits for any more.
  private var left: [(any BrokerAttempt)?]
  var lives: BrokerLives
  /// The attempt with the first broker while the fallback is used.
  var scout: (any BrokerAttempt)?

  init(brokers: [DeliverySettings.Broker]) {
    choices = brokers.map { ProtocolChoice(configured: $0.version) }
    mayAbbreviate = brokers.map { _ in true }
    left = brokers.map { _ in nil }
    lives = BrokerLives(count: brokers.count)
  }

  /// Whether no thread still tries to reach this broker.
  func isFree(_ broker: Int) -> Bool { left[broker]?.isOver ?? true }

  mutating func leave(_ attempt: any BrokerAttempt) {
    attempt.abandon()
    left[attempt.terms.broker] = attempt
  }

  /// Learns from how a connection ended.
  mutating func note(_ ending: BrokerLoop.Ending, of terms: ConnectionTerms, now: Int64) {
    let broker = terms.broker
    if ending.versionRefused { choices[broker].versionRefused(terms.version, now: now) }
    if ending.closedWithoutAnswer { choices[broker].closedWithoutAnswer(terms.version) }
    if ending.problem.word == "alias" { mayAbbreviate[broker] = false }
    if ending.successor == nil, let scout {
      leave(scout)
      self.scout = nil
    }
  }
}

extension BrokerLoop {
  /// Begins to connect.
  func begin(_ broker: Int, _ course: inout ConnectionCourse) -> any BrokerAttempt {
    network.begin(nextTerms(broker, &course), mayAbbreviate: course.mayAbbreviate[broker])
  }

  private func nextTerms(_ broker: Int, _ course: inout ConnectionCourse) -> ConnectionTerms {
    ConnectionTerms(
      number: link.nextNumber(), broker: broker, version: course.choices[broker].next(now: now()), topicAliases: 0,
      sessionPresent: false)
  }

  /// One attempt with a broker, and the connection that comes of it.
  func attempt(_ broker: Int, _ course: inout ConnectionCourse) -> (terms: ConnectionTerms, ending: Ending) {
    let end = now() + settings.timing.connectNanoseconds
    while !course.isFree(broker), !link.wishesStop, now() < end { rest(until: end) }
    // One thread for each broker is enough to wait for the operating system.
    guard course.isFree(broker) else { return (nextTerms(broker, &course), Ending(problem: unanswered)) }
    let attempt = begin(broker, &course)
    while !link.wishesStop, now() < end {
      switch attempt.take() {
      case .answered(let client):
        return (attempt.terms, converse(Contact(client: client, terms: attempt.terms), &course))
      case .failed(let problem, let isClosed):
        return (attempt.terms, Ending(problem: problem, closedWithoutAnswer: isClosed))
      case nil: rest(until: end)
      }
    }
    course.leave(attempt)
    return (attempt.terms, Ending(problem: unanswered))
  }

  private var unanswered: BrokerProblem {
    BrokerProblem(
      "unreachable",
      "the broker does not answer within \(settings.timing.connectNanoseconds / 1_000_000_000) s: check mqtt.host,"
        + " mqtt.port and the network")
  }

  private func rest(until end: Int64) {
    network.rest(nanoseconds: max(0, end - now()))
  }
}
