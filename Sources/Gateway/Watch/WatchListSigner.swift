public import Observations

/// Makes a watch list that gateways accept, on the city's machine.
public struct WatchListSigner: Sendable {
  /// No draft is longer, in bytes.
  public static let maximumDraftBytes = 16 << 20

  private let key: Ed25519.PrivateKey
  private let keyIdentifier: String
  private let tagKey: TagKey
  private let tagKeyIdentifier: String

  /// - Parameters:
  ///   - keyIdentifier: the `kid` under which gateways know the public key.
  ///   - tagKeyIdentifier: the kid under which gateways know the tag key.
  public init(key: Ed25519.PrivateKey, keyIdentifier: String, tagKey: TagKey, tagKeyIdentifier: String) {
    self.key = key
    self.keyIdentifier = keyIdentifier
    self.tagKey = tagKey
    self.tagKeyIdentifier = tagKeyIdentifier
  }

  /// For whom a list is and how long it holds.
  public struct Scope: Sendable {
    public let root: String
    public let group: String
    public let revision: Int
    public let issued: WallTime
    public let validUntil: WallTime

    public init(root: String, group: String, revision: Int, issued: WallTime, validUntil: WallTime) {
      self.root = root
      self.group = group
      self.revision = revision
      self.issued = issued
      self.validUntil = validUntil
    }
  }

  /// Hashes the tags of a draft (JSON), packs them into parts and signs the manifest.
  ///
  /// - Throws: status 65 when the draft or the scope is bad, or when the list is too long for one group.
  public func sign(draft: [UInt8], for scope: Scope) throws(GatewayError) -> WatchListFile {
    let persons: WatchListDraft
    do {
      persons = try StrictJSON.decode(WatchListDraft.self, from: draft)
    } catch {
      throw GatewayError(.badInputData, "Failed to read the persons: \(error): correct the input")
    }
    let entries = try persons.entries(hashedWith: tagKey)
    guard entries.count <= WatchList.maximumTags else {
      throw Self.bad("\(entries.count) tags are more than \(WatchList.maximumTags)", "divide the group")
    }
    let parts = try Self.parts(of: entries)
    let zone = TimeZoneOffsets.fixed(seconds: 0)
    let payload = StrictJSON.encode(
      WatchListManifest.Wire(
        root: scope.root, group: scope.group, revision: scope.revision, issued: scope.issued.rfc3339(in: zone),
        validUntil: scope.validUntil.rfc3339(in: zone), tagKeyIdentifier: tagKeyIdentifier,
        parts: parts.enumerated().map { index, part in
          WatchListManifest.Part(number: index + 1, sha256: SHA256Hash.hex(of: part), bytes: part.count)
        }))
    let manifest: [UInt8]
    do {
      manifest = try JSONWebSignature.sign(
        payload, type: WatchListManifest.type, keyIdentifier: keyIdentifier, with: key)
    } catch {
      throw GatewayError(.badInputData, "\(error)")
    }
    let file = WatchListFile(manifest: manifest, parts: parts.map { $0[...] })
    guard manifest.count <= JSONWebSignature.maximumBytes else {
      throw Self.bad(
        "\(parts.count) parts are more than a manifest of \(JSONWebSignature.maximumBytes) bytes can name",
        "divide the group")
    }
    do {
      // What a gateway would refuse for its form is not handed out.
      _ = try WatchListSummary(of: file, verifiedBy: key.publicKey)
    } catch {
      throw GatewayError(.badInputData, "\(error)")
    }
    return file
  }

  /// Fills parts up to their limit, in order.
  private static func parts(of entries: [WatchListEntry.WireTag]) throws(GatewayError) -> [[UInt8]] {
    let opening = Array(#"{"tags":["#.utf8)
    let closing = Array("]}".utf8)
    var parts = [[UInt8]]()
    var part = opening
    for entry in entries {
      let bytes = StrictJSON.encode(entry)
      guard opening.count + bytes.count + closing.count <= WatchListManifest.maximumPartBytes else {
        throw bad("one tag's places and rules fill more than a whole part", "shorten them")
      }
      if part.count > opening.count, part.count + 1 + bytes.count + closing.count > WatchListManifest.maximumPartBytes {
        parts.append(part + closing)
        part = opening
      }
      if part.count > opening.count { part.append(UInt8(ascii: ",")) }
      part += bytes
    }
    if part.count > opening.count { parts.append(part + closing) }
    return parts
  }

  private static func bad(_ problem: String, _ advice: String) -> GatewayError {
    GatewayError(.badInputData, "Failed to make the watch list: \(problem): \(advice)")
  }
}

/// What a signed list says of itself to somebody who has no gateway: the city's staff before they bring it out.
public struct WatchListSummary: Sendable, Hashable, CustomStringConvertible {
  public let manifest: WatchListManifest
  public let keyIdentifier: String
  public let tags: Int
  public let subjects: Int
  public let gateways: Int

  /// Verifies the signature, the parts and their form.
  public init(of file: WatchListFile, verifiedBy publicKey: Ed25519.PublicKey) throws(WatchListRefusal) {
    let signed: (keyIdentifier: String, payload: [UInt8])
    do {
      signed = try Self.open(file.manifest, publicKey)
    } catch {
      throw WatchListRefusal(error)
    }
    keyIdentifier = signed.keyIdentifier
    manifest = try WatchListManifest(verifiedPayload: signed.payload)
    try file.check(against: manifest)
    var entries = [WatchListEntry]()
    for (index, part) in file.parts.enumerated() {
      entries += try WatchListEntry.entries(ofPart: index + 1, bytes: part)
    }
    tags = entries.count
    subjects = Set(entries.map(\.subject)).count
    gateways = Set(entries.flatMap(\.assignments).map(\.gateway)).count
  }

  private static func open(
    _ text: [UInt8], _ publicKey: Ed25519.PublicKey
  ) throws(SigningError) -> (keyIdentifier: String, payload: [UInt8]) {
    let signature = try JSONWebSignature(compact: text)
    guard signature.type == WatchListManifest.type else {
      throw .wrongType(found: signature.type, expected: WatchListManifest.type)
    }
    return (signature.keyIdentifier, try signature.payload(verifiedBy: publicKey))
  }

  public var description: String {
    let zone = TimeZoneOffsets.fixed(seconds: 0)
    return """
      The signature is good.
      kid:         \(keyIdentifier)
      root, group: \(manifest.root), \(manifest.group)
      revision:    \(manifest.revision)
      issued:      \(manifest.issued.rfc3339(in: zone))
      valid until: \(manifest.validUntil.rfc3339(in: zone))
      tag key:     \(manifest.tagKeyIdentifier)
      parts:       \(manifest.parts.count)
      tags:        \(tags) of \(subjects) persons at \(gateways) gateways
      """
  }
}
