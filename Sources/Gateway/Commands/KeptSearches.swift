import Delivery
import Observations

/// The searches for tags, as the ledger keeps them so that a restart goes on with them: hashes and pseudonyms, as the watch
/// list.
struct KeptSearches {
  /// One search.
  struct Search: Codable {
    /// Of another boot its end is judged anew.
    struct Timing: Codable {
      var end: TagSearchEnd
      var boot: String
      var savedAt: MonotonicTime
    }

    /// The keyed hash in hexadecimal.
    var tag: String
    var subject: String
    var until: WallTime
    /// Nil in a record of an earlier program, which knew wall time alone.
    var timing: Timing?
  }

  static let prefix = "gateway/search/"

  private let boot: String
  private var byTag: [String: Search] = [:]

  /// - Parameters:
  ///   - records: what the ledger kept.
  ///   - changes: takes records that are to be committed: what cannot be read is gone there as well.
  init(records: [StateRecord], boot: String, changes: inout [StateRecord]) {
    self.boot = boot
    for record in records where record.key.hasPrefix(Self.prefix) {
      guard let value = record.value else { continue }
      guard let search = try? StrictJSON.decode(Search.self, from: value), SHA256Hash(hex: search.tag) != nil else {
        changes.append(StateRecord(key: record.key, value: nil))
        continue
      }
      // An earlier program kept one of each person.
      if record.key != Self.key(of: search.tag) {
        changes.append(StateRecord(key: record.key, value: nil))
        guard byTag[search.tag] == nil else { continue }
        changes.append(Self.record(search))
      }
      byTag[search.tag] = search
    }
  }

  /// Keeps a search that begins now, and no longer those that are over: there are no more than go on.
  ///
  /// - Returns: what is to be committed with the answer.
  mutating func begin(
    _ tag: SHA256Hash, as subject: SubjectID, until end: TagSearchEnd, at now: Moment
  ) -> [StateRecord] {
    var changes: [StateRecord] = []
    _ = goOn(at: now, changes: &changes)
    let search = Search(
      tag: tag.hex, subject: subject.text, until: end.until,
      timing: Search.Timing(end: end, boot: boot, savedAt: now.monotonic))
    byTag[search.tag] = search
    changes.append(Self.record(search))
    return changes
  }

  /// What goes on at `now`, in the order of the tags; what is over is forgotten.
  mutating func goOn(
    at now: Moment, changes: inout [StateRecord]
  ) -> [(tag: SHA256Hash, subject: SubjectID, end: TagSearchEnd)] {
    var going: [(tag: SHA256Hash, subject: SubjectID, end: TagSearchEnd)] = []
    for (key, search) in byTag.sorted(by: { $0.key < $1.key }) {
      let end = end(of: search, at: now)
      guard !end.isOver(at: now.monotonic), let tag = SHA256Hash(hex: search.tag) else {
        byTag[key] = nil
        changes.append(StateRecord(key: Self.key(of: key), value: nil))
        continue
      }
      if search.timing?.boot != boot {
        let timing = Search.Timing(end: end, boot: boot, savedAt: now.monotonic)
        byTag[key]?.timing = timing
        changes.append(
          Self.record(Search(tag: search.tag, subject: search.subject, until: search.until, timing: timing)))
      }
      going.append((tag, SubjectID(search.subject), end))
    }
    return going
  }

  private func end(of search: Search, at now: Moment) -> TagSearchEnd {
    guard let timing = search.timing else { return TagSearchEnd(until: search.until, resumedAt: now) }
    guard timing.boot == boot else { return timing.end.inAnotherBoot(savedAt: timing.savedAt, now: now) }
    var end = timing.end
    end.follow(now)
    return end
  }

  private static func key(of tag: String) -> String { prefix + tag }

  private static func record(_ search: Search) -> StateRecord {
    StateRecord(key: key(of: search.tag), value: StrictJSON.encode(search))
  }
}
