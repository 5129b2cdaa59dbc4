import CCrypto

/// HMAC-SHA-256 (RFC 2104) under one key: its two key-dependent states are computed once.
///
/// A text of up to 55 bytes, such as a tag's identifier, then costs two compressions and no allocation. Shows nothing
/// of the key when printed.
public struct MessageAuthentication: Sendable, CustomStringConvertible, CustomReflectable {
  private var states = mimamori_hmac()

  /// Any length of key; 32 random bytes are right.
  public init(key: Span<UInt8>) {
    unsafe key.withUnsafeBufferPointer { buffer in
      unsafe mimamori_hmac_start(&states, buffer.baseAddress, buffer.count)
    }
  }

  /// The code of `text`.
  public func code(for text: Span<UInt8>) -> SHA256Hash {
    unsafe withUnsafePointer(to: states) { states in
      unsafe text.withUnsafeBufferPointer { buffer in
        unsafe SHA256Hash { unsafe mimamori_hmac_code(states, buffer.baseAddress, buffer.count, $0) }
      }
    }
  }

  public var description: String { "MessageAuthentication" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
