/// Who may sign what: an `[[authority]]` of the configuration.
public struct SigningAuthority: Sendable, Hashable {
  /// The `kid` that its signatures carry.
  public let keyIdentifier: String
  public let publicKey: Ed25519.PublicKey
  /// The words of its `may`, such as `watchlist`.
  public let rights: Set<String>

  public init(keyIdentifier: String, publicKey: Ed25519.PublicKey, rights: Set<String>) {
    self.keyIdentifier = keyIdentifier
    self.publicKey = publicKey
    self.rights = rights
  }
}

/// A signed text in JWS compact form (RFC 7515, section 7.1), signed with Ed25519 (RFC 8037) and nothing else.
///
/// Its payload is there only for whoever has verified the signature: the order is fixed by the type.
public struct JSONWebSignature: Sendable {
  /// A signed watch list or a signed command is no longer than this, in bytes.
  public static let maximumBytes = 4096
  static let maximumHeaderBytes = 512
  static let maximumHeaderMembers = 8

  /// The signer's name for its key, as claimed: 1 to 64 letters, digits, full stops, hyphens and underscores.
  public let keyIdentifier: String
  /// What kind of text it claims to be, such as `mimamori-watchlist`.
  public let type: String
  private let signedText: [UInt8]
  private let payloadText: ArraySlice<UInt8>
  private let signature: [UInt8]

  /// Takes a text apart. Looks at nothing of the payload.
  public init(compact text: [UInt8], maximumBytes: Int = JSONWebSignature.maximumBytes) throws(SigningError) {
    guard text.count <= maximumBytes else { throw .tooLong(bytes: text.count, limit: maximumBytes) }
    let stops = text.indices.filter { text[$0] == UInt8(ascii: ".") }
    guard stops.count == 2 else { throw .notCompact }
    let header = try Self.header(of: text[..<stops[0]])
    let signatureText = text[(stops[1] + 1)...]
    guard let signature = Base64URL.decode(signatureText.span) else {
      throw .notBase64URL(part: "signature")
    }
    keyIdentifier = header.keyIdentifier
    type = header.type
    signedText = Array(text[..<stops[1]])
    payloadText = text[(stops[0] + 1)..<stops[1]]
    self.signature = signature
  }

  /// The payload, if `publicKey` signed it.
  public func payload(verifiedBy publicKey: Ed25519.PublicKey) throws(SigningError) -> [UInt8] {
    guard publicKey.verifies(signature, of: signedText.span) else {
      throw .wrongSignature(keyIdentifier: keyIdentifier)
    }
    guard let payload = Base64URL.decode(payloadText.span) else { throw .notBase64URL(part: "payload") }
    return payload
  }

  /// The payload, if it is of the type `expected` and an authority with the right `right` signed it.
  public func payload(
    ofType expected: String, right: String, authorities: [SigningAuthority]
  ) throws(SigningError) -> [UInt8] {
    guard type == expected else { throw .wrongType(found: type, expected: expected) }
    guard let authority = authorities.first(where: { $0.keyIdentifier == keyIdentifier }) else {
      throw .unknownKey(keyIdentifier)
    }
    guard authority.rights.contains(right) else { throw .withoutRight(keyIdentifier: keyIdentifier, right: right) }
    return try payload(verifiedBy: authority.publicKey)
  }

  /// The payload of a text that was verified when it was accepted and has been kept by this gateway itself since then.
  /// Empty when it is not base64url.
  var payloadVerifiedBefore: [UInt8] { Base64URL.decode(payloadText.span) ?? [] }

  /// Signs `payload`.
  public static func sign(
    _ payload: [UInt8], type: String, keyIdentifier: String, with key: Ed25519.PrivateKey
  ) throws(SigningError) -> [UInt8] {
    guard isName(keyIdentifier), isName(type) else { throw .unusableKeyIdentifier }
    let header = Array(#"{"alg":"EdDSA","kid":"\#(keyIdentifier)","typ":"\#(type)"}"#.utf8)
    var text = Base64URL.encode(header.span)
    text.append(UInt8(ascii: "."))
    text += Base64URL.encode(payload.span)
    let signature = try key.signature(of: text.span)
    text.append(UInt8(ascii: "."))
    return text + Base64URL.encode(signature.span)
  }

  /// Whether `text` can stand in a header, a log and a message as it is: 1 to 64 letters, digits, `.`, `-` and `_`.
  public static func isName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { character in
        switch character {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}

extension JSONWebSignature {
  private struct Header {
    var keyIdentifier: String
    var type: String
  }

  /// The members that are looked at; the others say nothing to us (RFC 7515, section 4).
  private struct HeaderMembers: Decodable {
    var alg: String
    var kid: String
    var typ: String
  }

  /// Counts members, and finds `crit` whatever its value.
  private struct HeaderNames: Decodable {
    struct Name: CodingKey {
      var stringValue: String
      var intValue: Int? { nil }
      init?(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    var names: [String]

    init(from decoder: any Decoder) throws {
      names = try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue)
    }
  }

  private static func header(of text: ArraySlice<UInt8>) throws(SigningError) -> Header {
    guard text.count <= maximumHeaderBytes else {
      throw .malformedHeader(reason: "it has more than \(maximumHeaderBytes) characters")
    }
    guard let json = Base64URL.decode(text.span) else { throw .notBase64URL(part: "header") }
    let members: HeaderMembers
    do {
      let names = try StrictJSON.decode(HeaderNames.self, from: json).names
      if names.contains("crit") { throw SigningError.criticalExtension }
      guard names.count <= maximumHeaderMembers else {
        throw SigningError.malformedHeader(reason: "it has more than \(maximumHeaderMembers) members")
      }
      members = try StrictJSON.decode(HeaderMembers.self, from: json)
    } catch let error as SigningError {
      throw error
    } catch {
      throw .malformedHeader(reason: "\(error)")
    }
    guard isName(members.alg), isName(members.kid), isName(members.typ) else {
      throw .malformedHeader(
        reason: "alg, kid and typ have 1 to 64 letters, digits, full stops, hyphens and underscores")
    }
    guard members.alg == "EdDSA" else { throw .wrongAlgorithm(members.alg) }
    return Header(keyIdentifier: members.kid, type: members.typ)
  }
}
