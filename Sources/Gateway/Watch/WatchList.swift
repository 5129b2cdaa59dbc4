public import Alerts
public import Observations

/// A watch list that was accepted: who is watched over at this gateway, and by which tags they are known.
public struct WatchList: Sendable {
  /// No list has more tags, counted over all gateways.
  public static let maximumTags = 10_000

  /// What is expected of one person at one place of this gateway.
  public struct Expectation: Sendable, Hashable {
    public let subject: SubjectID
    public let place: PlaceID
    public let rules: WatchRules
  }

  public let revision: Int
  public let issued: WallTime
  public let validUntil: WallTime
  /// Names the tag key that `table` was hashed under.
  public let tagKeyIdentifier: String
  /// For the station.
  public let plan: WatchPlan
  /// The rules of `plan`'s members, by place.
  public let expectations: [Expectation]
  /// What the operator should know although the list is accepted.
  public let warnings: [String]

  /// For the tag matcher: this gateway's tags, and the place in `plan.members` of whose each is.
  let table: TagTable
  let tagKey: TagKey
  let rotating: [RotatingTags.Tag]
}

/// What a gateway asks of a watch list before it believes it.
public struct WatchListVerifier: Sendable {
  private let root: String
  private let group: String
  private let gateway: String
  private let places: Set<PlaceID>
  private let authorities: [SigningAuthority]
  private let tagKeys: [String: TagKey]
  private let resolverKeys: [String: ResolverKey]

  /// - Parameters:
  ///   - root: the configured `[mqtt] root`.
  ///   - group: the configured `[watchlist] group`.
  ///   - gateway: this gateway's id.
  ///   - places: every configured `[[place]]`.
  ///   - authorities: every configured `[[authority]]`; those with the right `watchlist` may sign lists.
  ///   - tagKeys: the loaded `[watchlist] tag_keys` by their kid.
  ///   - resolverKeys: the loaded `[watchlist] resolver_keys` by what lists call them.
  public init(
    root: String, group: String, gateway: String, places: Set<PlaceID>, authorities: [SigningAuthority],
    tagKeys: [String: TagKey], resolverKeys: [String: ResolverKey] = [:]
  ) {
    self.root = root
    self.group = group
    self.gateway = gateway
    self.places = places
    self.authorities = authorities
    self.tagKeys = tagKeys
    self.resolverKeys = resolverKeys
  }

  /// Accepts a list that was brought as a file, or refuses it whole.
  ///
  /// - Parameters:
  ///   - acceptedRevision: the highest revision that this gateway has accepted, over all restarts; 0 for none. The same
  ///     revision again is accepted.
  ///   - now: expiry is judged by it, unless its clock is unsynchronized.
  public func accept(
    fileBytes: [UInt8], acceptedRevision: Int, at now: Moment
  ) throws(WatchListRefusal) -> WatchList {
    try accept(try WatchListFile(bytes: fileBytes), acceptedRevision: acceptedRevision, at: now)
  }

  /// Accepts a manifest alone: what is to be known before its parts are fetched.
  public func manifest(
    _ text: [UInt8], acceptedRevision: Int, at now: Moment
  ) throws(WatchListRefusal) -> WatchListManifest {
    let manifest = try verified(text)
    try judge(manifest, acceptedRevision: acceptedRevision)
    try judge(end: manifest.validUntil, at: now)
    return manifest
  }

  private func judge(end: WallTime, at now: Moment) throws(WatchListRefusal) {
    guard now.clock == .unsynchronized || now.wall <= end else {
      throw WatchListRefusal(.expired, "it was valid until \(text(of: end))", "bring a newer list")
    }
  }

  /// Accepts a list, or refuses it whole.
  public func accept(
    _ file: WatchListFile, acceptedRevision: Int, at now: Moment
  ) throws(WatchListRefusal) -> WatchList {
    let manifest = try manifest(file.manifest, acceptedRevision: acceptedRevision, at: now)
    return try read(file, manifest, at: now)
  }

  /// Takes up again a list that this gateway accepted before and kept over a restart.
  ///
  /// That it has ended since then is a warning, no refusal: the list in use stays until a newer one is accepted.
  public func resume(fileBytes: [UInt8], at now: Moment) throws(WatchListRefusal) -> WatchList {
    let file = try WatchListFile(bytes: fileBytes)
    let manifest = try verified(file.manifest)
    try judge(manifest, acceptedRevision: 0)
    return try read(file, manifest, at: now)
  }

