import Delivery
import FaultyDisk
import Locks
import Testing

/// What waits in memory while the disk fails.
@Suite struct MemoryBoundTests {
  private static let subject = "7f3a9c52e1b84d0f9a61c2d3"
  private static let filler = String(repeating: "x", count: 2_000)

  private func alert(_ delivery: SteppedDelivery, _ id: String, stream: String = "alert") -> OutgoingMessage {
    delivery.harness.message(id, stream: stream, text: "\(id) 1 \(Self.filler)")
  }

  @Test func `bytes are bounded: delivered messages go first, then notices, and undelivered alerts last`() throws {
    let delivery = try SteppedDelivery(adjust: { $0.limits.waitingBytes = 20_000 })
    delivery.connect()
    delivery.disk.fail(.write)
    for number in 1...12 {
      delivery.commit(alert(delivery, "A\(number)"))
      #expect(delivery.turns { delivery.broker.texts.contains("A\(number) 1") })
      try delivery.broker.acknowledge("A\(number) 1")
      #expect(delivery.turns { delivery.statistics.alertStream.deliveredThrough == UInt64(number) })
      delivery.retry()
    }
    #expect(delivery.statistics.unwritten == 9, "of 12 of a little more than 2,000 bytes")
    #expect(delivery.statistics.droppedAlerts == 0)

    for number in 1...3 { delivery.commit(alert(delivery, "N\(number)", stream: Self.subject)) }
    for number in 13...27 { delivery.commit(alert(delivery, "A\(number)")) }
    delivery.retry()
    // Together less than twice the limit; and what is in flight was handed over.
    #expect(delivery.statistics.droppedAlerts == 0)
    #expect(delivery.statistics.unwritten == 15 + 3)
    for number in 28...40 { delivery.commit(alert(delivery, "A\(number)")) }
    delivery.retry()
    #expect(delivery.statistics.unwritten == 19)
    #expect(delivery.statistics.droppedAlerts == 9 && delivery.statistics.droppedNotices == 3)
    delivery.turn()
    #expect(delivery.harness.lines.all.contains { $0.hasPrefix("error: Dropped messages") })

    delivery.disk.heal()
    delivery.retry()
    #expect(delivery.statistics.ledger == .working && delivery.statistics.unwritten == 0)
    let proof = try LedgerReader(path: SteppedDelivery.path, disk: delivery.disk).verify(digest: testDigest)
    // Their numbers are known: they are not given again.
    #expect(proof.streams.map(\.stream) == ["alert", Self.subject])
    #expect(proof.streams.map(\.last) == [40, 3])
    let unstored: [[UInt64]] = proof.streams.map { $0.unstored.flatMap { Array($0) } }
    #expect(unstored == [Array(1...21), [1, 2, 3]])
  }

  @Test func `a failing disk is tried with little, whatever waits`() throws {
    let hashes = Locked(0)
    let delivery = try SteppedDelivery(digest: { bytes in
      hashes.withLock { $0 += 1 }
      return quickDigest(bytes)
    })
    delivery.turn()
    delivery.disk.fail(.write)
    delivery.harness.commit((1...50).map { delivery.harness.message("A\($0)") })
    delivery.turn()
    #expect(delivery.statistics.unwritten == 50 && delivery.statistics.ledger != .working)
    let before = hashes.withLock { $0 }
    #expect(before >= 50)
    for _ in 1...5 { delivery.retry() }
    #expect(hashes.withLock { $0 } == before)
    delivery.disk.heal()
    delivery.retry()
    #expect(delivery.statistics.unwritten == 0 && delivery.statistics.ledger == .working)
  }

  @Test func `what waits knows its bytes and forgets what was taken out`() {
    func stored(_ row: Int64, _ id: String, revision: Int, root: Int64) -> StoredMessage {
      let message = OutgoingMessage(
        stream: "alert", sequence: UInt64(row), id: id, revision: revision, topic: "abc", draft: [1, 2, 3, 4],
        detectedNanoseconds: row)
      return StoredMessage(row: row, root: root, message: message, boot: "b", createdMilliseconds: row)
    }
    var unwritten = Unwritten()
    unwritten.append(stored(7, "A", revision: 2, root: 7))
    unwritten.append(stored(8, "A", revision: 3, root: 7))
    unwritten.append(stored(9, "B", revision: 1, root: 9))
    #expect(unwritten.bytes == 24 && unwritten.rootless.map(\.row) == [7])
    unwritten[8]?.message.draft = [1, 2, 3, 4, 5, 6]
    unwritten[8]?.acknowledgedMilliseconds = 1
    #expect(unwritten.bytes == 26)
    unwritten.move(root: 7, below: 3)
    #expect(unwritten.rows(root: 3) == [7, 8] && unwritten.rows(root: 7) == [] && unwritten.rootless.isEmpty)
    #expect(unwritten.root(id: "A", form: 0) == 3 && unwritten.inOrder.map(\.root) == [3, 3, 9])
    #expect(unwritten.remove([8, 8, 5]).map(\.row) == [8])
    #expect(unwritten.bytes == 16 && unwritten.order == [7, 9])
    #expect(unwritten.root(id: "A", form: 0) == 3 && !unwritten.contains(id: "A", form: 0, revision: 3))
    #expect(unwritten.remove([7]).count == 1)
    #expect(unwritten.root(id: "A", form: 0) == nil && unwritten.rows(root: 3) == [])
    unwritten.removeAll()
    #expect(unwritten.bytes == 0 && unwritten.count == 0)
  }
}
