import Observations

/// Knows the tags whose identifiers change, by their keys.
///
/// For Eddystone-EID the identifiers that each tag may send now are computed beforehand and kept in a table: a stranger
/// costs one look into it. A resolvable address must be tried with every key; how many keys are tried a second is
/// limited, and an address beyond that is left for its next advertisement and counted.
struct RotatingTags: Sendable, CustomStringConvertible, CustomReflectable {
  /// One tag of the watch list.
  struct Tag: Sendable {
    let key: ResolverKey
    /// Its person's place in the list's plan.
    let member: Int
    /// What a recording calls it.
    let hash: SHA256Hash
  }

  /// What trying the keys on an address led to.
  enum Resolution: Sendable, Equatable {
    case member(Int)
    case stranger
    /// There was no time to try: the next advertisement will do.
    case later
  }

  /// Keys that may be tried at once, and how many more each second: some 5 ms of a small board's second.
  private static let mostTries: Int64 = 50_000
  /// The table of identifiers is at most so long; the tags that would lead beyond it are not recognised.
  private static let mostIdentifiers = 40_000

  private var ephemeral: [(tag: Tag, windows: ClosedRange<Int64>?)] = []
  private var addresses: [Tag] = []
  private var members: [UInt64: Int32] = [:]
  private let hashes: [Int: SHA256Hash]
  private var adjustedAt: WallTime?
  private var tries = RotatingTags.mostTries
  private var triesAt: MonotonicTime?
  /// Addresses that were left for later.
  private(set) var postponed: UInt64 = 0
  /// Tags that the table of identifiers has no room for.
  private(set) var withoutRoom = 0

  /// The table follows the clock in steps of a second.
  private static let adjustmentStep = TimeSpan.seconds(1)

  init(_ tags: [Tag]) {
    hashes = Dictionary(tags.map { ($0.member, $0.hash) }, uniquingKeysWith: { first, _ in first })
    for tag in tags {
      if case .address = tag.key.scheme { addresses.append(tag) } else { ephemeral.append((tag, nil)) }
    }
  }

  var isEmpty: Bool { ephemeral.isEmpty && addresses.isEmpty }

  /// What a recording calls a tag of this member.
  func hash(ofMember member: Int) -> SHA256Hash? { hashes[member] }

  /// Follows the wall clock, also where it is set back.
  mutating func adjust(to wall: WallTime) {
    if let adjustedAt, wall >= adjustedAt, wall - adjustedAt < Self.adjustmentStep { return }
    adjustedAt = wall
    withoutRoom = 0
    for index in ephemeral.indices {
      let (tag, old) = ephemeral[index]
      let new = tag.key.windows(at: wall)
      guard new != old else { continue }
      for window in old ?? 0...0 where old != nil && !(new?.contains(window) ?? false) {
        members[tag.key.identifier(ofWindow: window)] = nil
      }
      guard let new, members.count + new.count <= Self.mostIdentifiers else {
        forget(old, of: tag)
        ephemeral[index].windows = nil
        if new != nil { withoutRoom += 1 }
        continue
      }
      for window in new where !(old?.contains(window) ?? false) {
        members[tag.key.identifier(ofWindow: window)] = Int32(tag.member)
      }
      ephemeral[index].windows = new
    }
  }

  private mutating func forget(_ windows: ClosedRange<Int64>?, of tag: Tag) {
    guard let windows else { return }
    for window in windows { members[tag.key.identifier(ofWindow: window)] = nil }
  }

  /// Whose tag sends this ephemeral identifier now.
  func member(ofIdentifier tag: TagIdentifier) -> Int? {
    guard tag.count == 8 else { return nil }
    let number = (0..<8).reduce(UInt64(0)) { $0 << 8 | UInt64(tag.byte($1)) }
    return members[number].map { Int($0) }
  }

  /// Whose address this is.
  mutating func resolve(address tag: TagIdentifier, at time: MonotonicTime) -> Resolution {
    guard tag.count == 6, !addresses.isEmpty else { return .stranger }
    refill(at: time)
    guard tries >= addresses.count else {
      postponed += 1
      return .later
    }
    tries -= Int64(addresses.count)
    let random = (0..<3).reduce(UInt32(0)) { $0 << 8 | UInt32(tag.byte($1)) }
    let hash = (3..<6).reduce(UInt32(0)) { $0 << 8 | UInt32(tag.byte($1)) }
    for address in addresses where address.key.addressHash(random: random) == hash { return .member(address.member) }
    return .stranger
  }

  private mutating func refill(at time: MonotonicTime) {
    let elapsed = triesAt.map { time - $0 } ?? .zero
    triesAt = time
    guard elapsed > .zero else { return }
    // An hour of waiting must not overflow what a second fills.
    let gained = min(elapsed.nanoseconds, 1_000_000_000) / 1000 * Self.mostTries / 1_000_000
    if gained == 0 {
      triesAt = time - elapsed
    } else {
      tries = min(Self.mostTries, tries + gained)
    }
  }

  // Printing it must not print who sends what.
  var description: String { "RotatingTags(\(ephemeral.count + addresses.count))" }
  var customMirror: Mirror { Mirror(self, children: []) }
}
