import Alerts
import Delivery

/// Knows what was raised and what arrived, and says what is broken.
struct Judge {
  private struct Name: Hashable {
    var id: String
    var revision: Int
    var form: OutgoingMessage.Form
  }

  private struct Line: Hashable {
    var id: String
    var form: OutgoingMessage.Form
  }

  private struct Raised {
    var stream: String
    var sequence: UInt64?
    var draft: [UInt8]
    var raisedAt: Int64
    /// It is in the ledger, on the disk.
    var isKept = false
    /// Of the bytes that arrived.
    var arrived: UInt64?
    /// They arrived while the ledger could not note that these are the bytes.
    var isLooselyFrozen = false
    /// The ledger could not be read while it waited: a later revision may go first, rather than wait for a lost one.
    var mayBeOvertaken = false
    /// It was sent from memory by a run that said that it could not note so: it may be raised again.
    var isForgotten = false
  }

  private struct Number: Hashable {
    var stream: String
    var sequence: UInt64
  }

  /// So late at most a gateway notices that its clock was set, or is trusted: it looks at it once a minute at least, and at
  /// how far it is trusted every ten seconds. What falls due until then is stamped by the old time.
  private static let noticeNanoseconds = 70 * Int64.second

  private let clock: VirtualClock
  private var raised: [Name: Raised] = [:]
  /// What is yet to be written, and what is yet to arrive.
  private var unwritten: [Name] = []
  private var waiting: Set<Name> = []
  private var newest: [Line: Int] = [:]
  private var numbers: [Number: Name] = [:]
  private var last: [String: UInt64] = [:]
  /// The highest number of each stream that must not be given again.
  private var used: [String: UInt64] = [:]
  private(set) var raisedCount = 0
  private(set) var arrivals = 0
  private(set) var duplicates = 0
  private(set) var notKept = 0
  /// Messages that a process sent while its ledger failed, and that the next one, after a kill, sent with another time of
  /// sending.
  private(set) var frozenTwice = 0
  var isLedgerFailing = false
  /// Of everything that arrived, and when.
  private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325

  init(clock: VirtualClock) { self.clock = clock }

  /// How many messages that must arrive have not.
  var missing: Int { waiting.count }

  private func breach(_ invariant: Invariant, _ what: String) -> Breach {
    Breach(invariant: invariant, what: what, at: clock.now)
  }

  mutating func note(_ words: UInt64...) {
    for word in words { digest = (digest ^ word) &* 0x9E37_79B9_7F4A_7C15 ^ digest >> 29 }
  }

  static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  // MARK: What the gateway says

  /// The gateway begins, and goes on from these numbers.
  ///
  /// - Parameter isForgetful: whether a run before said that it could not note which numbers it sent from memory.
  mutating func begins(lastSequences: [String: UInt64], isForgetful: Bool) throws(Breach) {
    last = lastSequences
    if isForgetful {
      forget(from: lastSequences)
    }
    for (stream, sequence) in used where lastSequences[stream] ?? 0 < sequence {
      throw breach(
        .kept, "the number \(sequence) of \(stream) was used, and the ledger knows \(lastSequences[stream] ?? 0)")
    }
  }

  /// What was sent and not noted may be raised again.
  private mutating func forget(from lastSequences: [String: UInt64]) {
    used = lastSequences
    numbers = numbers.filter { $0.key.sequence <= lastSequences[$0.key.stream] ?? 0 }
    for (name, known) in raised where !known.isKept { raised[name]?.isForgotten = true }
    newest = [:]
    for (name, known) in raised where known.isKept && known.arrived != nil {
      let line = Line(id: name.id, form: name.form)
      newest[line] = max(newest[line] ?? 0, name.revision)
    }
  }

  mutating func commits(_ messages: [OutgoingMessage]) throws(Breach) {
    for message in messages {
      let name = Name(id: message.id, revision: message.revision, form: message.form)
      if let known = raised[name], known.isKept || known.arrived != nil, !known.isForgotten,
        known.draft != message.draft
      {
        throw breach(.sameBytes, "\(message.id) revision \(message.revision) is raised a second time")
      }
      if let sequence = message.sequence {
        let expected = (last[message.stream] ?? 0) + 1
        guard sequence == expected else {
          throw breach(.gapless, "\(sequence) follows \(expected - 1) in \(message.stream)")
        }
        last[message.stream] = sequence
      }
      raised[name] = Raised(
        stream: message.stream, sequence: message.sequence, draft: message.draft, raisedAt: clock.now)
      raisedCount += 1
      unwritten.append(name)
      waiting.insert(name)
      note(Judge.hash(message.draft), UInt64(bitPattern: clock.now))
    }
  }

