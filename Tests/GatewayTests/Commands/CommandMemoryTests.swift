import Delivery
import Gateway
import Observations
import Testing

@Suite struct `The memory of commands` {
  /// What the ledger would hold after these records.
  private struct Kept {
    var values: [String: [UInt8]] = [:]

    mutating func take(_ records: [StateRecord]) {
      for record in records { values[record.key] = record.value }
    }

    var records: [StateRecord] { values.map { StateRecord(key: $0.key, value: $0.value) } }
  }

  private static let now = CommandFixture.now

  private static func at(_ span: TimeSpan, clock: ClockQuality = .synchronized) -> Moment {
    Moment(monotonic: now.monotonic + span, wall: now.wall + span, clock: clock)
  }

  private static func entry(
    _ id: String, of authority: String = "city", expires: TimeSpan = .minutes(10), boot: String? = nil
  ) -> CommandMemory.Entry {
    CommandMemory.Entry(
      authority: authority, id: id, digest: "00", expires: now.wall + expires, boot: boot, reply: "{}")
  }

  private static func memory(
    _ kept: Kept = Kept(), boot: String = "one", isLedgerLost: Bool = false, at moment: Moment = at(.zero)
  ) -> CommandMemory {
    var changes: [StateRecord] = []
    return CommandMemory(
      records: kept.records, boot: boot, isLedgerLost: isLedgerLost, at: moment, changes: &changes)
  }

  private static func refusal(
    _ digest: String, of authority: String = "city", expires: TimeSpan = .minutes(10)
  ) -> CommandMemory.Refusal {
    CommandMemory.Refusal(
      authority: authority, digest: digest, expires: now.wall + expires, reply: "refused \(digest)")
  }

  @Test func `knows an id again after a restart`() {
    var kept = Kept()
    var memory = Self.memory()
    kept.take([memory.remember(Self.entry("a"))])
    let later = Self.memory(kept, boot: "two")
    #expect(later.entry(authority: "city", id: "a") == Self.entry("a"))
    #expect(later.entry(authority: "other", id: "a") == nil)
  }

  @Test func `forgets an id when it has expired and not before, and never does it again`() {
    var kept = Kept()
    var memory = Self.memory()
    kept.take(memory.tidy(at: Self.now))
    kept.take([memory.remember(Self.entry("a"))])
    kept.take(memory.tidy(at: Self.at(.minutes(10))))
    #expect(memory.count == 1)
    kept.take(memory.tidy(at: Self.at(.minutes(10) + .milliseconds(1))))
    #expect(memory.count == 0)
    // Also after a restart, and although the clock may be set back.
    #expect(memory.forgottenThrough == Self.now.wall + .minutes(10))
    let later = Self.memory(kept, boot: "two")
    #expect(later.count == 0)
    #expect(later.forgottenThrough == Self.now.wall + .minutes(10))
  }

  @Test func `forgets nothing while no clock tells the time`() {
    var memory = Self.memory()
    _ = memory.remember(Self.entry("a"))
    let records = memory.tidy(at: Self.at(.hours(100), clock: .unsynchronized))
    #expect(records.isEmpty)
    #expect(memory.count == 1)
  }

  @Test func `drops what named an earlier boot, which is refused for that`() {
    var kept = Kept()
    var memory = Self.memory()
    kept.take([memory.remember(Self.entry("a", boot: "one")), memory.remember(Self.entry("b"))])
    var obsolete: [StateRecord] = []
    let later = CommandMemory(records: kept.records, boot: "two", at: Self.at(.zero), changes: &obsolete)
    #expect(later.count == 1)
    #expect(later.entry(authority: "city", id: "b") != nil)
    #expect(obsolete.filter { $0.value == nil }.map(\.key) == ["gateway/command/city/a"])
    #expect(later.forgottenThrough == nil)
  }

  @Test func `has no room for more than its limit, and leaves the others theirs`() {
    var memory = Self.memory()
    for index in 0..<CommandMemory.mostOfOneAuthority {
      #expect(memory.hasRoom(for: "city"))
      _ = memory.remember(Self.entry("\(index)"))
    }
    #expect(!memory.hasRoom(for: "city"))
    #expect(memory.hasRoom(for: "ward"))
    // Nothing was forgotten to make room.
    #expect(memory.entry(authority: "city", id: "0") != nil)
    _ = memory.tidy(at: Self.at(.minutes(11)))
    #expect(memory.hasRoom(for: "city"))
  }

  @Test func `asks for the boot for a day after it began, and whenever the clock is not synchronized`() {
    var kept = Kept()
    var memory = Self.memory()
    #expect(memory.needsBoot(at: Self.now))
    kept.take(memory.tidy(at: Self.now))
    #expect(memory.needsBoot(at: Self.at(.hours(24))))
    var later = Self.memory(kept, boot: "two")
    kept.take(later.tidy(at: Self.at(.hours(25))))
    #expect(!later.needsBoot(at: Self.at(.hours(25))))
    #expect(later.needsBoot(at: Self.at(.hours(25), clock: .rtc)))
    #expect(later.needsBoot(at: Self.at(.hours(25), clock: .unsynchronized)))
    // A memory that was lost begins anew.
    #expect(Self.memory().needsBoot(at: Self.at(.hours(25))))
  }

  @Test func `counts the day from the first moment at which the clock is synchronized`() {
    var memory = Self.memory()
    _ = memory.tidy(at: Self.at(.zero, clock: .rtc))
    _ = memory.tidy(at: Self.at(.hours(10)))
    #expect(memory.needsBoot(at: Self.at(.hours(33))))
    #expect(!memory.needsBoot(at: Self.at(.hours(35))))
  }

