/// What a look along the ledger's chain of hashes found.
public struct LedgerChainProof: Sendable, Hashable {
  /// Links that were ever made: one a message, and one more where a draft waited for its final bytes.
  public var links: Int64
  /// The hash of the newest, 64 hexadecimal digits. Noted elsewhere, it proves later that nothing before it was changed.
  public var head: String
  /// Links of messages that were removed as old or replaced by their final bytes: only the hash after them is known.
  public var closed: Int64
  /// Messages that a program without hashes stored before: nothing proves their content.
  public var unproven: Int
  /// From which row on contents are proven; 1 where all are.
  public var provenFromRow: Int64
  /// Where it breaks, in the order of the chain: at most the first 100.
  public var breaks: [LedgerBreak]
}

/// One place where the chain of hashes breaks.
public struct LedgerBreak: Sendable, Hashable, CustomStringConvertible {
  /// What is wrong there.
  public enum Kind: Sendable, Hashable {
    /// The message, its place or its hash is not what was stored.
    case changed
    /// It cannot be read, with the reason.
    case unreadable(String)
    /// So many links are not there, directly before this message; without one, at the end.
    case removed(Int64)
    /// It has no hash although all have one since its row.
    case unhashed
    /// Its place in the chain is taken twice, or lies behind the end that was kept.
    case misplaced
    /// What was kept as the end of the chain is not there or does not fit the last message.
    case head
  }

  public var kind: Kind
  /// The message's row and stream, and its number there; nil where there is no message to name.
  public var row: Int64?
  public var stream: String?
  public var sequence: UInt64?

  /// One sentence for whoever has to look after it.
  public var description: String {
    let name = stream.map { stream in sequence.map { "\(stream) \($0)" } ?? "another form of a message in \(stream)" }
    let place = row.map { "\(name ?? "a message") (row \($0))" } ?? "the end"
    return switch kind {
    case .changed: "\(place) is not as it was stored: its content, its place or its hash was changed"
    case .unreadable(let reason): "\(place) cannot be read: \(reason)"
    case .removed(let count): "\(count) stored \(count == 1 ? "message is" : "messages are") gone before \(place)"
    case .unhashed: "\(place) has no hash: a program without hashes, or another hand, put it there"
    case .misplaced: "\(place) stands where another message stands, or behind the end of the chain"
    case .head: "the end of the chain is not as it was kept: it was changed or taken away"
    }
  }
}

extension LedgerReader {
  private static let mostBreaks = 100

  /// Follows the chain from its beginning to its end. Nil where the ledger has none.
  func proveChain(digest: LedgerDigest) throws(SQLiteFailure) -> LedgerChainProof? {
    guard try hasTable(ChainTable.closedTable) else { return nil }
    let beginning = ChainLink.beginning(epoch: try meta("epoch") ?? "", digest: digest)
    let savedHead = try meta(ChainTable.headKey)
    let head = savedHead.flatMap { ChainLink(text: $0) }
    let begins = Int64(try meta(ChainTable.beginsKey) ?? "") ?? 1
    var walk = ChainWalk(last: beginning, mostBreaks: LedgerReader.mostBreaks)
    try follow(&walk, digest: digest)
    walk.end(at: head ?? beginning, isDamaged: savedHead != nil && head == nil)
    try findUnhashed(from: begins, &walk)
    let unproven = try database.prepare("SELECT count(*) FROM messages WHERE link IS NULL AND row < ?").first(
      [.integer(begins)]) { Int($0.integer(0)) }
    let end = head ?? beginning
    return LedgerChainProof(
      links: end.number, head: String(end.text.split(separator: " ").last ?? ""), closed: walk.closed,
      unproven: unproven ?? 0, provenFromRow: begins, breaks: walk.breaks)
  }

