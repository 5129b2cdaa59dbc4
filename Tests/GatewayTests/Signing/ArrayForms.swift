import Gateway
import Observations
import Testing

// The macros of the testing library take no spans: the same calls with arrays.

/// Bytes written in hexadecimal digits.
func bytes(_ hex: String) throws -> [UInt8] {
  let found = Hexadecimal.bytes(of: hex.utf8.span)
  return try #require(found)
}

/// A tag by its format's word and its hexadecimal digits.
func tag(_ format: String, _ hex: String) throws -> TagIdentifier {
  let format = try #require(TagFormat(name: format))
  return try tag(format, try bytes(hex))
}

func tag(_ format: TagFormat, _ bytes: [UInt8]) throws -> TagIdentifier {
  let found = TagIdentifier(format: format, bytes: bytes.span)
  return try #require(found)
}

extension SHA256Hash {
  init(ofArray bytes: [UInt8]) { self.init(of: bytes.span) }
  init?(array bytes: [UInt8]) { self.init(bytes: bytes.span) }
}

extension MessageAuthentication {
  init(keyArray key: [UInt8]) { self.init(key: key.span) }
  func code(forArray text: [UInt8]) -> SHA256Hash { code(for: text.span) }
}

extension Base64URL {
  static func encode(array bytes: [UInt8]) -> [UInt8] { encode(bytes.span) }
  static func decode(array text: some Sequence<UInt8>) -> [UInt8]? {
    let text = Array(text)
    return decode(text.span)
  }
}

extension Ed25519.PublicKey {
  func verifies(_ signature: [UInt8], ofArray text: [UInt8]) -> Bool { verifies(signature, of: text.span) }
}

extension Ed25519.PrivateKey {
  func signature(ofArray text: [UInt8]) throws(SigningError) -> [UInt8] { try signature(of: text.span) }
}

/// A small generator with a seed, so that a failing test fails again.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
