import Delivery
import FaultyDisk
import Testing

/// Numbers that look random and are the same for the same seed.
struct Lots {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 ^ 0x6a09_e667_f3bc_c908 }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

/// A ledger that is used as the gateway uses it, on a disk that is recorded, with a note of what it said it had stored
/// and when it said so.
final class LedgerCourse {
  static let folder = "/state"
  static let boot = "00112233445566778899aabbccddeeff"

  /// What one call promised, and the number of changes of the disk at which it returned.
  struct Promise {
    enum Content {
      case opened(epoch: String)
      case written(LedgerEntry)
    }

    var content: Content
    var isDurable: Bool
    /// The disk's changes before the call, and when it had returned.
    var began: Int
    var returned: Int
  }

  let disk: FaultyDisk
  let history: DiskHistory
  private(set) var promises: [Promise] = []
  /// A planted fault: what is about to be written counts as stored.
  var claimsEarly = false
  /// What was removed as old, by row, and at which change the removal began.
  private(set) var removed: [Int64: Int] = [:]
  /// Calls of the ledger that failed, and were tried again.
  private(set) var failures = 0
  private var ledger: Ledger
  private var lots: Lots
  private var nextRow: Int64
  /// The newest message.
  var lastRow: Int64 { nextRow - 1 }
  private var sequences: [String: UInt64] = [:]
  private var drafts: [Int64: StoredMessage] = [:]
  private var unacknowledged: [Int64] = []
  private var clock: Int64 = 0

  /// - Parameters:
  ///   - plant: opens the ledger in a way that loses something.
  init(seed: UInt64, disk: FaultyDisk = FaultyDisk(), plant: ((FaultyDisk) throws -> Ledger)? = nil) throws {
    self.disk = disk
    lots = Lots(seed: seed)
    history = disk.record()
    let opener = LedgerOpener(
      folder: Self.folder, boot: Self.boot, wallMilliseconds: 0, digest: quickDigest, disk: disk)
    let opened = plant == nil ? try opener.open() : nil
    ledger = try plant?(disk) ?? #require(opened?.ledger)
    nextRow = 1
    if let epoch = opened?.opening.epoch {
      promises.append(
        Promise(content: .opened(epoch: epoch), isDurable: true, began: 0, returned: disk.operations))
    }
  }

  /// So many steps of mixed work.
  func run(steps: Int) throws {
    for _ in 0..<steps { try step() }
  }

  private func step() throws {
    clock += 1_000_000_000
    switch lots.below(16) {
    case 0..<7: try write(raising(1 + lots.below(3), withRecords: true))
    case 7..<10: try write(freezing())
    case 10..<12: try write(acknowledging())
    case 12: try write(observing())
    case 13: try trying { () throws(SQLiteFailure) in try ledger.save("connection", .integer(clock), durable: false) }
    case 14: try trying { () throws(SQLiteFailure) in try ledger.checkpoint() }
    default: try prune()
    }
  }

  private func write(_ entry: LedgerEntry) throws {
    guard !entry.isEmpty else { return }
    let began = disk.operations
    try trying { () throws(SQLiteFailure) in try ledger.write(entry) }
    promises.append(
      Promise(
        content: .written(entry), isDurable: entry.mustBeDurable, began: began,
        returned: claimsEarly ? began : disk.operations))
  }

  /// What fails is tried again: no fault that is put in here lasts long.
  private func trying<Answer>(_ body: () throws(SQLiteFailure) -> Answer) throws(SQLiteFailure) -> Answer {
    for _ in 0..<4 {
      do { return try body() } catch { failures += 1 }
    }
    return try body()
  }

