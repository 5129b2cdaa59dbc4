public import Alerts
public import Observations

/// Turns a tag's identifier into the person whose it is, and forgets everybody else's.
///
/// Nothing behind it sees an identifier. Owned by the sensing thread, which gives it each new watch list.
public struct TagMatcher: Sendable {
  private let cacheCapacity: Int
  private let cacheSpan: TimeSpan
  private var list: WatchList?
  private var subjects: [SubjectID] = []
  private var cache: TagCache?
  private var rotating: RotatingTags?
  private var wall: WallTime?
  /// Tags that are searched for, on the list or not.
  private var searched: [SearchedTag] = []

  /// A tag that is searched for until an end.
  private struct SearchedTag: Sendable {
    let hash: SHA256Hash
    let subject: SubjectID
    var end: TagSearchEnd
  }

  /// So many tags are searched for at once.
  public static let mostSearched = 16

  /// Knows nobody until it is given a list.
  ///
  /// - Parameters:
  ///   - cacheCapacity: a generation of remembered identifiers, of which there are two; 64 bytes each.
  ///   - cacheSpan: an identifier is forgotten at the latest two of these after it was last heard.
  public init(cacheCapacity: Int = 4096, cacheSpan: TimeSpan = .minutes(5)) {
    self.cacheCapacity = max(1, cacheCapacity)
    self.cacheSpan = cacheSpan
  }

  /// Matches against `list` from now on; nil is nobody. What was remembered is forgotten.
  public mutating func use(_ list: WatchList?) {
    self.list = list
    numberSubjects()
    // A board without a list keeps no cache, and no memory for one.
    cache?.wipe()
    rotating = list.flatMap { $0.rotating.isEmpty ? nil : RotatingTags($0.rotating) }
    if let wall { rotating?.adjust(to: wall) }
    if list == nil || list?.table.count == 0 && searched.isEmpty {
      cache = nil
    } else if cache == nil {
      cache = TagCache(capacity: cacheCapacity, span: cacheSpan)
    }
  }

  /// Tells the civil time, by which some rotating tags are known. Costs nothing where there are none.
  public mutating func follow(_ wall: WallTime) {
    self.wall = wall
    rotating?.adjust(to: wall)
  }

  /// Searches for no tag any more whose search is over at `now`. Costs nothing where none is searched for.
  public mutating func endSearches(at now: Moment) {
    guard !searched.isEmpty else { return }
    for index in searched.indices { searched[index].end.follow(now) }
    guard searched.contains(where: { $0.end.isOver(at: now.monotonic) }) else { return }
    searched.removeAll { $0.end.isOver(at: now.monotonic) }
    numberSubjects()
    cache?.wipe()
  }

  /// Whose tag was heard at `time`, if it is somebody's on the list.
  public mutating func match(_ tag: TagIdentifier, at time: MonotonicTime) -> SubjectID? {
    if tag.format.isRotating { return matchRotating(tag, at: time) }
    guard let hash = cacheHash(of: tag) else { return nil }
    switch cache?.answer(for: tag, hash: hash, at: time) {
    case .member(let member)?: return subjects[member]
    case .stranger?: return nil
    case .unknown?, nil: break
    }
    guard let list else { return nil }
    let member = member(for: list.tagKey.hash(of: tag))
    cache?.remember(tag, hash: hash, member: member, at: time)
    return member.map { subjects[$0] }
  }

  /// Also knows the tag with this hash as `subject`'s, until an end. False without a list, whose key makes the hashes,
  /// and when too many are searched for.
  public mutating func search(for hash: SHA256Hash, as subject: SubjectID, until end: TagSearchEnd) -> Bool {
    guard list != nil, hasRoom(toSearchFor: hash) else { return false }
    searched.removeAll { $0.hash == hash }
    searched.append(SearchedTag(hash: hash, subject: subject, end: end))
    numberSubjects()
    // It may be remembered as a stranger's.
    cache?.wipe()
    if cache == nil { cache = TagCache(capacity: cacheCapacity, span: cacheSpan) }
    return true
  }

  /// Whether this tag can be searched for beside the others.
  public func hasRoom(toSearchFor hash: SHA256Hash) -> Bool {
    searched.count < Self.mostSearched || searched.contains { $0.hash == hash }
  }

