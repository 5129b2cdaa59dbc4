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

  /// What to say about a secret that other users of the machine can read.
  private static func warning(secretAt path: String) -> String? {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o007 != 0 else {
      return nil
    }
    return "\(path) is open to every user of this machine: run 'chmod o= \(path)'"
  }
}

/// Input files of a command, read whole.
public enum InputFile {
  /// The file's bytes.
  ///
  /// - Throws: status 66 when it is missing, 77 when it may not be read, 65 when it is longer than `limit` bytes, 74
  ///   when reading fails.
  public static func read(_ path: String, limit: Int) throws(GatewayError) -> [UInt8] {
    if let bytes = TextFile.bytes(path, limit: limit) { return bytes }
    let code = errno
    let reason = TextFile.reason(code)
    switch code {
    case ENOENT, ENOTDIR:
      throw GatewayError(.inputMissing, "Failed to read \(path): \(reason): check the path")
    case EACCES, EPERM:
      throw GatewayError(.noPermission, "Failed to read \(path): \(reason): check its owner and its mode")
    case EFBIG:
      throw GatewayError(
        .badInputData, "Failed to read \(path): it has more than \(limit) bytes: check that it is the right file")
    default:
      throw GatewayError(.inputOutputFailed, "Failed to read \(path): \(reason): check the disk")
    }
  }
}

/// Files that a command creates: whole or not at all.
public enum OutputFile {
  /// Writes `bytes` to a new file and syncs it.
  ///
  /// - Parameters:
  ///   - isSecret: only the file's owner may read it.
  ///   - replacing: whether a file that is already there may be replaced.
  /// - Throws: status 73 when it cannot be created or is there already, 74 when writing fails.
  public static func create(
    _ path: String, bytes: [UInt8], isSecret: Bool, replacing: Bool
  ) throws(GatewayError) {
    let temporary = "\(path).\(getpid()).new"
    let descriptor = unsafe open(
      temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, isSecret ? 0o600 : 0o644)
    guard descriptor >= 0 else { throw cannotCreate(path, errno) }
    defer { unsafe unlink(temporary) }
    let failure = write(bytes, to: descriptor)
    close(descriptor)
    guard failure == 0 else {
      throw GatewayError(
        .inputOutputFailed, "Failed to write \(path): \(TextFile.reason(failure)): make room on the disk")
    }
    // A link fails when the name is taken, also when it was taken a moment ago; a rename replaces.
    let result = replacing ? unsafe rename(temporary, path) : unsafe link(temporary, path)
    guard result == 0 else { throw cannotCreate(path, errno) }
  }

  /// Whether something has this name already.
  public static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        let code = errno
        if code == EINTR { continue }
        return code
      }
      rest = rest.dropFirst(count)
    }
    return fsync(descriptor) == 0 ? 0 : errno
  }

  private static func cannotCreate(_ path: String, _ code: Int32) -> GatewayError {
    let advice = code == EEXIST ? "choose another name, or give --force" : "check the folder and its mode"
    return GatewayError(.cannotCreateOutput, "Failed to create \(path): \(TextFile.reason(code)): \(advice)")
  }
}
