public import Alerts
import Glibc
public import Observations

/// The id of an alert or a notice in a replay: the gateway's id, a slash and 26 characters that depend on `origin` alone.
///
/// They are the first 128 bits of the SHA-256 of the origin's members, in the form of a ULID.
public func replayIdentifier(for origin: AlertOrigin) -> String {
  var hasher = SHA256()
  // Each text is preceded by its length, so that no two origins are the same bytes.
  for text in [origin.gateway, origin.source, origin.kind] {
    hasher.add(bigEndian(UInt64(text.utf8.count)).span)
    hasher.add(text.utf8.span)
  }
  hasher.add(bigEndian(UInt64(bitPattern: origin.onset.milliseconds)).span)
  hasher.add(bigEndian(origin.ordinal).span)
  return "\(origin.gateway)/\(crockford(hasher.finish().bytes[..<16]))"
}

/// Ids of alerts and notices in live running.
public enum LiveIdentifier {
  /// A new id: the gateway's id, a slash and a ULID, which is 48 bits of the milliseconds of `time` and 80 random bits.
  ///
  /// - Throws: `SigningError.libraryFailed` when the system has no randomness to give.
  public static func make(gateway: String, at time: WallTime) throws(SigningError) -> String {
    // A clock before 1970 was never set: the random bits alone tell such ids apart.
    let milliseconds = UInt64(clamping: time.milliseconds)
    let random = try RandomBytes.make(10)
    return "\(gateway)/\(crockford((bigEndian(milliseconds)[2...] + random)[...]))"
  }

  /// A new id at the system's wall time. Where there is no randomness, which libcrypto says of a broken system only,
  /// the id is as in a replay of this millisecond: it stays unique within this board.
  public static func make(for origin: AlertOrigin) -> String {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    let now = WallTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    if let identifier = try? make(gateway: origin.gateway, at: now) { return identifier }
    return replayIdentifier(
      for: AlertOrigin(
        gateway: origin.gateway, source: origin.source, kind: "\(origin.kind) \(now.milliseconds)",
        onset: origin.onset, ordinal: origin.ordinal))
  }
}

private func bigEndian(_ number: UInt64) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) }
}

/// 16 bytes as 26 characters of Crockford's base 32, the most significant first; the first is 0 to 7.
private func crockford(_ bytes: ArraySlice<UInt8>) -> String {
  let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
  var number = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
  var characters = [UInt8](repeating: 0, count: 26)
  for index in characters.indices.reversed() {
    characters[index] = alphabet[Int(truncatingIfNeeded: number & 31)]
    number >>= 5
  }
  return String(decoding: characters, as: UTF8.self)
}
