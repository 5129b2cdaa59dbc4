public import Observations

extension FaultCause {
  /// A certificate ends soon.
  public static let certificateExpiring = FaultCause(rawValue: "certificate_expiring")
  /// A certificate has ended.
  public static let certificateExpired = FaultCause(rawValue: "certificate_expired")
}

/// A certificate that this gateway needs to reach a broker.
public enum BoardCertificate: String, Sendable, Hashable, CaseIterable {
  /// The gateway's own.
  case own = "certificate"
  /// Those of the authorities that sign the broker's.
  case authority = "certificate-authority"
  /// The same for the second broker.
  case fallbackOwn = "fallback-certificate"
  case fallbackAuthority = "fallback-certificate-authority"

  /// What an alert about it is about.
  public var source: SensorID { SensorID("board:\(rawValue)") }

  /// As the configuration names it, which is how an alert calls it.
  public var name: String {
    switch self {
    case .own: "mqtt.tls.certificate"
    case .authority: "mqtt.tls.ca"
    case .fallbackOwn: "mqtt.fallback.tls.certificate"
    case .fallbackAuthority: "mqtt.fallback.tls.ca"
    }
  }
}

/// The board's certificates: one that ends soon is an alert of kind `certificate` until it is renewed.
extension Station {
  /// What is told of a certificate at present; nil while nothing is.
  public func fault(of certificate: BoardCertificate) -> FaultCause? {
    book.index(of: .certificate, for: certificate.source).flatMap { book.active[$0].alert.fault }
  }

  /// How long a certificate lasts was looked at; nil: long enough.
  mutating func takeCertificate(
    _ certificate: BoardCertificate, _ cause: FaultCause?, at moment: Moment, into effects: inout Effects
  ) {
    let position = book.index(of: .certificate, for: certificate.source)
    var content = AlertContent(severity: .moderate, urgency: .expected, fault: cause)
    switch (cause, position) {
    case (let cause?, let position?):
      guard book.active[position].alert.fault != cause else { return }
      update(position, reason: "cause", content: content, isNews: true, at: moment, into: &effects)
    case (_?, nil):
      raise(
        .certificate, sensor: certificate.source, name: certificate.name, onset: moment, content: content, at: moment,
        into: &effects)
    case (nil, let position?):
      content.fault = book.active[position].alert.fault
      content.urgency = .past
      tellClear(position, reason: "recovered", content: content, at: moment, into: &effects)
    case (nil, nil): return
    }
  }

  /// Whether the plan still has the certificate that an alert is about.
  func isOfACertificate(_ alert: Alert) -> Bool {
    alert.kind == .certificate && plan.certificates.contains { $0.source == alert.sensor }
  }
}