  @Test func `knows a refusal again after a restart, until it has expired, and lets nothing forgotten pass`() {
    var kept = Kept()
    var memory = Self.memory()
    kept.take(memory.remember(Self.refusal("aa")))
    var again = Self.memory(kept)
    #expect(again.refusal(authority: "city", digest: "aa")?.reply == "refused aa")
    #expect(again.refusal(authority: "city", digest: "bb") == nil)
    #expect(again.refusal(authority: "ward", digest: "aa") == nil, "another's command of the same words is another")
    kept.take(again.tidy(at: Self.at(.minutes(9))))
    #expect(again.refusal(authority: "city", digest: "aa") != nil)
    kept.take(again.tidy(at: Self.at(.minutes(11))))
    #expect(again.refusal(authority: "city", digest: "aa") == nil)
    #expect(again.forgottenThrough == Self.now.wall + .minutes(10))
    #expect(!kept.values.keys.contains { $0.hasSuffix("aa") })
  }

  @Test func `keeps the refusals that expire first, and room for commands beside them`() {
    var memory = Self.memory()
    var kept = Kept()
    let most = CommandMemory.mostRefusalsOfOneAuthority
    for index in 0..<most { kept.take(memory.remember(Self.refusal("\(index)", expires: .hours(48)))) }
    kept.take(memory.remember(Self.refusal("last", expires: .hours(72))))
    #expect(memory.refusal(authority: "city", digest: "last") == nil)
    kept.take(memory.remember(Self.refusal("soon")))
    kept.take(memory.remember(Self.refusal("another", of: "ward", expires: .hours(72))))
    #expect(memory.refusal(authority: "city", digest: "soon") != nil)
    #expect(memory.refusal(authority: "ward", digest: "another") != nil)
    #expect(kept.values.keys.count { $0.hasPrefix("gateway/refused/") } == most + 1)
    #expect(memory.hasRoom(for: "city") && memory.count == 0)
  }

  @Test func `believes nothing that was issued before it began, once a clock tells that`() {
    var kept = Kept()
    var memory = Self.memory(kept, at: Self.at(.zero, clock: .unsynchronized))
    #expect(!memory.mayHaveForgotten(issued: Self.now.wall - .minutes(5), at: Self.at(.zero, clock: .unsynchronized)))
    kept.take(memory.tidy(at: Self.at(.minutes(2))))
    for (memory, clock) in [(memory, ClockQuality.synchronized), (Self.memory(kept), .rtc)] {
      #expect(memory.mayHaveForgotten(issued: Self.now.wall - .seconds(1), at: Self.at(.minutes(3), clock: clock)))
      #expect(!memory.mayHaveForgotten(issued: Self.now.wall, at: Self.at(.minutes(3), clock: clock)))
    }
  }

  @Test func `after a loss believes nothing that was issued about the time of it`() {
    var changes: [StateRecord] = []
    let blind = Self.at(.zero, clock: .unsynchronized)
    var memory = CommandMemory(records: [], boot: "one", isLedgerLost: true, at: blind, changes: &changes)
    _ = memory.tidy(at: Self.at(.minutes(2)))
    let later = Self.at(.minutes(3))
    #expect(memory.mayHaveForgotten(issued: Self.now.wall + .seconds(4), at: later))
    #expect(!memory.mayHaveForgotten(issued: Self.now.wall + .seconds(5), at: later))
  }

  @Test func `after answers that no ledger took is in doubt as after a loss, though it knows what was before`() {
    var kept = Kept()
    var memory = Self.memory()
    kept.take(memory.tidy(at: Self.now))
    kept.take([memory.remember(Self.entry("a", expires: .hours(47)))])
    let restart = Self.at(.hours(26))
    #expect(!Self.memory(kept, at: restart).needsBoot(at: restart))
    var changes: [StateRecord] = []
    var later = CommandMemory(
      records: kept.records, boot: "one", hasUnstoredAnswers: true, at: restart, changes: &changes)
    kept.take(changes)
    #expect(later.entry(authority: "city", id: "a") != nil)
    #expect(later.mayHaveForgotten(issued: restart.wall, at: Self.at(.hours(26), clock: .unsynchronized)))
    kept.take(later.tidy(at: restart))
    // A further run finds nothing that is missing, and knows it from the record.
    for memory in [later, Self.memory(kept, at: Self.at(.hours(27)))] {
      #expect(memory.needsBoot(at: Self.at(.hours(50))))
      #expect(!memory.needsBoot(at: Self.at(.hours(51))))
      #expect(memory.mayHaveForgotten(issued: restart.wall + .seconds(4), at: Self.at(.hours(27))))
      #expect(!memory.mayHaveForgotten(issued: restart.wall + .seconds(5), at: Self.at(.hours(27))))
    }
  }

  @Test func `after a loss believes nothing without a clock until the next boot`() {
    var changes: [StateRecord] = []
    var kept = Kept()
    let blind = Self.at(.zero, clock: .unsynchronized)
    let memory = CommandMemory(records: [], boot: "one", isLedgerLost: true, at: blind, changes: &changes)
    kept.take(changes)
    for memory in [memory, Self.memory(kept)] {
      #expect(memory.mayHaveForgotten(issued: Self.now.wall, at: blind))
      #expect(!memory.mayHaveForgotten(issued: Self.now.wall, at: Self.at(.zero)))
    }
    #expect(!Self.memory(kept, boot: "two").mayHaveForgotten(issued: Self.now.wall, at: blind))
  }
}