  /// The revision of a list that this gateway accepted before and kept, also when it can no longer be taken up, such as
  /// after a change of keys or places; 0 when it was for another root or group, whose revisions count apart.
  public func revision(ofKept fileBytes: [UInt8]) -> Int {
    guard let file = try? WatchListFile(bytes: fileBytes),
      let signature = try? JSONWebSignature(compact: file.manifest),
      let manifest = try? WatchListManifest(verifiedPayload: signature.payloadVerifiedBefore), manifest.root == root,
      manifest.group == group
    else { return 0 }
    return manifest.revision
  }

  private func read(
    _ file: WatchListFile, _ manifest: WatchListManifest, at now: Moment
  ) throws(WatchListRefusal) -> WatchList {
    var warnings = warnings(ofEnd: manifest.validUntil, at: now)
    guard let tagKey = tagKeys[manifest.tagKeyIdentifier] else {
      throw WatchListRefusal(
        .unknownTagKey,
        "its tags are hashed under the key '\(printable(manifest.tagKeyIdentifier))', not one of this "
          + "gateway's", "add the key to [watchlist] tag_keys, or sign the list with a tag key of this gateway")
    }
    try file.check(against: manifest)
    var collector = WatchListCollector(gateway: gateway, places: places)
    for (index, part) in file.parts.enumerated() {
      let entries = try WatchListEntry.entries(ofPart: index + 1, bytes: part)
      for (position, entry) in entries.enumerated() {
        try collector.add(entry, at: "part \(index + 1), tags[\(position)]")
      }
    }
    let (members, tags, resolvers) = collector.finish()
    let rotating = rotatingTags(resolvers, hashedWith: tagKey)
    if rotating.count < resolvers.count {
      warnings.append(
        "\(resolvers.count - rotating.count) rotating tags of the watch list are not recognised: add their keys to the "
          + "file that [watchlist] resolver_keys names")
    }
    return WatchList(
      revision: manifest.revision, issued: manifest.issued, validUntil: manifest.validUntil,
      tagKeyIdentifier: manifest.tagKeyIdentifier,
      plan: WatchPlan(revision: manifest.revision, members: members),
      expectations: collector.expectations, warnings: warnings,
      table: TagTable(tags + rotating.map { ($0.hash, $0.member) }), tagKey: tagKey, rotating: rotating)
  }

  /// The rotating tags whose keys are here.
  private func rotatingTags(
    _ resolvers: [(resolver: WatchListEntry.Resolver, member: Int)], hashedWith tagKey: TagKey
  ) -> [RotatingTags.Tag] {
    resolvers.compactMap { resolver, member in
      guard let key = resolverKeys[resolver.keyReference], key.format.name == resolver.format,
        let hash = key.recordedHash(reference: resolver.keyReference, tagKey)
      else { return nil }
      return RotatingTags.Tag(key: key, member: member, hash: hash)
    }
  }

  private func verified(_ text: [UInt8]) throws(WatchListRefusal) -> WatchListManifest {
    let payload: [UInt8]
    do {
      payload = try JSONWebSignature(compact: text).payload(
        ofType: WatchListManifest.type, right: WatchListManifest.right, authorities: authorities)
    } catch {
      throw WatchListRefusal(error)
    }
    return try WatchListManifest(verifiedPayload: payload)
  }

  /// Throws unless the manifest is meant for this gateway and not older than what was accepted.
  private func judge(_ manifest: WatchListManifest, acceptedRevision: Int) throws(WatchListRefusal) {
    guard manifest.root == root else {
      throw WatchListRefusal(
        .wrongRoot, "it is for the root '\(printable(manifest.root))', not '\(root)'", "bring this gateway's list")
    }
    guard manifest.group == group else {
      throw WatchListRefusal(
        .wrongGroup, "it is for the group '\(printable(manifest.group))', not '\(group)'", "bring this gateway's list")
    }
    guard manifest.revision >= acceptedRevision else {
      throw WatchListRefusal(
        .older, "its revision \(manifest.revision) is older than \(acceptedRevision), which was accepted",
        "bring the newest list, or sign this one again with a higher revision")
    }
  }

  /// What is to be said of a list's end although it is used.
  private func warnings(ofEnd end: WallTime, at now: Moment) -> [String] {
    if now.clock == .unsynchronized {
      return ["the watch list's end (\(text(of: end))) was not judged: the clock is not synchronized"]
    }
    if now.wall > end {
      return ["the watch list was valid until \(text(of: end)) and is used on: bring a newer one"]
    }
    return []
  }

  private func text(of time: WallTime) -> String { time.rfc3339(in: .fixed(seconds: 0)) }
}

/// A text of the list as it may stand in a message: printable ASCII, at most 64 characters.
private func printable(_ text: String) -> String {
  String(text.unicodeScalars.prefix(64).map { (0x20..<0x7F).contains($0.value) ? Character($0) : "?" })
}
