import Delivery
import FaultyDisk
import Testing

/// What was sent from memory while the ledger could not be written is not sent again under the same numbers.
@Suite struct MarkPowerCutTests {
  private static let folder = "/state"
  private static let epoch = LedgerCourse.boot

  /// Notes that grow beyond several sectors, each with the moment at which it was on the disk.
  private func notes(_ disk: FaultyDisk) -> (DiskHistory, [(moment: Int, numbers: [String: UInt64])]) {
    let history = disk.record()
    let mark = MemoryMark(folder: Self.folder, epoch: Self.epoch, disk: disk)
    var noted: [(moment: Int, numbers: [String: UInt64])] = []
    var numbers: [String: UInt64] = [:]
    var lots = Lots(seed: 5)
    for turn in 1...60 {
      numbers["alert"] = UInt64(turn * turn)
      numbers["7f3a9c52e1b84d0f9a61c2\(10 + lots.below(80))"] = UInt64(turn * 7)
      if mark.note(numbers) { noted.append((disk.operations, numbers)) }
    }
    disk.end()
    return (history, noted)
  }

  /// How many cuts lost a number that was noted.
  private func losses(_ disk: FaultyDisk) -> Int {
    let (history, noted) = notes(disk)
    var losses = 0
    for moment in 0...history.count {
      let left = history.disk(after: moment)
      let promised = noted.last { $0.moment <= moment }?.numbers ?? [:]
      for seed in 0..<8 {
        let cut: FaultyDisk.PowerCut = seed == 0 ? .nothingUnsynced : .torn(seed: UInt64(moment * 8 + seed))
        let found = MemoryMark.read(folder: Self.folder, epoch: Self.epoch, disk: left.afterPowerCut(cut))
        if promised.contains(where: { found[$0.key] ?? 0 < $0.value }) { losses += 1 }
        // No number is skipped either: what is found was noted, or was about to be.
        let next = noted.first { $0.moment > moment }?.numbers ?? promised
        #expect(found.allSatisfy { $0.value <= next[$0.key] ?? 0 })
      }
    }
    #expect(noted.count == 60)
    return losses
  }

  @Test func `numbers that were noted are there after a power cut at any moment`() {
    #expect(losses(FaultyDisk()) == 0)
  }

  @Test func `numbers that were not synced are found missing`() {
    let disk = FaultyDisk()
    disk.become(.ignoresSyncs)
    #expect(losses(disk) > 0)
  }

  @Test func `a note that failed is not believed, and is tried again`() {
    let disk = FaultyDisk()
    let mark = MemoryMark(folder: Self.folder, epoch: Self.epoch, disk: disk)
    disk.fail(.sync, times: 1)
    #expect(!mark.note(["alert": 4]))
    #expect(mark.note(["alert": 4]))
    #expect(
      MemoryMark.read(folder: Self.folder, epoch: Self.epoch, disk: disk.afterPowerCut(.nothingUnsynced)) == [
        "alert": 4
      ])
    disk.fail(.sync, times: 1)
    #expect(!mark.note(["alert": 5]))
    let found = MemoryMark.read(folder: Self.folder, epoch: Self.epoch, disk: disk.afterPowerCut(.torn(seed: 1)))
    #expect([4, 5].contains(found["alert"]))
  }

  @Test func `what an earlier program noted is read, and written on from`() {
    let disk = FaultyDisk()
    disk.makePrivateFile("/state/ledger.memory")
    disk.damage("/state/ledger.memory", at: 0, with: Array("\(Self.epoch)\nalert 9\nabc 2\n\nabc 1\n".utf8))
    #expect(MemoryMark.read(folder: Self.folder, epoch: Self.epoch, disk: disk) == ["alert": 9, "abc": 2])
    #expect(MemoryMark.read(folder: Self.folder, epoch: "another", disk: disk) == [:])
    let mark = MemoryMark(folder: Self.folder, epoch: Self.epoch, disk: disk)
    #expect(mark.note(["alert": 10]))
    #expect(MemoryMark.read(folder: Self.folder, epoch: Self.epoch, disk: disk) == ["alert": 10, "abc": 2])
  }
}
