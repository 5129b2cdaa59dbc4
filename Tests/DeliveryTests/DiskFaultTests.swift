import Delivery
import FaultyDisk
import Foundation
import Testing

/// The delivery on a disk that fails: alerts go on, it is said, and it heals.
@Suite(.serialized) struct DiskFaultTests {
  /// How a disk becomes useless.
  enum Trouble: String, CaseIterable, CustomTestStringConvertible {
    case full, shortWrites, failingWrites, failingSyncs, readOnly

    var testDescription: String { rawValue }

    func befall(_ disk: FaultyDisk) {
      switch self {
      case .full: disk.limit(bytes: disk.usedBytes + 10_000)
      case .shortWrites: disk.fail(.write, after: 3, with: .short)
      case .failingWrites: disk.fail(.write, after: 5)
      case .failingSyncs: disk.fail(.sync)
      case .readOnly: disk.makeReadOnly()
      }
    }
  }

  @Test(arguments: Trouble.allCases)
  func `alerts go out from memory while the disk fails, and are stored when it has healed`(trouble: Trouble) throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let disk = FaultyDisk()
    let harness = try DeliveryHarness(port: peer.port, disk: disk)
    try harness.start()
    harness.commit([harness.message("before")])
    #expect(harness.isDelivered())
    trouble.befall(disk)
    let filler = String(repeating: "x", count: 4_000)
    for number in 1...20 { harness.commit([harness.message("A\(number)", text: "A\(number) 1 \(filler)")]) }
    #expect(harness.lines.wait { $0.contains { $0.hasPrefix("critical: Failed to write the ledger") } })
    #expect(
      peer.packets.wait { packets in
        let texts = packets.map { text($0.packet) }
        return (1...20).allSatisfy { number in texts.contains { $0.hasPrefix("A\(number) 1") } }
      })
    #expect(eventually { harness.service.statistics.ledger != .working })
    // The numbers are noted before they are sent, where anything can be written at all.
    let marked = MemoryMark.read(
      folder: DeliveryHarness.stateFolder, epoch: harness.service.epoch.current, disk: disk.copy())
    if trouble == .full { #expect(marked["alert"] ?? 0 > 1) }
    disk.heal()
    #expect(eventually { harness.service.statistics.ledger == .working && harness.service.statistics.unwritten == 0 })
    #expect(harness.lines.all.contains { $0.contains("can be written again") })
    #expect(harness.isDelivered())
    #expect(harness.stop())
    // Not even a power cut right after it has an effect.
    let left = disk.afterPowerCut(.nothingUnsynced)
    let proof = try LedgerReader(path: LedgerOpener.path(in: DeliveryHarness.stateFolder), disk: left)
      .verify(digest: testDigest)
    #expect(proof.isWhole)
    #expect(proof.streams.map(\.last) == [21] && proof.streams.map(\.messages) == [21])
  }

  @Test func `that numbers sent from memory cannot be noted is said each time the ledger fails`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let disk = FaultyDisk()
    let harness = try DeliveryHarness(port: peer.port, disk: disk)
    try harness.start()
    harness.commit([harness.message("before")])
    #expect(harness.isDelivered())
    for round in 1...3 {
      disk.makeReadOnly()
      harness.commit([harness.message("A\(round)")])
      #expect(
        harness.lines.wait { $0.count { $0.hasPrefix("critical: Failed to note which numbers") } == round },
        "round \(round)")
      disk.heal()
      #expect(harness.lines.wait { $0.count { $0.contains("can be written again") } == round })
    }
    #expect(harness.stop())
  }

  @Test func `a ledger that was opened on a read-only disk is written as soon as the disk can be`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let disk = FaultyDisk()
    let first = try DeliveryHarness(port: peer.port, disk: disk)
    try first.start()
    first.commit([first.message("before")])
    #expect(first.isDelivered())
    // As a killed run leaves it, with its log.
    let left = disk.copy()
    #expect(first.stop())
    left.makeReadOnly()
    let harness = try DeliveryHarness(port: peer.port, disk: left)
    try harness.start()
    harness.commit([harness.message("A1")])
    #expect(peer.packets.wait { $0.contains { text($0.packet).hasPrefix("A1") } })
    #expect(eventually { harness.service.statistics.ledger != .working })
    left.heal()
    #expect(eventually { harness.service.statistics.ledger == .working && harness.service.statistics.unwritten == 0 })
    #expect(harness.stop())
  }

  @Test func `a disk that cannot be read holds no alert back, and heals`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let disk = FaultyDisk()
    let harness = try DeliveryHarness(port: peer.port, disk: disk)
    try harness.start()
    #expect(harness.isConnected())
    disk.fail(.read)
    disk.fail(.write)
    for number in 1...5 { harness.commit([harness.message("A\(number)")]) }
    #expect(peer.packets.wait { $0.count { text($0.packet).hasPrefix("A") } >= 5 })
    disk.heal()
    #expect(harness.isDelivered())
    #expect(eventually { harness.service.statistics.unwritten == 0 })
  }

  @Test func `nothing is handed to the broker before it is on the disk as it is sent, and the rest is whole`() throws {
    #expect(try losses(FaultyDisk()) == [])
    let liar = FaultyDisk()
    liar.become(.delaysSyncs)
    #expect(try losses(liar).contains { $0.hasPrefix("lost: A") })
  }

  /// What is wrong with the ledger after power cuts between any two changes of the delivery's work.
  private func losses(_ disk: FaultyDisk) throws -> [String] {
    let history = disk.record()
    let arrivals = Arrivals<(moment: Int, text: String)>()
    let peer = ScriptedPeer { connection, packet in
      let text = text(packet)
      if packet.type == 3 { arrivals.add((disk.operations, text)) }
      // A broker that goes away in the middle.
      if connection == 1, text.hasPrefix("A7 ") { return nil }
      return ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port, disk: disk) {
      $0.timing.observationBatchNanoseconds = 20_000_000
    }
    try harness.start()
    #expect(harness.isConnected())
    for number in 1...14 {
      let id = number % 4 == 0 ? "A\(number - 1)" : "A\(number)"
      harness.commit(
        [harness.message(id, revision: number % 4 == 0 ? 2 : 1)],
        records: [StateRecord(key: "book", value: [UInt8(number)])],
        retained: [harness.observation("river-1", "\(number)")])
      if number % 3 == 0 { #expect(harness.isDelivered()) }
    }
    #expect(harness.isDelivered())
    #expect(harness.stop())
    disk.end()
    let alerts = arrivals.all.filter { $0.text.hasPrefix("A") }
    #expect(Set(alerts.map(\.text)).count >= 14)
    return try complaints(history, alerts)
  }

  private func complaints(_ history: DiskHistory, _ alerts: [(moment: Int, text: String)]) throws -> [String] {
    var complaints: [String] = []
    for moment in 0...history.count {
      let cut: FaultyDisk.PowerCut = moment % 2 == 0 ? .nothingUnsynced : .torn(seed: UInt64(moment))
      let left = history.disk(after: moment).afterPowerCut(cut)
      let opener = LedgerOpener(
        folder: DeliveryHarness.stateFolder, boot: "b", wallMilliseconds: 0, digest: testDigest, disk: left)
      let opening = try opener.open().opening
      let reader = try LedgerReader(path: LedgerOpener.path(in: DeliveryHarness.stateFolder), disk: left)
      let isWhole = try reader.verify(digest: testDigest).isWhole
      if opening.setAside != nil || !isWhole {
        complaints.append("not whole after \(moment)")
      }
      for (arrival, text) in alerts where arrival <= moment {
        let words = text.split(separator: " ")
        let bytes = try reader.bytes(id: "\(DeliveryHarness.gateway)/\(words[0])", revision: Int(words[1]) ?? 0)
        if bytes != Array(text.utf8) { complaints.append("lost: \(text), after \(moment)") }
      }
    }
    return complaints
  }

  @Test func `what a slow disk takes is told, and nobody waits for it`() throws {
    let disk = FaultyDisk()
    let opener = LedgerOpener(folder: "/state", boot: "b", wallMilliseconds: 0, digest: quickDigest, disk: disk)
    let ledger = try opener.open().ledger
    _ = disk.takeDelay()
    let before = disk.calls(.sync)
    disk.slow(.sync, nanoseconds: 3_600_000_000_000)
    try ledger.save("a", .integer(1), durable: true)
    #expect(disk.takeDelay() == Int64(disk.calls(.sync) - before) * 3_600_000_000_000)
    #expect(disk.calls(.sync) > before)
    #expect(disk.takeDelay() == 0)
  }
}

