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
    subjects = list?.plan.members.map(\.subject) ?? []
    // A board without a list keeps no cache, and no memory for one.
    cache?.wipe()
    if list == nil || list?.table.count == 0 {
      cache = nil
    } else if cache == nil {
      cache = TagCache(capacity: cacheCapacity, span: cacheSpan)
    }
  }

  /// Whose tag was heard at `time`, if it is somebody's on the list.
  public mutating func match(_ tag: TagIdentifier, at time: MonotonicTime) -> SubjectID? {
    guard let hash = cacheHash(of: tag) else { return nil }
    switch cache?.answer(for: tag, hash: hash, at: time) {
    case .member(let member)?: return subjects[member]
    case .stranger?: return nil
    case .unknown?, nil: break
    }
    guard let list else { return nil }
    let member = list.table.member(for: list.tagKey.hash(of: tag))
    cache?.remember(tag, hash: hash, member: member, at: time)
    return member.map { subjects[$0] }
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

  /// The keyed hash of `tag` for a recording, if its owner is on the list; strangers are not recorded.
  public func listedHash(of tag: TagIdentifier) -> SHA256Hash? {
    guard let list else { return nil }
    let hash = list.tagKey.hash(of: tag)
    return list.table.member(for: hash) == nil ? nil : hash
  }

  /// Whose tag has this hash, for a recording's line.
  public func subject(forHash hash: SHA256Hash) -> SubjectID? {
    list?.table.member(for: hash).map { subjects[$0] }
  }

  /// Identifiers remembered now, at most twice the capacity.
  public var rememberedCount: Int { cache?.count ?? 0 }

  /// A number that only this process knows to compute, so that nobody can send identifiers that crowd into one slot.
  private func cacheHash(of tag: TagIdentifier) -> Int? {
    cache == nil ? nil : tag.hashValue
  }
}
