internal import CMosquitto
internal import Glibc
internal import Locks

/// One connection to the broker: the only place that knows libmosquitto.
///
/// Made anew for every attempt, so that nothing of an ended connection is left in libmosquitto's own queue, which is
/// in memory only and has no limit. One thread connects and runs `work`; another may publish at the same time.
@safe package final class MosquittoClient: BrokerClient {
  /// Seconds that the broker waits before it publishes the will. MQTT 5 section 3.1.3.2.2.
  private static let willDelaySeconds: UInt32 = 30
  /// What is longer the broker keeps to itself: the longest that is listened to is 64 KB.
  private static let longestPacketBytes: UInt32 = 70_000
  /// The session must outlast the will's delay, or its end would publish the will at once.
  private static let sessionExpirySeconds: UInt32 = 60

  // SAFETY: made in init, destroyed in deinit. libmosquitto locks its queues once told of threads, and only the
  // thread that calls `work` touches the socket.
  private nonisolated(unsafe) let handle: OpaquePointer
  private let mailbox: ClientMailbox
  private let version: DeliverySettings.ProtocolVersion
  private let settings: DeliverySettings
  private let broker: DeliverySettings.Broker
  private let transport: TransportContext?
  private let aliases = Locked(TopicAliases())
  /// The longest packet that the broker takes, in bytes.
  private let mostBytes = Locked(Int.max)
  /// Whether libmosquitto was left in the middle and may only be destroyed. Held while it works or takes a message, so that
  /// no thread waits in there for a lock that stays locked.
  private let isSpoiled = Locked(false)
  /// Whether numbers may stand for topics.
  private let mayAbbreviate: Bool

  /// - Parameters:
  ///   - terms: which attempt it is, with which broker, in which version.
  ///   - will: what the broker publishes, retained, when the connection is lost.
  ///   - incoming: takes what the broker passes on of the topics that are listened to.
  init(
    settings: DeliverySettings, terms: ConnectionTerms, transport: TransportContext?, will: [UInt8],
    incoming: IncomingQueue?, mayAbbreviate: Bool
  ) throws(MosquittoFailure) {
    mosquitto_lib_init()
    mailbox = ClientMailbox(terms: terms, incoming: incoming)
    version = terms.version
    self.settings = settings
    broker = settings.brokers[terms.broker]
    self.transport = transport
    self.mayAbbreviate = mayAbbreviate
    // MQTT 5 continues the session, so that a short break publishes no will. A session of 3.1.1 would never end.
    let opaque = unsafe Unmanaged.passUnretained(mailbox).toOpaque()
    guard let handle = unsafe mosquitto_new(settings.clientID, version == .three, opaque) else {
      throw MosquittoFailure(code: MOSQ_ERR_ERRNO.rawValue, systemCode: errno)
    }
    unsafe self.handle = unsafe handle
    try configure(will: will)
    unsafe ClientMailbox.setCallbacks(of: handle)
  }

  deinit {
    unsafe mosquitto_destroy(handle)
  }

  private func configure(will: [UInt8]) throws(MosquittoFailure) {
    try check(unsafe mosquitto_threaded_set(handle, true))
    let protocolVersion = version == .five ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
    try check(unsafe mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, protocolVersion))
    try check(unsafe mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1))
    try check(unsafe mosquitto_int_option(handle, MOSQ_OPT_SEND_MAXIMUM, Int32(clamping: settings.limits.inFlight)))
    if let userName = broker.userName {
      try check(unsafe mosquitto_username_pw_set(handle, userName, broker.password))
    }
    try unsafe transport?.attach(to: handle)
    var properties: OpaquePointer?
    if version == .five {
      try check(
        unsafe mosquitto_property_add_int32(
          &properties, Int32(MQTT_PROP_WILL_DELAY_INTERVAL.rawValue), MosquittoClient.willDelaySeconds))
    }
    // On success libmosquitto owns the properties.
    let code = unsafe mosquitto_will_set_v5(
      handle, settings.statusTopic, Int32(will.count), will, 1, true, properties)
    if code != MOSQ_ERR_SUCCESS.rawValue { unsafe mosquitto_property_free_all(&properties) }
    try check(code)
  }

  // MARK: The connecting thread

  /// Resolves the name, connects and sends CONNECT. May block as long as the operating system tries.
  package func connect() throws(MosquittoFailure) {
    var properties: OpaquePointer?
    if version == .five {
      try check(
        unsafe mosquitto_property_add_int32(
          &properties, Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue), MosquittoClient.sessionExpirySeconds))
      try check(
        unsafe mosquitto_property_add_int32(
          &properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), MosquittoClient.longestPacketBytes))
    }
    errno = 0
    let code = unsafe mosquitto_connect_bind_v5(
      handle, broker.host, Int32(broker.port), Int32(settings.keepAliveSeconds), nil, properties)
    let systemCode = errno
    unsafe mosquitto_property_free_all(&properties)
    try check(code, systemCode: systemCode)
  }

  /// The socket to wait for, or -1 when there is none any more.
  package var socket: Int32 { unsafe mosquitto_socket(handle) }

  package var isOpen: Bool { socket >= 0 }

  package var wantsWrite: Bool { unsafe mosquitto_want_write(handle) }

  /// Reads and writes what can be, without waiting.
  ///
  /// - Parameter isReadable: whether the socket has something to read.
  package func work(isConnected: Bool, isReadable: Bool) throws(MosquittoFailure) {
    errno = 0
    guard isConnected else {
      let code = unspoiled { unsafe mimamori_read(handle, 0) }
      let systemCode = errno
      return try check(code, systemCode: systemCode)
    }
    if isReadable {
      let code = unspoiled { unsafe mimamori_read(handle, 1) }
      let systemCode = errno
      try check(code, systemCode: systemCode)
    }
    if wantsWrite {
      errno = 0
      let code = unspoiled { unsafe mosquitto_loop_write(handle, 1) }
      let systemCode = errno
      try check(code, systemCode: systemCode)
    }
    let code = unspoiled { unsafe mosquitto_loop_misc(handle) }
    try check(code)
  }

  /// Calls libmosquitto unless the client is spoiled.
  private func unspoiled(_ call: () -> Int32) -> Int32 {
    isSpoiled.withLock { isSpoiled in
      guard !isSpoiled else { return MIMAMORI_ERR_UNREADABLE }
      let code = call()
      isSpoiled = code == MIMAMORI_ERR_UNREADABLE
      return code
    }
  }

  /// What was told since the last call.
  package func takeNotices() -> [BrokerNotice] {
    let taken = mailbox.takeNotices()
    aliases.withLock { aliases in
      for notice in taken {
        switch notice {
        case .answered(0, let terms):
          aliases.grant(mayAbbreviate ? terms.topicAliases : 0)
          mostBytes.withLock { $0 = terms.maximumPacketBytes ?? .max }
        case .acknowledged(let packet, let reason): aliases.acknowledged(packet, isRefused: reason >= 128)
        default: break
        }
      }
    }
    return taken
  }

  /// Whether something was told that nobody has taken.
  var hasNotices: Bool { mailbox.hasNotices }

  /// Whether the broker has accepted this client and nobody has taken that notice.
  package var isAccepted: Bool { mailbox.isAccepted }

  /// Why the two sides did not believe each other in the TLS handshake; nil while they do.
  package var refusal: BrokerProblem? { transport?.refusal }

  /// Says goodbye: the broker then publishes no will.
  package func disconnect() {
    _ = unspoiled {
      _ = unsafe mosquitto_disconnect_v5(handle, 0, nil)
      return unsafe mosquitto_loop_write(handle, 1)
    }
  }

  /// Takes messages of these topics, named as the broker knows them.
  package func expect(_ subscriptions: [String: Subscription]) {
    mailbox.expected.withLock { $0 = subscriptions }
  }

  /// Asks for the messages of a topic, with QoS 1.
  ///
  /// - Returns: the packet's number, with which the answer will come.
  package func subscribe(_ topic: String) throws(MosquittoFailure) -> Int32 {
    var packet: Int32 = 0
    // A retained message must be seen to be one also when it is published while this gateway listens.
    let options = version == .five ? Int32(MQTT_SUB_OPT_RETAIN_AS_PUBLISHED.rawValue) : 0
    let code = unsafe mosquitto_subscribe_v5(handle, &packet, topic, 1, options, nil)
    try check(code)
    return packet
  }

  package func unsubscribe(_ topic: String) throws(MosquittoFailure) {
    let code = unsafe mosquitto_unsubscribe_v5(handle, nil, topic, nil)
    try check(code)
  }

  // MARK: Any thread

  /// Hands over one message. The connecting thread sends it.
  ///
  /// - Returns: the packet's number, with which its acknowledgment will come.
  package func publish(_ message: WireMessage) throws(MosquittoFailure) -> Int32 {
    let isAbbreviated = version == .five && message.mayAbbreviate
    let form = isAbbreviated ? aliases.withLock { $0.form(of: message.topic) } : .topic
    // libmosquitto finds out about the last few bytes too late.
    if version == .five, message.packetBytes(form) > mostBytes.withLock({ $0 }) {
      throw MosquittoFailure(code: MOSQ_ERR_OVERSIZE_PACKET.rawValue, systemCode: 0)
    }
    var properties: OpaquePointer?
    defer { unsafe mosquitto_property_free_all(&properties) }
    if version == .five { try unsafe describe(message, form, in: &properties) }
    var packet: Int32 = 0
    var topic: String? = message.topic
    if case .alias = form { topic = nil }
    let code = unspoiled {
      unsafe mimamori_publish(
        handle, &packet, topic, Int32(message.payload.count), message.payload, message.isRetained ? 1 : 0, properties)
    }
    try check(code)
    aliases.withLock { $0.sent(message.topic, as: form, packet: packet) }
    return packet
  }

  /// What MQTT 5 tells beside the payload: section 3.3.2.3.
  private func describe(
    _ message: WireMessage, _ form: TopicAliases.Form, in properties: inout OpaquePointer?
  ) throws(MosquittoFailure) {
    // An empty payload clears a retained message and has no format.
    if !message.payload.isEmpty {
      try check(
        unsafe mosquitto_property_add_byte(&properties, Int32(MQTT_PROP_PAYLOAD_FORMAT_INDICATOR.rawValue), 1))
    }
    if let expirySeconds = message.expirySeconds {
      try check(
        unsafe mosquitto_property_add_int32(
          &properties, Int32(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue), expirySeconds))
    }
    switch form {
    case .topic: break
    case .both(let alias), .alias(let alias):
      try check(unsafe mosquitto_property_add_int16(&properties, Int32(MQTT_PROP_TOPIC_ALIAS.rawValue), alias))
    }
    if let data = message.correlationData {
      try check(
        unsafe mosquitto_property_add_binary(
          &properties, Int32(MQTT_PROP_CORRELATION_DATA.rawValue), data, UInt16(data.count)))
    }
    for (name, value) in message.userProperties {
      try check(
        unsafe mosquitto_property_add_string_pair(&properties, Int32(MQTT_PROP_USER_PROPERTY.rawValue), name, value))
    }
  }

  private func check(_ code: Int32, systemCode: Int32 = 0) throws(MosquittoFailure) {
    guard code == MOSQ_ERR_SUCCESS.rawValue else { throw MosquittoFailure(code: code, systemCode: systemCode) }
  }
}
