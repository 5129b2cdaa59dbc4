internal import CMosquitto
internal import Glibc
internal import Locks

/// Where libmosquitto's callbacks leave what they are told.
final class ClientMailbox: Sendable {
  /// What is listened to, by the topic as the broker knows it.
  let expected = Locked<[String: Subscription]>([:])
  private let notices = Locked<[BrokerNotice]>([])
  private let incoming: IncomingQueue?
  private let terms: ConnectionTerms

  /// - Parameter terms: what is known of the connection before the broker has answered.
  init(terms: ConnectionTerms, incoming: IncomingQueue?) {
    self.terms = terms
    self.incoming = incoming
  }

  var hasNotices: Bool { notices.withLock { !$0.isEmpty } }

  var isAccepted: Bool {
    notices.withLock { notices in
      notices.contains { if case .answered(0, _) = $0 { true } else { false } }
    }
  }

  func takeNotices() -> [BrokerNotice] {
    notices.withLock { notices in
      let taken = notices
      notices.removeAll(keepingCapacity: true)
      return taken
    }
  }

  private func add(_ notice: BrokerNotice) { notices.withLock { $0.append(notice) } }

  /// Called by libmosquitto during `MosquittoClient.work` alone, with the mailbox that `client` was made with.
  static func setCallbacks(of client: OpaquePointer) {
    unsafe mosquitto_connect_v5_callback_set(client) { _, context, reason, flags, properties in
      guard let mailbox = unsafe ClientMailbox.of(context) else { return }
      var terms = mailbox.terms
      terms.receiveMaximum = unsafe ClientMailbox.short(MQTT_PROP_RECEIVE_MAXIMUM, properties)
      terms.keepAliveSeconds = unsafe ClientMailbox.short(MQTT_PROP_SERVER_KEEP_ALIVE, properties)
      terms.topicAliases = unsafe ClientMailbox.short(MQTT_PROP_TOPIC_ALIAS_MAXIMUM, properties) ?? 0
      var bytes: UInt32 = 0
      let kind = Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue)
      if unsafe mosquitto_property_read_int32(properties, kind, &bytes, false) != nil {
        terms.maximumPacketBytes = Int(bytes)
      }
      terms.sessionPresent = flags & 1 == 1
      mailbox.add(.answered(reason: reason, terms))
    }
    unsafe mosquitto_publish_v5_callback_set(client) { _, context, packet, reason, _ in
      unsafe ClientMailbox.of(context)?.add(.acknowledged(packet: packet, reason: reason))
    }
    unsafe mosquitto_disconnect_v5_callback_set(client) { _, context, reason, _ in
      guard reason >= 128 else { return }
      unsafe ClientMailbox.of(context)?.add(.dismissed(reason: reason))
    }
    unsafe mosquitto_subscribe_v5_callback_set(client) { _, context, packet, count, reasons, _ in
      guard count > 0, let reasons = unsafe reasons else { return }
      let reason = unsafe reasons[0]
      unsafe ClientMailbox.of(context)?.add(.subscribed(packet: packet, reason: reason))
    }
    unsafe setMessageCallback(of: client)
  }

  /// A message of QoS 1 is acknowledged already when this is called: who sends a command asks again when no answer comes.
  private static func setMessageCallback(of client: OpaquePointer) {
    unsafe mosquitto_message_v5_callback_set(client) { _, context, message, properties in
      guard let message = unsafe message?.pointee, let name = unsafe message.topic,
        let mailbox = unsafe ClientMailbox.of(context), let incoming = mailbox.incoming
      else { return }
      let topic = unsafe String(cString: name)
      // A session that goes on may still bring what an earlier configuration listened to.
      guard let subscription = mailbox.expected.withLock({ $0[topic] }) else { return }
      let count = unsafe Int(message.payloadlen)
      guard count <= subscription.maximumBytes else { return incoming.countTooLong() }
      var payload: [UInt8] = []
      if count > 0, let start = unsafe message.payload {
        payload = unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
      }
      let isRetained = unsafe message.retain
      incoming.append(
        IncomingMessage(
          topic: subscription.topic, payload: payload, isRetained: isRetained,
          responseTopic: unsafe ClientMailbox.responseTopic(properties),
          correlationData: unsafe ClientMailbox.correlationData(properties)))
    }
  }

  private static func of(_ context: UnsafeMutableRawPointer?) -> ClientMailbox? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<ClientMailbox>.fromOpaque(context).takeUnretainedValue()
  }

  private static func short(_ kind: mqtt5_property, _ properties: OpaquePointer?) -> Int? {
    var value: UInt16 = 0
    let isThere = unsafe mosquitto_property_read_int16(properties, Int32(kind.rawValue), &value, false) != nil
    return isThere ? Int(value) : nil
  }

  private static func responseTopic(_ properties: OpaquePointer?) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard
      unsafe mosquitto_property_read_string(
        properties, Int32(MQTT_PROP_RESPONSE_TOPIC.rawValue), &text, false) != nil, let text = unsafe text
    else { return nil }
    defer { unsafe free(text) }
    let topic = unsafe String(cString: text)
    return topic.utf8.count <= IncomingQueue.longestProperty ? topic : nil
  }

  private static func correlationData(_ properties: OpaquePointer?) -> [UInt8]? {
    var start: UnsafeMutableRawPointer?
    var count: UInt16 = 0
    guard
      unsafe mosquitto_property_read_binary(
        properties, Int32(MQTT_PROP_CORRELATION_DATA.rawValue), &start, &count, false) != nil, let start = unsafe start
    else { return nil }
    defer { unsafe free(start) }
    guard count <= IncomingQueue.longestProperty else { return nil }
    return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: Int(count)))
  }
}
