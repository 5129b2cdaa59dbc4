import CCrypto

/// Signatures of 64 bytes with keys of 32 bytes (RFC 8032, section 5.1).
public enum Ed25519 {
  /// Verifies what the holder of the private key has signed.
  public struct PublicKey: Sendable, Hashable {
    /// The 32 bytes of the key.
    public let bytes: [UInt8]

    /// Takes a raw key; nil unless there are 32 bytes.
    public init?(bytes: [UInt8]) {
      guard bytes.count == 32 else { return nil }
      self.bytes = bytes
    }

    /// Reads a key file's text: PEM (`BEGIN PUBLIC KEY`), or the raw key in base64url. Nil for anything else.
    public init?(text: [UInt8]) {
      if let raw = Ed25519.rawKey(text) {
        self.bytes = raw
        return
      }
      var key = [UInt8](repeating: 0, count: 32)
      guard unsafe mimamori_ed25519_public_from_pem(text, text.count, &key) == 1 else { return nil }
      self.bytes = key
    }

    /// The key as PEM, which the `openssl` program reads too.
    public var pem: [UInt8] {
      unsafe Ed25519.pem(of: bytes) { unsafe mimamori_ed25519_public_to_pem($0, $1, $2, $3) }
    }

    /// Whether `signature` is this key's signature of `text`. False also when libcrypto fails: nothing is proved then.
    public func verifies(_ signature: [UInt8], of text: Span<UInt8>) -> Bool {
      guard signature.count == 64 else { return false }
      return unsafe text.withUnsafeBufferPointer { buffer in
        unsafe mimamori_ed25519_verify(bytes, buffer.baseAddress, buffer.count, signature) == 1
      }
    }
  }

  /// Signs. Shows nothing of itself when printed.
  public struct PrivateKey: Sendable, CustomStringConvertible, CustomReflectable {
    private let seed: [UInt8]
    /// What others verify with.
    public let publicKey: PublicKey

    /// A new random key.
    public init() throws(SigningError) {
      var seed = [UInt8](repeating: 0, count: 32)
      guard unsafe mimamori_ed25519_generate(&seed) == 1 else { throw .libraryFailed }
      try self.init(checkedSeed: seed)
    }

    /// Takes the 32 bytes of RFC 8032's private key; nil for any other count.
    public init?(bytes: [UInt8]) {
      guard bytes.count == 32, let key = try? PrivateKey(checkedSeed: bytes) else { return nil }
      self = key
    }

    /// Reads a key file's text: PEM (`BEGIN PRIVATE KEY`, not encrypted), or the raw key in base64url. Nil for
    /// anything else.
    public init?(text: [UInt8]) {
      var seed = [UInt8](repeating: 0, count: 32)
      if let raw = Ed25519.rawKey(text) {
        seed = raw
      } else if unsafe mimamori_ed25519_seed_from_pem(text, text.count, &seed) != 1 {
        return nil
      }
      self.init(bytes: seed)
    }

    private init(checkedSeed seed: [UInt8]) throws(SigningError) {
      var key = [UInt8](repeating: 0, count: 32)
      guard unsafe mimamori_ed25519_public(seed, &key) == 1, let publicKey = PublicKey(bytes: key) else {
        throw .libraryFailed
      }
      self.seed = seed
      self.publicKey = publicKey
    }

    /// The key as PEM (PKCS #8), not encrypted: for a file of mode 0600.
    public var pem: [UInt8] {
      unsafe Ed25519.pem(of: seed) { unsafe mimamori_ed25519_seed_to_pem($0, $1, $2, $3) }
    }

    /// The signature of `text`: the same for the same text.
    public func signature(of text: Span<UInt8>) throws(SigningError) -> [UInt8] {
      var signature = [UInt8](repeating: 0, count: 64)
      let result = unsafe text.withUnsafeBufferPointer { buffer in
        unsafe mimamori_ed25519_sign(seed, buffer.baseAddress, buffer.count, &signature)
      }
      guard result == 1 else { throw .libraryFailed }
      return signature
    }

    public var description: String { "Ed25519.PrivateKey" }
    public var customMirror: Mirror { Mirror(self, children: []) }
  }

  /// 32 bytes in base64url with at most one line end behind them.
  private static func rawKey(_ text: [UInt8]) -> [UInt8]? {
    let line = text.last == UInt8(ascii: "\n") ? text.dropLast() : text[...]
    guard line.count == 43, let raw = Base64URL.decode(line.span), raw.count == 32 else { return nil }
    return raw
  }

  private typealias Writer = (
    UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>, Int, UnsafeMutablePointer<Int>
  ) -> Int32

  /// An Ed25519 key's PEM has at most 119 bytes.
  private static func pem(of key: [UInt8], written: Writer) -> [UInt8] {
    var text = [UInt8](repeating: 0, count: 256)
    var count = 0
    guard unsafe written(key, &text, text.count, &count) == 1 else { return [] }
    return Array(text[..<count])
  }
}
