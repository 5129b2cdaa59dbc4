import Delivery
import Observations
import Testing

@testable import Gateway

@Suite struct `Searches over a restart` {
  private static let subject = SubjectID("ffffffffffffffffffffffff")
  private static let tag = SHA256Hash(ofArray: [1])
  private static let otherTag = SHA256Hash(ofArray: [2])
  /// Half an hour after the board was started.
  private static let begun = at(.minutes(30), "2026-11-21T12:00:00Z")
  private static let length = TimeSpan.hours(6)

  private static func at(_ uptime: TimeSpan, _ wall: String, _ clock: ClockQuality = .synchronized) -> Moment {
    Moment(monotonic: MonotonicTime(nanoseconds: 0) + uptime, wall: WallTime(rfc3339: wall)!, clock: clock)
  }

  /// The ledger's records.
  private struct Kept {
    var values: [String: [UInt8]] = [:]

    mutating func take(_ changes: [StateRecord]) {
      for change in changes { values[change.key] = change.value }
    }

    /// The searches that go on at `now` in a run of `boot`, and how long they still last.
    mutating func goOn(in boot: String, at now: Moment) -> [SHA256Hash: TimeSpan] {
      var changes: [StateRecord] = []
      let records = values.map { StateRecord(key: $0.key, value: $0.value) }
      var searches = KeptSearches(records: records, boot: boot, changes: &changes)
      let going = searches.goOn(at: now, changes: &changes)
      take(changes)
      return Dictionary(uniqueKeysWithValues: going.map { ($0.tag, $0.end.deadline - now.monotonic) })
    }
  }

  /// A search of six hours that was begun in the boot `one`.
  private static func begin(_ tags: [SHA256Hash] = [tag], at now: Moment = begun) -> Kept {
    var kept = Kept()
    var changes: [StateRecord] = []
    var searches = KeptSearches(records: [], boot: "one", changes: &changes)
    for tag in tags {
      let end = TagSearchEnd(until: begun.wall + length, lasting: length, from: now.monotonic)
      kept.take(searches.begin(tag, as: subject, until: end, at: now))
    }
    return kept
  }

  @Test(arguments: ["1970-01-01T01:00:00Z", "2026-11-21T13:00:00Z", "2031-01-01T00:00:00Z"])
  func `in the same boot end when they would have ended, whatever the wall clock says`(wall: String) {
    var kept = Self.begin()
    for clock in [ClockQuality.unsynchronized, .synchronized] {
      #expect(kept.goOn(in: "one", at: Self.at(.minutes(90), wall, clock)) == [Self.tag: .hours(5)])
    }
    #expect(kept.goOn(in: "one", at: Self.at(.minutes(390), wall)) == [:])
    #expect(kept.values.isEmpty)
  }

  @Test func `in another boot end by the wall clock, where that can be trusted`() {
    for begun in [Self.begun, Self.at(.minutes(30), "1970-01-01T00:30:00Z", .unsynchronized)] {
      var kept = Self.begin(at: begun)
      #expect(kept.goOn(in: "two", at: Self.at(.minutes(1), "2026-11-21T14:00:00Z")) == [Self.tag: .hours(4)])
      #expect(kept.goOn(in: "two", at: Self.at(.minutes(61), "2026-11-21T15:00:00Z")) == [Self.tag: .hours(3)])
      // A clock that is wrong by years prolongs nothing.
      #expect(kept.goOn(in: "three", at: Self.at(.zero, "2020-01-01T00:00:00Z", .rtc)) == [Self.tag: .hours(4)])
      #expect(kept.goOn(in: "four", at: Self.at(.zero, "2026-11-21T18:00:00Z")) == [:])
      #expect(kept.values.isEmpty)
    }
  }

  @Test func `in another boot without a clock go on for what was left, once, until a clock tells more`() {
    var kept = Self.begin()
    let unset = Self.at(.minutes(1), "1970-01-01T00:01:00Z", .unsynchronized)
    #expect(kept.goOn(in: "two", at: unset) == [Self.tag: Self.length])
    let again = Self.at(.minutes(61), "1970-01-01T01:01:00Z", .unsynchronized)
    #expect(kept.goOn(in: "two", at: again) == [Self.tag: .hours(5)])
    #expect(kept.goOn(in: "two", at: Self.at(.minutes(61), "2026-11-21T17:00:00Z")) == [Self.tag: .hours(1)])
    #expect(kept.goOn(in: "three", at: unset) == [:], "At a second start without a clock it is over")
  }

  @Test func `are kept for each tag, also of one person`() {
    var kept = Self.begin([Self.tag, Self.otherTag])
    #expect(kept.values.count == 2)
    let later = Self.at(.minutes(90), "2026-11-21T13:00:00Z")
    #expect(kept.goOn(in: "one", at: later) == [Self.tag: .hours(5), Self.otherTag: .hours(5)])
  }

  @Test func `are no more than go on`() {
    var kept = Kept()
    var changes: [StateRecord] = []
    var searches = KeptSearches(records: [], boot: "one", changes: &changes)
    for number in 0..<100 as Range<UInt8> {
      let now = Self.begun.advanced(by: .minutes(Int64(number)))
      let end = TagSearchEnd(until: now.wall + .minutes(10), lasting: .minutes(10), from: now.monotonic)
      kept.take(searches.begin(SHA256Hash(ofArray: [number]), as: Self.subject, until: end, at: now))
      #expect(kept.values.count == min(10, Int(number) + 1))
    }
  }

  @Test func `of an earlier program go on until the end that it wrote`() {
    func kept(_ until: WallTime) -> Kept {
      let record =
        #"{"subject":"\#(Self.subject.text)","tag":"\#(Self.tag.hex)","until":{"milliseconds":\#(until.milliseconds)}}"#
      return Kept(values: ["gateway/search/\(Self.subject.text)": Array(record.utf8)])
    }
    let later = Self.at(.minutes(90), "2026-11-21T13:00:00Z")
    var good = kept(Self.begun.wall + Self.length)
    #expect(good.goOn(in: "two", at: later) == [Self.tag: .hours(5)])
    #expect(Array(good.values.keys) == ["gateway/search/\(Self.tag.hex)"])
    #expect(good.goOn(in: "two", at: later.advanced(by: .hours(1))) == [Self.tag: .hours(4)])
    var over = kept(later.wall)
    #expect(over.goOn(in: "two", at: later) == [:] && over.values.isEmpty)
    var unset = kept(later.wall)
    let withoutClock = Self.at(.zero, "1970-01-01T00:00:00Z", .unsynchronized)
    #expect(unset.goOn(in: "two", at: withoutClock) == [Self.tag: .hours(24)], "Never longer than any command")
    var unreadable = Kept(values: ["gateway/search/x": [1]])
    #expect(unreadable.goOn(in: "two", at: later) == [:] && unreadable.values.isEmpty)
  }
}
