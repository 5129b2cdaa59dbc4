import Delivery
import Locks
import Testing

/// What tells whoever would close the ledger that the disk is not answering.
@Suite struct TurnStampTests {
  @Test func `a turn of the ledger's thread shows for as long as it lasts`() throws {
    let peer = ScriptedPeer { _, packet in ScriptedPeer.agreeable(packet) }
    let isHeld = Locked(true)
    let isInside = Locked(false)
    let began = monotonicNanoseconds()
    // A turn that hangs where a message's bytes are made hangs as one does in a sync.
    let harness = try DeliveryHarness(
      port: peer.port,
      freeze: { message in
        isInside.withLock { $0 = true }
        _ = eventually { isHeld.withLock { !$0 } }
        return message.draft
      })
    #expect(harness.service.statistics.turnSinceNanoseconds == nil)
    try harness.start()
    #expect(harness.isConnected())
    harness.commit([harness.message("A")])
    #expect(eventually { isInside.withLock { $0 } })
    let since = try #require(harness.service.statistics.turnSinceNanoseconds)
    #expect(since >= began && since <= monotonicNanoseconds())
    isHeld.withLock { $0 = false }
    #expect(eventually { harness.service.statistics.turnSinceNanoseconds == nil })
    #expect(harness.isDelivered())
    #expect(harness.stop())
    #expect(harness.service.statistics.turnSinceNanoseconds == nil)
  }
}
