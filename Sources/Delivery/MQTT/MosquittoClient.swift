internal import CMosquitto
internal import Glibc
internal import Synchronization

/// A call of libmosquitto that failed.
package struct MosquittoFailure: Error, Sendable, Hashable {
  /// A `MOSQ_ERR_` code.
  package var code: Int32
  /// The errno, when `code` says that a system call failed.
  package var systemCode: Int32

  package var text: String {
    if isCutShort { return "the connection was closed" }
    if code == MOSQ_ERR_ERRNO.rawValue { return systemErrorText(systemCode) }
    return unsafe String(cString: mosquitto_strerror(code))
  }
}

/// One connection to the broker: the only place that knows libmosquitto.
///
/// Made anew for every attempt, so that nothing of an ended connection is left in libmosquitto's own queue, which is
/// in memory only and has no limit. One thread connects and runs `work`; another may publish at the same time.
@safe package final class MosquittoClient: Sendable {
  /// What libmosquitto told during `work`.
  package enum Notice: Sendable, Hashable {
    case answered(reason: Int32, ConnectionTerms)
    case acknowledged(packet: Int32, reason: Int32)
    /// The broker ended the connection with a reason of MQTT 5.
    case dismissed(reason: Int32)
  }

  private final class Mailbox: Sendable {
    let notices = Mutex<[Notice]>([])
    let number: UInt64
    let version: DeliverySettings.ProtocolVersion

    init(number: UInt64, version: DeliverySettings.ProtocolVersion) {
      self.number = number
      self.version = version
    }
  }

  /// Seconds that the broker waits before it publishes the will. MQTT 5 section 3.1.3.2.2.
  private static let willDelaySeconds: UInt32 = 30
  /// The session must outlast the will's delay, or its end would publish the will at once.
  private static let sessionExpirySeconds: UInt32 = 60

  // SAFETY: made in init, destroyed in deinit. libmosquitto locks its queues once told of threads, and only the
  // thread that calls `work` touches the socket.
  private nonisolated(unsafe) let handle: OpaquePointer
  private let mailbox: Mailbox
  private let version: DeliverySettings.ProtocolVersion
  private let settings: DeliverySettings

  /// - Parameters:
  ///   - number: counts the attempts to connect.
  ///   - will: what the broker publishes, retained, when the connection is lost.
  package init(
    settings: DeliverySettings, version: DeliverySettings.ProtocolVersion, number: UInt64, will: [UInt8]
  ) throws(MosquittoFailure) {
    mosquitto_lib_init()
    mailbox = Mailbox(number: number, version: version)
    self.version = version
    self.settings = settings
    // MQTT 5 continues the session, so that a short break publishes no will. A session of 3.1.1 would never end.
    let opaque = unsafe Unmanaged.passUnretained(mailbox).toOpaque()
    guard let handle = unsafe mosquitto_new(settings.clientID, version == .three, opaque) else {
      throw MosquittoFailure(code: MOSQ_ERR_ERRNO.rawValue, systemCode: errno)
    }
    unsafe self.handle = unsafe handle
    try configure(will: will)
    setCallbacks()
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
    if let userName = settings.userName {
      try check(unsafe mosquitto_username_pw_set(handle, userName, settings.password))
    }
    if let security = settings.security { try secure(security) }
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

  private func secure(_ security: DeliverySettings.TransportSecurity) throws(MosquittoFailure) {
    if let authorities = security.authorityFile {
      try check(
        unsafe mosquitto_tls_set(
          handle, authorities, nil, security.certificateFile, security.keyFile, nil))
    } else {
      try check(unsafe mosquitto_int_option(handle, MOSQ_OPT_TLS_USE_OS_CERTS, 1))
      if security.certificateFile != nil {
        try check(
          unsafe mosquitto_tls_set(
            handle, nil, "/etc/ssl/certs", security.certificateFile, security.keyFile, nil))
      }
    }
    try check(unsafe mosquitto_tls_opts_set(handle, 1, "tlsv1.2", nil))
  }

  private func setCallbacks() {
    unsafe mosquitto_connect_v5_callback_set(handle) { _, context, reason, flags, properties in
      guard let mailbox = unsafe MosquittoClient.mailbox(context) else { return }
      var receiveMaximum: UInt16 = 0
      var packetBytes: UInt32 = 0
      let hasMaximum =
        unsafe mosquitto_property_read_int16(
          properties, Int32(MQTT_PROP_RECEIVE_MAXIMUM.rawValue), &receiveMaximum, false) != nil
      let hasBytes =
        unsafe mosquitto_property_read_int32(
          properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), &packetBytes, false) != nil
      let terms = ConnectionTerms(
        number: mailbox.number, version: mailbox.version, receiveMaximum: hasMaximum ? Int(receiveMaximum) : nil,
        maximumPacketBytes: hasBytes ? Int(packetBytes) : nil, sessionPresent: flags & 1 == 1)
      mailbox.notices.withLock { $0.append(.answered(reason: reason, terms)) }
    }
    unsafe mosquitto_publish_v5_callback_set(handle) { _, context, packet, reason, _ in
      guard let mailbox = unsafe MosquittoClient.mailbox(context) else { return }
      mailbox.notices.withLock { $0.append(.acknowledged(packet: packet, reason: reason)) }
    }
    unsafe mosquitto_disconnect_v5_callback_set(handle) { _, context, reason, _ in
      guard reason >= 128, let mailbox = unsafe MosquittoClient.mailbox(context) else { return }
      mailbox.notices.withLock { $0.append(.dismissed(reason: reason)) }
    }
  }

  private static func mailbox(_ context: UnsafeMutableRawPointer?) -> Mailbox? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<Mailbox>.fromOpaque(context).takeUnretainedValue()
  }

  // MARK: The connecting thread

  /// Resolves the name, connects and sends CONNECT. May block as long as the operating system tries.
  package func connect() throws(MosquittoFailure) {
    var properties: OpaquePointer?
    if version == .five {
      try check(
        unsafe mosquitto_property_add_int32(
          &properties, Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue), MosquittoClient.sessionExpirySeconds))
    }
    errno = 0
    let code = unsafe mosquitto_connect_bind_v5(
      handle, settings.brokerHost, Int32(settings.brokerPort), Int32(settings.keepAliveSeconds), nil, properties)
    let systemCode = errno
    unsafe mosquitto_property_free_all(&properties)
    try check(code, systemCode: systemCode)
  }

  /// The socket to wait for, or -1 when there is none any more.
  package var socket: Int32 { unsafe mosquitto_socket(handle) }

  package var wantsWrite: Bool { unsafe mosquitto_want_write(handle) }

  /// Reads and writes what can be, without waiting.
  ///
  /// - Parameter isReadable: whether the socket has something to read.
  package func work(isConnected: Bool, isReadable: Bool) throws(MosquittoFailure) {
    errno = 0
    guard isConnected else {
      // The handshakes of TLS and MQTT: libmosquitto's own loop knows their order.
      let code = unsafe mosquitto_loop(handle, 0, 1)
      let systemCode = errno
      return try check(code, systemCode: systemCode)
    }
    if isReadable {
      let code = unsafe mosquitto_loop_read(handle, 1)
      let systemCode = errno
      try check(code, systemCode: systemCode)
    }
    if wantsWrite {
      errno = 0
      let code = unsafe mosquitto_loop_write(handle, 1)
      let systemCode = errno
      try check(code, systemCode: systemCode)
    }
    let code = unsafe mosquitto_loop_misc(handle)
    try check(code)
  }

  /// What was told since the last call.
  package func takeNotices() -> [Notice] {
    mailbox.notices.withLock { notices in
      let taken = notices
      notices.removeAll(keepingCapacity: true)
      return taken
    }
  }

  /// Says goodbye: the broker then publishes no will.
  package func disconnect() {
    _ = unsafe mosquitto_disconnect_v5(handle, 0, nil)
    _ = unsafe mosquitto_loop_write(handle, 1)
  }

  // MARK: Any thread

  /// Hands over one message of QoS 1. The connecting thread sends it.
  ///
  /// - Returns: the packet's number, with which its acknowledgment will come.
  package func publish(
    topic: String, payload: [UInt8], isRetained: Bool, expirySeconds: UInt32?
  ) throws(MosquittoFailure) -> Int32 {
    var properties: OpaquePointer?
    if version == .five, let expirySeconds {
      try check(
        unsafe mosquitto_property_add_int32(
          &properties, Int32(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue), expirySeconds))
    }
    var packet: Int32 = 0
    let code = unsafe mosquitto_publish_v5(
      handle, &packet, topic, Int32(payload.count), payload, 1, isRetained, properties)
    unsafe mosquitto_property_free_all(&properties)
    try check(code)
    return packet
  }

  private func check(_ code: Int32, systemCode: Int32 = 0) throws(MosquittoFailure) {
    guard code == MOSQ_ERR_SUCCESS.rawValue else { throw MosquittoFailure(code: code, systemCode: systemCode) }
  }
}

