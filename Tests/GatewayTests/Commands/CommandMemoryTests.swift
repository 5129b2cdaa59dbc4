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

  private static func memory(_ kept: Kept = Kept(), boot: String = "one") -> CommandMemory {
    var obsolete: [StateRecord] = []
    return CommandMemory(records: kept.records, boot: boot, obsolete: &obsolete)
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
    let later = CommandMemory(records: kept.records, boot: "two", obsolete: &obsolete)
    #expect(later.count == 1)
    #expect(later.entry(authority: "city", id: "b") != nil)
    #expect(obsolete.count == 1)
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
}
