/// Numbers that stand for topics on one connection: MQTT 5 section 3.3.2.3.4.
///
/// A number is used alone only once the broker has acknowledged the message that gave it its meaning.
struct TopicAliases: Sendable {
  /// How a topic is written.
  enum Form: Sendable, Hashable {
    case topic
    /// Topic and number: from its acknowledgment on the number stands alone.
    case both(UInt16)
    case alias(UInt16)
  }

  private struct Entry: Sendable {
    var alias: UInt16
    var isKnown = false
  }

  /// More topics than a gateway repeats.
  private static let most = 128

  private var limit = 0
  private var entries: [String: Entry] = [:]
  /// Topics whose number is under way, by packet.
  private var asked: [Int32: String] = [:]

  /// The broker lets so many topics stand for a number.
  mutating func grant(_ count: Int) {
    limit = min(count, TopicAliases.most)
  }

  func form(of topic: String) -> Form {
    if let entry = entries[topic] { return entry.isKnown ? .alias(entry.alias) : .topic }
    return entries.count < limit ? .both(UInt16(entries.count + 1)) : .topic
  }

  mutating func sent(_ topic: String, as form: Form, packet: Int32) {
    guard case .both(let alias) = form else { return }
    entries[topic] = Entry(alias: alias)
    asked[packet] = topic
  }

  mutating func acknowledged(_ packet: Int32, isRefused: Bool) {
    guard let topic = asked.removeValue(forKey: packet), !isRefused else { return }
    entries[topic]?.isKnown = true
  }
}