  /// All that was committed is on the disk.
  mutating func allIsWritten() {
    for name in unwritten {
      raised[name]?.isKept = true
      if let known = raised[name], let sequence = known.sequence {
        used[known.stream] = max(used[known.stream] ?? 0, sequence)
      }
    }
    unwritten.removeAll(keepingCapacity: true)
  }

  /// The process is gone. What it had not written, and no broker has, need not arrive; it may, where a write that failed has
  /// reached the disk all the same.
  mutating func ends() {
    for name in unwritten where raised[name]?.arrived == nil {
      waiting.remove(name)
      notKept += 1
    }
    unwritten.removeAll(keepingCapacity: true)
  }

  /// The disk cannot be read for now.
  mutating func readsFail() {
    for name in waiting { raised[name]?.mayBeOvertaken = true }
  }

  // MARK: What the broker hears

  mutating func hears(_ message: WireMessage) throws(Breach) {
    arrivals += 1
    guard let id = message.id, let revision = message.revision else {
      return note(UInt64(message.payload.count), UInt64(bitPattern: clock.now))
    }
    let hash = Judge.hash(message.payload)
    note(hash, UInt64(bitPattern: clock.now))
    let isCAP = message.topic.hasPrefix(Site.topics.base + "/cap")
    let name = Name(id: id, revision: revision, form: isCAP ? .cap : .counted)
    guard var known = raised[name] else {
      throw breach(.unaltered, "\(id) revision \(revision) arrives and was never raised")
    }
    if let before = known.arrived {
      duplicates += 1
      guard before != hash else { return }
      guard known.isLooselyFrozen, isVersion(message.payload, of: known) else {
        throw breach(.sameBytes, "\(id) revision \(revision) arrives with other bytes")
      }
      frozenTwice += 1
      raised[name]?.arrived = hash
      raised[name]?.isLooselyFrozen = isLedgerFailing
      return
    }
    guard isVersion(message.payload, of: known) else {
      throw breach(
        .unaltered,
        "\(id) revision \(revision) arrives with other bytes than it was raised with: "
          + Versions.difference(message.payload, known.draft))
    }
    let line = Line(id: id, form: name.form)
    if let newest = newest[line], newest > revision, !known.mayBeOvertaken {
      throw breach(.order, "revision \(revision) of \(id) arrives after revision \(newest)")
    }
    newest[line] = max(newest[line] ?? 0, revision)
    if let sequence = known.sequence {
      let number = Number(stream: known.stream, sequence: sequence)
      if let other = numbers[number], other != name {
        throw breach(.gapless, "the number \(sequence) of \(known.stream) names \(other.id) and \(id)")
      }
      numbers[number] = name
      used[known.stream] = max(used[known.stream] ?? 0, sequence)
    }
    known.arrived = hash
    known.isLooselyFrozen = isLedgerFailing
    raised[name] = known
    waiting.remove(name)
  }

  /// Whether these are the bytes of what was raised, or those that it gets when it is late, or when the clock was set since.
  private func isVersion(_ payload: [UInt8], of known: Raised) -> Bool {
    Versions.isVersion(payload, of: known.draft)
      || clock.changedAt >= known.raisedAt - Judge.noticeNanoseconds && Versions.isCorrected(payload, of: known.draft)
  }

  /// Whether a message arrives for the first time.
  func isNews(_ message: WireMessage) -> Bool {
    guard let id = message.id, let revision = message.revision else { return false }
    let isCAP = message.topic.hasPrefix(Site.topics.base + "/cap")
    return raised[Name(id: id, revision: revision, form: isCAP ? .cap : .counted)].map { $0.arrived == nil } ?? false
  }

  // MARK: The end

  /// Everything has healed and had its time.
  func closes() throws(Breach) {
    guard let name = waiting.min(by: { ($0.id, $0.revision) < ($1.id, $1.revision) }) else { return }
    throw breach(
      .delivered, "\(name.id) revision \(name.revision) has not arrived, and \(waiting.count - 1) others with it")
  }
}
