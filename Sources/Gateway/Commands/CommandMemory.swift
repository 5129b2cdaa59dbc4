public import Delivery
public import Observations

/// What was commanded and answered, so that an id is done once: kept in the ledger, in the same transaction as what was
/// done.
///
/// An id is forgotten when its time is over, and never to make room: when there is no more room, commands are refused.
/// What was refused is remembered as well, so that nobody can have it done later by sending it again: its time may have
/// come meanwhile, or a right been given.
public struct CommandMemory: Sendable {
  /// One authority's commands that are remembered at once. A stolen key cannot fill what the others need.
  public static let mostOfOneAuthority = 256
  /// Soon after a loss of state a replay could not be told: for as long as any command that was done before can last.
  static let dangerAfterLoss = CommandJudge.longest + CommandJudge.leeway

  /// So far the clock of the signing machine and this one's may differ when a command lies about the time of a loss.
  static let doubtAfterLoss = TimeSpan.seconds(5)

  /// One authority's refusals that are remembered at once, apart from what was done.
  public static let mostRefusalsOfOneAuthority = 64

  private static let prefix = "gateway/command/"
  private static let refusalPrefix = "gateway/refused/"
  private static let stateKey = "gateway/commands"

  /// A command that was answered.
  public struct Entry: Sendable, Hashable, Codable {
    public var authority: String
    public var id: String
    /// SHA-256 of the payload in hexadecimal.
    public var digest: String
    /// Milliseconds since 1970.
    public var expires: WallTime
    /// The boot that it named, if it did: after another start it is refused for that.
    public var boot: String?
    /// The answer, to be given again in the same bytes.
    public var reply: String

    public init(
      authority: String, id: String, digest: String, expires: WallTime, boot: String?, reply: String
    ) {
      self.authority = authority
      self.id = id
      self.digest = digest
      self.expires = expires
      self.boot = boot
      self.reply = reply
    }
  }

  /// A command that was refused and might pass at another time.
  public struct Refusal: Sendable, Hashable, Codable {
    public var authority: String
    /// SHA-256 of the payload in hexadecimal: another command with the same id is another.
    public var digest: String
    /// Milliseconds since 1970.
    public var expires: WallTime
    /// The answer, to be given again in the same bytes.
    public var reply: String

    fileprivate var name: String { "\(authority)/\(digest)" }

    public init(authority: String, digest: String, expires: WallTime, reply: String) {
      self.authority = authority
      self.digest = digest
      self.expires = expires
      self.reply = reply
    }
  }

  private struct State: Codable {
    /// What was issued before may have been done by this gateway, which would not know any more; nil: not known yet,
    /// because no clock was synchronized.
    var began: WallTime?
    /// The boot in which a ledger was lost, or answers that it had not taken yet.
    var lostInBoot: String?
    /// From then on a command need not name the boot; nil: not known yet, because no clock was synchronized.
    var unboundFrom: WallTime?
    var forgottenThrough: WallTime?
  }

  private struct Key: Hashable {
    var authority: String
    var id: String
  }

  private let boot: String
  /// When this run began.
  private let startedAt: MonotonicTime
  private var refusals: [String: Refusal] = [:]
  private var entries: [Key: Entry] = [:]
  private var counts: [String: Int] = [:]
  private var state = State()
  /// When the next entry may be forgotten.
  private var nextExpiry: WallTime?

  /// Takes up what the ledger kept.
  ///
  /// - Parameters:
  ///   - boot: the present one. What named an earlier boot needs not be remembered.
  ///   - isLedgerLost: an earlier ledger could not be read, so that its memory is gone with it.
  ///   - hasUnstoredAnswers: an earlier run answered commands while the ledger could not be written, and was ended before it
  ///     could: what the ledger kept does not know them.
  ///   - changes: takes records that are to be committed: what need not be remembered is gone there as well.
  public init(
    records: [StateRecord], boot: String, isLedgerLost: Bool = false, hasUnstoredAnswers: Bool = false, at now: Moment,
    changes: inout [StateRecord]
  ) {
    self.boot = boot
    startedAt = now.monotonic
    var isNew = true
    for record in records {
      guard let value = record.value else { continue }
      if record.key == Self.stateKey {
        state = (try? StrictJSON.decode(State.self, from: value)) ?? State()
        isNew = false
      } else if record.key.hasPrefix(Self.refusalPrefix) {
        guard let refusal = try? StrictJSON.decode(Refusal.self, from: value) else {
          changes.append(StateRecord(key: record.key, value: nil))
          continue
        }
        insert(refusal)
      } else if record.key.hasPrefix(Self.prefix) {
        guard let entry = try? StrictJSON.decode(Entry.self, from: value), entry.boot.map({ $0 == boot }) ?? true else {
          changes.append(StateRecord(key: record.key, value: nil))
          continue
        }
        insert(entry)
      }
    }
    let isLost = hasUnstoredAnswers || isNew && isLedgerLost
    if isLost {
      state.lostInBoot = boot
      // As if it began now; when that was, the first synchronized clock tells.
      state.unboundFrom = nil
    }
    if isNew || isLost { changes.append(StateRecord(key: Self.stateKey, value: StrictJSON.encode(state))) }
  }

