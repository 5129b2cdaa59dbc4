import Delivery
import FaultyDisk

/// Cuts the power between any two changes of a disk, opens what is left, and says what of a course's promises is broken.
struct PowerCutJudge {
  let course: LedgerCourse
  private var seen: [UInt64: LedgerFindings] = [:]
  private(set) var cuts = 0
  private(set) var opened = 0
  /// Broken promises: at most the first hundred.
  private(set) var complaints: [String] = []

  init(_ course: LedgerCourse) { self.course = course }

  /// - Parameters:
  ///   - first: the number of the first moment.
  ///   - variants: how the power is cut at each moment, given its number.
  mutating func judge(from first: Int = 0, variants: (Int) -> [FaultyDisk.PowerCut]) {
    let history = course.history
    for moment in first...history.count {
      let disk = history.disk(after: moment)
      let expected = Expectations(course.promises, at: moment)
      for cut in variants(moment) {
        cuts += 1
        let place = moment == 0 ? "before all" : "\(cut) after change \(moment), the \(history[moment - 1])"
        do {
          compare(try findings(disk.afterPowerCut(cut)), expected, at: moment, place)
        } catch {
          complain("\(place): it cannot be opened: \(error)")
        }
      }
    }
  }

  private mutating func complain(_ text: String) {
    if complaints.count < 100 { complaints.append(text) }
  }

  /// Disks that read alike are opened once.
  private mutating func findings(_ disk: FaultyDisk) throws -> LedgerFindings {
    let hash = disk.contentHash
    if let known = seen[hash] { return known }
    opened += 1
    // Those that read alike mostly follow each other.
    if seen.count > 500 { seen.removeAll() }
    let found = try LedgerFindings(disk, rows: course.lastRow)
    seen[hash] = found
    return found
  }

  private mutating func compare(
    _ found: LedgerFindings, _ expected: Expectations, at moment: Int, _ place: String
  ) {
    if let text = found.opening.setAside { complain("\(place): taken for damaged: \(text)") }
    if !found.proof.isWhole { complain("\(place): not whole: \(found.proof)") }
    if let epoch = expected.epoch, found.opening.epoch != epoch { complain("\(place): another epoch") }
    for (row, message) in found.messages {
      if let fault = expected.fault(of: message) { complain("\(place): message \(row) \(fault)") }
    }
    for row in expected.kept.keys where found.messages[row] == nil {
      if course.removed[row].map({ $0 >= moment }) ?? true { complain("\(place): message \(row) is lost") }
    }
    for (stream, sequence) in expected.lastSequences {
      let known = found.opening.streams.first { $0.stream == stream }?.last ?? 0
      if known < sequence { complain("\(place): number \(known + 1) of \(stream) would be given twice") }
    }
    let newest = found.opening.records.first { $0.key == "newest" }.flatMap { $0.value }
    let record = Int64(String(decoding: newest ?? [], as: UTF8.self)) ?? 0
    if record < expected.record { complain("\(place): the memory is that of \(record), not \(expected.record)") }
    // One transaction: both or neither.
    if record != found.opening.lastRow, course.removed[record] == nil {
      complain("\(place): the memory is that of \(record), the newest message is \(found.opening.lastRow)")
    }
  }
}

/// What was promised up to a moment.
private struct Expectations {
  var epoch: String?
  /// All that each message has read as, in order, and from which of it on it may read.
  private var versions: [Int64: [StoredMessage]] = [:]
  private(set) var kept: [Int64: Int] = [:]
  private var acknowledged: Set<Int64> = []
  private(set) var lastSequences: [String: UInt64] = [:]
  private(set) var record: Int64 = 0

  init(_ promises: [LedgerCourse.Promise], at moment: Int) {
    for promise in promises where promise.began < moment || promise.returned <= moment {
      let isKept = promise.returned <= moment && promise.isDurable
      switch promise.content {
      case .opened(let name): epoch = isKept ? name : epoch
      case .written(let entry): add(entry, isKept: isKept)
      }
    }
  }

  private mutating func add(_ entry: LedgerEntry, isKept: Bool) {
    for stored in entry.messages {
      versions[stored.row] = [stored]
      guard isKept else { continue }
      kept[stored.row] = 0
      record = stored.row
      lastSequences[stored.message.stream] = stored.message.sequence
    }
    for (row, bytes) in entry.frozen {
      guard var stored = versions[row]?.last else { continue }
      stored.message.draft = bytes
      stored.isFrozen = true
      versions[row]?.append(stored)
      if isKept { kept[row] = 1 }
    }
    acknowledged.formUnion(entry.acknowledged.map(\.row))
  }

  /// What is wrong with a message that was found; nil where nothing is.
  func fault(of found: StoredMessage) -> String? {
    guard let all = versions[found.row] else { return "was never written" }
    var bare = found
    bare.acknowledgedMilliseconds = nil
    if !all[(kept[found.row] ?? 0)...].contains(bare) { return "reads as it was not stored" }
    if found.acknowledgedMilliseconds != nil, !acknowledged.contains(found.row) { return "is taken for delivered" }
    return nil
  }
}
