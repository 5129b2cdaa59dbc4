internal import Logging

/// A small file beside the ledger that says which numbers were sent from memory.
///
/// While the ledger cannot be written, because the disk is full, alerts are sent all the same. If the process is killed
/// then, the ledger knows nothing of their numbers and would give them again. The file's room is taken while there is
/// some, and what it says is written over in place, which needs no more: in two places by turns, so that a power cut
/// that tears the newer leaves the older.
package final class MemoryMark {
  /// What one of the two places says.
  private struct Note {
    var generation: UInt64
    var epoch: String
    var numbers: [String: UInt64]
  }

  /// Of each place: more than a thousand streams of persons; that of alerts is always among them.
  private static let bytes = 65_536
  private static let heading = "numbers sent from memory"

  private let epoch: String
  private var numbers: [String: UInt64] = [:]
  private var isNoted = true
  private var generation: UInt64
  /// Nil where the file cannot be made, or not be read.
  private let file: (any ReservedFile)?
  /// Nothing is noted: nothing need be.
  private let isIdle: Bool

  /// Whether numbers can be noted.
  package var isReady: Bool { file != nil }

  /// For an epoch that nobody will ever go on with.
  package init() {
    epoch = ""
    generation = 0
    file = nil
    isIdle = true
  }

  package init(folder: String, epoch: String, disk: any StateDisk = SystemDisk()) {
    self.epoch = epoch
    isIdle = false
    let path = MemoryMark.path(in: folder)
    let bytes = MemoryMark.content(path, disk)
    let newest = bytes.flatMap(MemoryMark.newest)
    generation = newest?.generation ?? 0
    if let newest, newest.epoch == epoch { numbers = newest.numbers }
    // What cannot be read may be newer than what would be written.
    file = bytes == nil ? nil : disk.reserve(path, bytes: 2 * MemoryMark.bytes)
    _ = disk.sync(folder: folder)
  }

  private static func path(in folder: String) -> String { folder + "/ledger.memory" }

  /// Notes numbers before they are sent. Returns when that is on the disk.
  ///
  /// - Returns: false where it cannot be noted.
  package func note(_ newer: [String: UInt64]) -> Bool {
    guard !isIdle else { return true }
    let merged = numbers.merging(newer) { max($0, $1) }
    guard merged != numbers || !isNoted else { return true }
    numbers = merged
    isNoted = write()
    return isNoted
  }

  /// The ledger holds all of them now. What the file says stays: it is nothing that the ledger does not know.
  package func forget() {
    numbers = [:]
  }

  private func write() -> Bool {
    guard let file else { return false }
    var text = "\(MemoryMark.heading) \(generation + 1)\n\(epoch)\n"
    var isComplete = true
    let alert = OutgoingMessage.alertStream
    for (stream, last) in numbers.sorted(by: { ($0.key == alert ? "" : $0.key) < ($1.key == alert ? "" : $1.key) }) {
      let line = "\(stream) \(last)\n"
      guard text.utf8.count + line.utf8.count < MemoryMark.bytes - 32 else {
        isComplete = false
        break
      }
      text += line
    }
    // An empty line and the checksum end it: what an earlier, longer text left behind them counts no more.
    text += "\n"
    text += "\(MemoryMark.checksum(text.utf8))\n"
    let place = Int((generation + 1) % 2)
    guard file.write(Array(text.utf8), at: place * MemoryMark.bytes) else { return false }
    generation += 1
    return isComplete
  }

  /// The highest number of each stream that was sent from memory in this epoch.
  package static func read(folder: String, epoch: String, disk: any StateDisk = SystemDisk()) -> [String: UInt64] {
    guard let newest = content(path(in: folder), disk).flatMap(newest), newest.epoch == epoch else { return [:] }
    return newest.numbers
  }

  /// The same. A file that is there and cannot be read is a failure: its numbers would be given again.
  static func readWhole(folder: String, epoch: String, disk: any StateDisk) throws(SQLiteFailure) -> [String: UInt64] {
    let path = path(in: folder)
    guard let bytes = content(path, disk) else {
      throw SQLiteFailure(code: SQLiteFailure.reading, message: "\(path) cannot be read")
    }
    guard let newest = newest(in: bytes), newest.epoch == epoch else { return [:] }
    return newest.numbers
  }

  /// Nothing where there is no file; nil where it cannot be read.
  private static func content(_ path: String, _ disk: any StateDisk) -> [UInt8]? {
    let limit = 2 * MemoryMark.bytes
    let bytes = disk.read(path, limit: limit)
    return bytes.count == min(limit, disk.bytes(of: path)) ? bytes : nil
  }

  private static func newest(in bytes: [UInt8]) -> Note? {
    let places = [bytes.prefix(MemoryMark.bytes), bytes.dropFirst(MemoryMark.bytes)]
    return places.compactMap(note).max { $0.generation < $1.generation } ?? earlierNote(places[0])
  }

  /// What one place says; nil where it is torn, or was never written.
  private static func note(_ bytes: ArraySlice<UInt8>) -> Note? {
    let newline = UInt8(ascii: "\n")
    var end = bytes.startIndex
    while end + 1 < bytes.endIndex, bytes[end] != newline || bytes[end + 1] != newline { end += 1 }
    guard end + 1 < bytes.endIndex else { return nil }
    let text = bytes[bytes.startIndex...end + 1]
    let sum = bytes[(end + 2)...].prefix { $0 != newline }
    guard String(decoding: sum, as: UTF8.self) == checksum(text) else { return nil }
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    guard lines.count >= 2, lines[0].hasPrefix(heading), let last = lines[0].split(separator: " ").last,
      let generation = UInt64(last)
    else { return nil }
    return Note(generation: generation, epoch: String(lines[1]), numbers: numbers(lines.dropFirst(2)))
  }

  /// What a program before wrote: in the first place only, and without a checksum.
  private static func earlierNote(_ bytes: ArraySlice<UInt8>) -> Note? {
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    guard let epoch = lines.first, epoch.utf8.count == 32 else { return nil }
    return Note(generation: 0, epoch: String(epoch), numbers: numbers(lines.dropFirst()))
  }

  private static func numbers(_ lines: ArraySlice<Substring>) -> [String: UInt64] {
    var numbers: [String: UInt64] = [:]
    for line in lines {
      let parts = line.split(separator: " ")
      // An empty line, or one that a torn write cut.
      guard parts.count == 2, let number = UInt64(parts[1]) else { break }
      numbers[String(parts[0])] = number
    }
    return numbers
  }

  /// FNV-1a of 64 bits, in hexadecimal.
  private static func checksum(_ bytes: some Sequence<UInt8>) -> String {
    var sum: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return String(sum, radix: 16)
  }
}

