import Alerts
import Observations
import Testing

@testable import Gateway

@Suite struct `Tag matcher` {
  typealias Fixture = WatchListFixture

  private func time(seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

  /// An iBeacon by its number.
  private func beacon(_ number: UInt32) throws -> TagIdentifier {
    let bytes = [UInt8](repeating: 0x5A, count: 16) + (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    return try tag(.iBeacon, bytes)
  }

  private func subject(_ number: Int) -> String {
    "\(number)".count > 24 ? "" : String(repeating: "0", count: 24 - "\(number)".count) + "\(number)"
  }

  /// A list on which each of `numbers` is a beacon of a person of its own.
  private func list(of numbers: [UInt32]) throws -> WatchList {
    var city = try Fixture()
    var parts = [String]()
    for start in stride(from: 0, to: numbers.count, by: 250) {
      let entries = try numbers[start..<min(start + 250, numbers.count)].map { number in
        Fixture.entry(hash: city.tagKey.hash(of: try beacon(number)).hex, subject: subject(Int(number)))
      }
      parts.append(#"{"tags":[\#(entries.joined(separator: ","))]}"#)
    }
    city.parts = parts
    return try city.accept(try city.file())
  }

  @Test func `hashes a tag as the contract's vector says`() throws {
    let key = try #require(TagKey(bytes: Array(0..<32)))
    #expect(
      key.hash(of: try tag("ibeacon", "e2c56db5dffb48d2b060d0f5a71096e003e90007")).hex
        == "4bf5b741cefc52ec73268f6e824eafaec857fd4acef1a1f49d04ce2a42d630b6")
  }

  @Test(arguments: TagFormat.fixed, 1...20)
  func `hashes every format and length as the plain definition does`(format: TagFormat, count: Int) throws {
    let secret: [UInt8] = (0..<32).map { $0 &* 37 &+ 1 }
    let key = try #require(TagKey(bytes: secret))
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 29 &+ 0xA0) }
    let identifier = try tag(format, bytes)
    let text = Array("\(format.name):\(Hexadecimal.text(of: bytes.span))".utf8)
    #expect(key.hash(of: identifier) == MessageAuthentication(keyArray: secret).code(forArray: text))
  }

  @Test func `knows whose a tag is, the first time and again`() throws {
    var matcher = TagMatcher()
    let known = try tag("ibeacon", Fixture.clearTag)
    let stranger = try tag("ibeacon", "e2c56db5dffb48d2b060d0f5a71096e003e90008")
    let otherFormat = try tag("altbeacon", Fixture.clearTag)
    #expect(matcher.match(known, at: time(seconds: 0)) == nil)
    #expect(matcher.rememberedCount == 0, "Nothing is remembered without a list")
    let city = try Fixture()
    matcher.use(try city.accept(try city.file()))
    for second in 0..<3 {
      #expect(matcher.match(known, at: time(seconds: Int64(second))) == SubjectID(Fixture.subject))
      #expect(matcher.match(stranger, at: time(seconds: Int64(second))) == nil)
      #expect(matcher.match(otherFormat, at: time(seconds: Int64(second))) == nil)
    }
    #expect(matcher.rememberedCount == 3)
  }

  @Test func `knows a tag that is searched for, until the end of the search`() throws {
    let city = try Fixture()
    let sought = SubjectID("ffffffffffffffffffffffff")
    var matcher = TagMatcher()
    let wanted = try tag("ibeacon", "e2c56db5dffb48d2b060d0f5a71096e003e90008")
    let hash = city.tagKey.hash(of: wanted)
    let end = TagSearchEnd(until: Fixture.now.wall + .hours(3), lasting: .hours(3), from: Fixture.now.monotonic)
    let withoutKey = matcher.search(for: hash, as: sought, until: end)
    #expect(!withoutKey, "Without a list there is no key")
    matcher.use(try city.accept(try city.file()))
    #expect(matcher.match(wanted, at: time(seconds: 0)) == nil)
    let isBegun = matcher.search(for: hash, as: sought, until: end)
    #expect(isBegun && matcher.match(wanted, at: time(seconds: 1)) == sought)
    #expect(matcher.match(try tag("ibeacon", Fixture.clearTag), at: time(seconds: 1)) == SubjectID(Fixture.subject))
    #expect(matcher.subject(forHash: hash) == sought && matcher.listedHash(of: wanted) == hash)
    matcher.use(try city.accept(try city.file()))
    #expect(matcher.match(wanted, at: time(seconds: 2)) == sought, "A new list ends no search")
    matcher.endSearches(at: Fixture.now.advanced(by: .hours(3) - .seconds(1)))
    #expect(matcher.match(wanted, at: time(seconds: 3)) == sought)
    matcher.endSearches(at: Fixture.now.advanced(by: .hours(3)))
    #expect(matcher.match(wanted, at: time(seconds: 3)) == nil && matcher.listedHash(of: wanted) == nil)
    for number in 10..<10 + TagMatcher.mostSearched {
      let other = try tag("ibeacon", "e2c56db5dffb48d2b060d0f5a71096e003e9\(number)00")
      let isTaken = matcher.search(for: city.tagKey.hash(of: other), as: sought, until: end)
      #expect(isTaken)
    }
    let isOneTooMany = matcher.search(for: hash, as: sought, until: end)
    #expect(!isOneTooMany && !matcher.hasRoom(toSearchFor: hash))
    let known = city.tagKey.hash(of: try tag("ibeacon", "e2c56db5dffb48d2b060d0f5a71096e003e91000"))
    let isRenewed = matcher.search(for: known, as: sought, until: end)
    #expect(isRenewed && matcher.hasRoom(toSearchFor: known), "One that is searched for already is no more")
  }

