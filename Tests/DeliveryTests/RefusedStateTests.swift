import Delivery
import Locks
import Testing

/// A state that the broker refused comes again by itself, in its newest form.
@Suite(.serialized) struct RefusedStateTests {
  private func state(_ text: String, _ urgency: RetainedState.Urgency = .atOnce) -> RetainedState {
    RetainedState(topic: "mimamori/282103/kakogawa-042/active", payload: Array(text.utf8), urgency: urgency)
  }

  /// - Parameter isEnding: as mosquitto 2.0 does: the refusal, and the end.
  @Test(arguments: [false, true])
  func `a refused state arrives after its time without another change`(isEnding: Bool) throws {
    let refusals = Locked(0)
    let kept = Locked<[String]>([])
    let peer = ScriptedPeer { _, packet in
      guard let message = PublishedMessage(packet), message.topic.hasSuffix("/active") else {
        return ScriptedPeer.agreeable(packet)
      }
      if refusals.withLock({
        $0 += 1
        return $0 == 1
      }) {
        return [0x40, 3] + packet.identifier + [0x97] + (isEnding ? [0xE0, 2, 0x97, 0] : [])
      }
      kept.withLock { $0.append(String(decoding: message.payload, as: UTF8.self)) }
      return ScriptedPeer.agreeable(packet)
    }
    let harness = try DeliveryHarness(port: peer.port) { $0.timing.refusedRetryNanoseconds = 1_000_000_000 }
    harness.service.retain(state("old"))
    try harness.start()
    #expect(eventually { refusals.withLock { $0 } == 1 })
    harness.service.retain(state("new"))
    #expect(eventually(seconds: 10) { kept.withLock { $0 } == ["new"] }, "\(harness.lines.all)")
    #expect(eventually { harness.service.statistics.inFlight == 0 })
  }

  @Test func `while a refused state waits nothing is due before its time`() throws {
    var table = RetainedTable(limit: 10)
    table.connected(now: 0, spreadNanoseconds: 0)
    _ = table.set(state("1"), isTransient: false, now: 0)
    let due = table.nextUrgent(now: 0)
    #expect(due != nil)
    table.refused(state("").topic, now: 0, retryNanoseconds: 60)
    #expect(table.nextNanoseconds == 60)
    for text in ["2", "3"] {
      _ = table.set(state(text), isTransient: false, now: 10)
      #expect(!table.hasUrgent && table.nextNanoseconds == 60)
    }
    let early = table.next(now: 59)
    #expect(early == nil)
    // A connection of its own does not hasten it.
    table.connected(now: 59, spreadNanoseconds: 0)
    let urgent = table.nextUrgent(now: 59)
    #expect(urgent == nil && table.nextNanoseconds == 60)
    let again = table.nextUrgent(now: 60)
    #expect(again?.state.payload == Array("3".utf8) && table.nextNanoseconds == nil)
    table.acknowledged(state("").topic, version: again?.version ?? 0)
    let nothing = table.nextUrgent(now: 1_000)
    #expect(nothing == nil && table.nextNanoseconds == nil)
  }

  @Test func `a state that is refused time after time is tried less often, unless it is urgent or changes`() {
    func gaps(_ urgency: RetainedState.Urgency, isChanging: Bool) -> [Int64] {
      var table = RetainedTable(limit: 10)
      table.connected(now: 0, spreadNanoseconds: 0)
      _ = table.set(state("0", urgency), isTransient: false, now: 0)
      var now: Int64 = 0
      return (1...7).map { number in
        let due = table.nextUrgent(now: now) ?? table.next(now: now)
        #expect(due != nil)
        table.refused(state("").topic, now: now, retryNanoseconds: 60)
        if isChanging { _ = table.set(state("\(number)", urgency), isTransient: false, now: now + 1) }
        let before = now
        now = table.nextNanoseconds ?? 0
        return now - before
      }
    }
    #expect(gaps(.spread, isChanging: false) == [60, 120, 240, 480, 960, 960, 960])
    #expect(gaps(.spread, isChanging: true) == Array(repeating: 60, count: 7))
    #expect(gaps(.atOnce, isChanging: false) == Array(repeating: 60, count: 7))
  }

  @Test func `what is held back goes when it is let go, and not before`() {
    var table = RetainedTable(limit: 10)
    _ = table.set(state("1"), isTransient: false, now: 0)
    table.hold(state("").topic)
    table.connected(now: 0, spreadNanoseconds: 0)
    _ = table.set(state("2"), isTransient: false, now: 0)
    let held = table.nextUrgent(now: .max - 1)
    #expect(held == nil && table.nextNanoseconds == nil)
    table.letGo(state("").topic)
    let due = table.nextUrgent(now: 0)
    #expect(due?.state.payload == Array("2".utf8))
  }
}
