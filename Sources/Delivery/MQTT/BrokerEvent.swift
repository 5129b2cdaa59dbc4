/// What the broker granted with a connection.
package struct ConnectionTerms: Sendable, Hashable {
  /// Counts the attempts to connect, as in the status message.
  package var number: UInt64
  /// 0 the first broker, 1 the fallback.
  package var broker: Int
  package var version: DeliverySettings.ProtocolVersion
  /// How many messages of QoS 1 the broker takes at once; nil when it did not say.
  package var receiveMaximum: Int?
  /// The longest packet that the broker takes, in bytes; nil when it did not say.
  package var maximumPacketBytes: Int?
  /// Seconds between signs of life that the broker wants in place of those that it was offered (section 3.2.2.3.14).
  package var keepAliveSeconds: Int?
  /// How many topics the broker lets stand for a number (section 3.2.2.3.8).
  package var topicAliases: Int
  /// Whether the broker still had this client's session: so it was not restarted without its memory.
  package var sessionPresent: Bool
}

/// What the MQTT thread tells the ledger thread, in the order in which it happened.
package enum BrokerEvent: Sendable, Hashable {
  case connected(ConnectionTerms)
  /// With MQTT 5's reason: 128 and above is a refusal. Section 3.4.2.1.
  case acknowledged(packet: Int32, reason: Int32)
  case disconnected(BrokerProblem)
  /// An attempt to connect has failed.
  case failed(BrokerProblem, number: UInt64)
}

/// The payloads of the status topic.
package struct StatusPayload: Sendable {
  package let boot: String

  package init(boot: String) {
    self.boot = boot
  }

  package func online(connection: UInt64) -> [UInt8] {
    Array(
      #"{"schema":"mimamori.status/1","state":"online","cause":"connected","boot":"\#(boot)","connection":\#(connection)}"#
        .utf8)
  }

  /// - Parameter cause: `will`, `stop`, `reload`, or `moved`: to the first broker, from the fallback.
  package func offline(cause: String, connection: UInt64) -> [UInt8] {
    let head = #"{"schema":"mimamori.status/1","state":"offline","cause":"\#(cause)","#
    return Array((head + #""boot":"\#(boot)","connection":\#(connection)}"#).utf8)
  }
}

/// One message as it is handed over, with QoS 1.
package struct WireMessage: Sendable, Hashable {
  package var topic: String
  package var payload: [UInt8]
  package var isRetained = false
  /// MQTT 5 section 3.3.2.3.3. Never of an alert, its CAP or a notice.
  package var expirySeconds: UInt32?
  /// MQTT 5 section 3.3.2.3.6.
  package var correlationData: [UInt8]?
  /// The id that the message has through its life, as a user property.
  package var id: String?
  /// The revision of that id, as a user property.
  package var revision: Int?
  /// Whether a number may stand for the topic (MQTT 5 section 3.3.2.3.4): what is repeated for years, and can be lost.
  package var mayAbbreviate = false

  package init(topic: String, payload: [UInt8]) {
    self.topic = topic
    self.payload = payload
  }

  /// What is told of it by name: MQTT 5 section 3.3.2.3.7.
  var userProperties: [(String, String)] {
    [("schema", schema), ("id", id), ("revision", revision.map(String.init))].compactMap { name, value in
      value.map { (name, $0) }
    }
  }

  /// The length of its PUBLISH packet in MQTT 5, in bytes: section 3.3.
  func packetBytes(_ form: TopicAliases.Form) -> Int {
    var properties = payload.isEmpty ? 0 : 2
    if expirySeconds != nil { properties += 5 }
    if let correlationData { properties += 3 + correlationData.count }
    for (name, value) in userProperties { properties += 5 + name.utf8.count + value.utf8.count }
    var topicBytes = topic.utf8.count
    switch form {
    case .topic: break
    case .both: properties += 3
    case .alias: (properties, topicBytes) = (properties + 3, 0)
    }
    let rest = 2 + topicBytes + 2 + WireMessage.numberBytes(properties) + properties + payload.count
    return 1 + WireMessage.numberBytes(rest) + rest
  }

  /// The length of a variable byte integer: section 1.5.5.
  private static func numberBytes(_ value: Int) -> Int {
    value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
  }

  /// The payload's schema, as its first member or its namespace says; nil where it has none.
  package var schema: String? {
    let text = payload.prefix(160)
    for (head, end) in WireMessage.schemaMarks {
      guard let start = text.firstRange(of: head)?.upperBound else { continue }
      let name = text[start...].prefix(WireMessage.longestSchema).prefix { $0 != end }
      if start + name.count < text.endIndex, text[start + name.count] == end {
        return String(decoding: name, as: UTF8.self)
      }
    }
    return nil
  }

  private static let longestSchema = 64
  private static let schemaMarks: [([UInt8], UInt8)] = [
    (Array(#"{"schema":""#.utf8), UInt8(ascii: "\"")), (Array(#" xmlns=""#.utf8), UInt8(ascii: "\"")),
  ]
}