/// Single calls of a disk fail while a ledger is used; whoever uses it tries again, as `LedgerLoop` does.
@Suite struct FailingCallTests {
  @Test(arguments: [FaultyDisk.Call.read, .write, .sync, .truncate, .open, .remove])
  func `one call that fails costs nothing that was promised, also with a power cut after it`(
    call: FaultyDisk.Call
  ) throws {
    var failed = 0
    for number in 0..<(PowerCutTests.isSoak ? 400 : 8) {
      let disk = FaultyDisk()
      let course = try LedgerCourse(seed: UInt64(number), disk: disk)
      disk.fail(
        call, after: call == .sync ? number : number * 5, times: 1 + number % 2,
        with: number % 3 == 0 ? .short : .inputOutput)
      try course.run(steps: 24)
      failed += course.failures
      course.end()
      let count = course.history.count
      var judge = PowerCutJudge(course)
      judge.judge(from: max(0, count - 10)) { moment in
        [.nothingUnsynced, .torn(seed: UInt64(moment))].suffix(moment % 5 == 0 ? 2 : 1)
      }
      #expect(judge.complaints == [], "call \(number)")
    }
    if [.write, .sync].contains(call) { #expect(failed > 5) }
  }

  @Test func `what lay in the log without a sync is written anew after a sync that failed`() throws {
    let disk = FaultyDisk()
    let opener = LedgerOpener(folder: "/state", boot: "b", wallMilliseconds: 0, digest: quickDigest, disk: disk)
    let ledger = try opener.open().ledger
    for number in 1...20 {
      try ledger.save("filler", .integer(Int64(number)), durable: false)
      disk.fail(.sync, times: 1)
      #expect(throws: SQLiteFailure.self) { try ledger.save("promised", .integer(Int64(number)), durable: true) }
      try ledger.save("promised", .integer(Int64(number)), durable: true)
      let left = disk.afterPowerCut(.nothingUnsynced)
      let found = try SQLiteDatabase(path: LedgerOpener.path(in: "/state"), mode: .readWrite, disk: left)
        .prepare("SELECT value FROM meta WHERE key = 'promised'").first { $0.integer(0) }
      #expect(found == Int64(number))
    }
  }

  /// The kernel told the process that was killed, and tells the next one nothing.
  @Test func `what a killed run failed to sync takes nothing with it that the next one promises`() throws {
    for number in 1...20 {
      let disk = FaultyDisk()
      var opener = LedgerOpener(folder: "/state", boot: "b", wallMilliseconds: 0, digest: quickDigest, disk: disk)
      let killed = try opener.open().ledger
      try killed.save("filler", .text(String(repeating: "x", count: number * 500)), durable: false)
      disk.fail(.sync, times: 1)
      #expect(throws: SQLiteFailure.self) { try killed.save("killed", .integer(Int64(number)), durable: true) }
      disk.end()

      let next = disk.copy()
      opener = LedgerOpener(folder: "/state", boot: "b", wallMilliseconds: 0, digest: quickDigest, disk: next)
      let ledger = try opener.open().ledger
      try ledger.save("promised", .integer(Int64(number)), durable: true)
      let left = next.afterPowerCut(.nothingUnsynced)
      let found = try SQLiteDatabase(path: LedgerOpener.path(in: "/state"), mode: .readWrite, disk: left)
        .prepare("SELECT value FROM meta WHERE key = 'promised'").first { $0.integer(0) }
      #expect(found == Int64(number))
    }
  }

  /// Also of the check that is made at the start, and of the note of what was sent from memory.
  @Test func `what cannot be read at the start is tried again, and is neither damaged nor forgotten`() throws {
    let course = try LedgerCourse(seed: 5)
    try course.run(steps: 20)
    let epoch = try LedgerFindings(course.disk.copy(), rows: course.lastRow).opening.epoch
    #expect(MemoryMark(folder: LedgerCourse.folder, epoch: epoch, disk: course.disk).note(["alert": 900]))
    course.end()
    let left = course.disk.copy()
    var failures = 0
    for reads in 0..<400 {
      let disk = left.copy()
      disk.fail(.read, after: reads, times: 2)
      let opening = try LedgerOpener(
        folder: LedgerCourse.folder, boot: "next", wallMilliseconds: 0, digest: quickDigest, disk: disk
      ).open().opening
      #expect(opening.setAside == nil && opening.epoch == epoch, "after \(reads) reads")
      #expect(opening.streams.first { $0.stream == "alert" }?.last == 900, "after \(reads) reads")
      failures += 1
      if disk.calls(.read) <= reads { break }
    }
    #expect(failures > 10)
  }

  /// A gateway that waited for a bad sector to heal would watch nothing.
  @Test func `what cannot be read at the start time after time is set aside`() throws {
    let course = try LedgerCourse(seed: 5)
    try course.run(steps: 20)
    course.end()
    let left = course.disk.copy()
    var setAside = 0
    for reads in stride(from: 0, to: 40, by: 2) {
      let disk = left.copy()
      disk.fail(.read, after: reads, times: 3 + reads / 2 % 3)
      let opener = LedgerOpener(
        folder: LedgerCourse.folder, boot: "next", wallMilliseconds: 0, digest: quickDigest, disk: disk)
      // The new ledger may not be read at once either: systemd starts the gateway again.
      let opening = try (try? opener.open().opening) ?? opener.open().opening
      setAside += opening.setAside == nil ? 0 : 1
    }
    #expect(setAside > 3)
  }
}
