public import Observations

/// Who sends CAP messages, and to whom: the `[cap]` table.
public struct CAPIdentity: Sendable, Hashable {
  /// CAP 1.2, section 3.2.1: who the message is meant for.
  public enum Scope: String, Sendable, CaseIterable {
    case unrestricted = "Public"
    case restricted = "Restricted"
  }

  /// Globally unique, such as `kakogawa-042@example.jp`.
  public let sender: String
  public let scope: Scope
  /// Who may see it; nil unless the scope is restricted.
  public let restriction: String?

  /// Returns nil for what CAP forbids: a sender that is empty or has white space, a comma, `<` or `&`, and a restricted
  /// scope without its restriction.
  public init?(sender: String, scope: Scope, restriction: String?) {
    let isForbidden = { (scalar: Unicode.Scalar) in
      scalar.properties.isWhitespace || scalar.value < 0x20 || scalar == "," || scalar == "<" || scalar == "&"
    }
    guard !sender.isEmpty, !sender.unicodeScalars.contains(where: isForbidden) else { return nil }
    if scope == .restricted, restriction?.isEmpty ?? true { return nil }
    self.sender = sender
    self.scope = scope
    self.restriction = scope == .restricted ? restriction : nil
  }
}

/// What every payload of one gateway in one run has in common.
public struct FormatContext: Sendable {
  /// The sensors, places and outputs; its `gateway` is the gateway's id.
  public let plan: StationPlan
  /// The gateway's name, as people know it.
  public let name: String
  /// The six digits of the municipality: code and check digit.
  public let municipality: String
  /// Whom to ask, with a telephone number. Nil: the texts name nobody.
  public let contact: String?
  /// Where the board is.
  public let position: Position?
  /// Of every time that is written.
  public let zone: TimeZoneOffsets
  /// Such as `Asia/Tokyo`.
  public let zoneName: String
  /// BCP 47 tags: each text is written in each, in this order.
  public let languages: [String]
  /// Nil: no CAP is made.
  public let cap: CAPIdentity?
  /// Nil: no measures for a FIWARE IoT Agent are made.
  public let fiware: FIWAREFormat?
  /// Where everything is published.
  public let topics: Topics
  /// The program's version.
  public let version: String
  /// SHA-256 of the configuration's bytes, in lower-case hexadecimal.
  public let configurationSHA256: String
  /// A random id of this boot; `replay` in a replay.
  public let boot: String
  /// A random id made with the ledger.
  public let epoch: String
  /// The epoch of the ledger before, if there was one.
  public let previousEpoch: String?

  public init(
    plan: StationPlan, name: String, municipality: String, contact: String?, position: Position?,
    zone: TimeZoneOffsets, zoneName: String, languages: [String], cap: CAPIdentity?, topics: Topics,
    version: String, configurationSHA256: String, boot: String, epoch: String, previousEpoch: String? = nil,
    fiware: FIWAREFormat? = nil
  ) {
    self.plan = plan
    self.name = name
    self.municipality = municipality
    self.contact = contact
    self.position = position
    self.zone = zone
    self.zoneName = zoneName
    self.languages = languages
    self.cap = cap
    self.fiware = fiware
    self.topics = topics
    self.version = version
    self.configurationSHA256 = configurationSHA256
    self.boot = boot
    self.epoch = epoch
    self.previousEpoch = previousEpoch
  }
}