  /// How many commands are remembered.
  public var count: Int { entries.count }

  /// Commands that expired up to then are no longer remembered.
  public var forgottenThrough: WallTime? { state.forgottenThrough }

  /// The answer to this id, if there was one.
  public func entry(authority: String, id: String) -> Entry? { entries[Key(authority: authority, id: id)] }

  /// Whether one more of this authority's can be remembered.
  public func hasRoom(for authority: String) -> Bool { counts[authority, default: 0] < Self.mostOfOneAuthority }

  /// Whether a command must name the boot: while the clock is not synchronized, and for a day after the ledger was lost or
  /// begun.
  public func needsBoot(at now: Moment) -> Bool {
    guard now.clock == .synchronized, let from = state.unboundFrom else { return true }
    return now.wall < from
  }

  /// Whether a command of that time may have been done before this memory began: then there is no telling a replay. With
  /// a clock the time tells; without one, nothing does in the boot in which a ledger was lost.
  public func mayHaveForgotten(issued: WallTime, at now: Moment) -> Bool {
    let doubt = state.lostInBoot == nil ? .zero : Self.doubtAfterLoss
    if let began = state.began, issued < began + doubt { return true }
    return now.clock != .synchronized && state.lostInBoot == boot
  }

  /// What was answered to this authority's command of this digest when it was refused.
  public func refusal(authority: String, digest: String) -> Refusal? { refusals["\(authority)/\(digest)"] }

  /// Remembers a refusal, as long as there is room: those that expire first stay.
  ///
  /// - Returns: what is to be committed with the answer.
  public mutating func remember(_ refusal: Refusal) -> [StateRecord] {
    var records: [StateRecord] = []
    let own = refusals.values.filter { $0.authority == refusal.authority }
    if own.count >= Self.mostRefusalsOfOneAuthority, let last = own.max(by: { $0.expires < $1.expires }) {
      guard refusal.expires < last.expires else { return [] }
      refusals[last.name] = nil
      records.append(StateRecord(key: Self.refusalPrefix + last.name, value: nil))
    }
    insert(refusal)
    records.append(StateRecord(key: Self.refusalPrefix + refusal.name, value: StrictJSON.encode(refusal)))
    return records
  }

  /// Remembers an answer. To be committed with what was done.
  public mutating func remember(_ entry: Entry) -> StateRecord {
    insert(entry)
    return StateRecord(key: Self.key(of: entry), value: StrictJSON.encode(entry))
  }

  /// Forgets what has expired, and learns from the clock. To be called before each command.
  ///
  /// - Returns: what is to be committed.
  public mutating func tidy(at now: Moment) -> [StateRecord] {
    guard now.clock != .unsynchronized else { return [] }
    var records: [StateRecord] = []
    var isChanged = false
    if now.clock == .synchronized, state.unboundFrom == nil {
      state.unboundFrom = now.wall + Self.dangerAfterLoss
      state.began = now.wall - (now.monotonic - startedAt)
      isChanged = true
    }
    if let nextExpiry, nextExpiry < now.wall {
      for (key, entry) in entries where entry.expires < now.wall {
        entries[key] = nil
        counts[key.authority, default: 1] -= 1
        state.forgottenThrough = max(state.forgottenThrough ?? entry.expires, entry.expires)
        records.append(StateRecord(key: Self.key(of: entry), value: nil))
        isChanged = true
      }
      for (name, refusal) in refusals where refusal.expires < now.wall {
        refusals[name] = nil
        state.forgottenThrough = max(state.forgottenThrough ?? refusal.expires, refusal.expires)
        records.append(StateRecord(key: Self.refusalPrefix + name, value: nil))
        isChanged = true
      }
      self.nextExpiry = (entries.values.map(\.expires) + refusals.values.map(\.expires)).min()
    }
    if isChanged { records.append(StateRecord(key: Self.stateKey, value: StrictJSON.encode(state))) }
    return records
  }

  private mutating func insert(_ entry: Entry) {
    let key = Key(authority: entry.authority, id: entry.id)
    if entries.updateValue(entry, forKey: key) == nil { counts[entry.authority, default: 0] += 1 }
    nextExpiry = min(nextExpiry ?? entry.expires, entry.expires)
  }

  private mutating func insert(_ refusal: Refusal) {
    refusals[refusal.name] = refusal
    nextExpiry = min(nextExpiry ?? refusal.expires, refusal.expires)
  }

  private static func key(of entry: Entry) -> String { "\(prefix)\(entry.authority)/\(entry.id)" }
}
