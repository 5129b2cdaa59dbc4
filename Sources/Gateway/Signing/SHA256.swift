import CCrypto

/// The 32 bytes of a SHA-256 hash (FIPS 180-4) or of an HMAC-SHA-256.
public struct SHA256Hash: Sendable, Hashable {
  // The bytes in their order, whatever the machine's own: they are only compared and copied as memory.
  private var first: UInt64 = 0
  private var second: UInt64 = 0
  private var third: UInt64 = 0
  private var fourth: UInt64 = 0

  /// The hash of `bytes`.
  public init(of bytes: Span<UInt8>) {
    var hasher = SHA256()
    hasher.add(bytes)
    self = hasher.finish()
  }

  /// Takes 32 bytes as a hash; nil for any other count.
  public init?(bytes: Span<UInt8>) {
    guard bytes.count == 32 else { return nil }
    unsafe self.init { destination in
      for index in 0..<32 { unsafe destination[index] = bytes[index] }
    }
  }

  /// Reads 64 hexadecimal digits in lower case; nil for anything else.
  public init?(hex text: String) {
    guard let bytes = Hexadecimal.bytes(of: text.utf8.span) else { return nil }
    self.init(bytes: bytes.span)
  }

  /// Lets `fill` write the 32 bytes.
  init(filledBy fill: (UnsafeMutablePointer<UInt8>) -> Void) {
    unsafe withUnsafeMutableBytes(of: &self) { memory in
      unsafe memory.withMemoryRebound(to: UInt8.self) { bytes in
        // SAFETY: the four words are 32 bytes without padding, so the buffer has an address.
        unsafe fill(bytes.baseAddress!)
      }
    }
  }

  /// The 32 bytes.
  public var bytes: [UInt8] {
    unsafe withUnsafeBytes(of: self) { unsafe Array($0) }
  }

  /// The hash in 64 hexadecimal digits, lower case.
  public var hex: String { Hexadecimal.text(of: bytes.span) }

  /// The hash of `bytes` in 64 hexadecimal digits, lower case.
  public static func hex(of bytes: [UInt8]) -> String { SHA256Hash(of: bytes.span).hex }

  /// The hash's 32 bytes, for the ledger.
  public static func digest(of bytes: [UInt8]) -> [UInt8] { SHA256Hash(of: bytes.span).bytes }

  /// Eight of the bytes: evenly spread, so that a table needs no further hashing.
  var word: UInt64 { first }
}

/// A SHA-256 under way: bytes are added in pieces.
public struct SHA256: Sendable {
  private var context = SHA256_CTX()

  public init() {
    unsafe mimamori_sha256_start(&context)
  }

  /// Adds `bytes` to what is hashed.
  public mutating func add(_ bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe mimamori_sha256_add(&context, buffer.baseAddress, buffer.count)
    }
  }

  /// The hash of all that was added. This value may go on to add more.
  public func finish() -> SHA256Hash {
    var copy = context
    return unsafe SHA256Hash { unsafe mimamori_sha256_finish(&copy, $0) }
  }
}
