internal import CMosquitto

/// What one connection by TLS is made with: the authorities, the certificate, the key. Read from their files as it is
/// made, so that a renewed certificate is used from the next connection on.
@safe final class TransportContext: Sendable {
  // SAFETY: made in init, freed in deinit. Only the thread that runs the connection's client touches it meanwhile.
  private nonisolated(unsafe) let handle: OpaquePointer
  private let host: String
  private let isShared: Bool

  /// - Throws: what is wrong with a file, and what to do.
  init(_ security: DeliverySettings.TransportSecurity, host: String) throws(BrokerProblem) {
    self.host = host
    isShared = security.sharedKey != nil
    guard let handle = unsafe mimamori_tls_new(host, security.minimumVersion == .oneThree ? 1 : 0) else {
      throw BrokerProblem("settings", "TLS cannot be set up for this host: check mqtt.host and the board's memory")
    }
    unsafe self.handle = unsafe handle
    if let shared = security.sharedKey {
      guard unsafe mimamori_tls_share(handle, shared.identity, shared.key, shared.key.count) == 1 else {
        throw BrokerProblem(
          "settings", "the shared key cannot be used: check mqtt.tls.psk_identity and mqtt.tls.psk_file")
      }
      return
    }
    guard unsafe mimamori_tls_trust(handle, security.authorityFile) == 1 else {
      throw BrokerProblem(
        "settings",
        "no authority's certificate can be read from \(security.authorityFile ?? "the system's folder"):"
          + " check mqtt.tls.ca: it must be PEM and readable for the gateway")
    }
    guard let certificate = security.certificateFile, let key = security.keyFile else { return }
    switch unsafe mimamori_tls_identify(handle, certificate, key) {
    case 1: return
    case 0:
      throw BrokerProblem(
        "settings",
        "no certificate can be read from \(certificate): check mqtt.tls.certificate: it must be PEM and readable for"
          + " the gateway")
    case -2:
      throw BrokerProblem(
        "settings",
        "the key in \(key) is not that of the certificate in \(certificate): bring the two that belong together")
    default:
      throw BrokerProblem(
        "settings",
        "no key can be read from \(key): check mqtt.tls.key: it must be PEM without a password and readable for the"
          + " gateway")
    }
  }

  deinit {
    unsafe mimamori_tls_free(handle)
  }

  func attach(to client: OpaquePointer) throws(MosquittoFailure) {
    let code = unsafe mimamori_tls_attach(handle, client)
    guard code == MOSQ_ERR_SUCCESS.rawValue else { throw MosquittoFailure(code: code, systemCode: 0) }
  }

  /// Why the two sides did not believe each other; nil while they do.
  var refusal: BrokerProblem? {
    let doubt = unsafe mimamori_tls_doubt(handle)
    if doubt != 0 {
      let words = unsafe String(cString: mimamori_tls_doubt_text(doubt))
      return .unbelieved(code: doubt, words: words, host: host)
    }
    let alert = unsafe mimamori_tls_alert(handle)
    return alert == 0 ? nil : .refusedInHandshake(alert: alert, isShared: isShared)
  }
}

extension BrokerProblem {
  /// What the broker's certificate lacks, by the `X509_V_ERR_` codes of libcrypto.
  package static func unbelieved(code: Int32, words: String, host: String) -> BrokerProblem {
    let nothingSent = "nothing was sent there"
    switch code {
    // The signature is wrong, or nobody who is trusted signed it.
    case 2, 7, 18, 19, 20, 21, 27:
      return BrokerProblem(
        "tls_authority",
        "no authority of mqtt.tls.ca signed the certificate of what answers as the broker, so \(nothingSent):"
          + " bring the right authority's file, or find out who answers there")
    case 9:
      return BrokerProblem(
        "tls_expired",
        "the broker's certificate is not valid yet by this board's clock, so \(nothingSent): check the board's clock,"
          + " then the certificate")
    case 10:
      return BrokerProblem(
        "tls_expired",
        "the broker's certificate, or one that signed it, has expired, so \(nothingSent): renew it at the broker;"
          + " if it is new, check the board's clock")
    case 62, 64:
      return BrokerProblem(
        "tls_name",
        "the certificate of what answers as the broker does not name \(host), so \(nothingSent): write in mqtt.host"
          + " the name in its certificate, or find out who answers there")
    case 23: return BrokerProblem("tls_authority", "the broker's certificate was revoked, so \(nothingSent): renew it")
    default:
      return BrokerProblem(
        "tls", "the broker's certificate is not believed (\(words)), so \(nothingSent): check it at the broker")
    }
  }

  /// With which alert the broker ended the handshake: RFC 8446, section 6.2.
  package static func refusedInHandshake(alert: Int32, isShared: Bool) -> BrokerProblem {
    // An unknown identity is refused in as many ways as a wrong key.
    if isShared, [20, 40, 47, 51, 115, 116].contains(alert) {
      return BrokerProblem(
        "tls_refused",
        "the broker does not accept this gateway's key: check mqtt.tls.psk_identity and the shared key on both sides")
    }
    switch alert {
    case 45:
      return BrokerProblem(
        "tls_refused", "the broker says that this gateway's certificate has expired: renew mqtt.tls.certificate")
    case 44:
      return BrokerProblem(
        "tls_refused", "the broker says that this gateway's certificate was revoked: ask for a new mqtt.tls.certificate"
      )
    // A signature that does not fit (51): of an authority that only has the name of the broker's.
    case 42, 43, 46, 48, 49, 51:
      return BrokerProblem(
        "tls_refused",
        "the broker does not accept this gateway's certificate: bring in mqtt.tls.certificate one that the broker's"
          + " authority signed")
    case 20, 40, 47, 115, 116:
      return BrokerProblem(
        "tls_refused",
        "the broker wants another proof of this gateway: bring mqtt.tls.certificate and mqtt.tls.key, or the shared key"
      )
    case 70:
      return BrokerProblem(
        "tls_refused",
        "the broker speaks no version of TLS that mqtt.tls.minimum_version allows: renew the broker, or allow 1.2")
    default:
      return BrokerProblem("tls", "the broker ended the TLS handshake (alert \(alert)): see the broker's log")
    }
  }
}