  @Test func `searches on for as long as it was asked to when the clock is set`() throws {
    let city = try Fixture()
    let sought = SubjectID("ffffffffffffffffffffffff")
    var matcher = TagMatcher()
    matcher.use(try city.accept(try city.file()))
    let wanted = try tag("ibeacon", "e2c56db5dffb48d2b060d0f5a71096e003e90008")
    let begun = Moment(
      monotonic: time(seconds: 100), wall: WallTime(milliseconds: 100_000), clock: .unsynchronized)
    let search = WatchSearch(subject: sought, person: .elder, searchCase: "26-118", until: begun.wall + .hours(6))
    let isBegun = matcher.search(for: city.tagKey.hash(of: wanted), as: sought, until: search.end(at: begun))
    #expect(isBegun)
    let isSet = Moment(monotonic: time(seconds: 200), wall: Fixture.now.wall, clock: .synchronized)
    for span in [TimeSpan.zero, .hours(1), .hours(6) - .seconds(101)] {
      matcher.endSearches(at: isSet.advanced(by: span))
      #expect(matcher.match(wanted, at: time(seconds: 200) + span) == sought)
    }
    matcher.endSearches(at: isSet.advanced(by: .hours(6) - .seconds(100)))
    #expect(matcher.match(wanted, at: time(seconds: 21_700)) == nil)
  }

  @Test func `searches after a start without a clock until the clock tells that it is over`() throws {
    let city = try Fixture()
    let sought = SubjectID("ffffffffffffffffffffffff")
    var matcher = TagMatcher()
    matcher.use(try city.accept(try city.file()))
    let wanted = try tag("ibeacon", "e2c56db5dffb48d2b060d0f5a71096e003e90008")
    let unset = Moment(monotonic: time(seconds: 10), wall: WallTime(milliseconds: 0), clock: .unsynchronized)
    let end = TagSearchEnd(until: Fixture.now.wall + .hours(3), lasting: .hours(6), from: time(seconds: 0))
      .inAnotherBoot(savedAt: time(seconds: 0), now: unset)
    let isBegun = matcher.search(for: city.tagKey.hash(of: wanted), as: sought, until: end)
    #expect(isBegun)
    matcher.endSearches(at: unset.advanced(by: .hours(1)))
    #expect(matcher.match(wanted, at: time(seconds: 3_610)) == sought)
    let known = Moment(monotonic: time(seconds: 3_620), wall: Fixture.now.wall + .hours(2), clock: .synchronized)
    for (span, subject) in [(TimeSpan.hours(1) - .seconds(1), sought), (.hours(1), nil)] as [(TimeSpan, SubjectID?)] {
      matcher.endSearches(at: known)
      matcher.endSearches(at: known.advanced(by: span))
      #expect(matcher.match(wanted, at: known.monotonic + span) == subject)
    }
  }

  @Test func `gives the station the person and never the tag`() throws {
    let city = try Fixture()
    var matcher = TagMatcher()
    matcher.use(try city.accept(try city.file()))
    let sighting = TagSighting(tag: try tag("ibeacon", Fixture.clearTag), signal: -71, battery: 80, button: false)
    guard
      case .sighting(let sensor, let subject, let signal, let battery, let button)? =
        matcher.input(for: sighting, from: "gate-north", at: time(seconds: 1))
    else {
      Issue.record("no input")
      return
    }
    #expect(sensor == "gate-north")
    #expect(subject == SubjectID(Fixture.subject))
    #expect(signal == -71)
    #expect(battery == 80)
    #expect(button == false)
  }

