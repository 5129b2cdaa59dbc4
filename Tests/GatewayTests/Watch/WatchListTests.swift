import Alerts
import Gateway
import Observations
import Testing

@Suite struct `Watch list` {
  typealias Fixture = WatchListFixture

  var city: WatchListFixture

  init() throws {
    city = try WatchListFixture()
  }

  @Test func `keeps what names this gateway and nothing else`() throws {
    let list = try city.accept(try city.file())
    #expect(list.revision == 7)
    #expect(list.tagKeyIdentifier == "2026-11")
    #expect(list.warnings == [])
    #expect(
      list.plan
        == WatchPlan(
          revision: 7,
          members: [
            WatchPlan.Member(subject: SubjectID(Fixture.subject), person: .child, places: ["school-7-gate"])
          ]))
  }

  @Test mutating func `joins the tags of one person`() throws {
    let hashes = ["a", "b", "c"].map { String(repeating: $0, count: 64) }
    city.parts = [
      Fixture.part(
        Fixture.entry(hash: hashes[0], place: "school-7-back"), Fixture.entry(hash: hashes[1])),
      Fixture.part(
        Fixture.entry(hash: hashes[2], subject: "ffffffffffffffffffffffff", person: "elder"),
        Fixture.entry(hash: String(repeating: "d", count: 64), place: "school-7-back")),
    ]
    let list = try city.accept(try city.file())
    #expect(list.plan.members.map(\.places) == [["school-7-back", "school-7-gate"], ["school-7-gate"]])
    #expect(list.plan.members.map(\.person) == [.child, .elder])
    var matcher = TagMatcher()
    matcher.use(list)
    let last = try #require(SHA256Hash(hex: String(repeating: "d", count: 64)))
    #expect(matcher.subject(forHash: last) == SubjectID(Fixture.subject))
  }

  @Test mutating func `may be empty`() throws {
    city.parts = []
    #expect(try city.accept(try city.file()).plan == WatchPlan(revision: 7, members: []))
    city.parts = [#"{"tags":[]}"#]
    #expect(try city.accept(try city.file()).plan == WatchPlan(revision: 7, members: []))
  }

  @Test mutating func `keeps the rules of this gateway`() throws {
    let rules =
      #"{"not_arrived_by":"08:30","days":["mon","fri"],"except":["2026-11-23"],"not_seen_for":"24h","#
      + #""night_exit":{"from":"21:00","to":"05:30","pause_until":"2026-11-22T05:00:00+09:00"},"new":1}"#
    city.parts = [
      Fixture.part(Fixture.entry(hash: String(repeating: "a", count: 64), rules: rules)),
      Fixture.part(Fixture.entry(hash: String(repeating: "b", count: 64), gateway: "elsewhere-1", rules: rules)),
    ]
    let list = try city.accept(try city.file())
    #expect(list.expectations.map(\.place) == ["school-7-gate"])
    let expected = try #require(list.expectations.first?.rules)
    #expect(expected.notArrivedBy?.minutes == 510)
    #expect(expected.days == [.monday, .friday])
    #expect(expected.except.map { [$0.year, $0.month, $0.day] } == [[2026, 11, 23]])
    #expect(expected.notSeenFor == .hours(24))
    #expect(expected.nightExit?.from.minutes == 1260)
    #expect(expected.nightExit?.to.minutes == 330)
    #expect(expected.nightExit?.pausedUntil == WallTime(rfc3339: "2026-11-21T20:00:00Z"))
    #expect(list.plan.members.map(\.rules) == [[expected]])
  }

  static let badRules = [
    #"{"not_arrived_by":"8:30"}"#, #"{"not_arrived_by":"24:00"}"#, #"{"not_arrived_by":"08:60"}"#,
    #"{"not_arrived_by":"08:30:00"}"#, #"{"not_arrived_by":"+8:30"}"#, #"{"days":["monday"]}"#,
    #"{"except":["2026-02-29"]}"#, #"{"except":["2026-11-23T00:00:00Z"]}"#, #"{"not_seen_for":"1d"}"#,
    #"{"not_seen_for":"0h"}"#, #"{"not_seen_for":"h"}"#, #"{"not_seen_for":"9999999h"}"#,
    #"{"not_seen_for":"-1h"}"#, #"{"night_exit":{"from":"21:00"}}"#, #"{"night_exit":{"from":"21:00","to":"x"}}"#,
    #"{"night_exit":{"from":"21:00","to":"05:00","pause_until":"tomorrow"}}"#, #"{"not_arrived_by":830}"#,
  ]

  @Test(arguments: badRules)
  mutating func `refuses a rule that cannot be read, also another gateway's`(rules: String) throws {
    city.parts = [
      Fixture.part(Fixture.entry(hash: String(repeating: "b", count: 64), gateway: "elsewhere-1", rules: rules))
    ]
    let refusal = try #require(try city.refusal())
    #expect(refusal.reason == .malformed)
    #expect(refusal.description.contains("part 1 is malformed: tags[0].at[0].rules"), "\(refusal)")
  }

  @Test mutating func `says how many rotating tags it cannot follow`() throws {
    city.parts[0] =
      #"{"tags":[{"resolver":{"format":"eddystone-eid","key_ref":"k"},"subject":"\#(Fixture.subject)","#
      + #""person":"child","at":[{"gateway":"kakogawa-042","place":"school-7-gate"}]}]}"#
    let list = try city.accept(try city.file())
    #expect(list.warnings.count == 1)
    #expect(list.warnings.first?.hasPrefix("1 rotating tags") == true)
    #expect(list.plan.members.count == 1)
  }

  @Test mutating func `ignores members that it does not know`() throws {
    city.manifest["new"] = #"{"a":[1]}"#
    city.parts[0] = city.parts[0].replacing("\"person\"", with: "\"備考\":\"x\",\"person\"")
    #expect(try city.accept(try city.file()).plan.members.count == 1)
  }

  @Test func `takes the same revision again and a newer one`() throws {
    #expect(try city.refusal(revision: 7) == nil)
    #expect(try city.refusal(revision: 6) == nil)
  }

  @Test func `is judged by its end, except by a clock that is not synchronized`() throws {
    let end = try #require(WallTime(rfc3339: "2027-03-31T23:59:59+09:00"))
    func moment(_ wall: WallTime, _ clock: ClockQuality) -> Moment {
      Moment(monotonic: MonotonicTime(nanoseconds: 0), wall: wall, clock: clock)
    }
    let late = WallTime(milliseconds: end.milliseconds + 1)
    #expect(try city.refusal(at: moment(end, .synchronized)) == nil)
    #expect(try city.refusal(at: moment(late, .rtc))?.reason == .expired)
    let expired = try #require(try city.refusal(at: moment(late, .synchronized)))
    #expect(
      expired.description
        == "Failed to accept the watch list: it was valid until 2027-03-31T14:59:59+00:00: bring a newer list")
    let list = try city.accept(try city.file(), at: moment(late, .unsynchronized))
    #expect(
      list.warnings
        == ["the watch list's end (2027-03-31T14:59:59+00:00) was not judged: the clock is not synchronized"])
  }

  @Test func `is taken up again after it has ended, and says so`() throws {
    let late = Moment(
      monotonic: MonotonicTime(nanoseconds: 0), wall: Fixture.now.wall + .hours(24 * 365), clock: .synchronized)
    let bytes = try city.file()
    #expect(city.refusal(of: bytes, at: late)?.reason == .expired)
    let list = try city.verifier.resume(fileBytes: bytes, at: late)
    #expect(list.plan == (try city.accept(bytes).plan))
    #expect(
      list.warnings
        == ["the watch list was valid until 2027-03-31T14:59:59+00:00 and is used on: bring a newer one"])
    #expect(try city.verifier.resume(fileBytes: bytes, at: Fixture.now).warnings == [])
    var changed = bytes
    changed[changed.count - 20] ^= 1
    #expect(throws: WatchListRefusal.self) { try city.verifier.resume(fileBytes: changed, at: Fixture.now) }
  }

  @Test mutating func `keeps its revision also when it can no longer be taken up`() throws {
    let bytes = try city.file()
    // The same gateway after its authority, its tag key and its place were changed.
    let changed = WatchListVerifier(
      root: "mimamori/282103", group: "east", gateway: "kakogawa-042", places: [], authorities: [], tagKeys: [:])
    #expect(throws: WatchListRefusal.self) { try changed.resume(fileBytes: bytes, at: Fixture.now) }
    #expect(changed.revision(ofKept: bytes) == 7)
    city.manifest["group"] = #""west""#
    #expect(changed.revision(ofKept: try city.file()) == 0)
    #expect(changed.revision(ofKept: []) == 0)
    #expect(changed.revision(ofKept: Array("a.b.c".utf8)) == 0)
  }

  @Test func `refuses every change of one byte, every cut and every addition`() throws {
    let bytes = try city.file()
    #expect(city.refusal(of: bytes) == nil)
    for index in bytes.indices {
      for bit in 0..<8 {
        var changed = bytes
        changed[index] ^= 1 << bit
        #expect(city.refusal(of: changed) != nil, "byte \(index), bit \(bit)")
      }
      var longer = bytes
      longer.insert(UInt8(ascii: "A"), at: index)
      #expect(city.refusal(of: longer) != nil, "an addition at \(index)")
    }
    // The last line's end may be missing; anything more may not.
    #expect(city.refusal(of: Array(bytes.dropLast())) == nil)
    for length in 0..<(bytes.count - 1) {
      #expect(city.refusal(of: Array(bytes[..<length])) != nil, "cut to \(length)")
    }
    #expect(city.refusal(of: bytes + [UInt8(ascii: "\n")]) != nil)
  }

  @Test func `refuses parts in another order`() throws {
    var file = try WatchListFile(bytes: try city.file())
    file = WatchListFile(manifest: file.manifest, parts: file.parts.reversed())
    #expect(city.refusal(of: file.bytes)?.reason == .altered)
  }
}
