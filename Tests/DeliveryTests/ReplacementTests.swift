import Delivery
import FaultyDisk
import Testing

/// What comes while a damaged ledger is being replaced.
@Suite struct ReplacementTests {
  /// The damage is proven by two attempts to write.
  private func proveDamage(_ delivery: SteppedDelivery) {
    #expect(delivery.statistics.ledger != .working)
    delivery.retry()
    #expect(delivery.statistics.timesSetAside == 0)
    delivery.retry()
  }

  /// The first revision goes first, and the second when it is acknowledged.
  private func expectOrder(_ delivery: SteppedDelivery) throws {
    delivery.connect()
    #expect(delivery.turns { delivery.broker.texts.contains("A 1") })
    delivery.turn()
    #expect(!delivery.broker.texts.contains("A 2"))
    try delivery.broker.acknowledge("A 1")
    #expect(delivery.turns { delivery.broker.texts.contains("A 2") })
  }

  @Test func `a revision that comes while the new ledger cannot be made waits for the one that was saved`() throws {
    let delivery = try SteppedDelivery()
    delivery.commit(delivery.harness.message("A"))
    try delivery.damage("messages_revision")
    delivery.commit(delivery.harness.message("B"))
    delivery.disk.fail(.rename)
    proveDamage(delivery)
    #expect(delivery.statistics.timesSetAside == 0 && delivery.statistics.ledger != .working)
    delivery.commit(delivery.harness.message("A", revision: 2))
    delivery.disk.heal()
    delivery.retry()
    #expect(delivery.statistics.timesSetAside == 1 && delivery.statistics.ledger == .working)
    #expect(try delivery.roots("A") == [1, 1])
    try expectOrder(delivery)
  }

  @Test func `what was saved goes before its next revision although the new ledger cannot be made`() throws {
    let delivery = try SteppedDelivery()
    delivery.commit(delivery.harness.message("A"))
    try delivery.damage("messages_revision")
    delivery.commit(delivery.harness.message("B"))
    delivery.disk.fail(.rename)
    proveDamage(delivery)
    delivery.commit(delivery.harness.message("A", revision: 2))
    try expectOrder(delivery)
    for text in ["A 2", "B 1"] { try delivery.broker.acknowledge(text) }
    #expect(delivery.turns { delivery.statistics.acknowledged == 3 })
    #expect(delivery.statistics.timesSetAside == 0)
    delivery.disk.heal()
    delivery.retry()
    #expect(delivery.statistics.timesSetAside == 1 && delivery.statistics.ledger == .working)
    #expect(delivery.statistics.outbox == 0 && delivery.statistics.alertStream.deliveredThrough == 3)
    #expect(delivery.broker.texts == ["B 1", "A 1", "A 2"])
    let proof = try LedgerReader(path: SteppedDelivery.path, disk: delivery.disk).verify(digest: testDigest)
    #expect(proof.isWhole && proof.streams.map(\.acknowledged) == [3])
  }

  @Test func `a revision whose first one is on a damaged page of the index waits for it all the same`() throws {
    let delivery = try SteppedDelivery()
    delivery.commit(delivery.harness.message("A"))
    try delivery.damage("messages_revision")
    delivery.commit(delivery.harness.message("A", revision: 2))
    delivery.commit(delivery.harness.message("A", revision: 3))
    proveDamage(delivery)
    #expect(delivery.statistics.timesSetAside == 1 && delivery.statistics.ledger == .working)
    #expect(try delivery.roots("A") == [1, 1, 1])
    try expectOrder(delivery)
  }

  @Test func `a revision that comes while the disk cannot be read is stored below its first one`() throws {
    let delivery = try SteppedDelivery()
    delivery.commit(delivery.harness.message("A"))
    // A cache that another program's change has made void.
    try delivery.touch()
    delivery.disk.fail(.read)
    delivery.commit(delivery.harness.message("A", revision: 2))
    #expect(delivery.statistics.ledger != .working && delivery.statistics.unwritten == 1)
    delivery.disk.heal()
    delivery.retry()
    #expect(delivery.statistics.ledger == .working && delivery.statistics.timesSetAside == 0)
    #expect(try delivery.roots("A") == [1, 1])
    try expectOrder(delivery)
  }

  @Test func `what goes on from a damaged ledger is not told as delivered while the new one cannot be made`() throws {
    let delivery = try SteppedDelivery()
    delivery.commit(delivery.harness.message("A"), delivery.harness.message("B"))
    delivery.connect()
    #expect(delivery.turns { delivery.broker.texts.count == 2 })
    try delivery.damage("messages_revision")
    delivery.commit(delivery.harness.message("C"))
    delivery.disk.fail(.rename)
    proveDamage(delivery)
    try delivery.broker.acknowledge("A 1")
    #expect(delivery.turns { delivery.statistics.acknowledged == 1 })
    delivery.turn()
    #expect(delivery.statistics.alertStream.deliveredThrough < 2)
    delivery.disk.heal()
    delivery.retry()
    #expect(delivery.statistics.timesSetAside == 1 && delivery.statistics.ledger == .working)
    #expect(delivery.statistics.alertStream.deliveredThrough == 1)
    for text in ["B 1", "C 1"] { try delivery.broker.acknowledge(text) }
    #expect(delivery.turns { delivery.statistics.alertStream.deliveredThrough == 3 })
  }

  @Test func `numbers of an epoch that was begun in memory are noted from when it is on the disk`() throws {
    let first = try SteppedDelivery()
    first.commit(first.harness.message("before"))
    first.harness.stop()
    let disk = first.disk.copy()
    disk.fail(.open)
    let delivery = try SteppedDelivery(disk: disk)
    let epoch = delivery.harness.service.epoch.current
    delivery.connect()
    delivery.commit(delivery.harness.message("now", text: "now 1 " + String(repeating: "x", count: 600_000)))
    #expect(delivery.turns { delivery.broker.texts.contains("now 1") })
    // There is room for the new ledger, and not for what waits.
    disk.limit(bytes: disk.usedBytes + 300_000)
    disk.fail(.open, times: 0)
    delivery.retry()
    #expect(delivery.statistics.timesSetAside == 1 && delivery.statistics.ledger != .working)
    delivery.commit(delivery.harness.message("later"))
    #expect(delivery.turns { delivery.broker.texts.contains("later 1") })
    // Killed now.
    let left = disk.copy()
    left.heal()
    let next = try DeliveryHarness(port: 1, disk: left)
    #expect(next.service.epoch.current == epoch)
    #expect(next.service.lastSequences == ["alert": 2])
  }
}
