/// Finds a tag's hash among those of the watch list: 36 bytes a tag and a power of two of 4-byte slots.
struct TagTable: Sendable {
  private static let empty: Int32 = -1

  private let hashes: [SHA256Hash]
  private let members: [Int32]
  /// Indices of `hashes`. At least half are empty, so that a search ends soon.
  private let slots: [Int32]

  /// - Parameter tags: each hash once, at most `WatchList.maximumTags`.
  init(_ tags: [(hash: SHA256Hash, member: Int)]) {
    hashes = tags.map(\.hash)
    members = tags.map { Int32($0.member) }
    var capacity = 2
    while capacity < 2 * tags.count { capacity *= 2 }
    var slots = [Int32](repeating: Self.empty, count: capacity)
    for (index, tag) in tags.enumerated() {
      var slot = Self.start(tag.hash, capacity)
      while slots[slot] != Self.empty { slot = (slot + 1) & (capacity - 1) }
      slots[slot] = Int32(index)
    }
    self.slots = slots
  }

  var count: Int { hashes.count }

  /// The member to whom the tag with this hash belongs.
  func member(for hash: SHA256Hash) -> Int? {
    var slot = Self.start(hash, slots.count)
    while slots[slot] != Self.empty {
      let index = Int(slots[slot])
      if hashes[index] == hash { return Int(members[index]) }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  private static func start(_ hash: SHA256Hash, _ capacity: Int) -> Int {
    Int(truncatingIfNeeded: hash.word) & (capacity - 1)
  }
}
