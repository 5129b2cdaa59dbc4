public import Observations

/// The signed head of a watch list: for whom it is, how long it holds, and the hash of each part.
public struct WatchListManifest: Sendable, Hashable {
  /// One part's number, from 1, and what its bytes must be.
  public struct Part: Sendable, Hashable, Codable {
    public let number: Int
    /// SHA-256 in 64 hexadecimal digits, lower case.
    public let sha256: String
    public let bytes: Int

    enum CodingKeys: String, CodingKey {
      case number = "n"
      case sha256
      case bytes
    }
  }

  /// The `typ` of its signature.
  public static let type = "mimamori-watchlist"
  /// The right that its signer needs.
  public static let right = "watchlist"
  /// No part is longer, in bytes.
  public static let maximumPartBytes = 65_536
  /// No manifest names more parts; its 4 KB hold fewer.
  static let maximumParts = 64

  public let root: String
  public let group: String
  /// From 1; a list of a lower revision than the accepted one is refused.
  public let revision: Int
  public let issued: WallTime
  /// The last moment at which it is accepted.
  public let validUntil: WallTime
  /// Names the tag key under which its tags are hashed.
  public let tagKeyIdentifier: String
  public let parts: [Part]

  /// Reads the payload of a verified signature.
  public init(verifiedPayload payload: [UInt8]) throws(WatchListRefusal) {
    let wire: Wire
    do {
      wire = try StrictJSON.decode(Wire.self, from: payload)
    } catch {
      throw Self.malformed("\(error)")
    }
    guard let issued = WallTime(rfc3339: wire.issued) else { throw Self.malformed("issued is no RFC 3339 time") }
    guard let validUntil = WallTime(rfc3339: wire.validUntil) else {
      throw Self.malformed("valid_until is no RFC 3339 time")
    }
    guard validUntil > issued else { throw Self.malformed("valid_until is not after issued") }
    guard wire.revision >= 1 else { throw Self.malformed("revision is below 1") }
    guard wire.parts.count <= Self.maximumParts else {
      throw WatchListRefusal(
        .tooLong, "it has \(wire.parts.count) parts, more than \(Self.maximumParts)", "divide the group")
    }
    for (index, part) in wire.parts.enumerated() {
      guard part.number == index + 1 else { throw Self.malformed("parts[\(index)].n is not \(index + 1)") }
      guard SHA256Hash(hex: part.sha256) != nil else {
        throw Self.malformed("parts[\(index)].sha256 is not 64 hexadecimal digits in lower case")
      }
      guard part.bytes > 0 else { throw Self.malformed("parts[\(index)].bytes is below 1") }
      guard part.bytes <= Self.maximumPartBytes else {
        throw WatchListRefusal(
          .tooLong, "part \(part.number) has \(part.bytes) bytes, more than \(Self.maximumPartBytes)",
          "divide it into several")
      }
    }
    root = wire.root
    group = wire.group
    revision = wire.revision
    self.issued = issued
    self.validUntil = validUntil
    tagKeyIdentifier = wire.tagKeyIdentifier
    parts = wire.parts
  }

  /// The payload as it is written, with the names of the wire.
  struct Wire: Codable {
    var root: String
    var group: String
    var revision: Int
    var issued: String
    var validUntil: String
    var tagKeyIdentifier: String
    var parts: [Part]

    enum CodingKeys: String, CodingKey {
      case root, group, revision, issued
      case validUntil = "valid_until"
      case tagKeyIdentifier = "tag_kid"
      case parts
    }
  }

  private static func malformed(_ problem: String) -> WatchListRefusal {
    WatchListRefusal(.malformed, "its manifest is malformed: \(problem)", "make it with 'mimamori-gateway sign'")
  }
}
