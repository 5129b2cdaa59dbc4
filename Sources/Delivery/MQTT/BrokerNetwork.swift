internal import Glibc

/// What the MQTT thread asks of the world: to reach a broker, and to sleep. The system's network, or a simulated one in
/// virtual time.
package protocol BrokerNetwork: Sendable {
  /// Begins to reach a broker.
  func begin(_ terms: ConnectionTerms, mayAbbreviate: Bool) -> any BrokerAttempt

  /// The longest time, in nanoseconds, that a connection may be left alone.
  func longestSleep(keepAliveSeconds: Int) -> Int64

  /// Sleeps until the connection or another thread wants something, or the time is over.
  ///
  /// - Returns: whether there is something to read.
  func wait(for client: any BrokerClient, nanoseconds: Int64) -> Bool

  /// Sleeps until another thread wants something, or the time is over.
  func rest(nanoseconds: Int64)
}

/// One attempt to reach a broker.
package protocol BrokerAttempt: AnyObject, Sendable {
  /// What is known of the connection before the broker has answered.
  var terms: ConnectionTerms { get }

  /// Whether nothing of it goes on.
  var isOver: Bool { get }

  /// How it came out, once; nil while it is under way.
  func take() -> BrokerOutcome?

  /// Leaves it to end by itself.
  func abandon()
}

/// How an attempt came out.
package enum BrokerOutcome: Sendable {
  /// The broker has answered CONNECT; what it said waits in the client.
  case answered(any BrokerClient)
  case failed(BrokerProblem, closedWithoutAnswer: Bool)
}

/// What a client was told during `work`.
package enum BrokerNotice: Sendable, Hashable {
  case answered(reason: Int32, ConnectionTerms)
  case acknowledged(packet: Int32, reason: Int32)
  /// The broker ended the connection with a reason of MQTT 5.
  case dismissed(reason: Int32)
  /// The answer to a subscription; 128 and above is a refusal. MQTT 5 section 3.9.3.
  case subscribed(packet: Int32, reason: Int32)
}

/// One connection to a broker. One thread runs `work`; another may publish at the same time.
package protocol BrokerClient: AnyObject, Sendable {
  /// Whether the connection stands.
  var isOpen: Bool { get }

  /// Whether the broker has accepted this client and nobody has taken that notice.
  var isAccepted: Bool { get }

  /// Why the two sides did not believe each other in the TLS handshake; nil while they do.
  var refusal: BrokerProblem? { get }

  /// Reads and writes what can be, without waiting.
  func work(isConnected: Bool, isReadable: Bool) throws(MosquittoFailure)

  /// What was told since the last call.
  func takeNotices() -> [BrokerNotice]

  /// Says goodbye: the broker then publishes no will.
  func disconnect()

  /// Takes messages of these topics, named as the broker knows them.
  func expect(_ subscriptions: [String: Subscription])

  /// - Returns: the packet's number, with which the answer will come.
  func subscribe(_ topic: String) throws(MosquittoFailure) -> Int32

  func unsubscribe(_ topic: String) throws(MosquittoFailure)

  /// Hands over one message.
  ///
  /// - Returns: the packet's number, with which its acknowledgment will come.
  func publish(_ message: WireMessage) throws(MosquittoFailure) -> Int32
}

/// The system's network, by libmosquitto.
struct SystemNetwork: BrokerNetwork {
  let settings: DeliverySettings
  let incoming: IncomingQueue
  /// Of the MQTT thread.
  let wake: Wake
  let now: @Sendable () -> Int64

  func begin(_ terms: ConnectionTerms, mayAbbreviate: Bool) -> any BrokerAttempt {
    let attempt = ConnectionAttempt(
      settings, terms, incoming: incoming, mayAbbreviate: mayAbbreviate, wake: wake, now: now)
    attempt.begin()
    return attempt
  }

  func longestSleep(keepAliveSeconds: Int) -> Int64 { min(5_000_000_000, Int64(keepAliveSeconds) * 125_000_000) }

  func wait(for client: any BrokerClient, nanoseconds: Int64) -> Bool {
    guard let client = client as? MosquittoClient else { return false }
    let wanted = Int16(POLLIN) | (client.wantsWrite ? Int16(POLLOUT) : 0)
    var entries = [
      pollfd(fd: client.socket, events: wanted, revents: 0),
      pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    _ = unsafe poll(&entries, 2, pollMilliseconds(nanoseconds))
    if entries[1].revents != 0 { wake.clear() }
    return entries[0].revents & ~Int16(POLLOUT) != 0
  }

  func rest(nanoseconds: Int64) {
    wake.wait(nanoseconds: nanoseconds)
    wake.clear()
  }
}