  /// Takes the links of messages and the closed ones in their order.
  private func follow(_ walk: inout ChainWalk, digest: LedgerDigest) throws(SQLiteFailure) {
    let runs = try database.prepare("SELECT first, last, hash FROM chain_closed ORDER BY last")
    let links = try database.prepare("SELECT link, row FROM messages WHERE link IS NOT NULL ORDER BY link, row")
    let find = try database.prepare(
      """
      SELECT \(LedgerSchema.columns), lane, hash, (SELECT text FROM notes WHERE notes.row = messages.row) FROM messages
      WHERE row = ?
      """)
    var hasRun = try runs.step()
    var hasLink = try links.step()
    while hasRun || hasLink {
      if hasRun, !hasLink || runs.integer(0) <= links.integer(0) {
        walk.take(runFrom: runs.integer(0), to: ChainLink(number: runs.integer(1), hash: runs.bytes(2)))
        hasRun = try runs.step()
        continue
      }
      let (number, row) = (links.integer(0), links.integer(1))
      do {
        let found = try find.first([.integer(row)]) { statement in
          var stored = Ledger.message(from: statement)
          stored.message.note = statement.isNull(16) ? nil : statement.text(16)
          return (stored: stored, lane: statement.integer(14), hash: statement.bytes(15))
        }
        if let found {
          walk.take(
            found.stored, isOtherLane: found.lane != found.stored.lane.rawValue,
            link: ChainLink(number: number, hash: found.hash), digest: digest)
        }
      } catch {
        walk.takeUnreadable(row: row, number: number, reason: error.message)
      }
      hasLink = try links.step()
    }
  }

  private func findUnhashed(from row: Int64, _ walk: inout ChainWalk) throws(SQLiteFailure) {
    let statement = try database.prepare(
      "SELECT row, stream, sequence FROM messages WHERE link IS NULL AND row >= ? ORDER BY row LIMIT ?")
    try statement.start([.integer(row), .integer(Int64(LedgerReader.mostBreaks))])
    while try statement.step() {
      walk.note(
        LedgerBreak(
          kind: .unhashed, row: statement.integer(0), stream: statement.text(1),
          sequence: statement.isNull(2) ? nil : UInt64(clamping: statement.integer(2))))
    }
  }
}

/// A walk along the chain.
private struct ChainWalk {
  /// The link before the next one. Its hash is empty where it is not known: what follows directly cannot be told.
  private var last: ChainLink
  private let mostBreaks: Int
  private(set) var closed: Int64 = 0
  private(set) var breaks: [LedgerBreak] = []

  init(last: ChainLink, mostBreaks: Int) {
    self.last = last
    self.mostBreaks = mostBreaks
  }

  mutating func note(_ found: LedgerBreak) {
    if breaks.count < mostBreaks { breaks.append(found) }
  }

  mutating func take(runFrom first: Int64, to end: ChainLink) {
    guard first > last.number, end.number >= first else { return note(LedgerBreak(kind: .misplaced)) }
    if first > last.number + 1 { note(LedgerBreak(kind: .removed(first - last.number - 1))) }
    closed += end.number - first + 1
    last = end
  }

  mutating func take(_ stored: StoredMessage, isOtherLane: Bool, link: ChainLink, digest: LedgerDigest) {
    let named = LedgerBreak(
      kind: .changed, row: stored.row, stream: stored.message.stream, sequence: stored.message.sequence)
    guard arrive(at: link.number, named) else { return }
    let isKnown = !last.hash.isEmpty
    if isOtherLane || (isKnown && last.next(stored, digest: digest) != link) { note(named) }
    last = link
  }

  mutating func takeUnreadable(row: Int64, number: Int64, reason: String) {
    let named = LedgerBreak(kind: .unreadable(reason), row: row)
    guard arrive(at: number, named) else { return }
    note(named)
    last = ChainLink(number: number, hash: [])
  }

  /// Whether a link stands in its place; says what is missing before it.
  private mutating func arrive(at number: Int64, _ named: LedgerBreak) -> Bool {
    var found = named
    guard number > last.number else {
      found.kind = .misplaced
      note(found)
      return false
    }
    if number > last.number + 1 {
      found.kind = .removed(number - last.number - 1)
      note(found)
      last = ChainLink(number: number - 1, hash: [])
    }
    return true
  }

  mutating func end(at head: ChainLink, isDamaged: Bool) {
    if isDamaged || head.number < last.number {
      note(LedgerBreak(kind: .head))
    } else if head.number > last.number {
      note(LedgerBreak(kind: .removed(head.number - last.number)))
    } else if !last.hash.isEmpty, head.hash != last.hash {
      note(LedgerBreak(kind: .head))
    }
  }
}