extension LedgerLoop {
  /// Notes the numbers of what is about to be sent without being in the ledger.
  func markSentFromMemory(_ chosen: [StoredMessage]) {
    guard unwritten.count > 0 else { return }
    var numbers: [String: UInt64] = [:]
    for stored in chosen where unwritten[stored.row] != nil {
      guard let sequence = stored.message.sequence else { continue }
      numbers[stored.message.stream] = max(numbers[stored.message.stream] ?? 0, sequence)
    }
    noteSent(numbers)
  }

  /// The same for what was sent before this could be noted.
  func noteSentFromMemory() {
    var numbers = Dictionary(unstored.map { ($0.stream, $0.last) }, uniquingKeysWith: max)
    for stored in unwritten.inOrder where stored.isFrozen {
      guard let sequence = stored.message.sequence else { continue }
      numbers[stored.message.stream] = max(numbers[stored.message.stream] ?? 0, sequence)
    }
    noteSent(numbers)
  }

  private func noteSent(_ numbers: [String: UInt64]) {
    guard !numbers.isEmpty, !memoryMark.note(numbers), !isMarkFailureLogged else { return }
    isMarkFailureLogged = true
    logger.critical(
      """
      Failed to note which numbers are sent from memory: if the gateway is killed before the ledger can be written, they \
      are given again. Check the file system of \(settings.stateFolder).
      """)
  }
}
