import Glibc

/// A key read from a file, and what is wrong with how the file is kept.
public struct LoadedKey<Key: Sendable>: Sendable {
  public let key: Key
  /// Such as rights that let others read a secret; nil when all is well.
  public let warning: String?
}

/// Key files: small, read once at start.
public enum KeyFile {
  /// No key file is longer, in bytes.
  static let maximumBytes = 4096

  /// Reads an Ed25519 public key: PEM or base64url.
  ///
  /// - Throws: status 66 for a missing file, 77 for one that may not be read, 65 for one that is no key.
  public static func publicKey(at path: String) throws(GatewayError) -> Ed25519.PublicKey {
    guard let key = Ed25519.PublicKey(text: try InputFile.read(path, limit: maximumBytes)) else {
      throw GatewayError(
        .badInputData,
        "Failed to read \(path): it is no Ed25519 public key: use the .pub file that 'sign keypair' wrote "
          + "(PEM or base64url)")
    }
    return key
  }

  /// Reads an Ed25519 private key: PEM without a password, or base64url.
  public static func privateKey(at path: String) throws(GatewayError) -> LoadedKey<Ed25519.PrivateKey> {
    guard let key = Ed25519.PrivateKey(text: try InputFile.read(path, limit: maximumBytes)) else {
      throw GatewayError(
        .badInputData,
        "Failed to read \(path): it is no Ed25519 private key without a password: use the .key file that "
          + "'sign keypair' wrote (PEM or base64url)")
    }
    return LoadedKey(key: key, warning: warning(secretAt: path))
  }

  /// Reads a tag key: 32 bytes as they are, or 64 hexadecimal digits.
  public static func tagKey(at path: String) throws(GatewayError) -> LoadedKey<TagKey> {
    guard let key = TagKey(text: try InputFile.read(path, limit: maximumBytes)) else {
      throw GatewayError(
        .badInputData,
        "Failed to read \(path): it is no tag key: it must hold 32 random bytes or 64 hexadecimal digits, as "
          + "'sign tagkey' writes them")
    }
    return LoadedKey(key: key, warning: warning(secretAt: path))
  }

  /// Reads the keys of rotating tags, by what watch lists call them.
  public static func resolverKeys(at path: String) throws(GatewayError) -> LoadedKey<[String: ResolverKey]> {
    let bytes = try InputFile.read(path, limit: ResolverKey.maximumFileBytes)
    do {
      return LoadedKey(key: try ResolverKey.keys(ofFile: bytes), warning: warning(secretAt: path))
    } catch {
      throw GatewayError(
        .badInputData, "Failed to read the keys of rotating tags in \(path): \(error.reason): \(error.advice)")
    }
  }

  /// Reads the key that a broker has too: hexadecimal digits for 16 to 64 bytes, on one line.
  public static func sharedKey(at path: String) throws(GatewayError) -> LoadedKey<[UInt8]> {
    var text = try InputFile.read(path, limit: maximumBytes)
    while let last = text.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { text.removeLast() }
    guard let key = Hexadecimal.bytes(of: text.span, allowingUpperCase: true), (16...64).contains(key.count) else {
      throw GatewayError(
        .badInputData,
        "Failed to read \(path): it is no shared key: it must hold 32 to 128 hexadecimal digits on one line, as "
          + "'openssl rand -hex 32' writes them")
    }
    return LoadedKey(key: key, warning: warning(secretAt: path))
  }

  /// What to say about a secret that other users of the machine can read.
  static func warning(secretAt path: String) -> String? {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o007 != 0 else {
      return nil
    }
    return "\(path) is open to every user of this machine: run 'chmod o= \(path)'"
  }
}