extension MosquittoFailure {
  /// The peer sent what no MQTT broker sends.
  package var isProtocolViolation: Bool {
    [MOSQ_ERR_PROTOCOL, MOSQ_ERR_MALFORMED_PACKET, MOSQ_ERR_MALFORMED_UTF8, MOSQ_ERR_DUPLICATE_PROPERTY]
      .contains { $0.rawValue == code }
  }

  /// The connection ended in the middle of a packet, which libmosquitto calls a failed system call without a reason.
  package var isCutShort: Bool { code == MOSQ_ERR_ERRNO.rawValue && systemCode == 0 }

  package var isTransportSecurity: Bool {
    code == MOSQ_ERR_TLS.rawValue || code == MOSQ_ERR_TLS_HANDSHAKE.rawValue
      || (code == MOSQ_ERR_ERRNO.rawValue && systemCode == EPROTO)
  }

  /// The other side ended it.
  package var isClosed: Bool {
    code == MOSQ_ERR_CONN_LOST.rawValue
      || (code == MOSQ_ERR_ERRNO.rawValue && [ECONNRESET, EPIPE].contains(systemCode))
  }

  /// A bad value in the settings, such as a file that is not there.
  package var isSettings: Bool {
    code == MOSQ_ERR_INVAL.rawValue || code == MOSQ_ERR_NOT_SUPPORTED.rawValue
  }

  package var isUnresolved: Bool { code == MOSQ_ERR_EAI.rawValue }

  /// This message can never be sent on this connection, however often it is tried.
  package var concernsMessage: Bool {
    [
      MOSQ_ERR_INVAL, MOSQ_ERR_PAYLOAD_SIZE, MOSQ_ERR_MALFORMED_UTF8, MOSQ_ERR_OVERSIZE_PACKET,
      MOSQ_ERR_QOS_NOT_SUPPORTED, MOSQ_ERR_RETAIN_NOT_SUPPORTED,
    ].contains { $0.rawValue == code }
  }
}
