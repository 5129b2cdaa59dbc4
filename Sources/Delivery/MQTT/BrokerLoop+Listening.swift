internal import Logging

extension BrokerLoop {
  /// What one connection listens to.
  struct Listening {
    /// The version of the wishes that was carried out.
    var version: Int?
    var topics: Set<String> = []
    /// Topics by the number of the packet in which they were asked for.
    var asked: [Int32: String] = [:]
  }

  /// Carries out what changed in the wishes since the last look. What the connection does not take is asked for again
  /// with the next one.
  func listen(_ client: any BrokerClient, _ listening: inout Listening) {
    guard let wish = link.subscriptions(since: listening.version) else { return }
    listening.version = wish.version
    // As the broker knows a topic, and as this program calls it.
    var known: [String: Subscription] = [:]
    for subscription in wish.subscriptions {
      if let topic = settings.wireTopic(subscription.topic) { known[topic] = subscription }
    }
    client.expect(known)
    for topic in listening.topics.subtracting(known.keys).sorted() { try? client.unsubscribe(topic) }
    for topic in Set(known.keys).subtracting(listening.topics).sorted() {
      do {
        listening.asked[try client.subscribe(topic)] = known[topic]?.topic
      } catch {
        logger.error("Failed to listen to \(known[topic]?.topic ?? ""): \(error.text): check mqtt.root")
      }
    }
    listening.topics = Set(known.keys)
  }

  func reportRefusedSubscription(_ topic: String, _ reason: Int32) {
    logger.error(
      """
      The broker does not let this gateway listen to \(topic): what is sent there is not heard: \
      \(BrokerProblem.unsubscribed(reason: reason).text)
      """)
  }
}
