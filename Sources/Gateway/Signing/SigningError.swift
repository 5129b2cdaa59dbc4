/// Why a signed text is not believed, or why none can be made. Each says what to do about it.
///
/// Words that come from the signed text itself are printable ASCII of at most 64 characters, so they may be logged.
public enum SigningError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Longer than any text of its kind.
  case tooLong(bytes: Int, limit: Int)
  /// Not header, payload and signature with a full stop between them.
  case notCompact
  /// A part is not strict base64url.
  case notBase64URL(part: String)
  /// The header is no JSON object with members that are each given once.
  case malformedHeader(reason: String)
  /// The header demands an extension (`crit`).
  case criticalExtension
  case wrongAlgorithm(String)
  case wrongType(found: String, expected: String)
  /// No configured authority has this `kid`.
  case unknownKey(String)
  case withoutRight(keyIdentifier: String, right: String)
  case wrongSignature(keyIdentifier: String)
  /// A name that no header may carry.
  case unusableKeyIdentifier
  /// libcrypto gave up: no memory, no randomness, or no Ed25519.
  case libraryFailed

  public var description: String {
    switch self {
    case .tooLong(let bytes, let limit):
      "Failed to verify a signed text: it has \(bytes) bytes, more than \(limit): send a smaller one"
    case .notCompact:
      "Failed to verify a signed text: it is not a JWS in compact form (three parts with two full stops): "
        + "sign it with 'mimamori-gateway sign'"
    case .notBase64URL(let part):
      "Failed to verify a signed text: its \(part) is not base64url without padding and white space: "
        + "transfer the file again, as binary"
    case .malformedHeader(let reason):
      "Failed to verify a signed text: its header is malformed: \(reason): sign it again"
    case .criticalExtension:
      "Failed to verify a signed text: its header demands an extension (crit), and none is supported: "
        + "sign it without"
    case .wrongAlgorithm(let name):
      "Failed to verify a signed text: its algorithm is '\(name)': sign it with EdDSA (Ed25519)"
    case .wrongType(let found, let expected):
      "Failed to verify a signed text: it is of type '\(found)', not '\(expected)': send what belongs here"
    case .unknownKey(let keyIdentifier):
      "Failed to verify a signed text: no [[authority]] has the kid '\(keyIdentifier)': add its public key to the "
        + "configuration, or sign with a known key"
    case .withoutRight(let keyIdentifier, let right):
      "Failed to verify a signed text: the authority '\(keyIdentifier)' may not '\(right)': add it to the authority's "
        + "'may', or sign with another key"
    case .wrongSignature(let keyIdentifier):
      "Failed to verify a signed text: the signature is not by the key of '\(keyIdentifier)', or the text was changed: "
        + "compare the public key, and transfer the file again"
    case .unusableKeyIdentifier:
      "Failed to sign: a kid has 1 to 64 letters, digits, full stops, hyphens and underscores: choose another"
    case .libraryFailed:
      "Failed to use libcrypto: it has no memory, no randomness or no Ed25519: check the machine's OpenSSL"
    }
  }
}
