import Observations

/// Remembers for a while what the table said about an identifier, so that a tag which is heard often is hashed once.
///
/// The only place where identifiers are kept, and in the clear: those of bystanders too. So it is bounded in number and
/// in time, and what it forgets is overwritten. It has two generations: when the younger is full or old, the older is
/// wiped and takes its place. An identifier is gone at the latest two spans after it was last heard.
struct TagCache: Sendable, CustomStringConvertible, CustomReflectable {
  /// What is known of an identifier.
  enum Answer: Sendable, Equatable {
    case unknown
    /// Not on the list.
    case stranger
    /// The member's index.
    case member(Int)
  }

  private struct Slot {
    static let empty = Slot(tag: nil, member: 0)
    var tag: TagIdentifier?
    /// -1 for a stranger.
    var member: Int32
  }

  private struct Generation {
    var slots: [Slot]
    var count = 0

    init(slotCount: Int) {
      slots = Array(repeating: .empty, count: slotCount)
    }

    /// The slot of `tag`, or the empty one where it belongs.
    func slot(of tag: TagIdentifier, hash: Int) -> Int {
      let mask = slots.count - 1
      var slot = hash & mask
      while let found = slots[slot].tag, found != tag { slot = (slot + 1) & mask }
      return slot
    }

    mutating func wipe() {
      guard count > 0 else { return }
      for index in slots.indices { slots[index] = .empty }
      count = 0
    }
  }

  private let capacity: Int
  private let span: TimeSpan
  private var young: Generation
  private var old: Generation
  private var youngSince: MonotonicTime?
  /// How often the older generation was wiped before its time, because the younger was full.
  private(set) var earlyTurns: UInt64 = 0

  /// - Parameters:
  ///   - capacity: identifiers a generation, at least 1.
  ///   - span: how long a generation is the younger one.
  init(capacity: Int, span: TimeSpan) {
    self.capacity = capacity
    self.span = span
    var slotCount = 2
    while slotCount < 2 * capacity { slotCount *= 2 }
    young = Generation(slotCount: slotCount)
    old = Generation(slotCount: slotCount)
  }

  /// Identifiers held, at most twice the capacity.
  var count: Int { young.count + old.count }

  /// What is remembered of `tag`, heard at `time`.
  mutating func answer(for tag: TagIdentifier, hash: Int, at time: MonotonicTime) -> Answer {
    age(to: time)
    var slot = young.slots[young.slot(of: tag, hash: hash)]
    if slot.tag == nil {
      guard old.count > 0 else { return .unknown }
      slot = old.slots[old.slot(of: tag, hash: hash)]
      guard slot.tag != nil else { return .unknown }
      insert(tag, hash: hash, member: slot.member, at: time)
    }
    return slot.member < 0 ? .stranger : .member(Int(slot.member))
  }

  /// The member that `tag` is remembered as; does not prolong the memory.
  func member(for tag: TagIdentifier, hash: Int) -> Int? {
    for generation in [young, old] {
      let slot = generation.slots[generation.slot(of: tag, hash: hash)]
      if slot.tag != nil { return slot.member < 0 ? nil : Int(slot.member) }
    }
    return nil
  }

  /// Remembers what the table said of `tag`: a member's index, or nil.
  mutating func remember(_ tag: TagIdentifier, hash: Int, member: Int?, at time: MonotonicTime) {
    insert(tag, hash: hash, member: member.map { Int32($0) } ?? -1, at: time)
  }

  /// Forgets what is older than its time. To be called now and then when nothing is heard.
  mutating func age(to time: MonotonicTime) {
    guard let since = youngSince else { return }
    let age = time - since
    guard age >= span else { return }
    turn()
    if age >= span * 2 { turn() }
  }

  /// Forgets everything.
  mutating func wipe() {
    turn()
    turn()
  }

  private mutating func insert(_ tag: TagIdentifier, hash: Int, member: Int32, at time: MonotonicTime) {
    if young.count >= capacity {
      earlyTurns += old.count > 0 ? 1 : 0
      turn()
    }
    let slot = young.slot(of: tag, hash: hash)
    if young.slots[slot].tag == nil { young.count += 1 }
    young.slots[slot] = Slot(tag: tag, member: member)
    if youngSince == nil { youngSince = time }
  }

  /// The younger generation becomes the older, which is wiped.
  private mutating func turn() {
    old.wipe()
    swap(&young, &old)
    youngSince = nil
  }

  // Printing a matcher must not print whom it has heard.
  var description: String { "TagCache(\(count))" }
  var customMirror: Mirror { Mirror(self, children: []) }
}
