import CCrypto

/// Bytes that nobody can guess, from libcrypto's generator.
public enum RandomBytes {
  /// - Throws: `SigningError.libraryFailed` when the system has no randomness to give.
  public static func make(_ count: Int) throws(SigningError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    guard unsafe mimamori_random(&bytes, count) == 1 else { throw .libraryFailed }
    return bytes
  }
}