  /// The list's persons, then those who are searched for.
  private mutating func numberSubjects() {
    subjects = (list?.plan.members.map(\.subject) ?? []) + searched.map(\.subject)
  }

  private func member(for hash: SHA256Hash) -> Int? {
    if let member = list?.table.member(for: hash) { return member }
    guard !searched.isEmpty, let position = searched.firstIndex(where: { $0.hash == hash }) else { return nil }
    return subjects.count - searched.count + position
  }

  /// What an ephemeral identifier means depends on the time, and looking it up is cheap: it is not remembered. An
  /// address means the same for as long as it is sent, and trying the keys is not cheap.
  private mutating func matchRotating(_ tag: TagIdentifier, at time: MonotonicTime) -> SubjectID? {
    guard rotating != nil else { return nil }
    if tag.format == .eddystoneEID {
      return rotating?.member(ofIdentifier: tag).map { subjects[$0] }
    }
    guard let hash = cacheHash(of: tag) else { return nil }
    switch cache?.answer(for: tag, hash: hash, at: time) {
    case .member(let member)?: return subjects[member]
    case .stranger?: return nil
    case .unknown?, nil: break
    }
    switch rotating?.resolve(address: tag, at: time) {
    case .member(let member)?:
      cache?.remember(tag, hash: hash, member: member, at: time)
      return subjects[member]
    case .stranger?:
      cache?.remember(tag, hash: hash, member: nil, at: time)
      return nil
    case .later?, nil: return nil
    }
  }

  /// What the station is told of a sighting at `time`; nil when the tag is nobody's.
  public mutating func input(for sighting: TagSighting, from sensor: SensorID, at time: MonotonicTime) -> StationInput?
  {
    match(sighting.tag, at: time).map {
      .sighting(sensor, $0, signal: sighting.signal, battery: sighting.battery, button: sighting.button)
    }
  }

  /// Forgets identifiers whose time is over although nothing new is heard. To be called about once a minute.
  public mutating func forget(at time: MonotonicTime) {
    cache?.age(to: time)
  }

  /// The keyed hash of `tag` for a recording, if its owner is on the list; strangers are not recorded. To be asked after
  /// `match`, which is what resolves a rotating tag.
  public func listedHash(of tag: TagIdentifier) -> SHA256Hash? {
    guard let list else { return nil }
    if tag.format.isRotating {
      let member =
        tag.format == .eddystoneEID
        ? rotating?.member(ofIdentifier: tag) : cacheHash(of: tag).flatMap { cache?.member(for: tag, hash: $0) }
      return member.flatMap { rotating?.hash(ofMember: $0) }
    }
    let hash = list.tagKey.hash(of: tag)
    return member(for: hash) == nil ? nil : hash
  }

  /// The list's revision.
  public var revision: Int? { list?.revision }

  /// The name of the key under which the list's tags are hashed.
  public var tagKeyIdentifier: String? { list?.tagKeyIdentifier }

  /// Whether this person is on the list.
  public func watches(_ subject: SubjectID) -> Bool {
    list?.plan.members.contains { $0.subject == subject } ?? false
  }

  /// Whose tag has this hash, for a recording's line.
  public func subject(forHash hash: SHA256Hash) -> SubjectID? {
    member(for: hash).map { subjects[$0] }
  }

  /// Identifiers remembered now, at most twice the capacity.
  public var rememberedCount: Int { cache?.count ?? 0 }

  /// Sightings of resolvable addresses that were left for the next one, because too many came at once.
  public var postponedAddresses: UInt64 { rotating?.postponed ?? 0 }

  /// How often identifiers were forgotten before their time for want of room.
  public var earlyForgets: UInt64 { cache?.earlyTurns ?? 0 }

  /// Rotating tags of the list for which there is no room.
  public var tagsWithoutRoom: Int { rotating?.withoutRoom ?? 0 }

  /// A number that only this process knows to compute, so that nobody can send identifiers that crowd into one slot.
  private func cacheHash(of tag: TagIdentifier) -> Int? {
    cache == nil ? nil : tag.hashValue
  }
}
