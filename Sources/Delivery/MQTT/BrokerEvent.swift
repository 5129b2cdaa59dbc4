/// What the broker granted with a connection.
package struct ConnectionTerms: Sendable, Hashable {
  /// Counts the attempts to connect, as in the status message.
  package var number: UInt64
  package var version: DeliverySettings.ProtocolVersion
  /// How many messages of QoS 1 the broker takes at once; nil when it did not say.
  package var receiveMaximum: Int?
  /// The longest packet that the broker takes, in bytes; nil when it did not say.
  package var maximumPacketBytes: Int?
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

  /// - Parameter cause: `will` or `stop`.
  package func offline(cause: String, connection: UInt64) -> [UInt8] {
    let head = #"{"schema":"mimamori.status/1","state":"offline","cause":"\#(cause)","#
    return Array((head + #""boot":"\#(boot)","connection":\#(connection)}"#).utf8)
  }
}