  @Test func `finds the hashes of a recording and gives those of listed tags only`() throws {
    let city = try Fixture()
    var matcher = TagMatcher()
    let known = try tag("ibeacon", Fixture.clearTag)
    #expect(matcher.listedHash(of: known) == nil)
    matcher.use(try city.accept(try city.file()))
    let hash = try #require(matcher.listedHash(of: known))
    #expect(hash.hex == "4bf5b741cefc52ec73268f6e824eafaec857fd4acef1a1f49d04ce2a42d630b6")
    #expect(matcher.subject(forHash: hash) == SubjectID(Fixture.subject))
    #expect(matcher.listedHash(of: try beacon(1)) == nil)
    #expect(matcher.subject(forHash: SHA256Hash(ofArray: [1])) == nil)
  }

  @Test func `goes by the newest list`() throws {
    var matcher = TagMatcher()
    let tags = [try beacon(1), try beacon(2)]
    matcher.use(try list(of: [1]))
    #expect(tags.map { matcher.match($0, at: time(seconds: 0)) } == [SubjectID(subject(1)), nil])
    matcher.use(try list(of: [2]))
    #expect(matcher.rememberedCount == 0)
    #expect(tags.map { matcher.match($0, at: time(seconds: 0)) } == [nil, SubjectID(subject(2))])
    matcher.use(nil)
    #expect(tags.map { matcher.match($0, at: time(seconds: 0)) } == [nil, nil])
  }

  @Test(arguments: [1, 2, 3, 100, 5000])
  func `agrees with a plain dictionary whatever is heard and however small its memory`(capacity: Int) throws {
    var generator = SplitMix(state: UInt64(capacity))
    let listed = Array(Set((0..<300).map { _ in UInt32.random(in: 0..<3000, using: &generator) })).sorted()
    let reference = Dictionary(uniqueKeysWithValues: listed.map { ($0, SubjectID(subject(Int($0)))) })
    var matcher = TagMatcher(cacheCapacity: capacity, cacheSpan: .seconds(60))
    matcher.use(try list(of: listed))
    var milliseconds: Int64 = 0
    var matches = 0
    for step in 0..<40_000 {
      // Long times in which the same few are heard, now and then silence, now and then a crowd.
      milliseconds += step % 5000 == 0 ? 200_000 : 7
      let number = UInt32.random(in: 0..<(step / 2000 % 2 == 0 ? 40 : 3000), using: &generator)
      let found = matcher.match(try beacon(number), at: MonotonicTime(nanoseconds: milliseconds * 1_000_000))
      #expect(found == reference[number])
      matches += found == nil ? 0 : 1
      #expect(matcher.rememberedCount <= 2 * capacity)
    }
    #expect(matches > 1000)
  }

  @Test func `forgets whom it has not heard for a while`() throws {
    var matcher = TagMatcher(cacheCapacity: 100, cacheSpan: .minutes(5))
    matcher.use(try list(of: [1]))
    for number in 1...50 { _ = matcher.match(try beacon(UInt32(number)), at: time(seconds: 0)) }
    #expect(matcher.rememberedCount == 50)
    matcher.forget(at: time(seconds: 299))
    #expect(matcher.rememberedCount == 50)
    // Heard again: remembered for longer than the others.
    #expect(matcher.match(try beacon(1), at: time(seconds: 301)) == SubjectID(subject(1)))
    #expect(matcher.match(try beacon(1), at: time(seconds: 602)) == SubjectID(subject(1)))
    #expect(matcher.rememberedCount <= 2)
    matcher.forget(at: time(seconds: 1300))
    #expect(matcher.rememberedCount == 0)
  }

  @Test func `forgets everybody after one long silence`() throws {
    var matcher = TagMatcher(cacheCapacity: 100, cacheSpan: .minutes(5))
    matcher.use(try list(of: [1]))
    for number in 1...50 { _ = matcher.match(try beacon(UInt32(number)), at: time(seconds: 0)) }
    matcher.forget(at: time(seconds: 600))
    #expect(matcher.rememberedCount == 0)
  }

  @Test func `prints nobody whom it has heard`() throws {
    let city = try Fixture()
    var matcher = TagMatcher()
    matcher.use(try city.accept(try city.file()))
    let tag = try beacon(0xDEAD_BEEF)
    _ = matcher.match(tag, at: time(seconds: 0))
    var dumped = ""
    dump(matcher, to: &dumped)
    #expect(matcher.rememberedCount == 1)
    #expect(!dumped.contains("\(UInt64(0x5A5A_5A5A_5A5A_5A5A))"))
    #expect(!dumped.contains("iBeacon"))
    // The same search finds a tag that is printed.
    dump(tag, to: &dumped)
    #expect(dumped.contains("\(UInt64(0x5A5A_5A5A_5A5A_5A5A))"))
  }
}
