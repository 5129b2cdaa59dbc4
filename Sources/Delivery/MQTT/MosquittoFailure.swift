internal import CMosquitto
internal import Glibc

/// A call of libmosquitto that failed.
package struct MosquittoFailure: Error, Sendable, Hashable {
  /// A `MOSQ_ERR_` code.
  package var code: Int32
  /// The errno, when `code` says that a system call failed.
  package var systemCode: Int32

  package init(code: Int32, systemCode: Int32) {
    self.code = code
    self.systemCode = systemCode
  }

  package var text: String {
    if isCutShort { return "the connection was closed" }
    if code == MOSQ_ERR_ERRNO.rawValue { return systemErrorText(systemCode) }
    return unsafe String(cString: mosquitto_strerror(code))
  }
}

extension MosquittoFailure {
  /// The peer sent what no MQTT broker sends.
  package var isProtocolViolation: Bool {
    [MOSQ_ERR_PROTOCOL, MOSQ_ERR_MALFORMED_PACKET, MOSQ_ERR_MALFORMED_UTF8, MOSQ_ERR_DUPLICATE_PROPERTY]
      .contains { $0.rawValue == code }
  }

  /// The broker sent a packet at which this version of libmosquitto would have ended the process.
  package var isUnreadable: Bool { code == MIMAMORI_ERR_UNREADABLE }

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

  /// The message is longer than the broker said that it takes.
  package var isTooLong: Bool {
    code == MOSQ_ERR_OVERSIZE_PACKET.rawValue || code == MOSQ_ERR_PAYLOAD_SIZE.rawValue
  }

  /// This message can never be sent on this connection, however often it is tried.
  package var concernsMessage: Bool {
    [
      MOSQ_ERR_INVAL, MOSQ_ERR_PAYLOAD_SIZE, MOSQ_ERR_MALFORMED_UTF8, MOSQ_ERR_OVERSIZE_PACKET,
      MOSQ_ERR_QOS_NOT_SUPPORTED, MOSQ_ERR_RETAIN_NOT_SUPPORTED,
    ].contains { $0.rawValue == code }
  }
}

extension BrokerProblem {
  static var unreadable: BrokerProblem {
    var (major, minor, revision): (Int32, Int32, Int32) = (0, 0, 0)
    _ = unsafe mosquitto_lib_version(&major, &minor, &revision)
    return BrokerProblem(
      "unreadable",
      "the broker sent what the MQTT library (libmosquitto \(major).\(minor).\(revision)) cannot read: update"
        + " libmosquitto, and see to the broker")
  }
}