  private func raising(_ count: Int, withRecords: Bool) -> LedgerEntry {
    var entry = LedgerEntry()
    for _ in 0..<count {
      let stream = lots.below(4) == 0 ? "7f3a9c52e1b84d0f9a61c2d3" : "alert"
      sequences[stream, default: 0] += 1
      let row = nextRow
      nextRow += 1
      let text = "message \(row) " + String(repeating: "x", count: lots.below(1_500))
      let message = OutgoingMessage(
        stream: stream, sequence: sequences[stream], id: "gateway/\(row)", revision: 1, topic: "t",
        draft: Array(text.utf8), detectedNanoseconds: clock)
      let stored = StoredMessage(
        row: row, root: row, message: message, boot: Self.boot, createdMilliseconds: clock / 1_000_000)
      entry.messages.append(stored)
      drafts[row] = stored
      unacknowledged.append(row)
    }
    // In the same transaction: it must read as the newest message does.
    entry.records = [StateRecord(key: "newest", value: Array(String(nextRow - 1).utf8))]
    entry.run = LedgerRun(boot: Self.boot, beganMilliseconds: 0, aliveMilliseconds: clock / 1_000_000, ended: nil)
    return entry
  }

  private func freezing() -> LedgerEntry {
    var entry = LedgerEntry()
    for row in unacknowledged.prefix(1 + lots.below(4)) {
      guard let stored = drafts[row], !stored.isFrozen else { continue }
      let bytes = stored.message.draft + Array(" sent".utf8)
      drafts[row]?.message.draft = bytes
      drafts[row]?.isFrozen = true
      entry.frozen.append((row, bytes))
    }
    return entry
  }

  private func acknowledging() -> LedgerEntry {
    var entry = LedgerEntry()
    let rows = unacknowledged.prefix(3).filter { drafts[$0]?.isFrozen == true }
    entry.acknowledged = rows.map { ($0, clock / 1_000_000) }
    unacknowledged.removeAll { rows.contains($0) }
    return entry
  }

  private func observing() -> LedgerEntry {
    var entry = LedgerEntry()
    for number in 0..<20 {
      entry.observations.append(
        ObservationRecord(
          wallMilliseconds: clock / 1_000_000, sensor: "river-1", quantity: "water_level", thousandths: Int64(number),
          count: nil, fault: nil, clock: "synchronized"))
      entry.waiting.append(
        WaitingObservation(topic: "o", payload: Array("\(clock) \(number)".utf8), wallMilliseconds: clock / 1_000_000))
    }
    entry.run = LedgerRun(boot: Self.boot, beganMilliseconds: 0, aliveMilliseconds: clock / 1_000_000, ended: nil)
    return entry
  }

  private func prune() throws {
    let began = disk.operations
    let retention = Ledger.Retention(
      historyRows: 5, noticeAgeNanoseconds: .max / 2, boot: Self.boot, nowNanoseconds: clock,
      wallMilliseconds: clock / 1_000_000)
    let before = try rows()
    _ = try trying { () throws(SQLiteFailure) in try ledger.prune(retention, excess: 3, limit: 10) }
    try trying { () throws(SQLiteFailure) in
      try ledger.pruneObservations(before: clock / 1_000_000 - 5_000, above: 100, limit: 50)
    }
    for row in before.subtracting(try rows()) { removed[row] = began }
  }

  private func rows() throws -> Set<Int64> {
    var rows: Set<Int64> = []
    for row in 1..<nextRow {
      if try trying({ () throws(SQLiteFailure) in try ledger.message(row: row) }) != nil { rows.insert(row) }
    }
    return rows
  }

  /// Ends it as a power cut or a kill does.
  func end() { disk.end() }
}

/// What a ledger holds that was opened after a power cut.
struct LedgerFindings {
  var opening: Ledger.Opening
  var proof: LedgerProof
  var messages: [Int64: StoredMessage]

  init(_ disk: FaultyDisk, rows: Int64) throws {
    let opener = LedgerOpener(
      folder: LedgerCourse.folder, boot: "another", wallMilliseconds: 1, digest: quickDigest, disk: disk)
    let (ledger, opening) = try opener.open()
    self.opening = opening
    messages = [:]
    for row in 1...max(1, rows) { messages[row] = try ledger.message(row: row) }
    proof = try LedgerReader(path: LedgerOpener.path(in: LedgerCourse.folder), disk: disk).verify(digest: quickDigest)
  }
}
